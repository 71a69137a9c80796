//! The tap: a device interface through which clients read what is rendered. Requests, structures and promises are those of
//! `waverig-interface`.

mod client;
mod control;
mod handle;
mod reads;
mod wire;

pub(crate) use client::Clients;
pub(crate) use wire::{noted_format, tap_format};

use crate::cable::{Cable, SharedCable};
use crate::device::Extension;
use crate::irp::{Completions, Irp};
use crate::registration::{InterfaceLink, Name, utf16};
use waverig_interface::{TAP_INTERFACE, TAP_REFERENCE};
use waverig_portcls::Guid;
use waverig_portcls::status::{STATUS_DEVICE_NOT_CONNECTED, STATUS_INVALID_DEVICE_REQUEST};
use wdk_sys::{
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, NTSTATUS, PDEVICE_OBJECT,
    PFILE_OBJECT,
};

const REFERENCE: Name = &utf16::<{ TAP_REFERENCE.len() + 1 }>(TAP_REFERENCE);

/// The interface's class as Windows lays it out.
const CLASS: Guid = Guid {
    Data1: TAP_INTERFACE.data1,
    Data2: TAP_INTERFACE.data2,
    Data3: TAP_INTERFACE.data3,
    Data4: TAP_INTERFACE.data4,
};

/// The enabled interface; when it is dropped nobody finds it any more and pended reads are given back.
pub(crate) struct Registered {
    link: InterfaceLink,
    cable: SharedCable,
}

impl Registered {
    /// PASSIVE_LEVEL.
    pub(crate) fn register(physical: PDEVICE_OBJECT, cable: SharedCable) -> Result<Self, NTSTATUS> {
        let link = InterfaceLink::register(physical, &CLASS, REFERENCE)?;
        let mut registered = Self { link, cable };
        registered.cable.state(|state| state.present = true);
        registered.link.enable(true)?;
        Ok(registered)
    }
}

impl Drop for Registered {
    /// PASSIVE_LEVEL.
    fn drop(&mut self) {
        let mut done = Completions::default();
        self.cable.state(|state| {
            state.present = false;
            let clients = &mut state.clients;
            clients.give_back(STATUS_DEVICE_NOT_CONNECTED, &mut done);
        });
        done.finish();
        // There is nothing to be done about an error.
        let _ = self.link.enable(false);
    }
}

/// Handles a request on a tap handle; `None` leaves it to PortCls. PASSIVE_LEVEL.
pub(crate) fn dispatch(extension: &Extension, irp: Irp) -> Option<NTSTATUS> {
    let file = irp.file();
    let cable = extension.cable().filter(|_| !file.is_null())?;
    match u32::from(irp.stack().MajorFunction) {
        IRP_MJ_CREATE => handle::create(&cable, irp),
        _ if !is_tap_handle(&cable, file) => None,
        IRP_MJ_DEVICE_CONTROL => Some(control::dispatch(&cable, irp)),
        IRP_MJ_CLEANUP => Some(handle::cleanup(&cable, irp)),
        IRP_MJ_CLOSE => Some(handle::close(&cable, irp)),
        _ => Some(irp.complete(STATUS_INVALID_DEVICE_REQUEST, 0)),
    }
}

fn is_tap_handle(cable: &Cable, file: PFILE_OBJECT) -> bool {
    cable.state(|state| state.clients.find(file).is_some())
}
