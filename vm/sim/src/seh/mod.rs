//! Structured exceptions: an exception goes from frame to frame of the driver's code until a handler takes it, then the frames up to
//! there are unwound ("x64 exception handling", Microsoft Learn; "Structured Exception Handling").
//!
//! A routine of the kernel that raises one does not jump out of itself: it says so with [`raise`] and returns, and the way back into the
//! driver leads here instead. Nothing of the kernel's own stack is ever skipped but what ran for the exception.
//!
//! An exception that leaves the routine that the kernel called is not looked for in frames further out: what Windows' own routines between
//! the two would make of it is documented nowhere. It ends the machine, as one that nobody handles does.

mod context;
mod record;
mod scope;

use std::cell::{Cell, RefCell};

pub(crate) use context::{Context, raise as entry};
pub(crate) use record::{NONCONTINUABLE, Record};
pub(crate) use scope::c_specific_handler;

use record::{CONTINUE_EXECUTION, CONTINUE_SEARCH, Dispatcher, TARGET_UNWIND, UNWINDING};

use crate::call;
use crate::host::{Access, Fault, FaultKind, RAX, exception, memory};
use crate::image::{self, unwind};
use crate::kernel::kernel;
use crate::nt::irql::{self, Irql};
use crate::nt::status::{
    STATUS_ACCESS_VIOLATION, STATUS_BREAKPOINT, STATUS_ILLEGAL_INSTRUCTION,
    STATUS_INTEGER_DIVIDE_BY_ZERO,
};
use crate::nt::{mdl, pageable, pool};
use crate::report::{self, BugCheck, Cause};
use crate::rules;

/// Frames of one exception that are looked at.
const LIMIT: usize = 1000;

/// An exception that is being dispatched.
#[derive(Clone, Copy)]
pub(crate) struct Active {
    /// Open calls below the code that raised it.
    depth: usize,
    /// The handler that is being called to clean up, if one is.
    cleaning: *const Dispatcher,
    record: *mut Record,
    /// The registers where it was raised.
    context: *const Context,
}

/// The exceptions of a machine.
#[derive(Default)]
pub(crate) struct State {
    /// What the routine that runs now raises when it returns, and whether it does: every call asks that.
    raised: Cell<Option<Record>>,
    raises: Cell<bool>,
    /// Of the processor that runs, and of the one that does not.
    active: RefCell<Vec<Active>>,
    active_elsewhere: RefCell<Vec<Active>>,
    /// The exception that is on its way from the routine to [`raised`], and where the driver would have gone on.
    leaving: Cell<Option<(Record, usize)>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} exceptions", self.active.borrow().len())
    }
}

fn state() -> &'static State {
    &kernel().exceptions
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    state().active.swap(&state().active_elsewhere);
}

/// A system thread's exceptions come to the front, or go back to it.
pub(crate) fn exchange_with(other: &RefCell<Vec<Active>>) {
    state().active.swap(other);
}

/// The driver's call of the routine that runs now ends with this exception, as soon as the routine returns: it is the last that it does.
pub(crate) fn raise(record: Record) {
    state().raised.set(Some(record));
    state().raises.set(true);
}

/// The exception that the routine that is about to return raises.
#[inline]
pub(crate) fn take() -> Option<Record> {
    if !state().raises.replace(false) {
        return None;
    }
    state().raised.take()
}

/// A routine that raises returns; the driver would go on at `address`.
pub(crate) fn leave(record: Record, address: usize) -> usize {
    state().leaving.set(Some((record, address)));
    entry as *const () as usize
}

/// The driver's registers are those of the call; its open call into the kernel is still in the nest.
fn raised(mut context: Context) -> ! {
    let (mut record, address) = state()
        .leaving
        .take()
        .expect("a routine has just raised one");
    context.rip = address as u64;
    record.address = address;
    // The call of the routine that raises stays open, so that a report shows it.
    let depth = kernel().calls.depth() - 1;
    dispatch(record, context, depth, None)
}

/// The exception that a fault of the driver's code is, when a handler of the driver may take it. On Windows those in the kernel's own
/// memory, and all at raised IRQL, are bug checks at once.
fn of_fault(fault: &Fault) -> Option<Record> {
    match fault.kind {
        FaultKind::Memory { address, access } => {
            let known = image::contains(address)
                || pool::knows(address)
                || pageable::hides(address)
                || pool::broken(address).is_some()
                || mdl::broken(address).is_some()
                || mdl::describe(address).is_some();
            let user = access != Access::Unknown && !known;
            let kind = match access {
                Access::Write => 1,
                Access::Execute => 8,
                _ => 0,
            };
            (user && irql::current() < Irql::DISPATCH)
                .then(|| Record::new(STATUS_ACCESS_VIOLATION, &[kind, address as u64]))
        }
        FaultKind::Instruction => Some(Record::new(STATUS_ILLEGAL_INSTRUCTION, &[])),
        FaultKind::Arithmetic => Some(Record::new(STATUS_INTEGER_DIVIDE_BY_ZERO, &[])),
        FaultKind::Breakpoint => Some(Record::new(STATUS_BREAKPOINT, &[0])),
        FaultKind::Step | FaultKind::Runaway => None,
    }
}

/// Looks for a handler for a fault of the driver's code; without one it is reported as it is.
fn on_fault(fault: &Fault, xmm: [u128; 16], mxcsr: u32) -> ! {
    let Some(mut record) = of_fault(fault) else {
        report::on_fault(fault);
    };
    record.address = fault.registers.rip as usize;
    let context = Context::new(&fault.registers, xmm, mxcsr);
    dispatch(record, context, kernel().calls.depth(), Some(fault))
}

/// From now on faults of driver code that has handlers come here.
pub(crate) fn install() {
    exception::set_on_exception(image::has_handlers, on_fault);
}

/// A frame, and how it is left.
struct Frame {
    image: &'static image::Image,
    unwound: unwind::Unwound,
    caller: Context,
}

/// The frame that these registers are in; `None` outside of drivers.
fn frame(context: &Context) -> Option<Frame> {
    let image = image::at(context.rip as usize)?;
    let registers = context.registers();
    let unwound = unwind::frame(image, &registers, &memory::read_word)?;
    let mut caller = *context;
    caller.set_registers(&unwound.caller);
    for (value, place) in caller.xmm.iter_mut().zip(unwound.xmm) {
        if let Some(place) = place {
            let halves = [memory::read_word(place)?, memory::read_word(place + 8)?];
            *value = u128::from(halves[0]) | u128::from(halves[1]) << 64;
        }
    }
    Some(Frame {
        image,
        unwound,
        caller,
    })
}

/// Where a walk is: the registers of a frame, the first of its scopes that counts, and whose frames these are.
struct Walk {
    context: Context,
    scope: u32,
    level: usize,
}

impl Walk {
    /// The frames of the exception that is the last.
    fn begin() -> Self {
        let active = state().active.borrow();
        let level = active.len() - 1;
        Self {
            // SAFETY: the registers live as long as their exception is active.
            context: unsafe { *active[level].context },
            scope: 0,
            level,
        }
    }

    /// The frame; from the end of a block that cleaned up for an exception further out, the one that it cleaned up.
    fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = frame(&self.context) {
                return Some(frame);
            }
            let outer = self.level.checked_sub(1)?;
            let cleaning = state().active.borrow()[outer].cleaning;
            if cleaning.is_null() {
                return None;
            }
            // SAFETY: the handler is still being called, so its arguments are there.
            let (context, scope) = unsafe { (*(*cleaning).context, (*cleaning).scope) };
            (self.context, self.scope, self.level) = (context, scope, outer);
        }
    }

    fn up(&mut self, caller: Context) {
        self.context = caller;
        self.scope = 0;
    }

    /// Calls the frame's handler.
    fn call(
        &self,
        frame: &Frame,
        handler: unwind::Handler,
        record: *mut Record,
        target: usize,
        cleans: bool,
    ) -> i32 {
        let (base, at) = (
            frame.image.base,
            frame.image.base + handler.routine as usize,
        );
        let mut context = self.context;
        let mut dispatcher = Dispatcher {
            control_pc: self.context.rip as usize,
            image_base: base,
            function: std::ptr::null(),
            establisher: frame.unwound.establisher as usize,
            target_ip: target,
            context: &raw mut context,
            handler: at,
            data: (base + handler.data as usize) as *const u8,
            history: std::ptr::null_mut(),
            scope: self.scope,
            fill: 0,
        };
        let last = state().active.borrow().len() - 1;
        if cleans {
            state().active.borrow_mut()[last].cleaning = &raw const dispatcher;
        }
        let establisher = dispatcher.establisher;
        // Filters see, and may change, the registers where the exception was raised.
        let raised = state().active.borrow()[last].context.cast_mut();
        // SAFETY: the unwind data name this as the code of a language-specific handler.
        let answer = unsafe {
            let routine: Handler = std::mem::transmute::<usize, _>(at);
            let arguments = (record, establisher, raised, &raw mut dispatcher);
            call::driver_unbalanced("exception handler", routine, arguments)
        };
        if cleans {
            state().active.borrow_mut()[last].cleaning = std::ptr::null();
        }
        answer
    }
}

/// EXCEPTION_ROUTINE.
type Handler = unsafe extern "win64" fn(*mut Record, usize, *mut Context, *mut Dispatcher) -> i32;

/// Looks for a handler; what it decides happens, and this does not return.
fn dispatch(mut record: Record, mut context: Context, depth: usize, fault: Option<&Fault>) -> ! {
    let place: *mut Record = &raw mut record;
    state().active.borrow_mut().push(Active {
        depth,
        cleaning: std::ptr::null(),
        record: place,
        context: &raw mut context,
    });
    let mut walk = Walk::begin();
    for _ in 0..LIMIT {
        let Some(frame) = walk.frame() else { break };
        if let Some(handler) = frame.unwound.handler.filter(|handler| handler.searches) {
            match walk.call(&frame, handler, place, 0, false) {
                CONTINUE_SEARCH => {}
                // SAFETY: the record lives here.
                CONTINUE_EXECUTION if unsafe { (*place).flags } & NONCONTINUABLE == 0 => {
                    let level = state().active.borrow().len() - 1;
                    go_on(level, &context);
                }
                _ => break,
            }
        }
        walk.up(frame.caller);
    }
    unhandled(&record, fault)
}

/// Ends the machine: nobody takes the exception.
fn unhandled(record: &Record, fault: Option<&Fault>) -> ! {
    if let Some(fault) = fault {
        report::on_fault(fault);
    }
    let code = record.code;
    let parameters = [
        u64::from(code.0.cast_unsigned()),
        record.address as u64,
        record.information[0],
        record.information[1],
    ];
    let text = format!(
        "the exception {code} is raised, and no frame of the driver up to the routine that was called handles it"
    );
    report::end(Cause {
        rule: &rules::EXCEPTION,
        text,
        bug_check: Some(BugCheck {
            code: 0x1E,
            parameters,
        }),
        registers: None,
    })
}

/// Unwinds the frames up to the one that `target_frame` names and goes on there at `target`, with `value` in rax.
pub(crate) fn unwind(target_frame: usize, target: usize, value: u64) -> ! {
    let record = state()
        .active
        .borrow()
        .last()
        .expect("an exception is active")
        .record;
    // SAFETY: the record lives as long as its exception is active.
    unsafe { (*record).flags |= UNWINDING };
    let mut walk = Walk::begin();
    for _ in 0..LIMIT {
        let Some(frame) = walk.frame() else { break };
        let is_target = frame.unwound.establisher as usize == target_frame;
        if let Some(handler) = frame.unwound.handler.filter(|handler| handler.cleans) {
            if is_target {
                // SAFETY: as above.
                unsafe { (*record).flags |= TARGET_UNWIND };
            }
            walk.call(&frame, handler, record, target, true);
        }
        if is_target {
            let mut context = walk.context;
            context.rip = target as u64;
            context.general[RAX] = value;
            go_on(walk.level, &context);
        }
        walk.up(frame.caller);
    }
    report::end(Cause::rule(
        &rules::EXCEPTION,
        format!("frames are unwound to {target_frame:#x}, which is none of them"),
    ))
}

/// The driver goes on with these registers; what was called since the exception that is number `level` is over.
fn go_on(level: usize, context: &Context) -> ! {
    let depth = {
        let mut active = state().active.borrow_mut();
        let depth = active[level].depth;
        active.truncate(level);
        depth
    };
    kernel().calls.cut(depth);
    // SAFETY: the registers are those of a frame of the driver, unwound by its own description; everything below it is over.
    unsafe { context::restore(context) }
}
