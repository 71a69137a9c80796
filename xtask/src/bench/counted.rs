//! Scenarios played on the simulator under callgrind: what the driver executed in each, and what was observed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use waverig_package::pe::Image;
use waverig_protocol::Reply;
use waverig_protocol::device::{Device, Value};
use waverig_protocol::scenario::Scenario;
use waverig_protocol::timeline::Stamped;
use waverig_vm::Sim;
use waverig_vm::run::{Ending, Job, Part, run};

use super::callgrind::{self, Counts, Executed};
use crate::context::Context;
use crate::layout;
use crate::signer;
use crate::verbs::SIMULATOR;
use crate::verbs::package::{self, Driver, WAVERIG};

/// What is counted apart: instructions, or lines.
const BY_INSTRUCTION: [&str; 2] = ["--dump-instr=yes", "--dump-line=no"];
const BY_LINE: [&str; 2] = ["--dump-instr=no", "--dump-line=yes"];
/// How long the machine may take for one step under callgrind.
const DEADLINE: Duration = Duration::from_secs(600);

/// A scenario that was played.
pub(crate) struct Played {
    name: String,
    /// What the driver executed.
    pub(crate) executed: Executed,
    /// What was observed.
    pub(super) timeline: Vec<Stamped>,
}

/// All of them.
pub(crate) struct All(Vec<Played>);

impl All {
    /// The scenario of a name.
    ///
    /// # Errors
    /// When it was not played.
    pub(crate) fn of(&self, name: &str) -> Result<&Played> {
        let found = self.0.iter().find(|played| played.name == name);
        found.with_context(|| format!("{name} was not counted"))
    }
}

/// Plays all scenarios on one simulator under callgrind. Their names are different and have no spaces.
///
/// # Errors
/// A machine that fails, a file of callgrind's that cannot be read.
pub(super) fn play(context: &Context, scenarios: &[Scenario]) -> Result<All> {
    // As many channels as there can be, whatever the driver's own choice is.
    let device = Device {
        channels: Some(Value::Number(16)),
        ..Device::default()
    };
    play_on(context, &WAVERIG, &device, scenarios)
}

/// The same with one of the drivers, on a device that is set up like this.
///
/// # Errors
/// As [`play`].
pub(crate) fn play_on(
    context: &Context,
    driver: &'static Driver,
    device: &Device,
    scenarios: &[Scenario],
) -> Result<All> {
    let folder = context.layout.rig().join("bench");
    layout::fresh(&folder)?;
    let timelines = run_all(context, driver, device, &folder, scenarios, BY_INSTRUCTION)?;
    let path = driver
        .package(&context.layout)
        .join(format!("{}.sys", driver.name));
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = Image::parse(&bytes)?;
    let counted = read(&folder, &image)?;
    ensure!(
        counted.len() == scenarios.len(),
        "{} of {} scenarios were counted; look into {}",
        counted.len(),
        scenarios.len(),
        folder.display()
    );
    let mut all = Vec::new();
    for (name, executed) in counted {
        let at = scenarios.iter().position(|scenario| scenario.name == name);
        let at = at.with_context(|| format!("{name} was counted and not played"))?;
        all.push(Played {
            name,
            executed,
            timeline: timelines[at].clone(),
        });
    }
    Ok(All(all))
}

/// The same of the product's driver, as it is set up by itself, counted by source line; gives callgrind's file of each scenario, by its name.
///
/// # Errors
/// A machine that fails, a file of callgrind's that cannot be read.
pub(super) fn lines(context: &Context, scenarios: &[Scenario]) -> Result<BTreeMap<String, String>> {
    let folder = context.layout.rig().join("bench");
    layout::fresh(&folder)?;
    run_all(
        context,
        &WAVERIG,
        &Device::default(),
        &folder,
        scenarios,
        BY_LINE,
    )?;
    let texts = texts(&folder)?;
    let named = texts.into_iter().filter_map(|text| {
        let name = callgrind::mark(&text)?.split(' ').next()?.to_owned();
        Some((name, text))
    });
    Ok(named.collect())
}

/// Plays them; gives what was observed of each. `positions` say what is counted apart.
fn run_all(
    context: &Context,
    driver: &'static Driver,
    device: &Device,
    folder: &Path,
    scenarios: &[Scenario],
    positions: [&str; 2],
) -> Result<Vec<Vec<Stamped>>> {
    let this = std::env::current_exe().context("this program cannot find its own file")?;
    let out = folder.join("callgrind.out");
    let words = [
        "--tool=callgrind".into(),
        // The simulator says when.
        "--instr-atstart=no".into(),
        positions[0].into(),
        positions[1].into(),
        "--compress-pos=no".into(),
        "--compress-strings=no".into(),
        format!("--callgrind-out-file={}", out.display()),
        this.display().to_string(),
        SIMULATOR.into(),
    ];
    let certificate = signer::load(context, None)?.certificate().der().to_vec();
    let package = driver.package(&context.layout);
    let job = Job {
        scenarios,
        inf: driver.inf,
        hardware_id: driver.hardware_id,
        ..package::job(&package, &certificate, device, DEADLINE)
    };
    let mut refused = Vec::new();
    let mut timelines = vec![Vec::new(); scenarios.len()];
    let ending = run(
        &Sim::new("valgrind", words),
        &job,
        folder,
        &mut |part, reply, _| match (part, reply) {
            (_, Reply::Refused(refusal)) => refused.push(refusal.reason),
            (Part::Scenario(at), Reply::Events { events }) => timelines[at].extend(events),
            _ => {}
        },
    )?;
    if let Ending::Broken { step, reason, .. } = ending {
        bail!("the simulator under callgrind failed at {step}: {reason}");
    }
    ensure!(refused.is_empty(), "refused: {}", refused.join("; "));
    Ok(timelines)
}

/// Of each scenario that was played, by name: what the driver executed.
fn read(folder: &Path, image: &Image) -> Result<Vec<(String, Executed)>> {
    let mut played = Vec::new();
    for text in texts(folder)? {
        let counts = Counts::parse(&text).context("callgrind's file")?;
        let words: Vec<&str> = counts.mark.split_whitespace().collect();
        if let [name, base] = words[..] {
            let base =
                u64::from_str_radix(base, 16).with_context(|| format!("{:?}", counts.mark))?;
            played.push((name.to_owned(), counts.of_image(image, base)?));
        }
    }
    Ok(played)
}

/// What callgrind's files say. They are large, and what matters of it goes into a table: they are removed.
fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains("callgrind.out"))
        .collect();
    files.sort();
    let mut texts = Vec::new();
    for path in files {
        texts.push(fs::read_to_string(&path).with_context(|| path.display().to_string())?);
        fs::remove_file(&path)?;
    }
    Ok(texts)
}
