//! Which test machine a run takes.

mod auto;
pub(crate) mod hyperv;
#[cfg(target_os = "linux")]
pub(crate) mod qemu;
mod runner;
pub(crate) mod survey;

use std::env;
use std::env::consts::EXE_EXTENSION;
use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context as _, Result};
use waverig_kit::SOURCES;
use waverig_vm::dump::Own;
#[cfg(target_os = "linux")]
use waverig_vm::qemu::Qemu;
use waverig_vm::{Machine, Sim};

use crate::context::{Context, Trial};
use crate::interrupt;
use crate::optimised;
#[cfg(not(target_os = "linux"))]
use crate::stop::HostLacks;
use crate::stop::Usage;
use crate::verbs::package::NAME;
use crate::verbs::{Options, SIMULATOR};

/// The names that `--machine` may give.
const NAMES: [&str; 5] = ["auto", "sim", "qemu", "hyperv", "runner"];

/// Whether `--machine` may say this.
///
/// # Errors
/// A name that is not a machine is wrong use.
pub(crate) fn check(name: &str) -> Result<()> {
    if NAMES.contains(&name) {
        return Ok(());
    }
    let text = format!(
        "there is no machine {name:?}; there are {}",
        NAMES.join(", ")
    );
    Err(Usage(text).into())
}

/// What the command line says of how the rig is to be tried.
///
/// # Errors
/// What it says wrongly.
pub(crate) fn trial(options: &Options) -> Result<Trial> {
    let sabotage = options.sabotage.as_deref().map(|text| {
        let (what, at) = text.split_once(':').ok_or_else(|| {
            Usage(format!(
                "--sabotage takes WHAT:STEP, hang:install for example, not {text:?}"
            ))
        })?;
        Ok::<_, Usage>((what.to_owned(), at.to_owned()))
    });
    let accel = match options.accel.as_deref() {
        None | Some("auto") => None,
        Some("tcg") => Some("it was asked for"),
        Some(other) => {
            return Err(Usage(format!("--accel takes auto or tcg, not {other:?}")).into());
        }
    };
    // What `auto` takes is known when the package is there.
    if let (true, Some(name)) = (options.verifier, options.machine.as_deref())
        && name != "auto"
    {
        check(name)?;
        verifiable(name, options.image.is_some())?;
    }
    Ok(Trial {
        sabotage: sabotage.transpose()?,
        dump: options.dump.clone(),
        deadline: options.deadline.map(Duration::from_secs),
        accel,
        restart: options.restart,
        image: options
            .image
            .as_ref()
            .map(std::path::absolute)
            .transpose()?,
        transcript: options.transcript.clone(),
        disposable: options.disposable,
        verifier: options.verifier,
    })
}

/// Whether Driver Verifier can look at a driver on this machine, which has a base image or none.
///
/// # Errors
/// When it is none with a Windows that may start anew.
fn verifiable(name: &str, image: bool) -> Result<()> {
    if name == "hyperv" || name == "qemu" && image {
        return Ok(());
    }
    let text = format!(
        "--verifier takes a Windows that starts anew, which the machine {name} is none of; --machine hyperv or qemu with --image FILE has one"
    );
    Err(Usage(text).into())
}

/// What Driver Verifier is to look at.
fn verified(context: &Context) -> Vec<String> {
    let driver = || format!("{NAME}.sys");
    context.trial.verifier.then(driver).into_iter().collect()
}

/// The driver that machines' dumps are searched for: that of the package, with the names of its places.
fn own(context: &Context) -> Own {
    let image = context.layout.package().join(format!("{NAME}.sys"));
    Own::of_image(&image, SOURCES)
}

/// The machine that `--machine` names. `auto` takes the strongest one there is.
///
/// # Errors
/// A name that is not a machine is wrong use; a host that cannot run one says what it lacks.
pub(crate) fn select(context: &Context, name: &str) -> Result<Box<dyn Machine>> {
    check(name)?;
    interrupt::on_signal();
    let name = match name {
        "auto" => auto::choose(context),
        named => named,
    };
    if context.trial.verifier {
        verifiable(name, context.trial.image.is_some())?;
    }
    let this = env::current_exe()
        .context("this program cannot find its own file to start the simulator")?;
    match name {
        "hyperv" => hyperv::select(context),
        "runner" => runner::select(context),
        #[cfg(target_os = "linux")]
        "qemu" => Ok(Box::new(Qemu::new(qemu::config(context)?)?)),
        #[cfg(not(target_os = "linux"))]
        "qemu" => Err(HostLacks(
            "the machine qemu needs a Linux host; --machine sim runs everywhere".into(),
        )
        .into()),
        _ => Ok(Box::new(Sim::new(this, words(context, SIMULATOR)))),
    }
}

/// The simulator as far as the compiler optimises it, for runs of hours of virtual time: builds it first, which takes minutes and
/// so is nothing for a test.
///
/// # Errors
/// When it does not compile.
pub(crate) fn optimised(context: &Context) -> Result<Box<dyn Machine>> {
    let built = context.ui.step("build", "the simulator, optimised", || {
        optimised::build(context, "simulator", &["--package", "waverig-sim"])
    })?;
    let program = built.join("waverig-sim").with_extension(EXE_EXTENSION);
    Ok(Box::new(Sim::new(program, words(context, "session"))))
}

/// What the simulator's program is told, after the word that makes it one.
fn words(context: &Context, verb: &str) -> Vec<OsString> {
    let mut sources = OsString::from(format!("{SOURCES}="));
    sources.push(context.layout.root());
    let mut words = vec![OsString::from(verb), "--sources".into(), sources];
    if let Some(folder) = &context.coverage {
        words.extend(["--coverage".into(), folder.into()]);
    }
    if let Some(folder) = &context.debugger {
        words.extend(["--debugger".into(), folder.into()]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_verifier_takes_a_windows_that_starts_anew() {
        let check = |machine: Option<&str>, image: Option<&str>, expect: Option<&str>| {
            let options = Options {
                machine: machine.map(str::to_owned),
                image: image.map(Into::into),
                verifier: true,
                ..Options::default()
            };
            let told = trial(&options).err().map(|error| error.to_string());
            match (&told, expect) {
                (None, None) => {}
                (Some(told), Some(expect)) if told.contains(expect) => {}
                _ => panic!("{machine:?} {image:?}: {told:?}, not {expect:?}"),
            }
            // Without the option nothing is refused.
            let off = Options {
                verifier: false,
                ..options
            };
            assert!(!trial(&off).expect("it is right").verifier);
        };
        check(Some("sim"), None, Some("the machine sim is none of"));
        check(Some("runner"), None, Some("the machine runner is none of"));
        check(Some("qemu"), None, Some("qemu with --image FILE has one"));
        check(Some("sim"), Some("base.vhdx"), Some("sim is none of"));
        check(Some("qemu"), Some("base.vhdx"), None);
        check(Some("hyperv"), Some("base.vhdx"), None);
        // Its choice is looked at when it is made: without an image it takes none that can.
        check(Some("auto"), None, None);
        check(None, None, None);
        for name in ["sim", "runner", "qemu"] {
            assert!(verifiable(name, false).is_err(), "{name}");
        }
    }
}
