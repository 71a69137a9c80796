//! QEMU on this host.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use waverig_vm::qemu::{Accel, Config, Image, ResultDisk, System, leftovers};

use super::{own, verified, words};
use crate::context::Context;
use crate::image::{Kind, Manifest};
use crate::verbs::SIMULATOR;
use crate::{guest, interrupt, setup};

/// How long a guest may take until its agent is up, without hardware to help.
const BOOT: Duration = Duration::from_secs(120);
/// The same of a Windows guest: others' take two minutes the first time, with hardware's help.
const BOOT_OF_WINDOWS: Duration = Duration::from_secs(900);
/// The program.
pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// QEMU with the Linux guest, of what this host gives, or with a guest of the base image that was named; removes first what a killed
/// run has left.
///
/// # Errors
/// When the host lacks something for it, or the base image is none.
pub(crate) fn config(context: &Context) -> Result<Config> {
    clean(context)?;
    let (system, boot, held) = system(context)?;
    let accel = accel(context)?;
    let network = match &context.trial.image {
        Some(file) => Manifest::of(file)?.system == Kind::Windows,
        None => false,
    };
    Ok(Config {
        network,
        ..config_of(context, accel, (system, boot, held))?
    })
}

/// Makes sure that machines can be started, and removes what a killed run has left of its own.
///
/// # Errors
/// When the host lacks something for it.
pub(crate) fn clean(context: &Context) -> Result<()> {
    interrupt::on_signal();
    setup::qemu(context)?;
    for what in leftovers::remove(&machines(context))? {
        context
            .ui
            .say("clean", &format!("left by a run that was killed: {what}"));
    }
    Ok(())
}

fn machines(context: &Context) -> PathBuf {
    context.layout.rig().join("machines")
}

/// What executes guests here.
///
/// # Errors
/// When the output folder cannot be written.
pub(crate) fn accel(context: &Context) -> Result<Accel> {
    let accel = match &context.trial.accel {
        Some(why) => Accel::tcg(why),
        None => Accel::probe(QEMU, &machines(context)).context("cannot try KVM")?,
    };
    context
        .ui
        .say("boot", &format!("guests on {}: {}", accel.name, accel.why));
    Ok(accel)
}

/// QEMU with this system, which may take so long until its agent is up, and files that its guests hold.
///
/// # Errors
/// When this program cannot find itself.
pub(crate) fn config_of(
    context: &Context,
    accel: Accel,
    (system, boot, held): (System, Duration, Option<PathBuf>),
) -> Result<Config> {
    let simulator = env::current_exe()
        .context("this program cannot find its own file to start the simulator")?;
    let args = words(context, SIMULATOR);
    let args = args.iter().map(|word| word.to_string_lossy().into_owned());
    Ok(Config {
        qemu: QEMU.into(),
        accel,
        system,
        simulator: (simulator, args.collect()),
        held,
        sabotage: context.trial.sabotage.clone(),
        dump: context.trial.dump.clone(),
        verified: verified(context),
        own: Some(own(context)),
        logs: context.layout.runs("qemu").join("guests"),
        machines: machines(context),
        boot: context.trial.deadline.unwrap_or(boot),
        restart: context.trial.restart,
        hold: None,
        network: false,
    })
}

/// What guests start, how long that may take, and what of it need not come over the line.
fn system(context: &Context) -> Result<(System, Duration, Option<PathBuf>)> {
    let Some(file) = &context.trial.image else {
        let guest = guest::make(context)?;
        let (kernel, initramfs) = (guest.kernel, guest.initramfs);
        return Ok((System::Linux { kernel, initramfs }, BOOT, None));
    };
    setup::images(context)?;
    let manifest = Manifest::of(file)?;
    let boot = boot(manifest.system);
    let held = Some(context.layout.package());
    Ok((System::Image(image(context, file, &manifest)?), boot, held))
}

/// A base image as guests start from it.
///
/// # Errors
/// When it is none.
pub(crate) fn image(context: &Context, file: &Path, manifest: &Manifest) -> Result<Image> {
    let size = (manifest.memory_mib, manifest.processors);
    let firmware = guest::firmware(context)?;
    Ok(Image::open(file, firmware, size, result(manifest.system))?)
}

/// What the disk that goes home is like.
pub(crate) fn result(system: Kind) -> ResultDisk {
    match system {
        Kind::Linux => ResultDisk::Small,
        Kind::Windows => ResultDisk::ForDumps,
    }
}

/// How long a guest may take until its agent is up.
pub(crate) fn boot(system: Kind) -> Duration {
    match system {
        Kind::Linux => BOOT,
        Kind::Windows => BOOT_OF_WINDOWS,
    }
}
