//! Blessing: a right run becomes the golden. In two steps, so that the differences are seen before anything is written,
//! and never from a run that another check rejects.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{
    CaptureGolden, Given, Golden, RecordGolden, SweepGolden, TimingGolden, capture, format_name,
    load, load_sweep, paths, sweep_path,
};
use crate::Evidence;
use crate::check;
use crate::expected::Expected;
use crate::scenario::ScenarioFile;
use crate::stream::Stream;
use crate::sweep::judged;
use crate::verdict::{RunInfo, Verdict, judge};

/// A new golden that has not been written yet.
#[derive(Clone, Debug)]
pub struct Blessing {
    /// How it differs from the present one, a line each; empty when it does not.
    pub differences: Vec<String>,
    files: Vec<(PathBuf, String)>,
}

impl Blessing {
    /// Writes the golden's files.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn write(&self) -> io::Result<()> {
        for (path, text) in &self.files {
            path.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(path, text))
                .map_err(|error| {
                    io::Error::new(
                        error.kind(),
                        format!("cannot write {}: {error}", path.display()),
                    )
                })?;
        }
        Ok(())
    }
}

/// Why a run must not become the golden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlessError(String);

impl fmt::Display for BlessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BlessError {}

/// Prepares a golden from a run.
///
/// # Errors
/// When any check that does not compare with the golden did not pass; each is named with what it found.
pub fn bless(
    folder: &Path,
    file: &ScenarioFile,
    evidence: &Evidence,
    run: &RunInfo,
) -> Result<Blessing, BlessError> {
    let present = load(folder, file);
    let report = judge(file, evidence, present.as_ref(), run);
    let rejected: Vec<String> = report
        .checks
        .iter()
        .filter(|each| each.verdict != Verdict::Passed && !check::needs_golden(each.id))
        .map(|each| {
            format!(
                "\n  {} {}: {}",
                each.name(),
                each.verdict.word(),
                each.explanation
            )
        })
        .collect();
    if !rejected.is_empty() {
        return Err(BlessError(format!(
            "{} is not blessed, because this run is not right:{}\nTo see the run again: {}",
            file.name(),
            rejected.concat(),
            report.replay
        )));
    }
    let golden = new_golden(file, evidence, run)
        .map_err(|reason| BlessError(format!("{} is not blessed: {reason}", file.name())))?;
    let differences = match &present {
        Ok(present) => differences(present, &golden),
        Err(error) => vec![error.to_string()],
    };
    let [capture, timing, record, players] = paths(folder, file.name());
    let mut files = vec![
        (capture, golden.capture.to_toml(&file.scenario)),
        (timing, golden.timing.to_toml()),
    ];
    for (path, given, of) in [
        (record, golden.record, Given::Recorders),
        (players, golden.players, Given::Players),
    ] {
        files.extend(given.map(|given| (path, given.to_toml(of))));
    }
    Ok(Blessing { differences, files })
}

/// Prepares the golden of a sweep from what each of its formats gave. Formats that were not played keep their lines.
///
/// # Errors
/// When a check rejects any format; the first ones are named with what was found.
pub fn bless_sweep(
    folder: &Path,
    file: &ScenarioFile,
    parts: &[Evidence],
    run: &RunInfo,
) -> Result<Blessing, BlessError> {
    let present = load_sweep(folder, file);
    let mut golden = SweepGolden::default();
    let mut rejected = Vec::new();
    for (part, evidence) in file.parts().iter().zip(parts) {
        let format = part.scenario.format;
        let (complaints, heard) = judged(part, evidence, run);
        if let Some((_, text)) = complaints.first() {
            let replay = run.replay(&format!("{}/{}", file.name(), format_name(format)));
            rejected.push(format!("\n  {}: {text}; {replay}", format_name(format)));
        }
        golden.add(format, &heard);
    }
    if !rejected.is_empty() {
        let more = rejected.len().saturating_sub(3);
        rejected.truncate(3);
        if more > 0 {
            rejected.push(format!("\n  and {more} more formats"));
        }
        return Err(BlessError(format!(
            "{} is not blessed, because this run is not right:{}",
            file.name(),
            rejected.concat()
        )));
    }
    let differences = match &present {
        Err(error) => vec![format!("{error}: {} formats", golden.len())],
        Ok(present) => {
            let changed: Vec<&str> = present.changed(&golden).collect();
            match changed.first() {
                None => Vec::new(),
                Some(first) => vec![format!(
                    "{} formats give other audio, the first is {first}",
                    changed.len()
                )],
            }
        }
    };
    let golden = present.map_or_else(|_| golden.clone(), |present| present.merged(golden.clone()));
    Ok(Blessing {
        differences,
        files: vec![(sweep_path(folder, file.name()), golden.to_text())],
    })
}

fn new_golden(file: &ScenarioFile, evidence: &Evidence, run: &RunInfo) -> Result<Golden, String> {
    let stream = Stream::of_main(
        &evidence.timeline,
        &file.scenario,
        evidence.machine.qpc_frequency,
    )?;
    // The capture equals this: the check that says so has passed.
    let expected = Expected::of(&stream, file.scenario.format.frame_bytes())?;
    Ok(Golden {
        capture: CaptureGolden::of(&file.scenario, &expected, run.seed)?,
        timing: TimingGolden::of(&stream)?,
        record: check::given_golden(file, evidence, run.seed, false)?,
        players: check::given_golden(file, evidence, run.seed, true)?,
    })
}

fn differences(old: &Golden, new: &Golden) -> Vec<String> {
    let mut lines = Vec::new();
    let mut compare = |what: &str, old: String, new: String| {
        if old != new {
            lines.push(format!("{what}: {old} becomes {new}"));
        }
    };
    let runs = |golden: &Golden| -> Vec<String> {
        golden.capture.runs.iter().map(capture::segment).collect()
    };
    compare(
        "seed",
        old.capture.seed.to_string(),
        new.capture.seed.to_string(),
    );
    compare("audio", runs(old).join(", "), runs(new).join(", "));
    compare(
        "sha256",
        old.capture.sha256.clone(),
        new.capture.sha256.clone(),
    );
    compare(
        "notifications",
        old.timing.notified.len().to_string(),
        new.timing.notified.len().to_string(),
    );
    compare(
        "positions",
        old.timing.positions.len().to_string(),
        new.timing.positions.len().to_string(),
    );
    let given = |golden: &Option<RecordGolden>| {
        let golden = golden.clone();
        golden.map_or_else(Vec::new, |golden| golden.recorders)
    };
    for (what, old, new) in [
        ("recorder", &old.record, &new.record),
        ("later player", &old.players, &new.players),
    ] {
        for (number, (old, new)) in (1..).zip(given(old).iter().zip(&given(new))) {
            for difference in old.differences(new) {
                lines.push(format!("{what} {number}: {difference}"));
            }
        }
    }
    let moved = |old: &mut dyn Iterator<Item = i64>, new: &mut dyn Iterator<Item = i64>| {
        old.zip(new)
            .map(|(old, new)| (new - old).abs())
            .max()
            .unwrap_or(0)
    };
    let notified = moved(
        &mut old.timing.notified.iter().copied(),
        &mut new.timing.notified.iter().copied(),
    );
    let positions = moved(
        &mut old.timing.positions.iter().map(|(time, _)| *time),
        &mut new.timing.positions.iter().map(|(time, _)| *time),
    );
    for (by, what) in [(notified, "notifications"), (positions, "positions")] {
        if by > 0 {
            lines.push(format!("{what}: moved by up to {:.1} us", by as f64 / 10.0));
        }
    }
    lines
}
