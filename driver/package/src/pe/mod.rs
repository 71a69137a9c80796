//! Driver images: reading PE32+, the rules an image must keep for Windows to load it, and the digests that signatures
//! cover.

mod difference;
mod digest;
mod directories;
mod image;
mod rules;
mod seal;

#[cfg(test)]
mod tests;

pub use difference::{Difference, difference};
pub use digest::{checksum, image_digest, page_hashes};
pub use directories::Import;
pub use image::{Directory, Image, PeError, Section};
pub use rules::{Rule, Rules, Violation, check};
pub use seal::seal;
pub(crate) use seal::set_checksum;

pub(crate) use image::CERTIFICATE_ALIGNMENT;
