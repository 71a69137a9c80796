//! Whether the captured audio is the golden one.

use waverig_protocol::hash::sha256;
use waverig_protocol::noise::Time;

use super::{Context, Judgement, Outcome};
use crate::evidence::Piece;
use crate::expected::Source;
use crate::explain::compare;
use crate::golden::CaptureGolden;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let golden = &context.golden.map_err(ToString::to_string)?.capture;
    let stream = context.stream()?;
    let comparison = context.comparison()?;
    let frame_bytes = context.file.scenario.format.frame_bytes();
    // No two runs of a real machine have the same times.
    let same = context.seed == golden.seed && context.evidence.machine.time == Time::Virtual;
    if !same && comparison.differences.is_empty() {
        return other_seed(context, golden);
    }
    // The golden ends with the signal; how long the stream runs on is not its business.
    let mut heard: Vec<Piece> = context.pieces.clone();
    let frames = golden.audio.len() / frame_bytes;
    heard.retain(|piece| (piece.first_frame as usize) < frames);
    for piece in &mut heard {
        let most = (frames - piece.first_frame as usize) * frame_bytes;
        piece.bytes.truncate(most);
    }
    let bytes: Vec<&[u8]> = heard.iter().map(|piece| &piece.bytes[..]).collect();
    let hash = sha256(&bytes.concat());
    let limit = format!("{frames} frames, sha256 {}", golden.sha256);
    let captured: usize = bytes.iter().map(|bytes| bytes.len() / frame_bytes).sum();
    let observed = format!("{captured} frames, sha256 {hash}");
    let found = compare(&golden.audio, &heard, context.file.scenario.format, stream);
    let mut complaints = Vec::new();
    if let Some(first) = found.differences.first() {
        let block = first.frame / golden.block_frames;
        complaints.push(format!(
            "differs from the golden from block {block} on (of {} blocks of 100 ms)",
            golden.blocks.len()
        ));
        complaints.extend(found.differences.iter().map(|each| each.text.clone()));
    } else if hash != golden.sha256 {
        complaints
            .push("the audio's hash is not the golden one, although every frame is equal".into());
    }
    Outcome::new(limit, observed, &complaints)
}

/// With another seed timers expire at other moments, so a stall begins and ends some frames earlier or later; the same
/// signal must still have been heard in the same order.
fn other_seed(context: &Context<'_>, golden: &CaptureGolden) -> Judgement {
    let expected = context.expected()?;
    let stream = context.stream()?;
    let runs = expected.signal_runs();
    let slack = context.file.limits.golden_time;
    // Limits are at most some seconds.
    let frames = slack.0.unsigned_abs() * u64::from(stream.clock.rate()) / 1_000_000_000;
    let mut complaints = Vec::new();
    if runs.len() != golden.runs.len() {
        complaints.push(format!(
            "the audio has {} stretches of signal and silence, the golden {}",
            runs.len(),
            golden.runs.len()
        ));
    }
    for (run, gold) in runs.iter().zip(&golden.runs) {
        let source = match (run.source, gold.source) {
            (Source::Silence, Source::Silence) => true,
            (Source::Signal(a), Source::Signal(b)) => a.abs_diff(b) <= frames,
            _ => false,
        };
        if !source || run.first.abs_diff(gold.first) > frames {
            complaints.push(format!(
                "the stretch from {} on begins at {} in the golden",
                stream.place(run.first),
                stream.place(gold.first)
            ));
        }
    }
    Outcome::of_time(
        format!(
            "the stretches of signal and silence of seed {}, within {slack}",
            golden.seed
        ),
        format!("{} stretches with seed {}", runs.len(), context.seed),
        Vec::new(),
        complaints,
    )
}
