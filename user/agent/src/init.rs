//! The first process of a Linux guest: brings the machine up, keeps an agent running, buries the dead.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::mount::{MountFlags, mount};

use crate::order::Order;
use crate::places::{BOOTS, MODULES, PAYLOAD, RESULT, SCRATCH};
use crate::{sabotage, setup};

/// How long a device may take to appear after its driver is loaded.
const APPEAR: Duration = Duration::from_secs(20);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(2);

/// Never returns while the machine is of use.
///
/// # Errors
/// What keeps the machine from being used.
pub(crate) fn run() -> Result<()> {
    for (source, place, kind) in [
        ("proc", "/proc", "proc"),
        ("sysfs", "/sys", "sysfs"),
        ("devtmpfs", "/dev", "devtmpfs"),
        ("tmpfs", SCRATCH, "tmpfs"),
    ] {
        mounted(source, place, kind, MountFlags::empty())?;
    }
    fs::create_dir_all("/dev/shm")?;
    mounted("tmpfs", "/dev/shm", "tmpfs", MountFlags::empty())?;
    load_modules()?;
    if setup::is_wanted() {
        setup::run();
    }
    mounted(
        &volume(&disk("payload")?)?,
        PAYLOAD,
        "vfat",
        MountFlags::RDONLY,
    )?;
    mounted(&disk("result")?, RESULT, "vfat", MountFlags::empty())?;
    // What is written is on the disk half a second later (kernel documentation, admin-guide/sysctl/vm): a machine may stop without a
    // word. Mounted as synchronous, each cluster would wait for the disk.
    for knob in ["dirty_writeback_centisecs", "dirty_expire_centisecs"] {
        fs::write(format!("/proc/sys/vm/{knob}"), "50")?;
    }
    let boots: u32 = fs::read_to_string(BOOTS)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    fs::write(BOOTS, format!("{}\n", boots + 1))
        .with_context(|| format!("cannot write {BOOTS}"))?;
    sabotage::at_boot(&Order::read()?);
    loop {
        let status = Command::new("/proc/self/exe")
            .status()
            .context("cannot start the agent")?;
        println!("waverig-agent: the agent ended ({status}) and is started again");
    }
}

pub(crate) fn mounted(source: &str, place: &str, kind: &str, flags: MountFlags) -> Result<()> {
    fs::create_dir_all(place)?;
    match mount(source, place, kind, flags, None) {
        Ok(()) => Ok(()),
        // The kernel mounts devtmpfs by itself where it is built so.
        Err(rustix::io::Errno::BUSY) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot mount {source} on {place}")),
    }
}

/// Loads what the guest's builder put there, in the order of the names, which is the order of need.
fn load_modules() -> Result<()> {
    let Ok(folder) = fs::read_dir(MODULES) else {
        return Ok(());
    };
    let mut files: Vec<PathBuf> = folder
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    for file in files {
        let module = fs::File::open(&file)?;
        match rustix::system::finit_module(&module, c"", 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot load {}", file.display()));
            }
        }
    }
    Ok(())
}

/// The block device with this serial number.
pub(crate) fn disk(serial: &str) -> Result<String> {
    // That of a virtio disk is the disk's, that of an NVMe disk its controller's.
    let found = wait_for(Path::new("/sys/block"), |device| {
        ["serial", "device/serial"].iter().any(|file| {
            fs::read_to_string(device.join(file)).is_ok_and(|text| text.trim() == serial)
        })
    });
    match found {
        Some(name) => Ok(format!("/dev/{name}")),
        None => bail!("no disk with the serial number {serial:?} appeared"),
    }
}

/// The block device with a disk's file system: the disk, or its first partition when it begins as a partitioned one does.
fn volume(disk: &str) -> Result<String> {
    let mut first = [0; 512];
    fs::File::open(disk)
        .and_then(|mut file| file.read_exact(&mut first))
        .with_context(|| format!("cannot read {disk}"))?;
    if !is_partitioned(&first) {
        return Ok(disk.to_owned());
    }
    let name = disk.trim_start_matches("/dev/");
    let found = wait_for(&Path::new("/sys/block").join(name), |part| {
        fs::read_to_string(part.join("partition")).is_ok_and(|text| text.trim() == "1")
    });
    match found {
        Some(part) => Ok(format!("/dev/{part}")),
        None => bail!("{disk} begins as a disk with partitions, and none appeared"),
    }
}

/// Whether a disk that begins so has a partition for FAT: a file system itself begins with a jump ("Microsoft Extensible Firmware Initiative FAT32 File
/// System Specification", BS_jmpBoot), a master boot record of the rig's with nothing.
fn is_partitioned(first: &[u8; 512]) -> bool {
    let jump = matches!(first[0], 0xEB | 0xE9);
    !jump && first[510..] == [0x55, 0xAA] && matches!(first[450], 0x01 | 0x0C | 0x0E)
}

/// The character device of the port with this name.
///
/// # Errors
/// When none appears.
pub(crate) fn port(name: &str) -> Result<PathBuf> {
    let found = wait_for(Path::new("/sys/class/virtio-ports"), |device| {
        fs::read_to_string(device.join("name")).is_ok_and(|text| text.trim() == name)
            && device.file_name().is_some_and(|port| {
                fs::metadata(Path::new("/dev").join(port))
                    .is_ok_and(|data| data.file_type().is_char_device())
            })
    });
    match found {
        Some(port) => Ok(Path::new("/dev").join(port)),
        None => bail!("no virtio port named {name:?} appeared"),
    }
}

/// The name of the first entry of `class` for which `is` holds; drivers make them when they are ready.
fn wait_for(class: &Path, is: impl Fn(&Path) -> bool) -> Option<String> {
    let end = Instant::now() + APPEAR;
    loop {
        for entry in fs::read_dir(class).into_iter().flatten().flatten() {
            if is(&entry.path()) {
                return Some(entry.file_name().to_string_lossy().into_owned());
            }
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_by_its_beginning_whether_it_has_partitions() {
        let check = |bytes: &[(usize, u8)], expect: bool| {
            let mut first = [0; 512];
            for (at, byte) in bytes {
                first[*at] = *byte;
            }
            assert_eq!(is_partitioned(&first), expect, "{bytes:x?}");
        };
        let end = [(510, 0x55), (511, 0xAA)];
        let with = |more: &[(usize, u8)]| [&end[..], more].concat();
        check(&with(&[(450, 0x0C)]), true);
        check(&with(&[(450, 0x0E)]), true);
        check(&with(&[(450, 0x01)]), true);
        // A file system, whatever its boot code has at that place.
        check(&with(&[(0, 0xEB), (450, 0x0C)]), false);
        check(&with(&[(0, 0xE9), (450, 0x0C)]), false);
        // Of another system; and a disk with nothing on it.
        check(&with(&[(450, 0x83)]), false);
        check(&[(450, 0x0C)], false);
        check(&[], false);
    }
}
