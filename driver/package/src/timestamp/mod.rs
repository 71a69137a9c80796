//! Time stamps (RFC 3161): an authority signs that a signature was there at a time, so that it stays good when its certificate expires.
//!
//! What is stamped is the signature's value; the token stands in the signer's one unsigned attribute, as signtool's `/tr` leaves it
//! (`szOID_RFC3161_counterSign`, wincrypt.h). How an authority is reached is the caller's affair.

mod query;
mod token;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use token::{Stamp, verify};

use std::fmt;

use rsa::rand_core::{OsRng, RngCore};

use crate::cert::Certificate;

/// Sends a request to an authority and gives its answer, both in DER.
pub type Post = dyn Fn(&[u8]) -> Result<Vec<u8>, String> + Send + Sync;

/// A time stamp authority: how it is asked, and where its certificates must lead.
pub struct Authority {
    name: String,
    roots: Vec<Certificate>,
    post: Box<Post>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.name)
    }
}

impl Authority {
    /// The authority that is called `name` in errors and asked by `post`; the chain of its certificate must end in one of `roots`.
    pub fn new(name: impl Into<String>, roots: Vec<Certificate>, post: Box<Post>) -> Self {
        Self {
            name: name.into(),
            roots,
            post,
        }
    }

    /// Where its certificates must lead.
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    /// Asks for a time stamp of a signature's value and checks what comes: the token.
    pub(crate) fn stamp(&self, signature: &[u8]) -> Result<Vec<u8>, String> {
        let mut nonce = [0; 8];
        OsRng.fill_bytes(&mut nonce);
        // Positive and in its shortest form.
        nonce[0] = nonce[0] & 0x7F | 0x40;
        let failed = |error: String| format!("no time stamp from {}: {error}", self.name);
        let answer = (self.post)(&query::request(signature, nonce)).map_err(failed)?;
        let token = query::token(&answer).map_err(failed)?;
        let (stamp, said) = verify(token, signature, &self.roots).map_err(failed)?;
        stamp
            .authority
            .check_purpose_is_critical()
            .map_err(failed)?;
        if said.as_deref() != Some(&nonce[..]) {
            return Err(failed(
                "it answers another request than ours (another nonce)".into(),
            ));
        }
        Ok(token.to_owned())
    }
}
