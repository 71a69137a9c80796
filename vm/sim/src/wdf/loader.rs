//! WdfLdr.sys: binds a driver to the framework before its DriverEntry runs. The structures are those of fxldr.h and wdfglobals.h in
//! the framework's public sources.

use std::ffi::c_void;

use super::table;
use crate::finding;
use crate::imports::{Import, Levels};
use crate::kernel::kernel;
use crate::nt::layout::{DriverObject, UnicodeString};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{
    NtStatus, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_REVISION_MISMATCH,
    STATUS_SUCCESS,
};
use crate::rules;

/// The framework's version that is played: 1.33, of Windows 11.
const MAJOR: u32 = 1;
const MINOR: u32 = 33;
/// Up to this many functions (KMDF 1.13) a client has room for the table itself; later ones for its address.
const COPIED: u32 = 438;

/// `WDF_BIND_INFO`.
#[repr(C)]
pub(super) struct BindInfo {
    size: u32,
    component: *const u16,
    major: u32,
    minor: u32,
    build: u32,
    function_count: u32,
    function_table: *mut *const c_void,
    module: *mut c_void,
}

/// What `WDF_BIND_INFO2` adds, from version 1.25 on.
#[repr(C)]
struct BindInfo2 {
    first: BindInfo,
    minimum_minor: *const u32,
    client_is_newer: *mut u8,
    function_count: *mut u32,
    structure_count: *mut u32,
    structures: *mut c_void,
}

/// `WDF_DRIVER_GLOBALS`.
#[repr(C)]
pub(super) struct Globals {
    pub(super) driver: usize,
    pub(super) flags: u32,
    tag: u32,
    name: [u8; 32],
    pub(super) displace_unload: u8,
}

extern "win64" fn wdf_version_bind(
    driver: *mut DriverObject,
    _registry_path: *const UnicodeString,
    info: *mut BindInfo,
    globals: *mut *mut Globals,
) -> NtStatus {
    // SAFETY: the driver's structure; a bad address faults into a report.
    let bind = unsafe { &mut *info };
    if driver.is_null() || (bind.size as usize) < size_of::<BindInfo>() {
        return STATUS_INVALID_PARAMETER;
    }
    let newer = (bind.major, bind.minor) > (MAJOR, MINOR);
    if bind.major != MAJOR || newer || bind.function_count as usize > super::FUNCTIONS {
        finding::raise(
            &rules::WDF_VERSION,
            format!(
                "the driver asks for KMDF {}.{} with {} functions; KMDF {MAJOR}.{MINOR} with {} is there",
                bind.major,
                bind.minor,
                bind.function_count,
                super::FUNCTIONS
            ),
        );
        return STATUS_REVISION_MISMATCH;
    }
    if bind.size as usize >= size_of::<BindInfo2>() {
        // SAFETY: the size says that the longer structure is there; its pointer is to a variable of the driver.
        unsafe {
            let second = &*info.cast::<BindInfo2>();
            if !second.client_is_newer.is_null() {
                second.client_is_newer.write(0);
            }
        }
    }
    let table = table();
    // SAFETY: the driver's room for the table, or for its address, by the number of functions it names.
    unsafe {
        if bind.function_count <= COPIED {
            let count = bind.function_count as usize;
            bind.function_table.copy_from(table, count);
        } else {
            bind.function_table
                .cast::<*const *const c_void>()
                .write(table);
        }
    }
    let own: *mut Globals = pool::allocate(size_of::<Globals>(), *b"Wdf ", Owner::System).cast();
    // SAFETY: the block was just allocated, zeroed, with this size; the other place is the driver's.
    unsafe {
        (*own).displace_unload = 1;
        globals.write(own);
    }
    kernel().nt.wdf.clients.borrow_mut().push(own as usize);
    STATUS_SUCCESS
}

extern "win64" fn wdf_version_unbind(
    _registry_path: *const UnicodeString,
    _info: *const BindInfo,
    globals: *mut Globals,
) -> NtStatus {
    let clients = &kernel().nt.wdf.clients;
    let place = clients
        .borrow()
        .iter()
        .position(|one| *one == globals as usize);
    match place {
        Some(place) => {
            clients.borrow_mut().remove(place);
            super::object::delete_driver(globals);
            pool::free(globals.cast());
        }
        None => finding::fatal(
            &rules::WDF_OBJECT,
            format!("WdfVersionUnbind with {globals:p}, which is not bound"),
        ),
    }
    STATUS_SUCCESS
}

extern "win64" fn wdf_version_bind_class(
    _info: *const BindInfo,
    _globals: *mut Globals,
    _class: *mut c_void,
) -> NtStatus {
    finding::raise(
        &rules::WDF_VERSION,
        "the driver asks for a class extension of KMDF; none is there",
    );
    STATUS_NOT_SUPPORTED
}

extern "win64" fn wdf_version_unbind_class(
    _info: *const BindInfo,
    _globals: *mut Globals,
    _class: *mut c_void,
) {
}

/// Interfaces of the loader are for diagnostics; the framework's stub does without (inferred: it takes no notice of a failure).
extern "win64" fn wdf_ldr_query_interface(_interface: *mut c_void) -> NtStatus {
    STATUS_NOT_SUPPORTED
}

const SOURCE: &str = "fxldr.h, wdfldr.h (github.com/microsoft/Windows-Driver-Frameworks)";

const fn row(name: &'static str, function: *const ()) -> Import {
    Import::function("wdfldr.sys", name, function, Levels::PASSIVE, SOURCE)
}

pub(super) static IMPORTS: &[Import] = &[
    row("WdfVersionBind", wdf_version_bind as *const ()),
    row("WdfVersionUnbind", wdf_version_unbind as *const ()),
    row("WdfVersionBindClass", wdf_version_bind_class as *const ()),
    row(
        "WdfVersionUnbindClass",
        wdf_version_unbind_class as *const (),
    ),
    row("WdfLdrQueryInterface", wdf_ldr_query_interface as *const ()),
];
