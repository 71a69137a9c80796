//! The golden timing: when notifications came and which positions were told, relative to the start of the stream.

use std::fmt::Write as _;

use serde::Deserialize;

use super::toml_error;
use crate::stream::Stream;

/// When things happened when it was right. Times are units of 100 ns since the stream first ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingGolden {
    /// Notifications.
    pub notified: Vec<i64>,
    /// Positions: when the client asked, and the frames it was told.
    pub positions: Vec<(i64, u64)>,
}

/// The file as it is written: steps with the number of their repetitions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    notified: Vec<[i64; 2]>,
    positions: Vec<[i64; 3]>,
}

/// Most entries a file may unfold to.
const MOST_ENTRIES: usize = 10_000_000;

impl TimingGolden {
    /// The timing of a stream.
    ///
    /// # Errors
    /// When the stream never ran.
    pub fn of(stream: &Stream) -> Result<Self, String> {
        let start = stream.clock.start().ok_or("the stream never ran")?;
        // Before the start the client may already have asked; those answers are negative times and belong to it.
        let hns = |qpc: i64| stream.clock.nanos(qpc - start).div_euclid(100);
        Ok(Self {
            notified: stream.notified.iter().map(|qpc| hns(*qpc)).collect(),
            positions: stream
                .positions
                .iter()
                .map(|(qpc, frames)| (hns(*qpc), *frames))
                .collect(),
        })
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow "is corrupt:".
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        let mut golden = Self {
            notified: Vec::new(),
            positions: Vec::new(),
        };
        let overflow = || "its steps add up to numbers that no run has".to_owned();
        let mut time = 0_i64;
        for [step, count] in file.notified {
            for _ in 0..repeat(count, golden.notified.len())? {
                time = time.checked_add(step).ok_or_else(overflow)?;
                golden.notified.push(time);
            }
        }
        let (mut time, mut frames) = (0_i64, 0_u64);
        for [step, advance, count] in file.positions {
            for _ in 0..repeat(count, golden.positions.len())? {
                time = time.checked_add(step).ok_or_else(overflow)?;
                frames = frames.checked_add_signed(advance).ok_or_else(overflow)?;
                golden.positions.push((time, frames));
            }
        }
        Ok(golden)
    }

    /// The file's text.
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# Notifications and positions when it is right, as steps since the start of the stream.\n\
             # Made by `cargo xtask bless`; do not edit.\n\
             # [step in 100 ns, how often]\nnotified = [\n",
        );
        let mut before = 0;
        let steps = self.notified.iter().map(|time| {
            let step = time - before;
            before = *time;
            [step]
        });
        rows(&mut text, steps);
        text.push_str("]\n# [step in 100 ns, step in frames, how often]\npositions = [\n");
        let mut before = (0, 0);
        let steps = self.positions.iter().map(|&(time, frames)| {
            // Frame counts of a run are far below 2^63.
            let step = [time - before.0, frames as i64 - before.1];
            before = (time, frames as i64);
            step
        });
        rows(&mut text, steps);
        text.push_str("]\n");
        text
    }
}

fn repeat(count: i64, have: usize) -> Result<usize, String> {
    usize::try_from(count)
        .ok()
        .filter(|count| *count > 0 && have.saturating_add(*count) <= MOST_ENTRIES)
        .ok_or_else(|| format!("a step is repeated {count} times"))
}

/// Writes equal steps once, with how often they follow each other.
fn rows<const N: usize>(text: &mut String, steps: impl Iterator<Item = [i64; N]>) {
    let mut runs: Vec<([i64; N], usize)> = Vec::new();
    for step in steps {
        match runs.last_mut() {
            Some((last, count)) if *last == step => *count += 1,
            _ => runs.push((step, 1)),
        }
    }
    for line in runs.chunks(8) {
        let rows: Vec<String> = line
            .iter()
            .map(|(step, count)| {
                let mut row: Vec<String> = step.iter().map(i64::to_string).collect();
                row.push(count.to_string());
                format!("[{}]", row.join(", "))
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {},", rows.join(", "));
    }
}
