//! The ring's writer against its reader, one in the middle of the other: what is read is what was written, whole, in order, and
//! what is missing is counted.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use waverig_interface::wire::Wire;
use waverig_interface::{Block as WireBlock, BlockFlags, ShareHeader, SlotHeader, TapFormat};
use waverig_tap::{Shared, Words};

use super::*;
use crate::format::SampleFormat;
use crate::starvation::Starvation;
use crate::stream::tests::{config, steps_up_to};
use crate::tap::storage_bytes;
use crate::tap::tests::{format, timeline};

const LAYOUT: Layout = Layout {
    begun: ShareHeader::BEGUN_AT,
    written: ShareHeader::WRITTEN_AT,
    slots: ShareHeader::BYTES,
    frames: SlotHeader::BYTES,
};
const SLOT: u32 = 128;
const SLOTS: usize = 4;

/// Something that happens in the middle of an access.
type Hook = Rc<RefCell<Option<std::boxed::Box<dyn FnMut()>>>>;

/// The memory that both sides see.
#[derive(Clone)]
struct Memory {
    words: Rc<[AtomicU64]>,
    /// After each word that is written.
    written: Hook,
    /// Before each word that is read.
    read: Hook,
}

fn happen(hook: &Hook) {
    // Taken out meanwhile: it does not happen in the middle of itself.
    let taken = hook.borrow_mut().take();
    if let Some(mut action) = taken {
        action();
        hook.borrow_mut().get_or_insert(action);
    }
}

impl Memory {
    fn new() -> Self {
        let bytes = ShareHeader::BYTES + SLOTS * SLOT as usize;
        let words: Vec<AtomicU64> = (0..bytes / 8).map(|_| AtomicU64::new(0)).collect();
        let mut memory = Self {
            words: words.into(),
            written: Hook::default(),
            read: Hook::default(),
        };
        let header = ShareHeader {
            magic: ShareHeader::MAGIC,
            version: 1,
            header_bytes: 128,
            slot_bytes: SLOT,
            slots: SLOTS as u32,
            slot_header_bytes: 80,
            qpc_frequency: 480_000,
            state: 1,
            ..ShareHeader::default()
        };
        let mut bytes = [0; ShareHeader::BYTES];
        header.to_wire(&mut bytes).unwrap();
        memory.put(0, &bytes);
        memory
    }
}

impl Target for Memory {
    fn room(&self) -> usize {
        self.words.len() * 8
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        for (at, byte) in (at..).zip(bytes) {
            let (word, shift) = (&self.words[at / 8], at % 8 * 8);
            let rest = word.load(Ordering::Relaxed) & !(0xFF << shift);
            word.store(rest | u64::from(*byte) << shift, Ordering::Relaxed);
            if at % 8 == 7 {
                happen(&self.written);
            }
        }
    }
}

impl SharedMemory for Memory {
    fn store(&mut self, at: usize, value: u64) {
        self.words[at / 8].store(value, Ordering::SeqCst);
        happen(&self.written);
    }
}

impl Words for Memory {
    fn words(&self) -> usize {
        self.words.len()
    }

    fn acquire(&self, at: usize) -> u64 {
        happen(&self.read);
        self.words[at].load(Ordering::SeqCst)
    }

    fn relaxed(&self, at: usize) -> u64 {
        self.acquire(at)
    }
}

/// A block that was written.
#[derive(Clone, Debug)]
struct Truth {
    header: WireBlock,
    before: u64,
    bytes: Vec<u8>,
}

fn told(block: &Block) -> WireBlock {
    let flags = [
        (block.flags.first, BlockFlags::FIRST),
        (block.flags.discontinuity, BlockFlags::DISCONTINUITY),
        (block.flags.silent, BlockFlags::SILENT),
        (block.flags.protected, BlockFlags::PROTECTED),
        (block.flags.last, BlockFlags::LAST),
        (block.flags.known, BlockFlags::WRITES_KNOWN),
    ];
    let flags = flags.iter().filter(|(set, _)| *set);
    WireBlock {
        header_bytes: 64,
        flags: flags.fold(BlockFlags::default(), |all, (_, flag)| all.union(*flag)),
        generation: block.generation,
        frames: block.frames,
        first_frame: block.first_frame.0,
        qpc: block.qpc.0,
        lost_frames: block.lost,
        clear_frames: block.clear,
        missed_frames: block.missed,
        format: block
            .format
            .map_or_else(TapFormat::default, |format| TapFormat {
                rate: 48_000,
                channels: format.channels,
                sample: if format.sample == SampleFormat::Pcm16 {
                    1
                } else {
                    5
                },
                frame_bytes: format.frame_bytes(),
                ..TapFormat::default()
            }),
    }
}

/// A tap with its share, and all that was ever written there.
struct Writer {
    tap: Tap<Vec<u8>>,
    share: Share,
    memory: Memory,
    /// Goes through the tap beside the share, and reads the same.
    beside: Cursor,
    truth: Rc<RefCell<Vec<Truth>>>,
    generation: u32,
    counted: Starvation,
    woken: u32,
}

impl Writer {
    fn new(memory: &Memory, block_frames: u32) -> Self {
        let tap = Tap::new(vec![0; storage_bytes(1 << 10)]).expect("memory");
        let cursor = tap.open();
        let wish = Wish {
            block_frames,
            wake_blocks: 2,
            slot_bytes: SLOT,
        };
        let share = Share::new(LAYOUT, wish, memory.room(), 2, cursor).expect("a good wish");
        assert_eq!(share.slots() as usize, SLOTS);
        Self {
            tap,
            share,
            memory: memory.clone(),
            beside: cursor,
            truth: Rc::default(),
            generation: 0,
            counted: Starvation::default(),
            woken: 0,
        }
    }

    fn frame_bytes(&self) -> u16 {
        self.tap
            .segments
            .last()
            .map_or(0, |last| last.format.frame_bytes())
    }

    fn begin(&mut self, channels: u16) {
        let number = i64::from(self.tap.generation()) + 1;
        let sample = if channels == 1 {
            SampleFormat::Pcm16
        } else {
            SampleFormat::Float32
        };
        self.generation =
            self.tap
                .begin(format(channels, sample), timeline(0, number << 32), false);
    }

    /// Plays frames whose bytes count up, each byte odd, so that none is clear.
    fn play(&mut self, frames: u64) {
        let size = usize::from(self.frame_bytes());
        let mut bytes: Vec<u8> = (0..frames as usize * size)
            .map(|at| (at as u8).wrapping_add(self.tap.head as u8) | 1)
            .collect();
        let span = crate::buffer::Span {
            offset: 0,
            bytes: bytes.len() as u32,
            frames,
        };
        self.tap
            .take(self.generation, &mut bytes[..], span, &mut self.counted);
    }

    /// Writes every block that is due.
    fn write(&mut self) {
        while self.share.ready(&self.tap, self.frame_bytes()) {
            let mut bytes = [0; SLOT as usize - 80];
            let room = self.share.wish.block_frames;
            let lost = self.beside.lost();
            let expect = self.tap.read(&mut self.beside, &mut bytes, room);
            let lost = self.beside.lost() - lost;
            let total = self
                .truth
                .borrow()
                .last()
                .map_or(0, |last| last.before + u64::from(last.header.frames));
            self.truth.borrow_mut().push(Truth {
                header: told(&expect),
                before: total + lost,
                bytes: bytes[..expect.bytes].to_vec(),
            });
            let block = self
                .share
                .write(&self.tap, &mut self.memory, |memory, slot, block| {
                    let header = SlotHeader {
                        sequence: slot.sequence,
                        frames_before: slot.frames_before,
                        block: told(block),
                    };
                    let mut bytes = [0; SlotHeader::BYTES];
                    header.to_wire(&mut bytes).unwrap();
                    memory.put(slot.at, &bytes);
                });
            assert_eq!(block, expect);
        }
        self.woken += u32::from(self.share.wake());
    }
}

/// The reader, and what it has seen.
struct Checked<'m> {
    shared: Shared<&'m Memory>,
    truth: Rc<RefCell<Vec<Truth>>>,
    /// Blocks of the truth up to the one read last.
    at: usize,
    frames: u64,
    generation: u32,
    reader: waverig_tap::Reader,
}

impl<'m> Checked<'m> {
    fn new(memory: &'m Memory, truth: &Rc<RefCell<Vec<Truth>>>) -> Self {
        Self {
            shared: Shared::open(memory)
                .expect("a good layout")
                .expect("laid out"),
            truth: Rc::clone(truth),
            at: 0,
            frames: 0,
            generation: 0,
            reader: waverig_tap::Reader::new(480_000),
        }
    }

    /// Reads one block; `false` when there is none.
    fn read(&mut self) -> bool {
        let (blocks, frames) = (self.shared.lost_blocks(), self.shared.lost_frames());
        let Some(block) = self
            .shared
            .next_block()
            .expect("the writer keeps its promise")
        else {
            self.at += (self.shared.lost_blocks() - blocks) as usize;
            return false;
        };
        self.reader
            .accept(&block)
            .expect("blocks that follow each other");
        let (generation, first, count, flags, lost, bytes) = (
            block.generation,
            block.first_frame,
            block.count,
            block.flags,
            block.lost,
            block.frames.to_vec(),
        );
        self.at += (self.shared.lost_blocks() - blocks) as usize;
        let truth = self.truth.borrow()[self.at].clone();
        let expect = truth.header;
        assert_eq!(
            (generation, first, count),
            (expect.generation, expect.first_frame, expect.frames)
        );
        assert_eq!(bytes, truth.bytes, "block {}", self.at);
        let missed = truth.before - self.frames;
        assert_eq!(self.shared.lost_frames() - frames, missed);
        assert_eq!(lost, missed.min(first));
        assert_eq!(
            flags.contains(BlockFlags::FIRST),
            generation != self.generation
        );
        assert_eq!(
            flags.contains(BlockFlags::LAST),
            expect.flags.contains(BlockFlags::LAST)
        );
        self.at += 1;
        self.frames = truth.before + u64::from(count);
        self.generation = generation;
        true
    }
}

/// What the writer does between two reads.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begin(u16),
    Play(u64),
    End,
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1u16..3).prop_map(Step::Begin),
        6 => (1u64..200).prop_map(Step::Play),
        1 => Just(Step::End),
        4 => (1usize..6).prop_map(Step::Read),
    ]
}

fn act(writer: &mut Writer, step: Step) {
    match step {
        Step::Begin(channels) => writer.begin(channels),
        Step::Play(frames) if writer.generation > 0 => writer.play(frames),
        Step::End => writer.tap.end(writer.generation),
        Step::Play(_) | Step::Read(_) => {}
    }
    writer.write();
}

proptest! {
    #![proptest_config(config(600))]
    #[test]
    fn what_is_read_is_what_was_written(
        block_frames in 1u32..40,
        steps in proptest::collection::vec(step(), steps_up_to(40)),
    ) {
        let memory = Memory::new();
        let mut writer = Writer::new(&memory, block_frames);
        let mut reader = Checked::new(&memory, &writer.truth);
        for step in steps {
            act(&mut writer, step);
            if let Step::Read(most) = step {
                (0..most).take_while(|_| reader.read()).count();
            }
        }
        while reader.read() {}
        let truth = writer.truth.borrow();
        prop_assert_eq!(reader.at, truth.len());
        let end = truth.last().map_or(0, |last| last.before + u64::from(last.header.frames));
        prop_assert_eq!(reader.frames, end);
    }

    /// The writer overwrites the ring while the reader is at any place in its copy.
    #[test]
    fn a_block_that_is_overwritten_while_it_is_read_is_not_taken(
        filled in 1u64..10,
        during in 1u64..12,
        place in 0usize..40,
    ) {
        let memory = Memory::new();
        let mut writer = Writer::new(&memory, 3);
        let truth = Rc::clone(&writer.truth);
        let mut reader = Checked::new(&memory, &truth);
        writer.begin(2);
        writer.play(3 * filled);
        writer.write();
        let mut countdown = place;
        let writer = Rc::new(RefCell::new(writer));
        let inside = Rc::clone(&writer);
        *memory.read.borrow_mut() = Some(std::boxed::Box::new(move || {
            if countdown == 0 {
                let mut writer = inside.borrow_mut();
                writer.play(3 * during);
                writer.write();
            }
            countdown = countdown.wrapping_sub(1);
        }));
        while reader.read() {}
        memory.read.borrow_mut().take();
        while reader.read() {}
        prop_assert_eq!(reader.at, truth.borrow().len());
    }
}

/// The reader looks while the writer is at every place in turn.
#[test]
fn a_block_that_is_being_written_is_not_taken() {
    let memory = Memory::new();
    let mut writer = Writer::new(&memory, 3);
    let reader_memory = memory.clone();
    let truth = Rc::clone(&writer.truth);
    writer.begin(2);
    // Without a reader first: a full ring.
    writer.play(12);
    writer.write();
    let looks = Rc::new(Cell::new(0));
    let counted = Rc::clone(&looks);
    *memory.written.borrow_mut() = Some(std::boxed::Box::new(move || {
        // A new reader each time: it sees whatever is intact now, and nothing else.
        let mut reader = Checked::new(&reader_memory, &truth);
        while reader.read() {}
        counted.set(counted.get() + 1);
    }));
    writer.play(3 * if cfg!(miri) { 2 } else { 30 });
    writer.write();
    // The hook holds the memory that holds the hook.
    memory.written.borrow_mut().take();
    assert!(looks.get() > 20);
}

#[test]
fn wishes_that_cannot_be_met_are_refused() {
    let tap = Tap::new(vec![0; storage_bytes(64)]).expect("memory");
    let good = Wish {
        block_frames: 4,
        wake_blocks: 2,
        slot_bytes: 128,
    };
    let make = |wish, room| Share::new(LAYOUT, wish, room, 2, tap.open()).is_some();
    let room = 128 + 4 * 128;
    assert!(make(good, room) && make(good, 128 + 2 * 128));
    for (wish, room) in [
        (good, 128 + 2 * 128 - 1),
        (good, 0),
        (
            Wish {
                block_frames: 0,
                ..good
            },
            room,
        ),
        (
            Wish {
                wake_blocks: 0,
                ..good
            },
            room,
        ),
        (
            Wish {
                wake_blocks: 5,
                ..good
            },
            room,
        ),
        (
            Wish {
                slot_bytes: 0,
                ..good
            },
            room,
        ),
        (
            Wish {
                slot_bytes: 80,
                ..good
            },
            room,
        ),
    ] {
        assert!(!make(wish, room), "{wish:?} in {room}");
    }
}

#[test]
fn the_client_is_woken_for_as_many_blocks_as_it_wished_and_for_a_short_one() {
    let memory = Memory::new();
    let mut writer = Writer::new(&memory, 4);
    writer.begin(2);
    let missing = |writer: &Writer| writer.share.missing(&writer.tap, 8).0;
    assert_eq!(missing(&writer), 8);
    writer.play(3);
    writer.write();
    assert_eq!((missing(&writer), writer.woken), (5, 0));
    writer.play(2);
    writer.write();
    // One block is there; the client waits for the second.
    assert_eq!((missing(&writer), writer.woken), (3, 0));
    writer.play(3);
    writer.write();
    assert_eq!((missing(&writer), writer.woken), (8, 1));
    writer.play(1);
    writer.tap.end(writer.generation);
    writer.write();
    assert_eq!(writer.woken, 2, "the end is told at once");
}
