//! The memory that a client and the driver share. PASSIVE_LEVEL.

use crate::cable::Buffer;
use crate::fault::{self, Deliberate};
use waverig_engine::{BufferError, Geometry};
use waverig_portcls::com::Com;
use waverig_portcls::status::{STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER};
use waverig_portcls::{IPortWaveRTStream, MmCached, NTSTATUS};
use wdk_sys::PAGE_SIZE;

/// The status for a size that cannot be served.
pub(super) const fn refusal(error: BufferError) -> NTSTATUS {
    match error {
        BufferError::Empty | BufferError::NoFrame => STATUS_INVALID_PARAMETER,
        BufferError::TooLarge => STATUS_INSUFFICIENT_RESOURCES,
    }
}

/// Pages for a buffer, mapped and set to zero.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`; nothing is left allocated.
pub(super) fn allocate(
    port: &Com<IPortWaveRTStream>,
    geometry: &Geometry,
) -> Result<Buffer, NTSTATUS> {
    let bytes = geometry.bytes() as usize;
    let table = port.vtbl();
    // SAFETY: the port object is alive; each MDL is one that it made, mapped once and freed once.
    unsafe {
        // The address is signed: all ones would be below every page.
        let mdl = (table.AllocatePagesForMdl)(port.this(), i64::MAX, bytes);
        if mdl.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let pages = (table.GetPhysicalPagesCount)(port.this(), mdl) as usize;
        // Fewer pages than asked for are success to the port.
        let base = if pages < bytes.div_ceil(PAGE_SIZE as usize) {
            None
        } else {
            fault::mapped((table.MapAllocatedPages)(port.this(), mdl, MmCached))
        };
        let Some(base) = base else {
            if !fault::is(Deliberate::ForgetUnwind) {
                (table.FreePagesFromMdl)(port.this(), mdl);
            }
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        };
        let base = base.as_ptr().cast::<u8>();
        base.write_bytes(0, bytes);
        Ok(Buffer { mdl, base })
    }
}

/// Unmaps and frees it.
pub(super) fn free(port: &Com<IPortWaveRTStream>, buffer: Buffer) {
    let table = port.vtbl();
    // SAFETY: the buffer came from `allocate` with this port; nobody refers to it any more.
    unsafe {
        (table.UnmapAllocatedPages)(port.this(), buffer.base.cast(), buffer.mdl);
        (table.FreePagesFromMdl)(port.this(), buffer.mdl);
    }
}
