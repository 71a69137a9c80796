//! A perfect recorder beside a perfect player. Each recorded frame is looked up by the time at which it begins, in floating
//! point seconds at other rates than the played one, and as a ratio of integers at the same.

use std::f64::consts::{FRAC_PI_2, TAU};

use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Disturbance, Format, Recorder, Sample, Signal};
use waverig_protocol::timeline::{Event, Stamped};
use waverig_signal::sample;

use super::life::NEVER;
use super::{FREQUENCY, LATE, Machine, moment};
use crate::clock::Clock;

/// Why a recorder has no such client.
const PLAYS: &str = "this kind of client plays";

/// What a recorder told.
pub(super) struct Recorded {
    pub(super) program: Program,
    pub(super) timeline: Vec<Stamped>,
    /// First frames and bytes.
    pub(super) audio: Vec<(u64, Vec<u8>)>,
}

struct Tape<'a> {
    /// Those that play on its cable, in order.
    machines: Vec<&'a Machine<'a>>,
    /// The recorder's own clock.
    ours: Clock,
    own: Format,
    recorded: Recorded,
    next: u64,
}

/// The clock of a recorder that starts at a time, pauses when it wants to, and stands when the device does.
fn clock(machine: &Machine<'_>, recorder: &Recorder, start: i64, rate: u32) -> Clock {
    let device = machine.clock.device().clone();
    let mut clock = Clock::of_device(rate, FREQUENCY, device).expect("a clock");
    clock.run(start);
    let mut all = machine.stands();
    all.extend(pauses(start, recorder));
    all.sort();
    for (from, to) in all.into_iter().filter(|(from, _)| *from > start) {
        clock.halt(from);
        clock.run(to);
    }
    let stop = moment(recorder.stop_ms);
    clock.halt(machine.end().map_or(stop, |end| end.min(stop)));
    clock
}

/// From when to when a recorder that starts at a time pauses.
fn pauses(start: i64, recorder: &Recorder) -> Vec<(i64, i64)> {
    let pause = |each: &Disturbance| match *each {
        Disturbance::Pause { at_ms, for_ms } => {
            let from = start + i64::from(at_ms) * 10_000;
            Some((from, from + i64::from(for_ms) * 10_000))
        }
        _ => None,
    };
    recorder.disturbances.iter().filter_map(pause).collect()
}

/// Records from machines that have played, one after the other.
pub(super) fn record(machines: &[&Machine<'_>], number: u8, recorder: &Recorder) -> Recorded {
    let program = Program::Recorder(number);
    let machine = machines[0];
    let scenario = &machine.file.scenario;
    let own = scenario.format_of(program).expect("a format");
    // A bit later, so that frames of both streams do not begin together.
    let start = moment(recorder.start_ms) + 77;
    let pauses = pauses(start, recorder);
    let mut tape = Tape {
        machines: match recorder.cable {
            1 => machines.to_vec(),
            // Nothing plays there.
            _ => Vec::new(),
        },
        own,
        ours: clock(machine, recorder, start, own.rate),
        recorded: Recorded {
            program,
            timeline: Vec::new(),
            audio: Vec::new(),
        },
        next: 0,
    };
    let (buffer, packet) = match recorder.client {
        Client::EventDriven { packet_frames } | Client::Packet { packet_frames, .. } => {
            (2 * packet_frames, packet_frames)
        }
        Client::Polling { buffer_frames, .. } => (buffer_frames, 0),
        Client::Shared { .. } | Client::Requests { .. } => unreachable!("{PLAYS}"),
    };
    let by_packets = matches!(recorder.client, Client::Packet { .. });
    let (buffer_frames, packet_frames) = (u64::from(buffer), u64::from(packet));
    tape.note(
        start - 10,
        Event::Opened {
            buffer_frames,
            packet_frames,
        },
    );
    tape.state(start, "run");
    // A device that ends takes the recorder with it, which hears of it and reads no more.
    let cut = machine.end().filter(|cut| *cut < moment(recorder.stop_ms));
    let stop = cut.unwrap_or(moment(recorder.stop_ms));
    let stall = recorder.disturbances.iter().find_map(|each| match *each {
        Disturbance::ClientStall { at_ms, for_ms } => {
            let at = start + i64::from(at_ms) * 10_000;
            Some((at, at + i64::from(for_ms) * 10_000))
        }
        _ => None,
    });
    let mut look = match recorder.client {
        Client::EventDriven { .. } | Client::Packet { .. } => {
            machine.callback(tape.time(packet_frames))
        }
        Client::Polling { interval_ms, .. } => start + i64::from(interval_ms) * 10_000,
        Client::Shared { .. } | Client::Requests { .. } => unreachable!("{PLAYS}"),
    };
    let mut index = 1;
    while look < stop {
        let held = stall.filter(|(from, to)| (*from..*to).contains(&look));
        if packet > 0 {
            tape.note(look, Event::Notified);
        }
        let paused = packet == 0 && pauses.iter().any(|(from, to)| (*from..*to).contains(&look));
        if held.is_none() && !paused {
            let position = tape.position(look);
            tape.note(look, Event::Position { frames: position });
            let limit = match packet_frames {
                0 => position,
                packet => position / packet * packet,
            };
            if by_packets {
                while tape.read_packet(look, position, packet_frames) {}
            } else {
                tape.read(look, limit, position, buffer_frames, packet_frames.max(1));
            }
        }
        index += 1;
        look = match recorder.client {
            Client::EventDriven { .. } | Client::Packet { .. } => {
                machine.callback(tape.time(index * packet_frames))
            }
            Client::Polling { interval_ms, .. } => {
                machine.goes_on(look + i64::from(interval_ms) * 10_000)
            }
            Client::Shared { .. } | Client::Requests { .. } => unreachable!("{PLAYS}"),
        };
    }
    for (from, to) in pauses {
        tape.state(from, "pause");
        tape.state(to, "run");
    }
    if cut.is_none() {
        let position = tape.position(stop);
        tape.note(stop, Event::Position { frames: position });
        if !by_packets {
            tape.read(stop, position, position, buffer_frames, 1);
        }
        tape.state(stop, "pause");
        tape.state(stop + LATE, "stop");
    }
    let after = if cut.is_none() { LATE } else { 10 };
    tape.note(stop + after, Event::Closed);
    tape.recorded
}

impl Tape<'_> {
    fn note(&mut self, qpc: i64, event: Event) {
        let program = self.recorded.program;
        self.recorded.timeline.push(Stamped {
            qpc,
            program,
            event,
        });
    }

    fn state(&mut self, qpc: i64, state: &str) {
        let state = state.into();
        self.note(qpc, Event::State { state });
    }

    fn time(&self, frame: u64) -> i64 {
        self.ours.time_of(frame).unwrap_or(NEVER)
    }

    fn position(&self, qpc: i64) -> u64 {
        self.ours.position(qpc)
    }

    /// Asks for a packet of a buffer that holds two; `false` when there is none.
    fn read_packet(&mut self, qpc: i64, position: u64, packet: u64) -> bool {
        let complete = position / packet;
        let number = (self.next / packet).max(complete.saturating_sub(1));
        let given = number < complete;
        let (answer, told) = match given {
            true => ("given", number),
            false => ("not-ready", 0),
        };
        let at = self.ours.begin_of(number * packet).unwrap_or(NEVER);
        self.note(
            qpc,
            Event::ReadPacket {
                answer: answer.into(),
                packet: told as u32,
                at: if given { at } else { 0 },
                more: given && number + 1 < complete,
            },
        );
        if given {
            self.next = number * packet;
            self.read(
                qpc,
                self.next + packet,
                self.next + packet,
                2 * packet,
                packet,
            );
        }
        given
    }

    fn read(&mut self, qpc: i64, limit: u64, position: u64, buffer: u64, unit: u64) {
        let oldest = position.saturating_sub(buffer).next_multiple_of(unit);
        let first = self.next.max(oldest);
        if first >= limit {
            return;
        }
        let frames = limit - first;
        self.note(
            qpc,
            Event::Read {
                stream_frame: first,
                frames,
            },
        );
        let bytes = (first..limit).flat_map(|frame| self.frame(frame)).collect();
        self.recorded.audio.push((first, bytes));
        self.next = limit;
    }

    fn frame(&self, frame: u64) -> Vec<u8> {
        let silence = vec![0; self.own.frame_bytes()];
        let (rate, second) = (
            i128::from(self.own.rate),
            i128::from(FREQUENCY) * 1_000_000_000,
        );
        let ours = self.ours.stretches().iter().rev();
        let ours = ours.clone().find(|each| each.base <= frame).expect("a run");
        let device = self.ours.device();
        // Since a moment until the frame began, in parts of a tick.
        let since = |from: i64| {
            device.between(from, ours.start) * rate + i128::from(frame - ours.base) * second
        };
        let all = self.machines.iter().rev().flat_map(|machine| {
            let theirs = machine.clock.stretches().iter().rev();
            theirs.map(move |stretch| (*machine, stretch))
        });
        let Some((machine, theirs)) = all.clone().find(|(_, each)| since(each.start) >= 0) else {
            // A filter reaches ahead of its run.
            let first = self.machines.first();
            return match first.filter(|machine| machine.file.scenario.format.rate != self.own.rate)
            {
                Some(machine) => self.sine(machine, frame),
                None => silence,
            };
        };
        let played = machine.file.scenario.format;
        if played.rate != self.own.rate {
            return self.sine(machine, frame);
        }
        let at = theirs.base + u64::try_from(since(theirs.start) / second).expect("it began");
        if theirs.end.is_some_and(|(_, end)| at >= end) {
            return silence;
        }
        if machine.is_muted(at) {
            return silence;
        }
        let bytes = played.frame_bytes();
        let frame = &machine.out[at as usize * bytes..][..bytes];
        if played == self.own {
            return frame.to_vec();
        }
        let levels: Vec<f64> = frame
            .chunks_exact(played.sample.bytes())
            .map(|bytes| sample::level(played.sample, bytes))
            .collect();
        self.encode(&levels)
    }

    /// The sine that was played, at the recorder's rate: silent where its filter lies outside, and anything where it lies over
    /// an end.
    fn sine(&self, machine: &Machine<'_>, frame: u64) -> Vec<u8> {
        let Signal::Sine {
            frequency,
            level_db,
        } = machine.file.scenario.signal
        else {
            panic!("at another rate a scenario plays a sine");
        };
        let played = machine.file.scenario.format;
        let (other, own) = (f64::from(played.rate), f64::from(self.own.rate));
        let stretched = (32.0 * other / own).ceil().max(32.0);
        let start = self.ours.start().expect("a run");
        let ticks = self.ours.device().between(machine.start, start) as f64 / 1e9;
        // Where the driver rounds, so does the model: to 1/147 or 1/160 frame.
        let parts = f64::from(self.own.rate / common(self.own.rate, played.rate));
        let origin = (ticks / FREQUENCY as f64 * other * parts).floor() / parts;
        let at = origin + frame as f64 * other / own - stretched - 1.0;
        let total = machine.file.scenario.frames() as f64;
        if at.floor() + stretched < 0.0 || at.floor() - stretched >= total {
            return vec![0; self.own.frame_bytes()];
        }
        let amplitude = 10.0_f64.powf(level_db / 20.0);
        let levels: Vec<f64> = (0..played.channels)
            .map(|channel| {
                let phase = TAU * frequency * at / other - FRAC_PI_2 * f64::from(channel);
                amplitude * phase.sin()
            })
            .collect();
        self.encode(&levels)
    }

    fn encode(&self, levels: &[f64]) -> Vec<u8> {
        let levels = routed(levels, self.own.channels);
        let scale = |bits: i32| 2.0_f64.powi(bits - 1);
        levels
            .into_iter()
            .flat_map(|level| match self.own.sample {
                Sample::Float32 => (level as f32).to_le_bytes().to_vec(),
                Sample::Pcm16 => {
                    let code = (level * scale(16)).round().min(scale(16) - 1.0);
                    (code as i16).to_le_bytes().to_vec()
                }
                Sample::Pcm24 => {
                    let code = (level * scale(24)).round().min(scale(24) - 1.0);
                    (code as i32).to_le_bytes()[..3].to_vec()
                }
                Sample::Pcm24In32 => {
                    let code = (level * scale(24)).round().min(scale(24) - 1.0);
                    ((code as i32) << 8).to_le_bytes().to_vec()
                }
                Sample::Pcm32 => ((level * scale(32)) as i32).to_le_bytes().to_vec(),
            })
            .collect()
    }
}

fn common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common(b, a % b) }
}

/// Which channels are recorded as which, by the table in the driver's documentation; `None` is silence.
fn routed(levels: &[f64], channels: u16) -> Vec<f64> {
    let picks: &[Option<usize>] = match (levels.len(), channels) {
        (1, 2) => &[Some(0), Some(0)],
        (2, 1) => return vec![(levels[0] + levels[1]) / 2.0],
        (6, 1) => return vec![(levels[0] + levels[1] + levels[2]) / 3.0],
        (6, 4) => &[Some(0), Some(1), Some(4), Some(5)],
        (6, 8) => &[
            Some(0),
            Some(1),
            Some(2),
            Some(3),
            None,
            None,
            Some(4),
            Some(5),
        ],
        (have, want) => {
            let by_number = (0..usize::from(want)).map(|channel| levels.get(channel).copied());
            assert!(
                have == usize::from(want) || matches!((have, want), (6, 2 | 3 | 16) | (2, 8)),
                "no scenario has these channels"
            );
            return by_number.map(Option::unwrap_or_default).collect();
        }
    };
    let pick = |pick: &Option<usize>| pick.map_or(0.0, |channel| levels[channel]);
    picks.iter().map(pick).collect()
}
