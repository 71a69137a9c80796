//! Runs the simulator as a process over a tiny driver and looks at how it ends.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use waverig_sim::parent::{self, Outcome};
use waverig_sim::report::Report;

use super::Code;

/// Far more than any of these runs needs.
const DEADLINE: Duration = Duration::from_secs(20);

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// Runs the simulator over an image.
pub fn run(name: &str, image: &[u8], options: &[&str]) -> Outcome {
    let driver = folder().join(format!("{name}.sys"));
    fs::write(&driver, image).expect("the target folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_waverig-sim"));
    command.arg("load").arg(&driver).args(options);
    parent::run(&mut command, DEADLINE, &driver.with_extension("json"))
        .expect("the simulator starts")
}

/// The run must end with a report on this rule that contains these words.
pub fn fails(name: &str, code: Code, rule: &str, words: &[&str]) -> Report {
    let outcome = run(name, &code.build(), &["--runaway-ms", "200"]);
    let report = outcome.report.unwrap_or_else(|| {
        panic!(
            "{name} ended with {:?}: {}{}",
            outcome.status, outcome.stdout, outcome.stderr
        )
    });
    assert_eq!(report.rule, rule, "{name}: {report}");
    for word in words {
        assert!(
            outcome.stderr.contains(word),
            "{name}: no {word:?} in\n{}",
            outcome.stderr
        );
    }
    report
}

/// The run must go to its end and list a finding with these words.
pub fn finds(name: &str, code: Code, words: &[&str]) {
    let outcome = run(name, &code.build(), &[]);
    assert!(outcome.report.is_none(), "{name}: {}", outcome.stderr);
    assert_eq!(
        outcome.status.and_then(|status| status.code()),
        Some(1),
        "{name}: {}",
        outcome.stdout
    );
    for word in words {
        assert!(
            outcome.stdout.contains(word),
            "{name}: no {word:?} in\n{}",
            outcome.stdout
        );
    }
}
