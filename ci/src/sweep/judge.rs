//! The verdict on a sweep: one check that names the formats that did not pass, and how to play the first of them again.

use waverig_protocol::Program;

use crate::Evidence;
use crate::check::{self, Context};
use crate::golden::{GoldenError, SweepGolden, format_name, own_golden};
use crate::report::diagnostics::distinct;
use crate::scenario::ScenarioFile;
use crate::verdict::{CheckResult, Picture, RunInfo, ScenarioReport, Verdict};

/// Id of a sweep's check.
pub const FORMATS: &str = "formats";

/// Checks that a run of some milliseconds says nothing about: the slope of its positions is the rounding of the first and the
/// last. Each position by itself is checked all the same.
const TOO_SHORT_FOR: [&str; 1] = ["drift"];

/// Formats that are described.
const SHOWN: usize = 3;

/// What was found out about one format: the checks that did not pass.
struct Complaint {
    format: String,
    verdict: Verdict,
    text: String,
    /// Which of the formats it is.
    index: usize,
}

/// Judges a sweep: `parts` is what each of its formats gave, in order; `machine` is what belongs to none of them.
pub fn judge(
    file: &ScenarioFile,
    machine: &Evidence,
    parts: &[Evidence],
    golden: Result<&SweepGolden, &GoldenError>,
    run: &RunInfo,
) -> ScenarioReport {
    let files = file.parts();
    let mut complaints = Vec::new();
    let mut frames = 0;
    for (index, (file, evidence)) in files.iter().zip(parts).enumerate() {
        let (mut found, heard) = judged(file, evidence, run);
        frames += heard.frames;
        match golden {
            Ok(golden) => found.extend(golden.check(file.scenario.format, &heard)),
            Err(error) => found.push((Verdict::NotProven, error.to_string())),
        }
        if let Some(verdict) = found.iter().map(|(verdict, _)| *verdict).max() {
            let texts: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
            complaints.push(Complaint {
                format: format_name(file.scenario.format),
                verdict,
                text: texts.join("; "),
                index,
            });
        }
    }
    let passed = parts.len() - complaints.len();
    let mut verdict = complaints
        .iter()
        .map(|complaint| complaint.verdict)
        .max()
        .unwrap_or(Verdict::Passed);
    let mut texts = around(machine);
    if !texts.is_empty() {
        verdict = Verdict::Failed;
    }
    if parts.len() != files.len() || parts.is_empty() {
        verdict = verdict.max(Verdict::NotProven);
        texts.push(format!(
            "{} of {} formats were played",
            parts.len(),
            files.len()
        ));
    }
    // Of the worst that came first, as its replay is.
    let worst = complaints.iter().rev().max_by_key(|it| it.verdict);
    let pictures = worst.map_or_else(Vec::new, |it| {
        pictures_of(&files[it.index], &parts[it.index], run)
    });
    let replay = describe(&mut texts, complaints, file.name(), run);
    let result = CheckResult {
        id: FORMATS,
        program: Program::Main,
        verdict,
        limit: format!("each of {} formats passes every check", files.len()),
        observed: format!("{passed} formats passed, {frames} frames"),
        explanation: texts.join("; "),
    };
    ScenarioReport {
        scenario: file.name().to_owned(),
        about: file.scenario.about.clone(),
        verdict,
        checks: vec![result],
        noise: parts
            .iter()
            .filter_map(Evidence::noise)
            .max_by_key(|noise| noise.most),
        fault: None,
        diagnostics: distinct(
            parts
                .iter()
                .chain([machine])
                .flat_map(Evidence::diagnostics),
        ),
        pictures,
        run: run.clone(),
        replay: replay.unwrap_or_else(|| run.replay(file.name())),
    }
}

/// What went wrong before the first format or after the last one.
fn around(machine: &Evidence) -> Vec<String> {
    let fault = machine
        .fault
        .as_ref()
        .map(|fault| format!("the machine crashed outside of a format: {}", fault.summary));
    let findings = machine
        .findings
        .iter()
        .filter(|finding| finding.severity == waverig_protocol::Severity::Error)
        .map(|finding| {
            format!(
                "outside of a format the rule {} was broken: {}",
                finding.rule, finding.text
            )
        });
    let mut texts: Vec<String> = fault.into_iter().chain(findings).collect();
    if texts.is_empty() {
        texts.extend(machine.incomplete.clone());
    }
    texts
}

/// Adds what the worst formats did; gives the command that plays the first of them again.
fn describe(
    texts: &mut Vec<String>,
    mut complaints: Vec<Complaint>,
    scenario: &str,
    run: &RunInfo,
) -> Option<String> {
    // The worst first; within a verdict in the order they were played.
    complaints.sort_by_key(|complaint| std::cmp::Reverse(complaint.verdict));
    let replay = complaints
        .first()
        .map(|first| run.replay(&format!("{scenario}/{}", first.format)));
    let more = complaints.len().saturating_sub(SHOWN);
    texts.extend(complaints.iter().take(SHOWN).map(|complaint| {
        format!(
            "{} {}: {}",
            complaint.format,
            complaint.verdict.word(),
            complaint.text
        )
    }));
    if more > 0 {
        let rest: Vec<&str> = complaints
            .iter()
            .skip(SHOWN)
            .map(|complaint| &complaint.format[..])
            .take(SHOWN * 3)
            .collect();
        texts.push(format!("and {more} more: {}", rest.join(" ")));
    }
    if let Some(replay) = &replay {
        texts.push(format!("to play the first of them again: {replay}"));
    }
    replay
}

/// What came out of the tap in one format, up to the end of the signal.
pub(crate) struct Heard {
    /// How many frames.
    pub(crate) frames: u64,
    /// Their SHA-256.
    pub(crate) sha256: String,
}

impl Heard {
    fn nothing() -> Self {
        Self {
            frames: 0,
            sha256: String::new(),
        }
    }
}

/// Pictures of one format.
fn pictures_of(file: &ScenarioFile, evidence: &Evidence, run: &RunInfo) -> Vec<Picture> {
    let none = own_golden();
    let evidence = &*check::aligned(file, evidence);
    let contexts = Context::all(file, evidence, Err(&none), run.seed);
    let results = contexts.iter().flat_map(|context| {
        let checks = check::CHECKS.iter();
        checks.filter_map(|check| check.result(context))
    });
    check::pictures::of(&contexts, &results.collect::<Vec<_>>())
}

/// What the checks say about one format that did not pass them; golden checks are left out, because a sweep has its own golden.
pub(crate) fn judged(
    file: &ScenarioFile,
    evidence: &Evidence,
    run: &RunInfo,
) -> (Vec<(Verdict, String)>, Heard) {
    let none = own_golden();
    let evidence = &*check::aligned(file, evidence);
    let contexts = Context::all(file, evidence, Err(&none), run.seed);
    // A sweep with a recorder is about what that was given.
    let recorder = contexts.iter().find(|context| context.is_of_recorder());
    let heard = recorder
        .or(contexts.first())
        .map_or_else(Heard::nothing, Context::heard);
    let applies = |id: &str| !check::needs_golden(id) && !TOO_SHORT_FOR.contains(&id);
    let checks = check::CHECKS.iter().filter(|check| applies(check.id));
    let results = contexts
        .iter()
        .flat_map(|context| checks.clone().filter_map(|check| check.result(context)));
    let crashed = evidence.fault.is_some();
    let complaints = results
        .filter(|result| result.verdict != Verdict::Passed)
        // After a crash everything else follows from it.
        .filter(|result| !crashed || result.id == check::NO_FAULT)
        .map(|result| {
            (
                result.verdict,
                format!("{}: {}", result.name(), result.explanation),
            )
        })
        .collect();
    (complaints, heard)
}
