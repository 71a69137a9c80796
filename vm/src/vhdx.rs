//! A fixed virtual disk in a VHDX file, the only format of Hyper-V's machines of generation 2.
//!
//! One that is made here has all its blocks one behind the other from [`CONTENT`] on, so whoever knows that writes the disk at its places
//! and needs nothing of this format. One that comes back is looked at first ([`content`]): its host must have closed it, which is when its
//! log is empty, every checksum must be right, and no block may have moved.
//!
//! Source: MS-VHDX, "Virtual Hard Disk v2 (VHDX) File Format" (learn.microsoft.com/openspecs); sections stand beside what is from them.

mod read;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};

use crc::{CRC_32_ISCSI, Crc};

pub(crate) use read::{content, is_one};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// How a file begins (2.2.1).
const FILE: [u8; 8] = *b"vhdxfile";
/// Who made it: for people.
const CREATOR: &str = "waverig";
/// Where the two headers are (2.2.2), and their bytes.
const HEADERS: [u64; 2] = [64 * KIB, 128 * KIB];
const HEADER: usize = 4 << 10;
/// Where the two region tables are (2.2.3), and their bytes.
const REGIONS: [u64; 2] = [192 * KIB, 256 * KIB];
const TABLE: usize = 64 << 10;
/// What they begin with, the table of metadata (2.6.1), too.
const HEAD: [u8; 4] = *b"head";
const REGI: [u8; 4] = *b"regi";
const METADATA: [u8; 8] = *b"metadata";
/// The format's version.
const VERSION: u16 = 1;

/// Where the parts of a file of ours lie. Each but the content has one mebibyte.
const LOG: u64 = MIB;
const ITEMS: u64 = 2 * MIB;
const BAT: u64 = 3 * MIB;
/// Where the disk's first byte lies.
pub(crate) const CONTENT: u64 = 4 * MIB;

/// Of a block of the disk: the least there may be (2.6.2.1), so that disks of every size have whole blocks.
const BLOCK: u64 = MIB;
/// Bytes of a sector, logical and physical.
const SECTOR: u64 = 512;
/// Sectors that one block of a sector bitmap tells of (2.4).
const BITS: u64 = 1 << 23;
/// The largest disk whose blocks one mebibyte lists.
const MOST: u64 = 64 << 30;
/// A block that is whole in the file (2.5.1.1), and two whose bytes nobody wants any more: they may be any.
const PRESENT: u64 = 6;
const UNDEFINED: u64 = 1;
const UNMAPPED: u64 = 3;

/// A GUID as a file has it.
type Guid = [u8; 16];

/// From how a GUID is written to how it is stored: its first three numbers are little-endian.
const fn guid(written: u128) -> Guid {
    let mut bytes = written.to_be_bytes();
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    (bytes[0], bytes[1], bytes[2], bytes[3]) = (d, c, b, a);
    (bytes[4], bytes[5], bytes[6], bytes[7]) = (f, e, h, g);
    bytes
}

/// The regions (2.2.3.2).
const BAT_REGION: Guid = guid(0x2DC27766_F623_4200_9D64_115E9BFD4A08);
const METADATA_REGION: Guid = guid(0x8B7CA206_4790_4B9A_B8FE_575F050F886E);
/// The items of metadata (2.6.2).
const PARAMETERS: Guid = guid(0xCAA16737_FA36_4D43_B3B6_33F0AA44E76B);
const SIZE: Guid = guid(0x2FA54224_CD1B_4876_B211_5DBED83BF4B8);
const IDENTITY: Guid = guid(0xBECA12AB_B2E6_4523_93EF_C309E000C746);
const LOGICAL: Guid = guid(0x8141BF1D_A96F_4709_BA47_F233A8FAAB5F);
const PHYSICAL: Guid = guid(0xCDA348C7_445D_4471_9CC9_E9885251C556);

/// Of an item (2.6.1.2): it tells of the disk, not of the file; and whoever does not know it must not read the file.
const OF_DISK: u32 = 1 << 1;
const REQUIRED: u32 = 1 << 2;
/// Of the file's parameters: blocks stay where they are, and there is a parent.
const FIXED: u32 = 1;
const HAS_PARENT: u32 = 1 << 1;

/// Of a header and of a region table: CRC-32C, made with this place zero.
const CHECKSUM: usize = 4;
const CASTAGNOLI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Makes a disk of `size` bytes, all zero, of an empty file.
///
/// # Errors
/// When the host is out of space, or the size is none that a disk can have.
pub(crate) fn make(disk: &File, size: u64) -> io::Result<()> {
    if size == 0 || !size.is_multiple_of(BLOCK) || size > MOST {
        return Err(io::Error::other(format!(
            "a disk of {size} bytes: it has whole mebibytes here, up to {} GiB",
            MOST >> 30
        )));
    }
    // First, since a host without room says so here. On NTFS this reserves all of it and makes no sparse file, which Hyper-V would refuse.
    disk.set_len(CONTENT + size)?;
    let mut random = [0; 48];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let (ids, _) = random.as_chunks::<16>();
    let mut place = disk;
    let mut put = |at: u64, bytes: &[u8]| {
        place.seek(SeekFrom::Start(at))?;
        place.write_all(bytes)
    };
    let mut identifier = FILE.to_vec();
    identifier.extend(CREATOR.encode_utf16().flat_map(u16::to_le_bytes));
    put(0, &identifier)?;
    // The one with the greater number is in use.
    for (at, number) in HEADERS.into_iter().zip(1..) {
        put(at, &header(number, [ids[0], ids[1]]))?;
    }
    for at in REGIONS {
        put(at, &regions())?;
    }
    put(ITEMS, &metadata(size, ids[2]))?;
    put(BAT, &blocks(size))
}

/// A header of a file that is closed: its log has no identifier.
fn header(number: u64, [file, data]: [Guid; 2]) -> Vec<u8> {
    let mut bytes = HEAD.to_vec();
    bytes.extend([0; 4]);
    bytes.extend(number.to_le_bytes());
    bytes.extend(file);
    bytes.extend(data);
    bytes.extend(Guid::default());
    // The log's own version.
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((MIB as u32).to_le_bytes());
    bytes.extend(LOG.to_le_bytes());
    bytes.resize(HEADER, 0);
    seal(&mut bytes);
    bytes
}

fn regions() -> Vec<u8> {
    let mut bytes = REGI.to_vec();
    bytes.extend([0; 4]);
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend([0; 4]);
    for (region, at) in [(BAT_REGION, BAT), (METADATA_REGION, ITEMS)] {
        bytes.extend(region);
        bytes.extend(at.to_le_bytes());
        bytes.extend((MIB as u32).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes.resize(TABLE, 0);
    seal(&mut bytes);
    bytes
}

/// The table of metadata, with its items behind it.
fn metadata(size: u64, identity: Guid) -> Vec<u8> {
    let parameters = [BLOCK as u32, FIXED].map(u32::to_le_bytes).concat();
    let sector = (SECTOR as u32).to_le_bytes().to_vec();
    let items = [
        (PARAMETERS, parameters, REQUIRED),
        (SIZE, size.to_le_bytes().to_vec(), OF_DISK | REQUIRED),
        (IDENTITY, identity.to_vec(), OF_DISK | REQUIRED),
        (LOGICAL, sector.clone(), OF_DISK | REQUIRED),
        (PHYSICAL, sector, OF_DISK | REQUIRED),
    ];
    let mut bytes = METADATA.to_vec();
    bytes.extend([0; 2]);
    bytes.extend((items.len() as u16).to_le_bytes());
    bytes.extend([0; 20]);
    let mut behind = Vec::new();
    for (item, value, flags) in items {
        bytes.extend(item);
        bytes.extend(((TABLE + behind.len()) as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend([0; 4]);
        behind.extend(value);
    }
    bytes.resize(TABLE, 0);
    bytes.extend(behind);
    bytes
}

/// Where each block is. Behind each chunk stands an entry for a sector bitmap, of which a disk without a parent has none (2.5).
fn blocks(size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in 0..size / BLOCK {
        if block > 0 && block.is_multiple_of(chunk(BLOCK)) {
            bytes.extend([0; 8]);
        }
        // The place in mebibytes, from bit 20 on.
        let entry = (((CONTENT + block * BLOCK) / MIB) << 20) | PRESENT;
        bytes.extend(entry.to_le_bytes());
    }
    bytes
}

/// How many blocks of this size one chunk has (2.4).
const fn chunk(block: u64) -> u64 {
    BITS * SECTOR / block
}

/// The checksum of a structure, whatever stands in its place.
fn checksum(bytes: &[u8]) -> u32 {
    let mut digest = CASTAGNOLI.digest();
    digest.update(&bytes[..CHECKSUM]);
    digest.update(&[0; 4]);
    digest.update(&bytes[CHECKSUM + 4..]);
    digest.finalize()
}

fn seal(bytes: &mut [u8]) {
    let sum = checksum(bytes);
    bytes[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
}
