//! The programs of the simulated machine: audio clients that play and record, and clients that read the tap.
//!
//! Each speaks to the driver as a Windows program would: through handles, KS properties and I/O controls.

mod client;
mod event_driven;
mod feed;
pub(crate) mod format;
pub(crate) mod journal;
pub(crate) mod ks;
mod life;
mod packet;
pub(crate) mod pin;
mod play;
mod polling;
mod processor;
mod protection;
pub(crate) mod record;
mod recorder;
mod requests;
mod shared;
mod soak;
mod stream;
mod tap;
mod task;
#[cfg(test)]
pub(crate) mod tests;
mod unroll;

use std::collections::BTreeMap;
use std::fmt;

use waverig_protocol::scenario::{Client, Format, Sample};

pub(crate) use play::play;
pub(crate) use processor::held_until;

/// Why a program could not go on: what it did, and what the driver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError(pub(crate) String);

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UserError {}

/// A pin that programs stream through.
#[derive(Debug, Clone)]
pub struct Place {
    /// Symbolic link of the wave filter's interface.
    pub wave: String,
    /// The pin.
    pub pin: u32,
}

/// Where programs find a cable.
#[derive(Debug, Clone, Default)]
pub struct Cable {
    /// Where they play to it.
    pub render: Option<Place>,
    /// Where they capture from it.
    pub capture: Option<Place>,
    /// Symbolic link of its tap's interface.
    pub tap: Option<String>,
}

/// How a program plays to a device when it does not matter how.
#[derive(Debug, Clone, Copy)]
pub struct Usual {
    /// A format that the device takes.
    pub format: Format,
    /// Frames that are handed over at a time: 2 ms, or 10 ms in requests, of which a port wants that much at least.
    pub packet_frames: u32,
    /// In requests, not through a buffer.
    pub requests: bool,
}

impl Usual {
    /// What a device of this project takes, however it is set up.
    pub(crate) const OWN: Format = Format {
        rate: 48_000,
        channels: 1,
        sample: Sample::Pcm24,
    };

    /// For a format.
    pub(crate) fn of(format: Format, requests: bool) -> Self {
        Self {
            format,
            packet_frames: format.rate / if requests { 100 } else { 500 },
            requests,
        }
    }

    /// Packets that are handed over before the stream runs: a buffer's two, or as many requests as a port copies ahead.
    pub(crate) fn ahead(&self) -> usize {
        if self.requests { 4 } else { 2 }
    }

    /// A client that plays so.
    pub(crate) fn client(&self) -> Client {
        let packet_frames = self.packet_frames;
        if self.requests {
            Client::Requests {
                packet_frames,
                requests: self.ahead() as u32,
            }
        } else {
            Client::EventDriven { packet_frames }
        }
    }
}

impl Default for Usual {
    fn default() -> Self {
        Self::of(Self::OWN, false)
    }
}

/// Where the programs find the device's cables, by their number.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The cables.
    pub cables: BTreeMap<u8, Cable>,
    /// How cable 1 is played to.
    pub usual: Usual,
}

impl Target {
    /// Takes the cables of another device over, numbered after those that are here.
    pub(crate) fn append(&mut self, other: Self) {
        let before = self.cables.keys().max().copied().unwrap_or(0);
        let behind = other.cables.into_iter();
        self.cables
            .extend(behind.map(|(number, cable)| (before + number, cable)));
    }

    fn of<T>(
        &self,
        cable: u8,
        what: &str,
        part: impl FnOnce(&Cable) -> Option<T>,
    ) -> Result<T, UserError> {
        let found = self.cables.get(&cable).and_then(part);
        found.ok_or_else(|| UserError(format!("cable {cable} of the device has no {what}")))
    }

    /// Whether any cable has a tap.
    pub(crate) fn has_taps(&self) -> bool {
        self.cables.values().any(|cable| cable.tap.is_some())
    }

    fn render(&self, cable: u8) -> Result<Place, UserError> {
        self.of(cable, "render endpoint to play to", |cable| {
            cable.render.clone()
        })
    }

    fn capture(&self, cable: u8) -> Result<Place, UserError> {
        self.of(cable, "capture endpoint to record from", |cable| {
            cable.capture.clone()
        })
    }

    pub(crate) fn tap(&self, cable: u8) -> Result<String, UserError> {
        let what =
            "enabled interface of the tap; the driver registers it with IoRegisterDeviceInterface";
        self.of(cable, what, |cable| cable.tap.clone())
    }
}
