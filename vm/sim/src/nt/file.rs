//! File objects: an open of a device.

use crate::nt::layout::{DeviceObject, FileObject, UnicodeString};
use crate::nt::object::{self, Kind};
use crate::nt::pool::{self, Owner};

/// Kind of a file object (IO_TYPE_FILE, wdm.h).
const FILE_OBJECT: i16 = 5;

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
    object::track(file, Kind::File, move || {
        if !buffer.is_null() {
            pool::free(buffer.cast());
        }
        pool::free(file.cast());
    });
    file
}
