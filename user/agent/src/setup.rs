//! A guest that stands in for Windows Setup, so that the way of a base image is tried without Windows: it looks for an answer file as Setup
//! does, holds it against the machine and the disc beside it, writes the system on its medium to the disk, and starts anew.
//!
//! What it cannot do it says on the screen, and waits for somebody, as Setup does.

mod answers;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::mount::{MountFlags, UnmountFlags, unmount};

use crate::init::{disk, mounted};
use crate::power;
use answers::Answers;

/// The word on the kernel's command line.
const WORD: &str = "waverig.setup";
/// Where a medium is looked at.
const DRIVE: &str = "/drive";
/// Where the answers were found.
const ANSWERS: &str = "/answers";
/// The answer file, as a kernel shows a disc's names.
const FILE: &str = "autounattend.xml";
/// The system on the medium, and the name that its image has.
const SYSTEM: &str = "system.img";
const IMAGE: &str = "Linux";

/// Whether this guest is one.
pub(crate) fn is_wanted() -> bool {
    fs::read_to_string("/proc/cmdline")
        .is_ok_and(|line| line.split_whitespace().any(|word| word == WORD))
}

/// Never returns.
pub(crate) fn run() -> ! {
    let error = match install() {
        Ok(()) => power::restart().into(),
        Err(error) => error,
    };
    println!("setup: {error:#}");
    println!("setup: nobody is here who could do anything about that, and it waits");
    loop {
        std::thread::park();
    }
}

fn install() -> Result<()> {
    let answers =
        find(FILE, ANSWERS)?.context("there is no answer file on any removable medium")?;
    println!("setup: answers from {answers}");
    let text = fs::read_to_string(format!("{ANSWERS}/{FILE}"))?;
    let answers = Answers::read(&text).with_context(|| format!("{FILE} is no answer file"))?;
    let target = disk("system")?;
    let size = bytes(&target)?;
    check(&answers, size, Path::new(ANSWERS))?;
    let medium = find(SYSTEM, DRIVE)?.context("the medium has no system")?;
    println!("setup: {SYSTEM} from {medium} to {target}");
    let from = format!("{DRIVE}/{SYSTEM}");
    ensure!(
        fs::metadata(&from)?.len() <= size,
        "the disk is too small for the system"
    );
    let (mut from, mut to) = (
        File::open(from)?,
        File::options().write(true).open(&target)?,
    );
    io::copy(&mut from, &mut to).with_context(|| format!("cannot write {target}"))?;
    to.sync_all()?;
    Ok(())
}

/// Whether the answers fit this machine and the files beside them.
fn check(answers: &Answers, size: u64, beside: &Path) -> Result<()> {
    let setup = |path: &str| format!("windowsPE/Microsoft-Windows-Setup/{path}");
    let shell = |path: &str| format!("oobeSystem/Microsoft-Windows-Shell-Setup/{path}");
    let is = |path: &str, expect: &[&str]| {
        let found = answers.all(path);
        ensure!(found == expect, "{path} is {found:?}, not {expect:?}");
        Ok(())
    };
    is(&setup("UserData/AcceptEula"), &["true"])?;
    is(&setup("DiskConfiguration/Disk/DiskID"), &["0"])?;
    let partition = |what: &str| {
        setup(&format!(
            "DiskConfiguration/Disk/CreatePartitions/CreatePartition/{what}"
        ))
    };
    is(&partition("Type"), &["EFI", "MSR", "Primary"])?;
    let sizes: Result<Vec<u64>, _> = answers
        .all(&partition("Size"))
        .iter()
        .map(|size| size.parse())
        .collect();
    let sum: u64 = sizes.context("a size is no number")?.iter().sum();
    ensure!(
        sum << 20 < size,
        "partitions of {sum} MB do not fit a disk of {size} bytes"
    );
    let image = |what: &str| setup(&format!("ImageInstall/OSImage/InstallFrom/MetaData/{what}"));
    let found = (answers.one(&image("Key"))?, answers.one(&image("Value"))?);
    if found != ("/IMAGE/INDEX", "1") && found != ("/IMAGE/NAME", IMAGE) {
        bail!("the medium has one image, 1, {IMAGE:?}, and none with {found:?}");
    }
    // Whoever logs on is somebody.
    let user = answers.one(&shell("AutoLogon/Username"))?;
    is(
        &shell("UserAccounts/LocalAccounts/LocalAccount/Name"),
        &[user],
    )?;
    let command = answers.one(&shell("FirstLogonCommands/SynchronousCommand/CommandLine"))?;
    let script = named(command, r":\", '\'').context("the first logon's command names no file")?;
    let script = fs::read_to_string(file(beside, script)?)?;
    let agent = named(&script, r"$PSScriptRoot\", '"').context("the script copies no agent")?;
    let agent = fs::read(file(beside, agent)?)?;
    ensure!(
        agent.starts_with(b"MZ") || agent.starts_with(b"\x7fELF"),
        "the agent is no program"
    );
    Ok(())
}

/// What stands between these in a text.
fn named<'a>(text: &'a str, before: &str, after: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(after).next().filter(|name| !name.is_empty())
}

/// A file on a disc, of whose names the kernel makes small letters.
fn file(beside: &Path, name: &str) -> Result<std::path::PathBuf> {
    let path = beside.join(name.to_ascii_lowercase());
    ensure!(path.is_file(), "{name} is not beside the answer file");
    Ok(path)
}

/// Mounts the first removable medium that has this file in its root, those first that can be written to; its device.
fn find(file: &str, place: &str) -> Result<Option<String>> {
    let mut media = Vec::new();
    for device in fs::read_dir("/sys/block")? {
        let device = device?.path();
        let says = |what: &str| fs::read_to_string(device.join(what)).unwrap_or_default();
        if says("removable").trim() == "1" {
            let read_only = says("ro").trim() == "1";
            let name = device.file_name().unwrap_or_default().to_string_lossy();
            media.push((read_only, format!("/dev/{name}")));
        }
    }
    media.sort();
    for (_, device) in media {
        for kind in ["vfat", "iso9660"] {
            if mounted(&device, place, kind, MountFlags::RDONLY).is_err() {
                continue;
            }
            if Path::new(place).join(file).is_file() {
                return Ok(Some(device));
            }
            unmount(place, UnmountFlags::empty())?;
        }
    }
    Ok(None)
}

/// The size of a disk.
fn bytes(device: &str) -> Result<u64> {
    let name = device.trim_start_matches("/dev/");
    let text = fs::read_to_string(format!("/sys/block/{name}/size"))?;
    // Of 512 bytes, whatever the disk's own sectors have (kernel documentation, ABI/stable/sysfs-block).
    Ok(text.trim().parse::<u64>()? * 512)
}
