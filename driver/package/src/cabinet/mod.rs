//! Cabinets: what is submitted to Microsoft, and how it is signed.
//!
//! The layout is the one of Microsoft's "Attestation sign Windows drivers": MSZIP, no file at the root, each driver package in a folder of
//! its own, with its image, INF, symbols and catalog (which says who the company is; Microsoft makes another). One package in a
//! cabinet: all folders of one must be for the same architectures. The signature stands behind the cabinet, and 20 reserved bytes in
//! the header say where (the layout that signtool writes and osslsigncode reads; Microsoft, "Microsoft Cabinet Format", CFHEADER).

#[cfg(test)]
mod tests;

use std::io::{Cursor, Read as _, Write as _};

use crate::authenticode::SignatureError;
use crate::cert::{Certificate, Signer, Trust};
use crate::spc::{self, INDIRECT_DATA, Place, Subject};
use crate::{Date, Sha256Digest, UnixTime, cms};

/// Reserved bytes at the end of the header: a size that is always the same, where the signature is and how long, and zeros.
const RESERVED: usize = 20;
/// Where they begin, and end.
const AT: usize = 40;
const END: usize = AT + RESERVED;
/// The first of them: that many bytes of additional data may follow.
const MARK: [u8; 4] = [0, 0, 0x10, 0];
/// Signatures end on a multiple of this.
const ALIGNMENT: usize = 8;
/// More than a driver package holds: what unpacks to more is not unpacked.
const LARGEST: u64 = 256 << 20;
/// "Fewer than 40 characters" (Microsoft, "Driver signing offerings", attestation).
const LONGEST_FOLDER: usize = 39;

/// A good signature of a cabinet.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Who signed.
    pub signer: Certificate,
    /// When, by an authority, where there is a time stamp.
    pub time_stamp: Option<UnixTime>,
}

/// A cabinet with `files` (name and content) in `folder`, not yet signed. The same inputs give the same bytes.
///
/// # Errors
/// A folder's name that Microsoft does not take; a file's name that is none.
pub fn write(folder: &str, files: &[(&str, &[u8])], date: Date) -> Result<Vec<u8>, SignatureError> {
    let plain = |name: &str, more: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
    };
    if !plain(folder, "-_") || folder.len() > LONGEST_FOLDER {
        return Err(SignatureError(format!(
            "a folder in a cabinet for Microsoft has letters, digits, - and _ only and at most {LONGEST_FOLDER} of them; {folder:?} is another name"
        )));
    }
    if let Some((name, _)) = files.iter().find(|(name, _)| !plain(name, "-_.")) {
        return Err(SignatureError(format!("{name:?} is no plain file name")));
    }
    packed(folder, files, date)
        .map_err(|error| SignatureError(format!("no cabinet could be made: {error}")))
}

fn packed(
    folder: &str,
    files: &[(&str, &[u8])],
    date: Date,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let month = time::Month::try_from(date.month)?;
    let day = time::Date::from_calendar_date(i32::from(date.year), month, date.day)?;
    let mut builder = cab::CabinetBuilder::new();
    builder.set_reserve_data([&MARK[..], &[0; RESERVED - MARK.len()]].concat());
    let entries = builder.add_folder(cab::CompressionType::MsZip);
    for (name, _) in files {
        let entry = entries.add_file(format!("{folder}\\{name}"));
        entry.set_datetime(day.midnight());
    }
    let mut writer = builder.build(Cursor::new(Vec::new()))?;
    let mut contents = files.iter();
    while let (Some(mut file), Some((_, content))) = (writer.next_file()?, contents.next()) {
        file.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Signs a cabinet of [`write`]'s with SHA-256.
///
/// # Errors
/// Something else, or one that is signed already; what the key's keeper says.
pub fn sign(cabinet: &[u8], signer: &Signer) -> Result<Vec<u8>, SignatureError> {
    let place = Placed::read(cabinet)?;
    if place.signature_length != 0 {
        return Err(SignatureError("the cabinet is signed already".into()));
    }
    let mut bytes = cabinet.to_owned();
    let content = spc::write(&Subject::Flat, digest(&bytes), Place::Signature);
    let mut message = cms::sign(INDIRECT_DATA, &content, signer)?;
    message.resize(message.len().next_multiple_of(ALIGNMENT), 0);
    bytes[AT + 4..AT + 8].copy_from_slice(&(cabinet.len() as u32).to_le_bytes());
    bytes[AT + 8..AT + 12].copy_from_slice(&(message.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&message);
    Ok(bytes)
}

/// Checks a cabinet's signature: digest, signature, chain, purpose, time.
///
/// # Errors
/// Says what is wrong.
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Signature, SignatureError> {
    let (cabinet, message) = opened(bytes)?;
    let verified = cms::verify(message, INDIRECT_DATA, trust)?;
    check_digest(cabinet, &verified.content)?;
    Ok(Signature {
        signer: verified.signer,
        time_stamp: verified.time_stamp,
    })
}

/// The files of a signed cabinet by their names in it, `folder\name`. Who signed is not asked, but it must be as it was signed: so
/// nothing that is damaged is unpacked (the crate that unpacks, cab 0.6, panics at some of that).
///
/// # Errors
/// Something that is not a signed cabinet, is damaged, or unpacks to absurd amounts.
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, SignatureError> {
    let (cabinet, message) = opened(bytes)?;
    let (content, _) = cms::claimed(message, INDIRECT_DATA)?;
    check_digest(cabinet, &content)?;
    unpacked(cabinet)
        .map_err(|error| SignatureError(format!("the cabinet cannot be unpacked: {error}")))
}

fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut cabinet = cab::Cabinet::new(Cursor::new(bytes))?;
    let entries: Vec<(String, u32)> = cabinet
        .folder_entries()
        .flat_map(|folder| folder.file_entries())
        .map(|file| (file.name().to_owned(), file.uncompressed_size()))
        .collect();
    let mut left = LARGEST;
    let mut files = Vec::new();
    for (name, size) in entries {
        let refused = |what: &str| std::io::Error::other(format!("{name} {what}"));
        left = left
            .checked_sub(u64::from(size))
            .ok_or_else(|| refused("is absurdly large"))?;
        let mut content = Vec::new();
        cabinet.read_file(&name)?.read_to_end(&mut content)?;
        if content.len() != size as usize {
            return Err(refused("is cut short"));
        }
        files.push((name, content));
    }
    Ok(files)
}

/// A signed cabinet, and the message of its signature.
fn opened(bytes: &[u8]) -> Result<(&[u8], &[u8]), SignatureError> {
    let place = Placed::read(bytes)?;
    if place.signature_length == 0 {
        return Err(SignatureError("it has no signature; sign it".into()));
    }
    let (cabinet, rest) = bytes.split_at(place.length);
    let length = crate::asn1::Reader::new(rest)
        .any("the signature")?
        .whole
        .len();
    let (message, padding) = rest.split_at(length);
    if padding.len() >= ALIGNMENT || padding.iter().any(|&byte| byte != 0) {
        return Err(SignatureError(
            "there is something behind the signature of the cabinet".into(),
        ));
    }
    Ok((cabinet, message))
}

/// Whether what was signed is this cabinet.
fn check_digest(cabinet: &[u8], content: &[u8]) -> Result<(), SignatureError> {
    let (subject, signed) = spc::read(content)?;
    if subject != Subject::Flat {
        return Err(SignatureError(
            "the signature is not one of a cabinet".into(),
        ));
    }
    if signed != digest(cabinet) {
        return Err(SignatureError(
            "it was changed after it was signed: its digest is another".into(),
        ));
    }
    Ok(())
}

/// Where a cabinet ends and its signature begins.
struct Placed {
    length: usize,
    signature_length: usize,
}

impl Placed {
    fn read(bytes: &[u8]) -> Result<Self, SignatureError> {
        let refused = |what: &str| Err(SignatureError(what.into()));
        if bytes.len() < END || !bytes.starts_with(b"MSCF") {
            return refused("not a cabinet");
        }
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
        };
        // Flags: a reserve, no other cabinet before or behind; the reserve's size; none for folders and blocks.
        if bytes[30..32] != [4, 0]
            || bytes[36..40] != [RESERVED as u8, 0, 0, 0]
            || bytes[AT..AT + 4] != MARK
            || bytes[AT + 12..END] != [0; 8]
            || bytes[4..8] != [0; 4]
            || bytes[34..36] != [0; 2]
        {
            return refused("a cabinet whose header has no room for a signature in the usual form");
        }
        let (length, at, signature_length) = (number(8), number(AT + 4), number(AT + 8));
        let right = match signature_length {
            0 => at == 0 && length == bytes.len(),
            _ => at == length && Some(bytes.len()) == length.checked_add(signature_length),
        };
        if !right || length < END {
            return refused("a cabinet that is cut short, or has something behind it");
        }
        Ok(Self {
            length,
            signature_length,
        })
    }
}

/// What a signature covers: all of the cabinet but what signing changes. Left out are the field in front of the length, the cabinet's
/// number in its set, the sizes of the reserves and all of the reserve but its last four bytes (as osslsigncode computes it).
fn digest(cabinet: &[u8]) -> Sha256Digest {
    Sha256Digest::of_parts([&cabinet[..4], &cabinet[8..34], &cabinet[END - 4..]])
}
