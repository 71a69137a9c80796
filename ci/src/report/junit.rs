//! JUnit: a scenario is a test suite, a check a test case.

use junit_report::{
    Duration, OffsetDateTime, ReportBuilder, TestCase, TestCaseBuilder, TestSuite, TestSuiteBuilder,
};

use super::{RunReport, escape};
use crate::faults::Tally;
use crate::interleave::Interleaved;
use crate::verdict::{CheckResult, ScenarioReport, Verdict};

/// The run as a JUnit file.
///
/// # Errors
/// What the XML writer says.
pub fn junit(report: &RunReport) -> Result<Vec<u8>, junit_report::Error> {
    let mut builder = ReportBuilder::new();
    for (index, scenario) in report.scenarios.iter().enumerate() {
        let duration = Duration::try_from(report.duration(index)).unwrap_or(Duration::ZERO);
        let mut suite = TestSuiteBuilder::new(&escape::xml(&scenario.scenario));
        // The moment of a run is no part of what was found out; without one, reports of equal runs are equal.
        suite.set_timestamp(OffsetDateTime::UNIX_EPOCH);
        suite.set_system_out(&escape::xml(&about(report, scenario)));
        for (index, check) in scenario.checks.iter().enumerate() {
            // The scenario ran once for all of its checks; its duration is told once.
            let duration = if index == 0 { duration } else { Duration::ZERO };
            suite.add_testcase(case(scenario, check, duration));
        }
        builder.add_testsuite(suite.build());
    }
    if let Some(tally) = &report.faults {
        builder.add_testsuite(faults(tally));
    }
    if let Some(run) = &report.interleaved {
        builder.add_testsuite(interleaved(run));
    }
    if !report.problems.is_empty() {
        let mut suite = TestSuiteBuilder::new("machine");
        suite.set_timestamp(OffsetDateTime::UNIX_EPOCH);
        for problem in &report.problems {
            let (title, text) = (escape::xml(&problem.title), escape::xml(&problem.text));
            let case = TestCaseBuilder::error(&title, Duration::ZERO, "machine", &text)
                .set_classname("machine")
                .build();
            suite.add_testcase(case);
        }
        builder.add_testsuite(suite.build());
    }
    let mut xml = Vec::new();
    builder.build().write_xml(&mut xml)?;
    Ok(xml)
}

/// A test case for each service: that it failed broke no rule.
fn faults(tally: &Tally) -> TestSuite {
    let mut suite = TestSuiteBuilder::new("faults");
    suite.set_timestamp(OffsetDateTime::UNIX_EPOCH);
    for (name, row) in &tally.rows {
        let found = format!(
            "{} refused, {} absorbed, {} broken",
            row.refused, row.absorbed, row.broken
        );
        let mut case = if row.broken == 0 {
            TestCaseBuilder::success(&escape::xml(name), Duration::ZERO)
        } else {
            TestCaseBuilder::failure(&escape::xml(name), Duration::ZERO, "failed", &found)
        };
        case.set_classname("faults").set_system_out(&found);
        suite.add_testcase(case.build());
    }
    for broken in &tally.broken {
        let (name, text) = (escape::xml(&broken.replay()), escape::xml(&broken.words()));
        let mut case = TestCaseBuilder::failure(&name, Duration::ZERO, "failed", &text);
        suite.add_testcase(case.set_classname("faults").build());
    }
    suite.build()
}

/// A test case for each activity: that it was interleaved broke no rule; and one for what did.
fn interleaved(run: &Interleaved) -> TestSuite {
    let mut suite = TestSuiteBuilder::new("interleave");
    suite.set_timestamp(OffsetDateTime::UNIX_EPOCH);
    for (name, row) in run.rows() {
        let told = format!(
            "{} schedules at {} boundaries, {} waited",
            row.schedules, row.boundaries, row.waited
        );
        let mut case = TestCaseBuilder::success(name, Duration::ZERO);
        case.set_classname("interleave").set_system_out(&told);
        suite.add_testcase(case.build());
    }
    if run.found.is_some() {
        let name = escape::xml(
            &run.replay()
                .unwrap_or_else(|| "between interleavings".into()),
        );
        let text = escape::xml(&run.words());
        let mut case = TestCaseBuilder::failure(&name, Duration::ZERO, "failed", &text);
        suite.add_testcase(case.set_classname("interleave").build());
    }
    suite.build()
}

fn case(scenario: &ScenarioReport, check: &CheckResult, duration: Duration) -> TestCase {
    let found = escape::xml(&format!(
        "{} (limit: {}; observed: {})",
        check.explanation, check.limit, check.observed
    ));
    let name = check.name();
    let mut case = match check.verdict {
        Verdict::Passed => TestCaseBuilder::success(&name, duration),
        Verdict::Failed => TestCaseBuilder::failure(&name, duration, "failed", &found),
        // Says nothing of the driver, right or wrong.
        Verdict::Inconclusive => {
            TestCaseBuilder::skipped_with_cause(&name, check.verdict.word(), &found)
        }
        // What did not prove anything is an error of the run.
        Verdict::NotProven => TestCaseBuilder::error(&name, duration, check.verdict.word(), &found),
    };
    case.set_classname(&escape::xml(&scenario.scenario));
    case.set_system_out(&escape::xml(&format!(
        "limit: {}\nobserved: {}\nreplay: {}",
        check.limit, check.observed, scenario.replay
    )));
    case.build()
}

fn about(report: &RunReport, scenario: &ScenarioReport) -> String {
    let run = &report.run;
    format!(
        "{}\nmachine: {} ({})\ndriver: sha256 {}\nthis machine cannot prove: {}\nreplay: {}",
        scenario.about,
        run.machine,
        run.system,
        run.driver_sha256,
        run.cannot_prove.join(", "),
        scenario.replay
    )
}
