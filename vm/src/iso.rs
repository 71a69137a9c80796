//! Discs: an ISO 9660 file system with files in its root, and something on it that UEFI firmware starts.
//!
//! A virtual CD is what every firmware and every guest reads without being given a driver, and what Windows Setup takes for a removable
//! medium. Source: ECMA-119 (its clauses are named below), "El Torito" Bootable CD-ROM Format 1.0, UEFI Specification 13.3.2.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes of a logical sector.
const SECTOR: usize = 2048;
/// The first sectors are the system's own (6.2.1).
const SYSTEM_AREA: u32 = 16;
/// Longest name of a file with its dot (7.5.1: 30 letters), and of a volume.
const NAME: usize = 31;
const LABEL: usize = 32;
/// 1 January 1980: the same files give the same disc.
const DATE: [u8; 7] = [80, 1, 1, 0, 0, 0, 0];

/// Where something lies: its first sector and its bytes.
#[derive(Clone, Copy)]
struct Extent {
    sector: u32,
    bytes: u32,
}

/// Makes a disc with these files, each named by what stands before its path; firmware starts what is in `boot`, a FAT file system.
///
/// # Errors
/// When a name is none that ISO 9660 has (capitals, digits and underlines, one dot), something cannot be read, or the host is out of
/// space; the text names it.
pub fn make(
    image: &Path,
    label: &str,
    files: &[(&str, &Path)],
    boot: Option<&Path>,
) -> io::Result<()> {
    let named = |path: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let mut files = files.to_vec();
    // 9.3: in the order of names, then of what follows the dot.
    files.sort_by_key(|(name, _)| name.split_once('.').unwrap_or((name, "")));
    for (name, _) in &files {
        check(name)?;
    }
    let root_sectors = sectors(root_bytes(&files));
    // Volume descriptors, the two path tables, the root, the catalogue of what can be started.
    let descriptors = if boot.is_some() { 3 } else { 2 };
    let tables = SYSTEM_AREA + descriptors;
    let root = Extent {
        sector: tables + 2,
        bytes: root_sectors * SECTOR as u32,
    };
    let catalogue = root.sector + root_sectors;
    let mut next = catalogue + u32::from(boot.is_some());
    let mut extents = Vec::new();
    let contents = files.iter().map(|(_, path)| *path).chain(boot);
    for path in contents {
        let bytes = fs::metadata(path).map_err(|e| named(path, e))?.len();
        let bytes = u32::try_from(bytes)
            .map_err(|_| io::Error::other(format!("{} is too large for a disc", path.display())))?;
        extents.push(Extent {
            sector: next,
            bytes,
        });
        next += sectors(bytes);
    }
    let mut disc = Disc(BufWriter::new(
        File::create(image).map_err(|e| named(image, e))?,
    ));
    disc.sector(&vec![0; SYSTEM_AREA as usize * SECTOR])?;
    disc.sector(&primary(label, next, tables, root))?;
    if boot.is_some() {
        disc.sector(&boot_record(catalogue))?;
    }
    disc.sector(&descriptor(255))?;
    disc.sector(&path_table(root.sector.to_le_bytes(), 1u16.to_le_bytes()))?;
    disc.sector(&path_table(root.sector.to_be_bytes(), 1u16.to_be_bytes()))?;
    disc.sector(&directory(&files, &extents, root))?;
    if boot.is_some() {
        disc.sector(&boot_catalogue(extents[files.len()].sector))?;
    }
    let contents = files.iter().map(|(_, path)| *path).chain(boot);
    for path in contents {
        let mut from = File::open(path).map_err(|e| named(path, e))?;
        let copied = io::copy(&mut from, &mut disc.0).map_err(|e| named(path, e))?;
        disc.fill(copied)?;
    }
    disc.0.flush().map_err(|e| named(image, e))
}

fn check(name: &str) -> io::Result<()> {
    let letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let good = name.len() <= NAME
        && name.split_once('.').is_some_and(|(stem, end)| {
            !stem.is_empty() && stem.bytes().all(letter) && end.bytes().all(letter)
        });
    if good {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{name:?} is no name of a file on a disc: capitals, digits and underlines with one dot, {NAME} at most"
    )))
}

/// How many sectors so many bytes take.
fn sectors(bytes: u32) -> u32 {
    bytes.div_ceil(SECTOR as u32)
}

struct Disc(BufWriter<File>);

impl Disc {
    /// Writes whole sectors.
    fn sector(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.fill(bytes.len() as u64)
    }

    /// Fills the last of the sectors that `bytes` took.
    fn fill(&mut self, bytes: u64) -> io::Result<()> {
        let rest = bytes.next_multiple_of(SECTOR as u64) - bytes;
        self.0.write_all(&vec![0; rest as usize])
    }
}

/// 7.3.3 and 7.2.3: numbers in both orders, one after the other.
fn both32(number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn both16(number: u16) -> [u8; 4] {
    let mut bytes = [0; 4];
    bytes[..2].copy_from_slice(&number.to_le_bytes());
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// 8.1: a volume descriptor of this kind, empty.
fn descriptor(kind: u8) -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    sector[0] = kind;
    sector[1..6].copy_from_slice(b"CD001");
    sector[6] = 1;
    sector
}

/// 8.4.
fn primary(label: &str, size: u32, tables: u32, root: Extent) -> Vec<u8> {
    let mut sector = descriptor(1);
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    put(8, &[b' '; 64]);
    put(40, &label.as_bytes()[..label.len().min(LABEL)]);
    put(80, &both32(size));
    // One volume of a set of one; blocks as large as sectors.
    put(120, &both16(1));
    put(124, &both16(1));
    put(128, &both16(SECTOR as u16));
    put(132, &both32(10));
    put(140, &tables.to_le_bytes());
    put(148, &(tables + 1).to_be_bytes());
    put(156, &record(b"\0", root, true));
    // Names of whoever made what, and dates, none of which is known.
    put(190, &[b' '; 623]);
    for date in [813, 830, 847, 864] {
        put(date, &[b'0'; 16]);
        put(date + 16, &[0]);
    }
    put(881, &[1]);
    sector
}

/// 9.4: the table of folders, which are one.
fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let mut table = vec![1, 0];
    table.extend(root);
    table.extend(parent);
    table.extend([0, 0]);
    table
}

/// 9.1: an entry of a folder.
fn record(name: &[u8], place: Extent, folder: bool) -> Vec<u8> {
    let length = (33 + name.len()).next_multiple_of(2);
    let mut record = vec![length as u8, 0];
    record.extend(both32(place.sector));
    record.extend(both32(place.bytes));
    record.extend(DATE);
    record.extend([if folder { 2 } else { 0 }, 0, 0]);
    record.extend(both16(1));
    record.push(name.len() as u8);
    record.extend(name);
    record.resize(length, 0);
    record
}

/// The root: itself, its parent, which it is, and the files. No entry crosses the end of a sector (6.8.1.1).
fn directory(files: &[(&str, &Path)], extents: &[Extent], root: Extent) -> Vec<u8> {
    let mut entries = vec![record(b"\0", root, true), record(b"\x01", root, true)];
    for ((name, _), place) in files.iter().zip(extents) {
        entries.push(record(format!("{name};1").as_bytes(), *place, false));
    }
    let mut bytes: Vec<u8> = Vec::new();
    for entry in entries {
        if bytes.len() % SECTOR + entry.len() > SECTOR {
            bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        }
        bytes.extend(entry);
    }
    bytes
}

fn root_bytes(files: &[(&str, &Path)]) -> u32 {
    let nowhere = Extent {
        sector: 0,
        bytes: 0,
    };
    directory(files, &vec![nowhere; files.len()], nowhere).len() as u32
}

/// "El Torito", 2.0: where the catalogue is.
fn boot_record(catalogue: u32) -> Vec<u8> {
    let mut sector = descriptor(0);
    let system = b"EL TORITO SPECIFICATION";
    sector[7..7 + system.len()].copy_from_slice(system);
    sector[71..75].copy_from_slice(&catalogue.to_le_bytes());
    sector
}

/// "El Torito", 2.1 and 2.2: one entry, for UEFI (platform 0xEF), without emulation. Of no sectors it is said how many there are, which
/// stands for all up to the end of the disc, since the field has 16 bits (UEFI 13.3.2.1).
fn boot_catalogue(image: u32) -> Vec<u8> {
    let mut validation = [0u8; 32];
    validation[..2].copy_from_slice(&[1, 0xEF]);
    validation[30..].copy_from_slice(&[0x55, 0xAA]);
    let words = validation.as_chunks::<2>().0.iter();
    let sum = words.fold(0u16, |sum, word| {
        sum.wrapping_add(u16::from_le_bytes(*word))
    });
    validation[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    let mut catalogue = validation.to_vec();
    catalogue.extend([0x88, 0, 0, 0, 0, 0, 0, 0]);
    catalogue.extend(image.to_le_bytes());
    catalogue
}

#[cfg(test)]
mod tests;
