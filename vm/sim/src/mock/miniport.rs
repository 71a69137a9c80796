//! The mock's COM objects apart from streams: two miniports and the power interface.

use std::cell::Cell;
use std::ffi::c_void;

use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_NO_MATCH, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};
use waverig_portcls::{
    DEVICE_CAPABILITIES, Guid, IAdapterPowerManagementVtbl, IMiniportTopologyVtbl, IMiniportVtbl,
    IMiniportWaveRTVtbl, IPortWaveRTStream, IUnknownVtbl, KSDATAFORMAT, KSDATARANGE, NTSTATUS,
    PCFILTER_DESCRIPTOR, POWER_STATE, id,
};
use waverig_protocol::scenario::{Format, Sample};

use super::{Quirk, filters, has, modes, packets, slot, stream};
use crate::nt::layout::{DeviceObject, Irp};
use crate::user::format::data_format;

/// What every object of the mock begins with.
#[repr(C)]
pub(super) struct Object {
    pub(super) table: *const c_void,
    pub(super) references: Cell<u32>,
    pub(super) interfaces: &'static [Guid],
    pub(super) gone: fn(*mut c_void),
}

pub(super) const UNKNOWN: IUnknownVtbl = IUnknownVtbl {
    QueryInterface: query,
    AddRef: add_ref,
    Release: release_object,
};

/// Releases an interface pointer, PortCls's or the mock's own.
pub(super) fn release(this: *mut c_void) {
    // SAFETY: every interface has Release in its third slot.
    unsafe { slot::<unsafe extern "efiapi" fn(*mut c_void) -> u32>(this, 2)(this) };
}

/// `IPort::Init`.
pub(super) fn init_port(
    port: *mut c_void,
    fdo: *mut DeviceObject,
    irp: *mut Irp,
    miniport: *mut c_void,
    resources: *mut c_void,
) -> NTSTATUS {
    type Init = unsafe extern "efiapi" fn(
        *mut c_void,
        *mut DeviceObject,
        *mut Irp,
        *mut c_void,
        *mut c_void,
        *mut c_void,
    ) -> NTSTATUS;
    // SAFETY: IPort has Init in its fourth slot.
    unsafe { slot::<Init>(port, 3)(port, fdo, irp, miniport, std::ptr::null_mut(), resources) }
}

unsafe extern "efiapi" fn query(
    this: *mut c_void,
    iid: *const Guid,
    out: *mut *mut c_void,
) -> NTSTATUS {
    // SAFETY: an object of the mock and PortCls's variables.
    unsafe {
        let object = &*this.cast::<Object>();
        if *iid == id::IID_IUnknown || object.interfaces.contains(&*iid) {
            object.references.set(object.references.get() + 1);
            *out = this;
            return STATUS_SUCCESS;
        }
        let wave = object.interfaces.contains(&id::IID_IMiniportWaveRT);
        if wave && *iid == id::IID_IMiniportAudioSignalProcessing {
            *out = modes::create();
            return STATUS_SUCCESS;
        }
        *out = if object.interfaces.contains(&id::IID_IMiniportWaveRTStream) {
            packets::create(this, &*iid)
        } else {
            std::ptr::null_mut()
        };
        if !(*out).is_null() || has(Quirk::QueryWithoutInterface) {
            return STATUS_SUCCESS;
        }
    }
    STATUS_INVALID_PARAMETER
}

/// Adds a reference to an object of the mock.
pub(super) fn reference(this: *mut c_void) {
    // SAFETY: an object of the mock.
    let object = unsafe { &*this.cast::<Object>() };
    object.references.set(object.references.get() + 1);
}

unsafe extern "efiapi" fn add_ref(this: *mut c_void) -> u32 {
    // SAFETY: an object of the mock.
    let object = unsafe { &*this.cast::<Object>() };
    object.references.set(object.references.get() + 1);
    object.references.get()
}

unsafe extern "efiapi" fn release_object(this: *mut c_void) -> u32 {
    // SAFETY: an object of the mock.
    let (left, gone) = unsafe {
        let object = &*this.cast::<Object>();
        object.references.set(object.references.get() - 1);
        (object.references.get(), object.gone)
    };
    if left == 0 {
        gone(this);
    }
    left
}

pub(super) fn make(table: *const c_void, interfaces: &'static [Guid]) -> *mut c_void {
    let gone = |this: *mut c_void| {
        // SAFETY: the box made below, at its last reference.
        drop(unsafe { Box::from_raw(this.cast::<Object>()) });
    };
    Box::into_raw(Box::new(Object {
        table,
        references: Cell::new(1),
        interfaces,
        gone,
    }))
    .cast()
}

/// A miniport with one reference.
pub(super) fn create(wave: bool) -> *mut c_void {
    const OF_WAVE: &[Guid] = &[id::IID_IMiniport, id::IID_IMiniportWaveRT];
    const OF_TOPOLOGY: &[Guid] = &[id::IID_IMiniport, id::IID_IMiniportTopology];
    if wave {
        make((&raw const WAVE).cast(), OF_WAVE)
    } else {
        make((&raw const TOPOLOGY).cast(), OF_TOPOLOGY)
    }
}

/// The power interface, in its first version.
pub(super) fn power() -> *mut c_void {
    make(
        (&raw const POWER).cast(),
        &[id::IID_IAdapterPowerManagement],
    )
}

static POWER: IAdapterPowerManagementVtbl = IAdapterPowerManagementVtbl {
    base: UNKNOWN,
    PowerChangeState: change_power,
    QueryPowerChangeState: query_power,
    QueryDeviceCapabilities: capabilities,
};

unsafe extern "efiapi" fn change_power(_: *mut c_void, state: POWER_STATE) {
    super::POWER.set(state.0);
}

unsafe extern "efiapi" fn query_power(_: *mut c_void, _: POWER_STATE) -> NTSTATUS {
    if has(Quirk::StaysAwake) {
        STATUS_UNSUCCESSFUL
    } else {
        STATUS_SUCCESS
    }
}

unsafe extern "efiapi" fn capabilities(_: *mut c_void, _: *mut DEVICE_CAPABILITIES) -> NTSTATUS {
    STATUS_SUCCESS
}
static WAVE: IMiniportWaveRTVtbl = IMiniportWaveRTVtbl {
    base: IMiniportVtbl {
        base: UNKNOWN,
        GetDescription: describe_wave,
        DataRangeIntersection: intersect,
    },
    Init: init,
    NewStream: new_stream,
    GetDeviceDescription: no_description,
};
static TOPOLOGY: IMiniportTopologyVtbl = IMiniportTopologyVtbl {
    base: IMiniportVtbl {
        base: UNKNOWN,
        GetDescription: describe_topology,
        DataRangeIntersection: intersect,
    },
    Init: init,
};

unsafe extern "efiapi" fn init(
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) -> NTSTATUS {
    STATUS_SUCCESS
}

pub(super) unsafe extern "efiapi" fn describe_wave(
    _: *mut c_void,
    out: *mut *const PCFILTER_DESCRIPTOR,
) -> NTSTATUS {
    static DESCRIPTION: PCFILTER_DESCRIPTOR = filters::wave();
    // SAFETY: PortCls's variable.
    unsafe { *out = &raw const DESCRIPTION };
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn describe_topology(
    _: *mut c_void,
    out: *mut *const PCFILTER_DESCRIPTOR,
) -> NTSTATUS {
    static DESCRIPTION: PCFILTER_DESCRIPTOR = filters::topology();
    // SAFETY: PortCls's variable.
    unsafe { *out = &raw const DESCRIPTION };
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn no_description(
    _: *mut c_void,
    _: *mut waverig_portcls::DEVICE_DESCRIPTION,
) -> NTSTATUS {
    waverig_portcls::status::STATUS_NOT_IMPLEMENTED
}

pub(super) unsafe extern "efiapi" fn intersect(
    _: *mut c_void,
    _pin: u32,
    _client: *mut KSDATARANGE,
    _own: *mut KSDATARANGE,
    length: u32,
    out: *mut c_void,
    needed: *mut u32,
) -> NTSTATUS {
    let format = data_format(&Format {
        rate: if has(Quirk::IntersectionOutOfRange) {
            384_000
        } else {
            48_000
        },
        channels: 2,
        sample: Sample::Pcm16,
    });
    // SAFETY: PortCls's variables, of the length it says.
    unsafe {
        *needed = format.len() as u32;
        if length == 0 {
            return if has(Quirk::IntersectionWithoutSize) {
                STATUS_SUCCESS
            } else {
                STATUS_BUFFER_OVERFLOW
            };
        }
        if length < *needed {
            return if has(Quirk::IntersectionWithoutRoom) {
                STATUS_NO_MATCH
            } else {
                STATUS_BUFFER_TOO_SMALL
            };
        }
        out.cast::<u8>().copy_from(format.as_ptr(), format.len());
    }
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn new_stream(
    _: *mut c_void,
    out: *mut *mut c_void,
    port_stream: *mut IPortWaveRTStream,
    _pin: u32,
    _capture: u8,
    _format: *mut KSDATAFORMAT,
) -> NTSTATUS {
    if has(Quirk::RefusesStreams) {
        // SAFETY: PortCls's variable.
        unsafe { *out = std::ptr::null_mut() };
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: PortCls's variable.
    unsafe { *out = stream::create(port_stream.cast()) };
    STATUS_SUCCESS
}
