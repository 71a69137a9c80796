//! Disks that go into a machine and come back: a FAT file system on the whole disk or in a partition, which every guest can read, and every
//! host through this file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};

use crate::vhdx;

/// Longest label of a FAT volume.
const LABEL: usize = 11;

/// What tells a partitioned disk from others, with the first letter of its label behind it: two disks of one guest must not have the same, or
/// Windows leaves one of them offline ("Fixing Disk Signature Collisions"). It knows a volume again by this and its place, and gives it the
/// letter it had ("Supporting Mount Manager Requests in a Storage Class Driver"; that it does for a disk of another guest is inferred).
const SIGNATURE: [u8; 3] = *b"WVR";
/// Where a partition begins: a megabyte from the start, as Windows does it.
const PARTITION: u64 = 1 << 20;
/// Bytes of a sector.
const SECTOR: u64 = 512;
/// How a crash dump begins, whatever its kind (`dump/header.rs`).
const DUMP: [u8; 4] = *b"PAGE";

/// Where on a disk its file system lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On the whole of it.
    Whole,
    /// In the only partition of a master boot record. Of a disk that cannot be removed Windows does not mount a file system without one for
    /// certain: it knows such disks (the page of IOCTL_DISK_DELETE_DRIVE_LAYOUT calls them superfloppies), and of a fixed one others have found no
    /// volume.
    Partition,
    /// The same, of a disk in a VHDX file, as Hyper-V expects it.
    Vhdx,
}

/// Makes a disk of `size` bytes with these files, named from its root; a slash is between a folder and what is in it.
///
/// # Errors
/// When the files do not fit, or the host is out of space; the text names the disk.
pub fn make(image: &Path, label: &str, size: u64, files: &[(&str, &Path)]) -> io::Result<()> {
    make_as(Layout::Whole, image, label, size, files)
}

/// The same with its file system there.
///
/// # Errors
/// As [`make`].
pub fn make_as(
    layout: Layout,
    image: &Path,
    label: &str,
    size: u64,
    files: &[(&str, &Path)],
) -> io::Result<()> {
    let named = |what: &str, error: io::Error| {
        let text = format!("cannot {what} {}: {error}", image.display());
        io::Error::new(error.kind(), text)
    };
    let disk = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(image)
        .map_err(|e| named("write the disk", e))?;
    // Sparse on most hosts: only what is written takes room.
    let made = match layout {
        Layout::Whole | Layout::Partition => disk.set_len(size),
        Layout::Vhdx => vhdx::make(&disk, size),
    };
    made.map_err(|e| named("make the disk", e))?;
    let mut volume_label = [b' '; LABEL];
    for (to, from) in volume_label.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    let first = match layout {
        Layout::Whole | Layout::Partition => 0,
        Layout::Vhdx => vhdx::CONTENT,
    };
    let begin = match layout {
        Layout::Whole => first,
        Layout::Partition | Layout::Vhdx => first + PARTITION,
    };
    let mut record = disk.try_clone().map_err(|e| named("open the disk", e))?;
    let mut part = Part::of(disk, begin).map_err(|e| named("find the start of the disk", e))?;
    let options = FormatVolumeOptions::new().volume_label(volume_label);
    fatfs::format_volume(&mut part, options).map_err(|e| named("format the disk", e))?;
    let volume = FileSystem::new(part, FsOptions::new()).map_err(|e| named("open the disk", e))?;
    for (name, source) in files {
        let copied = File::open(source).and_then(|mut from| {
            let folders: Vec<_> = name.match_indices('/').map(|(at, _)| &name[..at]).collect();
            for folder in folders {
                volume.root_dir().create_dir(folder)?;
            }
            let mut to = volume.root_dir().create_file(name)?;
            io::copy(&mut from, &mut to)
        });
        copied.map_err(|e| named(&format!("put {} as {name} on", source.display()), e))?;
    }
    let kind = volume.fat_type();
    volume.unmount().map_err(|e| named("finish the disk", e))?;
    if begin == first {
        return Ok(());
    }
    record
        .seek(SeekFrom::Start(first))
        .and_then(|_| record.write_all(&boot_record(size, label, kind)))
        .map_err(|e| named("partition the disk", e))
}

/// A master boot record with one partition.
fn boot_record(size: u64, label: &str, kind: FatType) -> [u8; SECTOR as usize] {
    let mut record = [0; SECTOR as usize];
    record[440..443].copy_from_slice(&SIGNATURE);
    record[443] = label.bytes().next().unwrap_or_default();
    // winioctl.h: PARTITION_FAT_12, PARTITION_XINT13 and PARTITION_FAT32_XINT13, the latter two with 32-bit sector numbers.
    record[450] = match kind {
        FatType::Fat12 => 0x01,
        FatType::Fat16 => 0x0E,
        FatType::Fat32 => 0x0C,
    };
    let (first, count) = (PARTITION / SECTOR, (size - PARTITION) / SECTOR);
    record[454..458].copy_from_slice(&(first as u32).to_le_bytes());
    record[458..462].copy_from_slice(&(count as u32).to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xAA]);
    record
}

/// Where the file system of a disk begins.
fn begin(disk: &mut File) -> io::Result<u64> {
    // One too short for a record holds no file system either, which is told later.
    let first = record(disk, 0)?;
    if !vhdx::is_one(&first) {
        return Ok(if is_ours(&first) { PARTITION } else { 0 });
    }
    let begin = vhdx::content(disk)?.start;
    let ours = is_ours(&record(disk, begin)?);
    Ok(begin + if ours { PARTITION } else { 0 })
}

fn record(disk: &mut File, at: u64) -> io::Result<Vec<u8>> {
    let mut record = Vec::new();
    disk.seek(SeekFrom::Start(at))?;
    disk.take(SECTOR).read_to_end(&mut record)?;
    Ok(record)
}

/// Whether a disk that begins so has a partition of ours.
fn is_ours(record: &[u8]) -> bool {
    record.len() as u64 == SECTOR && record[440..443] == SIGNATURE && record[510..] == [0x55, 0xAA]
}

/// Copies everything on a disk into `folder`, except a file for a dump that none was written to; gives the files' names, in order.
///
/// A machine may have been stopped in the middle of writing, so what cannot be read is an error that names it, after everything else has
/// been copied.
///
/// # Errors
/// When the disk holds no FAT file system, or something on it cannot be read.
pub fn bring_home(image: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let volume = opened(image)?;
    let (mut names, mut damaged) = (Vec::new(), Vec::new());
    for entry in volume.root_dir().iter() {
        let entry = entry?;
        let name = entry.file_name();
        if !entry.is_file() || (name.ends_with(".dmp") && !is_dump(&mut entry.to_file())) {
            continue;
        }
        let copied = place(folder, &name).and_then(|path| {
            let mut to = File::create(path)?;
            io::copy(&mut entry.to_file(), &mut to)
        });
        match copied {
            Ok(_) => names.push(name),
            Err(error) => damaged.push(format!("{name}: {error}")),
        }
    }
    names.sort();
    if damaged.is_empty() {
        Ok(names)
    } else {
        Err(io::Error::other(format!(
            "{} is damaged: {}",
            image.display(),
            damaged.join("; ")
        )))
    }
}

/// One file of a disk, by its name from the root, as the transcript's guest reads it.
pub(crate) fn read(image: &Path, name: &str) -> io::Result<Vec<u8>> {
    let volume = opened(image)?;
    let mut bytes = Vec::new();
    volume.root_dir().open_file(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts a file into the root of a disk that is there, as the transcript's guest does.
pub(crate) fn add(image: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut disk = OpenOptions::new().read(true).write(true).open(image)?;
    let begin = begin(&mut disk)?;
    let volume = FileSystem::new(Part::of(disk, begin)?, FsOptions::new())?;
    volume.root_dir().create_file(name)?.write_all(bytes)?;
    volume.unmount()
}

/// The file system on a disk, to be read.
fn opened(image: &Path) -> io::Result<FileSystem<ReadOnly>> {
    let named = |what: &str, error: io::Error| {
        io::Error::new(error.kind(), format!("{}{what}: {error}", image.display()))
    };
    let mut disk = File::open(image).map_err(|error| named("", error))?;
    let begin = begin(&mut disk).map_err(|error| named("", error))?;
    let part = Part::of(disk, begin).map_err(|error| named("", error))?;
    FileSystem::new(ReadOnly(part), FsOptions::new())
        .map_err(|error| named(" holds no FAT file system", error))
}

/// Whether a dump was written to a file that Windows keeps for one: before, it holds whatever was there. One that cannot be read is told
/// when it is copied.
fn is_dump(file: &mut impl io::Read) -> bool {
    let mut first = [0; DUMP.len()];
    file.read_exact(&mut first).is_err() || first == DUMP
}

/// Where a file of this name goes: a guest chooses names, and may be hostile.
pub(crate) fn place(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let plain =
        !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0']);
    if !plain {
        return Err(io::Error::other("this is no plain file name"));
    }
    fs::create_dir_all(folder)?;
    Ok(folder.join(name))
}

/// A disk from where its file system begins.
struct Part {
    disk: File,
    begin: u64,
}

impl Part {
    fn of(mut disk: File, begin: u64) -> io::Result<Self> {
        disk.seek(SeekFrom::Start(begin))?;
        Ok(Self { disk, begin })
    }
}

impl io::Read for Part {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.disk.read(bytes)
    }
}

impl io::Seek for Part {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(self.begin + at),
            other => other,
        };
        let at = self.disk.seek(to)?;
        at.checked_sub(self.begin)
            .ok_or_else(|| io::Error::other("before the start of the file system"))
    }
}

impl io::Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.disk.flush()
    }
}

/// A disk that is only read; the file system's notes of its own (the "dirty" flag) go nowhere.
struct ReadOnly(Part);

impl io::Read for ReadOnly {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl io::Seek for ReadOnly {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl io::Write for ReadOnly {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("waverig-disk-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        folder
    }

    #[test]
    fn what_goes_in_comes_out() {
        let folder = folder("there-and-back");
        let (image, source) = (folder.join("disk.img"), folder.join("source"));
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n / 7) as u8).collect();
        fs::write(&source, &bytes).expect("writable");
        let files = [("a file with a long name.json", &*source), ("B", &*source)];
        make(&image, "PAYLOAD", 8 << 20, &files).expect("there is room");
        let names = bring_home(&image, &folder.join("home")).expect("it is whole");
        assert_eq!(names, ["B", "a file with a long name.json"]);
        for name in names {
            let home = fs::read(folder.join("home").join(name)).expect("it was copied");
            assert_eq!(home, bytes);
        }
        fs::remove_dir_all(folder).expect("the test's own folder");
    }

    #[test]
    fn a_partitioned_disk_comes_home_and_a_dump_only_when_one_was_written() {
        let folder = folder("partition");
        let image = folder.join("disk.img");
        let source = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, bytes).expect("writable");
            path
        };
        let (dump, none, log) = (
            source("dump", b"PAGEDU64 and so on"),
            source("none", &[0; 5000]),
            source("log", b"said"),
        );
        let files = [("a.dmp", &*dump), ("b.dmp", &*none), ("setup.log", &*log)];
        // A disk's size in mebibytes, and the type of its partition then.
        let check = |layout: Layout, first: u64, size: u32, kind: u8| {
            make_as(layout, &image, "RESULT", u64::from(size) << 20, &files).expect("room");
            let names = bring_home(&image, &folder.join("home")).expect("it is whole");
            assert_eq!(names, ["a.dmp", "setup.log"]);
            let said = fs::read(folder.join("home/setup.log")).expect("it was copied");
            assert_eq!(said, b"said");
            // The partition ends where the disk does, and says so by itself, too.
            let mut bytes = vec![0; (1 << 20) + 512];
            let disk = File::open(&image).and_then(|mut disk| {
                disk.seek(SeekFrom::Start(first))?;
                disk.read_exact(&mut bytes)
            });
            disk.expect("it is there");
            let number =
                |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
            assert_eq!(bytes[440..444], *b"WVRR");
            assert_eq!(bytes[450], kind, "{size} MiB");
            let sectors = ((size - 1) << 20) / 512;
            assert_eq!((number(454), number(458)), (2048, sectors));
            assert_eq!(bytes[(1 << 20) + 510..][..2], [0x55, 0xAA]);
        };
        check(Layout::Partition, 0, 2 << 10, 0x0C);
        check(Layout::Vhdx, 4 << 20, 2 << 10, 0x0C);
        check(Layout::Partition, 0, 16, 0x0E);
        check(Layout::Vhdx, 4 << 20, 4, 0x01);
        fs::remove_dir_all(folder).expect("the test's own folder");
    }

    #[test]
    fn a_disk_that_is_too_small_or_none_is_told() {
        let folder = folder("small");
        let (image, source) = (folder.join("disk.img"), folder.join("source"));
        fs::write(&source, vec![1; 2 << 20]).expect("writable");
        let error = make(&image, "PAYLOAD", 1 << 20, &[("big", &source)]).expect_err("too small");
        assert!(error.to_string().contains("as big on"), "{error}");
        let error = make_as(Layout::Vhdx, &image, "PAYLOAD", 1 << 19, &[]).expect_err("half a MiB");
        let error = error.to_string();
        assert!(
            error.contains("disk.img") && error.contains("whole mebibytes"),
            "{error}"
        );
        let error = bring_home(&source, &folder).expect_err("is no disk");
        assert!(error.to_string().contains("no FAT file system"), "{error}");
        fs::remove_dir_all(folder).expect("the test's own folder");
    }

    #[test]
    fn a_guest_cannot_choose_where_files_go() {
        let check = |name: &str| {
            let error = place(Path::new("x"), name).expect_err("is hostile");
            assert!(error.to_string().contains("no plain file name"), "{name:?}");
        };
        for name in ["../up", "a\\b", "c:d", "..", ".", ""] {
            check(name);
        }
    }
}
