//! Packet mode, from a client's numbers to a tap's blocks, against a model that goes frame by frame.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::buffer::{Geometry, Notifications};
use crate::format::SampleFormat;
use crate::packet::END_OF_STREAM;
use crate::starvation::Runs;
use crate::stream::tests::{MHZ_10, config, drain, nominal, steps_up_to, stream};
use crate::tap::storage_bytes;

/// Ticks in a millisecond.
const MS: i64 = MHZ_10 / 1_000;

/// 48 kHz, 16-bit stereo, two packets of `packet` frames; everything that belongs to a stream.
struct Rig {
    stream: Stream,
    memory: Vec<u8>,
    tap: Tap<Vec<u8>>,
    packet: u64,
}

impl Rig {
    fn new(packet: u64) -> Self {
        let (stream, memory) = stream(
            48_000,
            SampleFormat::Pcm16,
            2 * packet as u32,
            Notifications::MiddleAndEnd,
        );
        Self {
            stream,
            memory,
            tap: Tap::new(std::vec![0; storage_bytes(4 * 48_000)]).unwrap(),
            packet,
        }
    }

    fn state(&mut self, state: State, at: i64) {
        self.stream.set_state(
            state,
            Qpc(at),
            &nominal(),
            &mut self.memory[..],
            &mut self.tap,
        );
    }

    /// Fills the packet's place.
    fn fill(&mut self, number: u64, byte: u8) {
        let at = (number % 2 * self.packet * 4) as usize;
        self.memory[at..][..4 * self.packet as usize].fill(byte);
    }

    fn write(
        &mut self,
        number: u64,
        flags: u32,
        last_bytes: u32,
        at: i64,
    ) -> Result<(), PacketError> {
        let write = WritePacket {
            number: number as u32,
            flags,
            last_bytes,
        };
        let (memory, tap) = (&mut self.memory[..], &mut self.tap);
        self.stream
            .set_write_packet(write, Qpc(at), &nominal(), memory, tap)
            .1
    }

    /// What came out since the cursor: bytes, and for how many frames.
    fn played(&mut self, cursor: &mut crate::tap::Cursor, at: i64) -> Vec<(u8, usize)> {
        self.stream
            .advance(Qpc(at), &nominal(), &mut self.memory[..], &mut self.tap);
        let frames = drain(&self.tap, cursor);
        let mut runs: Vec<(u8, usize)> = Vec::new();
        for (_, _, bytes) in frames {
            match runs.last_mut() {
                Some((byte, count)) if *byte == bytes[0] => *count += 1,
                _ => runs.push((bytes[0], 1)),
            }
        }
        runs
    }
}

#[test]
fn without_notifications_there_are_no_packets() {
    let (mut stream, mut memory) = stream(48_000, SampleFormat::Pcm16, 960, Notifications::None);
    let mut tap = Tap::new(std::vec![0; storage_bytes(960)]).unwrap();
    let none = Err(PacketError::NoPackets);
    let mut write = |stream: &mut Stream| {
        let write = WritePacket::default();
        stream
            .set_write_packet(write, Qpc(0), &nominal(), &mut memory[..], &mut tap)
            .1
    };
    assert_eq!(
        (write(&mut stream), stream.packets()),
        (none, Err(PacketError::NoPackets))
    );
    stream.detach();
    assert_eq!(
        (write(&mut stream), stream.packets()),
        (none, Err(PacketError::NoPackets))
    );
}

/// The order of the HLK's position test.
#[test]
fn packets_are_taken_one_by_one_to_the_last() {
    use PacketError::{Ended, Invalid, Late, Overrun};
    let mut rig = Rig::new(480);
    let mut cursor = rig.tap.open();
    assert_eq!(rig.stream.packets(), Ok(0));
    rig.state(State::Pause, 0);
    assert_eq!(rig.write(2, 0, 0, 0), Err(Overrun));
    assert_eq!(rig.write(1, 0, 0, 0), Err(Overrun));
    rig.fill(0, 1);
    assert_eq!(rig.write(0, 0, 0, 0), Ok(()));
    rig.state(State::Run, 0);
    rig.fill(1, 2);
    assert_eq!(rig.write(1, 0, 0, 0), Ok(()));
    assert_eq!(rig.write(2, 0, 0, 10 * MS - 1), Err(Overrun));
    assert_eq!(rig.write(0, 0, 0, 10 * MS - 1), Err(Late));
    assert_eq!(rig.write(2, 8, 0, 10 * MS), Err(Invalid));
    rig.fill(2, 3);
    assert_eq!(rig.write(2, END_OF_STREAM, 1_921, 10 * MS), Err(Invalid));
    assert_eq!(rig.stream.packets(), Ok(1));
    // Half a packet, and a frame of which a part is missing.
    assert_eq!(rig.write(2, END_OF_STREAM, 963, 10 * MS), Ok(()));
    assert_eq!(rig.write(3, 0, 0, 20 * MS), Err(Ended));
    // Counting goes on, with nothing to play and nothing missed.
    let end = if cfg!(miri) { 45 } else { 895 };
    let played = rig.played(&mut cursor, end * MS);
    assert_eq!(rig.stream.packets(), Ok(end as u64 / 10));
    let silence = end * 48 - 1_200;
    assert_eq!(
        played,
        [(1, 480), (2, 480), (3, 240), (0, silence as usize)]
    );
    let starvation = rig.stream.starvation();
    assert_eq!(starvation.missed, Runs::default());
    assert_eq!(starvation.clear.frames, silence as u64);
    // A new life counts, and takes packets, from 0 again.
    rig.state(State::Stop, (end + 5) * MS);
    assert_eq!(rig.stream.packets(), Ok(0));
    assert_eq!(rig.write(0, 0, 0, (end + 5) * MS), Ok(()));
}

#[test]
fn a_late_packet_is_played_from_where_it_is_in_time_and_never_again() {
    let mut rig = Rig::new(480);
    let mut cursor = rig.tap.open();
    rig.fill(0, 1);
    assert_eq!(rig.write(0, 0, 0, 0), Ok(()));
    rig.state(State::Run, 0);
    // Packet 1 is declared 2.5 ms after it began, then packet 2 in time; packet 3 never.
    let late = 12 * MS + MS / 2;
    assert_eq!(rig.stream.packets(), Ok(0));
    rig.stream
        .advance(Qpc(late), &nominal(), &mut rig.memory[..], &mut rig.tap);
    rig.fill(1, 2);
    assert_eq!(rig.write(1, 0, 0, late), Err(PacketError::Late));
    rig.fill(2, 3);
    assert_eq!(rig.write(2, 0, 0, late), Ok(()));
    let played = rig.played(&mut cursor, 40 * MS);
    assert_eq!(played, [(1, 480), (0, 120), (2, 360), (3, 480), (0, 480)]);
    let starvation = rig.stream.starvation();
    let expect = Runs {
        frames: 600,
        runs: 2,
        last_first: 1_440,
        last_frames: 480,
    };
    assert_eq!((starvation.clear, starvation.missed), (expect, expect));
    let recent: Vec<_> = starvation
        .recent()
        .map(|run| (run.first.0, run.frames, run.qpc.0, run.known))
        .collect();
    assert_eq!(
        recent,
        [(1_440, 480, 30 * MS, true), (480, 120, 10 * MS, true)]
    );
}

#[test]
fn digital_silence_is_not_starvation() {
    let mut rig = Rig::new(48);
    rig.state(State::Pause, 0);
    assert_eq!(rig.write(0, 0, 0, 0), Ok(()));
    rig.state(State::Run, 0);
    for ms in 0..100 {
        assert_eq!(rig.write(ms as u64 + 1, 0, 0, ms * MS), Ok(()));
    }
    rig.stream
        .advance(Qpc(100 * MS), &nominal(), &mut rig.memory[..], &mut rig.tap);
    let starvation = rig.stream.starvation();
    assert_eq!(
        (starvation.clear.frames, starvation.missed.frames),
        (4_800, 0)
    );
    assert_eq!(starvation.recent().count(), 0);
    let mut cursor = rig.tap.open();
    rig.stream
        .advance(Qpc(101 * MS), &nominal(), &mut rig.memory[..], &mut rig.tap);
    let block = rig.tap.read(&mut cursor, &mut [0; 400], 0);
    assert_eq!((block.frames, block.clear, block.missed), (48, 48, 0));
    assert!(block.flags.known && block.flags.silent);
    // Without a word about packet 101 and those behind it, they are missed.
    rig.stream
        .advance(Qpc(103 * MS), &nominal(), &mut rig.memory[..], &mut rig.tap);
    let block = rig.tap.read(&mut cursor, &mut [0; 400], 0);
    assert_eq!((block.frames, block.clear, block.missed), (96, 96, 96));
}

#[test]
fn the_presentation_position_is_exact_and_does_not_run_ahead_of_its_time() {
    let mut rig = Rig::new(480);
    assert_eq!(
        rig.stream.presentation(Qpc(7), &nominal()),
        (Frames(0), Qpc(7))
    );
    rig.state(State::Run, 1_000);
    for at in [1_000, 1_001, 1_208, 1_209, 500_000] {
        rig.stream
            .advance(Qpc(at), &nominal(), &mut rig.memory[..], &mut rig.tap);
        let frames = (at - 1_000) as u64 * 48_000 / MHZ_10 as u64;
        assert_eq!(
            rig.stream.presentation(Qpc(at), &nominal()),
            (Frames(frames), Qpc(at))
        );
    }
    // A reading from before, which came later: the position stands, and so does the time at which it was reached.
    rig.stream
        .advance(Qpc(2_000), &nominal(), &mut rig.memory[..], &mut rig.tap);
    let (frames, at) = rig.stream.presentation(Qpc(2_000), &nominal());
    assert_eq!(
        (frames, Some(at)),
        (Frames(2_395), rig.stream.time_of(Frames(2_395), &nominal()))
    );
    rig.state(State::Pause, 600_000);
    assert_eq!(
        rig.stream.presentation(Qpc(900_000), &nominal()),
        (Frames(2_875), Qpc(900_000))
    );
}

#[derive(Clone, Debug)]
enum Step {
    /// Ticks pass.
    Advance(i64),
    State(u32),
    /// Writes the values into the place of the packet so far from the expected one, and declares it.
    Write(i64, Vec<u8>, bool),
    /// As [`Step::Write`], without a word about it.
    Unsaid(i64, Vec<u8>),
    /// Writes so many frames behind the write position told last, and tells the new one.
    Position(u64, u8),
    End(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let values = || proptest::collection::vec(0u8..3, 1..4);
    prop_oneof![
        6 => (0i64..8_000).prop_map(Step::Advance),
        1 => (8_000i64..40_000).prop_map(Step::Advance),
        3 => prop_oneof![4 => Just(3u32), 1 => 0u32..4].prop_map(Step::State),
        8 => (prop_oneof![5 => Just(0i64), 2 => -5i64..3], values(), any::<bool>())
            .prop_map(|(ahead, values, wrap)| Step::Write(ahead, values, wrap)),
        1 => (-3i64..2, values()).prop_map(|(ahead, values)| Step::Unsaid(ahead, values)),
        1 => (0u64..60, 0u8..3).prop_map(|(frames, value)| Step::Position(frames, value)),
        1 => (0u32..200).prop_map(Step::End),
    ]
}

proptest! {
    #![proptest_config(config(500))]
    #[test]
    fn each_frame_is_played_or_missed_as_the_model_says(
        packet in 1u64..30,
        count in 1u32..3,
        steps in proptest::collection::vec(step(), steps_up_to(60)),
    ) {
        let notifications = Notifications::from_count(count).unwrap();
        let lap = packet * u64::from(count);
        let (mut stream, mut memory) = stream(48_000, SampleFormat::Pcm16, lap as u32, notifications);
        prop_assert_eq!(Geometry::lap(stream.geometry().unwrap()).get(), lap);
        let mut tap = Tap::new(std::vec![0; storage_bytes(1 << 15)]).unwrap();
        let mut cursor = tap.open();
        let mut clock = crate::clock::Clock::new(stream.format().rate, crate::units::QpcFrequency::new(MHZ_10).unwrap());
        let (mut now, mut due, mut generation, mut live) = (0i64, 0u64, 0u32, false);
        let mut declared = BTreeSet::new();
        let (mut known, mut ended, mut told): (Option<u64>, Option<u64>, (u64, u64)) = Default::default();
        let (mut clear, mut missed) = (0u64, 0u64);

        for step in steps {
            if let Step::Advance(ticks) = step {
                now += ticks;
            }
            // What falls due.
            let mut expect = Vec::new();
            let position = clock.position(nominal().at(Qpc(now))).0;
            for frame in due..position {
                let held = frame - due < lap;
                let value = if held { memory[(frame % lap * 4) as usize] } else { 0 };
                let is_missed = value == 0
                    && known.is_some_and(|from| frame >= from)
                    && !declared.contains(&frame)
                    && ended.is_none_or(|end| frame < end);
                clear += u64::from(value == 0);
                missed += u64::from(is_missed);
                expect.push((generation, frame, std::vec![value; 4]));
            }
            let mut after: Vec<u8> = memory.clone();
            for frame in due..position.min(due + lap) {
                after[(frame % lap * 4) as usize..][..4].fill(0);
            }
            due = position;
            // The client wrote frames: what is late and not replaced is cleared, the rest declared.
            let mut written = |after: &mut Vec<u8>, frames: Range<u64>| {
                for frame in frames.start..frames.end.min(due) {
                    let next = due + (frame + lap - due % lap) % lap;
                    if !declared.contains(&next) {
                        after[(frame % lap * 4) as usize..][..4].fill(0);
                    }
                }
                known.get_or_insert(frames.start.max(due));
                declared.extend(frames.filter(|frame| *frame >= due));
            };
            let running = clock.state() == State::Run;
            let expected = due / packet + u64::from(running);
            let place = |number: u64, after: &mut Vec<u8>, values: &[u8]| {
                for at in 0..packet {
                    let value = values[at as usize % values.len()];
                    after[((number * packet + at) % lap * 4) as usize..][..4].fill(value);
                }
            };
            match step {
                Step::Advance(_) => {
                    stream.advance(Qpc(now), &nominal(), &mut memory[..], &mut tap);
                }
                Step::State(state) => {
                    let state = State::from_ks(state).unwrap();
                    let was = clock.state();
                    clock.set_state(state, nominal().at(Qpc(now)));
                    stream.set_state(state, Qpc(now), &nominal(), &mut memory[..], &mut tap);
                    if state == State::Run && !live {
                        (live, generation, clear, missed) = (true, generation + 1, 0, 0);
                    }
                    if state == State::Stop && was != State::Stop {
                        (live, due, known, ended, told) = (false, 0, None, None, (0, 0));
                        declared.clear();
                        after.fill(0);
                    }
                }
                Step::Write(ahead, values, wrap) => {
                    // Everything due is consumed before a client that asks for the count writes.
                    stream.advance(Qpc(now), &nominal(), &mut memory[..], &mut tap);
                    let number = expected.saturating_add_signed(ahead);
                    place(number, &mut after, &values);
                    memory.copy_from_slice(&after);
                    // A number that wrapped a lap of 32 bits ago is the same number.
                    let told = if wrap { number + (1 << 32) } else { number };
                    let write = WritePacket { number: told as u32, ..WritePacket::default() };
                    let expect = match number.cmp(&expected) {
                        _ if ended.is_some() => Err(PacketError::Ended),
                        core::cmp::Ordering::Less => Err(PacketError::Late),
                        core::cmp::Ordering::Equal => Ok(()),
                        core::cmp::Ordering::Greater => Err(PacketError::Overrun),
                    };
                    if matches!(expect, Ok(()) | Err(PacketError::Late)) {
                        written(&mut after, number * packet..(number + 1) * packet);
                    }
                    prop_assert_eq!(stream.set_write_packet(write, Qpc(now), &nominal(), &mut memory[..], &mut tap).1, expect);
                }
                Step::Unsaid(ahead, values) => {
                    stream.advance(Qpc(now), &nominal(), &mut memory[..], &mut tap);
                    place(expected.saturating_add_signed(ahead), &mut after, &values);
                    memory.copy_from_slice(&after);
                }
                Step::Position(frames, value) => {
                    stream.advance(Qpc(now), &nominal(), &mut memory[..], &mut tap);
                    let frames = frames % (lap + 1);
                    let (place, before) = told;
                    let to = if place + frames > lap { place + frames - lap } else { place + frames };
                    let mut end = before + frames;
                    if end < due || end > due + lap {
                        end = due + (to + lap - due % lap) % lap;
                    }
                    // Saying the same place again tells nothing.
                    let frames = if to == place || (to, place) == (0, lap) { 0 } else { frames };
                    told = (to, if frames == 0 { before } else { end });
                    for frame in end.saturating_sub(frames)..end {
                        after[(frame % lap * 4) as usize..][..4].fill(value);
                    }
                    memory.copy_from_slice(&after);
                    if frames > 0 {
                        written(&mut after, end.saturating_sub(frames)..end);
                    }
                    let bytes = to as u32 * 4;
                    prop_assert_eq!(stream.set_write_position(bytes, Qpc(now), &nominal(), &mut memory[..], &mut tap).1, Ok(()));
                    prop_assert_eq!(
                        stream.set_write_position(bytes + 1, Qpc(now), &nominal(), &mut memory[..], &mut tap).1,
                        Err(BadPosition)
                    );
                }
                Step::End(bytes) => {
                    stream.advance(Qpc(now), &nominal(), &mut memory[..], &mut tap);
                    place(expected, &mut after, &[9]);
                    memory.copy_from_slice(&after);
                    let write = WritePacket { number: expected as u32, flags: END_OF_STREAM, last_bytes: bytes };
                    let expect = match () {
                        () if u64::from(bytes) > packet * 4 => Err(PacketError::Invalid),
                        () if ended.is_some() => Err(PacketError::Ended),
                        () => Ok(()),
                    };
                    if expect.is_ok() {
                        written(&mut after, expected * packet..(expected + 1) * packet);
                        let end = expected * packet + u64::from(bytes / 4);
                        for frame in end.max(due)..(expected + 1) * packet {
                            after[(frame % lap * 4) as usize..][..4].fill(0);
                        }
                        ended = Some(end);
                    }
                    prop_assert_eq!(stream.set_write_packet(write, Qpc(now), &nominal(), &mut memory[..], &mut tap).1, expect);
                }
            }
            prop_assert_eq!(&memory, &after);
            prop_assert_eq!(stream.packets(), Ok(due / packet));
            let held = u64::from(tap.least_frames(4)) as usize;
            expect.drain(..expect.len().saturating_sub(held));
            prop_assert_eq!(drain(&tap, &mut cursor), expect);
            let starvation = stream.starvation();
            prop_assert_eq!((starvation.clear.frames, starvation.missed.frames), (clear, missed));
        }
    }
}
