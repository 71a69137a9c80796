//! The first process of a Linux guest: brings the machine up, keeps an agent running, buries the dead.

use std::fs;
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
    mounted(&disk("payload")?, PAYLOAD, "vfat", MountFlags::RDONLY)?;
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
