//! The golden of a sweep: for each format how many frames of signal came out of the tap, and their SHA-256; a line each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use waverig_protocol::scenario::Format;

use super::capture::format_name;
use crate::sweep::Heard;
use crate::verdict::Verdict;

/// What came out when it was right, by the format's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepGolden {
    lines: BTreeMap<String, (u64, String)>,
}

impl SweepGolden {
    /// Takes what came out in one format.
    pub(super) fn add(&mut self, format: Format, heard: &Heard) {
        self.lines
            .insert(format_name(format), (heard.frames, heard.sha256.clone()));
    }

    /// Keeps what is known of formats that are not in `newer`, and takes the rest from there.
    pub(super) fn merged(&self, newer: Self) -> Self {
        let mut lines = self.lines.clone();
        lines.extend(newer.lines);
        Self { lines }
    }

    /// How many formats it knows.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Formats that are only in the other one, or different there.
    pub(super) fn changed<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        other
            .lines
            .iter()
            .filter(|(name, line)| self.lines.get(*name) != Some(line))
            .map(|(name, _)| &name[..])
    }

    /// What is wrong with what came out in a format.
    pub(crate) fn check(&self, format: Format, heard: &Heard) -> Option<(Verdict, String)> {
        match self.lines.get(&format_name(format)) {
            None => Some((
                Verdict::NotProven,
                "golden: it has no line for this format; cargo xtask bless adds it".into(),
            )),
            Some((frames, sha256)) if (*frames, sha256) != (heard.frames, &heard.sha256) => Some((
                Verdict::Failed,
                format!(
                    "golden: {} frames with sha256 {}, golden are {frames} with {sha256}",
                    heard.frames, heard.sha256
                ),
            )),
            Some(_) => None,
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow "is corrupt:".
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split(' ').collect();
            let parsed = match words[..] {
                [name, frames, sha256] if sha256.len() == 64 => frames
                    .parse::<u64>()
                    .ok()
                    .map(|frames| (name.to_owned(), (frames, sha256.to_owned()))),
                _ => None,
            };
            let (name, line) = parsed.ok_or_else(|| {
                format!("line {number} is no format, number of frames and SHA-256: {line:?}")
            })?;
            if lines.insert(name, line).is_some() {
                return Err(format!("line {number} is the second one of its format"));
            }
        }
        Ok(Self { lines })
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "# What comes out of the tap in each format: frames of signal, and their SHA-256. Made by `cargo xtask bless`.\n",
        );
        for (name, (frames, sha256)) in &self.lines {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {frames} {sha256}");
        }
        text
    }
}
