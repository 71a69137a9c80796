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
    let image = context.trial.image.is_some();
    if context.trial.verifier && !(name == "hyperv" || name == "qemu" && image) {
        let text = format!(
            "--verifier takes a Windows that starts anew, which the machine {name} is none of; --machine hyperv or qemu with --image FILE has one"
        );
        return Err(Usage(text).into());
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
