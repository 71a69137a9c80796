//! From the engine's types to the interface's.

use crate::cable::{Ring, State};
use waverig_engine::tap::share::{Part, Slot, Target};
use waverig_engine::{Cursor, Format, Qpc, SampleFormat, State as PlayState};
use waverig_interface::wire::Wire;
use waverig_interface::{
    Block, BlockFlags, RECENT_RUNS, SampleKind, SlotHeader, StarvedRun, Status, StreamState,
    TapFormat,
};
use wdk_sys::PFILE_OBJECT;

/// A format as the tap's clients see it.
pub(crate) fn tap_format(format: &Format) -> TapFormat {
    let sample = match format.sample {
        SampleFormat::Pcm16 => SampleKind::Pcm16,
        SampleFormat::Pcm24 => SampleKind::Pcm24,
        SampleFormat::Pcm24In32 => SampleKind::Pcm24In32,
        SampleFormat::Pcm32 => SampleKind::Pcm32,
        SampleFormat::Float32 => SampleKind::Float32,
    };
    TapFormat {
        rate: format.rate.hertz(),
        channel_mask: format.channel_mask,
        channels: format.channels,
        sample: sample as u16,
        frame_bytes: format.frame_bytes(),
        reserved: 0,
    }
}

/// A format as the values of a record.
pub(crate) fn noted_format(format: &TapFormat) -> [u64; 3] {
    let shape = u64::from(format.channels) | u64::from(format.sample) << 16;
    [format.rate.into(), shape, format.channel_mask.into()]
}

/// Writes the next block, header and frames, and tells its length. DISPATCH_LEVEL, under the cable lock.
pub(super) fn write_block(
    tap: &Ring,
    cursor: &mut Cursor,
    out: &mut impl Target,
    max_frames: u32,
) -> usize {
    let mut frames = Part::from(out, Block::BYTES);
    let block = tap.read_into(cursor, &mut frames, max_frames);
    let mut header = [0; Block::BYTES];
    if told(&block).to_wire(&mut header).is_none() || out.room() < header.len() {
        return 0;
    }
    out.put(0, &header);
    Block::BYTES.saturating_add(block.bytes)
}

/// Writes what stands in front of a block's frames in shared memory. DISPATCH_LEVEL, under the cable lock.
pub(super) fn write_slot(out: &mut impl Target, slot: Slot, block: &waverig_engine::Block) {
    let header = SlotHeader {
        sequence: slot.sequence,
        frames_before: slot.frames_before,
        block: told(block),
    };
    let mut bytes = [0; SlotHeader::BYTES];
    if header.to_wire(&mut bytes).is_some() {
        out.put(slot.at, &bytes);
    }
}

/// Whether a wish for `frames` can be met with the format that is played now; until there is one, it is taken to be the smallest.
pub(super) fn frames_fit(frames: u32, format: TapFormat, room: impl FnOnce(u16) -> u32) -> bool {
    frames <= room(format.frame_bytes.max(LEAST_FRAME_BYTES))
}

/// Bytes in the smallest frame: one channel of 16 bits.
pub(super) const LEAST_FRAME_BYTES: u16 = 2;

/// A block's header as clients see it.
fn told(block: &waverig_engine::Block) -> Block {
    let flags = [
        (block.flags.first, BlockFlags::FIRST),
        (block.flags.discontinuity, BlockFlags::DISCONTINUITY),
        (block.flags.silent, BlockFlags::SILENT),
        (block.flags.protected, BlockFlags::PROTECTED),
        (block.flags.last, BlockFlags::LAST),
        (block.flags.known, BlockFlags::WRITES_KNOWN),
    ];
    let flags = flags
        .into_iter()
        .filter(|(set, _)| *set)
        .fold(BlockFlags::default(), |flags, (_, flag)| flags.union(flag));
    Block {
        header_bytes: Block::BYTES as u32,
        flags,
        generation: block.generation,
        frames: block.frames,
        first_frame: block.first_frame.0,
        qpc: block.qpc.0,
        lost_frames: block.lost,
        clear_frames: block.clear,
        missed_frames: block.missed,
        format: block.format.as_ref().map(tap_format).unwrap_or_default(),
    }
}

/// A snapshot for the client with this file, which has lost `lost_frames`. DISPATCH_LEVEL, under the cable lock.
pub(super) fn status(state: &mut State, file: PFILE_OBJECT, now: Qpc, lost_frames: u64) -> Status {
    let stream = state.playing.as_ref().map(|playing| playing.stream());
    let play_state = stream.map_or(StreamState::Closed, |stream| match stream.state() {
        PlayState::Stop => StreamState::Stop,
        PlayState::Acquire => StreamState::Acquire,
        PlayState::Pause => StreamState::Pause,
        PlayState::Run => StreamState::Run,
    });
    let position = stream.map_or(0, |stream| stream.position().0);
    let starvation = stream.map_or(&*state.starvation, |stream| stream.starvation());
    let mut recent = [StarvedRun::default(); RECENT_RUNS];
    for (place, run) in recent.iter_mut().zip(starvation.recent()) {
        *place = StarvedRun {
            first_frame: run.first.0,
            frames: run.frames,
            qpc: run.qpc.0,
            known: run.known.into(),
            reserved: 0,
        };
    }
    Status {
        state: play_state as u32,
        generation: state.tap.generation(),
        position,
        qpc: now.0,
        clear_frames: starvation.clear.frames,
        clear_runs: starvation.clear.runs,
        last_run_first: starvation.clear.last_first,
        last_run_frames: starvation.clear.last_frames,
        missed_frames: starvation.missed.frames,
        missed_runs: starvation.missed.runs,
        known_from: starvation.known_from.map_or(u64::MAX, |frame| frame.0),
        lost_frames,
        clients: state.clients.count(),
        ring_frames: state.tap.least_frames(state.max_frame_bytes),
        format: state.format,
        slope_ppb: state.clock.piece().slope.0,
        steering: state.owner.seen_by(file) as u32,
        recent,
    }
}
