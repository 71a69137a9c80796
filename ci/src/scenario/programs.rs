//! What is allowed of a scenario's further programs.

use std::ops::Range;

use toml::Spanned;
use waverig_protocol::Program;
use waverig_protocol::scenario::{
    Disturbance, Opening, Player, Scenario, Share, TapClient, TapDisturbance,
};
use waverig_signal::Generator;

use super::{File, MOST_FRAMES, check_client, check_disturbance, check_format, ensure};

/// Longest scenario: ten minutes.
const MOST_MS: u32 = 600_000;
/// Cables a device has at most.
const MOST_CABLES: u8 = 8;
/// Programs of one kind.
const MOST_PROGRAMS: usize = 16;

/// Where each program stands in the file.
pub(super) struct Spans {
    recorders: Vec<Range<usize>>,
    players: Vec<Range<usize>>,
    tap_clients: Vec<Range<usize>>,
}

fn spans<T>(tables: &[Spanned<T>]) -> Vec<Range<usize>> {
    tables.iter().map(Spanned::span).collect()
}

impl Spans {
    pub(super) fn of(file: &File) -> Self {
        Self {
            recorders: spans(&file.recorders),
            players: spans(&file.players),
            tap_clients: spans(&file.tap_clients),
        }
    }
}

type Checked = Result<(), (Range<usize>, String)>;

pub(super) fn check(scenario: &Scenario, spans: &Spans) -> Checked {
    for table in [&spans.recorders, &spans.players, &spans.tap_clients] {
        if let Some(span) = table.get(MOST_PROGRAMS) {
            ensure(false, span.clone(), || {
                format!("more than {MOST_PROGRAMS} programs of this kind")
            })?;
        }
    }
    players(scenario, spans)?;
    recorders(scenario, spans)?;
    for (client, span) in scenario.tap_clients.iter().zip(&spans.tap_clients) {
        cable(client.cable, span)?;
        let players = scenario.players_on(client.cable).len();
        ensure(client.reads == 0 || players <= 1, span.clone(), || {
            format!(
                "{players} programs play on its cable one after the other; only the main tap reads there"
            )
        })?;
        if client.reads == 0 {
            ensure(client.close_ms.is_some(), span.clone(), || {
                "a tap client that reads nothing needs a close_ms".to_owned()
            })?;
        }
        steer(client, span)?;
        ensure(
            client.reads == 0
                || (1..=MOST_FRAMES).contains(&client.read_frames) && client.reads <= 64,
            span.clone(),
            || {
                format!(
                    "read_frames = {}, reads = {}; allowed: 1 to {MOST_FRAMES} frames, 1 to 64 reads",
                    client.read_frames, client.reads
                )
            },
        )?;
        let close = client.close_ms.unwrap_or(MOST_MS);
        stretch(client.open_ms, close, "open_ms", "close_ms", span)?;
        tap_client(client, close, span)?;
    }
    Ok(())
}

/// What a tap client shares and does wrong.
fn tap_client(client: &TapClient, close: u32, span: &Range<usize>) -> Checked {
    if let Some(Share { slots, wake_blocks }) = client.share {
        ensure(
            (2..=65_536).contains(&slots) && (1..=slots).contains(&wake_blocks),
            span.clone(),
            || {
                format!(
                    "slots = {slots}, wake_blocks = {wake_blocks}; allowed: 2 to 65536 slots, 1 to all of them"
                )
            },
        )?;
    }
    let mut free = client.open_ms;
    for (number, each) in (1..).zip(&client.disturbances) {
        let (at, length) = (
            each.at_ms(),
            match each {
                TapDisturbance::TapSlow { for_ms, .. } => *for_ms,
                TapDisturbance::TapCancel { .. }
                | TapDisturbance::TapRace { .. }
                | TapDisturbance::TapKill { .. } => 0,
            },
        );
        let last = number == client.disturbances.len();
        let ends = matches!(each, TapDisturbance::TapKill { .. });
        ensure(
            at >= free && at + length < close && (last || !ends),
            span.clone(),
            || {
                format!(
                    "{each:?}: a tap client's disturbances follow each other, a kill last, while it has the tap open"
                )
            },
        )?;
        free = at + length;
    }
    Ok(())
}

fn players(scenario: &Scenario, spans: &Spans) -> Checked {
    for ((number, player), span) in (1..).zip(&scenario.players).zip(&spans.players) {
        cable(player.cable, span)?;
        turn(scenario, number, player, span)?;
        if let Some(stop) = player.stop_ms {
            stretch(player.start_ms, stop, "start_ms", "stop_ms", span)?;
        }
        ensure(
            (1..=MOST_MS).contains(&player.duration_ms),
            span.clone(),
            || {
                format!(
                    "duration_ms = {}; allowed: 1 to {MOST_MS}",
                    player.duration_ms
                )
            },
        )?;
        check_format(&player.format, span)?;
        check_client(&player.client, &player.format, span)?;
        Generator::new(&player.signal, player.format)
            .map_err(|error| (span.clone(), error.to_string()))?;
        disturbances(&player.disturbances, player.duration_ms, span)?;
    }
    Ok(())
}

/// Whether a player comes after those that play before it on its cable.
fn turn(scenario: &Scenario, number: u8, player: &Player, span: &Range<usize>) -> Checked {
    let before = Scenario {
        players: scenario.players[..usize::from(number) - 1].to_vec(),
        ..scenario.clone()
    };
    // One that gets no pin may come at any time.
    let last = match player.open {
        Opening::Refused => None,
        Opening::AtOnce | Opening::Patient => before.players_on(player.cable).pop(),
    };
    let view = last.and_then(|last| scenario.view_of(last));
    ensure(
        view.as_ref()
            .is_none_or(|view| player.start_ms > view.start_ms),
        span.clone(),
        || {
            format!(
                "starts at {} ms on cable {}, where another player starts no earlier; they stand in order of time",
                player.start_ms, player.cable
            )
        },
    )?;
    let goes_on = view.is_some_and(|view| {
        (view.format, view.client) == (player.format, player.client) && view.soak.is_none()
    });
    ensure(
        !player.again || goes_on && player.open == Opening::AtOnce,
        span.clone(),
        || {
            "again: the player before it on the cable must have its format and kind of client"
                .to_owned()
        },
    )
}

fn recorders(scenario: &Scenario, spans: &Spans) -> Checked {
    for ((number, recorder), span) in (1..).zip(&scenario.recorders).zip(&spans.recorders) {
        cable(recorder.cable, span)?;
        let before = usize::from(number)
            .checked_sub(2)
            .and_then(|at| scenario.recorders.get(at));
        let goes_on = before.is_some_and(|before| {
            (before.cable, before.client, before.format)
                == (recorder.cable, recorder.client, recorder.format)
                && before.stop_ms < recorder.start_ms
        });
        ensure(!recorder.again || goes_on, span.clone(), || {
            "again: the recorder before it must have its cable, format and kind of client, and stop earlier"
                .to_owned()
        })?;
        let Some(format) = scenario.format_of(Program::Recorder(number)) else {
            let what = format!(
                "nothing plays on cable {}, so the recorder must name its format",
                recorder.cable
            );
            return Err((span.clone(), what));
        };
        check_format(&format, span)?;
        check_client(&recorder.client, &format, span)?;
        stretch(
            recorder.start_ms,
            recorder.stop_ms,
            "start_ms",
            "stop_ms",
            span,
        )?;
        let duration = recorder.stop_ms - recorder.start_ms;
        disturbances(&recorder.disturbances, duration, span)?;
    }
    Ok(())
}

fn steer(client: &TapClient, span: &Range<usize>) -> Checked {
    let close = client.close_ms.unwrap_or(MOST_MS);
    let mut before = client.open_ms;
    for step in &client.steer {
        ensure((before..=close).contains(&step.at_ms), span.clone(), || {
            format!(
                "steers at {} ms; allowed: in order of time, while it is open",
                step.at_ms
            )
        })?;
        before = step.at_ms;
    }
    ensure(client.clock_ms != Some(0), span.clone(), || {
        "clock_ms = 0; allowed: 1 or more, or none".to_owned()
    })
}

fn cable(number: u8, span: &Range<usize>) -> Checked {
    ensure((1..=MOST_CABLES).contains(&number), span.clone(), || {
        format!("cable = {number}; allowed: 1 to {MOST_CABLES}")
    })
}

fn stretch(from: u32, to: u32, start: &str, end: &str, span: &Range<usize>) -> Checked {
    ensure(from < to && to <= MOST_MS, span.clone(), || {
        format!("{start} = {from}, {end} = {to}; {end} must be later, at most {MOST_MS}")
    })
}

fn disturbances(all: &[Disturbance], duration: u32, span: &Range<usize>) -> Checked {
    for each in all {
        ensure(!each.is_of_the_machine(), span.clone(), || {
            format!(
                "{each:?} happens to the whole machine; it stands in the scenario's own [[disturbance]]"
            )
        })?;
        check_disturbance(each, duration, span)?;
    }
    Ok(())
}
