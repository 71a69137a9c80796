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

/// Where the programs find the device's cables, by their number.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The cables.
    pub cables: BTreeMap<u8, Cable>,
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
