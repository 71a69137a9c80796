//! Faults in how buffers are read and written.

use super::{Deliberate, is};
use waverig_engine::{CyclicMemory, Geometry};

/// Bytes taken out of a buffer before the fault of that buffer happens.
const HEALTHY_BYTES: usize = 96_000;

/// What goes wrong when one buffer is read.
pub(crate) struct Fault {
    taken: usize,
    frame_bytes: usize,
    packet_bytes: usize,
}

impl Fault {
    pub(crate) const fn none() -> Self {
        Self {
            taken: 0,
            frame_bytes: 0,
            packet_bytes: 0,
        }
    }

    pub(crate) fn new(geometry: &Geometry) -> Self {
        let frame_bytes = usize::from(geometry.frame_bytes());
        let frames = geometry.packet().map_or(geometry.frames(), Into::into);
        Self {
            taken: 0,
            frame_bytes,
            packet_bytes: frame_bytes.saturating_mul(frames as usize),
        }
    }

    /// The faults that end a machine, each at the first take after the healthy start, at DISPATCH_LEVEL.
    pub(crate) fn strike(&self, base: *mut u8, len: usize) {
        if self.taken < HEALTHY_BYTES {
            return;
        }
        if is(Deliberate::WildWrite) {
            // SAFETY: none, on purpose: a byte behind the buffer's last page.
            unsafe { base.add(len.next_multiple_of(4096)).write_volatile(1) };
        }
        if is(Deliberate::BufferRest) && !len.is_multiple_of(4096) {
            // SAFETY: none, on purpose: behind the buffer, and in its last page.
            unsafe { base.add(len).write_volatile(1) };
        }
        if is(Deliberate::Panic) {
            panic!("on purpose");
        }
        while is(Deliberate::EndlessLoop) {
            core::hint::spin_loop();
        }
    }

    /// `slip-frame`: where bytes at `offset` are really taken from. One frame is skipped once, so all later ones are
    /// shifted.
    pub(crate) fn place(&self, offset: usize, len: usize) -> usize {
        if is(Deliberate::SlipFrame) && self.taken >= HEALTHY_BYTES {
            return (offset + self.frame_bytes)
                .checked_rem(len)
                .unwrap_or(offset);
        }
        offset
    }

    /// `stale-lap`: whether what was taken stays in the buffer, to be played again when nobody writes.
    pub(crate) fn stays(&self) -> bool {
        is(Deliberate::StaleLap) && self.taken >= HEALTHY_BYTES
    }

    /// Fills what lies behind the buffer's end: with zeros, and for `slip-frame` from its start.
    pub(crate) fn wrap(&self, beyond: &mut [u8], from_start: impl FnOnce(&mut [u8])) {
        if is(Deliberate::SlipFrame) && self.taken >= HEALTHY_BYTES {
            from_start(beyond);
        } else {
            beyond.fill(0);
        }
    }

    /// `drop-period`: the bytes just taken. Those of one notification period vanish.
    pub(crate) fn taken(&mut self, out: &mut [u8]) {
        if !cfg!(feature = "fault") {
            return;
        }
        let from = self.taken;
        self.taken = from.saturating_add(out.len());
        if is(Deliberate::DropPeriod) {
            let dropped = HEALTHY_BYTES..HEALTHY_BYTES + self.packet_bytes;
            for (at, byte) in (from..).zip(out) {
                if dropped.contains(&at) {
                    *byte = 0;
                }
            }
        }
    }
}

/// A capture stream's buffer, with what goes wrong there.
pub(crate) struct Recorded<'a, M> {
    pub(crate) memory: &'a mut M,
    pub(crate) geometry: Option<Geometry>,
}

impl<M: CyclicMemory> CyclicMemory for Recorded<'_, M> {
    fn take(&mut self, offset: usize, out: &mut [u8]) {
        self.memory.take(offset, out);
    }

    /// `record-late`: everything is recorded one frame late. `record-gather`: half a buffer late, as by a driver that
    /// gathers what is played before it gives any of it.
    fn put(&mut self, offset: usize, from: &[u8]) {
        let Some(geometry) = self.geometry.filter(|_| cfg!(feature = "fault")) else {
            return self.memory.put(offset, from);
        };
        let frames = if is(Deliberate::RecordLate) {
            1
        } else if is(Deliberate::RecordGather) {
            geometry.frames() as usize / 2
        } else {
            0
        };
        let bytes = geometry.bytes() as usize;
        let offset = (offset + frames * usize::from(geometry.frame_bytes()))
            .checked_rem(bytes)
            .unwrap_or(offset);
        let (front, back) = from.split_at((bytes - offset).min(from.len()));
        self.memory.put(offset, front);
        self.memory.put(0, back);
    }

    /// `record-stale`: where nothing is played, the lap before stays.
    fn clear(&mut self, offset: usize, len: usize) {
        if !is(Deliberate::RecordStale) {
            self.memory.clear(offset, len);
        }
    }
}
