//! The disks that a guest has beside its system's: files of this host in its own folder, fixed VHDX.
//!
//! Each guest has its own, the payload too: a file that one machine has open, no other may write to, and `Add-VMHardDiskDrive` has no word for a
//! disk that is only read. What a guest changes on it harms nobody else, and its agent compares hashes.

use std::io;
use std::path::Path;

use crate::disk::{self, Layout};
use crate::payload::Payload;
use crate::result;

/// What goes in.
const PAYLOAD: &str = "payload.vhdx";
/// What goes home.
pub(super) const RESULT: &str = "result.vhdx";

/// Makes them; their names, in the order in which they are attached.
///
/// # Errors
/// When the host is out of space.
pub(super) fn make(folder: &Path, payload: Option<&Payload>) -> io::Result<Vec<&'static str>> {
    let mut made = Vec::new();
    if let Some(payload) = payload {
        payload.disk(Layout::Vhdx, &folder.join(PAYLOAD), &[])?;
        made.push(PAYLOAD);
    }
    let file = folder.join(RESULT);
    disk::make_as(Layout::Vhdx, &file, result::LABEL, result::FOR_DUMPS, &[])?;
    made.push(RESULT);
    Ok(made)
}
