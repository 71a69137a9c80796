//! A base image of what an installation medium installs: answers and agent on a disc, a machine that goes through it, and a guest of the
//! result that shows that it is one.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use waverig_kit::Invocation;
use waverig_vm::iso;
use waverig_vm::qemu::{Controller, LINUX, Medium, Qemu, System, Tell};
use waverig_vm::setup::answer::{self, Choices};
use waverig_vm::setup::{AGENT, ANSWERS, FIRST_LOGON, LABEL, SCRIPT};

use crate::context::Context;
use crate::image::{self, Kind, Manifest, sha256};
use crate::machine::qemu;
use crate::stop::Usage;
use crate::ui::Ui;
use crate::{agent, guest, layout, setup};

/// What a Windows gets unless told otherwise: memory in MiB, processors, GiB of disk, as Windows 11 asks for at least (learn.microsoft.com,
/// "Windows 11 requirements"). The disk's file is only as large as what is on it.
const WINDOWS: (u32, u32, u32) = (4096, 2, 64);
/// GiB of the disk that the rig's own medium installs to.
const LINUX_DISK: u32 = 1;
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
    let answered = match context.trial.sabotage.take() {
        None => true,
        Some((what, at)) if (&*what, &*at) == DROP => false,
        Some((what, at)) => {
            let text = format!("--sabotage {what}:{at}: an installation knows drop:answers only");
            return Err(Usage(text).into());
        }
    };
    qemu::clean(context)?;
    setup::images(context)?;
    let folder = context.layout.rig().join("setup");
    layout::fresh(&folder)?;
    let mut inputs = vec![line(&medium, &medium)?];
    let answers = answers(context, wish, &folder, &mut inputs)?;
    let (memory_mib, processors, gib) = size(wish);
    let disk = folder.join("system.qcow2");
    let create = Invocation::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2"])
        .args([disk.as_os_str()])
        .args([format!("{gib}G")]);
    image::run(context, &create)?;
    let accel = qemu::accel(context)?;
    let began = Instant::now();
    let (controller, deadline) = match wish.system {
        Kind::Linux => (Controller::VirtioScsi, qemu::boot(Kind::Linux)),
        Kind::Windows => (Controller::Ahci, SETUP_OF_WINDOWS),
    };
    let system = System::Setup(Medium {
        file: medium,
        answers: answered.then_some(answers),
        disk: disk.clone(),
        controller,
        firmware: guest::firmware(context)?,
        memory: memory_mib,
        processors,
        result: qemu::result(wish.system),
        tell: Tell(Arc::new(|how_far| Ui::new().say("install", how_far))),
    });
    let config = qemu::config_of(context, accel.clone(), (system, deadline, None))?;
    let what = format!(
        "{}, within {} s",
        wish.medium.display(),
        config.boot.as_secs()
    );
    through(context, "install", &what, config)?;
    image::convert(context, "qcow2", &disk, format, file)?;
    fs::remove_dir_all(&folder)?;
    let manifest = Manifest {
        system: wish.system,
        memory_mib,
        processors,
        sha256: sha256(file)?,
        inputs,
    };
    // Nothing is one that no guest came up from.
    let system = System::Image(qemu::image(context, file, &manifest)?);
    let boot = qemu::boot(wish.system);
    let config = qemu::config_of(context, accel, (system, boot, None))?;
    let started = through(context, "start", "a guest of the image", config);
    if started.is_err() {
        fs::remove_file(file)?;
    }
    started?;
    context.ui.say(
        "",
        &format!("{:.0} s in all", began.elapsed().as_secs_f32()),
    );
    Ok(manifest)
}

/// One machine, from its start to its end.
fn through(
    context: &Context,
    verb: &str,
    what: &str,
    config: waverig_vm::qemu::Config,
) -> Result<()> {
    let evidence = context.layout.runs("qemu").join(verb);
    layout::fresh(&evidence)?;
    let machine = Qemu::new(config)?;
    let conditions = context.ui.step(verb, what, || {
        let ended = machine.come_up_and_end(&evidence);
        ended.map_err(|error| anyhow!("{error}; evidence is in {}", evidence.display()))
    })?;
    for condition in conditions {
        context
            .ui
            .say("", &format!("{}: {}", condition.name, condition.text));
    }
    Ok(())
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
        Kind::Linux => (LINUX.0, LINUX.1, LINUX_DISK),
        Kind::Windows => WINDOWS,
    };
    (
        wish.memory_mib.unwrap_or(memory),
        processors,
        wish.disk_gib.unwrap_or(disk),
    )
}

/// Makes the disc with the answers; notes what goes on it.
fn answers(
    context: &Context,
    wish: &Wish<'_>,
    folder: &Path,
    inputs: &mut Vec<String>,
) -> Result<PathBuf> {
    let agent = match wish.system {
        Kind::Linux => agent::build(context)?,
        Kind::Windows => {
            setup::windows_agent(context)?;
            agent::build_for_windows(context)?
        }
    };
    let (answers, script) = (folder.join(ANSWERS), folder.join(SCRIPT));
    fs::write(&answers, answer::file(&wish.choices)?)?;
    fs::write(&script, FIRST_LOGON)?;
    let files: [(&str, &Path); 3] = [(ANSWERS, &answers), (AGENT, &agent), (SCRIPT, &script)];
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
