//! `IPortWaveCyclic`: what this port has besides `IPort`.

use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::NTSTATUS;
use waverig_portcls::id;
use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

use super::super::com::{self, Method};
use super::super::port::Port;
use super::super::{rules, unsupported};
use super::dma::DmaChannel;
use super::service::ServiceGroup;
use crate::finding;
use crate::imports::Levels;

/// The port calls the group's `RequestService`, which queues its DPC ("Service Sink and Service Group Objects").
extern "win64" fn notify(this: *mut c_void, group: *mut c_void) {
    let _port = com::host::<Port>(this);
    match com::known::<ServiceGroup>(group) {
        Some(group) => group.request(),
        None => finding::raise(
            &rules::CYCLIC_NOTIFY,
            format!("Notify was called with {group:p}, which PcNewServiceGroup did not give"),
        ),
    }
}

extern "win64" fn new_master_dma_channel(
    _this: *mut c_void,
    out: *mut *mut c_void,
    outer: *mut c_void,
    _resources: *mut c_void,
    most_bytes: u32,
) -> NTSTATUS {
    if out.is_null() || most_bytes == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if !outer.is_null() {
        unsupported("an aggregated DMA channel", "cyclic/port.rs");
    }
    let channel = Rc::new(DmaChannel::new(most_bytes));
    let pointer = com::give(&channel, &id::IID_IDmaChannel).expect("its own interface");
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { *out = pointer };
    STATUS_SUCCESS
}

/// The system's DMA controller is a resource of the device, and the devices here have no resources.
extern "win64" fn new_slave_dma_channel(_this: *mut c_void, out: *mut *mut c_void) -> NTSTATUS {
    if !out.is_null() {
        // SAFETY: the driver's variable; a bad address faults into a report.
        unsafe { *out = std::ptr::null_mut() };
    }
    STATUS_INVALID_PARAMETER
}

/// The methods, behind those of `IPort`.
pub(in super::super) const METHODS: [Method; 3] = [
    Method {
        name: "IPortWaveCyclic::Notify",
        function: notify as *const (),
        levels: Levels::ANY,
        source: "portcls/nf-portcls-iportwavecyclic-notify",
    },
    Method {
        name: "IPortWaveCyclic::NewSlaveDmaChannel",
        function: new_slave_dma_channel as *const (),
        levels: Levels::PASSIVE,
        source: "portcls/nf-portcls-iportwavecyclic-newslavedmachannel",
    },
    Method {
        name: "IPortWaveCyclic::NewMasterDmaChannel",
        function: new_master_dma_channel as *const (),
        levels: Levels::PASSIVE,
        source: "portcls/nf-portcls-iportwavecyclic-newmasterdmachannel",
    },
];
