//! The I/O manager's side of requests: opening devices, device control, plug and play, power.

mod control;
mod last;
mod power;

use std::cell::Cell;
use std::rc::Rc;

use crate::nt::device;
use crate::nt::irp;
use crate::nt::layout::{DeviceObject, FileObject, IoStackLocation, IoStatus};
use crate::nt::pool::Owner;
use crate::nt::status::{NtStatus, STATUS_OBJECT_NAME_NOT_FOUND};
use crate::nt::{file, interface, names, object};
use crate::sched;

pub(crate) use control::give_back;
pub use control::{
    Memory, Pending, device_control, device_control_cancelled, device_control_in,
    device_control_now, kernel_request, request,
};
pub(crate) use power::{PowerKind, power_of, query_power, set_power};

/// Requests of the kernel itself.
pub const KERNEL_MODE: i8 = 0;
/// Requests of a client.
pub const USER_MODE: i8 = 1;

/// An open file of a client in user mode. It is closed by [`File::close`], or when it is dropped.
#[derive(Debug)]
pub struct File {
    object: *mut FileObject,
    device: *mut DeviceObject,
    open: Cell<bool>,
}

/// A request that a program sends: as long as the program's thread is in it, the file object has one reference more (inferred for
/// requests that are completed before the driver's routine has returned).
pub(crate) struct InUse(*mut FileObject);

impl InUse {
    fn of(object: *mut FileObject) -> Self {
        last::hold(object);
        Self(object)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        last::let_go(self.0);
    }
}

/// Sends a request whose stack location `fill` completes, and waits for its end.
pub fn send(
    device: *mut DeviceObject,
    file: *mut FileObject,
    major: u8,
    minor: u8,
    mode: i8,
    fill: impl FnOnce(&mut IoStackLocation),
) -> IoStatus {
    let irp = irp::allocate(stack_size(device), Owner::System);
    let stack = irp::next_stack(irp);
    // SAFETY: the IRP was just made with room for this location.
    unsafe {
        (*irp).requestor_mode = mode;
        (*stack).major_function = major;
        (*stack).minor_function = minor;
        (*stack).file_object = file;
        // Plug and play requests that nobody handles end with this.
        if major == irp::MJ_PNP || major == irp::MJ_POWER {
            (*irp).io_status.status = crate::nt::status::STATUS_NOT_SUPPORTED;
        }
        fill(&mut *stack);
    }
    let result = Rc::new(Cell::new(None));
    let inside = Rc::clone(&result);
    irp::dispatch(device, irp, move |status| inside.set(Some(status)));
    sched::must(irp::major_name(major), || result.get().is_some());
    result.get().expect("the wait ended")
}

/// Stack locations for a request to this device's stack.
fn stack_size(device: *mut DeviceObject) -> i8 {
    // SAFETY: a live device of a stack.
    unsafe { (*device::top_of_stack(device)).stack_size }
}

thread_local! {
    /// Plug and play requests on their way.
    static CHANGES: Cell<u32> = const { Cell::new(0) };
}

/// Whether a plug and play request is on its way: a driver may have begun to refuse what it will refuse from then on.
pub(crate) fn is_changing() -> bool {
    CHANGES.get() > 0
}

/// Sends a plug and play request.
pub fn pnp(
    device: *mut DeviceObject,
    minor: u8,
    fill: impl FnOnce(&mut IoStackLocation),
) -> IoStatus {
    CHANGES.set(CHANGES.get() + 1);
    let status = send(
        device,
        std::ptr::null_mut(),
        irp::MJ_PNP,
        minor,
        KERNEL_MODE,
        fill,
    );
    CHANGES.set(CHANGES.get() - 1);
    status
}

/// Opens a device by a name: a symbolic link of an interface, or a device name, each with more path behind it. `\\?\`
/// at the start means `\??\`.
///
/// # Errors
/// The status with which the open failed.
pub fn open(name: &str) -> Result<File, NtStatus> {
    let name = name
        .strip_prefix("\\\\?\\")
        .map_or_else(|| name.to_owned(), |rest| format!("\\??\\{rest}"));
    if interface::find(&name).is_some_and(|interface| !interface.enabled) {
        return Err(STATUS_OBJECT_NAME_NOT_FOUND);
    }
    let (device, rest) = names::lookup(&name).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
    open_device(device, &rest)
}

/// Opens a device; `name` is the path behind it, with its backslash.
///
/// # Errors
/// The status with which the driver refused.
pub fn open_device(device: *mut DeviceObject, name: &str) -> Result<File, NtStatus> {
    open_with(device, name, |_| {})
}

/// Opens a device with a create request that `fill` completes: for a file relative to another one, or extra parameters.
///
/// # Errors
/// The status with which the driver refused.
pub fn open_with(
    device: *mut DeviceObject,
    name: &str,
    fill: impl FnOnce(&mut IoStackLocation),
) -> Result<File, NtStatus> {
    // FILE_OPEN in the options, FILE_SHARE_READ | FILE_SHARE_WRITE in the upper half of the third word.
    const FILE_OPEN: u64 = 1 << 24;
    const SHARE: u64 = 3 << 16;
    if file::is_going(device) {
        return Err(STATUS_OBJECT_NAME_NOT_FOUND);
    }
    let object = file::create(device, name);
    let result = send(device, object, irp::MJ_CREATE, 0, USER_MODE, |stack| {
        stack.parameters[1] = FILE_OPEN;
        stack.parameters[2] = SHARE;
        fill(stack);
    });
    if result.status.is_ok() {
        return Ok(File {
            object,
            device,
            open: Cell::new(true),
        });
    }
    object::dereference(object);
    Err(result.status)
}

impl File {
    /// The file object that the driver sees.
    pub fn object(&self) -> *mut FileObject {
        self.object
    }

    /// The device that was opened.
    pub fn device(&self) -> *mut DeviceObject {
        self.device
    }

    /// A thread of the program's is in a request.
    pub(crate) fn in_use(&self) -> InUse {
        InUse::of(self.object)
    }

    /// Closes the file: cleanup now, close when its last reference is gone.
    pub fn close(self) {
        self.shut();
    }

    /// As [`Self::close`], while other threads of the program may be in requests.
    pub(crate) fn shut(&self) {
        if !self.open.replace(false) {
            return;
        }
        send(
            self.device,
            self.object,
            irp::MJ_CLEANUP,
            0,
            USER_MODE,
            |_| {},
        );
        let (device, object) = (self.device, self.object);
        last::when_free(object, move || {
            send(device, object, irp::MJ_CLOSE, 0, USER_MODE, |_| {});
            object::dereference(object);
        });
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.shut();
    }
}

#[cfg(test)]
mod tests;
