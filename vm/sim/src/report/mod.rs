//! The end of a run that broke a fatal rule: a report with code, registers, symbolised stack and the last calls.

mod cause;
pub(crate) mod place;
mod stack;
mod text;

use std::env;
use std::fs;
use std::io::Write;
use std::panic;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waverig_protocol::diagnostic::{self, Place};

use crate::coverage;
use crate::finding::Finding;
use crate::host::{REGISTER_NAMES, fault, watchdog};
use crate::inlined;
use crate::kernel::try_kernel;
use crate::rules;
use crate::seh;

pub(crate) use cause::on_fault;
pub use cause::{BugCheck, Cause};
pub use place::set_sources;

/// Exit code of a simulator process that ended with a report.
pub const EXIT_FAULT: i32 = 97;
/// Exit code when not even the report could be written.
pub const EXIT_REPORT_FAILED: i32 = 98;
/// Environment variable with the path that the report goes to as JSON.
pub const REPORT_PATH: &str = "WAVERIG_SIM_REPORT";
/// Seconds that writing a report may take.
const REPORT_LIMIT: u32 = 20;

/// One step of the stack, innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackFrame {
    /// `driver.sys+0x…`, or an address outside of any driver.
    pub place: String,
    /// Function, when the PDB knows it; for a step between driver and kernel its name.
    pub function: Option<String>,
    /// Source file.
    pub file: Option<String>,
    /// Line in it.
    pub line: Option<u32>,
}

/// Why a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Short name of the broken rule.
    pub rule: String,
    /// What the rule asks for.
    pub title: String,
    /// What the driver did.
    pub text: String,
    /// Where the rule is written.
    pub source: String,
    /// The bug check that Windows would have shown, such as `0x1E KMODE_EXCEPTION_NOT_HANDLED`.
    pub code: Option<String>,
    /// Its parameters, in hexadecimal.
    pub parameters: Vec<String>,
    /// The innermost place in the driver's own sources.
    #[serde(default)]
    pub place: Option<Place>,
    /// The command that plays it again, when the host has told one.
    #[serde(default)]
    pub replay: Option<String>,
    /// Registers by name, in hexadecimal; empty when the processor saw no fault.
    pub registers: Vec<(String, String)>,
    /// The stack, innermost first.
    pub stack: Vec<StackFrame>,
    /// The last calls between kernel and driver, oldest first.
    pub calls: Vec<String>,
    /// What was still to happen.
    pub outlook: Vec<String>,
    /// Virtual time in ticks of 100 ns since boot.
    pub at: u64,
    /// Seed of the run.
    pub seed: u64,
    /// Rules broken before.
    pub findings: Vec<Finding>,
}

/// The command that plays what runs now again.
static REPLAY: Mutex<Option<String>> = Mutex::new(None);

/// From now on reports name this command as the one that plays it again.
pub fn set_replay(command: &str) {
    *REPLAY.lock().unwrap_or_else(PoisonError::into_inner) = Some(command.to_owned());
}

fn replay() -> Option<String> {
    let replay = REPLAY.lock().unwrap_or_else(PoisonError::into_inner);
    replay.clone()
}

/// What a rule asks for, where that is written, and how to play it again.
pub(crate) fn documentation(rule: &str, source: &str) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if let Some(rule) = rules::find(rule) {
        notes.push(("rule", rule.title.to_owned()));
    }
    let pages = diagnostic::links(source).into_iter();
    let lines: Vec<String> = [source.to_owned()].into_iter().chain(pages).collect();
    notes.push(("documentation", lines.join("\n")));
    if let Some(command) = replay() {
        notes.push(("replay", command));
    }
    notes
}

type Sink = fn(&Report);

static SINK: OnceLock<Sink> = OnceLock::new();
static INSTALLED: OnceLock<()> = OnceLock::new();

/// Exit code of a run that ends with a report.
static EXIT: AtomicI32 = AtomicI32::new(EXIT_FAULT);

/// Makes a run that ends with a report exit with this code, where [`EXIT_FAULT`] means nothing.
pub fn set_exit(code: i32) {
    EXIT.store(code, Ordering::SeqCst);
}

/// Sets who else gets the report before the process ends; the first caller wins.
pub fn set_sink(sink: Sink) {
    // A second sink of the same process could only be a defect; the first stays.
    let _ = SINK.set(sink);
}

/// Makes every fault, panic and runaway of this thread end the process with a report.
///
/// # Errors
/// When the host refuses stacks or handlers.
pub fn install(runaway_after: Duration) -> std::io::Result<()> {
    fault::install(cause::on_fault, inlined::emulate, coverage::hit)?;
    inlined::install()?;
    seh::install();
    panic::set_hook(Box::new(|info| {
        if try_kernel().is_some() {
            end(Cause::rule(&rules::SIMULATOR_DEFECT, info.to_string()));
        }
        eprintln!("waverig-sim: {info}");
    }));
    watchdog::start(runaway_after)?;
    // A second install only renews the handlers.
    let _ = INSTALLED.set(());
    Ok(())
}

/// Ends the run: writes the report everywhere it goes, then exits. In a process that did not [`install`] (a unit test)
/// it panics with the text instead.
pub fn end(cause: Cause) -> ! {
    if INSTALLED.get().is_none() {
        panic!("[{}] {}", cause.rule.id, cause.text);
    }
    if !fault::limit_report(REPORT_LIMIT) {
        // Writing the report went wrong itself: the least that can still be said.
        let _ = writeln!(
            std::io::stderr(),
            "waverig-sim: while a report was written: [{}] {}",
            cause.rule.id,
            cause.text
        );
        fault::exit_now(EXIT_REPORT_FAILED);
    }
    crate::nt::pageable::reveal();
    let report = build(&cause);
    coverage::write();
    if let Some(sink) = SINK.get() {
        sink(&report);
    }
    let mut error = std::io::stderr().lock();
    // Nothing can be done about a closed stderr; the JSON file is independent of it.
    let _ = write!(error, "{report}");
    if let Some(path) = env::var_os(REPORT_PATH) {
        let json = serde_json::to_vec_pretty(&report)
            .unwrap_or_else(|error| error.to_string().into_bytes());
        if let Err(problem) = fs::write(&path, json) {
            let _ = writeln!(
                error,
                "waverig-sim: cannot write the report to {}: {problem}",
                path.display()
            );
        }
    }
    fault::exit_now(EXIT.load(Ordering::SeqCst))
}

fn build(cause: &Cause) -> Report {
    let mut report = Report {
        rule: cause.rule.id.to_owned(),
        title: cause.rule.title.to_owned(),
        text: cause.text.clone(),
        source: cause.rule.source.to_owned(),
        ..Report::default()
    };
    if let Some(bug_check) = &cause.bug_check {
        report.code = Some(bug_check.to_string());
        report.parameters = bug_check
            .parameters
            .iter()
            .map(|value| format!("{value:#018x}"))
            .collect();
    }
    if let Some(registers) = &cause.registers {
        let named = REGISTER_NAMES.iter().zip(registers.general);
        let more = [("rip", registers.rip), ("rflags", registers.rflags)];
        let all = named.map(|(name, value)| (*name, value)).chain(more);
        report.registers = all
            .map(|(name, value)| (name.to_owned(), format!("{value:016x}")))
            .collect();
    }
    if let Some(kernel) = try_kernel() {
        report.stack = stack::walk(kernel, cause.registers.as_ref());
        report.place = place::of_stack(&report.stack);
        report.replay = replay();
        report.calls = kernel.calls.history();
        report.outlook = kernel.schedule.outlook(8);
        report.at = kernel.now().0;
        report.seed = kernel.random.seed();
        report.findings = symbolised(kernel.findings.all());
    }
    report
}

/// Where the driver is in what runs now: up to `limit` places in its own sources, innermost first.
pub(crate) fn driver_place(limit: usize) -> Option<String> {
    let kernel = try_kernel()?;
    let frames = stack::walk(kernel, None).into_iter().skip(1);
    let places: Vec<String> = frames
        .take_while(|frame| !frame.place.is_empty())
        .filter(|frame| {
            frame
                .file
                .as_ref()
                .is_some_and(|file| !file.starts_with("/rustc/"))
        })
        .take(limit)
        .map(|frame| {
            let file = frame.file.unwrap_or_default();
            let function = frame.function.unwrap_or_default();
            format!("{function} ({file}:{})", frame.line.unwrap_or(0))
        })
        .collect();
    (!places.is_empty()).then(|| places.join(", called by "))
}

/// Findings with their places looked up in the PDB.
pub fn symbolised(mut findings: Vec<Finding>) -> Vec<Finding> {
    for finding in &mut findings {
        if let Some(address) = finding.address {
            finding.place = Some(crate::image::describe(address));
        }
    }
    findings
}
