//! The wave miniport: describes the filter, negotiates formats, makes streams. PASSIVE_LEVEL.

use super::filter::{Filter, PIN_BRIDGE, PIN_STREAM};
use super::stream::Stream;
use super::{MODES, format};
use crate::cable::{Direction, Playing, Recording, SharedCable};
use crate::fault;
use crate::pool::Pool;
use crate::trace;
use core::ffi::c_void;
use core::ptr::null_mut;
use waverig_engine::{AudioRange, Capability, intersect};
use waverig_interface::EventKind;
use waverig_portcls::com::{Class, Com, Interface, Object, Table};
use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_NO_MATCH,
    STATUS_NOT_IMPLEMENTED, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use waverig_portcls::{
    DEVICE_DESCRIPTION, Guid, IMiniport, IMiniportAudioSignalProcessing,
    IMiniportAudioSignalProcessingVtbl, IMiniportVtbl, IMiniportWaveRT, IMiniportWaveRTVtbl,
    IPortWaveRTStream, KSDATAFORMAT, KSDATARANGE, KSDATARANGE_AUDIO, NTSTATUS, PCFILTER_DESCRIPTOR,
};
use wdk_sys::_INTERFACE_TYPE::PCIBus;

pub(crate) struct Wave {
    cable: SharedCable,
    direction: Direction,
    filter: Filter,
}

impl Wave {
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub(super) fn new(cable: SharedCable, direction: Direction) -> Result<Self, NTSTATUS> {
        let filter = Filter::new(direction, &cable.capability)?;
        Ok(Self {
            cable,
            direction,
            filter,
        })
    }

    /// What the device takes.
    pub(super) fn capability(&self) -> &Capability {
        &self.cable.capability
    }
}

// SAFETY: the tables are those of their interfaces, begin with this class's IUnknown, and expect a Wave.
unsafe impl Class<2> for Wave {
    type Memory = Pool;
    const TABLES: [Table; 2] = [
        Table {
            vtbl: (&raw const VTBL).cast(),
            iids: &[&IMiniport::IID, &IMiniportWaveRT::IID],
        },
        Table {
            vtbl: (&raw const MODES_VTBL).cast(),
            iids: &[&IMiniportAudioSignalProcessing::IID],
        },
    ];
}

static VTBL: IMiniportWaveRTVtbl = IMiniportWaveRTVtbl {
    base: IMiniportVtbl {
        base: Wave::UNKNOWN,
        GetDescription: get_description,
        DataRangeIntersection: data_range_intersection,
    },
    Init: init,
    NewStream: new_stream,
    GetDeviceDescription: get_device_description,
};

static MODES_VTBL: IMiniportAudioSignalProcessingVtbl = IMiniportAudioSignalProcessingVtbl {
    base: Wave::UNKNOWN,
    GetModes: get_modes,
};

unsafe extern "efiapi" fn get_description(
    this: *mut c_void,
    out: *mut *const PCFILTER_DESCRIPTOR,
) -> NTSTATUS {
    // SAFETY: the port calls through this class's table, and gives a place for a pointer.
    unsafe { *out = fault::described(Object::<Wave, 2>::value(this).filter.description()) };
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn init(
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) -> NTSTATUS {
    STATUS_SUCCESS
}

/// The best format in a client's range and one of the pin's; no room at all asks for its size.
unsafe extern "efiapi" fn data_range_intersection(
    this: *mut c_void,
    pin: u32,
    client: *mut KSDATARANGE,
    own: *mut KSDATARANGE,
    length: u32,
    out: *mut c_void,
    out_length: *mut u32,
) -> NTSTATUS {
    match pin {
        PIN_STREAM => {}
        // The port knows what analog pins have in common.
        PIN_BRIDGE => return STATUS_NOT_IMPLEMENTED,
        _ => return STATUS_INVALID_PARAMETER,
    }
    // SAFETY: the port calls through this class's table, and hands over two ranges of as many bytes as they say, and places for
    // the results.
    unsafe {
        let capability = Object::<Wave, 2>::value(this).capability();
        let range = |range: *const KSDATARANGE| {
            let bytes = (*range).FormatSize as usize;
            AudioRange::parse(core::slice::from_raw_parts(
                range.cast(),
                bytes.min(size_of::<KSDATARANGE_AUDIO>()),
            ))
        };
        let (Ok(client), Ok(own)) = (range(client), range(own)) else {
            return STATUS_NO_MATCH;
        };
        let Some(format) = intersect(&client, &own, capability) else {
            return STATUS_NO_MATCH;
        };
        let format = format.to_ks();
        *out_length = format.len() as u32;
        match length as usize {
            0 => STATUS_BUFFER_OVERFLOW,
            room if room < format.len() || out.is_null() => STATUS_BUFFER_TOO_SMALL,
            _ => {
                out.cast::<u8>()
                    .copy_from_nonoverlapping(format.as_ptr(), format.len());
                STATUS_SUCCESS
            }
        }
    }
}

unsafe extern "efiapi" fn new_stream(
    this: *mut c_void,
    out: *mut *mut c_void,
    port_stream: *mut IPortWaveRTStream,
    pin: u32,
    capture: u8,
    format: *mut KSDATAFORMAT,
) -> NTSTATUS {
    // SAFETY: the port calls through this class's table with a place for a pointer, its stream object and a format.
    unsafe {
        *out = null_mut();
        let wave = Object::<Wave, 2>::value(this);
        let capture = capture != 0;
        let stream = match pin {
            PIN_STREAM if capture == (wave.direction == Direction::Capture) => {
                wave.new_stream(port_stream, format)
            }
            PIN_STREAM | PIN_BRIDGE => Err(STATUS_NOT_SUPPORTED),
            _ => Err(STATUS_INVALID_PARAMETER),
        };
        match stream {
            Ok(stream) => {
                *out = stream;
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
    /// A stream's first face, with a reference.
    ///
    /// # Safety
    /// As `IMiniportWaveRT::NewStream` demands of its caller.
    unsafe fn new_stream(
        &self,
        port_stream: *mut IPortWaveRTStream,
        format: *const KSDATAFORMAT,
    ) -> Result<*mut c_void, NTSTATUS> {
        // SAFETY: says the caller.
        let (format, port) = unsafe { (format::bytes(format)?, Com::from_borrowed(port_stream)) };
        let format = format::accept(format, self.capability())?;
        let (cable, port) = (self.cable.clone(), port.ok_or(STATUS_INVALID_PARAMETER)?);
        Ok(match self.direction {
            Direction::Render => {
                let stream = Stream::<Playing>::open(cable, port, format)?;
                Object::create(stream)?.into_raw()
            }
            Direction::Capture => {
                let stream = Stream::<Recording>::open(cable, port, format)?;
                Object::create(stream)?.into_raw()
            }
        })
    }
}

/// No DMA happens; these are the values of a master without limits.
unsafe extern "efiapi" fn get_device_description(
    _: *mut c_void,
    out: *mut DEVICE_DESCRIPTION,
) -> NTSTATUS {
    // SAFETY: the port gives a place for a DEVICE_DESCRIPTION.
    let out = unsafe { &mut *out.cast::<wdk_sys::DEVICE_DESCRIPTION>() };
    *out = wdk_sys::DEVICE_DESCRIPTION {
        Master: 1,
        ScatterGather: 1,
        Dma32BitAddresses: 1,
        InterfaceType: PCIBus,
        MaximumLength: u32::MAX,
        ..wdk_sys::DEVICE_DESCRIPTION::default()
    };
    STATUS_SUCCESS
}

/// The count goes in and out; with no array only the count is asked for.
unsafe extern "efiapi" fn get_modes(
    _: *mut c_void,
    pin: u32,
    modes: *mut Guid,
    count: *mut u32,
) -> NTSTATUS {
    match pin {
        PIN_STREAM => {}
        PIN_BRIDGE => return STATUS_NOT_SUPPORTED,
        _ => return STATUS_INVALID_PARAMETER,
    }
    // SAFETY: the port gives a count, and an array of as many GUIDs or none.
    unsafe {
        let room = *count as usize;
        *count = MODES.len() as u32;
        if modes.is_null() {
            return STATUS_SUCCESS;
        }
        if room < MODES.len() {
            return STATUS_BUFFER_TOO_SMALL;
        }
        modes.copy_from_nonoverlapping(MODES.as_ptr(), MODES.len());
    }
    STATUS_SUCCESS
}
