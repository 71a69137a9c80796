//! The driver's portable heart: it decides everything that can be decided without Windows.
//!
//! What time it is on a cable's own clock ([`DeviceClock`]), which frames are due ([`due`]), what a format is
//! ([`format`](mod@format)), where a position lies in the shared buffer ([`buffer`]), when a notification falls due
//! ([`packet`]), what a tap client gets ([`tap`]), how one format becomes another ([`convert`]), what a device is
//! set to ([`settings`]). [`stream`] ties them together; the kernel crate asks the clock, takes the lock and moves bytes.
//!
//! Nothing here waits, panics or computes in floating point, and nothing allocates but the two constructors that can say
//! that there is no memory ([`DeviceClock::new`], [`Tap::new`]), so all of it may run at `DISPATCH_LEVEL`.
#![no_std]
#![forbid(unsafe_code)]
// "No panics" is checked, not hoped for: what could panic or overflow does not pass `cargo clippy`.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod buffer;
pub mod capability;
pub mod capture;
pub mod clock;
pub mod convert;
mod device_clock;
pub mod due;
pub mod format;
pub mod memory;
pub mod packet;
mod piece;
pub mod settings;
pub mod starvation;
pub mod stream;
pub mod tap;
pub mod trace;
pub mod units;
pub mod written;
mod zero;

pub use buffer::{BufferError, Geometry, Notifications, Span};
pub use capability::Capability;
pub use capture::{Capture, Work};
pub use clock::{Clock, State, Timeline};
pub use convert::Converter;
pub use device_clock::{DeviceClock, OutOfBound};
pub use format::{
    AudioRange, Format, FormatError, KS_EXTENSIBLE_BYTES, SampleFormat, attributes_offset,
    check_attribute_list, check_attributes, default_mask, intersect,
};
pub use memory::CyclicMemory;
pub use packet::{PacketError, ReadPacket, ReadPackets, WritePacket};
pub use piece::Piece;
pub use settings::{DefaultFormat, MAX_CABLES, MAX_CHANNELS, Setting, Settings};
pub use starvation::{Starvation, StarvedRun};
pub use stream::{Advance, BadPosition, Stream};
pub use tap::{Block, BlockFlags, Cursor, Tap, storage_bytes};
pub use trace::Trace;
pub use units::{DeviceTime, FrameRate, Frames, Hns, Ppb, Qpc, QpcFrequency};
