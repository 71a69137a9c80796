//! Registry keys as objects: what IPort::NewRegistryKey and PcNewRegistryKey give (IRegistryKey, portcls.h). Each method is the kernel's
//! routine of nearly the same name, on the key's handle.

use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use waverig_portcls::{Guid, NTSTATUS};

use super::adapter;
use super::com::{self, HostObject, Method, Table};
use crate::imports::Levels;
use crate::nt::layout::{DeviceObject, ObjectAttributes, UnicodeString};
use crate::nt::object::{self, HandleOwner};
use crate::nt::registry::{Key, query, rows};
use crate::nt::status::NtStatus;
use crate::nt::{pdo, unicode};

// The kinds of PcNewRegistryKey (portcls.h).
const GENERAL: u32 = 0;
const DEVICE: u32 = 1;
const DRIVER: u32 = 2;

/// A key, open as long as the object.
struct RegistryKey {
    handle: usize,
}

impl Drop for RegistryKey {
    fn drop(&mut self) {
        object::close(self.handle);
    }
}

impl HostObject for RegistryKey {
    fn name(&self) -> String {
        let key = object::lookup_key(self.handle);
        key.map_or_else(
            || "a key".to_owned(),
            |key| format!("the key {}", key.path()),
        )
    }

    fn tables(&self) -> &'static [&'static Table] {
        static TABLES: [&Table; 1] = [&TABLE];
        &TABLES
    }
}

/// The object closes the handle, so that it is not the driver's to close.
fn give(key: Key, out: *mut *mut c_void) -> NTSTATUS {
    let handle = object::open_key(key, HandleOwner::User);
    let key = Rc::new(RegistryKey { handle });
    let pointer = com::give(&key, &TABLE.iid).expect("every key has its interface");
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { out.write(pointer) };
    STATUS_SUCCESS
}

/// Opens or makes a key for a device of this driver.
pub(super) fn open(
    device: *mut DeviceObject,
    out: *mut *mut c_void,
    kind: u32,
    access: u32,
    attributes: *const ObjectAttributes,
    disposition: *mut u32,
) -> NTSTATUS {
    let of_device = || adapter::named(device, "NewRegistryKey").map(|adapter| adapter.pdo);
    let key = match kind {
        GENERAL => {
            let mut handle = 0;
            let (class, options) = (std::ptr::null(), 0);
            let status = rows::zw_create_key(
                &raw mut handle,
                access,
                attributes,
                0,
                class,
                options,
                disposition,
            );
            if !status.is_ok() {
                return status.0;
            }
            let key = object::lookup_key(handle);
            object::close(handle);
            key
        }
        DEVICE => of_device().and_then(pdo::hardware_key),
        DRIVER => of_device().and_then(pdo::software_key),
        // Keys of hardware profiles and of device interfaces: no driver here has asked for one.
        _ => None,
    };
    match key {
        Some(key) => give(key, out),
        None => STATUS_INVALID_PARAMETER,
    }
}

pub(super) extern "win64" fn pc_new_registry_key(
    out: *mut *mut c_void,
    _outer: *mut c_void,
    kind: u32,
    access: u32,
    device: *mut DeviceObject,
    _subdevice: *mut c_void,
    attributes: *const ObjectAttributes,
    _options: u32,
    disposition: *mut u32,
) -> NTSTATUS {
    open(device, out, kind, access, attributes, disposition)
}

fn handle(this: *mut c_void) -> usize {
    com::host::<RegistryKey>(this).handle
}

extern "win64" fn query_key(
    this: *mut c_void,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    rows::zw_query_key(handle(this), class, buffer, length, needed)
}

extern "win64" fn enumerate_key(
    this: *mut c_void,
    index: u32,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    rows::zw_enumerate_key(handle(this), index, class, buffer, length, needed)
}

extern "win64" fn query_value_key(
    this: *mut c_void,
    name: *const UnicodeString,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    rows::zw_query_value_key(handle(this), name, class, buffer, length, needed)
}

extern "win64" fn enumerate_value_key(
    this: *mut c_void,
    index: u32,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    rows::zw_enumerate_value_key(handle(this), index, class, buffer, length, needed)
}

extern "win64" fn set_value_key(
    this: *mut c_void,
    name: *const UnicodeString,
    kind: u32,
    data: *const u8,
    size: u32,
) -> NtStatus {
    rows::zw_set_value_key(handle(this), name, 0, kind, data, size)
}

extern "win64" fn query_registry_values(
    this: *mut c_void,
    table: *const c_void,
    context: *mut c_void,
) -> NtStatus {
    query::of_key(object::lookup_key(handle(this)), table.cast(), context)
}

extern "win64" fn new_sub_key(
    this: *mut c_void,
    out: *mut *mut c_void,
    _outer: *mut c_void,
    _access: u32,
    name: *const UnicodeString,
    _options: u32,
    disposition: *mut u32,
) -> NTSTATUS {
    let Some(parent) = object::lookup_key(handle(this)) else {
        return STATUS_INVALID_PARAMETER;
    };
    let name = unicode::text(name);
    let known = parent.open(&name);
    if !disposition.is_null() {
        // SAFETY: the driver's variable. REG_CREATED_NEW_KEY is 1, REG_OPENED_EXISTING_KEY 2 (wdm.h).
        unsafe { disposition.write(if known.is_some() { 2 } else { 1 }) };
    }
    let key = known.unwrap_or_else(|| parent.create(&name));
    give(key, out)
}

extern "win64" fn delete_key(this: *mut c_void) -> NtStatus {
    rows::zw_delete_key(handle(this))
}

macro_rules! methods {
    ($($name:literal $function:ident $source:literal;)*) => {
        &[$(Method {
            name: concat!("IRegistryKey::", $name),
            function: $function as *const (),
            levels: Levels::PASSIVE,
            source: concat!("portcls/nf-portcls-iregistrykey-", $source),
        }),*]
    };
}

static TABLE: Table = Table {
    iid: Guid::new(0xE8DA4302_F304_11D0_958B_00C04FB92593),
    methods: methods! {
        "QueryKey"            query_key             "querykey";
        "EnumerateKey"        enumerate_key         "enumeratekey";
        "QueryValueKey"       query_value_key       "queryvaluekey";
        "EnumerateValueKey"   enumerate_value_key   "enumeratevaluekey";
        "SetValueKey"         set_value_key         "setvaluekey";
        "QueryRegistryValues" query_registry_values "queryregistryvalues";
        "NewSubKey"           new_sub_key           "newsubkey";
        "DeleteKey"           delete_key            "deletekey";
    },
};
