//! The digests of an image: the header's checksum, the Authenticode digest and the page hashes.
//!
//! Sources: Microsoft, "Windows Authenticode Portable Executable Signature Format"; imagehlp's `CheckSumMappedFile`. The
//! page-hash table is not documented there; its form is the one that signtool's `/ph` writes (seen in catalogs that
//! makecat made and in osslsigncode's description of it).

use super::image::{CERTIFICATE_ALIGNMENT, Directory, Image, PeError};
use crate::Sha256Digest;

/// The checksum the header should state.
pub fn checksum(image: &Image) -> u32 {
    let field = image.checksum_at();
    let mut sum = 0_u32;
    for (index, pair) in image.bytes().chunks(2).enumerate() {
        if 2 * index == field || 2 * index == field + 2 {
            continue;
        }
        sum += u32::from(u16::from_le_bytes([
            pair[0],
            pair.get(1).copied().unwrap_or(0),
        ]));
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    (sum & 0xFFFF) + (sum >> 16) + image.bytes().len() as u32
}

/// The three parts of `bytes[..end]` that a signature covers: without the checksum and the certificate table's entry.
fn covered<'a>(image: &Image<'a>, end: usize) -> [&'a [u8]; 3] {
    let bytes = image.bytes();
    let checksum = image.checksum_at();
    match image.directory_at(Directory::Certificate) {
        Some(entry) => [
            &bytes[..checksum],
            &bytes[checksum + 4..entry],
            &bytes[entry + 8..end],
        ],
        None => [&bytes[..checksum], &bytes[checksum + 4..end], &[]],
    }
}

/// The Authenticode digest: the file without its signature, filled up to the alignment that a certificate table needs.
pub fn image_digest(image: &Image) -> Sha256Digest {
    let end = image.bytes().len() - image.certificate_table().len();
    let padding = [0; CERTIFICATE_ALIGNMENT];
    let missing = end.next_multiple_of(CERTIFICATE_ALIGNMENT) - end;
    let [first, second, third] = covered(image, end);
    Sha256Digest::of_parts([first, second, third, &padding[..missing]])
}

/// The page-hash table: for the headers and each page of each section the file offset (little-endian) and the SHA-256 of the
/// page filled up with zeros; last the end of the sections with a hash of zeros.
///
/// # Errors
/// An image whose headers do not fit a page has no such table.
pub fn page_hashes(image: &Image) -> Result<Vec<u8>, PeError> {
    let page = image.section_alignment() as usize;
    let headers = image.size_of_headers();
    if !page.is_power_of_two() || !(512..=1 << 16).contains(&page) || headers > page {
        return Err(PeError(
            "section alignment and headers do not fit page hashes".into(),
        ));
    }
    let zeros = vec![0; page];
    let mut table = Vec::new();
    let mut add = |offset: usize, hash: Sha256Digest| {
        table.extend_from_slice(&(offset as u32).to_le_bytes());
        table.extend_from_slice(&hash.0);
    };
    let [first, second, third] = covered(image, headers);
    add(
        0,
        Sha256Digest::of_parts([first, second, third, &zeros[headers..]]),
    );
    let mut end = headers;
    for section in image
        .sections()
        .iter()
        .filter(|section| !section.file.is_empty())
    {
        for (index, bytes) in image.bytes()[section.file.clone()].chunks(page).enumerate() {
            add(
                section.file.start + index * page,
                Sha256Digest::of_parts([bytes, &zeros[bytes.len()..]]),
            );
        }
        end = section.file.end;
    }
    add(end, Sha256Digest([0; 32]));
    Ok(table)
}
