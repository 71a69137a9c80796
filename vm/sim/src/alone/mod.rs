//! The simulator by itself, for a driver of any project: `waverig-sim DRIVER.sys --inf DRIVER.inf`. It installs the driver, shows what the
//! device offers, plays a scenario through its endpoints, removes it, and tells what it found.
//!
//! The driver need not be signed or packaged. Of what it plays, everything is told that any WaveRT driver shows: positions, notifications,
//! what its recording endpoints give, and the files it wrote.

mod options;
mod output;

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use waverig_ci::scenario::ScenarioFile;
use waverig_ci::timing;
use waverig_protocol::Program;
use waverig_protocol::scenario::Scenario;

use crate::kernel::{Options as Machine, kernel};
use crate::pnp::Device;
use crate::program;
use crate::report;
use crate::time::QPC_FREQUENCY;
use crate::user;
use crate::user::journal::{Journal, Kept};
use options::Options;

pub use options::USAGE;

/// Exit code of a broken rule, a bad timing or a fault.
const FAILED: u8 = 1;

/// Tries a driver out as the arguments say.
///
/// # Errors
/// On wrong use, a file that cannot be read, and a driver that cannot be installed.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let scenario = options.scenario.as_deref().map(read_scenario).transpose()?;
    if let Some((prefix, folder)) = &options.sources {
        report::set_sources(prefix, folder);
    }
    // A fault is a finding of this program, not a failure of the one that started it.
    report::set_exit(i32::from(FAILED));
    program::start(Machine {
        seed: options.seed,
        ..Machine::default()
    })?;
    let device = match Device::try_out(
        &options.driver,
        &options.inf,
        options.hardware_id.as_deref(),
    ) {
        Ok(device) => device,
        Err(reason) => {
            output::findings();
            output::last_calls();
            bail!("{reason}");
        }
    };
    let inspection = device.inspect();
    if options.json {
        println!("{}", serde_json::to_string_pretty(&inspection)?);
    } else {
        output::installed(&options, &device.installed(), &inspection);
        if options.inspect {
            print!("{inspection}");
        }
    }
    let mut good = true;
    let mut seen = None;
    if let Some(scenario) = &scenario {
        let played = play(scenario, &device, options.seed);
        good = output::played(scenario, &played, options.json);
        seen = Some(played);
    }
    if let Err(reason) = device.remove() {
        eprintln!("the device could not be removed: {reason}");
        good = false;
    }
    if let Some(out) = &options.out {
        output::write(out, scenario.as_ref(), seen.as_ref())
            .with_context(|| format!("cannot write to {}", out.display()))?;
    }
    let clean = output::findings();
    if !options.json {
        output::summary(good && clean, &options);
    }
    Ok(if good && clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn read_scenario(path: &std::path::Path) -> Result<Scenario> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the scenario {}", path.display()))?;
    let file = ScenarioFile::parse(path, &text)?;
    if file.sweep.is_some() {
        bail!(
            "{}: a sweep is played with its formats one after the other by cargo xtask; give one format here",
            path.display()
        );
    }
    Ok(file.scenario)
}

/// What came of a scenario.
struct Played {
    seen: Rc<Kept>,
    /// Why a program could not go on.
    failed: Option<String>,
    timing: Vec<timing::Timing>,
}

fn play(scenario: &Scenario, device: &Device, seed: u64) -> Played {
    let seen = Rc::<Kept>::default();
    let failed = device.target().and_then(|target| {
        kernel().random.reseed(seed);
        let journal = Journal::new(Rc::clone(&seen));
        let played = user::play(scenario, &target, Some(device.node()), &journal);
        journal.flush();
        played.map_err(|error| error.to_string())
    });
    let rate = |program: Program| scenario.format_of(program).map(|format| format.rate);
    let frequency = QPC_FREQUENCY.cast_signed();
    let timing = timing::measure(&seen.events.borrow(), frequency, rate);
    Played {
        seen,
        failed: failed.err(),
        timing,
    }
}
