//! `RtlQueryRegistryValues`, the table-driven reading of a key, and the key of a driver's own parameters.

use std::ffi::c_void;

use super::rows::relative_key;
use super::{Key, Value};
use crate::call;
use crate::imports::nt_rows;
use crate::nt::driver;
use crate::nt::layout::{DriverObject, UnicodeString};
use crate::nt::object::{self, HandleOwner};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{
    NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
};
use crate::nt::unicode;

// RTL_QUERY_REGISTRY_… (wdm.h).
const SUBKEY: u32 = 0x1;
const TOPKEY: u32 = 0x2;
const REQUIRED: u32 = 0x4;
const NO_VALUE: u32 = 0x8;
const DIRECT: u32 = 0x20;
const DELETE: u32 = 0x40;
const TYPE_CHECK: u32 = 0x100;
/// Where the type that is checked stands in `DefaultType`.
const TYPE_CHECK_SHIFT: u32 = 24;
/// `RTL_REGISTRY_OPTIONAL`: a key that is missing is no error.
const OPTIONAL: u32 = 0x8000_0000;

type Routine = unsafe extern "win64" fn(
    *const u16,
    u32,
    *const c_void,
    u32,
    *mut c_void,
    *mut c_void,
) -> NtStatus;

/// `RTL_QUERY_REGISTRY_TABLE`.
#[repr(C)]
pub(crate) struct Entry {
    routine: Option<Routine>,
    flags: u32,
    name: *const u16,
    context: *mut c_void,
    default_type: u32,
    default_data: *const u8,
    default_length: u32,
}

/// What an entry is given: a type and bytes.
type Data = (u32, Vec<u8>);

extern "win64" fn rtl_query_registry_values(
    relative: u32,
    path: *const u16,
    table: *const Entry,
    context: *mut c_void,
    _environment: *const c_void,
) -> NtStatus {
    let top = relative_key(relative, path, false);
    if top.is_none() && relative & OPTIONAL == 0 {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    of_key(top, table, context)
}

/// What a table of queries asks of a key.
pub(crate) fn of_key(top: Option<Key>, mut table: *const Entry, context: *mut c_void) -> NtStatus {
    let mut key = top.clone();
    loop {
        // SAFETY: the driver's table, which ends with an entry of zeros; a bad address faults into a report.
        let entry = unsafe { &*table };
        if entry.routine.is_none() && entry.name.is_null() {
            return STATUS_SUCCESS;
        }
        if entry.flags & (SUBKEY | TOPKEY) != 0 {
            key.clone_from(&top);
        }
        let name = String::from_utf16_lossy(unicode::terminated(entry.name));
        if entry.flags & SUBKEY != 0 {
            key = key.and_then(|key| key.open(&name));
            if key.is_none() && entry.flags & REQUIRED != 0 {
                return STATUS_OBJECT_NAME_NOT_FOUND;
            }
        } else if entry.flags & NO_VALUE == 0
            && let Err(status) = value(entry, &name, key.as_ref(), context)
        {
            return status;
        }
        table = table.wrapping_add(1);
    }
}

fn value(
    entry: &Entry,
    name: &str,
    key: Option<&Key>,
    context: *mut c_void,
) -> Result<(), NtStatus> {
    let default = entry.default_type & 0x00FF_FFFF;
    let named = key.and_then(|key| key.get(name));
    let data: Data = match named {
        Some(value) => (value.kind(), value.bytes()),
        None if entry.name.is_null() => return each(entry, key, context),
        None if default != 0 => {
            let length = entry.default_length as usize;
            // SAFETY: the driver's default of that length; a bad address faults into a report.
            let bytes = unsafe { std::slice::from_raw_parts(entry.default_data, length) };
            (default, bytes.to_vec())
        }
        None if entry.flags & REQUIRED != 0 => return Err(STATUS_OBJECT_NAME_NOT_FOUND),
        None => return Ok(()),
    };
    let expected = entry.default_type >> TYPE_CHECK_SHIFT;
    if entry.flags & TYPE_CHECK != 0 && expected != data.0 {
        return Err(STATUS_OBJECT_TYPE_MISMATCH);
    }
    give(entry, name, &data, context)?;
    if entry.flags & DELETE != 0
        && let Some(key) = key
    {
        key.remove(name);
    }
    Ok(())
}

/// Every value of the key, for an entry without a name.
fn each(entry: &Entry, key: Option<&Key>, context: *mut c_void) -> Result<(), NtStatus> {
    for (name, value) in key.map(Key::values).unwrap_or_default() {
        give(entry, &name, &(value.kind(), value.bytes()), context)?;
    }
    Ok(())
}

fn give(entry: &Entry, name: &str, data: &Data, context: *mut c_void) -> Result<(), NtStatus> {
    let (kind, bytes) = data;
    if entry.flags & DIRECT != 0 {
        return direct(entry.context, *kind, bytes);
    }
    let Some(routine) = entry.routine else {
        return Ok(());
    };
    let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
    // SAFETY: the routine of the driver's table; what it is given lives until it returns.
    let status = unsafe {
        call::driver(
            "QueryRoutine",
            routine,
            (
                name.as_ptr(),
                *kind,
                bytes.as_ptr().cast(),
                bytes.len() as u32,
                context,
                entry.context,
            ),
        )
    };
    if status.is_ok() { Ok(()) } else { Err(status) }
}

/// Stores a value where the entry's context says: strings in a UNICODE_STRING, up to four bytes as they are, others with the room
/// that the first four bytes name as a negative number.
fn direct(place: *mut c_void, kind: u32, bytes: &[u8]) -> Result<(), NtStatus> {
    if place.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: the driver's variable of the kind that the flag asks for; a bad address faults into a report.
    unsafe {
        match Value::from_bytes(kind, bytes) {
            Value::Sz(_) | Value::ExpandSz(_) | Value::MultiSz(_) => {
                let string = &mut *place.cast::<UnicodeString>();
                if string.buffer.is_null() {
                    let block = pool::allocate(bytes.len().max(2), *b"MmSt", Owner::Driver);
                    string.buffer = block.cast();
                    string.maximum_length = bytes.len() as u16;
                } else if usize::from(string.maximum_length) < bytes.len() {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                string
                    .buffer
                    .cast::<u8>()
                    .copy_from(bytes.as_ptr(), bytes.len());
                string.length = bytes.len().saturating_sub(2) as u16;
            }
            _ if bytes.len() <= 4 => place.cast::<u8>().copy_from(bytes.as_ptr(), bytes.len()),
            _ => {
                let room = place.cast::<i32>().read_unaligned();
                if room >= 0 || (room.unsigned_abs() as usize) < bytes.len() {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                place.cast::<u8>().copy_from(bytes.as_ptr(), bytes.len());
            }
        }
    }
    Ok(())
}

/// `DriverRegKeyParameters`, and the two kinds of state that live beside it (wdm.h, DRIVER_REGKEY_TYPE).
extern "win64" fn io_open_driver_registry_key(
    object: *mut DriverObject,
    kind: i32,
    _access: u32,
    _flags: u32,
    handle: *mut usize,
) -> NtStatus {
    let name = match kind {
        0 => "Parameters",
        1 => "State",
        2 => "SharedState",
        _ => return STATUS_INVALID_PARAMETER,
    };
    // SAFETY: the driver's object; a bad address faults into a report.
    let service = unsafe { (*(*object).driver_extension).service_key_name.to_string() };
    // That the key is made when an INF did not is inferred: the public samples do not start without it, and their INFs make none.
    let key = super::create(&driver::service_key(&service)).create(name);
    // SAFETY: the driver's place for the handle.
    unsafe { handle.write(object::open_key(key, HandleOwner::Driver)) };
    STATUS_SUCCESS
}

nt_rows! {
    "RtlQueryRegistryValues"  rtl_query_registry_values   PASSIVE "wdm/nf-wdm-rtlqueryregistryvalues";
    "IoOpenDriverRegistryKey" io_open_driver_registry_key PASSIVE "wdm/nf-wdm-ioopendriverregistrykey";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    fn check(flags: u32, default: u32, name: &str, expect: (NtStatus, u32)) {
        Kernel::boot(Options::default());
        let path = "\\Registry\\Machine\\Test";
        let key = crate::nt::registry::create(path);
        key.set("Number", Value::Dword(7));
        key.set("Text", Value::Sz("x".into()));
        let wide = |text: &str| text.encode_utf16().chain([0]).collect::<Vec<u16>>();
        let (path, name) = (wide(path), wide(name));
        let (mut place, fallback) = (1_u32, 5_u32);
        let stored: *mut c_void = (&raw mut place).cast();
        let entry = |name: *const u16| Entry {
            routine: None,
            flags,
            name,
            context: stored,
            default_type: default,
            default_data: (&raw const fallback).cast(),
            default_length: 4,
        };
        let table = [entry(name.as_ptr()), entry(std::ptr::null())];
        let status = rtl_query_registry_values(
            0,
            path.as_ptr(),
            table.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null(),
        );
        assert_eq!((status, place), expect);
    }

    #[test]
    fn a_value_is_stored_directly_checked_or_given_by_default() {
        let typed = DIRECT | TYPE_CHECK;
        let dword = 4 << TYPE_CHECK_SHIFT;
        check(DIRECT, 0, "Number", (STATUS_SUCCESS, 7));
        check(typed, dword, "Number", (STATUS_SUCCESS, 7));
        check(typed, dword, "Text", (STATUS_OBJECT_TYPE_MISMATCH, 1));
        check(DIRECT, 0, "None", (STATUS_SUCCESS, 1));
        check(typed, dword | 4, "None", (STATUS_SUCCESS, 5));
        let missing = (STATUS_OBJECT_NAME_NOT_FOUND, 1);
        check(DIRECT | REQUIRED, 0, "None", missing);
    }
}
