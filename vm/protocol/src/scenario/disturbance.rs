//! What goes wrong on purpose.

use serde::{Deserialize, Serialize};

/// Something that goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Disturbance {
    /// The client does nothing for a while, as if its process were not scheduled.
    ClientStall {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The driver's timer callbacks do not run for a while, as if the processor were held by somebody else.
    TimerStall {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The client pauses its stream and lets it go on.
    Pause {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The client's stream carries content that must not be copied, or must not leave through a digital output.
    Protect {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
        /// Which of the two is forbidden.
        forbids: Forbids,
    },
    /// The system sleeps (S3): nothing runs, and every stream goes on afterwards where it was.
    Sleep {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The device alone is powered down (D3) while programs run.
    PowerDown {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The device is stopped so that resources can be dealt out anew, and started again. Streams are stopped for good.
    StopDevice {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// A removal is asked for and does not come, because programs have handles and were not told.
    QueryRemove {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
    /// The device is gone without a warning.
    SurpriseRemoval {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
    /// The device is disabled and enabled again; programs are told and close their handles.
    Restart {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// How long it stays disabled, in milliseconds.
        for_ms: u32,
    },
    /// Another driver is installed while programs use the device; they are told and close their handles.
    DriverUpdate {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// How long the installation takes, in milliseconds.
        for_ms: u32,
    },
    /// A packet client comes half a packet too late to what it means to write, and writes and declares it all the same.
    LatePacket {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
    /// A packet client declares packets that it may not: one too far ahead, one with a flag that is none, a last one with more
    /// bytes than a packet has, and one that has been played.
    WrongPackets {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
}

/// What must not be done with protected content (drmk.h, DRMRIGHTS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forbids {
    /// `CopyProtect`: it must not be stored.
    Copies,
    /// `DigitalOutputDisable`: it must not leave through a digital output.
    DigitalOutput,
}

impl Disturbance {
    /// Whether it happens to the machine, not to a program.
    pub fn is_of_the_machine(&self) -> bool {
        !matches!(
            self,
            Self::ClientStall { .. }
                | Self::Pause { .. }
                | Self::LatePacket { .. }
                | Self::WrongPackets { .. }
                | Self::Protect { .. }
        )
    }

    /// Whether streams that are open then are over.
    pub fn ends_streams(&self) -> bool {
        matches!(
            self,
            Self::StopDevice { .. }
                | Self::SurpriseRemoval { .. }
                | Self::Restart { .. }
                | Self::DriverUpdate { .. }
        )
    }

    /// When it begins and how long it lasts, in milliseconds of stream time; what lasts no time has 0.
    pub fn span_ms(&self) -> (u32, u32) {
        match *self {
            Self::ClientStall { at_ms, for_ms }
            | Self::TimerStall { at_ms, for_ms }
            | Self::Pause { at_ms, for_ms }
            | Self::Protect { at_ms, for_ms, .. }
            | Self::Sleep { at_ms, for_ms }
            | Self::PowerDown { at_ms, for_ms }
            | Self::StopDevice { at_ms, for_ms }
            | Self::Restart { at_ms, for_ms }
            | Self::DriverUpdate { at_ms, for_ms } => (at_ms, for_ms),
            Self::QueryRemove { at_ms }
            | Self::SurpriseRemoval { at_ms }
            | Self::LatePacket { at_ms }
            | Self::WrongPackets { at_ms } => (at_ms, 0),
        }
    }
}
