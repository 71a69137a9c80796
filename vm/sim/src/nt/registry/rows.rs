//! The registry routines that drivers import.

use std::ffi::c_void;

use super::{Key, Value, create, open};
use crate::imports::nt_rows;
use crate::nt::layout::{ObjectAttributes, UnicodeString};
use crate::nt::object::{self, HandleOwner};
use crate::nt::status::{
    NtStatus, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
};
use crate::nt::unicode;

// KEY_VALUE_INFORMATION_CLASS (wdm.h).
const VALUE_BASIC: i32 = 0;
const VALUE_FULL: i32 = 1;
const VALUE_PARTIAL: i32 = 2;
// KEY_INFORMATION_CLASS.
const KEY_BASIC: i32 = 0;
const KEY_FULL: i32 = 2;
// Dispositions of ZwCreateKey.
const CREATED: u32 = 1;
const OPENED: u32 = 2;

/// The key that object attributes name: relative to a handle, or a full path.
fn named(attributes: *const ObjectAttributes) -> Result<(Option<Key>, String), NtStatus> {
    let (root, name) = object::named(attributes);
    match root {
        0 => Ok((None, name)),
        handle => object::lookup_key(handle)
            .map(|key| (Some(key), name))
            .ok_or(STATUS_INVALID_HANDLE),
    }
}

fn store<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the driver's place for a result; a bad address faults into a report.
        unsafe { place.write_unaligned(value) };
    }
}

extern "win64" fn zw_open_key(
    handle: *mut usize,
    _access: u32,
    attributes: *const ObjectAttributes,
) -> NtStatus {
    let found = match named(attributes) {
        Ok((Some(parent), name)) => parent.open(&name),
        Ok((None, path)) => open(&path),
        Err(status) => return status,
    };
    let Some(key) = found else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    store(handle, object::open_key(key, HandleOwner::Driver));
    STATUS_SUCCESS
}

pub(crate) extern "win64" fn zw_create_key(
    handle: *mut usize,
    access: u32,
    attributes: *const ObjectAttributes,
    _index: u32,
    _class: *const UnicodeString,
    _options: u32,
    disposition: *mut u32,
) -> NtStatus {
    if zw_open_key(handle, access, attributes) == STATUS_SUCCESS {
        store(disposition, OPENED);
        return STATUS_SUCCESS;
    }
    let key = match named(attributes) {
        Ok((Some(parent), name)) => parent.create(&name),
        Ok((None, path)) => create(&path),
        Err(status) => return status,
    };
    store(handle, object::open_key(key, HandleOwner::Driver));
    store(disposition, CREATED);
    STATUS_SUCCESS
}

/// Copies as much as fits. The fixed part must fit (else BUFFER_TOO_SMALL), the rest may be cut (BUFFER_OVERFLOW).
fn answer(bytes: &[u8], fixed: usize, buffer: *mut u8, length: u32, needed: *mut u32) -> NtStatus {
    store(
        needed,
        u32::try_from(bytes.len()).expect("a registry value is small"),
    );
    let length = length as usize;
    if length < fixed {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let count = bytes.len().min(length);
    // SAFETY: the driver says that its buffer has `length` bytes; if not, it faults into a report.
    unsafe { buffer.copy_from(bytes.as_ptr(), count) };
    if count < bytes.len() {
        STATUS_BUFFER_OVERFLOW
    } else {
        STATUS_SUCCESS
    }
}

fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a registry value is small")
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn value_information(class: i32, name: &str, value: &Value) -> Option<(Vec<u8>, usize)> {
    let (name, data) = (wide(name), value.bytes());
    let (mut bytes, tail) = match class {
        VALUE_BASIC => (words(&[0, value.kind(), length_of(&name)]), name),
        VALUE_PARTIAL => (words(&[0, value.kind(), length_of(&data)]), data),
        VALUE_FULL => {
            // The data follows the name at the next multiple of four.
            let offset = (20 + name.len()).next_multiple_of(4);
            let mut tail = name.clone();
            tail.resize(offset - 20, 0);
            tail.extend(&data);
            (
                words(&[
                    0,
                    value.kind(),
                    u32::try_from(offset).ok()?,
                    length_of(&data),
                    length_of(&name),
                ]),
                tail,
            )
        }
        _ => return None,
    };
    let fixed = bytes.len();
    bytes.extend(tail);
    Some((bytes, fixed))
}

pub(crate) extern "win64" fn zw_query_value_key(
    handle: usize,
    name: *const UnicodeString,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    let Some(key) = object::lookup_key(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    let name = unicode::given(name);
    let Some(value) = key.get(&name) else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    match value_information(class, &name, &value) {
        Some((bytes, fixed)) => answer(&bytes, fixed, buffer, length, needed),
        None => STATUS_INVALID_PARAMETER,
    }
}

pub(crate) extern "win64" fn zw_enumerate_value_key(
    handle: usize,
    index: u32,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    let Some(key) = object::lookup_key(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    let values = key.values();
    let Some((name, value)) = values.get(index as usize) else {
        return STATUS_NO_MORE_ENTRIES;
    };
    match value_information(class, name, value) {
        Some((bytes, fixed)) => answer(&bytes, fixed, buffer, length, needed),
        None => STATUS_INVALID_PARAMETER,
    }
}

pub(crate) extern "win64" fn zw_set_value_key(
    handle: usize,
    name: *const UnicodeString,
    _index: u32,
    kind: u32,
    data: *const u8,
    size: u32,
) -> NtStatus {
    let Some(key) = object::lookup_key(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    // SAFETY: the driver's data of that size; a bad address faults into a report.
    let bytes = unsafe { std::slice::from_raw_parts(data, size as usize) };
    key.set(&unicode::given(name), Value::from_bytes(kind, bytes));
    STATUS_SUCCESS
}

extern "win64" fn zw_delete_value_key(handle: usize, name: *const UnicodeString) -> NtStatus {
    let Some(key) = object::lookup_key(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    if key.remove(&unicode::given(name)) {
        STATUS_SUCCESS
    } else {
        STATUS_OBJECT_NAME_NOT_FOUND
    }
}

pub(crate) extern "win64" fn zw_delete_key(handle: usize) -> NtStatus {
    let Some(key) = object::lookup_key(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    if super::delete(key.path()) {
        STATUS_SUCCESS
    } else {
        STATUS_OBJECT_NAME_NOT_FOUND
    }
}

extern "win64" fn zw_flush_key(handle: usize) -> NtStatus {
    if object::lookup_key(handle).is_some() {
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_HANDLE
    }
}

pub(crate) extern "win64" fn zw_enumerate_key(
    handle: usize,
    index: u32,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    let Some(key) = object::lookup_key(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    if class != KEY_BASIC {
        return STATUS_INVALID_PARAMETER;
    }
    let children = key.subkeys();
    let Some(name) = children.get(index as usize) else {
        return STATUS_NO_MORE_ENTRIES;
    };
    let name = wide(name);
    let mut bytes = words(&[0, 0, 0, length_of(&name)]);
    bytes.extend(name);
    answer(&bytes, 16, buffer, length, needed)
}

pub(crate) extern "win64" fn zw_query_key(
    handle: usize,
    class: i32,
    buffer: *mut u8,
    length: u32,
    needed: *mut u32,
) -> NtStatus {
    let Some(key) = object::lookup_key(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    if class != KEY_FULL {
        return STATUS_INVALID_PARAMETER;
    }
    let (children, values) = (key.subkeys(), key.values());
    let longest = |names: &mut dyn Iterator<Item = usize>| {
        u32::try_from(names.max().unwrap_or(0)).expect("names are short")
    };
    let child = longest(&mut children.iter().map(|name| wide(name).len()));
    let value = longest(&mut values.iter().map(|(name, _)| wide(name).len()));
    let data = longest(&mut values.iter().map(|(_, value)| value.bytes().len()));
    let counts = [u32::try_from(children.len()), u32::try_from(values.len())]
        .map(|count| count.expect("few entries"));
    // KEY_FULL_INFORMATION: time, title, class offset and length, subkeys, longest name and class, values, longest name and data, class.
    let bytes = words(&[0, 0, 0, 44, 0, counts[0], child, 0, counts[1], value, data]);
    answer(&bytes, 44, buffer, length, needed)
}

extern "win64" fn rtl_write_registry_value(
    relative: u32,
    path: *const u16,
    name: *const u16,
    kind: u32,
    data: *const c_void,
    size: u32,
) -> NtStatus {
    let Some(key) = relative_key(relative, path, true) else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    // SAFETY: the driver's data of that size; a bad address faults into a report.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size as usize) };
    key.set(
        &String::from_utf16_lossy(unicode::terminated(name)),
        Value::from_bytes(kind, bytes),
    );
    STATUS_SUCCESS
}

extern "win64" fn rtl_delete_registry_value(
    relative: u32,
    path: *const u16,
    name: *const u16,
) -> NtStatus {
    let name = String::from_utf16_lossy(unicode::terminated(name));
    match relative_key(relative, path, false) {
        Some(key) if key.remove(&name) => STATUS_SUCCESS,
        _ => STATUS_OBJECT_NAME_NOT_FOUND,
    }
}

/// The key of RTL_REGISTRY_… and a path; for RTL_REGISTRY_HANDLE the path is the handle.
pub(super) fn relative_key(relative: u32, path: *const u16, make: bool) -> Option<Key> {
    const HANDLE: u32 = 0x4000_0000;
    const CONTROL: &str = "\\Registry\\Machine\\System\\CurrentControlSet";
    if relative & HANDLE != 0 {
        return object::lookup_key(path as usize);
    }
    let path = String::from_utf16_lossy(unicode::terminated(path));
    let full = match relative & 0xFF {
        0 => path,
        1 => format!("{CONTROL}\\Services\\{path}"),
        2 => format!("{CONTROL}\\Control\\{path}"),
        3 => {
            format!("\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion\\{path}")
        }
        4 => format!("\\Registry\\Machine\\Hardware\\DeviceMap\\{path}"),
        _ => return None,
    };
    if make {
        Some(create(&full))
    } else {
        open(&full)
    }
}

nt_rows! {
    "ZwOpenKey"              zw_open_key               PASSIVE "wdm/nf-wdm-zwopenkey";
    "ZwCreateKey"            zw_create_key             PASSIVE "wdm/nf-wdm-zwcreatekey";
    "ZwQueryValueKey"        zw_query_value_key        PASSIVE "wdm/nf-wdm-zwqueryvaluekey";
    "ZwEnumerateValueKey"    zw_enumerate_value_key    PASSIVE "wdm/nf-wdm-zwenumeratevaluekey";
    "ZwSetValueKey"          zw_set_value_key          PASSIVE "wdm/nf-wdm-zwsetvaluekey";
    "ZwDeleteValueKey"       zw_delete_value_key       PASSIVE "wdm/nf-wdm-zwdeletevaluekey";
    "ZwDeleteKey"            zw_delete_key             PASSIVE "wdm/nf-wdm-zwdeletekey";
    "ZwFlushKey"             zw_flush_key              PASSIVE "wdm/nf-wdm-zwflushkey";
    "ZwEnumerateKey"         zw_enumerate_key          PASSIVE "wdm/nf-wdm-zwenumeratekey";
    "ZwQueryKey"             zw_query_key              PASSIVE "wdm/nf-wdm-zwquerykey";
    "RtlWriteRegistryValue"  rtl_write_registry_value  PASSIVE "wdm/nf-wdm-rtlwriteregistryvalue";
    "RtlDeleteRegistryValue" rtl_delete_registry_value PASSIVE "wdm/nf-wdm-rtldeleteregistryvalue";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_value_is_answered_whole_cut_or_not_at_all() {
        Kernel::boot(Options::default());
        let key = create("\\Registry\\Machine\\Test");
        key.set("Name", Value::Binary(vec![1, 2, 3, 4]));
        let handle = object::open_key(key, HandleOwner::User);
        let name = UnicodeString::allocate("name");
        for (length, expected, copied) in [
            (0, STATUS_BUFFER_TOO_SMALL, 0),
            (11, STATUS_BUFFER_TOO_SMALL, 0),
            (14, STATUS_BUFFER_OVERFLOW, 14),
            (16, STATUS_SUCCESS, 16),
        ] {
            let mut buffer = [0xEE_u8; 16];
            let mut needed = 0;
            let status = zw_query_value_key(
                handle,
                &raw const name,
                VALUE_PARTIAL,
                buffer.as_mut_ptr(),
                length,
                &raw mut needed,
            );
            assert_eq!((status, needed), (expected, 16), "{length}");
            assert_eq!(buffer.iter().filter(|byte| **byte != 0xEE).count(), copied);
        }
    }
}
