//! Faults built on purpose, to show that the rig rejects such a driver. Each is a Cargo feature that no release has; without
//! them nothing here does anything, except that what lies behind a buffer's end reads as zeros.

pub(crate) mod clock;

use core::ptr::NonNull;
use waverig_engine::{Advance, CyclicMemory, Frames, Geometry, PacketError, ReadPacket};
use waverig_interface::CableNumber;

/// Bytes taken out of a buffer before the fault of that buffer happens.
const HEALTHY_BYTES: usize = 96_000;

/// The mark by which packaging recognises such an image.
#[cfg(feature = "fault")]
static MARK: [u8; 24] = *b"WAVERIG-DELIBERATE-FAULT";

/// Keeps the mark in the image.
pub(crate) fn announce() {
    #[cfg(feature = "fault")]
    // SAFETY: a static may be read.
    unsafe {
        core::ptr::read_volatile(&MARK);
    }
}

/// `fault-leak-pool`: called when a stream stops.
pub(crate) fn at_stop() {
    if cfg!(feature = "fault-leak-pool") {
        core::mem::forget(crate::pool::PoolBox::new([0u8; 64]));
    }
}

/// `fault-trust-length`: whether a property's value is taken to be as long as it should be.
pub(crate) const fn trusts_lengths() -> bool {
    cfg!(feature = "fault-trust-length")
}

/// `fault-stop-pauses`: a stream that is stopped only pauses, and goes on where it was.
pub(crate) const fn stops_like_pauses() -> bool {
    cfg!(feature = "fault-stop-pauses")
}

/// `fault-keep-reads`: pended tap reads are not given back when the device stops or goes.
pub(crate) const fn keeps_reads() -> bool {
    cfg!(feature = "fault-keep-reads")
}

/// `fault-keep-closed`: requests that are pended on a handle are not given back when that is closed.
pub(crate) const fn keeps_closed() -> bool {
    cfg!(feature = "fault-keep-closed")
}

/// `fault-lose-race`: a read that is answered is completed although its cancel routine is on its way to do that.
pub(crate) const fn loses_races() -> bool {
    cfg!(feature = "fault-lose-race")
}

/// `fault-late-cancel`: a request that was cancelled before the driver had it is pended all the same.
pub(crate) const fn misses_cancels() -> bool {
    cfg!(feature = "fault-late-cancel")
}

/// `fault-share-outlives`: memory is written into when the request that brought it was cancelled.
pub(crate) const fn writes_on() -> bool {
    cfg!(feature = "fault-share-outlives")
}

/// `fault-forget-unwind`: pages that cannot be mapped are not freed.
pub(crate) const fn forgets_pages() -> bool {
    cfg!(feature = "fault-forget-unwind")
}

/// `fault-unchecked-mapping`: pages are taken to be mapped, wherever that is.
pub(crate) fn mapped(base: *mut core::ffi::c_void) -> Option<NonNull<core::ffi::c_void>> {
    if cfg!(feature = "fault-unchecked-mapping") {
        // SAFETY: none; that is the fault.
        return Some(unsafe { NonNull::new_unchecked(base) });
    }
    NonNull::new(base)
}

/// `fault-keep-timer`: a stream's timer is not deleted.
pub(crate) const fn keeps_timers() -> bool {
    cfg!(feature = "fault-keep-timer")
}

/// `fault-run-through-pause`: a paused stream goes on, also while the device sleeps.
pub(crate) const fn runs_through_pauses() -> bool {
    cfg!(feature = "fault-run-through-pause")
}

/// `fault-copy-all`: protected content gets into the tap, and is recorded, as any other.
pub(crate) const fn copies_all() -> bool {
    cfg!(feature = "fault-copy-all")
}

/// `fault-open-always`: a device whose removal was agreed to, or that is gone, can be opened.
pub(crate) const fn opens_always() -> bool {
    cfg!(feature = "fault-open-always")
}

/// `fault-any-packet`: every packet is taken, whatever the engine says of it.
pub(crate) fn packet(taken: Result<(), PacketError>) -> Result<(), PacketError> {
    if cfg!(feature = "fault-any-packet") {
        return Ok(());
    }
    taken
}

/// `fault-packet-end`: a packet to read is told with the time of its end.
pub(crate) fn packet_begin(packet: &ReadPacket, geometry: Option<&Geometry>) -> Frames {
    let length = geometry.and_then(Geometry::packet);
    match length.filter(|_| cfg!(feature = "fault-packet-end")) {
        Some(frames) => packet.first.saturating_add(Frames(frames.get())),
        None => packet.first,
    }
}

/// `fault-count-ticks`: packets are counted one per notification, as some public samples do, so that a late one loses some.
pub(crate) struct Ticks(u64);

impl Ticks {
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    pub(crate) fn report(&mut self, advance: &Advance) {
        if cfg!(feature = "fault-count-ticks") {
            self.0 += u64::from(advance.packets_completed > 0);
        }
    }

    /// The count to tell.
    pub(crate) const fn count(&self, count: u64) -> u64 {
        if cfg!(feature = "fault-count-ticks") {
            self.0
        } else {
            count
        }
    }
}

/// `fault-crossed-taps`: the cable whose audio a tap really gives out.
pub(crate) fn tapped(cable: CableNumber) -> CableNumber {
    let crossed = match cable.get() {
        1 => 2,
        2 => 1,
        other => other,
    };
    if cfg!(feature = "fault-crossed-taps") {
        CableNumber::new(crossed).unwrap_or(cable)
    } else {
        cable
    }
}

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
        if cfg!(feature = "fault-wild-write") {
            // SAFETY: none, on purpose: a byte behind the buffer's last page.
            unsafe { base.add(len.next_multiple_of(4096)).write_volatile(1) };
        }
        if cfg!(feature = "fault-panic") {
            panic!("on purpose");
        }
        while cfg!(feature = "fault-endless-loop") {
            core::hint::spin_loop();
        }
    }

    /// `fault-slip-frame`: where bytes at `offset` are really taken from. One frame is skipped once, so all later ones are
    /// shifted.
    pub(crate) fn place(&self, offset: usize, len: usize) -> usize {
        if cfg!(feature = "fault-slip-frame") && self.taken >= HEALTHY_BYTES {
            return (offset + self.frame_bytes)
                .checked_rem(len)
                .unwrap_or(offset);
        }
        offset
    }

    /// `fault-stale-lap`: whether what was taken stays in the buffer, to be played again when nobody writes.
    pub(crate) fn stays(&self) -> bool {
        cfg!(feature = "fault-stale-lap") && self.taken >= HEALTHY_BYTES
    }

    /// Fills what lies behind the buffer's end: with zeros, and for `fault-slip-frame` from its start.
    pub(crate) fn wrap(&self, beyond: &mut [u8], from_start: impl FnOnce(&mut [u8])) {
        if cfg!(feature = "fault-slip-frame") && self.taken >= HEALTHY_BYTES {
            from_start(beyond);
        } else {
            beyond.fill(0);
        }
    }

    /// `fault-drop-period`: the bytes just taken. Those of one notification period vanish.
    pub(crate) fn taken(&mut self, out: &mut [u8]) {
        if !cfg!(feature = "fault") {
            return;
        }
        let from = self.taken;
        self.taken = from.saturating_add(out.len());
        if cfg!(feature = "fault-drop-period") {
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

    /// `fault-record-late`: everything is recorded one frame late. `fault-record-gather`: half a buffer late, as by a driver that
    /// gathers what is played before it gives any of it.
    fn put(&mut self, offset: usize, from: &[u8]) {
        let Some(geometry) = self.geometry.filter(|_| cfg!(feature = "fault")) else {
            return self.memory.put(offset, from);
        };
        let frames = if cfg!(feature = "fault-record-late") {
            1
        } else if cfg!(feature = "fault-record-gather") {
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

    /// `fault-record-stale`: where nothing is played, the lap before stays.
    fn clear(&mut self, offset: usize, len: usize) {
        if !cfg!(feature = "fault-record-stale") {
            self.memory.clear(offset, len);
        }
    }
}
