//! The signed driver package inside the program.
//!
//! It stands behind the sections of the program's image and before its certificate table, where the loader does not look and Authenticode's
//! digest covers it ("Windows Authenticode Portable Executable Signature Format", "Calculating the PE Image Hash"). So one compiled program
//! serves every package, and its signature is the package's, too.
//!
//! | bytes | what |
//! |---|---|
//! | | the program, filled up to a multiple of 8 |
//! | n | the list ([`Index`]) as JSON |
//! | | the files, one behind the other |
//! | 0 to 7 | zeros, up to a multiple of 8 |
//! | 8 | length of all that, in bytes, little-endian |
//! | 8 | n |
//! | 32 | SHA-256 of the list |
//! | 8 | [`MAGIC`] |
//!
//! It is found from its end, which needs two numbers of the image's header. A container of the usual kinds is found from the end of the
//! file or has no digest for each file; the list has both for a few lines.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use waverig_protocol::hash;

use crate::version::Version;

#[cfg(test)]
mod tests;

/// The last bytes, and the version of this format.
const MAGIC: &[u8; 8] = b"waverig1";
const TRAILER: usize = 56;
const ALIGNMENT: usize = 8;

/// What the package is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The device's name, for people.
    pub name: String,
    /// Version of the package.
    pub version: Version,
    /// Hardware id of the device.
    pub hardware_id: String,
    /// Its INF, one of the files.
    pub inf: String,
    /// What it was built for.
    pub arch: Arch,
    /// The oldest build of Windows that takes it.
    pub min_build: u32,
    /// The file with the test certificate (DER) that signed it; `None` for a package that Windows trusts by itself.
    pub certificate: Option<String>,
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    X64,
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// The one with this `IMAGE_FILE_MACHINE_*` (PE Format, "Machine Types").
    pub fn of_machine(machine: u16) -> Option<Self> {
        match machine {
            0x8664 => Some(Self::X64),
            0xAA64 => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X64 => "x64",
            Self::Arm64 => "Arm64",
        })
    }
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, which names no folder.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// A package and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// What it is.
    pub release: Release,
    /// Its files.
    pub files: Vec<File>,
}

/// The list in front of the files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    release: Release,
    files: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    length: u64,
    sha256: String,
}

/// Why there is no package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParcelError {
    /// The program is no image that this can be done with.
    Program(String),
    /// It has no package in it.
    Missing,
    /// It has one, and that is not what was packed.
    Damaged(String),
}

impl fmt::Display for ParcelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(why) => write!(f, "the program is not a usable image: {why}"),
            Self::Missing => f.write_str(
                "there is no driver package in this program; take the one that `cargo xtask installer` writes",
            ),
            Self::Damaged(why) => {
                write!(f, "the driver package in this program is damaged: {why}; get the program anew")
            }
        }
    }
}

impl std::error::Error for ParcelError {}

fn damaged<T>(why: impl Into<String>) -> Result<T, ParcelError> {
    Err(ParcelError::Damaged(why.into()))
}

impl Parcel {
    /// The file with this name.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        let file = self.files.iter().find(|file| file.name == name)?;
        Some(&file.bytes)
    }

    /// Appends it to a program that is not signed yet. The same program and package give the same bytes.
    ///
    /// # Errors
    /// A program that is no image, is signed, or has a package in it already; a package that [`read`] would refuse.
    pub fn pack(&self, program: &[u8]) -> Result<Vec<u8>, ParcelError> {
        let layout = Layout::of(program)?;
        if layout.signed {
            return Err(ParcelError::Program(
                "it is signed; pack first, then sign".into(),
            ));
        }
        if program.ends_with(MAGIC) {
            return Err(ParcelError::Program(
                "it has a package in it already".into(),
            ));
        }
        let entry = |file: &File| Entry {
            name: file.name.clone(),
            length: file.bytes.len() as u64,
            sha256: hash::sha256(&file.bytes),
        };
        let index = Index {
            release: self.release.clone(),
            files: self.files.iter().map(entry).collect(),
        };
        check(&index)?;
        let index =
            serde_json::to_vec(&index).map_err(|why| ParcelError::Damaged(why.to_string()))?;
        let mut bytes = program.to_owned();
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        let start = bytes.len();
        bytes.extend_from_slice(&index);
        for file in &self.files {
            bytes.extend_from_slice(&file.bytes);
        }
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        let length = bytes.len() - start;
        bytes.extend((length as u64).to_le_bytes());
        bytes.extend((index.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&index));
        bytes.extend_from_slice(MAGIC);
        Ok(bytes)
    }
}

/// Reads the package in a program, and compares every file with its hash.
///
/// # Errors
/// A program that is no image or has no package in it; a package that is not what was packed, with what is wrong.
pub fn read(program: &[u8]) -> Result<Parcel, ParcelError> {
    let layout = Layout::of(program)?;
    let behind = &program[layout.sections..layout.end];
    let Some((all, trailer)) = behind
        .len()
        .checked_sub(TRAILER)
        .map(|at| behind.split_at(at))
    else {
        return Err(ParcelError::Missing);
    };
    if !trailer.ends_with(MAGIC) {
        return Err(ParcelError::Missing);
    }
    let number = |at: usize| read_u64(trailer, at).and_then(|number| usize::try_from(number).ok());
    let parcel = number(0)
        .and_then(|length| all.len().checked_sub(length))
        .map(|start| &all[start..]);
    let Some((index, mut rest)) = parcel
        .zip(number(8))
        .and_then(|(parcel, length)| parcel.split_at_checked(length))
    else {
        return damaged("its lengths lead out of the file");
    };
    if Sha256::digest(index)[..] != trailer[16..48] {
        return damaged("its list is not the one that was packed");
    }
    let index: Index = match serde_json::from_slice(index) {
        Ok(index) => index,
        Err(why) => return damaged(format!("its list cannot be read: {why}")),
    };
    check(&index)?;
    let mut files = Vec::new();
    for entry in index.files {
        let length = usize::try_from(entry.length).unwrap_or(usize::MAX);
        let Some((bytes, behind)) = rest.split_at_checked(length) else {
            return damaged(format!("{} is cut off", entry.name));
        };
        if hash::sha256(bytes) != entry.sha256 {
            return damaged(format!("{} is not the file that was packed", entry.name));
        }
        rest = behind;
        files.push(File {
            name: entry.name,
            bytes: bytes.to_owned(),
        });
    }
    if rest.len() >= ALIGNMENT || rest.iter().any(|byte| *byte != 0) {
        return damaged("there is something behind its files");
    }
    Ok(Parcel {
        release: index.release,
        files,
    })
}

/// What both sides ask of a list.
fn check(index: &Index) -> Result<(), ParcelError> {
    for (at, entry) in index.files.iter().enumerate() {
        let name = &entry.name;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_bare = name.bytes().all(plain)
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && !name.ends_with('.');
        if !is_bare {
            return damaged(format!("{name:?} is no plain file name"));
        }
        // Windows does not tell them apart by their case.
        if index.files[..at]
            .iter()
            .any(|one| one.name.eq_ignore_ascii_case(name))
        {
            return damaged(format!("{name} is in it twice"));
        }
    }
    let release = &index.release;
    for needed in [Some(&release.inf), release.certificate.as_ref()]
        .into_iter()
        .flatten()
    {
        if !index.files.iter().any(|one| one.name == *needed) {
            return damaged(format!("{needed} is not among its files"));
        }
    }
    if release.hardware_id.is_empty() {
        return damaged("it is for no device");
    }
    Ok(())
}

/// The two places in an image that a package lies between.
struct Layout {
    /// Where the last section ends.
    sections: usize,
    /// Where the certificate table begins, or the file ends.
    end: usize,
    signed: bool,
}

impl Layout {
    /// Offsets from "PE Format".
    fn of(image: &[u8]) -> Result<Self, ParcelError> {
        let wrong = |why: &str| ParcelError::Program(why.into());
        let cut = || wrong("its headers are cut off");
        if !image.starts_with(b"MZ") {
            return Err(wrong("it does not begin with MZ"));
        }
        let header = read_u32(image, 60).ok_or_else(cut)? as usize;
        let rest = image.get(header..).ok_or_else(cut)?;
        if !rest.starts_with(b"PE\0\0") {
            return Err(wrong("there is no PE signature"));
        }
        let count = read_u16(rest, 6).ok_or_else(cut)?;
        let optional = usize::from(read_u16(rest, 20).ok_or_else(cut)?);
        // The directories of PE32+ begin at 112 of the optional header, which is at 24; that of certificates is the fifth.
        if read_u16(rest, 24) != Some(0x20B) || optional < 112 + 5 * 8 {
            return Err(wrong("it is none of 64-bit Windows"));
        }
        let directories = read_u32(rest, 24 + 108).ok_or_else(cut)?;
        let entry = 24 + 112 + 4 * 8;
        let (at, length) = match directories {
            0..5 => (0, 0),
            _ => (
                read_u32(rest, entry).ok_or_else(cut)? as usize,
                read_u32(rest, entry + 4).ok_or_else(cut)? as usize,
            ),
        };
        let mut sections = header + 24 + optional + usize::from(count) * 40;
        for index in 0..usize::from(count) {
            let at = 24 + optional + index * 40;
            let size = read_u32(rest, at + 16).ok_or_else(cut)? as usize;
            let start = read_u32(rest, at + 20).ok_or_else(cut)? as usize;
            if size != 0 {
                sections = sections.max(start.saturating_add(size));
            }
        }
        let signed = length != 0;
        let end = if signed { at } else { image.len() };
        if end > image.len() || sections > end {
            return Err(wrong("it is cut off"));
        }
        Ok(Self {
            sections,
            end,
            signed,
        })
    }
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|it| u16::from_le_bytes(*it))
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|it| u32::from_le_bytes(*it))
}

fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|it| u64::from_le_bytes(*it))
}
