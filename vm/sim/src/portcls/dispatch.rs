//! IRPs of an audio device: opening and closing filters and pins, properties, Plug and Play, power.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::NTSTATUS;
use waverig_portcls::status::{
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_PENDING, STATUS_SUCCESS,
};

use super::adapter::{self, Adapter};
use super::cyclic;
use super::filter::Filter;
use super::pin::Pin;
use super::pnp::{self, Phase};
use super::power;
use super::property::{IOCTL_KS_PROPERTY, Incoming};
use crate::address::ByAddress;
use crate::imports::{self, Levels};
use crate::nt::irp;
use crate::nt::layout::{
    DeviceObject, Dispatch, DriverObject, FileObject, IoStackLocation, Irp, Unload,
};
use crate::nt::status::{NtStatus, STATUS_MORE_PROCESSING_REQUIRED};
use crate::sched;

/// IRP major codes (wdm.h).
const CREATE: usize = 0;
const CLOSE: usize = 2;
const DEVICE_CONTROL: usize = 14;
const CLEANUP: usize = 18;
const POWER: usize = 22;
const SYSTEM_CONTROL: usize = 23;
const PNP: usize = 27;

/// SL_INVOKE_ON_CANCEL, _SUCCESS and _ERROR (wdm.h).
const INVOKE_ALWAYS: u8 = 0xE0;

/// Prefix of the name of a pin (`KSNAME_Pin`, ks.h), followed by a backslash and a KSPIN_CONNECT.
pub(crate) const PIN_NAME: &str = "{146F1A80-4791-11D0-A5D6-28DB04C10000}\\";

/// What an open file stands for.
#[derive(Clone)]
enum Opened {
    Filter(Rc<Filter>),
    Pin(Rc<Pin>),
}

thread_local! {
    static FILES: RefCell<ByAddress<Opened>> = RefCell::default();
}

/// Puts PortCls's routines into a driver object.
pub(super) fn install(driver: &mut DriverObject) {
    let address = imports::export(
        "PcDispatchIrp",
        pc_dispatch_irp as *const (),
        Levels::DISPATCH,
        "portcls.h",
    );
    // SAFETY: the thunk leads to a function with the signature of a dispatch routine.
    let dispatch = unsafe { std::mem::transmute::<*const (), Dispatch>(address) };
    for major in [
        CREATE,
        CLOSE,
        DEVICE_CONTROL,
        CLEANUP,
        POWER,
        SYSTEM_CONTROL,
        PNP,
    ] {
        driver.major_function[major] = Some(dispatch);
    }
    let address = imports::export(
        "PortCls's DriverUnload",
        unload as *const (),
        Levels::PASSIVE,
        "KsNullDriverUnload",
    );
    // SAFETY: as above, for an unload routine.
    driver.driver_unload = Some(unsafe { std::mem::transmute::<*const (), Unload>(address) });
}

/// PortCls has nothing of its own to undo.
extern "win64" fn unload(_driver: *mut DriverObject) {}

pub(super) extern "win64" fn pc_dispatch_irp(
    device: *mut DeviceObject,
    request: *mut Irp,
) -> NtStatus {
    // SAFETY: the driver passes on the IRP it got; a bad address faults into a report.
    let stack = unsafe { *irp::current_stack(request) };
    let Some(adapter) = adapter::named(device, "PcDispatchIrp") else {
        return finish(request, STATUS_NO_SUCH_DEVICE, 0);
    };
    let _lock = adapter.lock.take();
    match usize::from(stack.major_function) {
        CREATE if pnp::hold_open(&adapter, request) => NtStatus(STATUS_PENDING),
        CREATE => open(&adapter, request),
        CLEANUP => {
            // The last handle is closed: a driver cancels what is queued for it ("IRP_MJ_CLEANUP").
            if let Some(stream) = pin_of(stack.file_object).and_then(|pin| pin.cyclic()) {
                stream.abandon();
            }
            finish(request, STATUS_SUCCESS, 0)
        }
        CLOSE => {
            close(stack.file_object);
            finish(request, STATUS_SUCCESS, 0)
        }
        DEVICE_CONTROL if stack.parameters[2] as u32 == cyclic::IOCTL_KS_WRITE_STREAM => {
            match pin_of(stack.file_object) {
                Some(pin) if adapter.in_use() => cyclic::request::write(&pin, request, &stack),
                Some(_) => finish(request, STATUS_INVALID_DEVICE_STATE, 0),
                None => finish(request, STATUS_INVALID_DEVICE_REQUEST, 0),
            }
        }
        DEVICE_CONTROL => {
            let (status, information) = device_control(&adapter, request, &stack);
            finish(request, status, information)
        }
        PNP => pnp::dispatch(&adapter, request, &stack),
        POWER => power::dispatch(&adapter, request, &stack),
        SYSTEM_CONTROL => pass_on(&adapter, request),
        _ => finish(request, STATUS_INVALID_DEVICE_REQUEST, 0),
    }
}

/// Answers an open.
pub(super) fn open(adapter: &Rc<Adapter>, request: *mut Irp) -> NtStatus {
    // SAFETY: the IRP is ours until it is completed.
    let file = unsafe { (*irp::current_stack(request)).file_object };
    let status = create(adapter, file).err().unwrap_or(STATUS_SUCCESS);
    finish(request, status, 0)
}

pub(super) fn finish(request: *mut Irp, status: NTSTATUS, information: usize) -> NtStatus {
    let status = NtStatus(status);
    // SAFETY: the IRP is ours until it is completed.
    unsafe {
        (*request).io_status.status = status;
        (*request).io_status.information = information;
    }
    irp::complete(request);
    status
}

pub(super) fn pass_on(adapter: &Adapter, request: *mut Irp) -> NtStatus {
    // IoSkipCurrentIrpStackLocation: the device below gets the same location.
    // SAFETY: the IRP is at the location that PortCls was called with.
    unsafe {
        (*request).current_location += 1;
        (*request).current_stack_location = (*request).current_stack_location.add(1);
    }
    irp::call_driver(adapter.lower, request)
}

/// Takes an IRP back when the devices below have completed it; the context is the event to set.
extern "win64" fn take_back(
    _device: *mut DeviceObject,
    _irp: *mut Irp,
    done: *mut c_void,
) -> NtStatus {
    // SAFETY: the context is a `Cell` in the frame of `forward_and_wait`, which waits for this.
    unsafe { (*done.cast::<Cell<bool>>()).set(true) };
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Lets the devices below handle an IRP first (IoForwardIrpSynchronously).
pub(super) fn forward_and_wait(adapter: &Adapter, request: *mut Irp) -> NtStatus {
    let done = Cell::new(false);
    // SAFETY: an IRP has a location for each device below; this one's is copied to the next.
    unsafe {
        let next = irp::next_stack(request);
        *next = *irp::current_stack(request);
        (*next).completion_routine = Some(take_back);
        (*next).context = (&raw const done).cast_mut().cast();
        (*next).control = INVOKE_ALWAYS;
    }
    irp::call_driver(adapter.lower, request);
    sched::must("the devices below to answer", || done.get());
    // SAFETY: the completion routine kept the IRP for PortCls.
    unsafe { (*request).io_status.status }
}

fn opened(file: *mut FileObject) -> Option<Opened> {
    FILES.with_borrow(|files| files.get(&(file as usize)).cloned())
}

/// The pin behind an open file; `None` for filters.
pub(super) fn pin_of(file: *mut FileObject) -> Option<Rc<Pin>> {
    match opened(file) {
        Some(Opened::Pin(pin)) => Some(pin),
        _ => None,
    }
}

fn create(adapter: &Adapter, file: *mut FileObject) -> Result<(), NTSTATUS> {
    if adapter.life.phase.get() != Phase::Started {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    power::wake(adapter);
    // SAFETY: the I/O manager's file object.
    let (name, related) = unsafe { ((*file).file_name, (*file).related_file_object) };
    // SAFETY: its name, as many bytes as it says.
    let units = unsafe { std::slice::from_raw_parts(name.buffer, usize::from(name.length) / 2) };
    let opened = if related.is_null() {
        let text = String::from_utf16_lossy(units);
        let subdevice = adapter
            .subdevice(text.trim_start_matches('\\'))
            .ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        Opened::Filter(Rc::new(Filter::new(subdevice)))
    } else {
        let Some(Opened::Filter(filter)) = opened(related) else {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        };
        let prefix: Vec<u16> = PIN_NAME.encode_utf16().collect();
        let request = units
            .strip_prefix(prefix.as_slice())
            .ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        let bytes: Vec<u8> = request.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let pin = Pin::open(&filter, &bytes)?;
        filter.pins.borrow_mut().push(Rc::downgrade(&pin));
        adapter.add_pin(&pin);
        Opened::Pin(pin)
    };
    FILES.with_borrow_mut(|files| files.insert(file as usize, opened));
    Ok(())
}

fn close(file: *mut FileObject) {
    let opened = FILES.with_borrow_mut(|files| files.remove(&(file as usize)));
    if let Some(Opened::Pin(pin)) = opened {
        pin.close();
        let port_stream = Rc::clone(&pin.port_stream);
        drop(pin);
        Pin::check_end(&port_stream);
    }
}

fn device_control(
    adapter: &Adapter,
    request: *mut Irp,
    stack: &IoStackLocation,
) -> (NTSTATUS, usize) {
    // Words of Parameters.DeviceIoControl: output length, input length, code, input.
    let [output_length, input_length, code, input] = stack.parameters;
    let (output_length, input_length) =
        (output_length as u32 as usize, input_length as u32 as usize);
    if code as u32 != IOCTL_KS_PROPERTY {
        return (STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    if !adapter.in_use() {
        return (STATUS_INVALID_DEVICE_STATE, 0);
    }
    // SAFETY: METHOD_NEITHER: the client's own buffers, with the lengths it gave; they are there until completion.
    let (input, output) = unsafe {
        let output = (*request).user_buffer.cast::<u8>();
        (
            slice(input as *const u8, input_length),
            slice_mut(output, output_length),
        )
    };
    let answer = Incoming::parse(input, output, request.cast()).map(|mut incoming| {
        match opened(stack.file_object) {
            Some(Opened::Filter(filter)) => filter.property(&mut incoming),
            Some(Opened::Pin(pin)) => pin.property(&mut incoming),
            None => (STATUS_INVALID_DEVICE_REQUEST, 0),
        }
    });
    answer.unwrap_or_else(|status| (status, 0))
}

/// # Safety
/// `place` has `length` bytes that live as long as the request, unless `length` is 0.
pub(super) unsafe fn slice<'a>(place: *const u8, length: usize) -> &'a [u8] {
    if length == 0 || place.is_null() {
        return &[];
    }
    // SAFETY: says the caller.
    unsafe { std::slice::from_raw_parts(place, length) }
}

/// # Safety
/// As [`slice`], and nobody else uses the bytes meanwhile.
unsafe fn slice_mut<'a>(place: *mut u8, length: usize) -> &'a mut [u8] {
    if length == 0 || place.is_null() {
        return &mut [];
    }
    // SAFETY: says the caller.
    unsafe { std::slice::from_raw_parts_mut(place, length) }
}
