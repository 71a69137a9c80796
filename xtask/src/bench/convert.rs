//! Conversion between formats, in a program of its own: the engine compiled as for the driver, but for this host.

use anyhow::{Context as _, Result};
use waverig_kit::Invocation;

use super::Cost;
use crate::context::Context;
use crate::optimised;

/// From rate and sample to rate and sample, with so many channels.
const CONVERSIONS: &[(u32, &str, u32, &str, u32)] = &[
    (48_000, "pcm24", 48_000, "pcm24", 2),
    (48_000, "pcm16", 48_000, "float32", 2),
    (48_000, "float32", 48_000, "pcm16", 2),
    (48_000, "pcm24", 48_000, "pcm16", 16),
    (44_100, "pcm16", 48_000, "pcm16", 2),
    (48_000, "pcm24", 44_100, "pcm24", 2),
    (96_000, "pcm24", 48_000, "pcm24", 2),
    (192_000, "pcm24", 48_000, "pcm24", 8),
    (48_000, "pcm24", 192_000, "pcm24", 8),
    (44_100, "float32", 48_000, "float32", 16),
];

/// Frames that are converted: a shorter and a longer while.
const FRAMES: [u64; 2] = [9_600, 19_200];
/// Frames per call.
const CALLS: [u64; 2] = [48, 480];

/// What one conversion costs.
pub(crate) struct Conversion {
    /// From what to what.
    pub(crate) name: String,
    /// Bytes in an output frame.
    pub(crate) frame_bytes: u64,
    /// Per output frame and per call.
    pub(crate) instructions: Cost,
}

/// Counts every conversion, and the copying of `sizes` bytes per frame.
///
/// # Errors
/// A program that does not compile, or a count that cannot be read.
pub(crate) fn conversions(context: &Context) -> Result<Vec<Conversion>> {
    let program = compile(context)?;
    let mut all = Vec::new();
    for &(from, sample, to, to_sample, channels) in CONVERSIONS {
        let words = [
            "convert".to_owned(),
            from.to_string(),
            sample.into(),
            to.to_string(),
            to_sample.into(),
            channels.to_string(),
        ];
        all.push(Conversion {
            name: format!("{from} {sample} to {to} {to_sample}, {channels} ch"),
            frame_bytes: u64::from(channels) * sample_bytes(to_sample),
            instructions: slope(context, &program, &words)?,
        });
    }
    Ok(all)
}

/// A plain copy of frames of so many bytes, per frame and per call.
///
/// # Errors
/// As [`conversions`].
pub(crate) fn copy(context: &Context, frame_bytes: u64) -> Result<Cost> {
    let program = compile(context)?;
    // Frames of this size, as 16-bit channels.
    let words = ["copy", "48000", "pcm16", "48000", "pcm16"].map(str::to_owned);
    let channels = (frame_bytes / 2).to_string();
    slope(context, &program, &[&words[..], &[channels]].concat())
}

fn sample_bytes(sample: &str) -> u64 {
    match sample {
        "pcm16" => 2,
        "pcm24" => 3,
        _ => 4,
    }
}

fn compile(context: &Context) -> Result<std::path::PathBuf> {
    let example = ["--package", "waverig-engine", "--example", "convert_cost"];
    Ok(optimised::build(context, "driver", &example)?.join("examples/convert_cost"))
}

fn slope(context: &Context, program: &std::path::Path, words: &[String]) -> Result<Cost> {
    let count = |per_call: u64, frames: u64| -> Result<u64> {
        let valgrind = Invocation::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            // `rep movsb` copies one byte per counted instruction, which no processor does: vectors instead.
            .env(
                "GLIBC_TUNABLES",
                "glibc.cpu.x86_rep_movsb_threshold=1000000000",
            )
            .args([program])
            .args(words.iter().cloned())
            .args([per_call.to_string(), frames.to_string()]);
        let output = context
            .exec
            .run(&valgrind)
            .context("cannot start valgrind")?;
        // A program that failed was counted too.
        let line = output
            .success()
            .then_some(&output.stderr)
            .into_iter()
            .flat_map(|text| text.lines())
            .find(|line| line.contains("Collected :"));
        let number = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        number.with_context(|| format!("`{}` counted nothing:\n{}", valgrind.line(), output.stderr))
    };
    let mut per_call = Vec::new();
    for frames in CALLS {
        let (short, long) = (count(frames, FRAMES[0])?, count(frames, FRAMES[1])?);
        let calls = (FRAMES[1] - FRAMES[0]) / frames;
        per_call.push((frames, (long as f64 - short as f64) / calls as f64));
    }
    Ok(Cost::new(per_call[0], per_call[1]))
}
