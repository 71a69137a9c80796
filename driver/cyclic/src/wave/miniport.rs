//! The wave miniport: describes the filter, knows its port, makes streams. PASSIVE_LEVEL.

use super::filter::{Filter, PIN_BRIDGE, PIN_STREAM};
use super::format;
use super::stream::{Made, Stream};
use crate::cable::SharedCable;
use crate::fault;
use crate::pool::Pool;
use crate::trace;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use waverig_interface::EventKind;
use waverig_portcls::com::{Class, Com, Interface, Object, Table};
use waverig_portcls::status::{
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_IMPLEMENTED,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use waverig_portcls::{
    IDmaChannel, IMiniport, IMiniportVtbl, IMiniportWaveCyclic, IMiniportWaveCyclicVtbl,
    IPortWaveCyclic, IServiceGroup, KSDATAFORMAT, KSDATARANGE, NTSTATUS, PCFILTER_DESCRIPTOR,
    POOL_TYPE,
};

pub(crate) struct Wave {
    cable: SharedCable,
    filter: Filter,
    /// The port, from `Init` on, without a reference: it keeps this object, and the two must not keep each other. Streams have a
    /// reference.
    port: AtomicPtr<IPortWaveCyclic>,
}

impl Wave {
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub(super) fn new(cable: SharedCable) -> Result<Self, NTSTATUS> {
        let filter = Filter::new(&cable.capability)?;
        Ok(Self {
            cable,
            filter,
            port: AtomicPtr::new(null_mut()),
        })
    }
}

// SAFETY: the table is that of its interfaces, begins with this class's IUnknown, and expects a Wave.
unsafe impl Class<1> for Wave {
    type Memory = Pool;
    const TABLES: [Table; 1] = [Table {
        vtbl: (&raw const VTBL).cast(),
        iids: &[&IMiniport::IID, &IMiniportWaveCyclic::IID],
    }];
}

static VTBL: IMiniportWaveCyclicVtbl = IMiniportWaveCyclicVtbl {
    base: IMiniportVtbl {
        base: Wave::UNKNOWN,
        GetDescription: get_description,
        DataRangeIntersection: data_range_intersection,
    },
    Init: init,
    NewStream: new_stream,
};

unsafe extern "efiapi" fn get_description(
    this: *mut c_void,
    out: *mut *const PCFILTER_DESCRIPTOR,
) -> NTSTATUS {
    // SAFETY: the port calls through this class's table, and gives a place for a pointer.
    unsafe { *out = fault::described(Object::<Wave, 1>::value(this).filter.description()) };
    STATUS_SUCCESS
}

/// The port finds what PCM ranges have in common ("Default Data-Intersection Handlers").
unsafe extern "efiapi" fn data_range_intersection(
    _: *mut c_void,
    _: u32,
    _: *mut KSDATARANGE,
    _: *mut KSDATARANGE,
    _: u32,
    _: *mut c_void,
    _: *mut u32,
) -> NTSTATUS {
    STATUS_NOT_IMPLEMENTED
}

unsafe extern "efiapi" fn init(
    this: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    port: *mut IPortWaveCyclic,
) -> NTSTATUS {
    // SAFETY: the port calls through this class's table.
    let wave = unsafe { Object::<Wave, 1>::value(this) };
    wave.port.store(port, Ordering::Release);
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn new_stream(
    this: *mut c_void,
    out: *mut *mut c_void,
    outer: *mut c_void,
    _: POOL_TYPE,
    pin: u32,
    capture: u8,
    format: *mut KSDATAFORMAT,
    channel: *mut *mut IDmaChannel,
    group: *mut *mut IServiceGroup,
) -> NTSTATUS {
    // SAFETY: the port calls through this class's table with places for three pointers and a format.
    unsafe {
        (*out, *channel, *group) = (null_mut(), null_mut(), null_mut());
        let wave = Object::<Wave, 1>::value(this);
        let made = match pin {
            // A stream that is a part of another object would need a second IUnknown.
            PIN_STREAM if capture == 0 && outer.is_null() => wave.new_stream(format),
            PIN_STREAM | PIN_BRIDGE => Err(STATUS_NOT_SUPPORTED),
            _ => Err(STATUS_INVALID_PARAMETER),
        };
        match made {
            Ok(made) => {
                *out = made.stream.into_raw();
                *channel = made.channel.into_raw();
                *group = made.group.into_raw();
                STATUS_SUCCESS
            }
            Err(status) => {
                let values = [trace::status(status), capture.into(), 0];
                trace::note(wave.cable.source, EventKind::StreamRefused, values);
                status
            }
        }
    }
}

impl Wave {
    /// # Safety
    /// `format` is as `IMiniportWaveCyclic::NewStream` gets it.
    unsafe fn new_stream(&self, format: *const KSDATAFORMAT) -> Result<Made, NTSTATUS> {
        // SAFETY: says the caller.
        let bytes = unsafe { format::bytes(format) }?;
        let format = format::accept(bytes, &self.cable.capability)?;
        // SAFETY: the port, which is calling and so lives, or NULL before `Init`.
        let port = unsafe { Com::from_borrowed(self.port.load(Ordering::Acquire)) };
        Stream::create(
            self.cable.clone(),
            port.ok_or(STATUS_INVALID_DEVICE_STATE)?,
            format,
        )
    }
}
