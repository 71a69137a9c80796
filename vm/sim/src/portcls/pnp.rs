//! Plug and Play IRPs of an audio device, and the adapter's interface for stops.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::status::{
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};
use waverig_portcls::{
    IAdapterPnpManagement, IAdapterPnpManagementVtbl, NTSTATUS, PcRebalanceRemoveSubdevices, id,
};

use super::adapter::{self, Adapter};
use super::com::{self, Ref, Unknown};
use super::dispatch::{finish, forward_and_wait, pass_on};
use super::resources::Resources;
use super::rules;
use crate::kernel::kernel;
use crate::nt::layout::{DeviceObject, IoStackLocation, Irp};
use crate::nt::status::NtStatus;
use crate::{call, finding};

/// Minor codes of IRP_MJ_PNP (wdm.h).
const START_DEVICE: u8 = 0;
const QUERY_REMOVE_DEVICE: u8 = 1;
const REMOVE_DEVICE: u8 = 2;
const CANCEL_REMOVE_DEVICE: u8 = 3;
const STOP_DEVICE: u8 = 4;
const QUERY_STOP_DEVICE: u8 = 5;
const CANCEL_STOP_DEVICE: u8 = 6;
const SURPRISE_REMOVAL: u8 = 23;

/// Where a device is in its life ("State Transitions for PnP Devices").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Added, or a start failed.
    Added,
    Started,
    /// A stop was agreed to: new opens are held.
    StopPending,
    Stopped,
    /// A removal was agreed to: new opens are refused.
    RemovePending,
    SurpriseRemoved,
}

/// What PortCls knows of an adapter's life.
pub(super) struct Life {
    pub(super) phase: Cell<Phase>,
    /// Where a query came from.
    before: Cell<Phase>,
    interface: RefCell<Option<Ref<IAdapterPnpManagement>>>,
    /// Opens that wait for the end of a stop.
    held: RefCell<Vec<*mut Irp>>,
}

impl Life {
    /// That of a device that was added.
    pub(super) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::Added),
            before: Cell::new(Phase::Added),
            interface: RefCell::default(),
            held: RefCell::default(),
        }
    }

    /// Lets go of the adapter's interface.
    pub(super) fn release(&self) {
        let interface = self.interface.take();
        drop(interface);
    }

    /// Whether the adapter registered its interface.
    #[cfg(test)]
    pub(super) fn has_interface(&self) -> bool {
        self.interface.borrow().is_some()
    }

    fn ask(&self, phase: Phase) {
        self.before.set(self.phase.replace(phase));
    }

    /// Calls a notification of the adapter's interface.
    fn tell(
        &self,
        name: &'static str,
        function: fn(&IAdapterPnpManagementVtbl) -> unsafe extern "efiapi" fn(*mut c_void),
    ) {
        let interface = self.interface.borrow().clone();
        if let Some(interface) = interface {
            // SAFETY: the adapter's table.
            unsafe { call::driver(name, function(interface.table()), (interface.this(),)) };
        }
    }

    /// Whether the adapter lets its device be stopped: without the interface PortCls refuses.
    fn can_be_stopped(&self) -> bool {
        let interface = self.interface.borrow().clone();
        interface.is_some_and(|interface| {
            let function = interface.table().GetSupportedRebalanceType;
            let name = "IAdapterPnpManagement::GetSupportedRebalanceType";
            // SAFETY: the adapter's table.
            let kind = unsafe { call::driver(name, function, (interface.this(),)) };
            kind == PcRebalanceRemoveSubdevices
        })
    }
}

/// Holds an open until the stop is over; `false` when none is on its way.
pub(super) fn hold_open(adapter: &Adapter, request: *mut Irp) -> bool {
    let hold = adapter.life.phase.get() == Phase::StopPending
        || adapter.life.phase.get() == Phase::Stopped;
    if hold {
        crate::nt::irp::mark_pending(request);
        adapter.life.held.borrow_mut().push(request);
    }
    hold
}

fn release_held(adapter: &Rc<Adapter>) {
    for request in adapter.life.held.take() {
        super::dispatch::open(adapter, request);
    }
}

/// Handles a Plug and Play IRP.
pub(super) fn dispatch(
    adapter: &Rc<Adapter>,
    request: *mut Irp,
    stack: &IoStackLocation,
) -> NtStatus {
    let life = &adapter.life;
    match stack.minor_function {
        START_DEVICE => {
            let status = forward_and_wait(adapter, request);
            let status = if status.is_ok() {
                start(adapter, request)
            } else {
                status.0
            };
            let status = finish(request, status, 0);
            release_held(adapter);
            status
        }
        QUERY_STOP_DEVICE => {
            if !life.can_be_stopped() {
                return finish(request, STATUS_UNSUCCESSFUL, 0);
            }
            life.tell("IAdapterPnpManagement::PnpQueryStop", |table| {
                table.PnpQueryStop
            });
            life.ask(Phase::StopPending);
            succeed_below(adapter, request)
        }
        CANCEL_STOP_DEVICE => {
            forward_and_wait(adapter, request);
            // Also when the query was refused before the adapter was told of it.
            life.tell("IAdapterPnpManagement::PnpCancelStop", |table| {
                table.PnpCancelStop
            });
            if life.phase.get() == Phase::StopPending {
                life.phase.set(life.before.get());
            }
            let status = finish(request, STATUS_SUCCESS, 0);
            release_held(adapter);
            status
        }
        STOP_DEVICE => {
            life.phase.set(Phase::Stopped);
            stop_streams(adapter);
            for subdevice in adapter.subdevices() {
                subdevice.disable();
            }
            life.tell("IAdapterPnpManagement::PnpStop", |table| table.PnpStop);
            let left = adapter.subdevices();
            if !left.is_empty() {
                let text = format!("{} subdevices are registered after PnpStop", left.len());
                finding::raise(&rules::STOP_SUBDEVICES, text);
            }
            adapter.forget_subdevices();
            succeed_below(adapter, request)
        }
        QUERY_REMOVE_DEVICE => {
            life.ask(Phase::RemovePending);
            succeed_below(adapter, request)
        }
        CANCEL_REMOVE_DEVICE => {
            forward_and_wait(adapter, request);
            if life.phase.get() == Phase::RemovePending {
                life.phase.set(life.before.get());
            }
            finish(request, STATUS_SUCCESS, 0)
        }
        SURPRISE_REMOVAL => {
            life.phase.set(Phase::SurpriseRemoved);
            // What is under way to the device fails ("Handling an IRP_MN_SURPRISE_REMOVAL Request").
            for stream in adapter.open_pins().iter().filter_map(|pin| pin.cyclic()) {
                stream.abandon();
            }
            // Whether PortCls stops the streams now or when their pins are closed is written nowhere: both happen here.
            if kernel().random.up_to(1) == 0 {
                stop_streams(adapter);
            }
            for subdevice in adapter.subdevices() {
                subdevice.disable();
            }
            succeed_below(adapter, request)
        }
        REMOVE_DEVICE => {
            for request in life.held.take() {
                finish(request, STATUS_UNSUCCESSFUL, 0);
            }
            adapter.take_down();
            // SAFETY: the IRP is ours until it is passed on.
            unsafe { (*request).io_status.status = NtStatus(STATUS_SUCCESS) };
            let status = pass_on(adapter, request);
            Rc::clone(adapter).delete();
            status
        }
        _ => pass_on(adapter, request),
    }
}

fn stop_streams(adapter: &Adapter) {
    for pin in adapter.open_pins() {
        pin.stop();
    }
}

fn succeed_below(adapter: &Adapter, request: *mut Irp) -> NtStatus {
    // SAFETY: the IRP is ours until it is passed on.
    unsafe { (*request).io_status.status = NtStatus(STATUS_SUCCESS) };
    pass_on(adapter, request)
}

fn start(adapter: &Rc<Adapter>, request: *mut Irp) -> NTSTATUS {
    let resources = Rc::new(Resources);
    let Some(list) = com::lend(&resources, &id::IID_IResourceList) else {
        return STATUS_NOT_SUPPORTED;
    };
    // SAFETY: the driver's start routine, as it gave it to PcAddAdapterDevice; the list lives until it returns.
    let status = unsafe {
        call::driver(
            "StartDevice",
            adapter.start_device,
            (adapter.fdo, request, list),
        )
    };
    if status < 0 {
        adapter.life.phase.set(Phase::Added);
        adapter.take_down();
    } else {
        adapter.life.phase.set(Phase::Started);
    }
    status
}

pub(crate) extern "win64" fn pc_register_adapter_pnp_management(
    unknown: *mut c_void,
    fdo: *mut DeviceObject,
) -> NTSTATUS {
    let Some(adapter) = adapter::named(fdo, "PcRegisterAdapterPnpManagement") else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some(interface) =
        Unknown::share(unknown).and_then(|object| object.query::<IAdapterPnpManagement>())
    else {
        return STATUS_INVALID_PARAMETER;
    };
    let before = adapter.life.interface.replace(Some(interface));
    if before.is_some() {
        let text = "it was called again without PcUnregisterAdapterPnpManagement in between";
        finding::raise(&rules::PNP_TWICE, text);
    }
    drop(before);
    STATUS_SUCCESS
}

pub(crate) extern "win64" fn pc_unregister_adapter_pnp_management(
    fdo: *mut DeviceObject,
) -> NTSTATUS {
    let Some(adapter) = adapter::named(fdo, "PcUnregisterAdapterPnpManagement") else {
        return STATUS_INVALID_PARAMETER;
    };
    let before = adapter.life.interface.take();
    if before.is_none() {
        let text = "PcUnregisterAdapterPnpManagement was called, and nothing is registered";
        finding::raise(&rules::PNP_TWICE, text);
    }
    drop(before);
    STATUS_SUCCESS
}
