//! A recording in another format than what is played, against a reference in floating point.
//!
//! At the played rate every sample must be the played one, rounded to the recorder's nearest. At another rate the played
//! signal must be a sine, which is known between its samples: each recorded frame must be the sine at its place, within a bound
//! below the sine's level. Frames whose filter reaches over an end of the signal are left out; where nothing was played
//! there must be digital silence.

use std::f64::consts::{FRAC_PI_2, TAU};

use waverig_protocol::scenario::{Format, Sample, Signal};
use waverig_signal::sample;

use super::recording::{Played, Recording};
use super::{Context, Judgement, Outcome, first_few};
use crate::clock::Stretch;
use crate::expected::Source;
use crate::golden::format_name;
use crate::recorded::{self, Place};
use crate::speakers::routed;

/// What 32-bit fixed point adds at most: a step, and three of a mean.
const FIXED: f64 = 4.0 / 2_147_483_648.0;

/// What a frame must be: a value per channel, and how far off it may be.
struct Reference {
    values: Vec<f64>,
    bound: f64,
}

pub(super) fn run(context: &Context<'_>, recording: &Recording) -> Judgement {
    let format = context.file.scenario.format;
    let frame_bytes = format.frame_bytes();
    let places = recorded::places(&context.stream()?.clock, &recording.clocks());
    let by_frame: std::collections::BTreeMap<u64, Option<Place>> = places.into_iter().collect();
    let (mut compared, mut left_out, mut worst) = (0_u64, 0_u64, 0.0_f64);
    let mut complaints = Vec::new();
    for piece in &context.pieces {
        for (frame, bytes) in (piece.first_frame..).zip(piece.bytes.chunks_exact(frame_bytes)) {
            let Some(place) = by_frame.get(&frame) else {
                complaints.push(format!("frame {frame} was never recorded"));
                continue;
            };
            let Some(reference) = reference(context, recording, *place)? else {
                left_out += 1;
                continue;
            };
            compared += 1;
            for (channel, want) in reference.values.iter().enumerate() {
                let at = channel * format.sample.bytes();
                let got = sample::level(format.sample, &bytes[at..]);
                let off = (got - want).abs();
                worst = worst.max(off);
                if off > reference.bound {
                    complaints.push(format!(
                        "{}: channel {channel} is {got:.9}, the reference {want:.9} within {:.1e}",
                        context.stream()?.place(frame),
                        reference.bound
                    ));
                }
            }
        }
    }
    if compared == 0 {
        return Err("no recorded frame has a reference".into());
    }
    let limit = match recording.is_of_rate(format) {
        true => "half a step of the recorder's format".to_owned(),
        false => format!(
            "{} below the sine, half a step of either format",
            context.file.limits.record_error
        ),
    };
    let played = recording.players.iter();
    let played: Vec<String> = played.map(|played| format_name(played.format)).collect();
    Outcome::new(
        format!(
            "{} as {}, within {limit}",
            played.join(", then "),
            format_name(format)
        ),
        format!(
            "{compared} frames, at most {:.1} dBFS off, {left_out} at the edges left out",
            20.0 * worst.max(1e-12).log10()
        ),
        &first_few(complaints),
    )
}

/// Half a step of a format, or what rounds a float below 1.
fn half_step(sample: Sample) -> f64 {
    match sample {
        Sample::Float32 => (0.5_f64).powi(25),
        other => (0.5_f64).powi(i32::from(other.valid_bits())),
    }
}

/// What a frame must be; `None` at the edges of the signal.
fn reference(
    context: &Context<'_>,
    recording: &Recording,
    place: Option<Place>,
) -> Result<Option<Reference>, String> {
    let format = context.file.scenario.format;
    let silence = Reference {
        values: vec![0.0; format.channels.into()],
        bound: 0.0,
    };
    let Some(place) = place else {
        return Ok(Some(silence));
    };
    let player = &recording.players[place.player];
    let stretch = &player.stream.clock.stretches()[place.stretch];
    if player.format.rate == format.rate {
        return Ok(Some(same_rate(player, format, place, stretch, silence)));
    }
    let Signal::Sine {
        frequency,
        level_db,
    } = player.signal
    else {
        return Err("at another rate only a sine has a reference".into());
    };
    let (played, own) = (player.format, format);
    let latency = i128::from(recorded::latency(played.rate, own.rate));
    let wing = i128::from(recorded::wing(played.rate, own.rate));
    let centre = place.frame - latency;
    let (first, last) = (centre - wing, centre + wing);
    let begin = i128::from(stretch.base);
    let end = stretch
        .end
        .map_or(i128::MAX, |(_, position)| position.into());
    if last < begin || first >= end {
        return Ok(Some(silence));
    }
    let run = match first >= begin && last < end {
        true => recorded::run_around(&player.expected.runs, first, last),
        false => None,
    };
    let Some(run) = run else { return Ok(None) };
    let Source::Signal(from) = run.source else {
        return Ok(Some(silence));
    };
    // Frames of signal, a few million at most, and parts below 2^18: exact in a double.
    let at = (centre - i128::from(run.first) + i128::from(from)) as f64
        + place.part as f64 / place.parts as f64;
    let full_scale = match played.sample {
        Sample::Float32 => 1.0,
        other => 1.0 - (0.5_f64).powi(i32::from(other.valid_bits()) - 1),
    };
    let amplitude = 10.0_f64.powf(level_db / 20.0) * full_scale;
    let turns = (frequency * at / f64::from(played.rate)).fract();
    let sine: Vec<f64> = (0..played.channels)
        .map(|channel| amplitude * (TAU * turns - FRAC_PI_2 * f64::from(channel)).sin())
        .collect();
    let error = amplitude * 10.0_f64.powf(-context.file.limits.record_error.0 / 20.0);
    Ok(Some(Reference {
        values: routed(&sine, own.channels),
        bound: error + half_step(played.sample) + half_step(own.sample) + FIXED,
    }))
}

/// The played frame's samples, as the recorder's format has them.
fn same_rate(
    player: &Played,
    format: Format,
    place: Place,
    stretch: &Stretch,
    silence: Reference,
) -> Reference {
    let bytes = player.format.frame_bytes();
    let at = usize::try_from(place.frame).ok().map(|frame| frame * bytes);
    let frame = at.and_then(|at| player.audio.get(at..at + bytes));
    let Some(frame) = frame.filter(|_| recorded::within(place.frame, stretch)) else {
        return silence;
    };
    let played: Vec<f64> = frame
        .chunks_exact(player.format.sample.bytes())
        .map(|bytes| sample::level(player.format.sample, bytes))
        .collect();
    // The largest code is one step below full scale.
    let most = match format.sample {
        Sample::Float32 => 1.0,
        other => 1.0 - (0.5_f64).powi(i32::from(other.valid_bits()) - 1),
    };
    let values = routed(&played, format.channels);
    Reference {
        values: values.into_iter().map(|value| value.min(most)).collect(),
        bound: half_step(format.sample) + FIXED,
    }
}
