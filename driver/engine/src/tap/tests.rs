//! The ring with several cursors against a model that forgets nothing.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::buffer::Span;
use crate::clock::Timeline;
use crate::format::{Format, SampleFormat};
use crate::starvation::Starvation;
use crate::stream::tests::{config, steps_up_to};
use crate::units::{DeviceTime, FrameRate, Frames, Qpc, QpcFrequency};

/// A mono to 16-channel format with the given frame size.
pub(super) fn format(channels: u16, sample: SampleFormat) -> Format {
    Format {
        rate: FrameRate::new(48_000).unwrap(),
        channels,
        sample,
        channel_mask: 0,
    }
}

/// One frame in 10 ticks of a 480 kHz counter, so that times are easy to say.
pub(super) fn timeline(frame: u64, at: i64) -> Timeline {
    Timeline {
        frame: Frames(frame),
        at: DeviceTime(i128::from(at) * 1_000_000_000),
        rate: FrameRate::new(48_000).unwrap(),
        frequency: QpcFrequency::new(480_000).unwrap(),
    }
}

/// When a frame falls due while the clock is not steered.
fn due(timeline: &Timeline, frame: u64) -> Qpc {
    let start = (timeline.at.0 / 1_000_000_000) as i64;
    Qpc(start + 10 * (frame - timeline.frame.0) as i64)
}

struct ModelSegment {
    generation: u32,
    format: Format,
    timeline: Timeline,
    first: u64,
    ordinal: u64,
    protected: bool,
    ended: bool,
    known_from: Option<u64>,
}

/// What was written, for ever.
#[derive(Default)]
struct Model {
    segments: Vec<ModelSegment>,
    /// Per ordinal: the bytes a client should get, and whether the frame was clear, and missed.
    frames: Vec<(Vec<u8>, bool, bool)>,
    counted: Starvation,
    /// Frames of the current generation that were declared, and the first one that ever was.
    declared: BTreeSet<u64>,
    known_from: Option<u64>,
    missed: u64,
    generation: u32,
}

#[derive(Clone, Copy)]
struct ModelCursor {
    segment: usize,
    next: u64,
    lost: u64,
    announced: u32,
    ended: u32,
}

impl Model {
    fn head(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Appends a frame of the current generation.
    fn push_frame(&mut self, index: u64, bytes: Vec<u8>, clear: bool) {
        let known = self.known_from.is_some_and(|from| index >= from);
        let missed = clear && known && !self.declared.contains(&index);
        self.frames.push((bytes, clear, missed));
        self.counted.note(Frames(index), clear.into(), |_| {});
        self.missed += u64::from(missed);
    }

    fn know(&mut self) {
        if let Some(last) = self.segments.last_mut() {
            last.known_from = self.known_from;
        }
    }

    fn open(&self) -> ModelCursor {
        let last = self.segments.last().filter(|last| last.ended);
        ModelCursor {
            segment: self.segments.len().saturating_sub(1),
            next: self.head(),
            lost: 0,
            announced: 0,
            ended: last.map_or(0, |last| last.generation),
        }
    }

    fn push_segment(&mut self, segment: ModelSegment) {
        if self
            .segments
            .last()
            .is_some_and(|last| last.ordinal == segment.ordinal && !last.ended)
        {
            self.segments.pop();
        }
        self.segments.push(segment);
    }

    /// Index of the next frame in the current generation, if it goes on.
    fn next_frame(&self) -> Option<u64> {
        let last = self.segments.last().filter(|last| !last.ended)?;
        Some(last.first + self.head() - last.ordinal)
    }

    fn end_of(&self, segment: usize) -> u64 {
        self.segments
            .get(segment + 1)
            .map_or(self.head(), |after| after.ordinal)
    }

    /// Checks a block against everything that was ever written. What was overwritten is the ring's to say, through what it
    /// says was lost; `intact` is the ordinal from which on nothing may have been.
    fn check_read(
        &self,
        cursor: &mut ModelCursor,
        block: &Block,
        out: &[u8],
        max: u32,
        lost: u64,
        intact: u64,
    ) {
        if self.segments.is_empty() {
            assert_eq!(*block, Block::default());
            return;
        }
        let gone = lost - cursor.lost;
        let start = cursor.next + gone;
        assert!(
            gone == 0 || start <= intact,
            "lost {gone} up to {start}, but all from {intact} is intact"
        );
        // Segments without anything left to tell are passed over; those that were forgotten had frames or an end to tell.
        let mut number = cursor
            .segment
            .max(self.segments.len().saturating_sub(segment::SEGMENTS));
        while number + 1 < self.segments.len()
            && start >= self.end_of(number)
            && !(self.segments[number].ended && cursor.ended != self.segments[number].generation)
        {
            number += 1;
        }
        let segment = &self.segments[number];
        let end = self.end_of(number);
        assert!((segment.ordinal..=end).contains(&start));
        let first = segment.first + start - segment.ordinal;
        let frame_bytes = usize::from(segment.format.frame_bytes());
        let limit = if max == 0 { u64::MAX } else { u64::from(max) };
        let count = (end - start)
            .min(limit)
            .min((out.len() / frame_bytes) as u64);
        let expect = &self.frames[start as usize..(start + count) as usize];
        let clear = expect.iter().filter(|(_, clear, _)| *clear).count() as u32;
        let missed = expect.iter().filter(|(.., missed)| *missed).count() as u32;
        let lost_here = start - cursor.next.max(segment.ordinal - segment.first);
        let last = segment.ended && cursor.ended != segment.generation && start + count == end;
        let expect_block = Block {
            generation: segment.generation,
            format: Some(segment.format),
            first_frame: Frames(first),
            qpc: due(&segment.timeline, first),
            frames: count as u32,
            bytes: count as usize * frame_bytes,
            lost: lost_here,
            clear,
            missed,
            flags: BlockFlags {
                first: cursor.announced != segment.generation,
                discontinuity: lost_here > 0,
                silent: count > 0 && u64::from(clear) == count,
                protected: segment.protected,
                last,
                known: count > 0 && segment.known_from.is_some_and(|from| from <= first),
            },
        };
        assert_eq!(*block, expect_block);
        let bytes: Vec<u8> = expect
            .iter()
            .flat_map(|(bytes, ..)| bytes.iter().copied())
            .collect();
        assert_eq!(out[..block.bytes], bytes);
        *cursor = ModelCursor {
            segment: number,
            next: start + count,
            lost,
            announced: segment.generation,
            ended: if last {
                segment.generation
            } else {
                cursor.ended
            },
        };
    }

    /// An ordinal from which on nothing can have been overwritten. Within one segment the ring holds as many frames as fit;
    /// across segments a frame may be wasted at each border and at the end of a lap.
    fn certainly_intact(&self, audio: usize) -> u64 {
        let mut room = audio;
        let mut intact = self.head();
        let mut borders = 0;
        for (number, segment) in self
            .segments
            .iter()
            .enumerate()
            .rev()
            .take(segment::SEGMENTS)
        {
            let frame_bytes = usize::from(segment.format.frame_bytes());
            let count = self.end_of(number) - segment.ordinal;
            if count == 0 {
                continue;
            }
            if borders > 0 {
                room = room.saturating_sub(2 * MOST_BYTES);
            }
            let fit = ((room / frame_bytes) as u64).min(count);
            intact -= fit;
            room -= fit as usize * frame_bytes;
            borders += 1;
            if fit < count {
                break;
            }
        }
        intact
    }
}

/// The largest frame that [`step`] makes.
const MOST_BYTES: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    Begin {
        channels: u16,
        sample: SampleFormat,
        protected: bool,
    },
    GoOn {
        protected: bool,
    },
    End,
    /// The client declares so many frames, from so many ahead of the next one.
    Declare(u64, u64),
    /// Frames from a cyclic buffer; `true` is a clear one.
    Take(Vec<bool>),
    Silence(u64),
    Open(usize),
    Read {
        client: usize,
        max: u32,
        room: usize,
    },
    Ready {
        client: usize,
        min: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1u16..4, proptest::sample::select(&SampleFormat::ALL[..]), proptest::bool::weighted(0.2))
            .prop_map(|(channels, sample, protected)| Step::Begin { channels, sample, protected }),
        1 => proptest::bool::weighted(0.2).prop_map(|protected| Step::GoOn { protected }),
        1 => Just(Step::End),
        3 => (0u64..20, 1u64..20).prop_map(|(ahead, count)| Step::Declare(ahead, count)),
        8 => proptest::collection::vec(proptest::bool::weighted(0.3), 1..40).prop_map(Step::Take),
        2 => (0u64..100).prop_map(Step::Silence),
        1 => (0usize..3).prop_map(Step::Open),
        6 => (0usize..3, 0u32..30, 0usize..400).prop_map(|(client, max, room)| Step::Read { client, max, room }),
        3 => (0usize..3, 0u32..60).prop_map(|(client, min)| Step::Ready { client, min }),
    ]
}

/// Runs steps against ring and model.
fn run(storage: usize, steps: &[Step]) {
    let mut tap = Tap::new(std::vec![0xEE; storage]).unwrap();
    let audio = tap.audio;
    let mut model = Model::default();
    let mut counted = Starvation::default();
    let mut clients: Vec<(Cursor, ModelCursor)> =
        (0..3).map(|_| (tap.open(), model.open())).collect();
    let (mut now, mut stamp) = (0i64, 0u32);
    for step in steps {
        now += 1_000_000;
        match step {
            Step::Begin {
                channels,
                sample,
                protected,
            } => {
                let format = format(*channels, *sample);
                let timeline = timeline(0, now);
                model.generation += 1;
                if let Some(last) = model.segments.last_mut() {
                    last.ended = true;
                }
                let generation = model.generation;
                let ordinal = model.head();
                model.push_segment(ModelSegment {
                    generation,
                    format,
                    timeline,
                    first: 0,
                    ordinal,
                    protected: *protected,
                    ended: false,
                    known_from: None,
                });
                (counted, model.counted) = Default::default();
                (model.declared, model.known_from, model.missed) = Default::default();
                assert_eq!(tap.begin(format, timeline, *protected), generation);
            }
            Step::GoOn { protected } => {
                let first = model.next_frame().unwrap_or(7);
                let timeline = timeline(first, now);
                if model.next_frame().is_some() {
                    let (generation, ordinal) = (model.generation, model.head());
                    let format = model.segments.last().unwrap().format;
                    model.push_segment(ModelSegment {
                        generation,
                        format,
                        timeline,
                        first,
                        ordinal,
                        protected: *protected,
                        ended: false,
                        known_from: None,
                    });
                }
                tap.go_on(model.generation, timeline, Frames(first), *protected);
            }
            Step::End => {
                if let Some(last) = model.segments.last_mut() {
                    last.ended = true;
                }
                tap.end(model.generation);
            }
            Step::Declare(ahead, count) => {
                if let Some(next) = model.next_frame() {
                    // At most two stretches are open: one that is due next, and one ahead of it.
                    let open = model.declared.range(next..).next().is_some();
                    let first = next + if open { 0 } else { *ahead };
                    let frames = first..first + count;
                    model.known_from.get_or_insert(first);
                    model.declared.extend(frames.clone());
                    counted.declare(frames, Frames(next));
                }
            }
            Step::Take(kinds) => {
                let last = model.segments.last();
                let frame_bytes = last.map_or(4, |last| usize::from(last.format.frame_bytes()));
                let mut memory = std::vec![0u8; 5];
                for &clear in kinds {
                    // Distinct frames, zero but for one byte at some place.
                    stamp += 1;
                    let mut frame = std::vec![0; frame_bytes];
                    if !clear {
                        frame[stamp as usize % frame_bytes] = (stamp % 255) as u8 + 1;
                    }
                    memory.extend_from_slice(&frame);
                    if let (Some(index), Some(last)) = (model.next_frame(), model.segments.last()) {
                        if last.protected {
                            frame.fill(0);
                        }
                        model.push_frame(index, frame, clear);
                    }
                }
                memory.push(0x77);
                let bytes = (kinds.len() * frame_bytes) as u32;
                let span = Span {
                    offset: 5,
                    bytes,
                    frames: kinds.len() as u64,
                };
                model.know();
                tap.take(model.generation, &mut memory[..], span, &mut counted);
                let (data, behind) = memory.split_at(memory.len() - 1);
                assert!(
                    data.iter().all(|&byte| byte == 0),
                    "not all of the span was cleared"
                );
                assert_eq!(behind, [0x77], "cleared behind the span");
            }
            Step::Silence(frames) => {
                for _ in 0..*frames {
                    if let (Some(index), Some(last)) = (model.next_frame(), model.segments.last()) {
                        let zero = std::vec![0; last.format.frame_bytes().into()];
                        model.push_frame(index, zero, true);
                    }
                }
                model.know();
                tap.silence(model.generation, *frames, &mut counted);
            }
            Step::Open(client) => clients[*client] = (tap.open(), model.open()),
            Step::Read { client, max, room } => {
                let (cursor, expect) = &mut clients[*client];
                let mut out = std::vec![0xCC; *room];
                let block = tap.read(cursor, &mut out, *max);
                let intact = model.certainly_intact(audio);
                model.check_read(expect, &block, &out, *max, cursor.lost(), intact);
                assert!(
                    out[block.bytes..].iter().all(|&byte| byte == 0xCC),
                    "wrote behind the block"
                );
            }
            Step::Ready { client, min } => {
                // Read everything with a copy of the cursor to see what is there and whether more can come.
                let (mut probe, mut expect) = clients[*client];
                let ready = tap.ready(&probe, *min);
                let mut out = std::vec![0; 4_000];
                let block = tap.read(&mut probe, &mut out, 0);
                let intact = model.certainly_intact(audio);
                model.check_read(&mut expect, &block, &out, 0, probe.lost(), intact);
                let holds = block
                    .format
                    .map_or(u32::MAX, |format| tap.least_frames(format.frame_bytes()));
                let closed = expect.segment + 1 < model.segments.len() || block.flags.last;
                assert_eq!(
                    ready,
                    closed || block.frames >= (*min).min(holds),
                    "{min} wanted, {block:?}"
                );
            }
        }
        assert_eq!(counted.clear, model.counted.clear);
        assert_eq!(counted.missed.frames, model.missed);
        assert_eq!(tap.generation(), model.generation);
    }
    // In the end every client gets or loses every frame since it opened.
    for (mut cursor, mut expect) in clients {
        let opened = expect.next - expect.lost;
        let mut got = 0u64;
        let base = opened + expect.lost;
        loop {
            let mut out = std::vec![0; 100];
            let block = tap.read(&mut cursor, &mut out, 0);
            let lost_before = expect.lost;
            let intact = model.certainly_intact(audio);
            model.check_read(&mut expect, &block, &out, 0, cursor.lost(), intact);
            got += u64::from(block.frames) + expect.lost - lost_before;
            if block.frames == 0 && !block.flags.last {
                break;
            }
        }
        if !model.segments.is_empty() {
            assert_eq!(
                base + got,
                model.head(),
                "frames neither delivered nor counted as lost"
            );
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]
    #[test]
    fn the_ring_keeps_what_the_model_says(
        storage in 300usize..1_500,
        steps in proptest::collection::vec(step(), steps_up_to(120)),
    ) {
        run(storage, &steps);
    }
}
