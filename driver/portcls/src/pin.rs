//! KS pins and topology (ks.h).

use crate::{Guid, KSDATARANGE};
use core::ffi::c_void;

/// `KSPIN_DESCRIPTOR`. 88 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KSPIN_DESCRIPTOR {
    /// PortCls ignores interfaces.
    pub InterfacesCount: u32,
    /// An array of `KSPIN_INTERFACE`, or NULL.
    pub Interfaces: *const c_void,
    /// 0 for the standard medium.
    pub MediumsCount: u32,
    /// An array of `KSPIN_MEDIUM`, or NULL.
    pub Mediums: *const c_void,
    /// Entries in `DataRanges`, attribute lists included.
    pub DataRangesCount: u32,
    /// An array of pointers to ranges; after one with [`KSDATARANGE_ATTRIBUTES`](crate::KSDATARANGE_ATTRIBUTES) comes a pointer to a
    /// [`KSATTRIBUTE_LIST`](crate::KSATTRIBUTE_LIST).
    pub DataRanges: *const *const KSDATARANGE,
    /// Into or out of the filter.
    pub DataFlow: KSPIN_DATAFLOW,
    /// Who may connect.
    pub Communication: KSPIN_COMMUNICATION,
    /// What the pin is for; an endpoint's form factor on an unconnected bridge pin.
    pub Category: *const Guid,
    /// Its name; NULL takes the category's.
    pub Name: *const Guid,
    /// `ConstrainedDataRangesCount` in the low half, or 0.
    pub ConstrainedDataRangesCount: u32,
    /// `ConstrainedDataRanges`, or NULL.
    pub ConstrainedDataRanges: *const *const KSDATARANGE,
}

// SAFETY: a descriptor is a constant description that nobody writes.
unsafe impl Sync for KSPIN_DESCRIPTOR {}

/// `KSPIN_DATAFLOW`.
pub type KSPIN_DATAFLOW = i32;
/// Data flows into the filter.
pub const KSPIN_DATAFLOW_IN: KSPIN_DATAFLOW = 1;
/// Data flows out of the filter.
pub const KSPIN_DATAFLOW_OUT: KSPIN_DATAFLOW = 2;

/// `KSPIN_COMMUNICATION`.
pub type KSPIN_COMMUNICATION = i32;
/// Nobody connects: a bridge to another filter or to the world.
pub const KSPIN_COMMUNICATION_NONE: KSPIN_COMMUNICATION = 0;
/// The pin receives requests: a pin that clients open.
pub const KSPIN_COMMUNICATION_SINK: KSPIN_COMMUNICATION = 1;
/// The pin sends requests.
pub const KSPIN_COMMUNICATION_SOURCE: KSPIN_COMMUNICATION = 2;
/// Either.
pub const KSPIN_COMMUNICATION_BOTH: KSPIN_COMMUNICATION = 3;
/// A bridge pin of a filter graph.
pub const KSPIN_COMMUNICATION_BRIDGE: KSPIN_COMMUNICATION = 4;

/// `KSTOPOLOGY_CONNECTION`: one connection inside a filter. 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSTOPOLOGY_CONNECTION {
    /// A node, or [`KSFILTER_NODE`] for the filter's own pin.
    pub FromNode: u32,
    /// Its pin.
    pub FromNodePin: u32,
    /// A node, or [`KSFILTER_NODE`] for the filter's own pin.
    pub ToNode: u32,
    /// Its pin.
    pub ToNodePin: u32,
}

/// `KSFILTER_NODE`, in portcls.h `PCFILTER_NODE`: the filter itself as the end of a connection.
pub const KSFILTER_NODE: u32 = u32::MAX;
/// `KSNODEPIN_STANDARD_IN`: a node's input.
pub const KSNODEPIN_STANDARD_IN: u32 = 1;
/// `KSNODEPIN_STANDARD_OUT`: a node's output.
pub const KSNODEPIN_STANDARD_OUT: u32 = 0;

/// `KSSTATE`: the state of a pin instance.
pub type KSSTATE = i32;
/// Stopped: no resources are held, the position is 0.
pub const KSSTATE_STOP: KSSTATE = 0;
/// Resources are held.
pub const KSSTATE_ACQUIRE: KSSTATE = 1;
/// Ready to run; the position stands still.
pub const KSSTATE_PAUSE: KSSTATE = 2;
/// Running.
pub const KSSTATE_RUN: KSSTATE = 3;
