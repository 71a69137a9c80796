//! Disks that go into a machine and come back: a FAT file system on the whole disk, which every guest can read, and every host through
//! this file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};

/// Longest label of a FAT volume.
const LABEL: usize = 11;

/// Makes a disk of `size` bytes with these files, named from its root; a slash is between a folder and what is in it.
///
/// # Errors
/// When the files do not fit, or the host is out of space; the text names the disk.
pub fn make(image: &Path, label: &str, size: u64, files: &[(&str, &Path)]) -> io::Result<()> {
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
    // Sparse: only what is written takes room.
    disk.set_len(size).map_err(|e| named("make the disk", e))?;
    let mut volume_label = [b' '; LABEL];
    for (to, from) in volume_label.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    let options = FormatVolumeOptions::new().volume_label(volume_label);
    fatfs::format_volume(&disk, options).map_err(|e| named("format the disk", e))?;
    let volume = FileSystem::new(&disk, FsOptions::new()).map_err(|e| named("open the disk", e))?;
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
    volume.unmount().map_err(|e| named("finish the disk", e))
}

/// Copies everything on a disk into `folder`; gives the files' names, in order.
///
/// A machine may have been stopped in the middle of writing, so what cannot be read is an error that names it, after everything else has
/// been copied.
///
/// # Errors
/// When the disk holds no FAT file system, or something on it cannot be read.
pub fn bring_home(image: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let disk = File::open(image)?;
    let volume = FileSystem::new(ReadOnly(disk), FsOptions::new()).map_err(|error| {
        let text = format!("{} holds no FAT file system: {error}", image.display());
        io::Error::new(error.kind(), text)
    })?;
    let (mut names, mut damaged) = (Vec::new(), Vec::new());
    for entry in volume.root_dir().iter() {
        let entry = entry?;
        let name = entry.file_name();
        if !entry.is_file() {
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

/// Where a file of this name goes: a guest chooses names, and may be hostile.
fn place(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let plain =
        !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0']);
    if !plain {
        return Err(io::Error::other("this is no plain file name"));
    }
    fs::create_dir_all(folder)?;
    Ok(folder.join(name))
}

/// A disk that is only read; the file system's notes of its own (the "dirty" flag) go nowhere.
struct ReadOnly(File);

impl io::Read for ReadOnly {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl io::Seek for ReadOnly {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
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
    fn a_disk_that_is_too_small_or_none_is_told() {
        let folder = folder("small");
        let (image, source) = (folder.join("disk.img"), folder.join("source"));
        fs::write(&source, vec![1; 2 << 20]).expect("writable");
        let error = make(&image, "PAYLOAD", 1 << 20, &[("big", &source)]).expect_err("too small");
        assert!(error.to_string().contains("as big on"), "{error}");
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
