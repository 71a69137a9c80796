//! Windows driver packages on any host: what an image, an INF and a catalog must be, how they are signed, and what a
//! test-signing Windows machine would say to them.
//!
//! The crate knows file formats, not this driver: names, allowed imports and forbidden marks are parameters.
//!
//! | module | what it is for |
//! |---|---|
//! | [`pe`] | reading a driver image; the rules it must keep; the digests that signatures cover |
//! | [`inf`] | INF syntax, stamping, the rules of infverif (`docs/infverif.md`), and what an installation would do |
//! | [`cert`] | the test certificate and what a machine trusts |
//! | [`authenticode`] | signatures in images |
//! | [`cabinet`] | cabinets for a submission, and their signatures |
//! | [`catalog`] | catalogs and their signatures |
//! | [`timestamp`] | time stamps of signatures (RFC 3161) |
//! | [`package`] | all of it together: build a package, verify a package |
#![forbid(unsafe_code)]

pub mod authenticode;
pub mod cabinet;
pub mod catalog;
pub mod cert;
pub mod inf;
pub mod package;
pub mod pe;
pub mod timestamp;

#[cfg(test)]
mod sample;

mod asn1;
mod cms;
mod guid;
mod hash;
mod spc;
mod target;
mod time;

pub use guid::Guid;
pub use hash::Sha256Digest;
pub use target::{Arch, OsBuild};
pub use time::{Date, UnixTime};
