//! What is said about a release, and how two builds that should be equal differ.
//!
//! Nothing here starts a program or knows this driver: texts of Cargo and the files that were built are parameters.
//!
//! | module | what it is for |
//! |---|---|
//! | [`notes`] | the changelog's section about a version |
//! | [`sbom`] | the bill of materials, CycloneDX |
//! | [`provenance`] | who built what of what, in-toto and SLSA |
//! | [`sums`] | the list of checksums |
//! | [`archive`] | the zip that people download, the same bytes every time |
//! | [`difference`] | the first difference of two builds, in words |
//! | [`journal`] | which steps of a release are done, so that an interrupted one goes on |
#![forbid(unsafe_code)]

pub mod archive;
pub mod difference;
pub mod journal;
pub mod notes;
pub mod provenance;
pub mod sbom;
pub mod sums;
