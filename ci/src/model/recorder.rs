//! A perfect recorder beside a perfect player. Each recorded frame is looked up by the time at which it begins, in floating
//! point seconds at other rates than the played one, and as a ratio of integers at the same.

use std::f64::consts::{FRAC_PI_2, TAU};

use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Disturbance, Format, Recorder, Sample, Signal};
use waverig_protocol::timeline::{Event, Stamped};
use waverig_signal::sample;

use super::{FREQUENCY, LATE, Machine, moment};

/// Why a recorder has no such client.
const PLAYS: &str = "this kind of client plays";

/// What a recorder told.
pub(super) struct Recorded {
    pub(super) program: Program,
    pub(super) timeline: Vec<Stamped>,
    /// First frames and bytes.
    pub(super) audio: Vec<(u64, Vec<u8>)>,
}

/// A run of a stream: when it began, at which frame, and when it ended.
type Stretch = (i64, u64, i64);

/// The runs of a stream that pauses.
fn stretches(start: i64, rate: u32, end: i64, all: &[Disturbance]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let (mut from, mut base) = (start, 0);
    for each in all {
        if let Disturbance::Pause { at_ms, for_ms } = *each {
            let halt = start + i64::from(at_ms) * 10_000;
            stretches.push((from, base, halt));
            base += frames(halt - from, rate);
            from = halt + i64::from(for_ms) * 10_000;
        }
    }
    stretches.push((from, base, end));
    stretches
}

fn frames(ticks: i64, rate: u32) -> u64 {
    ticks.max(0) as u64 * u64::from(rate) / FREQUENCY as u64
}

struct Tape<'a> {
    machine: &'a Machine<'a>,
    /// The runs of the player's stream, and of the recorder's own.
    theirs: Vec<Stretch>,
    ours: Vec<Stretch>,
    played: Format,
    own: Format,
    /// Nothing plays on its cable.
    silent: bool,
    recorded: Recorded,
    next: u64,
}

/// Records from a machine that has played until `end`.
pub(super) fn record(machine: &Machine<'_>, number: u8, recorder: &Recorder, end: i64) -> Recorded {
    let program = Program::Recorder(number);
    let scenario = &machine.file.scenario;
    let own = scenario.format_of(program).expect("a format");
    // A bit later, so that frames of both streams do not begin together.
    let start = moment(recorder.start_ms) + 77;
    let mut tape = Tape {
        machine,
        played: scenario.format,
        own,
        silent: recorder.cable != 1,
        theirs: stretches(
            machine.start,
            scenario.format.rate,
            end,
            &scenario.disturbances,
        ),
        ours: stretches(
            start,
            own.rate,
            moment(recorder.stop_ms),
            &recorder.disturbances,
        ),
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
        Client::Shared { .. } => unreachable!("{PLAYS}"),
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
        Client::Shared { .. } => unreachable!("{PLAYS}"),
    };
    let mut index = 1;
    while look < stop {
        let held = stall.filter(|(from, to)| (*from..*to).contains(&look));
        if packet > 0 {
            tape.note(look, Event::Notified);
        }
        let paused = packet == 0
            && tape
                .ours
                .windows(2)
                .any(|two| (two[0].2..two[1].0).contains(&look));
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
            Client::Polling { interval_ms, .. } => look + i64::from(interval_ms) * 10_000,
            Client::Shared { .. } => unreachable!("{PLAYS}"),
        };
    }
    for two in tape.ours.clone().windows(2) {
        tape.state(two[0].2, "pause");
        tape.state(two[1].0, "run");
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
    tape.note(stop + LATE, Event::Closed);
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
        let rate = self.own.rate;
        let within = |(start, base, end): &&Stretch| base + frames(end - start, rate) >= frame;
        let (start, base, _) = self
            .ours
            .iter()
            .find(within)
            .or(self.ours.last())
            .expect("a run");
        start + ((frame - base) * FREQUENCY as u64).div_ceil(rate.into()) as i64
    }

    fn position(&self, qpc: i64) -> u64 {
        let begun = self.ours.iter().rev().find(|(start, ..)| *start <= qpc);
        begun.map_or(0, |(start, base, end)| {
            base + frames(qpc.min(*end) - start, self.own.rate)
        })
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
        let began = self
            .ours
            .iter()
            .rev()
            .find(|(_, base, _)| *base <= number * packet);
        let at = began.map_or(0, |(start, base, _)| {
            start
                + ((number * packet - base) * FREQUENCY as u64).div_ceil(self.own.rate.into())
                    as i64
        });
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
        if self.silent {
            return vec![0; self.own.frame_bytes()];
        }
        if self.played.rate == self.own.rate {
            let (rate, second) = (i128::from(self.own.rate), i128::from(FREQUENCY));
            let (start, base, _) = self
                .ours
                .iter()
                .rev()
                .find(|(_, base, _)| *base <= frame)
                .expect("a run");
            // Since the frame began, in parts of a tick.
            let since =
                |from: i64| i128::from(start - from) * rate + i128::from(frame - base) * second;
            let bytes = self.played.frame_bytes();
            let theirs = self
                .theirs
                .iter()
                .rev()
                .find(|(from, ..)| since(*from) >= 0);
            let there = theirs.and_then(|(from, base, end)| {
                let played = base + u64::try_from(since(*from) / second).ok()?;
                (played < base + frames(end - from, self.played.rate)).then_some(played)
            });
            let Some(at) = there.map(|frame| frame as usize * bytes) else {
                return vec![0; self.own.frame_bytes()];
            };
            let played = &self.machine.out[at..at + bytes];
            if self.played == self.own {
                return played.to_vec();
            }
            let levels: Vec<f64> = played
                .chunks_exact(self.played.sample.bytes())
                .map(|bytes| sample::level(self.played.sample, bytes))
                .collect();
            return self.encode(&levels);
        }
        self.sine(frame)
    }

    /// The sine that was played, at the recorder's rate: silent where its filter lies outside, and anything where it lies over
    /// an end.
    fn sine(&self, frame: u64) -> Vec<u8> {
        let Signal::Sine {
            frequency,
            level_db,
        } = self.machine.file.scenario.signal
        else {
            panic!("at another rate a scenario plays a sine");
        };
        let (other, own) = (f64::from(self.played.rate), f64::from(self.own.rate));
        let stretched = (32.0 * other / own).ceil().max(32.0);
        let origin = (self.ours[0].0 - self.machine.start) as f64 / FREQUENCY as f64 * other;
        // Where the driver rounds, so does the model: a part is 1/147 or 1/160 frame.
        let parts = match (self.played.rate, self.own.rate) {
            (44_100, 48_000) => 160.0,
            (48_000, 44_100) => 147.0,
            _ => panic!("no scenario has these rates"),
        };
        let origin = (origin * parts).floor() / parts;
        let at = origin + frame as f64 * other / own - stretched - 1.0;
        let total = self.machine.file.scenario.frames() as f64;
        if at < -stretched - 1.0 || at > total + stretched + 1.0 {
            return vec![0; self.own.frame_bytes()];
        }
        let amplitude = 10.0_f64.powf(level_db / 20.0);
        let levels: Vec<f64> = (0..self.played.channels)
            .map(|channel| {
                let phase = TAU * frequency * at / other - FRAC_PI_2 * f64::from(channel);
                amplitude * phase.sin()
            })
            .collect();
        self.encode(&levels)
    }

    fn encode(&self, levels: &[f64]) -> Vec<u8> {
        let levels: Vec<f64> = match (levels, self.own.channels) {
            ([one], 2) => vec![*one, *one],
            ([left, right], 1) => vec![(left + right) / 2.0],
            (all, _) => all.to_vec(),
        };
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
