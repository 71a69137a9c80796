//! The other side of a simulator process: runs it under a deadline and turns every end of it into an outcome.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::report::{EXIT_FAULT, EXIT_REPORT_FAILED, REPORT_PATH, Report};
use crate::rules;

/// What Windows leaves of a process that called fast-fail (ntstatus.h).
const STATUS_STACK_BUFFER_OVERRUN: u32 = 0xC000_0409;

/// How often a running child is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// How a simulator process ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its status; `None` when it was killed at the deadline.
    pub status: Option<ExitStatus>,
    /// Why it ended, unless it ended well.
    pub report: Option<Report>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// Runs a simulator process to its end, or kills it after `deadline` of wall-clock time.
///
/// # Errors
/// When the process cannot be started or watched.
pub fn run(command: &mut Command, deadline: Duration, report_path: &PathBuf) -> Result<Outcome> {
    // A report of an earlier run at this path must not be taken for one of this run.
    let _ = fs::remove_file(report_path);
    command
        .env(REPORT_PATH, report_path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() >= deadline {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(LOOK);
    };
    let report = match status {
        Some(status) => explain(status, fs::read(report_path).ok().as_deref()),
        None => Some(own(
            "deadline",
            format!("the simulator did not end within {deadline:?} and was killed"),
        )),
    };
    let join = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(Outcome {
        status,
        report,
        stdout: join(stdout),
        stderr: join(stderr),
    })
}

fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // A broken pipe ends the text early; what came before is kept.
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn own(rule: &str, text: String) -> Report {
    Report {
        rule: rule.to_owned(),
        title: "A simulator process ends in time, by itself, with an exit code.".to_owned(),
        text,
        source: "vm/sim/src/parent.rs".to_owned(),
        ..Report::default()
    }
}

/// The report for an exit status and the JSON that the child left; `None` when it ended in an ordinary way.
pub fn explain(status: ExitStatus, json: Option<&[u8]>) -> Option<Report> {
    let left = json.and_then(|json| serde_json::from_slice(json).ok());
    match status.code() {
        Some(EXIT_FAULT) => Some(left.unwrap_or_else(|| {
            own(
                "lost-report",
                "the run ended with a report that could not be read".to_owned(),
            )
        })),
        Some(EXIT_REPORT_FAILED) => Some(left.unwrap_or_else(|| {
            own(
                "report-failed",
                "the run ended with a fault, and a second one while its report was written"
                    .to_owned(),
            )
        })),
        // On Windows `int 29h` goes to no handler of the process: all that is left of it is this code, and no place.
        Some(code) if code.cast_unsigned() == STATUS_STACK_BUFFER_OVERRUN => Some(Report {
            title: rules::FAST_FAIL.title.to_owned(),
            source: rules::FAST_FAIL.source.to_owned(),
            ..own(
                rules::FAST_FAIL.id,
                "code in this process called fast-fail (int 29h); this host ends it at once, so that neither the fast-fail \
                 code nor a stack is known: play it on Linux for both"
                    .to_owned(),
            )
        }),
        // On Windows a process that the system ends has the exception's code as its exit code.
        Some(code) if !(0..=255).contains(&code) => Some(own(
            "killed",
            format!(
                "the simulator was ended by the system with {:#010x}",
                code.cast_unsigned()
            ),
        )),
        Some(_) => None,
        None => Some(own(
            "killed",
            format!("the simulator was ended from outside or by the host: {status}"),
        )),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn every_end_has_an_explanation() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let rule = |status, json: Option<&[u8]>| explain(status, json).map(|report| report.rule);
        assert_eq!(rule(exit(0), None), None);
        assert_eq!(rule(exit(1), None), None);
        assert_eq!(rule(exit(EXIT_FAULT), None).as_deref(), Some("lost-report"));
        assert_eq!(
            rule(exit(EXIT_FAULT), Some(b"{")).as_deref(),
            Some("lost-report")
        );
        assert_eq!(
            rule(exit(EXIT_REPORT_FAILED), None).as_deref(),
            Some("report-failed")
        );
        assert_eq!(
            rule(ExitStatus::from_raw(libc::SIGKILL), None).as_deref(),
            Some("killed")
        );
        let left = serde_json::to_vec(&own("left", String::new())).expect("a report is JSON");
        assert_eq!(rule(exit(EXIT_FAULT), Some(&left)).as_deref(), Some("left"));
    }
}
