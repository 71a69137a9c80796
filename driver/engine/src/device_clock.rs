//! A cable's own clock: *device time* against the performance counter, steered in parts per billion.
//!
//! Device time counts 1e-9 ticks, so a slope of `(1e9 + ppb) / 1e9` is a whole number of units per tick: every piece is
//! exact, whatever is asked how often, and nothing gathers over 100 days or 100 years. Until it is steered the first time,
//! device time is the counter times 1e9. All streams of a cable count their frames from it (see [`Clock`](crate::Clock)).
//!
//! **Steering** changes the slope, never the time: there is no jump. The slope goes towards the wanted one in steps of at most
//! [`DeviceClock::STEP`], each at a multiple of [`DeviceClock::GRID`] of the counter. What has been passed is final; the
//! steps still to come follow from slope and target, so the time of a frame that is not due yet is exact too, as long as
//! nobody steers again.

use crate::piece::{Piece, Pieces};
use crate::units::{DeviceTime, Hns, Ppb, Qpc, QpcFrequency};

/// The wanted rate lies beyond [`DeviceClock::BOUND`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBound;

/// A cable's clock. Under the cable's lock.
#[derive(Debug)]
pub struct DeviceClock {
    /// Ticks from one possible change of the slope to the next; above 0.
    grid: i64,
    /// What has been passed, and the piece that holds now.
    pieces: Pieces,
    /// Where the slope goes.
    target: Ppb,
    /// When that was wanted; the slope goes there from the first point of the grid behind it.
    since: Qpc,
    /// Everything up to here is final.
    passed: Qpc,
}

impl DeviceClock {
    /// Furthest from the nominal rate that the clock is steered, both ways: 1000 ppm, the widest tolerance that IEC 60958-3
    /// grants a sampling frequency (level II), beyond any crystal's, and below 2 cents, the third part of what an ear tells
    /// apart. Windows asks for 1 % ("Sample Position Accuracy", HLK).
    pub const BOUND: Ppb = Ppb(1_000_000);
    /// Furthest that the slope moves at once: 20 ppm. With [`Self::GRID`] that is 500 ppm a second, so that the clock comes
    /// from one bound back to nominal in 2 s.
    pub const STEP: Ppb = Ppb(20_000);
    /// The slope moves at multiples of this: 40 ms. Fast enough for a servo that hears of its master 8 times a second
    /// (AES67), and coarse enough for a small table to hold 2.5 s.
    pub const GRID: Hns = Hns(400_000);

    /// A clock at the nominal rate; `None` without memory for its table.
    #[must_use]
    pub fn new(frequency: QpcFrequency) -> Option<Self> {
        Some(Self {
            grid: Self::GRID.to_qpc(frequency).0.max(1),
            pieces: Pieces::new()?,
            target: Ppb::ZERO,
            since: Qpc(i64::MIN),
            passed: Qpc(i64::MIN),
        })
    }

    /// Makes everything up to `at` final. To be called before anything is told about `at`; an `at` before an earlier one
    /// does no harm.
    pub fn pass(&mut self, at: Qpc) {
        while let Some(piece) = self.next(&self.pieces.last()).filter(|next| next.qpc <= at) {
            self.pieces.push(piece);
        }
        self.passed = self.passed.max(at);
    }

    /// From `at` on the slope goes to `wanted`. What is final stays: an `at` before that is taken as its end.
    ///
    /// # Errors
    /// [`OutOfBound`]; the clock then goes on as before.
    pub fn steer(&mut self, wanted: Ppb, at: Qpc) -> Result<(), OutOfBound> {
        if wanted < Ppb::ZERO.saturating_sub(Self::BOUND) || wanted > Self::BOUND {
            return Err(OutOfBound);
        }
        self.pass(at);
        self.target = wanted;
        self.since = self.passed;
        Ok(())
    }

    /// The slope that the clock goes to.
    #[must_use]
    pub const fn target(&self) -> Ppb {
        self.target
    }

    /// The piece that holds at the latest time passed.
    #[must_use]
    pub fn piece(&self) -> Piece {
        self.pieces.last()
    }

    /// Device time at `at`; exact from 2.5 s before the latest time passed on, and in the future.
    #[must_use]
    pub fn at(&self, at: Qpc) -> DeviceTime {
        let mut piece = self.pieces.holding(at);
        if piece == self.pieces.last() {
            while let Some(next) = self.next(&piece).filter(|next| next.qpc <= at) {
                piece = next;
            }
        }
        piece.at(at)
    }

    /// The first tick at which device time is at least `device`; exact as [`Self::at`] is.
    #[must_use]
    pub fn when(&self, device: DeviceTime) -> Qpc {
        let mut piece = self.pieces.last();
        if device < piece.device {
            return self.pieces.when(device);
        }
        while let Some(next) = self.next(&piece).filter(|next| next.device < device) {
            piece = next;
        }
        piece.when(device)
    }

    /// What was passed, for those who must tell times later.
    pub(crate) const fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// The piece after `piece`, which is the last one passed or one to come; `None` when its slope has reached the target. At
    /// most `2 · BOUND / STEP` follow each other.
    fn next(&self, piece: &Piece) -> Option<Piece> {
        let left = self.target.saturating_sub(piece.slope).0;
        let step = left.clamp(Self::STEP.0.saturating_neg(), Self::STEP.0);
        let from = piece.qpc.max(self.since).0;
        let at = from
            .checked_div_euclid(self.grid)?
            .checked_add(1)?
            .checked_mul(self.grid)?;
        (step != 0).then(|| piece.then(Qpc(at), piece.slope.saturating_add(Ppb(step))))
    }
}

#[cfg(test)]
pub(crate) mod tests;
