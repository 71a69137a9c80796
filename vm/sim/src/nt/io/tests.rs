//! Clients of a driver written here: opening, control requests with every way of passing buffers, closing.

use std::cell::RefCell;

use super::*;
use crate::kernel::{Kernel, Options};
use crate::nt::layout::{Dispatch, Irp};
use crate::nt::status::{
    STATUS_ACCESS_DENIED, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use crate::nt::{driver, mdl};

/// The output of the test driver: its input, each byte plus one.
const CODE: u32 = 0x22_2000;
/// A function of the test driver that fails although it fills its output.
const FAIL: u32 = 0x22_2400;
/// One that warns that its output was cut.
const CUT: u32 = 0x22_2800;

thread_local! {
    static MAJORS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "win64" fn dispatch(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    // SAFETY: called with a live IRP that has a stack location, and buffers as its control code says.
    unsafe {
        let stack = &*irp::current_stack(irp);
        MAJORS.with_borrow_mut(|majors| majors.push(stack.major_function));
        if stack.major_function == irp::MJ_CREATE
            && (*stack.file_object).file_name.to_string() == "\\No"
        {
            return irp::finish(irp, STATUS_ACCESS_DENIED, 0);
        }
        if stack.major_function != irp::MJ_DEVICE_CONTROL {
            return irp::finish(irp, STATUS_SUCCESS, 0);
        }
        let [output_length, input_length, code, type3] = stack.parameters;
        let (input, output): (*const u8, *mut u8) = match code & 3 {
            0 => ((*irp).system_buffer.cast(), (*irp).system_buffer.cast()),
            3 => (type3 as *const u8, (*irp).user_buffer.cast()),
            _ => ((*irp).system_buffer.cast(), mdl::map((*irp).mdl_address)),
        };
        let length = output_length.min(input_length) as usize;
        for index in 0..length {
            output
                .add(index)
                .write(input.add(index).read().wrapping_add(1));
        }
        let status = match u32::try_from(code & !3).expect("a code has 32 bits") {
            FAIL => STATUS_INVALID_PARAMETER,
            CUT => STATUS_BUFFER_OVERFLOW,
            _ => STATUS_SUCCESS,
        };
        irp::finish(irp, status, length)
    }
}

fn target() -> *mut DeviceObject {
    Kernel::boot(Options::default());
    let object = driver::create("test");
    // SAFETY: the driver object was just made.
    unsafe { (*object).major_function = [Some(dispatch as Dispatch); _] };
    device::create(object, 0, Some("\\Device\\Test"), 0)
}

#[test]
fn every_method_carries_input_and_output() {
    target();
    let file = open("\\Device\\test").expect("the driver accepts it");
    for method in 0..4 {
        for (code, output, status, expected) in [
            (CODE, 3, STATUS_SUCCESS, &[2, 3, 4][..]),
            (CODE, 2, STATUS_SUCCESS, &[2, 3]),
            (CODE, 0, STATUS_SUCCESS, &[]),
            (FAIL, 3, STATUS_INVALID_PARAMETER, &[]),
            (CUT, 3, STATUS_BUFFER_OVERFLOW, &[2, 3, 4]),
        ] {
            // Direct I/O without an output buffer has no MDL to map.
            if output == 0 && (method == 1 || method == 2) {
                continue;
            }
            let (result, bytes) = device_control_now(&file, code | method, &[1, 2, 3], output);
            assert_eq!(
                (result.status, bytes.as_slice()),
                (status, expected),
                "method {method}, {output} bytes"
            );
        }
    }
}

#[test]
fn an_open_file_is_cleaned_up_and_closed_once_and_a_refused_one_never() {
    let device = target();
    assert_eq!(
        open_device(device, "\\No").map(File::close),
        Err(STATUS_ACCESS_DENIED)
    );
    assert_eq!(MAJORS.take(), [irp::MJ_CREATE]);
    let file = open_device(device, "\\Yes").expect("the driver accepts it");
    let object = file.object();
    file.close();
    assert_eq!(
        MAJORS.take(),
        [irp::MJ_CREATE, irp::MJ_CLEANUP, irp::MJ_CLOSE]
    );
    assert_eq!(object::count(object), 0);
    assert_eq!(
        open("\\Device\\Other").map(File::close),
        Err(STATUS_OBJECT_NAME_NOT_FOUND)
    );
}
