//! The tap: a device interface through which clients read what is rendered. Requests, structures and promises are those of
//! `waverig-interface`.

mod client;
mod control;
mod handle;
mod reads;
mod share;
mod steer;
mod wire;

pub(crate) use client::Clients;
pub(crate) use steer::Owner;
pub(crate) use wire::{noted_format, tap_format};

use crate::cable::SharedCable;
use crate::device::Extension;
use crate::irp::Irp;
use crate::registration::{InterfaceLink, Names, name_of, numbered};
use waverig_interface::TAP_INTERFACE;
use waverig_portcls::Guid;
use waverig_portcls::status::STATUS_INVALID_DEVICE_REQUEST;
use wdk_sys::{
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, NTSTATUS, PDEVICE_OBJECT,
};

/// The reference strings, as `waverig_interface::CableNumber` has them.
static REFERENCES: Names<5> = numbered("Tap");

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
        let link = InterfaceLink::register(physical, &CLASS, name_of(&REFERENCES, cable.number))?;
        let mut registered = Self { link, cable };
        registered.cable.arrive();
        registered.link.enable(true)?;
        Ok(registered)
    }
}

impl Drop for Registered {
    /// PASSIVE_LEVEL.
    fn drop(&mut self) {
        self.cable.leave();
        // There is nothing to be done about an error.
        let _ = self.link.enable(false);
    }
}

/// Handles a request on a tap handle; `None` leaves it to PortCls. PASSIVE_LEVEL.
pub(crate) fn dispatch(extension: &Extension, irp: Irp) -> Option<NTSTATUS> {
    if irp.file().is_null() {
        return None;
    }
    let major = u32::from(irp.stack().MajorFunction);
    if major == IRP_MJ_CREATE {
        return handle::create(extension, irp);
    }
    // SAFETY: the file of a request lives as long as the request, and it is open.
    let cable = unsafe { handle::cable(irp.file()) }?;
    Some(match major {
        IRP_MJ_DEVICE_CONTROL => control::dispatch(cable, irp),
        IRP_MJ_CLEANUP => handle::cleanup(cable, irp),
        // SAFETY: nothing but this request refers to the file any more.
        IRP_MJ_CLOSE => unsafe { handle::close(irp) },
        _ => irp.complete(STATUS_INVALID_DEVICE_REQUEST, 0),
    })
}
