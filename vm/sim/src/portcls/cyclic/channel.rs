//! The DMA channel of a stream: one that the port made, or an object of the miniport's that implements the interface. Of the latter the
//! port calls only what the page of `IMiniportWaveCyclic::NewStream` lists.

use std::ffi::c_void;

use waverig_portcls::IDmaChannel;

use super::super::com::{self, Held, Ref};
use super::dma::DmaChannel;
use crate::call;
use crate::kernel::kernel;

pub(super) enum Channel {
    Own(Held<DmaChannel>),
    Driver(Ref<IDmaChannel>),
}

impl Channel {
    /// Takes over the reference that `NewStream` handed out; `None` for NULL.
    pub(super) fn own(pointer: *mut c_void) -> Option<Self> {
        match com::take_over::<DmaChannel>(pointer) {
            Some(own) => Some(Self::Own(own)),
            None => Ref::own(pointer).map(Self::Driver),
        }
    }

    /// The buffer's kernel address.
    pub(super) fn address(&self) -> *mut u8 {
        match self {
            Self::Own(channel) => channel.address(),
            Self::Driver(channel) => {
                let function = channel.table().SystemAddress;
                // SAFETY: the channel's table.
                let address = unsafe {
                    call::driver("IDmaChannel::SystemAddress", function, (channel.this(),))
                };
                address.cast()
            }
        }
    }

    /// Bytes that are used.
    pub(super) fn used(&self) -> u32 {
        match self {
            Self::Own(channel) => channel.used(),
            Self::Driver(channel) => {
                let function = channel.table().BufferSize;
                // SAFETY: the channel's table.
                unsafe { call::driver("IDmaChannel::BufferSize", function, (channel.this(),)) }
            }
        }
    }

    /// Bytes that there are.
    pub(super) fn allocated(&self) -> u32 {
        match self {
            Self::Own(channel) => channel.allocated(),
            Self::Driver(channel) => {
                let function = channel.table().AllocatedBufferSize;
                let parameters = (channel.this(),);
                // SAFETY: the channel's table.
                unsafe { call::driver("IDmaChannel::AllocatedBufferSize", function, parameters) }
            }
        }
    }

    /// Copies into the buffer.
    pub(super) fn copy_to(&self, to: *mut u8, from: *mut u8, bytes: u32) {
        kernel().calls.tally.copied(bytes.into());
        match self {
            Self::Own(channel) => {
                if channel.holds(to, bytes, "CopyTo") {
                    // SAFETY: the destination lies in the buffer, the source in the client's data, which the stream keeps.
                    unsafe { to.copy_from_nonoverlapping(from, bytes as usize) };
                }
            }
            Self::Driver(channel) => {
                let function = channel.table().CopyTo;
                let parameters = (channel.this(), to.cast(), from.cast(), bytes);
                // SAFETY: the channel's table; both places have that many bytes.
                unsafe { call::driver("IDmaChannel::CopyTo", function, parameters) };
            }
        }
    }
}
