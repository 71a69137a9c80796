//! A perfect machine, for tests: a device with a real cyclic buffer, and a client that writes into it. It shares no code
//! with what works out the expected audio.

mod life;
mod recorder;

use std::path::Path;

use waverig_protocol::scenario::{Client, Disturbance};
use waverig_protocol::timeline::{Event, Stamped};
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
    }
}

/// The golden of a run.
pub(crate) fn golden(file: &ScenarioFile, evidence: &Evidence) -> Golden {
    let stream =
        Stream::of_main(&evidence.timeline, &file.scenario, FREQUENCY).expect("a timeline");
    let expected = match file.scenario.soak {
        // Days of silence; nobody compares them.
        Some(_) => Expected::default(),
        None => Expected::of(&stream).expect("a stream"),
    };
    Golden {
        capture: CaptureGolden::of(&file.scenario, &expected, 1).expect("a signal"),
        timing: TimingGolden::of(&stream).expect("a timing"),
        record: crate::check::record_golden(file, evidence, 1).expect("recordings"),
    }
}

/// A moment of the scenario.
fn moment(ms: u32) -> i64 {
    START + i64::from(ms) * 10_000
}

struct Machine<'a> {
    file: &'a ScenarioFile,
    /// When the player starts.
    start: i64,
    generator: Generator,
    buffer: Vec<u8>,
    /// Frames taken out of the buffer so far, and their bytes.
    taken: u64,
    out: Vec<u8>,
    timeline: Vec<Stamped>,
    clock: Clock,
    /// What the client writes next.
    stream_frame: u64,
    signal_frame: u64,
}

/// What a perfect machine tells about a scenario.
pub(crate) fn perfect(file: &ScenarioFile) -> Evidence {
    let format = file.scenario.format;
    let (buffer_frames, packet_frames) = match file.scenario.client {
        Client::EventDriven { packet_frames } => (packet_frames * 2, packet_frames),
        Client::Polling { buffer_frames, .. } => (buffer_frames, 0),
    };
    let mut machine = Machine {
        file,
        start: moment(file.scenario.start_ms),
        generator: Generator::new(&file.scenario.signal, format).expect("a signal"),
        buffer: vec![0; buffer_frames as usize * format.frame_bytes()],
        taken: 0,
        out: Vec::new(),
        timeline: Vec::new(),
        clock: Clock::new(format.rate, FREQUENCY).expect("a clock"),
        stream_frame: 0,
        signal_frame: 0,
    };
    machine.event(
        0,
        Event::Opened {
            buffer_frames: buffer_frames.into(),
            packet_frames: packet_frames.into(),
        },
    );
    machine.write(1, buffer_frames.into());
    machine.state(machine.start, "run");
    steering::steer(&mut machine);
    machine.start_clock();
    machine.pauses();
    if let Some(soak) = &file.scenario.soak {
        let end = steering::soak(&mut machine, soak);
        machine.state(end, "stop");
        machine.event(end, Event::Closed);
        return machine.evidence(Vec::new());
    }
    let end = match file.scenario.client {
        Client::EventDriven { packet_frames } => machine.event_driven(packet_frames.into()),
        Client::Polling { interval_ms, .. } => machine.polling(interval_ms),
    };
    let cut = machine.end();
    let told = file.scenario.disturbances.iter().all(|each| {
        !matches!(
            each,
            Disturbance::SurpriseRemoval { .. } | Disturbance::StopDevice { .. }
        )
    });
    if told {
        machine.look(end);
        machine.state(end, "pause");
        machine.clock.halt(end);
    } else {
        machine.play(end);
    }
    steering::positions(&mut machine);
    machine.blocks(end, Program::Main, file.scenario.tap.read_frames);
    for (number, client) in (1..).zip(&file.scenario.tap_clients) {
        if client.reads == 0 {
            continue;
        }
        machine.blocks(end, Program::TapClient(number), client.read_frames);
    }
    if told {
        machine.state(end + 10, "stop");
    }
    machine.changes();
    debug_assert!(cut.is_none_or(|cut| end == cut));
    machine.event(end + 20, Event::Closed);
    let recorders: Vec<_> = (1..)
        .zip(&file.scenario.recorders)
        .map(|(number, recorder)| recorder::record(&machine, number, recorder, end))
        .collect();
    machine.evidence(recorders)
}

impl Machine<'_> {
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
                let from = self.start + i64::from(at_ms) * 10_000;
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
    }

    fn done(&self, position: u64) -> bool {
        self.signal_frame == self.file.scenario.frames() && position >= self.stream_frame
    }

    fn event_driven(&mut self, packet: u64) -> i64 {
        let mut busy_until = 0;
        for boundary in 1.. {
            let qpc = self.callback(self.time(boundary * packet));
            if let Some(end) = self.end().filter(|end| qpc > *end) {
                return end;
            }
            if qpc == self.callback(self.time((boundary + 1) * packet)) {
                // One signal serves all boundaries that a stall of the timer passed.
                continue;
            }
            self.event(qpc, Event::Notified);
            if qpc < busy_until {
                continue;
            }
            let mut now = qpc;
            if let Some(stall) = self.stall(qpc, packet) {
                // The client comes back after the stall; the driver goes on signalling meanwhile.
                busy_until = self.goes_on(qpc + stall);
                now = busy_until;
            }
            let position = self.look(now);
            // The packet that plays is lost to the client, if it has not written it.
            if self.signal_frame < self.file.scenario.frames() {
                self.stream_frame = self.stream_frame.max((position / packet + 1) * packet);
            }
            self.write(now, position / packet * packet + 2 * packet);
            if self.done(position) {
                return now + 5_000;
            }
        }
        unreachable!("the loop has no end")
    }

    /// How long the client stalls when it is woken at a time.
    fn stall(&self, qpc: i64, packet: u64) -> Option<i64> {
        self.file.scenario.disturbances.iter().find_map(|each| {
            let Disturbance::ClientStall { at_ms, for_ms } = *each else {
                return None;
            };
            let from = self.start + i64::from(at_ms) * 10_000;
            let until = from + (self.time(packet) - self.start);
            (from..until)
                .contains(&qpc)
                .then_some(i64::from(for_ms) * 10_000)
        })
    }

    fn polling(&mut self, interval_ms: u32) -> i64 {
        let buffer = (self.buffer.len() / self.file.scenario.format.frame_bytes()) as u64;
        for tick in 1.. {
            let qpc = self.goes_on(self.start + tick * i64::from(interval_ms) * 10_000);
            if let Some(end) = self.end().filter(|end| qpc > *end) {
                return end;
            }
            let position = self.look(qpc);
            self.write(qpc, position + buffer);
            if self.done(position) {
                return qpc + 5_000;
            }
        }
        unreachable!("the loop has no end")
    }

    /// The tap's blocks, worked out afterwards from what was played.
    fn blocks(&mut self, end: i64, program: Program, read: u32) {
        let frame_bytes = self.file.scenario.format.frame_bytes();
        let read = u64::from(read);
        let total = self.position(end);
        let mut first_frame = 0;
        while first_frame < total {
            let frames = read.min(total - first_frame);
            let bytes =
                &self.out[first_frame as usize * frame_bytes..][..frames as usize * frame_bytes];
            let clear = bytes
                .chunks(frame_bytes)
                .filter(|frame| frame.iter().all(|byte| *byte == 0))
                .count() as u64;
            let last = first_frame + frames == total;
            let mut flags = u32::from(first_frame == 0);
            flags |= u32::from(clear == frames) << 2;
            flags |= u32::from(last) << 4;
            let due = self.callback(self.time(first_frame + frames));
            let event = Event::Block {
                generation: 1,
                first_frame,
                frames,
                first_qpc: self.begins(first_frame),
                flags,
                lost: 0,
                clear,
            };
            self.timeline.push(Stamped {
                program,
                ..Stamped::new(due.min(end), event)
            });
            first_frame += frames;
        }
    }

    fn evidence(mut self, recorders: Vec<recorder::Recorded>) -> Evidence {
        for recorded in &recorders {
            self.timeline.extend(recorded.timeline.iter().cloned());
        }
        self.timeline.sort_by_key(|each| each.qpc);
        let format = self.file.scenario.format;
        let mut evidence = Evidence::new(MachineInfo {
            version: 1,
            system: "model".into(),
            qpc_frequency: FREQUENCY,
        });
        let readers = self.file.scenario.tap_clients.iter();
        let readers = (1..).zip(readers.map(|client| client.read_frames));
        let mut readers: Vec<_> = readers
            .filter(|(_, read)| *read > 0)
            .map(|(number, read)| (Program::TapClient(number), read))
            .collect();
        readers.push((Program::Main, self.file.scenario.tap.read_frames));
        for (program, read) in readers {
            for (index, piece) in (0..).zip(self.out.chunks(read as usize * format.frame_bytes())) {
                let first_frame = index * u64::from(read);
                let reply = Reply::Capture {
                    program,
                    first_frame,
                };
                evidence.take(reply, piece.to_vec());
            }
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
