//! File objects: an open of a device, and how many opens a device has.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::address::ByAddress;
use crate::kernel::kernel;
use crate::nt::layout::{DeviceObject, FileObject, UnicodeString};
use crate::nt::object::{self, Kind};
use crate::nt::pool::{self, Owner};

/// Kind of a file object (IO_TYPE_FILE, wdm.h).
const FILE_OBJECT: i16 = 5;

/// File objects that exist, by the device that was opened.
#[derive(Debug, Default)]
pub(crate) struct FileState {
    open: RefCell<ByAddress<u32>>,
    /// Devices that are being removed.
    going: RefCell<HashSet<usize>>,
}

/// From now on a device cannot be opened, or can be again. The I/O manager sees to it before IRP_MN_REMOVE_DEVICE: no driver could refuse
/// a request that reaches its device object after that is gone (inferred; "Handling an IRP_MN_REMOVE_DEVICE Request" speaks of requests
/// that the driver has already).
pub(crate) fn set_going(device: *mut DeviceObject, going: bool) {
    let mut all = kernel().nt.files.going.borrow_mut();
    if going {
        all.insert(device as usize);
    } else {
        all.remove(&(device as usize));
    }
}

/// Whether a device is being removed.
pub(crate) fn is_going(device: *mut DeviceObject) -> bool {
    kernel()
        .nt
        .files
        .going
        .borrow()
        .contains(&(device as usize))
}

/// How many file objects a device has: opens that were not closed, or that somebody still refers to.
pub(crate) fn open_on(device: *mut DeviceObject) -> u32 {
    let open = kernel().nt.files.open.borrow();
    open.get(&(device as usize)).copied().unwrap_or(0)
}

fn count(device: *mut DeviceObject, by: i32) {
    let mut open = kernel().nt.files.open.borrow_mut();
    let count = open.entry(device as usize).or_default();
    *count = count.saturating_add_signed(by);
}

/// Makes a file object for `device`; `name` is what of the path is left for the device, with its backslash. The caller
/// holds its one reference.
pub fn create(device: *mut DeviceObject, name: &str) -> *mut FileObject {
    let file: *mut FileObject =
        pool::allocate(size_of::<FileObject>(), *b"File", Owner::System).cast();
    let file_name = if name.is_empty() {
        UnicodeString::empty()
    } else {
        UnicodeString::allocate(name)
    };
    // SAFETY: the block was just allocated, zeroed, with this size.
    unsafe {
        (*file).kind = FILE_OBJECT;
        (*file).size = i16::try_from(size_of::<FileObject>()).expect("a small structure");
        (*file).device_object = device;
        (*file).file_name = file_name;
        (*file).read_access = 1;
        (*file).write_access = 1;
    }
    let buffer = file_name.buffer;
    count(device, 1);
    object::track(file, Kind::File, move || {
        count(device, -1);
        if !buffer.is_null() {
            pool::free(buffer.cast());
        }
        pool::free(file.cast());
    });
    file
}
