//! Hyper-V on this host, or a transcript in its place.

use std::env;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use waverig_vm::Machine;
use waverig_vm::hyperv::powershell::PowerShell;
use waverig_vm::hyperv::record::Recorder;
use waverig_vm::hyperv::transcript::{Names, Player, RUN, Simulator, Transcript};
use waverig_vm::hyperv::{self, Bytes, Config, Executor, Hold, HyperV, Medium};

use super::{own, verified, words};
use crate::context::Context;
use crate::layout;
use crate::stop::{HostLacks, Usage};
use crate::verbs::SIMULATOR;

/// A Windows guest's memory, and its processors: what Windows 11 asks for at least (learn.microsoft.com, "Windows 11 requirements").
const MEMORY: Bytes = Bytes(4 << 30);
const PROCESSORS: u32 = 2;
/// Guests at a time: each takes its memory from the host.
const GUESTS: usize = 2;
/// How long a cmdlet may take; the first one loads the module.
const CMDLET: Duration = Duration::from_secs(120);
/// How long a guest may take until its agent is up: others' take two minutes the first time.
pub(crate) const BOOT: Duration = Duration::from_secs(300);
/// How often it is asked meanwhile whether the guest is in a boot loop: others' starts take tens of seconds.
const LOOK: Duration = Duration::from_secs(30);
/// How long a guest that is crashed on purpose may take to show it.
const CRASH: Duration = Duration::from_secs(30);
/// How long the screen of a crashed guest is to stay the same for its dump to be whole, and how long that is waited for; both inferred.
const DUMPED: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// Why Hyper-V is not for `auto`.
pub(super) fn probe(context: &Context) -> Result<(), String> {
    if cfg!(windows) {
        let image = context.trial.image.as_ref();
        image.ok_or("no base image was named (--image FILE)")?;
    }
    host()
}

/// Why this host has no Hyper-V for us.
pub(super) fn host() -> Result<(), String> {
    if !cfg!(windows) {
        return Err("it needs a Windows host".into());
    }
    let host = hyperv::probe(&PowerShell::of_windows(), CMDLET);
    host.map(drop).map_err(|error| error.to_string())
}

/// The machine; removes first what killed runs have left.
pub(super) fn select(context: &Context) -> Result<Box<dyn Machine>> {
    Ok(Box::new(machine(context, None)?))
}

/// The same, whose guests somebody may look at.
///
/// # Errors
/// When this host has no Hyper-V, or it cannot be used.
pub(crate) fn machine(context: &Context, hold: Option<Hold>) -> Result<HyperV> {
    let trial = &context.trial;
    let machines = context.layout.rig().join("hyperv");
    let (executor, image, run): (Box<dyn Executor>, PathBuf, String) = match &trial.transcript {
        Some(file) => {
            let file = std::path::absolute(file)?;
            // The file stands for the base image, too, which has to be one.
            let player = player(context, &file, &machines)?;
            (Box::new(player), file, RUN.into())
        }
        None => {
            // What the host lacks comes first: no image helps there.
            let host = windows()?;
            let image = image(context)?;
            let recorder = recorded(context, host, &machines, &image)?;
            (Box::new(recorder), image, token())
        }
    };
    let config = Config {
        image,
        medium: None,
        machines,
        run,
        memory: MEMORY,
        processors: PROCESSORS,
        // A transcript is one guest after the other.
        guests: if trial.transcript.is_some() {
            1
        } else {
            GUESTS
        },
        cmdlet: CMDLET,
        boot: trial.deadline.unwrap_or(BOOT),
        crash: CRASH,
        dumped: DUMPED,
        held: Some(context.layout.package()),
        look: LOOK,
        verified: verified(context),
        own: Some(own(context)),
        restart: trial.restart,
        hold,
    };
    made(context, config, executor)
}

fn made(context: &Context, config: Config, executor: Box<dyn Executor>) -> Result<HyperV> {
    let (machine, found) =
        HyperV::new(config, executor).map_err(|error| HostLacks(error.to_string()))?;
    for what in found {
        context
            .ui
            .say("clean", &format!("left by a run that was killed: {what}"));
    }
    Ok(machine)
}

/// What a guest gets.
pub(crate) struct Size {
    pub(crate) memory: Bytes,
    pub(crate) processors: u32,
}

/// A machine for one guest of this image, which `medium` makes if there is one, and which may take so long until its agent is up.
///
/// # Errors
/// When this host has no Hyper-V, or it cannot be used.
pub(crate) fn of_image(
    context: &Context,
    image: &Path,
    medium: Option<Medium>,
    size: &Size,
    boot: Duration,
) -> Result<HyperV> {
    let host = windows()?;
    let machines = context.layout.rig().join("hyperv");
    let recorder = recorded(context, host, &machines, image)?;
    let config = Config {
        image: image.to_owned(),
        medium,
        machines,
        run: token(),
        memory: size.memory,
        processors: size.processors,
        guests: 1,
        cmdlet: CMDLET,
        boot: context.trial.deadline.unwrap_or(boot),
        crash: CRASH,
        dumped: DUMPED,
        held: None,
        look: LOOK,
        verified: Vec::new(),
        own: Some(own(context)),
        restart: false,
        hold: None,
    };
    made(context, config, Box::new(recorder))
}

/// Windows' own PowerShell.
///
/// # Errors
/// Where there is none.
pub(crate) fn windows() -> Result<PowerShell> {
    if cfg!(windows) {
        return Ok(PowerShell::of_windows());
    }
    Err(HostLacks(
        "the machine hyperv needs a Windows host with Hyper-V; elsewhere --transcript FILE plays one (vm/tests/hyperv), and --machine sim runs everywhere".into(),
    )
    .into())
}

/// Whatever is asked is evidence, and what transcripts can be made of.
fn recorded(
    context: &Context,
    host: PowerShell,
    machines: &Path,
    image: &Path,
) -> Result<Recorder> {
    let runs = context.layout.runs("hyperv");
    layout::make(&runs)?;
    let file = runs.join("transcript.toml");
    let names = Names::new(machines, image);
    Recorder::new(Box::new(host), names, &file)
        .with_context(|| format!("cannot write {}", file.display()))
}

fn image(context: &Context) -> Result<PathBuf> {
    let image = context.trial.image.clone();
    image.ok_or_else(|| {
        Usage("--machine hyperv takes --image FILE, the VHDX of a Windows with test signing on and the agent in it (docs/machines.md)".into())
            .into()
    })
}

fn player(context: &Context, file: &Path, machines: &Path) -> Result<Player> {
    let transcript =
        Transcript::load(file).map_err(|error| Usage(format!("--transcript {error}")))?;
    let simulator = Simulator {
        program: env::current_exe()
            .context("this program cannot find its own file to start the simulator")?,
        args: words(context, SIMULATOR),
        scratch: machines.to_owned(),
    };
    Ok(Player::new(transcript, machines, file, Some(simulator)))
}

/// What no other run on this host calls itself: no two have a process of one number at one time.
fn token() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "{:x}-{:x}",
        process::id(),
        since.map_or(0, |since| since.as_secs())
    )
}
