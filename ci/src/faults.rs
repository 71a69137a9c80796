//! What lives in which services failed came to: counted by service, and each broken rule with what plays it again.

use std::collections::BTreeMap;
use std::fmt::Write;

use waverig_protocol::fault::{Failed, Life, Outcome};

use crate::Verdict;

/// A life that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What was played.
    pub scenario: String,
    /// Which services were to fail.
    pub plan: Vec<u64>,
    /// Those that did.
    pub failed: Vec<Failed>,
    /// The rule and how it was broken.
    pub text: String,
    /// The seed of the run.
    pub seed: u64,
    /// The options that name the driver, each with a space before it; none for the product.
    pub driver: String,
}

impl Broken {
    /// The command that lives this life again.
    #[must_use]
    pub fn replay(&self) -> String {
        let plan: Vec<String> = self.plan.iter().map(u64::to_string).collect();
        let seed = match self.seed {
            1 => String::new(),
            seed => format!(" --seed {seed}"),
        };
        format!(
            "cargo xtask faults{} --filter {} --replay {}{seed}",
            self.driver,
            self.scenario,
            plan.join(",")
        )
    }

    /// All of it, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let mut text = format!("broken in {}:\n", self.scenario);
        for failed in &self.failed {
            text += &format!("  {}\n", told(failed));
        }
        for line in self.text.lines() {
            text += &format!("  {line}\n");
        }
        text + &format!("  next: {}\n", self.replay())
    }
}

/// A failure in words.
fn told(failed: &Failed) -> String {
    let detail = match failed.detail.as_str() {
        "" => String::new(),
        detail => format!(" ({detail})"),
    };
    format!(
        "service {}, {}{detail}, failed, called at {}",
        failed.number,
        failed.service,
        failed.place.as_deref().unwrap_or("an unknown place")
    )
}

/// What came of the failures of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// How often it is used when nothing fails, over all scenarios.
    pub used: u64,
    /// It alone failed, and something was refused.
    pub refused: u64,
    /// It alone failed, and everything went on.
    pub absorbed: u64,
    /// It alone failed, and a rule was broken.
    pub broken: u64,
}

/// All lives of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// By the name of the service.
    pub rows: BTreeMap<String, Row>,
    /// Services that were used when nothing failed, by scenario.
    used: BTreeMap<String, u64>,
    /// Lives in which one service was to fail.
    pub singles: u64,
    /// Lives in which two were.
    pub pairs: u64,
    /// Of those, lives in which both did.
    pub both: u64,
    /// Lives that broke a rule, in the order of the plans.
    pub broken: Vec<Broken>,
    /// How long it took.
    pub seconds: f64,
}

impl Tally {
    /// Counts a life that broke no rule.
    pub fn add(&mut self, scenario: &str, life: Life) {
        match life.plan.len() {
            0 => {
                for (name, count) in life.used {
                    self.rows.entry(name).or_default().used += count;
                    *self.used.entry(scenario.to_owned()).or_default() += count;
                }
            }
            1 => {
                self.singles += 1;
                if let [failed] = &life.failed[..] {
                    let row = self.rows.entry(failed.service.clone()).or_default();
                    match life.outcome {
                        Outcome::Refused => row.refused += 1,
                        Outcome::Absorbed => row.absorbed += 1,
                        Outcome::Unused => {}
                    }
                }
            }
            _ => {
                self.pairs += 1;
                self.both += u64::from(life.failed.len() > 1);
            }
        }
    }

    /// Those of another tally too.
    pub fn merge(&mut self, other: Self) {
        for (name, row) in other.rows {
            let own = self.rows.entry(name).or_default();
            own.used += row.used;
            own.refused += row.refused;
            own.absorbed += row.absorbed;
            own.broken += row.broken;
        }
        for (name, count) in other.used {
            *self.used.entry(name).or_default() += count;
        }
        self.singles += other.singles;
        self.pairs += other.pairs;
        self.both += other.both;
        self.broken.extend(other.broken);
    }

    /// Counts a life that broke a rule.
    pub fn add_broken(&mut self, broken: Broken) {
        if let ([_], [failed]) = (&broken.plan[..], &broken.failed[..]) {
            self.rows.entry(failed.service.clone()).or_default().broken += 1;
        }
        self.broken.push(broken);
    }

    /// Services that a scenario uses when nothing fails.
    #[must_use]
    pub fn used_in(&self, scenario: &str) -> u64 {
        self.used.get(scenario).copied().unwrap_or(0)
    }

    /// A table for people; empty when nothing was counted.
    #[must_use]
    pub fn table(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let width = self.rows.keys().map(String::len).max().unwrap_or(0);
        let mut text = format!(
            "{:<width$}  {:>5}  {:>7}  {:>8}  {:>6}\n",
            "service", "used", "refused", "absorbed", "broken"
        );
        for (name, row) in &self.rows {
            let Row {
                used,
                refused,
                absorbed,
                broken,
            } = row;
            // Writing into a string does not fail.
            let _ = writeln!(
                text,
                "{name:<width$}  {used:>5}  {refused:>7}  {absorbed:>8}  {broken:>6}"
            );
        }
        text
    }

    /// Passed when no life broke a rule.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.broken.is_empty())
    }

    /// The whole in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let lives = self.singles + self.pairs + self.broken.len() as u64;
        let verdict = self.verdict().word();
        let sum = |of: fn(&Row) -> u64| self.rows.values().map(of).sum::<u64>();
        format!(
            "{verdict}: {lives} lives in which services failed, {} broke a rule ({} of one service: {} refused, {} absorbed; {} of two, {} of them met both) in {:.1} s",
            self.broken.len(),
            self.singles,
            sum(|row| row.refused),
            sum(|row| row.absorbed),
            self.pairs,
            self.both,
            self.seconds
        )
    }
}
