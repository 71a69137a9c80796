//! Who signs, with which key; the test certificate; and what a machine trusts.
//!
//! A Windows machine in test mode runs a driver whose certificate chains to its Root store, and installs the package
//! without asking when the certificate also stands in TrustedPublisher. So one self-signed certificate in both is all a
//! test machine needs.

mod certificate;
mod key;
mod signer;
mod test_certificate;
mod trust;

#[cfg(test)]
pub(crate) mod tests;

pub use certificate::{CertError, Certificate};
pub use key::{Key, RsaKey};
pub use signer::Signer;
pub use trust::Trust;
pub(crate) use trust::chain;

#[cfg(test)]
pub(crate) use tests::{chained_signer, test_signer};
