//! What interleavings of two processors came to: a table by activity, and the first that broke a rule with what plays it again.

use std::fmt::Write;

use waverig_protocol::interleave::{ACTIVITIES, Row, Schedule, Tally};

use crate::Verdict;

/// An interleaving that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which one; `None` when it was found between them.
    pub schedule: Option<Schedule>,
    /// The rule, how it was broken, and where both processors were.
    pub text: String,
}

/// All interleavings of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interleaved {
    /// What was tried.
    pub tally: Tally,
    /// The first that broke a rule.
    pub found: Option<Found>,
    /// How long it took.
    pub seconds: f64,
    /// The options that name the driver, each with a space before it; none for the product.
    pub driver: String,
}

impl Interleaved {
    /// The command that plays what was found again.
    #[must_use]
    pub fn replay(&self) -> Option<String> {
        let schedule = self.found.as_ref()?.schedule?;
        let driver = &self.driver;
        Some(format!(
            "cargo xtask interleave{driver} --replay {schedule}"
        ))
    }

    /// Passed when nothing was found.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.found.is_none())
    }

    /// All of it in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let tally = &self.tally;
        let broke = match self.found {
            None => "broke no rule",
            Some(_) => "were tried when one broke a rule",
        };
        let verdict = self.verdict().word();
        format!(
            "{verdict}: {} interleavings of two processors {broke} ({} of them long, with {} switches) in {:.1} s",
            tally.total(),
            tally.long,
            tally.switches,
            self.seconds
        )
    }

    /// A row for each activity that was wanted.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, &Row)> {
        let all = ACTIVITIES.iter().map(|activity| activity.name());
        all.zip(&self.tally.rows)
            .filter(|(_, row)| row.schedules + row.impossible > 0)
    }

    /// The rows, for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut rows = self.rows().peekable();
        if rows.peek().is_some() {
            text += &format!(
                "{:<18} {:>10} {:>10} {:>8} {:>11}\n",
                "activity", "boundaries", "schedules", "waited", "impossible"
            );
        }
        for (name, row) in rows {
            let _ = writeln!(
                text,
                "{name:<18} {:>10} {:>10} {:>8} {:>11}",
                row.boundaries, row.schedules, row.waited, row.impossible
            );
        }
        text
    }

    /// What was found, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let Some(found) = &self.found else {
            return String::new();
        };
        let next = self
            .replay()
            .map_or_else(String::new, |replay| format!("\n  next: {replay}"));
        format!("broken: {}{next}\n", found.text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waverig_protocol::interleave::Activity;

    #[test]
    fn what_was_tried_and_found_is_told() {
        let mut run = Interleaved::default();
        *run.tally.row(Activity::Cancel) = Row {
            boundaries: 2,
            schedules: 4,
            waited: 1,
            impossible: 3,
        };
        run.tally.long = 5;
        assert!(
            run.line().starts_with("passed: 9 interleavings"),
            "{}",
            run.line()
        );
        let table = run.table();
        assert!(
            table.contains("cancel") && !table.contains("timer"),
            "{table}"
        );
        let schedule = "stream:cancel@7/1".parse().ok();
        let text = "a rule".into();
        run.found = Some(Found { schedule, text });
        assert!(run.line().starts_with("failed: "), "{}", run.line());
        assert_eq!(
            run.words(),
            "broken: a rule\n  next: cargo xtask interleave --replay stream:cancel@7/1\n"
        );
    }
}
