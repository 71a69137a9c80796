//! The life after a failure, judged as a run of its scenario is: every check, against the same goldens.

use std::path::Path;

use waverig_ci::scenario::ScenarioFile;
use waverig_ci::{Evidence, RunInfo, Verdict, golden, judge};
use waverig_protocol::fault::Life;

/// Judges lives on one machine.
pub(super) struct Judge<'a> {
    file: &'a ScenarioFile,
    goldens: Option<&'a Path>,
    seed: u64,
    /// What was told since the life before.
    pub(super) evidence: Evidence,
}

impl<'a> Judge<'a> {
    /// On a fresh machine; without goldens nothing is judged.
    pub(super) fn new(file: &'a ScenarioFile, goldens: Option<&'a Path>, seed: u64) -> Self {
        Self {
            file,
            goldens,
            seed,
            evidence: Evidence::none(),
        }
    }

    /// A life is over, and with it the one after it: what is wrong with that, in words.
    pub(super) fn after(&mut self, life: &Life) -> Option<String> {
        let next = Evidence::on(
            self.evidence.machine.clone(),
            self.evidence.installed.clone(),
        );
        let evidence = std::mem::replace(&mut self.evidence, next);
        let goldens = self.goldens.filter(|_| !life.plan.is_empty())?;
        let installed = evidence.installed.as_ref();
        let run = RunInfo {
            machine: "sim".into(),
            system: evidence.machine.system.clone(),
            driver_sha256: installed.map_or_else(String::new, |it| it.driver_sha256.clone()),
            seed: self.seed,
            endpoints: Vec::new(),
            cannot_prove: Vec::new(),
            remarks: Vec::new(),
        };
        let golden = golden::load(goldens, self.file);
        let report = judge(self.file, &evidence, golden.as_ref(), &run);
        if report.verdict == Verdict::Passed {
            return None;
        }
        let wrong: Vec<String> = report
            .complaints()
            .map(|check| {
                format!(
                    "{}: {}, not {}; {}",
                    check.name(),
                    check.observed,
                    check.limit,
                    check.explanation
                )
            })
            .collect();
        Some(format!(
            "in the next run, in which nothing failed: {}",
            wrong.join("\n")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use waverig_protocol::fault::Outcome;

    #[test]
    fn a_life_after_a_failure_in_which_nothing_was_seen_is_wrong() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci");
        let path = root.join("scenarios/faults-shared.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let file = ScenarioFile::parse(&path, &text).unwrap();
        let goldens = root.join("golden");
        let check = |plan: &[u64], goldens, expect: bool| {
            let life = Life {
                plan: plan.to_vec(),
                failed: Vec::new(),
                outcome: Outcome::Refused,
                refusals: Vec::new(),
                used: BTreeMap::new(),
            };
            let wrong = Judge::new(&file, goldens, 1).after(&life);
            assert_eq!(wrong.is_some(), expect, "{wrong:?}");
        };
        check(&[1], Some(&*goldens), true);
        check(&[1], None, false);
        // There was no life after it.
        check(&[], Some(&*goldens), false);
    }
}
