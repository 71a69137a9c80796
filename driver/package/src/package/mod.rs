//! A driver package as a whole: building one, and deciding about one as a test-signing Windows machine would.

mod build;
mod given;
mod ready;
mod returned;
mod verify;

#[cfg(test)]
mod tests;

pub use build::{Inputs, Package, PackageError, PackagedFile, Unsigned, build, sign, unsigned};
pub use given::given;
pub use ready::{Finding, Release, check_files, check_signer};
pub use returned::{NamedFile, Returned, check_returned};
pub use verify::{Refusal, Verified, verify};
