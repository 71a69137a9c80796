//! Structures to bytes and back, without `unsafe`. Every function takes any slice and never panics.

use crate::{
    Block, BlockFlags, ClockState, EventRecord, EventsReply, EventsRequest, Hello, HelloReply,
    ReadRequest, ShareHeader, ShareRequest, SlotHeader, StarvedRun, Status, Steer, TapFormat,
};

/// A structure of the interface that has a fixed number of bytes.
pub trait Wire: Sized {
    /// Bytes on the wire.
    const BYTES: usize;

    /// Reads the structure from the front of `bytes`; `None` when there are too few.
    fn from_wire(bytes: &[u8]) -> Option<Self>;

    /// Writes the structure to the front of `out`; `None`, and nothing written, when there is too little room.
    fn to_wire(&self, out: &mut [u8]) -> Option<()>;
}

/// One little-endian field.
trait Field: Sized {
    fn get(bytes: &mut &[u8]) -> Option<Self>;
    fn put(&self, out: &mut &mut [u8]) -> Option<()>;
}

macro_rules! integer_field {
    ($($t:ty),*) => {$(
        impl Field for $t {
            fn get(bytes: &mut &[u8]) -> Option<Self> {
                let (head, tail) = bytes.split_first_chunk()?;
                *bytes = tail;
                Some(Self::from_le_bytes(*head))
            }

            fn put(&self, out: &mut &mut [u8]) -> Option<()> {
                let (head, tail) = core::mem::take(out).split_first_chunk_mut()?;
                *head = self.to_le_bytes();
                *out = tail;
                Some(())
            }
        }
    )*};
}
integer_field!(u8, u16, u32, u64, i32, i64);

impl<T: Field + Copy + Default, const N: usize> Field for [T; N] {
    fn get(bytes: &mut &[u8]) -> Option<Self> {
        let mut all = [T::default(); N];
        for one in &mut all {
            *one = T::get(bytes)?;
        }
        Some(all)
    }

    fn put(&self, out: &mut &mut [u8]) -> Option<()> {
        self.iter().try_for_each(|one| one.put(out))
    }
}

impl Field for BlockFlags {
    fn get(bytes: &mut &[u8]) -> Option<Self> {
        u32::get(bytes).map(Self)
    }

    fn put(&self, out: &mut &mut [u8]) -> Option<()> {
        self.0.put(out)
    }
}

macro_rules! wire {
    ($t:ident, $bytes:expr, $($field:ident),*) => {
        impl Field for $t {
            fn get(bytes: &mut &[u8]) -> Option<Self> {
                // Fields are read in the order written here, which is the order of the structure.
                $(let $field = Field::get(bytes)?;)*
                Some(Self { $($field),* })
            }

            fn put(&self, out: &mut &mut [u8]) -> Option<()> {
                $(self.$field.put(out)?;)*
                Some(())
            }
        }

        impl Wire for $t {
            const BYTES: usize = $bytes;

            fn from_wire(mut bytes: &[u8]) -> Option<Self> {
                Field::get(&mut bytes)
            }

            fn to_wire(&self, out: &mut [u8]) -> Option<()> {
                let mut out = out.get_mut(..Self::BYTES)?;
                self.put(&mut out)
            }
        }

        const _: () = assert!(core::mem::size_of::<$t>() == $bytes);
    };
}

wire!(
    TapFormat,
    16,
    rate,
    channel_mask,
    channels,
    sample,
    frame_bytes,
    reserved
);
wire!(
    Block,
    64,
    header_bytes,
    flags,
    generation,
    frames,
    first_frame,
    qpc,
    lost_frames,
    clear_frames,
    missed_frames,
    format
);
wire!(Hello, 8, version_min, version_max, reserved);
wire!(
    HelloReply,
    32,
    version,
    reserved,
    block_header_bytes,
    qpc_frequency,
    ring_frames,
    reserved2
);
wire!(ReadRequest, 16, min_frames, max_frames, reserved);
wire!(StarvedRun, 32, first_frame, frames, qpc, known, reserved);
wire!(
    Status,
    376,
    state,
    generation,
    position,
    qpc,
    clear_frames,
    clear_runs,
    last_run_first,
    last_run_frames,
    missed_frames,
    missed_runs,
    known_from,
    lost_frames,
    clients,
    ring_frames,
    format,
    slope_ppb,
    steering,
    recent
);
wire!(Steer, 16, action, wanted_ppb, reserved);
wire!(
    ClockState,
    64,
    qpc,
    device_ticks,
    device_fraction,
    slope_ppb,
    target_ppb,
    bound_ppb,
    grid_ticks,
    step_ppb,
    steering,
    generation,
    reserved,
    position
);
wire!(EventsRequest, 16, from, reserved);
wire!(EventsReply, 32, first, next, lost, count, record_bytes);
wire!(
    EventRecord,
    48,
    sequence,
    qpc,
    kind,
    device,
    cable,
    count,
    values
);
wire!(
    ShareRequest,
    32,
    block_frames,
    wake_blocks,
    slot_bytes,
    reserved,
    event,
    reserved2
);
wire!(
    ShareHeader,
    128,
    magic,
    version,
    reserved,
    header_bytes,
    slot_bytes,
    slots,
    slot_header_bytes,
    qpc_frequency,
    state,
    reserved2,
    begun,
    written,
    reserved3
);
wire!(SlotHeader, 80, sequence, frames_before, block);
