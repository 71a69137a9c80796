//! Catches what the processor refuses: a vectored exception handler.
//!
//! The handler only copies registers into a static and sends the thread to the report routine on a stack of its own,
//! so that reports are written in ordinary code, not in an exception handler.

use std::cell::UnsafeCell;
use std::io;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    CloseHandle, EXCEPTION_ACCESS_VIOLATION, EXCEPTION_BREAKPOINT, EXCEPTION_FLT_DIVIDE_BY_ZERO,
    EXCEPTION_FLT_INVALID_OPERATION, EXCEPTION_ILLEGAL_INSTRUCTION, EXCEPTION_INT_DIVIDE_BY_ZERO,
    EXCEPTION_INT_OVERFLOW, EXCEPTION_PRIV_INSTRUCTION, EXCEPTION_SINGLE_STEP,
    EXCEPTION_STACK_OVERFLOW,
};
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, CONTEXT, CONTEXT_FLAGS, EXCEPTION_POINTERS, GetThreadContext,
    SetThreadContext,
};
use windows_sys::Win32::System::Threading::{
    ExitProcess, GetCurrentProcess, GetCurrentThreadId, OpenThread, ResumeThread, SuspendThread,
    THREAD_GET_CONTEXT, THREAD_SET_CONTEXT, THREAD_SUSPEND_RESUME, TerminateProcess,
};

use super::memory;
use crate::host::exception::{self, Interrupted};
use crate::host::{Access, Fault, FaultKind, PAGE_SIZE, Protection, Registers, watchdog};

const REPORT_STACK: usize = 4 * 1024 * 1024;
/// The handler goes before all others.
const FIRST: u32 = 1;
/// Results of a vectored handler (excpt.h).
const CONTINUE_EXECUTION: i32 = -1;
const CONTINUE_SEARCH: i32 = 0;
/// CONTEXT_AMD64 with control, integer and segment registers (winnt.h).
const CONTEXT_WANTED: CONTEXT_FLAGS = 0x0010_0007;
/// Address that the system gives for a non-canonical access or a privileged instruction it cannot tell.
const NO_ADDRESS: usize = usize::MAX;

/// What the handler left for the report routine.
struct Slot(UnsafeCell<Option<Fault>>);

// SAFETY: written once, by whoever turned `REPORTING` from false to true (the kernel's thread in its handler, or the
// watchdog while that thread is suspended), and read on the kernel's thread afterwards.
unsafe impl Sync for Slot {}

static FAULT: Slot = Slot(UnsafeCell::new(None));
static REPORTING: AtomicBool = AtomicBool::new(false);
static LIMITED: AtomicBool = AtomicBool::new(false);
static THREAD: AtomicU32 = AtomicU32::new(0);
static REPORT_TOP: AtomicUsize = AtomicUsize::new(0);
static ON_FAULT: AtomicUsize = AtomicUsize::new(0);
static ON_INSTRUCTION: AtomicUsize = AtomicUsize::new(0);
static ON_BREAKPOINT: AtomicUsize = AtomicUsize::new(0);

/// Exit code when writing the report itself failed.
pub const EXIT_REPORT_FAILED: i32 = 98;

/// Called in ordinary code, on a stack of its own, with a fault of the kernel's thread.
pub type OnFault = fn(&Fault) -> !;
/// Called in the exception handler for an access or an instruction that the host refuses, and after a single step: may emulate it and
/// answer `true`.
pub type OnInstruction = fn(&FaultKind, &mut Registers) -> bool;
/// Called in the exception handler with the address of a breakpoint: whether the instruction that is there now is to be executed.
pub type OnBreakpoint = fn(usize) -> bool;

/// Makes this thread the kernel's: its faults go to `on_fault`.
///
/// # Errors
/// When the host refuses a stack or a handler.
pub fn install(
    on_fault: OnFault,
    on_instruction: OnInstruction,
    on_breakpoint: OnBreakpoint,
) -> io::Result<()> {
    let report_stack = memory::reserve(REPORT_STACK)?;
    // SAFETY: the range was just reserved here; its first page stays a guard. The handler has the right signature.
    unsafe {
        memory::commit(
            report_stack.as_ptr().add(PAGE_SIZE),
            REPORT_STACK - PAGE_SIZE,
            Protection::ReadWrite,
        )?;
        REPORT_TOP.store(
            report_stack.as_ptr() as usize + REPORT_STACK,
            Ordering::SeqCst,
        );
        ON_FAULT.store(on_fault as usize, Ordering::SeqCst);
        ON_INSTRUCTION.store(on_instruction as usize, Ordering::SeqCst);
        ON_BREAKPOINT.store(on_breakpoint as usize, Ordering::SeqCst);
        if THREAD.swap(GetCurrentThreadId(), Ordering::SeqCst) == 0
            && AddVectoredExceptionHandler(FIRST, Some(handler)).is_null()
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// gs points to the thread's own block on Windows.
///
/// # Errors
/// Always.
pub fn set_gs(_base: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Interrupts the kernel's thread as a runaway. Called by the watchdog's thread; its second call ends the run wherever
/// the thread is.
pub fn interrupt() {
    let access = THREAD_SUSPEND_RESUME | THREAD_GET_CONTEXT | THREAD_SET_CONTEXT;
    // SAFETY: the handle is this process's own thread; its context is changed only while it is suspended.
    unsafe {
        let thread = OpenThread(access, 0, THREAD.load(Ordering::SeqCst));
        if thread.is_null() || SuspendThread(thread) == u32::MAX {
            return;
        }
        let mut context: Aligned = mem::zeroed();
        context.0.ContextFlags = CONTEXT_WANTED;
        if GetThreadContext(thread, &raw mut context.0) != 0 {
            let in_kernel =
                !watchdog::in_driver(usize::try_from(context.0.Rip).expect("an address"));
            let wait = in_kernel && !watchdog::ask_to_stop();
            if !wait && !REPORTING.swap(true, Ordering::SeqCst) {
                let registers = registers_of(&context.0);
                send_to_report(
                    &mut context.0,
                    Fault {
                        kind: FaultKind::Runaway,
                        registers,
                    },
                );
                SetThreadContext(thread, &raw const context.0);
            }
        }
        ResumeThread(thread);
        CloseHandle(thread);
    }
}

/// `GetThreadContext` wants 16-byte alignment.
#[repr(C, align(16))]
struct Aligned(CONTEXT);

/// Ends the process when the report is not written within `seconds`. `false` when a report is already being written.
pub fn limit_report(seconds: u32) -> bool {
    if LIMITED.swap(true, Ordering::SeqCst) {
        return false;
    }
    REPORTING.store(true, Ordering::SeqCst);
    let limit = Duration::from_secs(u64::from(seconds));
    let watch = thread::Builder::new()
        .name("report limit".to_owned())
        .spawn(move || {
            thread::sleep(limit);
            exit_now(EXIT_REPORT_FAILED);
        });
    // Without that thread the parent's deadline is the limit.
    drop(watch);
    true
}

/// Ends the process at once, without running anything else of it.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends this process; ExitProcess is only reached if that fails.
    unsafe {
        TerminateProcess(GetCurrentProcess(), code.cast_unsigned());
        ExitProcess(code.cast_unsigned())
    }
}

fn registers_of(context: &CONTEXT) -> Registers {
    let general = [
        context.Rax,
        context.Rcx,
        context.Rdx,
        context.Rbx,
        context.Rsp,
        context.Rbp,
        context.Rsi,
        context.Rdi,
        context.R8,
        context.R9,
        context.R10,
        context.R11,
        context.R12,
        context.R13,
        context.R14,
        context.R15,
    ];
    Registers {
        general,
        rip: context.Rip,
        rflags: u64::from(context.EFlags),
    }
}

fn set_registers(context: &mut CONTEXT, registers: &Registers) {
    let places = [
        &mut context.Rax,
        &mut context.Rcx,
        &mut context.Rdx,
        &mut context.Rbx,
        &mut context.Rsp,
        &mut context.Rbp,
        &mut context.Rsi,
        &mut context.Rdi,
        &mut context.R8,
        &mut context.R9,
        &mut context.R10,
        &mut context.R11,
        &mut context.R12,
        &mut context.R13,
        &mut context.R14,
        &mut context.R15,
    ];
    for (place, value) in places.into_iter().zip(registers.general) {
        *place = value;
    }
    context.Rip = registers.rip;
    // The upper half of rflags is reserved.
    context.EFlags = registers.rflags as u32;
}

/// Makes the thread go on in the report routine.
fn send_to_report(context: &mut CONTEXT, fault: Fault) {
    // SAFETY: see `Slot`; the caller just set `REPORTING`.
    unsafe { *FAULT.0.get() = Some(fault) };
    context.Rip = report_entry as *const () as u64;
    // As after a call: the stack is 8 off a multiple of 16 at a function's first instruction, below its shadow space.
    context.Rsp = REPORT_TOP.load(Ordering::SeqCst) as u64 - 64 - 8;
}

/// Sends the thread to the exception routine, on the stack of the code that faulted; `false` when that is not to look at it.
fn interrupt_driver(fault: &Fault, context: &mut CONTEXT) -> bool {
    if !exception::is_wanted(fault) {
        return false;
    }
    // SAFETY: the system saved the floating-point state with the others.
    let saved = unsafe { context.Anonymous.FltSave.XmmRegisters };
    let interrupted = Interrupted {
        fault: *fault,
        xmm: saved.map(|one| u128::from(one.Low) | u128::from(one.High.cast_unsigned()) << 64),
        mxcsr: context.MxCsr,
    };
    let place = interrupted.leave();
    context.Rip = exception::entry as *const () as u64;
    context.Rcx = place as u64;
    // As after a call, below its shadow space.
    context.Rsp = place as u64 - 64 - 8;
    true
}

/// The kind of fault of an exception; `None` for what is none (a debugger's notes, C++ exceptions, Rust panics).
fn kind_of(code: i32, information: &[usize]) -> Option<FaultKind> {
    Some(match code {
        EXCEPTION_ACCESS_VIOLATION => {
            let address = information.get(1).copied().unwrap_or(NO_ADDRESS);
            let access = match information.first() {
                _ if address == NO_ADDRESS => Access::Unknown,
                Some(0) => Access::Read,
                Some(1) => Access::Write,
                Some(8) => Access::Execute,
                _ => Access::Unknown,
            };
            FaultKind::Memory {
                address: if address == NO_ADDRESS { 0 } else { address },
                access,
            }
        }
        EXCEPTION_STACK_OVERFLOW => FaultKind::Memory {
            address: information.get(1).copied().unwrap_or(0),
            access: Access::Write,
        },
        EXCEPTION_PRIV_INSTRUCTION => FaultKind::Memory {
            address: 0,
            access: Access::Unknown,
        },
        EXCEPTION_ILLEGAL_INSTRUCTION => FaultKind::Instruction,
        EXCEPTION_INT_DIVIDE_BY_ZERO
        | EXCEPTION_INT_OVERFLOW
        | EXCEPTION_FLT_DIVIDE_BY_ZERO
        | EXCEPTION_FLT_INVALID_OPERATION => FaultKind::Arithmetic,
        EXCEPTION_BREAKPOINT => FaultKind::Breakpoint,
        EXCEPTION_SINGLE_STEP => FaultKind::Step,
        _ => return None,
    })
}

unsafe extern "system" fn handler(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system passes valid pointers for the length of the call; the thread identity has no arguments.
    let (record, context, thread) = unsafe {
        (
            &*(*pointers).ExceptionRecord,
            &mut *(*pointers).ContextRecord,
            GetCurrentThreadId(),
        )
    };
    let information = &record.ExceptionInformation[..(record.NumberParameters as usize).min(15)];
    let Some(kind) = kind_of(record.ExceptionCode, information) else {
        return CONTINUE_SEARCH;
    };
    if thread != THREAD.load(Ordering::SeqCst) {
        return CONTINUE_SEARCH;
    }
    let mut registers = registers_of(context);
    if kind == FaultKind::Breakpoint {
        // The system has set rip back to the instruction.
        // SAFETY: `install` stored a function of this type before the handler was added.
        let go_on: OnBreakpoint = unsafe { mem::transmute(ON_BREAKPOINT.load(Ordering::SeqCst)) };
        if go_on(registers.rip as usize) {
            return CONTINUE_EXECUTION;
        }
    }
    let refused = matches!(
        kind,
        FaultKind::Memory { .. } | FaultKind::Instruction | FaultKind::Step
    );
    if refused && !REPORTING.load(Ordering::SeqCst) {
        // SAFETY: `install` stored a function of this type before the handler was added.
        let emulate: OnInstruction =
            unsafe { mem::transmute(ON_INSTRUCTION.load(Ordering::SeqCst)) };
        if emulate(&kind, &mut registers) {
            set_registers(context, &registers);
            return CONTINUE_EXECUTION;
        }
    }
    let fault = Fault { kind, registers };
    if !REPORTING.load(Ordering::SeqCst) && interrupt_driver(&fault, context) {
        return CONTINUE_EXECUTION;
    }
    if REPORTING.swap(true, Ordering::SeqCst) {
        exit_now(EXIT_REPORT_FAILED);
    }
    send_to_report(context, fault);
    CONTINUE_EXECUTION
}

/// Where the handler sends the thread: ordinary code again.
extern "C" fn report_entry() -> ! {
    // SAFETY: see `Slot`; `install` stored a function of type `OnFault`.
    let (fault, report): (Fault, OnFault) = unsafe {
        let fault = ptr::read(FAULT.0.get()).expect("the handler stored the fault");
        (
            fault,
            mem::transmute::<usize, OnFault>(ON_FAULT.load(Ordering::SeqCst)),
        )
    };
    report(&fault)
}
