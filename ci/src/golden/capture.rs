//! The golden capture: a play list that regenerates it, the hash of the whole, and a hash per 100 ms, so that the place
//! of a difference can be named.

use std::fmt::Write as _;

use serde::Deserialize;
use waverig_protocol::hash::sha256;
use waverig_protocol::scenario::{Format, Sample, Scenario};
use waverig_signal::Generator;

use super::toml_error;
use crate::expected::{Expected, Run, Source};

/// What came out of the tap when it was right, up to the end of the signal; silence follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureGolden {
    /// The seed of the run it was made from.
    pub seed: u64,
    /// SHA-256 of the audio, lower-case hexadecimal.
    pub sha256: String,
    /// The first 16 digits of the SHA-256 of each block of [`Self::block_frames`].
    pub blocks: Vec<String>,
    /// Frames in a block: 100 ms.
    pub block_frames: u64,
    /// Where the audio comes from.
    pub runs: Vec<Run>,
    /// The audio, regenerated.
    pub audio: Vec<u8>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    seed: u64,
    format: Format,
    frames: u64,
    sha256: String,
    block_frames: u64,
    segments: Vec<String>,
    blocks: Vec<String>,
}

/// Digits of a block's hash that are kept.
const BLOCK_DIGITS: usize = 16;

impl CaptureGolden {
    /// The golden of audio whose sources are known.
    ///
    /// # Errors
    /// When the scenario's signal does not fit its format.
    pub fn of(scenario: &Scenario, expected: &Expected, seed: u64) -> Result<Self, String> {
        let runs = expected.signal_runs().to_vec();
        let audio = audio(scenario, &runs)?;
        let block_frames = u64::from(scenario.format.rate).div_ceil(10);
        Ok(Self {
            seed,
            sha256: sha256(&audio),
            blocks: block_hashes(&audio, scenario.format, block_frames),
            block_frames,
            runs,
            audio,
        })
    }

    /// Reads a file's text and regenerates its audio.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow "is corrupt:".
    pub fn parse(text: &str, scenario: &Scenario) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        if file.format != scenario.format {
            return Err(format!(
                "it is for {}, the scenario plays {}",
                name(file.format),
                name(scenario.format)
            ));
        }
        let mut runs = Vec::new();
        let mut frames = 0_u64;
        for segment in &file.segments {
            let run = parse_segment(segment, frames)?;
            frames += run.frames;
            runs.push(run);
        }
        if frames != file.frames {
            return Err(format!(
                "it claims {} frames, its segments have {frames}",
                file.frames
            ));
        }
        let blocks = file.frames.div_ceil(file.block_frames.max(1));
        if file.blocks.len() as u64 != blocks {
            return Err(format!(
                "it has {} block hashes, {blocks} are due for its frames",
                file.blocks.len()
            ));
        }
        let golden = Self {
            seed: file.seed,
            sha256: file.sha256,
            blocks: file.blocks,
            block_frames: file.block_frames.max(1),
            audio: audio(scenario, &runs)?,
            runs,
        };
        golden.verify(scenario.format)?;
        Ok(golden)
    }

    /// Whether the regenerated audio has the hashes it should have.
    fn verify(&self, format: Format) -> Result<(), String> {
        let block = block_hashes(&self.audio, format, self.block_frames)
            .iter()
            .zip(&self.blocks)
            .position(|(have, want)| have != want);
        let have = sha256(&self.audio);
        match block {
            None if have == self.sha256 => Ok(()),
            None => Err(format!(
                "its sha256 is {:?}, its segments give {have}",
                self.sha256
            )),
            Some(block) => Err(format!(
                "its segments do not give the hash of block {block} (from frame {}): the file or the scenario's signal \
                 was changed",
                block as u64 * self.block_frames
            )),
        }
    }

    /// The file's text.
    pub fn to_toml(&self, scenario: &Scenario) -> String {
        let format = scenario.format;
        let mut text = String::from(
            "# What comes out of the tap when it is right. Made by `cargo xtask bless`; do not edit.\n",
        );
        let frames = self.runs.last().map_or(0, |run| run.first + run.frames);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "seed = {}", self.seed);
        let _ = writeln!(text, "format = {}", format_text(format));
        let _ = writeln!(text, "frames = {frames}");
        let _ = writeln!(text, "sha256 = \"{}\"", self.sha256);
        let _ = writeln!(text, "segments = [");
        for run in &self.runs {
            let _ = writeln!(text, "  \"{}\",", segment(run));
        }
        let _ = writeln!(text, "]\nblock_frames = {}\nblocks = [", self.block_frames);
        for line in self.blocks.chunks(5) {
            let _ = writeln!(text, "  \"{}\",", line.join("\", \""));
        }
        text.push_str("]\n");
        text
    }
}

/// A run in words: `480 frames of silence`, `96000 frames of signal from 0`.
pub(super) fn segment(run: &Run) -> String {
    match run.source {
        Source::Silence => format!("{} frames of silence", run.frames),
        Source::Signal(from) => format!("{} frames of signal from {from}", run.frames),
    }
}

/// Longest segment, so that a damaged file does not ask for all of memory: an hour at 192 kHz.
const MOST_FRAMES: u64 = 3600 * 192_000;

fn parse_segment(text: &str, first: u64) -> Result<Run, String> {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |word: &str| word.parse::<u64>().ok().filter(|n| *n <= MOST_FRAMES);
    let run = match words[..] {
        [frames, "frames", "of", "silence"] => number(frames).map(|n| (n, Source::Silence)),
        [frames, "frames", "of", "signal", "from", from] => number(frames)
            .zip(number(from))
            .map(|(n, from)| (n, Source::Signal(from))),
        _ => None,
    };
    match run {
        Some((frames, source)) if frames > 0 && first + frames <= MOST_FRAMES => Ok(Run {
            first,
            frames,
            source,
        }),
        _ => Err(format!(
            "segment {text:?} is none; it should read like \"480 frames of silence\" or \"480 frames of signal from 0\""
        )),
    }
}

/// The audio of runs that follow each other from frame 0 on.
pub(crate) fn audio(scenario: &Scenario, runs: &[Run]) -> Result<Vec<u8>, String> {
    let generator = Generator::new(&scenario.signal, scenario.format)
        .map_err(|error| format!("the scenario's signal cannot be generated: {error}"))?;
    let frames = runs.last().map_or(0, |run| run.first + run.frames) as usize;
    let frame_bytes = scenario.format.frame_bytes();
    let mut audio = vec![0; frames * frame_bytes];
    for run in runs {
        if let Source::Signal(from) = run.source {
            let start = run.first as usize * frame_bytes;
            let end = start + run.frames as usize * frame_bytes;
            generator.fill(from, &mut audio[start..end]);
        }
    }
    Ok(audio)
}

/// A format as files have it.
pub(super) fn format_text(format: Format) -> String {
    format!(
        "{{ rate = {}, channels = {}, sample = \"{}\" }}",
        format.rate,
        format.channels,
        sample_name(format.sample)
    )
}

/// The hash of each block of audio.
pub(super) fn block_hashes(audio: &[u8], format: Format, block_frames: u64) -> Vec<String> {
    audio
        .chunks(block_frames as usize * format.frame_bytes())
        .map(|block| sha256(block)[..BLOCK_DIGITS].to_owned())
        .collect()
}

/// A format in words.
pub(crate) fn name(format: Format) -> String {
    format!(
        "{} Hz, {} channels, {}",
        format.rate,
        format.channels,
        sample_name(format.sample)
    )
}

/// A format as the name of a sweep's part: `48000-2-pcm16`.
pub(crate) fn format_name(format: Format) -> String {
    format!(
        "{}-{}-{}",
        format.rate,
        format.channels,
        sample_name(format.sample)
    )
}

/// A sample's name as scenario files write it.
pub(crate) fn sample_name(sample: Sample) -> &'static str {
    match sample {
        Sample::Pcm16 => "pcm16",
        Sample::Pcm24 => "pcm24",
        Sample::Pcm24In32 => "pcm24-in32",
        Sample::Pcm32 => "pcm32",
        Sample::Float32 => "float32",
    }
}
