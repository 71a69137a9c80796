//! The topology miniport: nothing but a description and a reference on the cable. PASSIVE_LEVEL.

use super::{Controls, filter};
use crate::cable::{Direction, SharedCable};
use crate::fault;
use crate::names::NameOf;
use crate::pool::Pool;
use crate::property::Request;
use core::ffi::c_void;
use waverig_engine::Capability;
use waverig_portcls::com::{Class, Interface, Object, Table};
use waverig_portcls::status::{STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS};
use waverig_portcls::{
    IMiniport, IMiniportTopology, IMiniportTopologyVtbl, IMiniportVtbl, KSDATARANGE, NTSTATUS,
    PCFILTER_DESCRIPTOR, PCPROPERTY_REQUEST,
};

pub(crate) struct Topology {
    cable: SharedCable,
    direction: Direction,
    name: NameOf,
}

impl Topology {
    pub(super) const fn new(cable: SharedCable, direction: Direction, name: NameOf) -> Self {
        Self {
            cable,
            direction,
            name,
        }
    }

    pub(super) fn controls(&self) -> &Controls {
        self.cable.controls(self.direction)
    }

    pub(super) const fn direction(&self) -> Direction {
        self.direction
    }

    /// What the device takes.
    pub(super) fn capability(&self) -> &Capability {
        &self.cable.capability
    }

    /// The request, and the miniport it is for.
    ///
    /// # Safety
    /// `request` is what PortCls gave to a handler of this filter.
    pub(super) unsafe fn target<'a>(request: *mut PCPROPERTY_REQUEST) -> (Request<'a>, &'a Self) {
        // SAFETY: the major target of a request is the miniport, here the topology miniport, alive while the handler runs.
        unsafe {
            let request = Request::new(request);
            let topology = Object::<Self, 1>::value(request.miniport());
            (request, topology)
        }
    }
}

// SAFETY: the table is IMiniportTopology's, begins with this class's IUnknown, and its functions expect a Topology.
unsafe impl Class<1> for Topology {
    type Memory = Pool;
    const TABLES: [Table; 1] = [Table {
        vtbl: (&raw const VTBL).cast(),
        iids: &[&IMiniport::IID, &IMiniportTopology::IID],
    }];
}

static VTBL: IMiniportTopologyVtbl = IMiniportTopologyVtbl {
    base: IMiniportVtbl {
        base: Topology::UNKNOWN,
        GetDescription: get_description,
        DataRangeIntersection: data_range_intersection,
    },
    Init: init,
};

unsafe extern "efiapi" fn get_description(
    this: *mut c_void,
    out: *mut *const PCFILTER_DESCRIPTOR,
) -> NTSTATUS {
    // SAFETY: called through the table, with a place for a pointer.
    unsafe {
        let topology = Object::<Topology, 1>::value(this);
        let right = filter::description(topology.cable.number, topology.direction, topology.name);
        *out = fault::described(right);
    }
    STATUS_SUCCESS
}

/// Analog pins have no formats; the port answers.
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
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) -> NTSTATUS {
    STATUS_SUCCESS
}
