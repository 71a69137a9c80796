//! Where frames lie in the ring. Each stream may have a frame size of its own.
//!
//! Think of an endless tape of bytes that is folded onto the ring, one *lap* after the other. A frame never crosses the end
//! of a lap: the few bytes that are left there stay unused. A frame is intact as long as fewer than a lap of bytes have been
//! written behind its start.

use core::num::NonZeroU64;

/// The slots that frames of one size have on the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    /// Bytes in a lap.
    lap: NonZeroU64,
    /// Bytes in a frame.
    frame: NonZeroU64,
    /// Whole frames in a lap.
    per_lap: NonZeroU64,
}

impl Slots {
    /// `None` when not one frame fits.
    pub(super) fn new(lap_bytes: u64, frame_bytes: u16) -> Option<Self> {
        let lap = NonZeroU64::new(lap_bytes)?;
        let frame = NonZeroU64::new(frame_bytes.into())?;
        let per_lap = NonZeroU64::new(lap.get() / frame)?;
        Some(Self {
            lap,
            frame,
            per_lap,
        })
    }

    pub(super) fn per_lap(&self) -> u64 {
        self.per_lap.get()
    }

    pub(super) fn frame_bytes(&self) -> u64 {
        self.frame.get()
    }

    /// Whole frames in so many bytes.
    pub(super) fn frames_in(&self, bytes: u64) -> u64 {
        bytes / self.frame
    }

    /// Slot number within its lap.
    pub(super) fn in_lap(&self, slot: u64) -> u64 {
        slot % self.per_lap
    }

    /// Address on the tape where a slot starts.
    pub(super) fn address(&self, slot: u64) -> u64 {
        let laps = (slot / self.per_lap).saturating_mul(self.lap.get());
        laps.saturating_add(self.in_lap(slot).saturating_mul(self.frame.get()))
    }

    /// The first slot that starts at `address` or behind it.
    pub(super) fn first_from(&self, address: u64) -> u64 {
        let in_lap = (address % self.lap).div_ceil(self.frame.get());
        // Bytes that are left over at the end of a lap lead to the next lap's first slot.
        let in_lap = in_lap.min(self.per_lap.get());
        (address / self.lap)
            .saturating_mul(self.per_lap.get())
            .saturating_add(in_lap)
    }

    /// The first slot whose frame is intact when the tape has been written up to `end`.
    pub(super) fn first_intact(&self, end: u64) -> u64 {
        self.first_from(end.saturating_sub(self.lap.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_never_cross_a_lap_and_never_overlap() {
        // Miri gets a sample.
        let step = if cfg!(miri) { 19 } else { 1 };
        for lap in (1..40u64).step_by(step) {
            for frame in 1..12u16 {
                let Some(slots) = Slots::new(lap, frame) else {
                    assert!(u64::from(frame) > lap);
                    continue;
                };
                let mut free = 0;
                for slot in 0..100 {
                    let at = slots.address(slot);
                    assert!(at >= free, "slot {slot} overlaps");
                    free = at + u64::from(frame);
                    assert_eq!(at / lap, (free - 1) / lap, "slot {slot} crosses a lap");
                }
                for address in 0..100 {
                    let slot = slots.first_from(address);
                    assert!(slots.address(slot) >= address);
                    assert!(slot == 0 || slots.address(slot - 1) < address);
                }
            }
        }
        assert_eq!(Slots::new(0, 4), None);
        assert_eq!(Slots::new(4, 0), None);
    }
}
