//! The IRP routines that drivers import.

use super::by_driver;
use super::{
    acquire_cancel_lock, allocate, call_driver, cancel, complete, free, initialize,
    release_cancel_lock,
};
use crate::imports::nt_rows;
use crate::nt::irql::Irql;
use crate::nt::layout::{CancelRoutine, DeviceObject, Irp};
use crate::nt::pool::Owner;
use crate::nt::status::NtStatus;

extern "win64" fn io_allocate_irp(stack_size: i8, _charge_quota: u8) -> *mut Irp {
    allocate(stack_size, Owner::Driver)
}

extern "win64" fn io_initialize_irp(irp: *mut Irp, _size: u16, stack_size: i8) {
    initialize(irp, stack_size);
}

extern "win64" fn io_reuse_irp(irp: *mut Irp, status: NtStatus) {
    // SAFETY: the driver's IRP; a bad address faults into a report.
    unsafe {
        initialize(irp, (*irp).stack_count);
        (*irp).io_status.status = status;
    }
}

extern "win64" fn io_free_irp(irp: *mut Irp) {
    free(irp);
}

pub(super) extern "win64" fn iof_call_driver(device: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    by_driver::forwards(irp);
    call_driver(device, irp)
}

pub(super) extern "win64" fn iof_complete_request(irp: *mut Irp, _boost: i8) {
    by_driver::completes(irp);
    complete(irp);
}

extern "win64" fn io_cancel_irp(irp: *mut Irp) -> bool {
    cancel(irp)
}

extern "win64" fn io_acquire_cancel_spin_lock(level: *mut Irql) {
    let before = acquire_cancel_lock();
    // SAFETY: the driver's place for the level; a bad address faults into a report.
    unsafe { level.write(before) };
}

extern "win64" fn io_release_cancel_spin_lock(level: Irql) {
    release_cancel_lock(level);
}

extern "win64" fn io_set_cancel_routine(
    irp: *mut Irp,
    routine: Option<CancelRoutine>,
) -> Option<CancelRoutine> {
    // SAFETY: the driver's IRP; a bad address faults into a report.
    unsafe { std::mem::replace(&mut (*irp).cancel_routine, routine) }
}

extern "win64" fn po_start_next_power_irp(_irp: *mut Irp) {
    // Nothing to do since Windows Vista (ntifs/nf-ntifs-postartnextpowerirp).
}

nt_rows! {
    "IoAllocateIrp"           io_allocate_irp             DISPATCH    "wdm/nf-wdm-ioallocateirp";
    "IoInitializeIrp"         io_initialize_irp           DISPATCH    "wdm/nf-wdm-ioinitializeirp";
    "IoReuseIrp"              io_reuse_irp                DISPATCH    "wdm/nf-wdm-ioreuseirp";
    "IoFreeIrp"               io_free_irp                 DISPATCH    "wdm/nf-wdm-iofreeirp";
    "IofCallDriver"           iof_call_driver             DISPATCH    "wdm/nf-wdm-iofcalldriver";
    "PoCallDriver"            iof_call_driver             DISPATCH    "ntifs/nf-ntifs-pocalldriver";
    "PoStartNextPowerIrp"     po_start_next_power_irp     DISPATCH    "ntifs/nf-ntifs-postartnextpowerirp";
    "IofCompleteRequest"      iof_complete_request        DISPATCH    "wdm/nf-wdm-iocompleterequest";
    "IoCancelIrp"             io_cancel_irp               DISPATCH    "wdm/nf-wdm-iocancelirp";
    "IoAcquireCancelSpinLock" io_acquire_cancel_spin_lock DISPATCH    "wdm/nf-wdm-ioacquirecancelspinlock";
    "IoReleaseCancelSpinLock" io_release_cancel_spin_lock AT_DISPATCH "wdm/nf-wdm-ioreleasecancelspinlock";
    "IoSetCancelRoutine"      io_set_cancel_routine       DISPATCH    "wdm/nf-wdm-iosetcancelroutine";
}
