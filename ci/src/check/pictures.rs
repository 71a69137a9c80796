//! Pictures of what one program's evidence shows: how far positions were off, how late notifications came, and of audio that is not what it
//! should be, the place where that begins and its spectrum there.

use waverig_signal::compare::first_difference;
use waverig_signal::sample;

use super::Context;
use crate::chart::{Chart, Series};
use crate::spectrum;
use crate::stream::Stream;
use crate::verdict::{CheckResult, Picture, Verdict};

/// Frames before and behind the first that differs, in the picture of the waveform.
const BEFORE: u64 = 48;
const BEHIND: u64 = 112;
/// The same in that of the spectrum; together a power of two.
const SPECTRUM_BEFORE: u64 = 1024;
const SPECTRUM: usize = 4096;
/// A spectrum below this, in decibels of full scale, is nothing that anybody hears or that 24 bits hold.
const FLOOR_DB: f64 = -160.0;

/// The pictures of a run: of the main program always, of others when something of theirs is wrong.
pub(crate) fn of(contexts: &[Context<'_>], checks: &[CheckResult]) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for context in contexts {
        let wrong = |id: &str| {
            let mut own = checks
                .iter()
                .filter(|check| check.program == context.program);
            own.any(|check| check.id == id && check.verdict != Verdict::Passed)
        };
        let is_wrong = checks
            .iter()
            .any(|check| check.program == context.program && check.verdict != Verdict::Passed);
        let mut charts = Vec::new();
        if wrong("capture-exact") || wrong("record-exact") {
            charts.extend(difference(context));
        }
        if (context.program.is_main() || is_wrong)
            && let Ok(stream) = &context.stream
        {
            charts.push(positions(context, stream));
            charts.push(notifications(context, stream));
        }
        pictures.extend(charts.iter().filter_map(|chart| {
            let title = match context.program.is_main() {
                true => chart.title.clone(),
                false => format!("{} of {}", chart.title, context.program),
            };
            Some(Picture {
                title,
                svg: chart.svg()?,
            })
        }));
    }
    pictures
}

/// How far each position that was told is from the clock's.
fn positions(context: &Context<'_>, stream: &Stream) -> Chart {
    let start = stream.clock.start().unwrap_or_default();
    let point = |&(qpc, told): &(i64, u64)| {
        let off = i128::from(told) - i128::from(stream.clock.position(qpc));
        (seconds(stream, qpc - start), off as f64)
    };
    let limit = context.file.limits.position.0 as f64;
    Chart {
        title: "error of the position over time".into(),
        x: "time since RUN, s",
        octaves: false,
        y: "frames off",
        series: vec![Series {
            name: "told",
            points: stream.positions.iter().map(point).collect(),
            dots: true,
        }],
        limits: Some((-limit, limit)),
    }
}

/// How long after its packet's end each notification came: after the first end that nobody had been notified of.
fn notifications(context: &Context<'_>, stream: &Stream) -> Chart {
    let (clock, packet) = (&stream.clock, stream.packet_frames);
    let start = clock.start().unwrap_or_default();
    let mut served = 0;
    let mut points = Vec::new();
    for &qpc in stream.notified.iter().filter(|_| packet > 0) {
        let Some(due) = clock.time_of((served + 1) * packet) else {
            break;
        };
        points.push((
            seconds(stream, qpc - start),
            clock.nanos(qpc - due) as f64 / 1000.0,
        ));
        served = (served + 1).max(clock.position(qpc) / packet);
    }
    Chart {
        title: "notifications after their packets' ends".into(),
        x: "time since RUN, s",
        octaves: false,
        y: "late, µs",
        series: vec![Series {
            name: "notified",
            points,
            dots: true,
        }],
        limits: Some((0.0, context.file.limits.notification_late.0 as f64 / 1000.0)),
    }
}

fn seconds(stream: &Stream, ticks: i64) -> f64 {
    stream.clock.nanos(ticks) as f64 / 1e9
}

/// Waveform and spectrum where the first difference begins.
fn difference(context: &Context<'_>) -> Vec<Chart> {
    let Some(first) = context
        .comparison
        .as_ref()
        .ok()
        .and_then(|comparison| comparison.differences.first())
    else {
        return Vec::new();
    };
    let frame = first.frame;
    let channel = channel(context, frame);
    let total = (context.audio.len() / context.file.scenario.format.frame_bytes()) as u64;
    let levels = |from: u64, to: u64| {
        let expected =
            (from..to).map(|frame| (frame as f64, expected_level(context, frame, channel)));
        let captured =
            (from..to).map(|frame| (frame as f64, captured_level(context, frame, channel)));
        let known = |points: &mut dyn Iterator<Item = (f64, Option<f64>)>| {
            points
                .filter_map(|(x, level)| Some((x, level?)))
                .collect::<Vec<_>>()
        };
        (known(&mut { expected }), known(&mut { captured }))
    };
    let series = |expected, captured| {
        let line = |name, points| Series {
            name,
            points,
            dots: false,
        };
        vec![line("expected", expected), line("captured", captured)]
    };
    let (expected, captured) = levels(frame.saturating_sub(BEFORE), frame + BEHIND);
    let waveform = Chart {
        title: format!(
            "waveform of channel {} where it differs first, frame {frame}",
            channel + 1
        ),
        x: "frame of the stream",
        octaves: false,
        y: "level",
        series: series(expected, captured),
        limits: None,
    };
    // As much as there is of both, so that the ends of the stream are no part of it.
    let from = frame.saturating_sub(SPECTRUM_BEFORE);
    let from = from.min(total.saturating_sub(SPECTRUM as u64));
    let (expected, captured) = levels(from, from + SPECTRUM as u64);
    let rate = context.file.scenario.format.rate;
    let of = |points: &[(f64, f64)]| {
        let mut levels: Vec<f64> = points.iter().map(|point| point.1).collect();
        levels.resize(SPECTRUM, 0.0);
        let lines = spectrum::of(&levels, rate).into_iter();
        lines.map(|(hz, db)| (hz, db.max(FLOOR_DB))).collect()
    };
    let spectrum = Chart {
        title: format!("spectrum of the {SPECTRUM} frames from frame {from} on"),
        x: "frequency, Hz",
        octaves: true,
        y: "dBFS",
        series: series(of(&expected), of(&captured)),
        limits: None,
    };
    vec![waveform, spectrum]
}

/// The channel of the first sample that differs in a frame; the first when nothing was captured there.
fn channel(context: &Context<'_>, frame: u64) -> usize {
    let format = context.file.scenario.format;
    let (Some(expected), Some(captured)) = (
        expected_frame(context, frame),
        captured_frame(context, frame),
    ) else {
        return 0;
    };
    first_difference(expected, captured, format).map_or(0, |it| usize::from(it.channel))
}

fn expected_frame<'a>(context: &'a Context<'_>, frame: u64) -> Option<&'a [u8]> {
    part(
        &context.audio,
        frame,
        context.file.scenario.format.frame_bytes(),
    )
}

fn captured_frame<'a>(context: &'a Context<'_>, frame: u64) -> Option<&'a [u8]> {
    let frame_bytes = context.file.scenario.format.frame_bytes();
    context.pieces.iter().find_map(|piece| {
        part(
            &piece.bytes,
            frame.checked_sub(piece.first_frame)?,
            frame_bytes,
        )
    })
}

fn part(bytes: &[u8], frame: u64, frame_bytes: usize) -> Option<&[u8]> {
    let at = usize::try_from(frame).ok()?.checked_mul(frame_bytes)?;
    bytes.get(at..at.checked_add(frame_bytes)?)
}

fn expected_level(context: &Context<'_>, frame: u64, channel: usize) -> Option<f64> {
    level(context, expected_frame(context, frame)?, channel)
}

fn captured_level(context: &Context<'_>, frame: u64, channel: usize) -> Option<f64> {
    level(context, captured_frame(context, frame)?, channel)
}

fn level(context: &Context<'_>, frame: &[u8], channel: usize) -> Option<f64> {
    let sample = context.file.scenario.format.sample;
    let bytes = frame.get(channel * sample.bytes()..(channel + 1) * sample.bytes())?;
    Some(sample::level(sample, bytes))
}
