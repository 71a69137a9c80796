//! Structures of the I/O manager: drivers, devices, files, requests, MDLs.

use std::ffi::c_void;

use super::{IoStatus, KEvent, ListEntry, UnicodeString};
use crate::nt::irql::Irql;
use crate::nt::status::NtStatus;

/// Dispatch routine of a driver: device, IRP.
pub type Dispatch = unsafe extern "win64" fn(*mut DeviceObject, *mut Irp) -> NtStatus;
/// AddDevice routine: driver, physical device.
pub type AddDevice = unsafe extern "win64" fn(*mut DriverObject, *mut DeviceObject) -> NtStatus;
/// Unload routine.
pub type Unload = unsafe extern "win64" fn(*mut DriverObject);

/// Number of IRP major function codes (IRP_MJ_MAXIMUM_FUNCTION + 1).
pub const MAJOR_FUNCTIONS: usize = 28;

/// `DRIVER_OBJECT`.
#[repr(C)]
#[derive(Debug)]
pub struct DriverObject {
    /// Kind of object: 4.
    pub kind: i16,
    /// Size in bytes.
    pub size: i16,
    /// Its devices, linked by `next_device`.
    pub device_object: *mut DeviceObject,
    /// Flags.
    pub flags: u32,
    /// Where the image starts.
    pub driver_start: *mut c_void,
    /// Size of the image in bytes.
    pub driver_size: u32,
    driver_section: *mut c_void,
    /// The extension, which holds AddDevice.
    pub driver_extension: *mut DriverExtension,
    /// `\Driver\name`.
    pub driver_name: UnicodeString,
    hardware_database: *mut UnicodeString,
    fast_io_dispatch: *mut c_void,
    /// DriverEntry.
    pub driver_init: *mut c_void,
    /// StartIo.
    pub driver_start_io: *mut c_void,
    /// Called before the image goes away.
    pub driver_unload: Option<Unload>,
    /// Dispatch routines by major code.
    pub major_function: [Option<Dispatch>; MAJOR_FUNCTIONS],
}

/// `DRIVER_EXTENSION`, its public part.
#[repr(C)]
#[derive(Debug)]
pub struct DriverExtension {
    /// Back to the driver.
    pub driver_object: *mut DriverObject,
    /// Called for each device the driver is to serve.
    pub add_device: Option<AddDevice>,
    /// How often a re-initialisation routine ran.
    pub count: u32,
    /// Name of the service key.
    pub service_key_name: UnicodeString,
    /// Room for client extensions and what the kernel adds behind.
    pub reserved: [usize; 4],
}

/// `DEVICE_OBJECT`.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct DeviceObject {
    /// Kind of object: 3.
    pub kind: i16,
    /// Size with the extension.
    pub size: u16,
    /// References.
    pub reference_count: i32,
    /// Its driver.
    pub driver_object: *mut DriverObject,
    /// Next device of the same driver.
    pub next_device: *mut DeviceObject,
    /// Device above in the stack.
    pub attached_device: *mut DeviceObject,
    /// IRP that StartIo works on.
    pub current_irp: *mut Irp,
    timer: *mut c_void,
    /// DO_ flags.
    pub flags: u32,
    /// FILE_ characteristics.
    pub characteristics: u32,
    vpb: *mut c_void,
    /// The driver's own data.
    pub device_extension: *mut c_void,
    /// FILE_DEVICE_ code.
    pub device_type: u32,
    /// Stack locations an IRP for it needs.
    pub stack_size: i8,
    pub(super) queue: [usize; 9],
    /// Alignment of buffers, a mask.
    pub alignment_requirement: u32,
    device_queue: [usize; 5],
    pub(super) dpc: [usize; 8],
    active_thread_count: u32,
    security_descriptor: *mut c_void,
    pub(super) device_lock: KEvent,
    sector_size: u16,
    spare: u16,
    /// What only the kernel knows.
    pub device_object_extension: *mut c_void,
    reserved: *mut c_void,
}

/// `FILE_OBJECT`.
#[repr(C)]
#[derive(Debug)]
pub struct FileObject {
    /// Kind of object: 5.
    pub kind: i16,
    /// Size in bytes.
    pub size: i16,
    /// The device that was opened.
    pub device_object: *mut DeviceObject,
    vpb: *mut c_void,
    /// The driver's own.
    pub fs_context: *mut c_void,
    /// The driver's own.
    pub fs_context2: *mut c_void,
    section_object_pointer: *mut c_void,
    private_cache_map: *mut c_void,
    final_status: NtStatus,
    /// File that the name is relative to.
    pub related_file_object: *mut FileObject,
    lock_operation: u8,
    delete_pending: u8,
    /// Opened for reading.
    pub read_access: u8,
    /// Opened for writing.
    pub write_access: u8,
    delete_access: u8,
    shared: [u8; 3],
    /// FO_ flags.
    pub flags: u32,
    /// Name below the device, with the leading backslash.
    pub file_name: UnicodeString,
    current_byte_offset: i64,
    waiters: u32,
    busy: u32,
    last_lock: *mut c_void,
    lock: KEvent,
    event: KEvent,
    completion_context: *mut c_void,
    irp_list_lock: usize,
    irp_list: ListEntry,
    file_object_extension: *mut c_void,
}

/// Cancel routine: device, IRP; called with the cancel spin lock held.
pub type CancelRoutine = unsafe extern "win64" fn(*mut DeviceObject, *mut Irp);
/// Completion routine: device, IRP, context.
pub type CompletionRoutine =
    unsafe extern "win64" fn(*mut DeviceObject, *mut Irp, *mut c_void) -> NtStatus;

/// `IRP`; its stack locations follow it.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Irp {
    /// Kind of object: 6.
    pub kind: i16,
    /// Size with the stack locations.
    pub size: u16,
    /// Allocation attributes.
    pub allocation: u32,
    /// Buffer of direct I/O.
    pub mdl_address: *mut Mdl,
    /// IRP_ flags.
    pub flags: u32,
    /// Buffer of buffered I/O (`AssociatedIrp.SystemBuffer`).
    pub system_buffer: *mut c_void,
    /// IRPs of the thread.
    pub thread_list: ListEntry,
    /// Result.
    pub io_status: IoStatus,
    /// 0 for the kernel, 1 for user mode.
    pub requestor_mode: i8,
    /// The last completed location had been marked pending.
    pub pending_returned: u8,
    /// Number of stack locations.
    pub stack_count: i8,
    /// Number of the present one; stack_count + 1 before the first call.
    pub current_location: i8,
    /// Cancelled.
    pub cancel: u8,
    /// Level before the cancel spin lock was taken.
    pub cancel_irql: Irql,
    apc_environment: i8,
    allocation_flags: u8,
    /// Where the status goes for the requester.
    pub user_iosb: *mut IoStatus,
    /// Set when it is complete.
    pub user_event: *mut KEvent,
    overlay: [usize; 2],
    /// Cancel routine, exchanged atomically.
    pub cancel_routine: Option<CancelRoutine>,
    /// The requester's buffer.
    pub user_buffer: *mut c_void,
    /// The driver's own while it holds the IRP.
    pub driver_context: [*mut c_void; 4],
    /// Requesting thread.
    pub thread: *mut c_void,
    auxiliary_buffer: *mut c_void,
    /// Driver's queue entry.
    pub list_entry: ListEntry,
    /// The present stack location.
    pub current_stack_location: *mut IoStackLocation,
    /// File that was the target.
    pub original_file_object: *mut FileObject,
    extension: *mut c_void,
}

/// `IO_STACK_LOCATION`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct IoStackLocation {
    /// IRP_MJ_ code.
    pub major_function: u8,
    /// IRP_MN_ code.
    pub minor_function: u8,
    /// SL_ flags.
    pub flags: u8,
    /// SL_PENDING_RETURNED, SL_INVOKE_ON_…
    pub control: u8,
    /// The parameters' union; see the IRP's page for what each word holds.
    pub parameters: [u64; 4],
    /// Target.
    pub device_object: *mut DeviceObject,
    /// File of the request.
    pub file_object: *mut FileObject,
    /// Called when the location below completes.
    pub completion_routine: Option<CompletionRoutine>,
    /// For the completion routine.
    pub context: *mut c_void,
}

/// `MDL`; page frame numbers follow it.
#[repr(C)]
#[derive(Debug)]
pub struct Mdl {
    /// Next MDL of a chain.
    pub next: *mut Mdl,
    /// Size with the page frame numbers.
    pub size: i16,
    /// MDL_ flags.
    pub flags: i16,
    allocation_processor: u16,
    reserved: u16,
    /// Process of the pages.
    pub process: *mut c_void,
    /// Kernel address when mapped.
    pub mapped_system_va: *mut c_void,
    /// Page that the buffer starts in.
    pub start_va: *mut c_void,
    /// Length of the buffer in bytes.
    pub byte_count: u32,
    /// Offset of the buffer in its first page.
    pub byte_offset: u32,
}

/// `IO_CSQ`: a cancel-safe queue.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct IoCsq {
    /// 1: IO_TYPE_CSQ, 3: with an insert routine that returns a status.
    pub kind: u32,
    /// Inserts an IRP.
    pub insert: usize,
    /// Removes an IRP.
    pub remove: unsafe extern "win64" fn(*mut IoCsq, *mut Irp),
    /// Next IRP that fits a context.
    pub peek_next: unsafe extern "win64" fn(*mut IoCsq, *mut Irp, *mut c_void) -> *mut Irp,
    /// Takes the queue's lock.
    pub acquire_lock: unsafe extern "win64" fn(*mut IoCsq, *mut Irql),
    /// Gives it back.
    pub release_lock: unsafe extern "win64" fn(*mut IoCsq, Irql),
    /// Completes a cancelled IRP.
    pub complete_canceled: unsafe extern "win64" fn(*mut IoCsq, *mut Irp),
    /// The kernel's.
    pub reserve: *mut c_void,
}

/// `IO_CSQ_IRP_CONTEXT`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct IoCsqContext {
    /// 2.
    pub kind: u32,
    /// The IRP in the queue; null when it is out.
    pub irp: *mut Irp,
    /// The queue.
    pub csq: *mut IoCsq,
}
