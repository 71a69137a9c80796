//! A base image of what an installation medium installs: answers and agent on a disc, a machine that goes through it, and a guest of the
//! result that shows that it is one.

mod hyperv;
#[cfg(target_os = "linux")]
mod qemu;

use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use waverig_protocol::Condition;
use waverig_vm::iso;
use waverig_vm::setup::answer::{self, Choices};
use waverig_vm::setup::{AGENT, ANSWERS, FIRST_LOGON, LABEL, SCRIPT, Tell};

use crate::context::Context;
use crate::image::{Kind, Manifest, sha256};
use crate::layout;
use crate::stop::Usage;
use crate::ui::Ui;

/// What a Windows gets unless told otherwise: memory in MiB, processors, GiB of disk, as Windows 11 asks for at least (learn.microsoft.com,
/// "Windows 11 requirements"). The disk's file is only as large as what is on it.
const WINDOWS: (u32, u32, u32) = (4096, 2, 64);
/// The same of the rig's own guest.
const LINUX: (u32, u32, u32) = (768, 1, 1);
/// How long a Windows may take from the medium to its agent, without hardware to help; with it, others' take a quarter of an hour.
const SETUP_OF_WINDOWS: Duration = Duration::from_secs(3 * 60 * 60);
/// Where every disc has a descriptor of its file system (ECMA-119, 8.1; a bridge disc with UDF has it, too), and its mark.
const DESCRIPTOR: u64 = 16 * 2048 + 1;
const MARK: [u8; 5] = *b"CD001";
/// What `--sabotage` may say here: the disc with the answers is left out.
const DROP: (&str, &str) = ("drop", "answers");

/// What is to be installed.
pub(crate) struct Wish<'a> {
    /// The disc.
    pub(crate) medium: &'a Path,
    /// What is on it.
    pub(crate) system: Kind,
    /// What it is put into.
    pub(crate) machine: &'a str,
    /// Of a Windows, which.
    pub(crate) choices: Choices,
    /// Else as much as it needs.
    pub(crate) memory_mib: Option<u32>,
    /// Else as much as it needs.
    pub(crate) disk_gib: Option<u32>,
}

/// Makes the image `file`; what its manifest is to say.
///
/// # Errors
/// When there is no medium, the installation does not come to its end, or what it made is no base image.
pub(crate) fn build(
    context: &mut Context,
    wish: &Wish<'_>,
    file: &Path,
    format: &str,
) -> Result<Manifest> {
    let medium = disc(wish.medium)?;
    let sabotage = context.trial.sabotage.take();
    let unanswered = sabotage.is_some();
    if let Some((what, at)) = sabotage
        && (&*what, &*at) != DROP
    {
        let text = format!("--sabotage {what}:{at}: an installation knows drop:answers only");
        return Err(Usage(text).into());
    }
    let built = match wish.machine {
        #[cfg(target_os = "linux")]
        "qemu" => qemu::build(context, wish, medium, unanswered, file, format),
        "hyperv" if !unanswered => hyperv::build(context, wish, &medium, file, format),
        other => Err(Usage(format!(
            "{other} installs nothing here: --machine takes qemu on Linux, hyperv on Windows"
        ))
        .into()),
    };
    // Discs, and a disk that may be large: what is wanted of them is in the image by now, or in the evidence.
    let _ = fs::remove_dir_all(place(context));
    built
}

/// Where discs and disks lie until the image is made.
fn place(context: &Context) -> PathBuf {
    context.layout.rig().join("setup")
}

/// The same, empty.
fn folder(context: &Context) -> Result<PathBuf> {
    let folder = place(context);
    layout::fresh(&folder)?;
    Ok(folder)
}

/// One machine of a kind, from its start to its end: `come_up` gets the folder for its evidence and gives what its guest fulfils, which is said.
fn through<E: fmt::Display>(
    context: &Context,
    kind: &str,
    (verb, what): (&str, &str),
    come_up: impl FnOnce(&Path) -> Result<Vec<Condition>, E>,
) -> Result<()> {
    let evidence = context.layout.runs(kind).join(verb);
    layout::fresh(&evidence)?;
    let conditions = context.ui.step(verb, what, || {
        come_up(&evidence)
            .map_err(|error| anyhow!("{error}; evidence is in {}", evidence.display()))
    })?;
    for condition in conditions {
        let text = format!("{}: {}", condition.name, condition.text);
        context.ui.say("", &text);
    }
    Ok(())
}

/// Tells people how far an installation is.
fn tell() -> Tell {
    Tell(Arc::new(|how_far| Ui::new().say("install", how_far)))
}

/// A disc's whole name.
fn disc(file: &Path) -> Result<PathBuf> {
    let wrong = |what: &dyn std::fmt::Display| {
        Usage(format!(
            "--iso {}: {what}; give the file of an installation medium, of Windows from Microsoft's evaluation center for example",
            file.display()
        ))
    };
    let mut mark = [0; MARK.len()];
    let read = File::open(file).and_then(|mut disc| {
        disc.seek(SeekFrom::Start(DESCRIPTOR))?;
        disc.read(&mut mark)
    });
    read.map_err(|error| wrong(&error))?;
    if mark != MARK {
        bail!(wrong(&"this is no image of a disc"));
    }
    Ok(file.canonicalize()?)
}

/// Memory in MiB, processors, GiB of disk.
fn size(wish: &Wish<'_>) -> (u32, u32, u32) {
    let (memory, processors, disk) = match wish.system {
        Kind::Linux => LINUX,
        Kind::Windows => WINDOWS,
    };
    (
        wish.memory_mib.unwrap_or(memory),
        processors,
        wish.disk_gib.unwrap_or(disk),
    )
}

/// Makes the disc with the answers and this agent; notes what goes on it.
fn answers(
    wish: &Wish<'_>,
    agent: &Path,
    folder: &Path,
    inputs: &mut Vec<String>,
) -> Result<PathBuf> {
    let (answers, script) = (folder.join(ANSWERS), folder.join(SCRIPT));
    fs::write(&answers, answer::file(&wish.choices)?)?;
    fs::write(&script, FIRST_LOGON)?;
    let files: [(&str, &Path); 3] = [(ANSWERS, &answers), (AGENT, agent), (SCRIPT, &script)];
    for (name, file) in files {
        inputs.push(line(file, Path::new(name))?);
    }
    let disc = folder.join("answers.iso");
    iso::make(&disc, LABEL, &files, None)?;
    Ok(disc)
}

/// A line of the manifest: the hash of a file, and the name by which it went in.
fn line(file: &Path, name: &Path) -> Result<String> {
    let name = name.file_name().unwrap_or_default();
    Ok(format!("{}  {}", sha256(file)?, name.display()))
}
