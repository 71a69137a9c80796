//! PortCls's DMA channel for masters ("DMA Channel Objects"): a common buffer, and how much of it is used.

use std::cell::Cell;
use std::ffi::c_void;

use waverig_portcls::status::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use waverig_portcls::{NTSTATUS, id};

use super::super::com::{self, HostObject, Method, Table};
use super::super::{rules, unsupported};
use crate::finding;
use crate::imports::Levels;
use crate::nt::pool::{self, Owner};

/// What a fresh buffer holds: no page says that it is cleared.
const STALE: u8 = 0x5A;

/// A channel. Its buffer goes with it ("automatically freed when the DMA-channel object is deleted").
pub(crate) struct DmaChannel {
    most: u32,
    buffer: Cell<*mut u8>,
    allocated: Cell<u32>,
    used: Cell<u32>,
}

impl DmaChannel {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            buffer: Cell::new(std::ptr::null_mut()),
            allocated: Cell::new(0),
            used: Cell::new(0),
        }
    }

    pub(super) fn address(&self) -> *mut u8 {
        self.buffer.get()
    }

    pub(super) fn allocated(&self) -> u32 {
        self.allocated.get()
    }

    pub(super) fn used(&self) -> u32 {
        self.used.get()
    }

    fn free(&self) {
        let buffer = self.buffer.replace(std::ptr::null_mut());
        if !buffer.is_null() {
            pool::free(buffer);
        }
        self.allocated.set(0);
        self.used.set(0);
    }

    /// Whether `bytes` from `place` lie in the buffer; a finding if not.
    pub(super) fn holds(&self, place: *const u8, bytes: u32, what: &str) -> bool {
        let start = self.buffer.get() as usize;
        let end = start + self.allocated.get() as usize;
        let place = place as usize;
        let inside = start != 0 && place >= start && place.saturating_add(bytes as usize) <= end;
        if !inside {
            let text = format!(
                "{what} was called for {bytes} bytes at {place:#x}; the buffer has {} at {start:#x}",
                self.allocated.get()
            );
            finding::raise(&rules::DMA_RANGE, text);
        }
        inside
    }
}

impl Drop for DmaChannel {
    fn drop(&mut self) {
        self.free();
    }
}

/// Where the buffer lies physically makes no difference here, so a constraint is always met.
extern "win64" fn allocate(this: *mut c_void, bytes: u32, _constraint: *mut i64) -> NTSTATUS {
    let channel = com::host::<DmaChannel>(this);
    if !channel.buffer.get().is_null() {
        let text = format!(
            "AllocateBuffer({bytes}) was called while there is a buffer of {} bytes",
            channel.allocated.get()
        );
        finding::raise(&rules::DMA_TWICE, text);
        return STATUS_INVALID_PARAMETER;
    }
    if bytes == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if bytes > channel.most {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let buffer = pool::allocate(bytes as usize, *b"PcDm", Owner::System);
    // SAFETY: the pool gave that many bytes.
    unsafe { buffer.write_bytes(STALE, bytes as usize) };
    channel.buffer.set(buffer);
    channel.allocated.set(bytes);
    channel.used.set(bytes);
    STATUS_SUCCESS
}

extern "win64" fn free(this: *mut c_void) {
    com::host::<DmaChannel>(this).free();
}

extern "win64" fn maximum_size(this: *mut c_void) -> u32 {
    com::host::<DmaChannel>(this).most
}

extern "win64" fn allocated_size(this: *mut c_void) -> u32 {
    com::host::<DmaChannel>(this).allocated()
}

extern "win64" fn used_size(this: *mut c_void) -> u32 {
    com::host::<DmaChannel>(this).used()
}

extern "win64" fn set_used_size(this: *mut c_void, bytes: u32) {
    com::host::<DmaChannel>(this).used.set(bytes);
}

extern "win64" fn system_address(this: *mut c_void) -> *mut u8 {
    com::host::<DmaChannel>(this).address()
}

/// What a subordinate device transfers; a master's has no meaning ("None of these methods are meaningful for master DMA channels").
extern "win64" fn transfer_count(_this: *mut c_void) -> u32 {
    0
}

extern "win64" fn physical_address(_this: *mut c_void) -> *mut i64 {
    unsupported("IDmaChannel::PhysicalAddress", "cyclic/dma.rs")
}

extern "win64" fn adapter_object(_this: *mut c_void) -> *mut c_void {
    unsupported("IDmaChannel::GetAdapterObject", "cyclic/dma.rs")
}

extern "win64" fn copy_to(this: *mut c_void, to: *mut u8, from: *const u8, bytes: u32) {
    let channel = com::host::<DmaChannel>(this);
    if channel.holds(to, bytes, "CopyTo") {
        // SAFETY: the destination lies in the buffer; a bad source is the caller's and faults into a report.
        unsafe { to.copy_from(from, bytes as usize) };
    }
}

extern "win64" fn copy_from(this: *mut c_void, to: *mut u8, from: *const u8, bytes: u32) {
    let channel = com::host::<DmaChannel>(this);
    if channel.holds(from, bytes, "CopyFrom") {
        // SAFETY: the source lies in the buffer; a bad destination is the caller's and faults into a report.
        unsafe { to.copy_from(from, bytes as usize) };
    }
}

macro_rules! method {
    ($name:literal, $function:expr, $levels:ident, $source:literal) => {
        Method {
            name: concat!("IDmaChannel::", $name),
            function: $function as *const (),
            levels: Levels::$levels,
            source: concat!("portcls/nf-portcls-idmachannel-", $source),
        }
    };
}

static TABLE: Table = Table {
    iid: id::IID_IDmaChannel,
    methods: &[
        method!("AllocateBuffer", allocate, PASSIVE, "allocatebuffer"),
        method!("FreeBuffer", free, PASSIVE, "freebuffer"),
        method!("TransferCount", transfer_count, ANY, "transfercount"),
        method!("MaximumBufferSize", maximum_size, ANY, "maximumbuffersize"),
        method!(
            "AllocatedBufferSize",
            allocated_size,
            ANY,
            "allocatedbuffersize"
        ),
        method!("BufferSize", used_size, ANY, "buffersize"),
        method!("SetBufferSize", set_used_size, ANY, "setbuffersize"),
        method!("SystemAddress", system_address, ANY, "systemaddress"),
        method!("PhysicalAddress", physical_address, ANY, "physicaladdress"),
        method!("GetAdapterObject", adapter_object, ANY, "getadapterobject"),
        method!("CopyTo", copy_to, ANY, "copyto"),
        method!("CopyFrom", copy_from, ANY, "copyfrom"),
    ],
};

impl HostObject for DmaChannel {
    fn name(&self) -> String {
        "DMA channel".into()
    }

    fn tables(&self) -> &'static [&'static Table] {
        static TABLES: [&Table; 1] = [&TABLE];
        &TABLES
    }
}
