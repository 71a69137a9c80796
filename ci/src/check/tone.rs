//! Whether the sine that was captured has the level and the frequency it was played with.

use waverig_protocol::scenario::Signal;
use waverig_signal::{sample, tone};

use super::{Context, Judgement, Outcome};
use crate::expected::Source;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let Signal::Sine {
        frequency,
        level_db,
    } = context.file.scenario.signal
    else {
        return Ok(None);
    };
    let format = context.file.scenario.format;
    let limits = &context.file.limits;
    let longest = context
        .expected()?
        .runs
        .iter()
        .filter(|run| run.source != Source::Silence)
        .max_by_key(|run| run.frames)
        .ok_or("no signal was heard")?;
    let levels: Vec<f64> = context
        .pieces
        .iter()
        .find(|piece| piece.first_frame <= longest.first)
        .into_iter()
        .flat_map(|piece| {
            piece
                .bytes
                .chunks_exact(format.frame_bytes())
                .skip((longest.first - piece.first_frame) as usize)
        })
        .take(longest.frames as usize)
        .map(|frame| sample::level(format.sample, frame))
        .collect();
    let tone = tone::measure(&levels, format.rate, frequency)
        .ok_or("no sine of at least 40 ms was captured")?;
    let off_ppm = (tone.frequency_hz / frequency - 1.0) * 1e6;
    let off_db = tone.level_db - level_db;
    let mut complaints = Vec::new();
    if off_ppm.abs() > limits.tone_frequency.0 {
        complaints.push(format!("the frequency is off by {off_ppm:+.2} ppm"));
    }
    if off_db.abs() > limits.tone_level.0 {
        complaints.push(format!("the level is off by {off_db:+.3} dB"));
    }
    Outcome::new(
        format!(
            "{frequency} Hz within {}, {level_db} dBFS within {}",
            limits.tone_frequency, limits.tone_level
        ),
        format!(
            "{:.4} Hz, {:.3} dBFS, THD+N {:.1} dB",
            tone.frequency_hz, tone.level_db, tone.residual_db
        ),
        &complaints,
    )
}
