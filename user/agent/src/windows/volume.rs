//! Volumes by their labels.

use std::path::PathBuf;

use anyhow::{Result, bail};
use windows::Win32::Storage::FileSystem::{GetDriveTypeW, GetLogicalDrives, GetVolumeInformationW};
use windows::core::HSTRING;

/// Of `GetDriveTypeW` (fileapi.h): a disk that may, or may not, be taken out. Others are not asked for their label, as a drive without a disc
/// in it would ask whoever sits there for one.
const REMOVABLE: u32 = 2;
const FIXED: u32 = 3;
/// Most units of a label, with its end ("GetVolumeInformationW": MAX_PATH + 1).
const LABEL: usize = 261;

/// The root of the volume with this label, whatever its case: FAT keeps labels in capitals.
///
/// # Errors
/// When none has it, or several have.
pub(super) fn labelled(label: &str) -> Result<PathBuf> {
    // SAFETY: asks only.
    let letters = unsafe { GetLogicalDrives() };
    let mut found = Vec::new();
    let mut others = Vec::new();
    for (bit, letter) in (b'A'..=b'Z').enumerate() {
        if letters & 1 << bit == 0 {
            continue;
        }
        let root = format!("{}:\\", char::from(letter));
        match label_of(&root) {
            Some(own) if own.eq_ignore_ascii_case(label) => found.push(root),
            Some(own) => others.push(format!("{root} {own:?}")),
            None => {}
        }
    }
    match &found[..] {
        [root] => Ok(root.into()),
        [] => bail!(
            "no volume has the label {label:?}; there are {}",
            others.join(", ")
        ),
        all => bail!(
            "several volumes have the label {label:?}: {}",
            all.join(", ")
        ),
    }
}

/// The label of a disk's volume; `None` of other drives, and of one that cannot be read.
fn label_of(root: &str) -> Option<String> {
    let root = HSTRING::from(root);
    // SAFETY: asks only.
    if ![REMOVABLE, FIXED].contains(&unsafe { GetDriveTypeW(&root) }) {
        return None;
    }
    let mut name = [0; LABEL];
    // SAFETY: the buffer is a local variable whose length the call is given.
    unsafe { GetVolumeInformationW(&root, Some(&mut name), None, None, None, None) }.ok()?;
    let end = name.iter().position(|unit| *unit == 0)?;
    Some(String::from_utf16_lossy(&name[..end]))
}
