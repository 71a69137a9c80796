//! Where in a file its disk lies, when the file is as a host leaves one that it has closed.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use super::{
    BAT_REGION, FILE, Guid, HAS_PARENT, HEAD, HEADER, HEADERS, IDENTITY, LOGICAL, METADATA,
    METADATA_REGION, MIB, PARAMETERS, PHYSICAL, PRESENT, REGI, REGIONS, REQUIRED, SECTOR, SIZE,
    TABLE, UNDEFINED, UNMAPPED, VERSION, checksum, chunk,
};

/// Most entries of a table (2.2.3.1, 2.6.1.1).
const ENTRIES: usize = 2047;
/// Bytes of an entry of either table.
const ENTRY: usize = 32;
/// The largest block (2.6.2.1), and the largest disk (2.6.2.2).
const LARGEST: u64 = 256 * MIB;
const MOST: u64 = 64 << 40;
/// What helps where a file is good, and its disk lies in pieces.
const ONE_PIECE: &str =
    "`qemu-img convert -O raw` or `Convert-VHD -VHDType Fixed` makes one piece of it";

/// Whether a file that begins so is one.
pub(crate) fn is_one(first: &[u8]) -> bool {
    first.starts_with(&FILE)
}

/// Where the disk lies in its file.
///
/// # Errors
/// When the host has not closed the file, something in it is damaged, or its disk does not lie in one piece.
pub(crate) fn content(file: &mut File) -> io::Result<Range<u64>> {
    let length = file.seek(SeekFrom::End(0))?;
    if !is_one(&bytes(file, 0, FILE.len())?) {
        return Err(wrong("it does not begin as one"));
    }
    let header = current(file)?;
    if number(&header, 66, 2) != u64::from(VERSION) {
        return Err(wrong("its version is not 1"));
    }
    if header[48..64] != Guid::default() {
        return Err(io::Error::other(
            "its host has not closed it, its log is not empty; on Windows `Mount-VHD FILE` and `Dismount-VHD FILE` write the log out",
        ));
    }
    let [bat, items] = regions(file)?;
    let disk = metadata(file, &items)?;
    // Before its table is read, which is as long as the disk is large.
    let fits = |end: &u64| *end <= length;
    let short = || {
        let size = disk.size;
        io::Error::other(format!(
            "this VHDX has {length} bytes, and its disk {size}: it was cut short, or it grows with its disk; of the latter {ONE_PIECE}"
        ))
    };
    Some(disk.size).filter(fits).ok_or_else(short)?;
    let begin = blocks(file, &bat, &disk)?;
    let end = begin.checked_add(disk.size).filter(fits);
    Ok(begin..end.ok_or_else(short)?)
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!("this VHDX is damaged: {what}"))
}

fn bytes(file: &mut File, at: u64, count: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; count];
    file.read_exact(&mut bytes).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            wrong(&format!("it ends before {:#x}", at + count as u64))
        } else {
            error
        }
    })?;
    Ok(bytes)
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, count: usize) -> u64 {
    let digits = bytes[at..at + count].iter().rev();
    digits.fold(0, |number, digit| (number << 8) | u64::from(*digit))
}

fn is_whole(bytes: &[u8], signature: [u8; 4]) -> bool {
    bytes.starts_with(&signature) && number(bytes, 4, 4) == u64::from(checksum(bytes))
}

/// The header that counts: of two good ones that with the greater number (2.2.2).
fn current(file: &mut File) -> io::Result<Vec<u8>> {
    let mut good = Vec::new();
    for at in HEADERS {
        let header = bytes(file, at, HEADER)?;
        if is_whole(&header, HEAD) {
            good.push(header);
        }
    }
    let order = |header: &[u8]| number(header, 8, 8);
    match &good[..] {
        [one, two] if order(one) == order(two) => Err(wrong("both headers have one number")),
        _ => good
            .into_iter()
            .max_by_key(|header| order(header))
            .ok_or_else(|| wrong("neither header has its checksum")),
    }
}

/// The block table and the metadata.
fn regions(file: &mut File) -> io::Result<[Range<u64>; 2]> {
    let mut tables = Vec::new();
    for at in REGIONS {
        tables.push(bytes(file, at, TABLE)?);
    }
    let table = tables
        .into_iter()
        .find(|table| is_whole(table, REGI))
        .ok_or_else(|| wrong("neither region table has its checksum"))?;
    let count = number(&table, 8, 4) as usize;
    if count > ENTRIES {
        return Err(wrong(&format!("it has {count} regions")));
    }
    let mut found = [None, None];
    for entry in table[16..].chunks_exact(ENTRY).take(count) {
        let (at, length) = (number(entry, 16, 8), number(entry, 24, 4));
        let place = match &entry[..16] {
            region if *region == BAT_REGION => &mut found[0],
            region if *region == METADATA_REGION => &mut found[1],
            _ if number(entry, 28, 4) & 1 == 0 => continue,
            _ => return Err(wrong("a region that must be understood is unknown")),
        };
        let fits = at >= MIB && at.is_multiple_of(MIB) && length.is_multiple_of(MIB);
        let end = at.checked_add(length).filter(|_| fits);
        let end = end.ok_or_else(|| wrong(&format!("a region at {at:#x} of {length:#x} bytes")))?;
        if place.replace(at..end).is_some() {
            return Err(wrong("a region is there twice"));
        }
    }
    match found {
        [Some(bat), Some(items)] => Ok([bat, items]),
        _ => Err(wrong("a region is missing")),
    }
}

/// What the metadata says of the disk.
struct Disk {
    /// Bytes.
    size: u64,
    /// Bytes of each block.
    block: u64,
}

fn metadata(file: &mut File, region: &Range<u64>) -> io::Result<Disk> {
    if region.end - region.start < MIB {
        return Err(wrong("its metadata have no room"));
    }
    let table = bytes(file, region.start, TABLE)?;
    if !table.starts_with(&METADATA) {
        return Err(wrong("its metadata do not begin as such"));
    }
    let count = number(&table, 10, 2) as usize;
    if count > ENTRIES {
        return Err(wrong(&format!("it has {count} items of metadata")));
    }
    let (mut parameters, mut size, mut sector) = (None, None, None);
    for entry in table[32..].chunks_exact(ENTRY).take(count) {
        let (at, length) = (number(entry, 16, 4), number(entry, 20, 4));
        let mut value = |count: u64| {
            let inside = at >= TABLE as u64 && region.start + at + count <= region.end;
            if length != count || !inside {
                return Err(wrong(&format!(
                    "an item of metadata at {at:#x} of {length:#x} bytes"
                )));
            }
            let value = bytes(file, region.start + at, count as usize)?;
            Ok(number(&value, 0, count as usize))
        };
        match &entry[..16] {
            item if *item == PARAMETERS => parameters = Some(value(8)?),
            item if *item == SIZE => size = Some(value(8)?),
            item if *item == LOGICAL => sector = Some(value(4)?),
            item if *item == IDENTITY || *item == PHYSICAL => {}
            _ if number(entry, 24, 4) & u64::from(REQUIRED) == 0 => {}
            _ => return Err(wrong("metadata that must be understood are unknown")),
        }
    }
    let (Some(parameters), Some(size), Some(sector)) = (parameters, size, sector) else {
        return Err(wrong("an item of metadata is missing"));
    };
    let (block, flags) = (parameters & 0xFFFF_FFFF, parameters >> 32);
    if flags & u64::from(HAS_PARENT) != 0 {
        return Err(io::Error::other(
            "this VHDX has a parent, and is read by itself only; Merge-VHD makes one of both",
        ));
    }
    if !block.is_power_of_two() || !(MIB..=LARGEST).contains(&block) {
        return Err(wrong(&format!("a block of {block} bytes")));
    }
    if sector != SECTOR {
        return Err(io::Error::other(format!(
            "the disk in this VHDX has sectors of {sector} bytes, and only {SECTOR} are read"
        )));
    }
    if size == 0 || !size.is_multiple_of(SECTOR) || size > MOST {
        return Err(wrong(&format!("a disk of {size} bytes")));
    }
    Ok(Disk { size, block })
}

/// Where the first block is, when all others are behind it.
fn blocks(file: &mut File, region: &Range<u64>, disk: &Disk) -> io::Result<u64> {
    let (count, chunk) = (disk.size.div_ceil(disk.block), chunk(disk.block));
    let entries = count + (count - 1) / chunk;
    if entries * 8 > region.end - region.start {
        return Err(wrong(&format!("its table has no room for {count} blocks")));
    }
    let table = bytes(file, region.start, (entries * 8) as usize)?;
    let mut begin = None;
    for block in 0..count {
        let entry = number(&table, ((block + block / chunk) * 8) as usize, 8);
        let (state, at) = (entry & 7, (entry >> 20) * MIB);
        let first = *begin.get_or_insert(at);
        if Some(at) != first.checked_add(block * disk.block) || first < MIB {
            return Err(io::Error::other(format!(
                "block {block} of the disk in this VHDX lies at {at:#x}, and not behind the one before it: {ONE_PIECE}"
            )));
        }
        if ![PRESENT, UNDEFINED, UNMAPPED].contains(&state) {
            return Err(io::Error::other(format!(
                "block {block} of the disk in this VHDX is not in the file (state {state}): {ONE_PIECE}"
            )));
        }
    }
    begin.ok_or_else(|| wrong("its disk has no block"))
}
