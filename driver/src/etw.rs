//! What the driver tells ETW: each event of the record (`crate::trace`), described by itself (TraceLogging).
//!
//! Nobody listens most of the time: then an event costs the question whether somebody does. Frames and packets are no events, so the
//! timer's path has none. The provider needs no enable callback, and so no state that ETW would write to while others read it.

use crate::fault::{self, Deliberate};
use crate::trace::Source;
use core::ffi::c_void;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicU64, Ordering};
use waverig_interface::{EventKind, etw};
use wdk_sys::ntddk::{EtwProviderEnabled, EtwRegister, EtwUnregister, EtwWriteTransfer};
use wdk_sys::{EVENT_DATA_DESCRIPTOR, EVENT_DESCRIPTOR, GUID, NTSTATUS};

// The headers that are bound here leave it out (wdm.h; Windows 10).
#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn EtwSetInformation(
        handle: u64,
        class: i32,
        information: *const c_void,
        length: u32,
    ) -> NTSTATUS;
}

/// `EventProviderSetTraits` (evntprov.h): the provider's name, and that descriptors have types.
const SET_TRAITS: i32 = 2;
/// `EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA` (evntprov.h).
const EVENT_METADATA: u32 = 1;
/// `EVENT_DATA_DESCRIPTOR_TYPE_PROVIDER_METADATA` (evntprov.h).
const PROVIDER_METADATA: u32 = 2;

/// The registration; 0: none. Written by `DriverEntry` and `DriverUnload` only, when nothing else of the driver runs.
static HANDLE: AtomicU64 = AtomicU64::new(0);

/// Registers the provider. Without it the driver works as well. PASSIVE_LEVEL, in `DriverEntry`.
pub(crate) fn register() {
    let id = GUID {
        Data1: etw::PROVIDER_ID.data1,
        Data2: etw::PROVIDER_ID.data2,
        Data3: etw::PROVIDER_ID.data3,
        Data4: etw::PROVIDER_ID.data4,
    };
    let mut handle = 0;
    // SAFETY: the id and the place for the handle outlive the call; there is no callback.
    let status = unsafe { EtwRegister(&id, None, null_mut(), &mut handle) };
    if !wdk::nt_success(status) {
        return;
    }
    // SAFETY: the handle is this driver's; the traits are static.
    let status = unsafe {
        EtwSetInformation(
            handle,
            SET_TRAITS,
            etw::PROVIDER.as_ptr().cast(),
            etw::PROVIDER.len() as u32,
        )
    };
    HANDLE.store(handle, Ordering::Release);
    if !wdk::nt_success(status) {
        // Without traits no tool could decode an event.
        unregister();
    }
}

/// Undoes [`register`]. PASSIVE_LEVEL, when no device is there.
pub(crate) fn unregister() {
    let handle = HANDLE.swap(0, Ordering::AcqRel);
    if handle != 0 && !fault::is(Deliberate::KeepProvider) {
        // SAFETY: the handle is this driver's, and nobody uses it any more.
        let _ = unsafe { EtwUnregister(handle) };
    }
}

/// Writes an event if somebody listens. Any IRQL, under any lock: all it hands over lies on the stack or in the image, which is
/// not paged.
pub(crate) fn write(source: Source, kind: EventKind, values: [u64; 3]) {
    let handle = HANDLE.load(Ordering::Acquire);
    // SAFETY: the handle is this driver's.
    if handle == 0 || unsafe { EtwProviderEnabled(handle, etw::LEVEL, etw::KEYWORD) } == 0 {
        return;
    }
    let (description, told) = etw::description(kind);
    let data = etw::data(source.device, source.cable, values);
    let data = data.get(..2 + 8 * told).unwrap_or_default();
    let descriptor = EVENT_DESCRIPTOR {
        Channel: etw::CHANNEL,
        Level: etw::LEVEL,
        Keyword: etw::KEYWORD,
        ..EVENT_DESCRIPTOR::default()
    };
    let mut parts = [
        (&etw::PROVIDER[..], PROVIDER_METADATA),
        (description, EVENT_METADATA),
        (data, 0),
    ]
    .map(|(bytes, kind)| EVENT_DATA_DESCRIPTOR {
        Ptr: bytes.as_ptr() as u64,
        Size: bytes.len() as u32,
        Reserved: kind,
    });
    // An event that finds no room in a session's buffers is lost; ETW counts those.
    // SAFETY: descriptor and parts, and what the parts point to, outlive the call.
    let _ = unsafe {
        EtwWriteTransfer(
            handle,
            &descriptor,
            null(),
            null(),
            parts.len() as u32,
            parts.as_mut_ptr(),
        )
    };
}
