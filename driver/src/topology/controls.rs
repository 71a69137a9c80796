//! Volume and mute. The values are stored and not applied: the cable stays exact to the bit. Without these nodes Windows would
//! insert a volume of its own.

use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use waverig_engine::Capability;

/// Channels that there is room for.
pub(crate) const MOST_CHANNELS: usize = Capability::MOST_CHANNELS as usize;

/// The channel that stands for all.
const ALL_CHANNELS: i32 = -1;

/// Least level, −96 dB, in 1/65536 dB.
pub(crate) const LEAST_LEVEL: i32 = -96 << 16;
/// Greatest level, 0 dB.
pub(crate) const GREATEST_LEVEL: i32 = 0;
/// Step, 0.5 dB.
pub(crate) const LEVEL_STEP: i32 = 1 << 15;

/// The stored values: a volume and a mute for each channel of the format that the device proposes. Any IRQL.
pub(crate) struct Controls {
    channels: usize,
    levels: [AtomicI32; MOST_CHANNELS],
    mutes: [AtomicBool; MOST_CHANNELS],
}

impl Controls {
    /// 0 dB, not muted.
    pub(crate) fn new(channels: u16) -> Self {
        Self {
            channels: usize::from(channels).min(MOST_CHANNELS),
            levels: [const { AtomicI32::new(GREATEST_LEVEL) }; MOST_CHANNELS],
            mutes: [const { AtomicBool::new(false) }; MOST_CHANNELS],
        }
    }

    /// How many channels there are.
    pub(crate) const fn channels(&self) -> usize {
        self.channels
    }

    fn levels(&self) -> &[AtomicI32] {
        self.levels.get(..self.channels).unwrap_or_default()
    }

    fn mutes(&self) -> &[AtomicBool] {
        self.mutes.get(..self.channels).unwrap_or_default()
    }

    /// A channel's level in 1/65536 dB; `None` for a channel that there is not.
    pub(crate) fn level(&self, channel: i32) -> Option<i32> {
        one(self.levels(), channel).map(|level| level.load(Ordering::Relaxed))
    }

    /// Stores a level, moved into the range and down to a step. `None` for a channel that there is not.
    pub(crate) fn set_level(&self, channel: i32, level: i32) -> Option<()> {
        let level = level.clamp(LEAST_LEVEL, GREATEST_LEVEL);
        let level = level - level.rem_euclid(LEVEL_STEP);
        for place in some(self.levels(), channel)? {
            place.store(level, Ordering::Relaxed);
        }
        Some(())
    }

    /// Whether a channel is muted; `None` for a channel that there is not.
    pub(crate) fn mute(&self, channel: i32) -> Option<bool> {
        one(self.mutes(), channel).map(|mute| mute.load(Ordering::Relaxed))
    }

    /// Stores it. `None` for a channel that there is not.
    pub(crate) fn set_mute(&self, channel: i32, mute: bool) -> Option<()> {
        for place in some(self.mutes(), channel)? {
            place.store(mute, Ordering::Relaxed);
        }
        Some(())
    }
}

/// The channel's place; that of all channels together is the first one's.
fn one<T>(places: &[T], channel: i32) -> Option<&T> {
    some(places, channel)?.first()
}

/// The channel's place, or every place.
fn some<T>(places: &[T], channel: i32) -> Option<&[T]> {
    match usize::try_from(channel) {
        Ok(channel) => places.get(channel..)?.get(..1),
        Err(_) if channel == ALL_CHANNELS => Some(places),
        Err(_) => None,
    }
}
