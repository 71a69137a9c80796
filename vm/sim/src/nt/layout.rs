//! The structures of the NT kernel as drivers see them, with their x64 offsets (wdm.h of the WDK).
//!
//! Only members that the simulator or its clients use have names; the rest is reserved space.

use std::ffi::c_void;

use super::irql::Irql;
use super::status::NtStatus;

/// Doubly linked list entry or head (`LIST_ENTRY`).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ListEntry {
    /// Next entry.
    pub flink: *mut ListEntry,
    /// Entry before.
    pub blink: *mut ListEntry,
}

/// Counted UTF-16 string (`UNICODE_STRING`); lengths in bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct UnicodeString {
    /// Bytes in use.
    pub length: u16,
    /// Bytes of the buffer.
    pub maximum_length: u16,
    /// The characters; need not end with a zero.
    pub buffer: *mut u16,
}

/// `GUID`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid {
    /// First eight hexadecimal digits.
    pub data1: u32,
    /// Next four.
    pub data2: u16,
    /// Next four.
    pub data3: u16,
    /// The last sixteen.
    pub data4: [u8; 8],
}

/// `DEVPROPKEY`: a property of a device or interface.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevPropKey {
    /// Category.
    pub fmtid: Guid,
    /// Number within it.
    pub pid: u32,
}

/// `IO_STATUS_BLOCK`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoStatus {
    /// Final status.
    pub status: NtStatus,
    /// Usually bytes transferred.
    pub information: usize,
}

/// `DISPATCHER_HEADER`: the start of everything that can be waited for.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DispatcherHeader {
    /// Kind of object (`KOBJECTS`).
    pub kind: u8,
    /// Absolute or signalling flags, by kind.
    pub flags: u8,
    /// Size in 32-bit words.
    pub size: u8,
    /// Inserted, debug active and the like, by kind.
    pub state: u8,
    /// Above zero: signalled.
    pub signal_state: i32,
    /// Waiting threads.
    pub wait_list: ListEntry,
}

/// `KEVENT`, and the start of a mutex or semaphore.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KEvent {
    /// The object itself.
    pub header: DispatcherHeader,
}

/// `KSEMAPHORE`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KSemaphore {
    /// The object itself.
    pub header: DispatcherHeader,
    /// Highest count.
    pub limit: i32,
}

/// `KMUTANT`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KMutex {
    /// The object itself.
    pub header: DispatcherHeader,
    reserved: [usize; 4],
}

/// `KTIMER`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KTimer {
    /// The object itself.
    pub header: DispatcherHeader,
    /// Due time in interrupt time.
    pub due_time: u64,
    /// Timer list.
    pub entry: ListEntry,
    /// Queued when it expires.
    pub dpc: *mut KDpc,
    processor: u32,
    /// Milliseconds between expiries; 0 for once.
    pub period: u32,
}

/// Routine of a DPC: DPC, context, two system arguments.
pub type DpcRoutine = unsafe extern "win64" fn(*mut KDpc, *mut c_void, *mut c_void, *mut c_void);

/// `KDPC`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KDpc {
    /// Kind of object.
    pub kind: u8,
    /// Importance.
    pub importance: u8,
    number: u16,
    expedite: u32,
    entry: usize,
    history: usize,
    /// What it runs.
    pub routine: Option<DpcRoutine>,
    /// First argument after the DPC.
    pub context: *mut c_void,
    /// Given by who queues it.
    pub argument1: *mut c_void,
    /// Given by who queues it.
    pub argument2: *mut c_void,
    /// Not null while it is queued.
    pub data: *mut c_void,
}

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
    queue: [usize; 9],
    /// Alignment of buffers, a mask.
    pub alignment_requirement: u32,
    device_queue: [usize; 5],
    dpc: [usize; 8],
    active_thread_count: u32,
    security_descriptor: *mut c_void,
    device_lock: KEvent,
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
pub type CompletionRoutine = unsafe extern "win64" fn(*mut DeviceObject, *mut Irp, *mut c_void) -> NtStatus;

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

/// `OBJECT_ATTRIBUTES`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ObjectAttributes {
    /// Size in bytes.
    pub length: u32,
    /// Handle that the name is relative to.
    pub root_directory: usize,
    /// Name.
    pub object_name: *const UnicodeString,
    /// OBJ_ flags.
    pub attributes: u32,
    security_descriptor: *mut c_void,
    security_quality: *mut c_void,
}

/// A spin lock of the kernel's own, at an address that stays.
#[derive(Debug)]
pub struct KSpinLockWord {
    word: Box<std::cell::UnsafeCell<usize>>,
}

impl Default for KSpinLockWord {
    fn default() -> Self {
        Self { word: Box::new(std::cell::UnsafeCell::new(0)) }
    }
}

impl KSpinLockWord {
    /// The lock as the spin lock routines take it.
    pub fn address(&self) -> *mut usize {
        self.word.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// Sizes of the x64 structures; they agree with the WDK's headers for Windows 10 and later.
    #[test]
    fn sizes_are_those_of_windows() {
        let sizes = [
            ("UNICODE_STRING", size_of::<UnicodeString>(), 0x10),
            ("DRIVER_OBJECT", size_of::<DriverObject>(), 0x150),
            ("DEVICE_OBJECT", size_of::<DeviceObject>(), 0x150),
            ("FILE_OBJECT", size_of::<FileObject>(), 0xd8),
            ("IRP", size_of::<Irp>(), 0xd0),
            ("IO_STACK_LOCATION", size_of::<IoStackLocation>(), 0x48),
            ("KTIMER", size_of::<KTimer>(), 0x40),
            ("KDPC", size_of::<KDpc>(), 0x40),
            ("KEVENT", size_of::<KEvent>(), 0x18),
            ("KMUTANT", size_of::<KMutex>(), 0x38),
            ("KSEMAPHORE", size_of::<KSemaphore>(), 0x20),
            ("MDL", size_of::<Mdl>(), 0x30),
            ("IO_STATUS_BLOCK", size_of::<IoStatus>(), 0x10),
            ("OBJECT_ATTRIBUTES", size_of::<ObjectAttributes>(), 0x30),
            ("IO_CSQ", size_of::<IoCsq>(), 0x40),
            ("GUID", size_of::<Guid>(), 16),
            ("DEVPROPKEY", size_of::<DevPropKey>(), 20),
        ];
        for (name, found, expected) in sizes {
            assert_eq!(found, expected, "sizeof({name})");
        }
    }

    #[test]
    fn offsets_are_those_of_windows() {
        let offsets = [
            ("DRIVER_OBJECT.DriverStart", offset_of!(DriverObject, driver_start), 0x18),
            ("DRIVER_OBJECT.DriverExtension", offset_of!(DriverObject, driver_extension), 0x30),
            ("DRIVER_OBJECT.DriverInit", offset_of!(DriverObject, driver_init), 0x58),
            ("DRIVER_OBJECT.DriverUnload", offset_of!(DriverObject, driver_unload), 0x68),
            ("DRIVER_OBJECT.MajorFunction", offset_of!(DriverObject, major_function), 0x70),
            ("DEVICE_OBJECT.Flags", offset_of!(DeviceObject, flags), 0x30),
            ("DEVICE_OBJECT.DeviceExtension", offset_of!(DeviceObject, device_extension), 0x40),
            ("DEVICE_OBJECT.StackSize", offset_of!(DeviceObject, stack_size), 0x4c),
            ("DEVICE_OBJECT.Queue", offset_of!(DeviceObject, queue), 0x50),
            ("DEVICE_OBJECT.AlignmentRequirement", offset_of!(DeviceObject, alignment_requirement), 0x98),
            ("DEVICE_OBJECT.Dpc", offset_of!(DeviceObject, dpc), 0xc8),
            ("DEVICE_OBJECT.DeviceLock", offset_of!(DeviceObject, device_lock), 0x118),
            ("DEVICE_OBJECT.DeviceObjectExtension", offset_of!(DeviceObject, device_object_extension), 0x138),
            ("FILE_OBJECT.FsContext", offset_of!(FileObject, fs_context), 0x18),
            ("FILE_OBJECT.FileName", offset_of!(FileObject, file_name), 0x58),
            ("IRP.IoStatus", offset_of!(Irp, io_status), 0x30),
            ("IRP.Cancel", offset_of!(Irp, cancel), 0x44),
            ("IRP.UserIosb", offset_of!(Irp, user_iosb), 0x48),
            ("IRP.CancelRoutine", offset_of!(Irp, cancel_routine), 0x68),
            ("IRP.Tail", offset_of!(Irp, driver_context), 0x78),
            ("IRP.Tail.Overlay.ListEntry", offset_of!(Irp, list_entry), 0xa8),
            ("IRP.Tail.Overlay.CurrentStackLocation", offset_of!(Irp, current_stack_location), 0xb8),
            ("IO_STACK_LOCATION.Parameters", offset_of!(IoStackLocation, parameters), 0x08),
            ("IO_STACK_LOCATION.DeviceObject", offset_of!(IoStackLocation, device_object), 0x28),
            ("IO_STACK_LOCATION.Context", offset_of!(IoStackLocation, context), 0x40),
            ("KTIMER.Dpc", offset_of!(KTimer, dpc), 0x30),
            ("KTIMER.Period", offset_of!(KTimer, period), 0x3c),
            ("KDPC.DeferredRoutine", offset_of!(KDpc, routine), 0x18),
            ("KDPC.DpcData", offset_of!(KDpc, data), 0x38),
            ("MDL.MappedSystemVa", offset_of!(Mdl, mapped_system_va), 0x18),
            ("MDL.ByteOffset", offset_of!(Mdl, byte_offset), 0x2c),
        ];
        for (name, found, expected) in offsets {
            assert_eq!(found, expected, "offset of {name}");
        }
    }
}
