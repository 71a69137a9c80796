//! What a WaveCyclic driver imports from portcls.sys beside the product's imports. PASSIVE_LEVEL.

use core::ffi::c_void;
use core::ptr::null_mut;
use waverig_portcls::com::Com;
use waverig_portcls::status::STATUS_UNSUCCESSFUL;
use waverig_portcls::{IServiceGroup, NTSTATUS};

#[link(name = "portcls.sys", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn PcNewServiceGroup(group: *mut *mut IServiceGroup, outer: *mut c_void) -> NTSTATUS;
}

/// A new service group.
///
/// # Errors
/// What PortCls answers.
pub(super) fn service_group() -> Result<Com<IServiceGroup>, NTSTATUS> {
    let mut group = null_mut();
    // SAFETY: a place for a pointer; on success it owns a reference.
    unsafe {
        crate::portcls::check(PcNewServiceGroup(&mut group, null_mut()))?;
        Com::from_raw(group).ok_or(STATUS_UNSUCCESSFUL)
    }
}
