//! The stream behind an open pin, of either wave port.

use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::com::Interface;
use waverig_portcls::{IMiniportWaveRTStream, KSDATAFORMAT, NTSTATUS};

use super::com::Ref;
use super::cyclic;
use crate::call;

#[derive(Clone)]
pub(super) enum Stream {
    Rt(Ref<IMiniportWaveRTStream>),
    Cyclic(Rc<cyclic::Stream>),
}

impl Stream {
    /// The driver's object, for handlers of properties.
    pub(super) fn this(&self) -> *mut c_void {
        match self {
            Self::Rt(stream) => stream.this(),
            Self::Cyclic(stream) => stream.this(),
        }
    }

    /// Another interface of it.
    pub(super) fn query<J: Interface>(&self) -> Option<Ref<J>> {
        match self {
            Self::Rt(stream) => stream.query(),
            Self::Cyclic(stream) => stream.interface()?.query(),
        }
    }

    /// Takes it to the next state.
    pub(super) fn set_state(&self, state: i32) -> NTSTATUS {
        match self {
            Self::Rt(stream) => {
                let function = stream.table().SetState;
                let name = "IMiniportWaveRTStream::SetState";
                // SAFETY: the stream's table.
                unsafe { call::driver(name, function, (stream.this(), state)) }
            }
            Self::Cyclic(stream) => stream.set_state(state),
        }
    }

    /// Offers it another format, which lives until the call returns.
    pub(super) fn set_format(&self, format: *mut KSDATAFORMAT) -> NTSTATUS {
        match self {
            Self::Rt(stream) => {
                let function = stream.table().SetFormat;
                let name = "IMiniportWaveRTStream::SetFormat";
                // SAFETY: the stream's table and the caller's format.
                unsafe { call::driver(name, function, (stream.this(), format)) }
            }
            Self::Cyclic(stream) => stream.set_format(format),
        }
    }

    /// Gives it up and says how many references are left.
    pub(super) fn release(self) -> u32 {
        match self {
            Self::Rt(stream) => stream.release(),
            Self::Cyclic(stream) => stream.close(),
        }
    }
}
