//! A perfect machine, for tests: a device with a real cyclic buffer, and a client that writes into it. It shares no code
//! with what works out the expected audio.

mod cables;
mod client;
mod device;
mod life;
mod opening;
mod protection;
mod recorder;
mod tap;

pub(crate) use cables::perfect;

use std::collections::BTreeSet;
use std::path::Path;

use waverig_protocol::noise::Time;
use waverig_protocol::scenario::{Client, Disturbance, Opening};
use waverig_protocol::timeline::{Event, Stamped, StarvedRun};
use waverig_protocol::{MachineInfo, Program, Reply};
use waverig_signal::Generator;

use crate::clock::Clock;
use crate::evidence::Evidence;
use crate::expected::Expected;
use crate::golden::{CaptureGolden, Golden, TimingGolden};
use crate::scenario::{ScenarioFile, load_all};
use crate::stream::Stream;
use crate::verdict::RunInfo;

mod steering;

/// QPC ticks per second.
const FREQUENCY: i64 = 10_000_000;
/// When the stream starts.
const START: i64 = 12_345;
/// How late callbacks are: 100 us.
const LATE: i64 = 1_000;

/// No scenario of the suite has such a client: the driver has no pin for it.
const NO_REQUESTS: &str = "a client of kind requests plays to WaveCyclic pins only";

/// A scenario of `ci/scenarios`.
pub(crate) fn scenario(name: &str) -> ScenarioFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let all = load_all(&folder).expect("the scenarios are good");
    all.into_iter()
        .find(|file| file.name() == name)
        .expect("the scenario is there")
}

/// The run of a perfect machine.
pub(crate) fn run_info() -> RunInfo {
    RunInfo {
        machine: "sim".into(),
        system: "model".into(),
        driver_sha256: "0123abcd".into(),
        seed: 1,
        endpoints: vec!["Speakers (speakers)".into()],
        cannot_prove: vec!["Windows' own audio engine".into()],
        remarks: vec!["a guest came up".into()],
    }
}

/// The golden of a run.
pub(crate) fn golden(file: &ScenarioFile, evidence: &Evidence) -> Golden {
    let stream =
        Stream::of_main(&evidence.timeline, &file.scenario, FREQUENCY).expect("a timeline");
    let expected = match file.scenario.soak {
        // Days of silence; nobody compares them.
        Some(_) => Expected::default(),
        None => Expected::of(&stream, file.scenario.format.frame_bytes()).expect("a stream"),
    };
    Golden {
        capture: CaptureGolden::of(&file.scenario, &expected, 1).expect("a signal"),
        timing: TimingGolden::of(&stream).expect("a timing"),
        record: crate::check::given_golden(file, evidence, 1, false).expect("recordings"),
        players: crate::check::given_golden(file, evidence, 1, true).expect("captures"),
    }
}

/// A moment of the scenario.
fn moment(ms: u32) -> i64 {
    START + i64::from(ms) * 10_000
}

struct Machine<'a> {
    file: &'a ScenarioFile,
    /// When the player starts, and when the main player does.
    start: i64,
    main: i64,
    generator: Generator,
    buffer: Vec<u8>,
    /// Frames taken out of the buffer so far, and their bytes.
    taken: u64,
    out: Vec<u8>,
    timeline: Vec<Stamped>,
    clock: Clock,
    /// What each program's tap delivered.
    captured: Vec<(Program, u64, Vec<u8>)>,
    /// Frames lost before the next block.
    lost: u64,
    /// Frames that are silence because they are protected.
    muted: Vec<std::ops::Range<u64>>,
    /// What the client writes next.
    stream_frame: u64,
    signal_frame: u64,
    /// The frame that a client of shared mode told last.
    told: u64,
    /// Behind the last frame of signal that was written.
    signal_end: u64,
    /// Frames that the client declared in time, the first it ever declared, and where the stream ended.
    written: BTreeSet<u64>,
    known_from: Option<u64>,
    ended: Option<u64>,
}

/// What a perfect machine tells about a scenario with one player, or with several of which this is one. `later` play after it on its
/// cable, which is what recorders hear. `main` is when the main player starts.
fn alone(file: &ScenarioFile, later: &[ScenarioFile], main: i64) -> Evidence {
    let (mut machine, end) = play(file, main);
    if file.scenario.soak.is_some() {
        return machine.evidence(Vec::new());
    }
    let later: Vec<_> = later.iter().map(|file| play(file, main).0).collect();
    machine.conclude(end);
    let machines: Vec<&Machine<'_>> = std::iter::once(&machine).chain(&later).collect();
    let recorders: Vec<_> = (1..)
        .zip(&file.scenario.recorders)
        .filter(|(_, recorder)| recorder.open != Opening::Refused)
        .map(|(number, recorder)| recorder::record(&machines, number, recorder))
        .collect();
    machine.evidence(recorders)
}

/// Plays to the end of the stream, and gives that.
fn play(file: &ScenarioFile, main: i64) -> (Machine<'_>, i64) {
    let format = file.scenario.format;
    let (buffer_frames, packet_frames) = match file.scenario.client {
        Client::EventDriven { packet_frames } | Client::Packet { packet_frames, .. } => {
            (packet_frames * 2, packet_frames)
        }
        Client::Shared {
            period_frames,
            event: true,
        } => (period_frames * 2, period_frames),
        Client::Shared { period_frames, .. } => (period_frames * 4, 0),
        Client::Polling { buffer_frames, .. } => (buffer_frames, 0),
        Client::Requests { .. } => unreachable!("{NO_REQUESTS}"),
    };
    let mut machine = Machine {
        file,
        start: moment(file.scenario.start_ms),
        main,
        generator: Generator::new(&file.scenario.signal, format).expect("a signal"),
        buffer: vec![0; buffer_frames as usize * format.frame_bytes()],
        taken: 0,
        out: Vec::new(),
        timeline: Vec::new(),
        clock: Clock::new(format.rate, FREQUENCY).expect("a clock"),
        captured: Vec::new(),
        lost: 0,
        muted: Vec::new(),
        stream_frame: 0,
        signal_frame: 0,
        told: 0,
        signal_end: 0,
        written: BTreeSet::new(),
        known_from: None,
        ended: None,
    };
    // Later ones open their pins at the last moment.
    let opened = match file.scenario.start_ms {
        0 => 0,
        _ => machine.start - 100,
    };
    machine.event(
        opened,
        Event::Opened {
            buffer_frames: buffer_frames.into(),
            packet_frames: packet_frames.into(),
        },
    );
    match file.scenario.client {
        Client::Packet { packet_frames, .. } => {
            machine.write(opened + 1, packet_frames.into());
            machine.declare(opened + 1, 0, packet_frames.into(), "taken");
        }
        Client::Shared { .. } => {
            machine.write(opened + 1, buffer_frames.into());
            machine.tell(opened + 1, buffer_frames.into());
        }
        _ => machine.write(opened + 1, buffer_frames.into()),
    }
    machine.state(machine.start, "run");
    steering::steer(&mut machine);
    machine.start_clock();
    machine.pauses();
    machine.protect();
    if let Some(soak) = &file.scenario.soak {
        let end = steering::soak(&mut machine, soak);
        machine.state(end, "stop");
        machine.event(end, Event::Closed);
        return (machine, end);
    }
    let end = match file.scenario.client {
        Client::EventDriven { packet_frames } => machine.event_driven(packet_frames.into(), false),
        Client::Packet {
            packet_frames,
            end_of_stream,
        } => machine.packets(packet_frames.into(), end_of_stream),
        Client::Shared {
            period_frames,
            event: true,
        } => machine.event_driven(period_frames.into(), true),
        Client::Shared { period_frames, .. } => machine.timed(period_frames.into()),
        Client::Polling { interval_ms, .. } => machine.polling(interval_ms),
        Client::Requests { .. } => unreachable!("{NO_REQUESTS}"),
    };
    if machine.is_told() {
        machine.look(end);
        machine.state(end, "pause");
        machine.end_clock(end);
    } else {
        machine.play(end);
    }
    (machine, end)
}

impl Machine<'_> {
    /// Whether the client stops its stream itself: not when the device is gone.
    fn is_told(&self) -> bool {
        self.file.scenario.disturbances.iter().all(|each| {
            !matches!(
                each,
                Disturbance::SurpriseRemoval { .. } | Disturbance::StopDevice { .. }
            )
        })
    }

    /// What is told when the stream has ended.
    fn conclude(&mut self, end: i64) {
        let file = self.file;
        steering::positions(self);
        self.blocks(end, Program::Main, file.scenario.tap.read_frames);
        for (number, client) in (1..).zip(&file.scenario.tap_clients) {
            if client.reads == 0 {
                continue;
            }
            self.tap_client(end, Program::TapClient(number), client);
        }
        if self.is_told() {
            self.state(end + 10, "stop");
        }
        self.changes();
        debug_assert!(self.end().is_none_or(|cut| end == cut));
        self.event(end + 20, Event::Closed);
        self.starved(end + 30);
    }

    fn event(&mut self, qpc: i64, event: Event) {
        self.timeline.push(Stamped::new(qpc, event));
    }

    fn state(&mut self, qpc: i64, state: &str) {
        let state = state.into();
        self.event(qpc, Event::State { state });
    }

    /// Tells of the client's pauses.
    fn pauses(&mut self) {
        let file = self.file;
        for each in &file.scenario.disturbances {
            let Disturbance::Pause { at_ms, for_ms } = *each else {
                continue;
            };
            let from = self.start + i64::from(at_ms) * 10_000;
            let to = from + i64::from(for_ms) * 10_000;
            self.state(from, "pause");
            for qpc in [from, (from + to) / 2, to] {
                let frames = self.position(qpc);
                self.event(qpc, Event::Position { frames });
            }
            self.state(to, "run");
        }
    }

    /// When a callback of the driver runs that is due at a time: a little later, or after the timer's stall.
    fn callback(&self, due: i64) -> i64 {
        for each in &self.file.scenario.disturbances {
            if let Disturbance::TimerStall { at_ms, for_ms } = *each {
                let from = self.main + i64::from(at_ms) * 10_000;
                let to = from + i64::from(for_ms) * 10_000;
                if (from..to).contains(&due) {
                    return to + LATE;
                }
            }
        }
        self.before_standing(due, due + LATE)
    }

    /// Plays the buffer up to a time, and tells the position.
    fn look(&mut self, qpc: i64) -> u64 {
        let frames = self.play(qpc);
        self.event(qpc, Event::Position { frames });
        frames
    }

    /// Plays the buffer up to a time.
    fn play(&mut self, qpc: i64) -> u64 {
        let frame_bytes = self.file.scenario.format.frame_bytes();
        let position = self.position(qpc);
        while self.taken < position {
            let at = self.taken as usize * frame_bytes % self.buffer.len();
            let place = &mut self.buffer[at..at + frame_bytes];
            self.out.extend_from_slice(place);
            place.fill(0);
            self.taken += 1;
        }
        position
    }

    /// Writes signal up to a frame of the stream.
    fn write(&mut self, qpc: i64, until: u64) {
        let left = self.file.scenario.frames() - self.signal_frame;
        let frames = until.saturating_sub(self.stream_frame).min(left);
        if frames == 0 {
            return;
        }
        let frame_bytes = self.file.scenario.format.frame_bytes();
        let signal = self
            .generator
            .bytes(self.signal_frame..self.signal_frame + frames);
        for (frame, bytes) in (self.stream_frame..).zip(signal.chunks_exact(frame_bytes)) {
            let at = frame as usize * frame_bytes % self.buffer.len();
            self.buffer[at..at + frame_bytes].copy_from_slice(bytes);
        }
        self.event(
            qpc,
            Event::Wrote {
                stream_frame: self.stream_frame,
                signal_frame: self.signal_frame,
                frames,
            },
        );
        self.stream_frame += frames;
        self.signal_frame += frames;
        self.signal_end = self.stream_frame;
    }

    fn done(&self, position: u64) -> bool {
        self.signal_frame == self.file.scenario.frames() && position >= self.signal_end
    }

    /// Frames are declared: those that are not due.
    fn declared(&mut self, frames: std::ops::Range<u64>) {
        self.known_from.get_or_insert(frames.start.max(self.taken));
        let taken = self.taken;
        self.written.extend(frames.filter(|frame| *frame >= taken));
    }

    fn declare(&mut self, qpc: i64, number: u64, packet: u64, answer: &str) {
        self.said(qpc, number, 0, 0, answer);
        self.declared(number * packet..(number + 1) * packet);
    }

    fn said(&mut self, qpc: i64, number: u64, flags: u32, last_bytes: u32, answer: &str) {
        let event = Event::Declared {
            packet: number as u32,
            flags,
            last_bytes,
            answer: answer.into(),
        };
        self.event(qpc, event);
    }

    /// The client of shared mode tells that it has written up to a frame.
    fn tell(&mut self, qpc: i64, to: u64) {
        let buffer = (self.buffer.len() / self.file.scenario.format.frame_bytes()) as u64;
        let place = |frame: u64| {
            if frame.is_multiple_of(buffer) {
                buffer
            } else {
                frame % buffer
            }
        };
        self.event(
            qpc,
            Event::WritePosition {
                buffer_frame: place(to),
            },
        );
        // What the property can tell: less than a lap since the position before.
        let new = match (self.told, (to - self.told) % buffer) {
            (0, 0) => buffer,
            (_, new) => new,
        };
        self.told = to;
        if new > 0 {
            self.declared(to - new..to);
        }
    }

    /// What the tap tells in the end.
    fn starved(&mut self, qpc: i64) {
        let frame_bytes = self.file.scenario.format.frame_bytes();
        let mut told = [0_u64; 4];
        let mut recent: Vec<StarvedRun> = Vec::new();
        let mut before = (false, false);
        let out = std::mem::take(&mut self.out);
        for (frame, bytes) in (0..).zip(out.chunks(frame_bytes)) {
            let clear = bytes.iter().all(|byte| *byte == 0);
            let missed = clear && self.is_missed(frame);
            let unknown = clear && self.known_from.is_none_or(|from| frame < from);
            for (count, is) in
                told.iter_mut()
                    .zip([clear, clear && !before.0, missed, missed && !before.1])
            {
                *count += u64::from(is);
            }
            before = (clear, missed);
            if missed || unknown {
                match recent.last_mut() {
                    Some(last)
                        if last.known == missed && last.first_frame + last.frames == frame =>
                    {
                        last.frames += 1;
                    }
                    _ => recent.push(StarvedRun {
                        first_frame: frame,
                        frames: 1,
                        qpc: self.time(frame),
                        known: missed,
                    }),
                }
            }
        }
        self.out = out;
        recent.reverse();
        recent.truncate(8);
        let [clear_frames, clear_runs, missed_frames, missed_runs] = told;
        let known_from = self.known_from;
        let event = Event::Starved {
            clear_frames,
            clear_runs,
            missed_frames,
            missed_runs,
            known_from,
            recent,
        };
        self.event(qpc, event);
    }

    /// Whether a silent frame is one that the client is known not to have written in time.
    fn is_missed(&self, frame: u64) -> bool {
        self.known_from.is_some_and(|from| frame >= from)
            && !self.written.contains(&frame)
            && self.ended.is_none_or(|end| frame < end)
    }

    fn evidence(mut self, recorders: Vec<recorder::Recorded>) -> Evidence {
        for recorded in &recorders {
            self.timeline.extend(recorded.timeline.iter().cloned());
        }
        self.timeline.sort_by_key(|each| each.qpc);
        let mut evidence = Evidence::new(MachineInfo {
            version: 1,
            system: "model".into(),
            qpc_frequency: FREQUENCY,
            time: Time::Virtual,
        });
        let (installed, log) = device::installed(&self.file.scenario.device);
        (evidence.installed, evidence.log) = (Some(installed), log);
        for (program, first_frame, piece) in std::mem::take(&mut self.captured) {
            let reply = Reply::Capture {
                program,
                first_frame,
            };
            evidence.take(reply, piece);
        }
        for recorded in recorders {
            for (first_frame, bytes) in recorded.audio {
                let reply = Reply::Capture {
                    program: recorded.program,
                    first_frame,
                };
                evidence.take(reply, bytes);
            }
        }
        evidence.timeline = self.timeline;
        evidence
    }
}
