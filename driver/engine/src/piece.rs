//! A straight piece of the relation between the performance counter and device time, and a bounded table of them.

use alloc::vec::Vec;

use crate::memory::table;
use crate::units::{DeviceTime, Ppb, Qpc};

/// Units of device time in a tick at the nominal rate. With a slope in parts per billion every product is a whole number.
const UNITS_PER_TICK: i64 = 1_000_000_000;

/// Pieces remembered. A power of two, so that a remainder is a mask.
pub(crate) const PIECES: usize = 64;

/// From `qpc` on, device time runs from `device` with `slope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// When the piece begins.
    pub qpc: Qpc,
    /// Device time then.
    pub device: DeviceTime,
    /// How much faster than nominal device time runs.
    pub slope: Ppb,
}

impl Piece {
    /// The nominal rate since ever.
    pub(crate) const NOMINAL: Self = Self {
        qpc: Qpc(i64::MIN),
        device: DeviceTime((i64::MIN as i128).saturating_mul(UNITS_PER_TICK as i128)),
        slope: Ppb::ZERO,
    };

    /// Units of device time in a tick; above 0, since no slope is beyond [`DeviceClock::BOUND`](crate::DeviceClock::BOUND).
    fn units(&self) -> i128 {
        UNITS_PER_TICK.saturating_add(self.slope.0.into()).into()
    }

    /// Device time at `at`, as this piece goes on before and behind its borders.
    #[must_use]
    pub fn at(&self, at: Qpc) -> DeviceTime {
        let ticks = i128::from(at.0).saturating_sub(self.qpc.0.into());
        let units = ticks.saturating_mul(self.units());
        self.device.saturating_add(DeviceTime(units))
    }

    /// The first tick at which this piece's device time is at least `device`.
    #[must_use]
    pub fn when(&self, device: DeviceTime) -> Qpc {
        let units = self.units();
        let ahead = device.saturating_sub(self.device).0;
        let rounded_up = ahead.saturating_add(units.saturating_sub(1));
        let ticks = rounded_up.checked_div_euclid(units).unwrap_or(0);
        let at = i128::from(self.qpc.0).saturating_add(ticks);
        let most = if at < 0 { i64::MIN } else { i64::MAX };
        Qpc(i64::try_from(at).unwrap_or(most))
    }

    /// The piece that begins at `at`, where this one ends.
    pub(crate) fn then(&self, at: Qpc, slope: Ppb) -> Self {
        Self {
            qpc: at,
            device: self.at(at),
            slope,
        }
    }
}

/// The last pieces, in order of time; never empty.
#[derive(Debug)]
pub(crate) struct Pieces {
    table: Vec<Piece>,
    /// Number of the oldest piece remembered.
    oldest: u64,
    /// Number of the next one.
    next: u64,
    /// Between two pieces that follow each other here, others may have been left out; before this time none is missing
    /// that anybody asks for, or all are.
    forgotten: Option<DeviceTime>,
}

impl Pieces {
    /// `None` without memory.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            table: table(PIECES, Piece::NOMINAL)?,
            oldest: 0,
            next: 1,
            forgotten: None,
        })
    }

    pub(crate) fn last(&self) -> Piece {
        self.get(self.next.saturating_sub(1))
    }

    /// From which device time on every piece is there; `None` when none was ever forgotten.
    pub(crate) const fn forgotten(&self) -> Option<DeviceTime> {
        self.forgotten
    }

    /// Appends a piece that begins behind the last one; when the table is full, the oldest is forgotten.
    pub(crate) fn push(&mut self, piece: Piece) {
        if let Some(place) = self.table.get_mut(index(self.next)) {
            *place = piece;
        }
        self.next = self.next.saturating_add(1);
        let oldest = self.next.saturating_sub(PIECES as u64);
        if oldest > self.oldest {
            self.oldest = oldest;
            self.forgotten = Some(self.get(oldest).device);
        }
    }

    /// The piece that holds at `at`; before the oldest one, that.
    pub(crate) fn holding(&self, at: Qpc) -> Piece {
        self.newest(|piece| piece.qpc <= at)
    }

    /// The first tick at which device time is at least `device`; exact unless that was [`forgotten`](Self::forgotten).
    pub(crate) fn when(&self, device: DeviceTime) -> Qpc {
        self.newest(|piece| piece.device <= device).when(device)
    }

    /// Takes over what `all` has behind the last piece here, but for pieces that were over at `since`.
    pub(crate) fn follow(&mut self, all: &Self, since: DeviceTime) {
        let known = self.last().device;
        if all.last().device <= known {
            return;
        }
        let needed = known.max(since);
        if let Some(forgotten) = all.forgotten
            && forgotten > needed
        {
            self.oldest = self.next;
            self.forgotten = Some(forgotten);
        }
        for number in all.oldest..all.next {
            let piece = all.get(number);
            let after = number.saturating_add(1);
            let over = after < all.next && all.get(after).device <= since;
            if piece.device > known && !over {
                self.push(piece);
            }
        }
    }

    /// The newest piece for which `holds`, else the oldest one.
    fn newest(&self, holds: impl Fn(&Piece) -> bool) -> Piece {
        (self.oldest..self.next)
            .rev()
            .map(|number| self.get(number))
            .find(holds)
            .unwrap_or_else(|| self.get(self.oldest))
    }

    fn get(&self, number: u64) -> Piece {
        let piece = self.table.get(index(number));
        piece.copied().unwrap_or(Piece::NOMINAL)
    }
}

const fn index(number: u64) -> usize {
    const { assert!(PIECES.is_power_of_two()) };
    number as usize & PIECES.saturating_sub(1)
}
