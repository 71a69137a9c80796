//! Interleavings: what happens on a second processor while the driver is in the middle of something, and what came of it.
//!
//! A life is what programs do with the device in one go. An activity begins on the second processor at one of the life's boundaries, the
//! moments at which the driver calls the kernel or comes back from it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What programs do with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// A stream plays some packets, a tap is read, some reads are cancelled, both are closed.
    Stream,
    /// The device sleeps, is stopped, is asked to go, goes and comes back, while a stream plays and a tap is read.
    Device,
    /// Whatever comes up, by a seed, on both processors.
    Long,
}

impl Life {
    /// Those with a fixed course, every boundary of which can be tried.
    pub const SHORT: [Self; 2] = [Self::Stream, Self::Device];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Device => "device",
            Self::Long => "long",
        }
    }
}

/// What the second processor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// The timer that is due next expires, now.
    Timer,
    /// Another thread of the tap's program reads.
    Read,
    /// It takes a read back.
    Cancel,
    /// Another program asks the tap for its status, its clock and its record, and steers.
    Ask,
    /// Another program shares memory with the tap, and takes that back.
    Share,
    /// Another program opens the tap and closes it.
    OpenTap,
    /// Another thread closes the tap.
    CloseTap,
    /// Another thread asks where the stream is.
    Position,
    /// Another thread pauses the stream and lets it go on.
    State,
    /// Another program wants the pin.
    OpenPin,
    /// Another thread closes the stream.
    ClosePin,
    /// Another program records from the cable for a moment.
    Record,
    /// The device goes to sleep and wakes up.
    Sleep,
    /// The device is stopped and started again.
    Rebalance,
    /// The device is asked to go, and does if no handle is open.
    QueryRemove,
    /// The device is gone.
    SurpriseRemoval,
}

/// All of them.
pub const ACTIVITIES: [Activity; 16] = [
    Activity::Timer,
    Activity::Read,
    Activity::Cancel,
    Activity::Ask,
    Activity::Share,
    Activity::OpenTap,
    Activity::CloseTap,
    Activity::Position,
    Activity::State,
    Activity::OpenPin,
    Activity::ClosePin,
    Activity::Record,
    Activity::Sleep,
    Activity::Rebalance,
    Activity::QueryRemove,
    Activity::SurpriseRemoval,
];

impl Activity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Read => "read",
            Self::Cancel => "cancel",
            Self::Ask => "ask",
            Self::Share => "share",
            Self::OpenTap => "open-tap",
            Self::CloseTap => "close-tap",
            Self::Position => "position",
            Self::State => "state",
            Self::OpenPin => "open-pin",
            Self::ClosePin => "close-pin",
            Self::Record => "record",
            Self::Sleep => "sleep",
            Self::Rebalance => "rebalance",
            Self::QueryRemove => "query-remove",
            Self::SurpriseRemoval => "surprise-removal",
        }
    }
}

/// One interleaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// One activity, begun at one boundary of a short life.
    At {
        /// Which life.
        life: Life,
        /// What the second processor does.
        activity: Activity,
        /// Number of the boundary at which it begins, from 0.
        boundary: u32,
        /// The boundary of the activity's own, from 1, at which the first processor goes on; the activity ends when that is out of
        /// the driver, or needs what the activity has.
        back: Option<u32>,
    },
    /// A long life, all of it by this seed.
    Seed(u64),
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At {
                life,
                activity,
                boundary,
                back,
            } => {
                write!(f, "{}:{}@{boundary}", life.name(), activity.name())?;
                match back {
                    Some(back) => write!(f, "/{back}"),
                    None => Ok(()),
                }
            }
            Self::Seed(seed) => write!(f, "long:{seed}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no schedule; one is stream:timer@17, device:read@4/2 or long:3, as a report names it"
            )
        };
        let (life, rest) = text.split_once(':').ok_or_else(wrong)?;
        if life == Life::Long.name() {
            return rest.parse().map(Self::Seed).map_err(|_| wrong());
        }
        let (activity, place) = rest.split_once('@').ok_or_else(wrong)?;
        let (boundary, back) = match place.split_once('/') {
            Some((boundary, back)) => (boundary, Some(back.parse().map_err(|_| wrong())?)),
            None => (place, None),
        };
        let mut lives = Life::SHORT.into_iter();
        let mut activities = ACTIVITIES.into_iter();
        Ok(Self::At {
            life: lives.find(|one| one.name() == life).ok_or_else(wrong)?,
            activity: activities
                .find(|one| one.name() == activity)
                .ok_or_else(wrong)?,
            boundary: boundary.parse().map_err(|_| wrong())?,
            back,
        })
    }
}

/// What one machine tries, until something is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Boundaries of a short life.
    Short {
        /// Which life.
        life: Life,
        /// Only activities whose name contains this.
        filter: Option<String>,
        /// The first boundary,
        first: u32,
        /// and every so many after it.
        step: u32,
        /// How often the first processor goes on in the middle of the activity, at places of its own: so many schedules more for each.
        backs: u32,
    },
    /// Long lives, by these seeds.
    Long {
        /// The first seed,
        first: u64,
        /// and so many.
        count: u32,
    },
    /// One interleaving.
    One(Schedule),
}

/// What the interleavings of one activity came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Boundaries at which it began.
    pub boundaries: u64,
    /// Interleavings played.
    pub schedules: u64,
    /// Those in which one processor had to wait for the other.
    pub waited: u64,
    /// Boundaries at which it was not possible.
    pub impossible: u64,
}

/// What was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// One row for each of [`ACTIVITIES`].
    pub rows: [Row; ACTIVITIES.len()],
    /// Long lives.
    pub long: u64,
    /// Switches from one processor to the other in them.
    pub switches: u64,
}

impl Tally {
    /// The row of an activity.
    pub fn row(&mut self, activity: Activity) -> &mut Row {
        // In the order of `ACTIVITIES`, which a test compares.
        &mut self.rows[activity as usize]
    }

    /// Counts an interleaving, and nothing else of it.
    pub fn add(&mut self, schedule: Schedule) {
        match schedule {
            Schedule::At { activity, .. } => self.row(activity).schedules += 1,
            Schedule::Seed(_) => self.long += 1,
        }
    }

    /// Those of another tally too.
    pub fn merge(&mut self, other: &Self) {
        for (row, other) in self.rows.iter_mut().zip(&other.rows) {
            row.boundaries += other.boundaries;
            row.schedules += other.schedules;
            row.waited += other.waited;
            row.impossible += other.impossible;
        }
        self.long += other.long;
        self.switches += other.switches;
    }

    /// All interleavings together.
    pub fn total(&self) -> u64 {
        self.rows.iter().map(|row| row.schedules).sum::<u64>() + self.long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_is_written() {
        for text in [
            "stream:timer@17",
            "device:surprise-removal@0/3",
            "long:18446744073709551615",
        ] {
            let schedule: Schedule = text.parse().expect(text);
            assert_eq!(schedule.to_string(), text);
        }
        for text in [
            "",
            "stream",
            "stream:timer",
            "stream:sing@1",
            "long:x",
            "long:timer@1",
        ] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_activity_has_the_row_of_its_place() {
        for (index, activity) in ACTIVITIES.into_iter().enumerate() {
            assert_eq!(activity as usize, index, "{}", activity.name());
        }
    }
}
