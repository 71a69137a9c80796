//! The golden of recorders, and of what plays later on the cable of the main tap: which frames each gave, where they come from in
//! the signal, and their hashes.

use std::fmt::Write as _;

use serde::Deserialize;
use waverig_protocol::hash::sha256;
use waverig_protocol::scenario::Format;

use super::capture::{block_hashes, format_text, segment};
use super::toml_error;
use crate::evidence::Piece;
use crate::expected::Run;

/// Whose golden it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// What recorders were given.
    Recorders,
    /// What came out of the main tap of later players.
    Players,
}

impl Given {
    fn word(self) -> &'static str {
        match self {
            Self::Recorders => "recorder",
            Self::Players => "player",
        }
    }
}

/// What the recorders of a scenario were given when it was right, or what later players gave, in the scenario's order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordGolden {
    /// The seed of the run it was made from.
    pub seed: u64,
    /// One for each.
    #[serde(rename = "recorder", alias = "player")]
    pub recorders: Vec<GoldenRecorder>,
}

/// What one of them gave.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRecorder {
    /// Its format.
    pub format: Format,
    /// Stretches of frames that were read: `19200 frames from 0`.
    pub read: Vec<String>,
    /// What was recorded, as frames of the signal; nothing at another rate than what is played.
    pub segments: Vec<String>,
    /// SHA-256 of the audio, lower-case hexadecimal.
    pub sha256: String,
    /// Frames in a block: 100 ms.
    pub block_frames: u64,
    /// The first 16 digits of the SHA-256 of each block.
    pub blocks: Vec<String>,
}

impl GoldenRecorder {
    /// The golden of what was read and where it comes from.
    pub(crate) fn of(format: Format, pieces: &[Piece], runs: &[Run]) -> Self {
        let frame_bytes = format.frame_bytes();
        let read = pieces.iter().map(|piece| {
            let frames = piece.bytes.len() / frame_bytes;
            format!("{frames} frames from {}", piece.first_frame)
        });
        let audio: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.bytes.iter().copied())
            .collect();
        let block_frames = u64::from(format.rate).div_ceil(10);
        Self {
            format,
            read: read.collect(),
            segments: runs.iter().map(segment).collect(),
            sha256: sha256(&audio),
            block_frames,
            blocks: block_hashes(&audio, format, block_frames),
        }
    }

    /// How what was read differs from it.
    pub(crate) fn differences(&self, read: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let block = self
            .blocks
            .iter()
            .zip(&read.blocks)
            .position(|(golden, read)| golden != read);
        if let Some(block) = block {
            differences.push(format!(
                "differs from the golden from block {block} on (of {} blocks of 100 ms)",
                self.blocks.len()
            ));
        }
        for (what, golden, read) in [
            (
                "format",
                vec![format_text(self.format)],
                vec![format_text(read.format)],
            ),
            ("frames read", self.read.clone(), read.read.clone()),
            ("segments", self.segments.clone(), read.segments.clone()),
            (
                "sha256",
                vec![self.sha256.clone()],
                vec![read.sha256.clone()],
            ),
        ] {
            if golden != read {
                differences.push(format!(
                    "{what}: {}, golden {}",
                    read.join(", "),
                    golden.join(", ")
                ));
            }
        }
        differences
    }
}

impl RecordGolden {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow "is corrupt:".
    pub fn parse(text: &str, of: Given, count: usize) -> Result<Self, String> {
        let golden: Self = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        if golden.recorders.len() != count {
            return Err(format!(
                "it is for {} {}s, the scenario has {count}",
                golden.recorders.len(),
                of.word()
            ));
        }
        Ok(golden)
    }

    /// The file's text.
    pub fn to_toml(&self, of: Given) -> String {
        let mut text = String::from(match of {
            Given::Recorders => {
                "# What the recorders are given when it is right. Made by `cargo xtask bless`; do not edit.\n"
            }
            Given::Players => {
                "# What comes out of the tap of the later players when it is right. Made by `cargo xtask bless`; do not edit.\n"
            }
        });
        // Writing to a string cannot fail.
        let _ = writeln!(text, "seed = {}", self.seed);
        for recorder in &self.recorders {
            let _ = writeln!(
                text,
                "\n[[{}]]\nformat = {}",
                of.word(),
                format_text(recorder.format)
            );
            list(&mut text, "read", &recorder.read, 1);
            list(&mut text, "segments", &recorder.segments, 1);
            let _ = writeln!(text, "sha256 = \"{}\"", recorder.sha256);
            let _ = writeln!(text, "block_frames = {}", recorder.block_frames);
            list(&mut text, "blocks", &recorder.blocks, 5);
        }
        text
    }
}

fn list(text: &mut String, name: &str, entries: &[String], per_line: usize) {
    let _ = writeln!(text, "{name} = [");
    for line in entries.chunks(per_line) {
        let _ = writeln!(text, "  \"{}\",", line.join("\", \""));
    }
    text.push_str("]\n");
}
