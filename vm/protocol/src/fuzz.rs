//! What hostile programs are asked to do, and what came of it.

use serde::{Deserialize, Serialize};

/// A kind of hostile request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Property requests to filters, nodes and pins, formats and intersections among them.
    Property,
    /// Pins opened with damaged requests and formats, and requests that a stream must refuse.
    Pin,
    /// The tap's control codes.
    Tap,
}

/// All of them.
pub const FAMILIES: [Family; 3] = [Family::Property, Family::Pin, Family::Tap];

impl Family {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Property => "property",
            Self::Pin => "pin",
            Self::Tap => "tap",
        }
    }
}

/// One life of a machine under attack. Everything in it follows from the seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Seeds every choice.
    pub seed: u64,
    /// Number of its first request in the whole of all rounds.
    pub first: u64,
    /// How many hostile requests are sent; a rule that is broken ends the round.
    pub count: u32,
    /// Only families whose name contains this.
    pub filter: Option<String>,
}

impl Round {
    /// Whether the round has requests of a family.
    pub fn takes(&self, family: Family) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| family.name().contains(filter.as_str()))
    }
}

/// How many requests were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// [`Family::Property`].
    pub property: u64,
    /// [`Family::Pin`].
    pub pin: u64,
    /// [`Family::Tap`].
    pub tap: u64,
}

impl Tally {
    /// One more.
    pub fn add(&mut self, family: Family) {
        *match family {
            Family::Property => &mut self.property,
            Family::Pin => &mut self.pin,
            Family::Tap => &mut self.tap,
        } += 1;
    }

    /// Those of another tally too.
    pub fn merge(&mut self, other: Self) {
        self.property += other.property;
        self.pin += other.pin;
        self.tap += other.tap;
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.property + self.pin + self.tap
    }
}
