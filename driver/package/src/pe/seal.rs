//! What link.exe's `/DRIVER` does and lld's does not, done to the linked image before it is signed.

use super::digest::checksum;
use super::image::{Directory, Image, PeError};
use super::rules::{DISCARDABLE, MEM_NOT_PAGED, is_resident};

/// Marks resident sections not-paged and `INIT` discardable, drops the export directory (a driver is entered through its
/// header), and sets the checksum. The same image gives the same bytes; sealing twice changes nothing.
///
/// # Errors
/// An image that cannot be read, or that is signed already.
pub fn seal(mut bytes: Vec<u8>) -> Result<Vec<u8>, PeError> {
    let image = Image::parse(&bytes)?;
    if !image.certificate_table().is_empty() {
        return Err(PeError(
            "it is signed already; seal the image that the linker wrote".into(),
        ));
    }
    let mut patches: Vec<(usize, Vec<u8>)> = Vec::new();
    for section in image.sections() {
        let flags = match section.name.as_str() {
            "INIT" => DISCARDABLE,
            _ if is_resident(section) => MEM_NOT_PAGED,
            _ => 0,
        };
        patches.push((
            section.characteristics_at,
            (section.characteristics | flags).to_le_bytes().to_vec(),
        ));
    }
    patches.extend(
        image
            .directory_at(Directory::Export)
            .map(|at| (at, vec![0; 8])),
    );
    apply(&mut bytes, &patches);
    set_checksum(&mut bytes)?;
    Ok(bytes)
}

/// Writes the right checksum into the header.
pub(crate) fn set_checksum(bytes: &mut [u8]) -> Result<(), PeError> {
    let image = Image::parse(bytes)?;
    let (at, sum) = (image.checksum_at(), checksum(&image));
    apply(bytes, &[(at, sum.to_le_bytes().to_vec())]);
    Ok(())
}

fn apply(bytes: &mut [u8], patches: &[(usize, Vec<u8>)]) {
    for (at, patch) in patches {
        bytes[*at..at + patch.len()].copy_from_slice(patch);
    }
}
