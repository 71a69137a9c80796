//! The whole path, from a writer's bytes to a client's blocks, against a model that goes frame by frame.

use std::vec::Vec;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};

use super::*;
use crate::buffer::Notifications;
use crate::format::SampleFormat;
use crate::starvation::Runs;
use crate::tap::{BlockFlags, Cursor, storage_bytes};
use crate::units::{FrameRate, Ppb};

/// Property tests: the same cases in every run; one of them under Miri, where making one takes half a second.
pub(crate) fn config(cases: u32) -> Config {
    Config {
        cases: if cfg!(miri) { 1 } else { cases },
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    }
}

/// How many steps a sequence has; fewer under Miri.
pub(crate) fn steps_up_to(most: usize) -> std::ops::Range<usize> {
    1..if cfg!(miri) { most.div_ceil(6) } else { most }
}

pub(crate) const MHZ_10: i64 = 10_000_000;

/// A clock at the nominal rate.
pub(crate) fn nominal() -> DeviceClock {
    DeviceClock::new(QpcFrequency::new(MHZ_10).unwrap()).unwrap()
}

/// Ticks in a millisecond.
const MS: i64 = MHZ_10 / 1_000;

pub(crate) fn stream(
    rate: u32,
    sample: SampleFormat,
    frames: u32,
    notifications: Notifications,
) -> (Stream, Vec<u8>) {
    let format = Format {
        rate: FrameRate::new(rate).unwrap(),
        channels: 2,
        sample,
        channel_mask: 3,
    };
    let bytes = frames * u32::from(format.frame_bytes());
    let mut stream = Stream::new(format, QpcFrequency::new(MHZ_10).unwrap());
    let geometry = Geometry::for_request(bytes, format.frame_bytes(), notifications).unwrap();
    stream.attach(geometry);
    (stream, std::vec![0; geometry.bytes() as usize])
}

/// Everything a client has not read yet: generation, index and bytes per frame.
pub(crate) fn drain(tap: &Tap<Vec<u8>>, cursor: &mut Cursor) -> Vec<(u32, u64, Vec<u8>)> {
    let mut all = Vec::new();
    let mut out = std::vec![0; 4_096];
    loop {
        let block = tap.read(cursor, &mut out, 0);
        if block.frames == 0 && !block.flags.last {
            return all;
        }
        let frame_bytes = usize::from(block.format.unwrap().frame_bytes());
        let frames = out[..block.bytes].chunks(frame_bytes);
        all.extend(
            frames
                .zip(block.first_frame.0..)
                .map(|(bytes, index)| (block.generation, index, bytes.to_vec())),
        );
    }
}

/// Frames in a millisecond of [`play`]; fewer under Miri, to be done in time.
const KHZ: u64 = if cfg!(miri) { 1 } else { 48 };
/// Milliseconds that its ring holds, and stalls of the timer that fit into it.
const RING_MS: u64 = if cfg!(miri) { 500 } else { 3_000 };
const STALLS: &[i64] = if cfg!(miri) {
    &[1, 20, 163]
} else {
    &[1, 20, 163, 895, 2_000]
};
/// Milliseconds between two callbacks of its timer.
const TICK: usize = if cfg!(miri) { 10 } else { 1 };
/// Frames in a packet of [`play`]: 10 ms.
const PACKET: u64 = 10 * KHZ;

/// 16-bit stereo frames, frame `n` holding `n + 1`.
fn counting(first: u64) -> Vec<u8> {
    (first..first + PACKET)
        .flat_map(|n| (n as u32 + 1).to_le_bytes())
        .collect()
}

/// An event-driven client with two packets of 10 ms fills each packet as soon as it is notified that it was played, but
/// misses what falls into its stall. The timer fires at the given milliseconds. Gives the frames that came out.
fn play(timer: &[i64], stall: std::ops::Range<i64>) -> (Vec<u32>, Starvation) {
    let clock = nominal();
    let (mut stream, mut memory) = stream(
        1_000 * KHZ as u32,
        SampleFormat::Pcm16,
        2 * PACKET as u32,
        Notifications::MiddleAndEnd,
    );
    let mut tap = Tap::new(std::vec![0; storage_bytes((4 * KHZ * RING_MS) as usize)]).unwrap();
    let mut cursor = tap.open();
    memory.copy_from_slice(&[counting(0), counting(PACKET)].concat());
    stream.set_state(State::Run, Qpc(0), &clock, &mut memory[..], &mut tap);
    for &ms in timer {
        let advance = stream.advance(Qpc(ms * MS), &clock, &mut memory[..], &mut tap);
        assert_eq!(advance.position, Frames(ms as u64 * KHZ));
        assert_eq!(
            stream.packets(),
            Ok(advance.position.0 / PACKET),
            "at {ms} ms"
        );
        if advance.packets_completed > 0 && !stall.contains(&ms) {
            // The packet behind the one that plays now.
            let first = (stream.packets().unwrap() + 1) * PACKET;
            let at = stream.geometry().unwrap().offset(Frames(first)) as usize;
            memory[at..at + 4 * PACKET as usize].copy_from_slice(&counting(first));
        }
    }
    let frames = drain(&tap, &mut cursor);
    for (n, (generation, index, _)) in (0..).zip(&frames) {
        assert_eq!((*generation, *index), (1, n));
    }
    let values = frames
        .into_iter()
        .map(|(_, _, bytes)| u32::from_le_bytes(bytes.try_into().unwrap()));
    (values.collect(), stream.starvation().clone())
}

/// Everything counts on but for one run of silence, given in milliseconds.
fn check_silence(
    played: (Vec<u32>, Starvation),
    end: i64,
    silent: std::ops::Range<i64>,
    what: &str,
) {
    let (values, starvation) = played;
    let silent = silent.start as u64 * KHZ..silent.end as u64 * KHZ;
    assert_eq!(values.len() as u64, end as u64 * KHZ);
    for (n, value) in (0..).zip(values) {
        let expect = if silent.contains(&n) { 0 } else { n as u32 + 1 };
        assert_eq!(value, expect, "frame {n}, {what}");
    }
    let frames = silent.end - silent.start;
    let runs = u64::from(frames > 0);
    let last_first = silent.start * runs;
    let expect = Runs {
        frames,
        runs,
        last_first,
        last_frames: frames,
    };
    assert_eq!(starvation.clear, expect, "{what}");
    assert_eq!(
        (starvation.missed, starvation.known_from),
        (Runs::default(), None)
    );
}

#[test]
fn a_client_that_stalls_gives_silence_exactly_where_it_was_late() {
    let timer: Vec<i64> = (0..=400).step_by(TICK).collect();
    for (stall, silent) in [
        (1_000..1_000, 0..0),
        (100..101, 110..120),
        (100..120, 110..130),
        (100..263, 110..280),
    ]
    .into_iter()
    // Miri gets a sample.
    .step_by(if cfg!(miri) { 2 } else { 1 })
    {
        let what = std::format!("client stalled {stall:?} ms");
        check_silence(play(&timer, stall), 400, silent, &what);
    }
}

#[test]
fn a_timer_that_stalls_loses_no_written_frame_and_repeats_none() {
    for &stall in STALLS {
        let end = 100 + stall + 50;
        let before = (0..=100).step_by(TICK);
        let timer: Vec<i64> = before
            .chain((100 + stall..=end).step_by(TICK))
            .chain([end])
            .collect();
        // At 100 ms the client had written up to 120 ms. Then nobody was told anything until 100 + stall ms, after which
        // it writes from the next packet on.
        let next = (100 + stall) / 10 * 10 + 10;
        let silent = if next > 120 { 120..next } else { 0..0 };
        check_silence(
            play(&timer, 0..0),
            end,
            silent,
            &std::format!("timer stalled {stall} ms"),
        );
    }
}

#[test]
fn states_start_generations_and_end_them() {
    let clock = nominal();
    let (mut stream, mut memory) = stream(48_000, SampleFormat::Pcm16, 960, Notifications::End);
    let mut tap = Tap::new(std::vec![0; storage_bytes(48_000)]).unwrap();
    let mut cursor = tap.open();
    let mut out = std::vec![0; 48_000];
    memory.fill(1);
    let memory = &mut memory[..];
    for state in [State::Acquire, State::Pause] {
        stream.set_state(state, Qpc(5), &clock, memory, &mut tap);
        assert_eq!(
            stream.advance(Qpc(MS), &clock, memory, &mut tap).position,
            Frames::ZERO
        );
    }
    assert_eq!(
        (tap.generation(), stream.next_notification(&clock)),
        (0, None)
    );
    stream.set_state(State::Run, Qpc(MS), &clock, memory, &mut tap);
    assert_eq!(stream.next_notification(&clock), Some(Qpc(21 * MS)));
    let advance = stream.set_state(State::Pause, Qpc(2 * MS), &clock, memory, &mut tap);
    assert_eq!(
        (advance.position, advance.byte_offset, advance.taken),
        (Frames(48), 192, Frames(48))
    );
    stream.set_state(State::Run, Qpc(9 * MS), &clock, memory, &mut tap);
    let advance = stream.set_state(State::Stop, Qpc(10 * MS), &clock, memory, &mut tap);
    assert_eq!(
        (advance.position, advance.taken),
        (Frames::ZERO, Frames(48))
    );
    assert!(
        memory.iter().all(|&byte| byte == 0),
        "a stopped stream leaves nothing behind"
    );
    memory.fill(2);
    stream.set_state(State::Stop, Qpc(10 * MS), &clock, memory, &mut tap);
    assert_eq!(memory[0], 2, "what is written before the next start stays");
    stream.set_state(State::Run, Qpc(20 * MS), &clock, memory, &mut tap);
    stream.advance(Qpc(21 * MS), &clock, memory, &mut tap);
    let first = BlockFlags {
        first: true,
        ..BlockFlags::default()
    };
    let last = BlockFlags {
        last: true,
        ..BlockFlags::default()
    };
    for (generation, first_frame, qpc, flags, byte) in [
        (1, 0, MS, first, 1),
        (1, 48, 9 * MS, last, 1),
        (2, 0, 20 * MS, first, 2),
    ] {
        let block = tap.read(&mut cursor, &mut out, 0);
        assert_eq!(
            (block.generation, block.first_frame),
            (generation, Frames(first_frame))
        );
        assert_eq!(
            (block.qpc, block.frames, block.flags),
            (Qpc(qpc), 48, flags)
        );
        assert!(out[..block.bytes].iter().all(|&b| b == byte));
    }
}

#[test]
fn protection_mutes_from_the_moment_it_is_set() {
    let clock = nominal();
    let (mut stream, mut memory) = stream(48_000, SampleFormat::Pcm16, 960, Notifications::None);
    let mut tap = Tap::new(std::vec![0; storage_bytes(48_000)]).unwrap();
    let mut cursor = tap.open();
    memory.fill(1);
    let memory = &mut memory[..];
    stream.set_state(State::Run, Qpc(0), &clock, memory, &mut tap);
    for (ms, protected) in [(1, true), (2, true), (3, false), (4, false)] {
        stream.set_protected(protected, Qpc(ms * MS), &clock, memory, &mut tap);
    }
    // A buffer of 20 ms was full of it then.
    stream.advance(Qpc(5 * MS), &clock, memory, &mut tap);
    memory.fill(1);
    assert_eq!(stream.free_from(), Some(Frames(144 + 960)));
    stream.advance(Qpc(24 * MS), &clock, memory, &mut tap);
    assert_eq!(stream.free_from(), None);
    let mut out = [9; 8_192];
    for (first, frames, protected, byte) in [
        (0, 48, false, 1),
        (48, 1_056, true, 0),
        (1_104, 48, false, 1),
    ] {
        let block = tap.read(&mut cursor, &mut out, 0);
        assert_eq!((block.first_frame, block.frames), (Frames(first), frames));
        assert_eq!((block.flags.protected, block.clear), (protected, 0));
        assert_eq!(block.qpc, stream.time_of(Frames(first), &clock).unwrap());
        assert!(out[..block.bytes].iter().all(|&b| b == byte));
    }
}

#[test]
fn a_stop_ends_what_was_left_of_protected_content() {
    let clock = nominal();
    let (mut stream, mut memory) = stream(48_000, SampleFormat::Pcm16, 960, Notifications::None);
    let mut tap = Tap::new(std::vec![0; storage_bytes(48_000)]).unwrap();
    let memory = &mut memory[..];
    for (then, expect) in [(true, true), (false, false)] {
        stream.set_state(State::Run, Qpc(0), &clock, memory, &mut tap);
        stream.set_protected(true, Qpc(MS), &clock, memory, &mut tap);
        stream.set_protected(then, Qpc(2 * MS), &clock, memory, &mut tap);
        stream.set_state(State::Stop, Qpc(3 * MS), &clock, memory, &mut tap);
        assert_eq!(stream.free_from(), None);
        let mut cursor = tap.open();
        memory.fill(1);
        stream.set_state(State::Run, Qpc(4 * MS), &clock, memory, &mut tap);
        stream.advance(Qpc(5 * MS), &clock, memory, &mut tap);
        let block = tap.read(&mut cursor, &mut [9; 4_096], 0);
        assert_eq!(block.flags.protected, expect);
        stream.set_state(State::Stop, Qpc(6 * MS), &clock, memory, &mut tap);
    }
}

/// Rates of the model's test; under Miri the low ones, to be done in time.
const MODEL_RATES: &[u32] = if cfg!(miri) {
    &[8_000, 11_025]
} else {
    &[8_000, 11_025, 44_100, 48_000, 192_000]
};
/// Its longest stall, in ticks.
const LONGEST: i64 = if cfg!(miri) { 20 * MS } else { 100 * MS };
/// Bytes of audio in its ring. A stall may overrun it.
const RING: usize = if cfg!(miri) { 1 << 10 } else { 1 << 16 };

#[derive(Clone, Debug)]
enum Step {
    /// Time passes, perhaps backwards, and somebody asks for the position.
    Advance(i64),
    State(u32),
    /// The device's clock is steered.
    Steer(i32),
    /// The writer puts frames somewhere: (place, values), 0 for a clear frame.
    Write(usize, Vec<u8>),
    Detach,
    Attach,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (-2_000i64..60_000).prop_map(Step::Advance),
        1 => (60_000..LONGEST).prop_map(Step::Advance),
        3 => prop_oneof![3 => Just(3u32), 1 => 0u32..4].prop_map(Step::State),
        1 => (-1_000_000..=1_000_000).prop_map(Step::Steer),
        6 => (0usize..100, proptest::collection::vec(0u8..4, 1..30)).prop_map(|(at, values)| Step::Write(at, values)),
        1 => Just(Step::Detach),
        2 => Just(Step::Attach),
    ]
}

proptest! {
    #![proptest_config(config(500))]
    #[test]
    fn each_frame_comes_out_as_the_model_says(
        rate in proptest::sample::select(MODEL_RATES),
        sample in proptest::sample::select(&SampleFormat::ALL[..]),
        lap in 1u32..60,
        count in 0u32..3,
        steps in proptest::collection::vec(step(), steps_up_to(60)),
    ) {
        let notifications = Notifications::from_count(count).unwrap();
        let (mut stream, memory) = stream(rate, sample, lap, notifications);
        let mut memory = memory;
        let geometry = *stream.geometry().unwrap();
        let frame_bytes = usize::from(geometry.frame_bytes());
        let mut tap = Tap::new(std::vec![0; storage_bytes(RING)]).unwrap();
        let mut cursor = tap.open();

        let mut buffer: Vec<Vec<u8>> = std::vec![std::vec![0; frame_bytes]; geometry.frames() as usize];
        let (mut now, mut attached, mut generation) = (0i64, true, 0u32);
        let mut device = nominal();
        let mut clock = Clock::new(stream.format().rate, QpcFrequency::new(MHZ_10).unwrap());
        let (mut taken, mut live, mut counted) = (0u64, false, Starvation::default());

        for step in steps {
            let mut expect = Vec::new();
            let mut completed = None;
            if let Step::Advance(ticks) = &step {
                now += ticks;
                device.pass(Qpc(now));
            }
            if let Step::Advance(_) | Step::State(_) = &step {
                let from = taken;
                let position = clock.position(device.at(Qpc(now))).0;
                for index in from..position {
                    let place = (index % geometry.frames()) as usize;
                    let held = attached && index - from < geometry.frames();
                    let frame = if held { core::mem::replace(&mut buffer[place], std::vec![0; frame_bytes]) } else { std::vec![0; frame_bytes] };
                    if frame.iter().all(|&byte| byte == 0) {
                        counted.note(Frames(index), 1, |_| {});
                    }
                    expect.push((generation, index, frame));
                }
                taken = position;
                let packet = geometry.packet().filter(|_| attached);
                completed = Some((position, packet.map_or(0, |packet| position / packet - from / packet)));
            }
            let advance = match step {
                Step::Advance(_) => Some(stream.advance(Qpc(now), &device, &mut memory[..], &mut tap)),
                Step::State(state) => {
                    let state = State::from_ks(state).unwrap();
                    let was = clock.state();
                    clock.set_state(state, device.at(Qpc(now)));
                    if state == State::Run && !live {
                        (live, generation, counted) = (true, generation + 1, Starvation::default());
                    }
                    if state == State::Stop && was != State::Stop {
                        (live, taken) = (false, 0);
                        completed = completed.map(|(_, packets)| (0, packets));
                        if attached {
                            buffer.iter_mut().for_each(|frame| frame.fill(0));
                        }
                    }
                    Some(stream.set_state(state, Qpc(now), &device, &mut memory[..], &mut tap))
                }
                Step::Steer(ppb) => {
                    device.steer(Ppb(ppb), Qpc(now)).unwrap();
                    None
                }
                Step::Write(at, values) => {
                    for (value, at) in values.into_iter().zip(at..) {
                        let place = at % buffer.len();
                        buffer[place].fill(0);
                        buffer[place][at % frame_bytes] = value;
                        memory[place * frame_bytes..][..frame_bytes].copy_from_slice(&buffer[place]);
                    }
                    None
                }
                Step::Detach => {
                    stream.detach();
                    attached = false;
                    None
                }
                Step::Attach => {
                    stream.attach(geometry);
                    attached = true;
                    None
                }
            };
            if let (Some(advance), Some((position, packets))) = (advance, completed) {
                prop_assert_eq!((advance.position, advance.packets_completed), (Frames(position), packets));
                prop_assert_eq!(advance.taken.0, expect.len() as u64);
                let offset = if attached { (position % geometry.frames()) as u32 * frame_bytes as u32 } else { 0 };
                prop_assert_eq!(advance.byte_offset, offset);
                prop_assert_eq!(stream.byte_offset(), offset);
            }
            let held = u64::from(tap.least_frames(geometry.frame_bytes()));
            expect.drain(..expect.len().saturating_sub(held as usize));
            prop_assert_eq!(drain(&tap, &mut cursor), expect);
            prop_assert_eq!(stream.starvation().clear, counted.clear);
            prop_assert_eq!(&memory, &buffer.concat());
        }
    }
}
