//! The driver's record of recent events: what it did, what it refused, and when.
//!
//! The record is always on. It has a fixed length and belongs to the driver, not to a device: it tells of every device and
//! outlives a device that stops. A record holds numbers only, and no address.

/// What happened. Codes of KS states, PnP and power are those of ks.h and wdm.h; a status is an NTSTATUS, zero-extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum EventKind {
    /// The driver was loaded.
    Loaded = 1,
    /// A device started, or did not. Values: status.
    Started = 2,
    /// A plug and play request reached a device. Values: minor function code.
    Pnp = 3,
    /// A device changed its power state. Values: the new device state, the system's (`DEVICE_POWER_STATE`,
    /// `SYSTEM_POWER_STATE`; 0 where the system did not say).
    Power = 4,
    /// A setting was not taken, so its default stands. Values: its place in the table of docs/settings.md, from 1; the `REG_…` that
    /// was found; the number that was found, or how many bytes.
    SettingRefused = 5,
    /// A stream was opened. Values: frames per second; channels, the sample's wire value in bits 16 to 31 and the direction in
    /// bit 32 (1: capture); channel mask.
    StreamOpened = 16,
    /// A stream was not opened. Values: status, 1 of a capture stream.
    StreamRefused = 17,
    /// A stream was closed. Values: the latest generation, and the direction in bit 32 (1: capture); clear frames of that generation;
    /// runs of such frames. A capture stream has but its direction.
    StreamClosed = 18,
    /// A stream changed its state. Values: new state; old state, and the direction in bit 32 (1: capture); frames played or recorded by
    /// then.
    State = 19,
    /// A stream got its buffer. Values: bytes, frames between two notifications (0: none), 1 of a capture
    /// stream.
    Buffer = 20,
    /// A stream did not get its buffer. Values: status, bytes asked for, 1 of a capture stream.
    BufferRefused = 21,
    /// A stream's buffer was freed. Third value: 1 of a capture stream.
    BufferFreed = 22,
    /// Frames fell due that nobody had written, or written as silence, for at least a millisecond on end. Values: generation,
    /// first frame, frames.
    Starved = 23,
    /// Content became protected (1) or free (0). Values: that, the first frame that is so. What lay in the buffer when it became
    /// free counts as protected.
    Protected = 24,
    /// The rate was steered, or is no longer: by request, or because the handle that steered it is closed. Values: wanted and present
    /// deviation from nominal in parts per billion, as `i64`.
    Steered = 25,
    /// A tap handle was opened. Values: the client's number, open handles with it.
    ClientOpened = 32,
    /// A tap handle was not opened. Values: status, open handles.
    ClientRefused = 33,
    /// A tap handle was closed. Values: the client's number, frames it had lost, requests of it that had been refused.
    ClientClosed = 34,
    /// A client was too slow. Values: its number, frames lost, generation they were of.
    ClientLost = 35,
    /// A client's request was refused; only the first few of each handle are told. Values: its number, control code, status.
    RequestRefused = 36,
    /// A client shares its memory. Values: its number, slots, frames in a block.
    Shared = 37,
    /// It does no more. Values: its number, blocks written, status.
    ShareEnded = 38,
}

impl EventKind {
    /// Every kind, in the order of their wire values.
    pub const ALL: [Self; 22] = [
        Self::Loaded,
        Self::Started,
        Self::Pnp,
        Self::Power,
        Self::SettingRefused,
        Self::StreamOpened,
        Self::StreamRefused,
        Self::StreamClosed,
        Self::State,
        Self::Buffer,
        Self::BufferRefused,
        Self::BufferFreed,
        Self::Starved,
        Self::Protected,
        Self::Steered,
        Self::ClientOpened,
        Self::ClientRefused,
        Self::ClientClosed,
        Self::ClientLost,
        Self::RequestRefused,
        Self::Shared,
        Self::ShareEnded,
    ];

    /// The kind a wire value stands for, if this version knows it.
    pub fn from_wire(value: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == value)
    }
}

/// One event. 48 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct EventRecord {
    /// Counts events since the driver was loaded, from 0.
    pub sequence: u64,
    /// QPC time of the event; of the first one when they are several.
    pub qpc: i64,
    /// An [`EventKind`] as its wire value. A later version may know more of them.
    pub kind: u16,
    /// Number of the device since the driver was loaded, from 1; 0 when it is about none.
    pub device: u8,
    /// Number of the device's cable, from 1; 0 when it is about none.
    pub cable: u8,
    /// How many events with the same kind, source and values came one after the other; they are one record.
    pub count: u32,
    /// What the kind says.
    pub values: [u64; 3],
}

/// From where to read. 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct EventsRequest {
    /// Sequence number of the first record that is wanted; if it is overwritten already, the oldest one is given. One that is
    /// still to come is answered at once, with no record.
    pub from: u64,
    /// Must be 0.
    pub reserved: u64,
}

/// What stands in front of the records. 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct EventsReply {
    /// Sequence number of the first record that follows, or of the next one to come when none does.
    pub first: u64,
    /// Sequence number of the next event to come. Above `first + count` there is more to be read.
    pub next: u64,
    /// Records from `from` on that were overwritten before they were asked for.
    pub lost: u64,
    /// Records that follow.
    pub count: u32,
    /// Bytes in a record. A later version may enlarge it.
    pub record_bytes: u32,
}
