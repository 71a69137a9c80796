//! Faults in what the filters say of themselves.

use super::{Deliberate, is};
#[cfg(feature = "fault")]
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr::null,
    sync::atomic::{AtomicUsize, Ordering},
};
use waverig_portcls::{KSAUDIO_PACKETSIZE_CONSTRAINTS2, PCFILTER_DESCRIPTOR};
#[cfg(feature = "fault")]
use waverig_portcls::{
    PCAUTOMATION_TABLE, PCCONNECTION_DESCRIPTOR, PCNODE_DESCRIPTOR, PCPIN_DESCRIPTOR,
};

/// A filter's description, or a copy of it with one thing wrong. PASSIVE_LEVEL.
///
/// # Safety
/// `right` is the description of a filter of this driver, which lives as long as that.
pub(crate) unsafe fn described(right: *const PCFILTER_DESCRIPTOR) -> *const PCFILTER_DESCRIPTOR {
    let wanted = [
        Deliberate::DescriptionVersion,
        Deliberate::ItemSize,
        Deliberate::OpenBridge,
        Deliberate::UntypedNode,
        Deliberate::LooseConnection,
    ];
    if wanted.into_iter().any(is) {
        #[cfg(feature = "fault")]
        // SAFETY: says the caller.
        return unsafe { wrong(right) };
    }
    right
}

/// A description and the parts of it that may differ: no filter of this driver has more of them.
#[cfg(feature = "fault")]
#[derive(Clone, Copy)]
struct Wrong {
    filter: PCFILTER_DESCRIPTOR,
    automation: PCAUTOMATION_TABLE,
    pins: [PCPIN_DESCRIPTOR; 2],
    node: PCNODE_DESCRIPTOR,
    connection: PCCONNECTION_DESCRIPTOR,
}

#[cfg(feature = "fault")]
struct Place(UnsafeCell<MaybeUninit<Wrong>>);

// SAFETY: `wrong` hands each place to one filter of a device; devices start one after the other.
#[cfg(feature = "fault")]
unsafe impl Sync for Place {}

#[cfg(feature = "fault")]
static PLACES: [Place; 32] = [const { Place(UnsafeCell::new(MaybeUninit::uninit())) }; 32];
#[cfg(feature = "fault")]
static USED: AtomicUsize = AtomicUsize::new(0);

/// # Safety
/// As [`described`].
#[cfg(feature = "fault")]
unsafe fn wrong(right: *const PCFILTER_DESCRIPTOR) -> *const PCFILTER_DESCRIPTOR {
    let used = USED.fetch_add(1, Ordering::Relaxed) % PLACES.len();
    let Some(place) = PLACES.get(used) else {
        return right;
    };
    // SAFETY: says the caller, and see `Place`. Every filter has an automation table, two pins and a connection; one without nodes has
    // none to read.
    unsafe {
        let place = (*place.0.get()).as_mut_ptr();
        (*place).filter = *right;
        let filter = &mut (*place).filter;
        if is(Deliberate::DescriptionVersion) {
            filter.Version = 1;
        }
        if is(Deliberate::ItemSize) {
            (*place).automation = *filter.AutomationTable;
            (*place).automation.PropertyItemSize -= 4;
            filter.AutomationTable = &raw const (*place).automation;
        }
        if is(Deliberate::OpenBridge) {
            (*place).pins = *filter.Pins.cast();
            for pin in &mut (*place).pins {
                pin.MaxFilterInstanceCount = 1;
            }
            filter.Pins = (&raw const (*place).pins).cast();
        }
        if is(Deliberate::UntypedNode) && filter.NodeCount > 0 {
            (*place).node = *filter.Nodes;
            (*place).node.Type = null();
            filter.Nodes = &raw const (*place).node;
            filter.NodeCount = 1;
        }
        if is(Deliberate::LooseConnection) {
            (*place).connection = *filter.Connections;
            (*place).connection.FromNodePin = 9;
            filter.Connections = &raw const (*place).connection;
            filter.ConnectionCount = 1;
        }
        &raw const (*place).filter
    }
}

/// `low-constraint`: a packet lasts no longer than the least period. `one-constraint`: one mode is named for all.
pub(crate) fn constraints<const N: usize>(
    mut right: KSAUDIO_PACKETSIZE_CONSTRAINTS2<N>,
) -> KSAUDIO_PACKETSIZE_CONSTRAINTS2<N> {
    let least = right.MinPacketPeriodInHns;
    let [first, others @ ..] = &mut right.ProcessingModeConstraints[..] else {
        return right;
    };
    if is(Deliberate::LowConstraint) {
        first.ProcessingPacketDurationInHns = least;
    }
    if is(Deliberate::OneConstraint) {
        for other in others {
            other.ProcessingMode = first.ProcessingMode;
        }
    }
    right
}
