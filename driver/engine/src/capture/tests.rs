//! A capture stream against a model that knows every run of both streams and works out each frame by itself.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::buffer::Notifications;
use crate::convert::{Converter, Piece, Place, Source};
use crate::format::{SampleFormat, default_mask};
use crate::stream::Stream;
use crate::stream::tests::{config, steps_up_to};
use crate::tap::storage_bytes;
use crate::units::{FrameRate, Ppb};

const FREQUENCY: i64 = 10_000_000;
/// Units of device time in a second.
const SECOND: i128 = FREQUENCY as i128 * 1_000_000_000;
const MS: i64 = FREQUENCY / 1_000;
/// Frames in the buffers. Miri gets few: each step fills them all.
const LAP: u64 = if cfg!(miri) { 16 } else { 100 };

fn format(rate: u32, channels: u16, sample: SampleFormat) -> Format {
    Format {
        rate: FrameRate::new(rate).unwrap(),
        channels,
        channel_mask: default_mask(channels),
        sample,
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(i64),
    Render(State),
    Capture(State),
    Steer(i32),
    Protect(bool),
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        3 => Just(State::Run),
        2 => Just(State::Pause),
        1 => Just(State::Stop),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2 * MS).prop_map(Step::Pass),
        1 => (0..30 * MS).prop_map(Step::Pass),
        2 => state().prop_map(Step::Render),
        2 => state().prop_map(Step::Capture),
        1 => (-1_000_000..=1_000_000).prop_map(Step::Steer),
        1 => any::<bool>().prop_map(Step::Protect),
    ]
}

/// A run of the render stream, with the frames that were taken in it.
struct Played {
    frame: u64,
    at: i128,
    bytes: Vec<u8>,
}

/// The frames of a run, one by one; silence around them.
struct Frames1<'a>(&'a Played, usize);

impl Source for Frames1<'_> {
    fn frames(&self, first: i64, _: u64) -> Piece<'_> {
        let Some(index) = first.checked_sub(self.0.frame as i64) else {
            return Piece::Silence(1);
        };
        let Ok(index) = usize::try_from(index) else {
            return Piece::Silence(1);
        };
        match self.0.bytes.get(index * self.1..(index + 1) * self.1) {
            Some(frame) => Piece::Audio(frame),
            None => Piece::Silence(1),
        }
    }
}

struct World {
    from: Format,
    to: Format,
    now: i64,
    clock: DeviceClock,
    tap: Tap<Vec<u8>>,
    render: Stream,
    played_from: Vec<u8>,
    generation: u8,
    protected: bool,
    /// What was in the buffer when the content became free ends here.
    free_from: Option<u64>,
    capture: Capture,
    recorded_to: Vec<u8>,
    work: Work<Vec<i32>, Vec<u8>>,
    runs: Vec<Played>,
    /// First frame and device time of the capture stream's run.
    own: Option<(u64, i128)>,
}

impl World {
    fn new(from: Format, to: Format) -> Self {
        let frequency = QpcFrequency::new(FREQUENCY).unwrap();
        let lap = |format: &Format| {
            let bytes = u32::from(format.frame_bytes()) * LAP as u32;
            Geometry::for_request(bytes, format.frame_bytes(), Notifications::None).unwrap()
        };
        let mut world = Self {
            from,
            to,
            now: 12_345 * MS,
            clock: DeviceClock::new(frequency).unwrap(),
            tap: Tap::new(vec![0; storage_bytes(200_000)]).unwrap(),
            render: Stream::new(from, frequency),
            played_from: vec![0; lap(&from).bytes() as usize],
            generation: 0,
            protected: false,
            free_from: None,
            capture: Capture::new(to, frequency),
            recorded_to: vec![0; lap(&to).bytes() as usize],
            work: Work {
                numbers: vec![0; Capture::numbers(&to)],
                // Room for some frames, and not a whole number of them.
                bytes: vec![0; usize::from(to.frame_bytes()) * 7 + 1],
            },
            runs: Vec::new(),
            own: None,
        };
        world.render.attach(lap(&from));
        world.capture.attach(lap(&to));
        world
    }

    /// The bytes of a frame of this life of the render stream; never all zero.
    fn frame(&self, index: u64) -> Vec<u8> {
        let bytes = usize::from(self.from.frame_bytes());
        let code = |at: usize| (index as usize * 31 + at * 7 + usize::from(self.generation)) as u8;
        // Numbers of floats that stay below 1.
        if self.from.sample == SampleFormat::Float32 {
            let value = |channel: usize| f32::from(code(channel) as i8 | 1) / 256.0;
            return (0..usize::from(self.from.channels))
                .flat_map(|channel| value(channel).to_le_bytes())
                .collect();
        }
        (0..bytes).map(|at| code(at) | 1).collect()
    }

    /// The client has written everything that the buffer holds from the position on.
    fn fill(&mut self) {
        let bytes = usize::from(self.from.frame_bytes());
        for index in self.render.position().0..self.render.position().0 + LAP {
            let at = (index % LAP) as usize * bytes;
            let frame = self.frame(index);
            self.played_from[at..at + bytes].copy_from_slice(&frame);
        }
    }

    /// Both streams come to the present; the model takes what was played and looks at what was recorded.
    fn advance(&mut self) {
        self.clock.pass(Qpc(self.now));
        self.fill();
        let from = self.render.position().0;
        let running = self.render.state() == State::Run;
        let memory = &mut self.played_from[..];
        self.render
            .advance(Qpc(self.now), &self.clock, memory, &mut self.tap);
        let to = self.render.position().0;
        if running {
            for index in from..to {
                // What the buffer cannot hold is silence.
                if self.free_from == Some(index) {
                    (self.protected, self.free_from) = (false, None);
                }
                let audible = index < from + LAP && !self.protected;
                let frame = match audible {
                    true => self.frame(index),
                    false => vec![0; self.from.frame_bytes().into()],
                };
                let run = self.runs.last_mut().unwrap();
                run.bytes.extend(frame);
            }
        }
        let from = self.capture.position().0;
        let memory = &mut self.recorded_to[..];
        self.capture.advance(
            Qpc(self.now),
            &self.clock,
            memory,
            &self.tap,
            &mut self.work,
        );
        let to = self.capture.position().0;
        let bytes = usize::from(self.to.frame_bytes());
        for index in from.max(to.saturating_sub(LAP))..to {
            let at = (index % LAP) as usize * bytes;
            let got = &self.recorded_to[at..at + bytes];
            assert_eq!(got, self.expected(index), "frame {index} of {from}..{to}");
        }
    }

    /// What frame `index` of the capture stream must be.
    fn expected(&self, index: u64) -> Vec<u8> {
        let (frame, at) = self.own.expect("the capture stream runs");
        let (own, other) = (
            i128::from(self.to.rate.hertz()),
            i128::from(self.from.rate.hertz()),
        );
        let since = i128::from(index - frame);
        // The run whose begin is not after this frame's: at + since / own rate, in seconds.
        let begun = |run: &&Played| (run.at - at) * own <= since * SECOND;
        let Some(run) = self.runs.iter().rev().find(begun) else {
            return vec![0; self.to.frame_bytes().into()];
        };
        let mut converter = Converter::new(&self.from, &self.to).unwrap();
        let parts = i128::from(converter.parts());
        let all = ((at - run.at) * other * parts).div_euclid(SECOND) + since * parts * other / own;
        let place = Place {
            frame: (all.div_euclid(parts) + i128::from(run.frame)) as i64,
            part: all.rem_euclid(parts) as u32,
        };
        let mut out = vec![0x55; self.to.frame_bytes().into()];
        converter.seek(place);
        let source = Frames1(run, self.from.frame_bytes().into());
        let mut numbers = vec![0; Capture::numbers(&self.to)];
        converter.convert(&source, &mut numbers, &mut out);
        out
    }

    fn device(&self) -> i128 {
        self.clock.at(Qpc(self.now)).0
    }

    fn step(&mut self, step: Step) {
        if let Step::Pass(ticks) = step {
            self.now += ticks;
        }
        self.advance();
        match step {
            Step::Pass(_) => {}
            Step::Steer(ppb) => self.clock.steer(Ppb(ppb), Qpc(self.now)).unwrap(),
            Step::Protect(protected) => {
                if protected {
                    (self.protected, self.free_from) = (true, None);
                } else if self.protected {
                    let free = self.render.position().0 + LAP;
                    self.free_from.get_or_insert(free);
                }
                let memory = &mut self.played_from[..];
                self.render.set_protected(
                    protected,
                    Qpc(self.now),
                    &self.clock,
                    memory,
                    &mut self.tap,
                );
            }
            Step::Render(state) => {
                let before = self.render.state();
                let memory = &mut self.played_from[..];
                self.render
                    .set_state(state, Qpc(self.now), &self.clock, memory, &mut self.tap);
                if state == State::Run && before != State::Run {
                    self.runs.push(Played {
                        frame: self.render.position().0,
                        at: self.device(),
                        bytes: Vec::new(),
                    });
                }
                if state == State::Stop {
                    self.protected &= self.free_from.take().is_none();
                    self.generation = self.generation.wrapping_add(101);
                }
            }
            Step::Capture(state) => {
                let before = self.capture.state();
                let memory = &mut self.recorded_to[..];
                self.capture.set_state(
                    state,
                    Qpc(self.now),
                    &self.clock,
                    memory,
                    &self.tap,
                    &mut self.work,
                );
                if state == State::Run && before != State::Run {
                    self.own = Some((self.capture.position().0, self.device()));
                }
                if state == State::Stop {
                    assert!(self.recorded_to.iter().all(|byte| *byte == 0));
                }
            }
        }
    }
}

fn check(from: Format, to: Format, steps: &[Step]) {
    let mut world = World::new(from, to);
    for step in steps {
        world.step(*step);
    }
}

/// Both run for a while, one begins in the middle of a frame of the other.
fn both(from: Format, to: Format) {
    use State::{Pause, Run, Stop};
    // Miri gets a few frames.
    let ms = if cfg!(miri) { MS / 12 } else { MS };
    let steps = [
        Step::Capture(Run),
        Step::Pass(ms + 7),
        Step::Render(Run),
        Step::Pass(ms / 2),
        Step::Pass(ms),
        Step::Render(Pause),
        Step::Pass(ms + 3),
        Step::Render(Run),
        Step::Pass(2 * ms),
        Step::Capture(Pause),
        Step::Pass(ms + 1),
        Step::Capture(Run),
        Step::Pass(2 * ms),
        Step::Render(Stop),
        Step::Pass(ms),
    ];
    check(from, to, &steps);
}

const SAMPLES: [SampleFormat; 5] = [
    SampleFormat::Pcm16,
    SampleFormat::Pcm24,
    SampleFormat::Pcm24In32,
    SampleFormat::Pcm32,
    SampleFormat::Float32,
];

#[test]
fn every_sample_format_both_ways() {
    // Miri gets a sample.
    let step = if cfg!(miri) { 3 } else { 1 };
    for from in SAMPLES.into_iter().step_by(step) {
        for to in SAMPLES.into_iter().step_by(step) {
            both(format(48_000, 2, from), format(48_000, 2, to));
        }
    }
}

#[test]
fn other_rates_and_channels() {
    let pcm = SampleFormat::Pcm24;
    // Miri gets a sample.
    let rates: &[(u32, u32)] = if cfg!(miri) {
        &[]
    } else {
        &[
            (48_000, 44_100),
            (44_100, 48_000),
            (8_000, 48_000),
            (192_000, 8_000),
            (11_025, 192_000),
        ]
    };
    for &(from, to) in rates {
        both(format(from, 2, pcm), format(to, 1, pcm));
        both(format(from, 1, pcm), format(to, 2, pcm));
    }
    both(format(48_000, 6, pcm), format(48_000, 2, pcm));
    both(format(48_000, 1, pcm), format(48_000, 16, pcm));
}

#[test]
fn without_a_buffer_time_passes_and_nothing_is_recorded() {
    let stereo = format(48_000, 2, SampleFormat::Pcm16);
    let mut world = World::new(stereo, stereo);
    world.step(Step::Capture(State::Run));
    world.capture.detach();
    world.now += 10 * MS;
    world.clock.pass(Qpc(world.now));
    let advance = world.capture.advance(
        Qpc(world.now),
        &world.clock,
        &mut world.recorded_to[..],
        &world.tap,
        &mut world.work,
    );
    assert_eq!((advance.position, advance.byte_offset), (Frames(480), 0));
}

#[test]
fn a_packet_is_told_with_the_time_at_which_it_began() {
    let mono = format(48_000, 1, SampleFormat::Pcm16);
    let mut world = World::new(mono, mono);
    let packet = Geometry::for_request(960, 2, Notifications::MiddleAndEnd).unwrap();
    world.capture.attach(packet);
    world.recorded_to = vec![0; 960];
    let start = world.now;
    assert_eq!(world.capture.began(Frames(0), &world.clock), None);
    world.step(Step::Capture(State::Run));
    world.now += 4 * MS;
    // 192 frames, then a break of 1 s in the first packet of 240.
    world.step(Step::Capture(State::Pause));
    world.now += 1_000 * MS;
    world.step(Step::Capture(State::Run));
    let resumed = world.now;
    assert_eq!(
        world.capture.next_notification(&world.clock),
        Some(Qpc(resumed + MS))
    );
    world.now += 3 * MS;
    world.clock.pass(Qpc(world.now));
    let advance = world.capture.advance(
        Qpc(world.now),
        &world.clock,
        &mut world.recorded_to[..],
        &world.tap,
        &mut world.work,
    );
    assert_eq!(advance.packets_completed, 1);
    for (frame, expect) in [
        (0, start),
        (96, start + 2 * MS),
        (192, resumed),
        (240, resumed + MS),
    ] {
        assert_eq!(
            world.capture.began(Frames(frame), &world.clock),
            Some(Qpc(expect))
        );
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn equal_formats_are_the_same_instant_to_the_bit(steps in prop::collection::vec(step(), steps_up_to(if cfg!(miri) { 24 } else { 60 }))) {
        let stereo = format(48_000, 2, SampleFormat::Pcm16);
        check(stereo, stereo, &steps);
    }

    #[test]
    fn other_rates_are_converted_at_the_same_instant(steps in prop::collection::vec(step(), steps_up_to(20))) {
        check(format(8_000, 1, SampleFormat::Pcm16), format(11_025, 1, SampleFormat::Pcm24), &steps);
    }
}
