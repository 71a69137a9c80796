//! The times of blocks while the clock is steered, the stream pauses and a client is slow, against a clock that forgets
//! nothing.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::tests::format;
use super::*;
use crate::clock::State;
use crate::device_clock::DeviceClock;
use crate::device_clock::tests::Model;
use crate::format::SampleFormat;
use crate::stream::Stream;
use crate::stream::tests::{config, steps_up_to};
use crate::units::{Ppb, Qpc, QpcFrequency};

const FREQUENCY: i64 = 10_000_000;
const MS: i64 = FREQUENCY / 1_000;
const RATE: u64 = 48_000;
/// Frames in the ring: 4 s, more than the table of times holds at its worst.
const RING: usize = 4 * RATE as usize;

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Steer(i32),
    Run(bool),
    Stop,
    /// At most so many frames.
    Read(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..400 * MS).prop_map(Step::Pass),
        1 => (0..6_000 * MS).prop_map(Step::Pass),
        4 => (-1_000_000..=1_000_000).prop_map(Step::Steer),
        2 => any::<bool>().prop_map(Step::Run),
        1 => Just(Step::Stop),
        2 => prop_oneof![Just(0), 1u32..5_000].prop_map(Step::Read),
    ]
}

/// A stretch of a generation on one time scale.
struct Run {
    generation: u32,
    frame: u64,
    device: i128,
}

fn run(steps: &[Step]) {
    let start = 77 * MS;
    let frequency = QpcFrequency::new(FREQUENCY).unwrap();
    let (mut clock, mut model) = (
        DeviceClock::new(frequency).unwrap(),
        Model::new(FREQUENCY, start),
    );
    let mut stream = Stream::new(format(1, SampleFormat::Pcm16), frequency);
    let mut tap = Tap::new(vec![0; storage_bytes(2 * RING)]).unwrap();
    let mut cursor = tap.open();
    let (mut now, mut runs, mut got) = (start, Vec::<Run>::new(), 0u64);
    let mut out = vec![0; 2 * RING];
    let mut memory = [0u8; 0];
    for step in steps {
        match *step {
            Step::Pass(ticks) => {
                model.go(now.into(), (now + ticks).into());
                now += ticks;
                clock.pass(Qpc(now));
                stream.advance(Qpc(now), &clock, &mut memory[..], &mut tap);
            }
            Step::Steer(ppb) => {
                clock.steer(Ppb(ppb), Qpc(now)).unwrap();
                model.wanted = ppb.into();
            }
            Step::Run(on) => {
                let state = if on { State::Run } else { State::Pause };
                let began = on && stream.state() != State::Run;
                stream.set_state(state, Qpc(now), &clock, &mut memory[..], &mut tap);
                if began {
                    runs.push(Run {
                        generation: tap.generation(),
                        frame: stream.position().0,
                        device: model.device(now.into()),
                    });
                }
            }
            Step::Stop => {
                stream.set_state(State::Stop, Qpc(now), &clock, &mut memory[..], &mut tap);
            }
            Step::Read(max) => {
                let lost = cursor.lost();
                let block = tap.read(&mut cursor, &mut out, max);
                got += u64::from(block.frames);
                if cursor.lost() > lost {
                    let left = tap.head - cursor.lost() - got;
                    assert!(
                        left + u64::from(block.frames) >= 2 * RATE || tap.segments.oldest() > 0
                    );
                }
                if block.frames > 0 {
                    check_time(&model, &runs, &block);
                }
            }
        }
    }
    loop {
        let block = tap.read(&mut cursor, &mut out, 999);
        got += u64::from(block.frames);
        if block.frames == 0 && !block.flags.last {
            break;
        }
        if block.frames > 0 {
            check_time(&model, &runs, &block);
        }
    }
    assert_eq!(
        got + cursor.lost(),
        tap.head,
        "neither delivered nor counted as lost"
    );
}

/// The block's time is the first tick at which its first frame is due, by the definition.
fn check_time(model: &Model, runs: &[Run], block: &Block) {
    let frame = block.first_frame.0;
    let holds = |run: &&Run| run.generation == block.generation && run.frame <= frame;
    let run = runs.iter().rfind(holds).unwrap();
    let due = i128::from(frame - run.frame) * i128::from(FREQUENCY) * 1_000_000_000;
    let passed = |at: i64| (model.device(at.into()) - run.device) * i128::from(RATE);
    assert!(passed(block.qpc.0) >= due, "{block:?}: too early");
    assert!(
        due == 0 || passed(block.qpc.0 - 1) < due,
        "{block:?}: too late"
    );
}

proptest! {
    #![proptest_config(config(1_000))]
    #[test]
    fn times_are_exact_or_their_frames_are_lost(steps in proptest::collection::vec(step(), steps_up_to(150))) {
        run(&steps);
    }
}

#[test]
fn steered_all_the_time_a_slow_client_has_two_seconds_and_a_half() {
    let mut steps = vec![Step::Run(true)];
    // Miri gets a sample.
    for n in 0..if cfg!(miri) { 9 } else { 100 } {
        steps.extend([
            Step::Steer(if n % 2 == 0 { 1_000_000 } else { -1_000_000 }),
            Step::Pass(40 * MS),
        ]);
    }
    for tail in [
        &[Step::Read(0)][..],
        // What was rendered before a pause keeps its times, however long it lasts and whatever is steered meanwhile.
        &[
            Step::Run(false),
            Step::Pass(60_000 * MS),
            Step::Steer(5),
            Step::Pass(60_000 * MS),
            Step::Run(true),
            Step::Pass(MS),
            Step::Read(0),
            Step::Read(0),
        ],
    ] {
        run(&[&steps[..], tail].concat());
    }
    if cfg!(miri) {
        // Four seconds of frames take Miri minutes.
        return;
    }
    let frequency = QpcFrequency::new(FREQUENCY).unwrap();
    let mut clock = DeviceClock::new(frequency).unwrap();
    let mut stream = Stream::new(format(1, SampleFormat::Pcm16), frequency);
    let mut tap = Tap::new(vec![0; storage_bytes(2 * RING)]).unwrap();
    let mut cursor = tap.open();
    let mut memory = [0u8; 0];
    stream.set_state(State::Run, Qpc(0), &clock, &mut memory[..], &mut tap);
    for n in 0..=100i64 {
        clock.pass(Qpc(n * 40 * MS));
        stream.advance(Qpc(n * 40 * MS), &clock, &mut memory[..], &mut tap);
        clock
            .steer(Ppb(if n % 2 == 0 { 20_000 } else { 0 }), Qpc(n * 40 * MS))
            .unwrap();
    }
    // 64 steps are remembered: those from 1.48 s on; until then 18 of 37 were 8 ticks ahead. 4 s would fit into the ring.
    let block = tap.read(&mut cursor, &mut [0; 2], 1);
    assert_eq!(
        (block.qpc, block.lost, block.first_frame.0),
        (Qpc(37 * 40 * MS + 65), 71_041, 71_041)
    );
}
