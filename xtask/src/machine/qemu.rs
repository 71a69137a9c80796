//! QEMU on this host.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use waverig_vm::qemu::{Accel, Config, Image, System, leftovers};

use super::words;
use crate::context::Context;
use crate::image::{self, Manifest};
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
    interrupt::on_signal();
    let simulator = env::current_exe()
        .context("this program cannot find its own file to start the simulator")?;
    setup::qemu(context)?;
    let machines = context.layout.rig().join("machines");
    for what in leftovers::remove(&machines)? {
        context
            .ui
            .say("clean", &format!("left by a run that was killed: {what}"));
    }
    let (system, boot, held) = system(context)?;
    let accel = match &context.trial.accel {
        Some(why) => Accel::tcg(why),
        None => Accel::probe(QEMU, &machines).context("cannot try KVM")?,
    };
    context
        .ui
        .say("boot", &format!("guests on {}: {}", accel.name, accel.why));
    let args = words(context, SIMULATOR);
    let args = args.iter().map(|word| word.to_string_lossy().into_owned());
    Ok(Config {
        qemu: QEMU.into(),
        accel,
        system,
        simulator: (simulator, args.collect()),
        held,
        sabotage: context.trial.sabotage.clone(),
        logs: context.layout.runs("qemu").join("guests"),
        machines,
        boot: context.trial.deadline.unwrap_or(boot),
        restart: context.trial.restart,
        hold: None,
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
    let firmware = guest::firmware(context)?;
    let image = Image::open(file, firmware, manifest.memory_mib, manifest.processors)?;
    let (boot, held) = match manifest.system {
        image::Kind::Linux => (BOOT, Some(context.layout.package())),
        // Its agent takes files over the line only.
        image::Kind::Windows => (BOOT_OF_WINDOWS, None),
    };
    Ok((System::Image(image), boot, held))
}
