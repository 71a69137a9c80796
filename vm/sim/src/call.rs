//! The one way into the driver: records the call, marks "in driver", and compares IRQL and held locks before and after.

mod function;
mod history;

use std::cell::RefCell;

use crate::finding;
use crate::gate::{self, Block, Left};
use crate::host::watchdog;
use crate::kernel::kernel;
use crate::nt::irql::{self, Irql};
use crate::nt::processor::State;
use crate::nt::region::{self, Regions};
use crate::nt::{extended, held, spinlock};
use crate::processor::{self, Side};
use crate::rules;
use crate::tally::Tally;
use crate::time::{Hns, Qpc};

pub use function::DriverFunction;
use function::bits_of;
use history::{Event, REMEMBERED, Record, Ring};

/// Size of a kernel stack on x64 (KERNEL_STACK_SIZE, ntddk.h).
const STACK_LIMIT: usize = 0x6000;
/// How long a routine may have the processor at DISPATCH_LEVEL ("Guidelines for Writing DPC Routines").
const DISPATCH_LIMIT: Hns = Hns::from_micros(100);

/// Non-volatile registers of the driver at a call into the kernel, enough to unwind from there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nonvolatile {
    pub(crate) rbx: u64,
    pub(crate) rbp: u64,
    pub(crate) rsi: u64,
    pub(crate) rdi: u64,
    pub(crate) r12: u64,
    pub(crate) r13: u64,
    pub(crate) r14: u64,
    pub(crate) r15: u64,
}

impl Nonvolatile {
    /// In the order in which the entry code saves them.
    #[inline]
    pub(crate) fn of([rbx, rbp, rsi, rdi, r12, r13, r14, r15]: [u64; 8]) -> Self {
        Self {
            rbx,
            rbp,
            rsi,
            rdi,
            r12,
            r13,
            r14,
            r15,
        }
    }
}

/// One step of the nest of calls between the kernel and the driver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame {
    /// The kernel called the driver.
    IntoDriver {
        name: &'static str,
        target: usize,
        stack: usize,
        gate: *mut Block,
    },
    /// The driver called the kernel.
    IntoKernel {
        import: u32,
        return_address: usize,
        stack: usize,
        registers: Nonvolatile,
        quiet: bool,
    },
}

/// Open calls, outermost first.
pub(crate) type Nest = RefCell<Vec<Open>>;

/// An open call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    frame: Frame,
    /// Bytes of stack that driver code uses up to here: what lies between each call into the driver and the driver's next call out.
    used: usize,
}

impl Open {
    /// `frame`, inside of `around`.
    fn inside(around: Option<&Self>, frame: Frame) -> Self {
        let used = match (around, &frame) {
            (
                Some(Self {
                    frame: Frame::IntoDriver { stack: top, .. },
                    used,
                }),
                Frame::IntoKernel { stack, .. },
            ) => used + top.saturating_sub(*stack),
            (around, _) => around.map_or(0, |around| around.used),
        };
        Self { frame, used }
    }
}

/// The nest of calls, and the last of them.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// Of the processor that runs, and of the one that does not.
    nest: Nest,
    nest_elsewhere: Nest,
    ring: Ring,
    pub(crate) tally: Tally,
}

impl Calls {
    /// Notes a call into the kernel, which quiet ones (memory routines) are not: they would fill the ring.
    #[inline]
    pub(crate) fn note_import(&self, import: u32, arguments: [u64; 4]) {
        self.record(Event::Import { import, arguments });
        self.tally.kernel_called(import);
    }

    /// Opens a call into the kernel.
    #[inline]
    pub(crate) fn enter_kernel(&self, frame: Frame) {
        let used = self.open(frame);
        if used > STACK_LIMIT {
            raise_stack_use(used);
        }
    }

    /// Opens a call; gives the bytes of stack that driver code uses now.
    #[inline]
    fn open(&self, frame: Frame) -> usize {
        let mut nest = self.nest.borrow_mut();
        let open = Open::inside(nest.last(), frame);
        nest.push(open);
        open.used
    }

    /// Closes the innermost call into the kernel and gives the address the driver continues at.
    #[inline]
    pub(crate) fn leave_kernel(&self, result: u64) -> usize {
        let mut nest = self.nest.borrow_mut();
        let Some(Frame::IntoKernel {
            import,
            return_address,
            quiet,
            ..
        }) = nest.last().map(|open| &open.frame)
        else {
            not_into_kernel(&nest);
        };
        let (import, return_address, quiet) = (*import, *return_address, *quiet);
        nest.pop();
        drop(nest);
        if !quiet {
            self.record(Event::ImportReturn { import, result });
        }
        return_address
    }

    /// Forgets the open calls above so many: an exception was handled below them.
    pub(crate) fn cut(&self, depth: usize) {
        self.nest.borrow_mut().truncate(depth);
    }

    /// The address at which the driver goes on after the innermost call into the kernel.
    pub(crate) fn return_address(&self) -> usize {
        let nest = self.nest.borrow();
        match nest.last().map(|open| &open.frame) {
            Some(Frame::IntoKernel { return_address, .. }) => *return_address,
            _ => not_into_kernel(&nest),
        }
    }

    fn enter_driver(&self, name: &'static str, target: usize, arguments: [u64; 4]) {
        self.tally.driver_called(name);
        self.record(Event::Call {
            name,
            target,
            arguments: words(&arguments),
        });
        let here = 0_u8;
        self.open(Frame::IntoDriver {
            name,
            target,
            stack: (&raw const here) as usize,
            gate: std::ptr::null_mut(),
        });
    }

    /// Where the registers of the innermost call, which is into the driver, are kept.
    pub(crate) fn set_gate(&self, block: *mut Block) {
        if let Some(Open {
            frame: Frame::IntoDriver { gate, .. },
            ..
        }) = self.nest.borrow_mut().last_mut()
        {
            *gate = block;
        }
    }

    /// The same, when that call returns; null when the innermost call is another.
    #[inline]
    pub(crate) fn gate(&self) -> *mut Block {
        let nest = self.nest.try_borrow();
        let innermost = nest.as_ref().ok().and_then(|nest| nest.last());
        match innermost.map(|open| &open.frame) {
            Some(Frame::IntoDriver { gate, .. }) => *gate,
            _ => std::ptr::null_mut(),
        }
    }

    fn leave_driver(&self, name: &'static str, result: u64) {
        self.record(Event::Return { name, result });
        let mut nest = self.nest.borrow_mut();
        debug_assert!(
            matches!(
                nest.last().map(|open| &open.frame),
                Some(Frame::IntoDriver { .. })
            ),
            "{name} returned to {:?}",
            nest.last()
        );
        nest.pop();
    }

    // Into the ring at once: what is put together elsewhere first is copied in larger pieces than it was stored, which costs more than
    // the rest of the call.
    #[inline(always)]
    fn record(&self, event: Event) {
        self.ring.add(Record {
            at: kernel().now(),
            irql: irql::current(),
            depth: self.nest.borrow().len(),
            side: processor::side(),
            event,
        });
    }

    /// Open calls, outermost first.
    pub(crate) fn nest(&self) -> Vec<Frame> {
        frames(&self.nest)
    }

    /// Whether an address lies in the part of the stack that driver code and its calls use now.
    pub(crate) fn on_stack(&self, address: usize) -> bool {
        let here = 0_u8;
        let nest = self.nest.borrow();
        let top = nest.iter().find_map(|open| match open.frame {
            Frame::IntoDriver { stack, .. } => Some(stack),
            Frame::IntoKernel { .. } => None,
        });
        top.is_some_and(|top| ((&raw const here) as usize..top).contains(&address))
    }

    /// Whether the innermost call is into the kernel and fills no record.
    pub(crate) fn is_quiet(&self) -> bool {
        let nest = self.nest.borrow();
        matches!(
            nest.last().map(|open| &open.frame),
            Some(Frame::IntoKernel { quiet: true, .. })
        )
    }

    /// Open calls of the processor that does not run, outermost first.
    pub(crate) fn nest_elsewhere(&self) -> Vec<Frame> {
        frames(&self.nest_elsewhere)
    }

    /// The other processor runs from now on.
    pub(crate) fn exchange(&self) {
        self.nest.swap(&self.nest_elsewhere);
    }

    /// A system thread's calls come to the front, or go back to it.
    pub(crate) fn exchange_with(&self, other: &Nest) {
        self.nest.swap(other);
    }

    /// How many calls are open.
    pub(crate) fn depth(&self) -> usize {
        self.nest.borrow().len()
    }

    /// The driver's code that called the import that runs now: the address it returns to. A routine that has called nothing yet, or that
    /// has returned, is at its beginning, told as if its first instruction were such a call.
    pub(crate) fn driver_place(&self) -> Option<usize> {
        let nest = self.nest.borrow();
        nest.iter().rev().find_map(|open| match open.frame {
            Frame::IntoKernel { return_address, .. } if crate::image::contains(return_address) => {
                Some(return_address)
            }
            Frame::IntoDriver { target, .. } if crate::image::contains(target) => Some(target + 1),
            _ => None,
        })
    }

    /// Name of the import that runs now, if the innermost open call is one.
    pub(crate) fn current_import(&self) -> Option<String> {
        match self.nest.borrow().last().map(|open| open.frame) {
            Some(Frame::IntoKernel { import, .. }) => Some(kernel().imports.name(import)),
            _ => None,
        }
    }

    /// The innermost open calls in words, such as `ExFreePool, called by DriverUnload`.
    pub(crate) fn current(&self) -> String {
        let names: Vec<String> = self
            .nest
            .borrow()
            .iter()
            .rev()
            .take(4)
            .map(|open| frame_name(&open.frame))
            .collect();
        names.join(", called by ")
    }

    /// The last calls, oldest first, one line each; an import that called nothing takes one line with its result.
    pub(crate) fn history(&self) -> Vec<String> {
        self.last(REMEMBERED)
    }

    /// The same of so many of the last lines.
    pub(crate) fn last(&self, most: usize) -> Vec<String> {
        self.ring.last(most)
    }
}

/// What was stored just now, word by word as it was: the processor waits when it has to load that in larger pieces.
#[inline(always)]
pub(crate) fn words<const COUNT: usize>(stored: &[u64; COUNT]) -> [u64; COUNT] {
    // SAFETY: a reference is valid for reads.
    std::array::from_fn(|index| unsafe { (&raw const stored[index]).read_volatile() })
}

#[cold]
fn not_into_kernel(nest: &[Open]) -> ! {
    unreachable!(
        "an import returned while the innermost call was {:?}",
        nest.last()
    )
}

#[cold]
fn raise_stack_use(used: usize) {
    finding::raise(
        &rules::STACK_USE,
        format!("{used} bytes of stack are in use by driver code"),
    );
}

fn frames(nest: &Nest) -> Vec<Frame> {
    nest.borrow().iter().map(|open| open.frame).collect()
}

fn frame_name(frame: &Frame) -> String {
    match frame {
        Frame::IntoDriver { name, .. } => (*name).to_owned(),
        Frame::IntoKernel { import, .. } => kernel().imports.name(*import),
    }
}

/// What must hold when a driver routine returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Balance {
    /// IRQL and held spin locks are those of its entry.
    Kept,
    /// The routine's purpose is to change them: lock callbacks, cancel routines.
    Free,
}

/// Calls the driver's `function`, which reports call `name`.
///
/// # Safety
/// `function` must point to code with its signature; what that code does with bad data is the driver's affair, and is
/// caught where it faults.
pub unsafe fn driver<Arguments, Function: DriverFunction<Arguments>>(
    name: &'static str,
    function: Function,
    arguments: Arguments,
) -> Function::Output {
    // SAFETY: the caller vouches for pointer and signature.
    unsafe { run(name, function, arguments, Balance::Kept) }
}

/// Like [`driver`], for a routine whose purpose is to change the IRQL or the held locks.
///
/// # Safety
/// As for [`driver`].
pub unsafe fn driver_unbalanced<Arguments, Function: DriverFunction<Arguments>>(
    name: &'static str,
    function: Function,
    arguments: Arguments,
) -> Function::Output {
    // SAFETY: the caller vouches for pointer and signature.
    unsafe { run(name, function, arguments, Balance::Free) }
}

unsafe fn run<Arguments, Function: DriverFunction<Arguments>>(
    name: &'static str,
    function: Function,
    arguments: Arguments,
    balance: Balance,
) -> Function::Output {
    let calls = &kernel().calls;
    let before = Before {
        irql: irql::current(),
        locks: spinlock::held_count(),
        mutexes: held::count(),
        extended: extended::count(),
        regions: region::open(),
        disabled: irql::interrupts_disabled(),
        at: kernel().now(),
        turns: processor::turns(),
        processor: State::take(),
    };
    let outermost = calls.depth() == 0;
    if outermost {
        watchdog::progress(true);
    }
    calls.enter_driver(name, function.address(), Function::bits(&arguments));
    if outermost {
        processor::boundary();
    }
    // SAFETY: the caller vouches for pointer and signature.
    let (output, left) = unsafe { gate::call(function, arguments) };
    check_processor(name, &before, &left);
    if balance == Balance::Kept {
        check_balance(name, &before);
    }
    calls.leave_driver(name, bits_of(&output));
    if calls.depth() == 0 {
        watchdog::progress(false);
        processor::between_calls();
    }
    output
}

/// What was so when a driver routine was called.
struct Before {
    irql: Irql,
    locks: usize,
    /// Mutexes and their like that the thread held.
    mutexes: usize,
    /// States of the processor that it had saved.
    extended: usize,
    regions: Regions,
    /// Interrupts were disabled.
    disabled: bool,
    at: Qpc,
    /// Turns that the second processor had had.
    turns: u64,
    processor: State,
}

/// What every routine leaves as it was, and how long it took.
fn check_processor(name: &str, before: &Before, left: &Left) {
    let after = State::take().with(left);
    if !left.is_kept() {
        finding::raise(
            &rules::NONVOLATILE_REGISTERS,
            format!("{name} returned with {left}"),
        );
    }
    if after != before.processor {
        let text = format!(
            "{name} was called with {} and returned with {after}",
            before.processor
        );
        finding::raise(&rules::PROCESSOR_STATE, text);
        before.processor.restore();
    }
    let end = before.at + DISPATCH_LIMIT;
    let alone = processor::turns() == before.turns && processor::side() == Side::First;
    if before.irql >= Irql::DISPATCH && alone && kernel().now() > end {
        let text = format!(
            "{name}, called at {}, had the processor for {} ticks of 100 ns",
            before.irql,
            kernel().now().0 - before.at.0
        );
        finding::raise(&rules::DISPATCH_TIME, text);
    }
}

fn check_balance(name: &str, before: &Before) {
    let Before {
        irql: before,
        locks,
        mutexes,
        extended,
        regions,
        disabled,
        ..
    } = *before;
    if irql::interrupts_disabled() != disabled {
        let now = if disabled { "enabled" } else { "disabled" };
        finding::raise(
            &rules::INTERRUPTS_DISABLED,
            format!("{name} returned with interrupts {now}"),
        );
        irql::disable_interrupts(disabled);
    }
    held::check_return(name, mutexes);
    extended::check_return(name, extended);
    let open = region::open();
    if open != regions {
        finding::raise(
            &rules::CRITICAL_REGION,
            format!("{name} was called in {regions} and returned in {open}"),
        );
        region::set(regions);
    }
    let after = irql::current();
    if spinlock::held_count() != locks {
        finding::raise(
            &rules::LOCK_HELD_AT_RETURN,
            format!("{name} returned with {}", spinlock::held_names(locks)),
        );
        spinlock::forget_beyond(locks);
    }
    if after != before {
        finding::raise(
            &rules::IRQL_BALANCE,
            format!("{name} was called at {before} and returned at {after}"),
        );
        irql::lower_to(before);
    }
}

/// Runs `action` with the processor raised to `level`, as the kernel does around callbacks that it makes there.
pub fn at_irql<T>(level: Irql, action: impl FnOnce() -> T) -> T {
    let before = irql::current();
    irql::set(before.max(level));
    let result = action();
    irql::lower_to(before);
    result
}
