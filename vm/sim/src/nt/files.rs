//! Files that drivers write and read by path: a disk in memory, so that a driver never reaches a file of the host. Whoever runs the
//! machine may take them out afterwards.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;

use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::layout::{IoStatus, ObjectAttributes};
use crate::nt::object::{self, HandleOwner, Kind};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{
    NtStatus, STATUS_ACCESS_DENIED, STATUS_BUFFER_TOO_SMALL, STATUS_DELETE_PENDING,
    STATUS_END_OF_FILE, STATUS_INVALID_HANDLE, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
};

/// Folders that every Windows has. `\DriverData` is where drivers shall write since Windows 10 1803 ("Driver isolation").
const FOLDERS: &[&str] = &[
    "\\DriverData",
    "\\??\\C:",
    "\\??\\C:\\Windows",
    "\\??\\C:\\Windows\\System32",
    "\\??\\C:\\Windows\\System32\\drivers",
    "\\??\\C:\\Windows\\Temp",
];

// Dispositions and options of ZwCreateFile (wdm.h).
const SUPERSEDE: u32 = 0;
const OPEN: u32 = 1;
const CREATE: u32 = 2;
const OPEN_IF: u32 = 3;
const OVERWRITE: u32 = 4;
const OVERWRITE_IF: u32 = 5;
const DIRECTORY_FILE: u32 = 1;
const NON_DIRECTORY_FILE: u32 = 0x40;
// What became of it (IO_STATUS_BLOCK.Information).
const SUPERSEDED: usize = 0;
const OPENED: usize = 1;
const CREATED: usize = 2;
const OVERWRITTEN: usize = 3;
// Access rights that let write or read (winnt.h).
const MAY_WRITE: u32 = 0x4000_0000 | 0x1000_0000 | 0x2 | 0x4;
const MAY_READ: u32 = 0x8000_0000 | 0x1000_0000 | 0x1;
// FILE_INFORMATION_CLASS (wdm.h).
const STANDARD_INFORMATION: i32 = 5;
const DISPOSITION_INFORMATION: i32 = 13;
const POSITION_INFORMATION: i32 = 14;
const END_OF_FILE_INFORMATION: i32 = 20;
/// `FILE_WRITE_TO_END_OF_FILE` and `FILE_USE_FILE_POINTER_POSITION`, with -1 as the high half.
const TO_END: i64 = -1;
const AT_POINTER: i64 = -2;
/// No driver's file is as long as this: a longer one is a length that went wrong.
const LONGEST: u64 = 1 << 32;

#[derive(Debug, Clone)]
struct Open {
    path: String,
    folder: bool,
    access: u32,
    position: u64,
}

#[derive(Debug, Default)]
struct File {
    /// As the driver spelled it.
    name: String,
    bytes: Vec<u8>,
    delete: bool,
}

/// The disk.
#[derive(Debug, Default)]
pub(crate) struct DiskState {
    files: RefCell<BTreeMap<String, File>>,
    folders: RefCell<BTreeSet<String>>,
    open: RefCell<BTreeMap<usize, Open>>,
}

fn disk() -> &'static DiskState {
    &kernel().nt.disk
}

/// Every file that drivers left, by the path that they gave, with what it holds.
pub fn written() -> Vec<(String, Vec<u8>)> {
    let files = disk().files.borrow();
    files
        .values()
        .map(|file| (file.name.clone(), file.bytes.clone()))
        .collect()
}

/// Puts a file onto the disk before a driver looks for it; its folders are made.
pub fn put(path: &str, bytes: &[u8]) {
    let key = canonical(path);
    let mut folder = key.as_str();
    while let Some((parent, _)) = folder.rsplit_once('\\') {
        disk().folders.borrow_mut().insert(parent.to_owned());
        folder = parent;
    }
    let file = File {
        name: path.to_owned(),
        bytes: bytes.to_vec(),
        delete: false,
    };
    disk().files.borrow_mut().insert(key, file);
}

/// One spelling of each path: upper case, without the links that lead to the same place.
fn canonical(path: &str) -> String {
    let upper = path.trim_end_matches('\\').to_uppercase();
    for (link, target) in [
        ("\\DOSDEVICES\\", "\\??\\"),
        ("\\GLOBAL??\\", "\\??\\"),
        ("\\SYSTEMROOT\\", "\\??\\C:\\WINDOWS\\"),
    ] {
        if let Some(rest) = upper.strip_prefix(link) {
            return format!("{target}{rest}");
        }
    }
    upper
}

fn is_folder(key: &str) -> bool {
    FOLDERS.iter().any(|folder| folder.to_uppercase() == key)
        || disk().folders.borrow().contains(key)
}

fn store<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the driver's place for a result; a bad address faults into a report.
        unsafe { place.write_unaligned(value) };
    }
}

fn finish(block: *mut IoStatus, status: NtStatus, information: usize) -> NtStatus {
    store(
        block,
        IoStatus {
            status,
            information,
        },
    );
    status
}

/// The path that object attributes name.
fn path_of(attributes: *const ObjectAttributes) -> Result<String, NtStatus> {
    let (root, name) = object::named(attributes);
    match root {
        0 if name.starts_with('\\') => Ok(name),
        0 => Err(STATUS_OBJECT_NAME_INVALID),
        root => {
            let root = open_of(root).ok_or(STATUS_INVALID_HANDLE)?;
            Ok(format!("{}\\{name}", root.path))
        }
    }
}

/// Creates or opens: what became of it.
fn create(path: &str, disposition: u32, options: u32) -> Result<(usize, bool), NtStatus> {
    let key = canonical(path);
    let parent = key.rsplit_once('\\').map_or("", |(parent, _)| parent);
    if is_folder(&key) {
        return match (options & NON_DIRECTORY_FILE != 0, disposition) {
            (true, _) => Err(STATUS_ACCESS_DENIED),
            (false, OPEN | OPEN_IF) => Ok((OPENED, true)),
            (false, _) => Err(STATUS_OBJECT_NAME_COLLISION),
        };
    }
    if !is_folder(parent) {
        return Err(STATUS_OBJECT_PATH_NOT_FOUND);
    }
    let mut files = disk().files.borrow_mut();
    let there = files.get_mut(&key);
    if there.is_some() && options & DIRECTORY_FILE != 0 {
        return Err(STATUS_OBJECT_NAME_COLLISION);
    }
    let made = match (there, disposition) {
        (Some(file), _) if file.delete => return Err(STATUS_DELETE_PENDING),
        (Some(_), CREATE) => return Err(STATUS_OBJECT_NAME_COLLISION),
        (Some(_), OPEN | OPEN_IF) => OPENED,
        (Some(file), OVERWRITE | OVERWRITE_IF | SUPERSEDE) => {
            file.bytes.clear();
            if disposition == SUPERSEDE {
                SUPERSEDED
            } else {
                OVERWRITTEN
            }
        }
        (None, OPEN | OVERWRITE) => return Err(STATUS_OBJECT_NAME_NOT_FOUND),
        (None, CREATE | OPEN_IF | OVERWRITE_IF | SUPERSEDE) => CREATED,
        _ => return Err(STATUS_INVALID_PARAMETER),
    };
    let folder = options & DIRECTORY_FILE != 0;
    if made == CREATED && folder {
        disk().folders.borrow_mut().insert(key);
    } else if made == CREATED {
        let file = File {
            name: path.to_owned(),
            ..File::default()
        };
        files.insert(key, file);
    }
    Ok((made, folder))
}

extern "win64" fn zw_create_file(
    handle: *mut usize,
    access: u32,
    attributes: *const ObjectAttributes,
    block: *mut IoStatus,
    _allocation: *const i64,
    _file_attributes: u32,
    _share: u32,
    disposition: u32,
    options: u32,
    _ea: *const c_void,
    _ea_length: u32,
) -> NtStatus {
    let path = match path_of(attributes) {
        Ok(path) => path,
        Err(status) => return finish(block, status, 0),
    };
    let (made, folder) = match create(&path, disposition, options) {
        Ok(made) => made,
        Err(status) => return finish(block, status, 0),
    };
    // What the handle leads to: an object that is counted, and no more.
    let object = pool::allocate(16, *b"File", Owner::System);
    let open = Open {
        path,
        folder,
        access,
        position: 0,
    };
    disk().open.borrow_mut().insert(object as usize, open);
    object::track(object, Kind::File, move || closed(object));
    store(handle, object::open(object, HandleOwner::Driver));
    object::dereference(object);
    finish(block, STATUS_SUCCESS, made)
}

/// The last reference on an open file is gone.
fn closed(object: *mut u8) {
    let open = disk().open.borrow_mut().remove(&(object as usize));
    if let Some(open) = open {
        let key = canonical(&open.path);
        let mut files = disk().files.borrow_mut();
        if files.get(&key).is_some_and(|file| file.delete) {
            files.remove(&key);
        }
    }
    pool::free(object);
}

extern "win64" fn zw_open_file(
    handle: *mut usize,
    access: u32,
    attributes: *const ObjectAttributes,
    block: *mut IoStatus,
    share: u32,
    options: u32,
) -> NtStatus {
    zw_create_file(
        handle,
        access,
        attributes,
        block,
        std::ptr::null(),
        0,
        share,
        OPEN,
        options,
        std::ptr::null(),
        0,
    )
}

fn open_of(handle: usize) -> Option<Open> {
    let object = object::lookup(handle)? as usize;
    disk().open.borrow().get(&object).cloned()
}

fn set_position(handle: usize, position: u64) {
    let Some(object) = object::lookup(handle) else {
        return;
    };
    if let Some(open) = disk().open.borrow_mut().get_mut(&(object as usize)) {
        open.position = position;
    }
}

/// Where a transfer begins, and the file's bytes; what is wrong with the handle otherwise.
fn transfer(
    handle: usize,
    right: u32,
    offset: *const i64,
    act: impl FnOnce(&mut Vec<u8>, u64) -> (NtStatus, usize),
) -> (NtStatus, usize) {
    let Some(open) = open_of(handle) else {
        return (STATUS_INVALID_HANDLE, 0);
    };
    if open.folder {
        return (STATUS_OBJECT_TYPE_MISMATCH, 0);
    }
    if open.access & right == 0 {
        return (STATUS_ACCESS_DENIED, 0);
    }
    let mut files = disk().files.borrow_mut();
    let Some(file) = files.get_mut(&canonical(&open.path)) else {
        return (STATUS_INVALID_HANDLE, 0);
    };
    // SAFETY: null, or the driver's offset; a bad address faults into a report.
    let asked = (!offset.is_null()).then(|| unsafe { offset.read_unaligned() });
    let begin = match asked {
        None | Some(AT_POINTER) => open.position,
        Some(TO_END) => file.bytes.len() as u64,
        Some(begin) => match u64::try_from(begin).ok().filter(|begin| *begin < LONGEST) {
            Some(begin) => begin,
            None => return (STATUS_INVALID_PARAMETER, 0),
        },
    };
    let (status, count) = act(&mut file.bytes, begin);
    drop(files);
    set_position(handle, begin + count as u64);
    (status, count)
}

extern "win64" fn zw_write_file(
    handle: usize,
    _event: usize,
    _apc: usize,
    _apc_context: usize,
    block: *mut IoStatus,
    buffer: *const u8,
    length: u32,
    offset: *const i64,
    _key: *const u32,
) -> NtStatus {
    // SAFETY: the driver's bytes; a bad address faults into a report.
    let bytes = unsafe { std::slice::from_raw_parts(buffer, length as usize) };
    let (status, count) = transfer(handle, MAY_WRITE, offset, |file, begin| {
        // Below `LONGEST`, which fits.
        let begin = begin as usize;
        let end = begin + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[begin..end].copy_from_slice(bytes);
        (STATUS_SUCCESS, bytes.len())
    });
    finish(block, status, count)
}

extern "win64" fn zw_read_file(
    handle: usize,
    _event: usize,
    _apc: usize,
    _apc_context: usize,
    block: *mut IoStatus,
    buffer: *mut u8,
    length: u32,
    offset: *const i64,
    _key: *const u32,
) -> NtStatus {
    let (status, count) = transfer(handle, MAY_READ, offset, |file, begin| {
        let rest = file.get(begin as usize..).unwrap_or_default();
        let count = rest.len().min(length as usize);
        if count == 0 && length > 0 {
            return (STATUS_END_OF_FILE, 0);
        }
        // SAFETY: the driver's room of that length; a bad address faults into a report.
        unsafe { buffer.copy_from(rest.as_ptr(), count) };
        (STATUS_SUCCESS, count)
    });
    finish(block, status, count)
}

extern "win64" fn zw_query_information_file(
    handle: usize,
    block: *mut IoStatus,
    buffer: *mut u8,
    length: u32,
    class: i32,
) -> NtStatus {
    let Some(open) = open_of(handle) else {
        return finish(block, STATUS_INVALID_HANDLE, 0);
    };
    let size = {
        let files = disk().files.borrow();
        let file = files.get(&canonical(&open.path));
        file.map_or(0, |file| file.bytes.len() as u64)
    };
    let answer: Vec<u8> = match class {
        // Allocation, end of file, links, delete pending, directory, padding.
        STANDARD_INFORMATION => [size.next_multiple_of(4096), size, 1]
            .into_iter()
            .flat_map(u64::to_le_bytes)
            .enumerate()
            .map(|(at, byte)| {
                if at == 21 {
                    u8::from(open.folder)
                } else {
                    byte
                }
            })
            .collect(),
        POSITION_INFORMATION => open.position.to_le_bytes().to_vec(),
        _ => return finish(block, STATUS_INVALID_INFO_CLASS, 0),
    };
    if (length as usize) < answer.len() {
        return finish(block, STATUS_BUFFER_TOO_SMALL, 0);
    }
    // SAFETY: the driver's room; a bad address faults into a report.
    unsafe { buffer.copy_from(answer.as_ptr(), answer.len()) };
    finish(block, STATUS_SUCCESS, answer.len())
}

extern "win64" fn zw_set_information_file(
    handle: usize,
    block: *mut IoStatus,
    buffer: *const u8,
    length: u32,
    class: i32,
) -> NtStatus {
    let Some(open) = open_of(handle) else {
        return finish(block, STATUS_INVALID_HANDLE, 0);
    };
    let needed = if class == DISPOSITION_INFORMATION {
        1
    } else {
        8
    };
    if length < needed {
        return finish(block, STATUS_BUFFER_TOO_SMALL, 0);
    }
    let mut number = [0; 8];
    // SAFETY: the driver's structure, which has as many bytes; a bad address faults into a report.
    unsafe { buffer.copy_to(number.as_mut_ptr(), needed as usize) };
    let number = u64::from_le_bytes(number);
    let mut files = disk().files.borrow_mut();
    let file = files.get_mut(&canonical(&open.path));
    match (class, file) {
        (POSITION_INFORMATION, _) => {
            drop(files);
            set_position(handle, number);
        }
        (END_OF_FILE_INFORMATION, Some(file)) if number < LONGEST => {
            file.bytes.resize(number as usize, 0);
        }
        (DISPOSITION_INFORMATION, Some(file)) => file.delete = number != 0,
        (END_OF_FILE_INFORMATION | DISPOSITION_INFORMATION, _) => {
            drop(files);
            return finish(block, STATUS_INVALID_PARAMETER, 0);
        }
        _ => {
            drop(files);
            return finish(block, STATUS_INVALID_INFO_CLASS, 0);
        }
    }
    finish(block, STATUS_SUCCESS, 0)
}

extern "win64" fn zw_flush_buffers_file(handle: usize, block: *mut IoStatus) -> NtStatus {
    let status = open_of(handle).map_or(STATUS_INVALID_HANDLE, |_| STATUS_SUCCESS);
    finish(block, status, 0)
}

nt_rows! {
    "ZwCreateFile"           zw_create_file            PASSIVE "wdm/nf-wdm-zwcreatefile";
    "ZwOpenFile"             zw_open_file              PASSIVE "wdm/nf-wdm-zwopenfile";
    "ZwWriteFile"            zw_write_file             PASSIVE "wdm/nf-wdm-zwwritefile";
    "ZwReadFile"             zw_read_file              PASSIVE "wdm/nf-wdm-zwreadfile";
    "ZwQueryInformationFile" zw_query_information_file PASSIVE "wdm/nf-wdm-zwqueryinformationfile";
    "ZwSetInformationFile"   zw_set_information_file   PASSIVE "wdm/nf-wdm-zwsetinformationfile";
    "ZwFlushBuffersFile"     zw_flush_buffers_file     PASSIVE "ntifs/nf-ntifs-zwflushbuffersfile";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_file_needs_its_folder_and_its_disposition() {
        Kernel::boot(Options::default());
        let check = |path, disposition, options, expect| {
            assert_eq!(create(path, disposition, options), expect, "{path}");
        };
        let lost = Err(STATUS_OBJECT_PATH_NOT_FOUND);
        check("\\DriverData\\A\\x.wav", CREATE, 0, lost);
        check(
            "\\DriverData\\A",
            OPEN_IF,
            DIRECTORY_FILE,
            Ok((CREATED, true)),
        );
        check(
            "\\DriverData\\a",
            OPEN_IF,
            DIRECTORY_FILE,
            Ok((OPENED, true)),
        );
        let none = Err(STATUS_OBJECT_NAME_NOT_FOUND);
        check("\\DriverData\\A\\x.wav", OPEN, 0, none);
        check(
            "\\DriverData\\A\\x.wav",
            OVERWRITE_IF,
            0,
            Ok((CREATED, false)),
        );
        check("\\DriverData\\A\\X.WAV", OPEN_IF, 0, Ok((OPENED, false)));
        let taken = Err(STATUS_OBJECT_NAME_COLLISION);
        check("\\DriverData\\A\\X.WAV", CREATE, 0, taken);
        check("\\SystemRoot\\Temp\\t", SUPERSEDE, 0, Ok((CREATED, false)));
        check("\\??\\C:\\Windows\\Temp\\T", OPEN, 0, Ok((OPENED, false)));
        assert_eq!(written().len(), 2);
    }
}
