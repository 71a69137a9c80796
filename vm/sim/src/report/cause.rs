//! What ended the run, in the words of rules and bug checks.

use std::fmt;

use crate::host::{Access, Fault, FaultKind, RCX, RSP, Registers};
use crate::image;
use crate::kernel::kernel;
use crate::nt::irql::{self, Irql};
use crate::nt::{mdl, pageable, pool};
use crate::rules::{self, Rule};

/// A bug check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BugCheck {
    /// Its code.
    pub code: u32,
    /// Its four parameters.
    pub parameters: [u64; 4],
}

/// Names of the bug checks that drivers meet ("Bug Check Code Reference", Microsoft Learn).
const NAMES: &[(u32, &str)] = &[
    (0x0A, "IRQL_NOT_LESS_OR_EQUAL"),
    (0x10, "SPIN_LOCK_NOT_OWNED"),
    (0x18, "REFERENCE_BY_POINTER"),
    (0x19, "BAD_POOL_HEADER"),
    (0x1E, "KMODE_EXCEPTION_NOT_HANDLED"),
    (0x35, "NO_MORE_IRP_STACK_LOCATIONS"),
    (0x44, "MULTIPLE_IRP_COMPLETE_REQUESTS"),
    (0x48, "CANCEL_STATE_IN_COMPLETED_IRP"),
    (0x50, "PAGE_FAULT_IN_NONPAGED_AREA"),
    (0x7E, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED"),
    (0x7F, "UNEXPECTED_KERNEL_MODE_TRAP"),
    (0x9F, "DRIVER_POWER_STATE_FAILURE"),
    (0xB8, "ATTEMPTED_SWITCH_FROM_DPC"),
    (0xBE, "ATTEMPTED_WRITE_TO_READONLY_MEMORY"),
    (0xC1, "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION"),
    (0xC2, "BAD_POOL_CALLER"),
    (0xC4, "DRIVER_VERIFIER_DETECTED_VIOLATION"),
    (0xC7, "TIMER_OR_DPC_INVALID"),
    (0xC9, "DRIVER_VERIFIER_IOMANAGER_VIOLATION"),
    (
        0xCE,
        "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS",
    ),
    (0xD1, "DRIVER_IRQL_NOT_LESS_OR_EQUAL"),
    (0xD5, "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL"),
    (0xD6, "DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION"),
    (0xDA, "SYSTEM_PTE_MISUSE"),
    (0xE2, "MANUALLY_INITIATED_CRASH"),
    (0xE6, "DRIVER_VERIFIER_DMA_VIOLATION"),
    (0xFC, "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY"),
    (0x133, "DPC_WATCHDOG_VIOLATION"),
    (0x139, "KERNEL_SECURITY_CHECK_FAILURE"),
];

impl fmt::Display for BugCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES
            .iter()
            .find(|(code, _)| *code == self.code)
            .map_or("(the driver's own code)", |(_, name)| name);
        write!(f, "{:#X} {name}", self.code)
    }
}

/// Why the run ends.
#[derive(Debug)]
pub struct Cause {
    pub(crate) rule: &'static Rule,
    pub(crate) text: String,
    pub(crate) bug_check: Option<BugCheck>,
    pub(crate) registers: Option<Registers>,
}

impl Cause {
    /// A broken rule without a fault of the processor.
    pub fn rule(rule: &'static Rule, text: String) -> Self {
        Self {
            rule,
            text,
            bug_check: None,
            registers: None,
        }
    }

    /// Driver code that does not return.
    pub fn runaway() -> Self {
        let limit = kernel().options.runaway_after;
        let text = format!(
            "driver code had the processor for {limit:?} without returning or an event passing"
        );
        let bug_check = Some(BugCheck {
            code: 0x133,
            parameters: [0; 4],
        });
        Self {
            rule: &rules::RUNAWAY,
            text,
            bug_check,
            registers: None,
        }
    }

    /// A bug check that the driver asked for.
    pub fn bug_check(bug_check: BugCheck) -> Self {
        let text = format!("the driver stopped the machine with bug check {bug_check}");
        Self {
            rule: &rules::BUG_CHECK,
            text,
            bug_check: Some(bug_check),
            registers: None,
        }
    }
}

/// Where the fault handler sends the thread.
pub(crate) fn on_fault(fault: &Fault) -> ! {
    super::end(explain(fault))
}

// Exception codes (ntstatus.h), the first parameter of bug check 0x1E.
const EXCEPTION_PRIVILEGED: u64 = 0xC000_0096;
const EXCEPTION_ILLEGAL: u64 = 0xC000_001D;
const EXCEPTION_DIVIDE: u64 = 0xC000_0094;
const EXCEPTION_BREAKPOINT: u64 = 0x8000_0003;
const EXCEPTION_ASSERTION: u64 = 0xC000_0420;

fn explain(fault: &Fault) -> Cause {
    let registers = fault.registers;
    let (rule, text, code, parameters) = match fault.kind {
        FaultKind::Memory { address, access } => memory_fault(address, access, &registers),
        FaultKind::Instruction => {
            let text = format!(
                "an instruction that is not valid here: {}",
                code_bytes(registers.rip)
            );
            (
                &rules::ILLEGAL_INSTRUCTION,
                text,
                0x1E,
                [EXCEPTION_ILLEGAL, registers.rip, 0, 0],
            )
        }
        FaultKind::Arithmetic => {
            let text = "a division by zero, or a quotient that does not fit".to_owned();
            (
                &rules::ARITHMETIC,
                text,
                0x1E,
                [EXCEPTION_DIVIDE, registers.rip, 0, 0],
            )
        }
        FaultKind::Breakpoint | FaultKind::Step => {
            let text = "a breakpoint instruction without a debugger".to_owned();
            (
                &rules::BREAKPOINT,
                text,
                0x1E,
                [EXCEPTION_BREAKPOINT, registers.rip, 0, 0],
            )
        }
        FaultKind::Runaway => {
            return Cause {
                registers: Some(registers),
                ..Cause::runaway()
            };
        }
    };
    Cause {
        rule,
        text,
        bug_check: Some(BugCheck { code, parameters }),
        registers: Some(registers),
    }
}

fn memory_fault(
    address: usize,
    access: Access,
    registers: &Registers,
) -> (&'static Rule, String, u32, [u64; 4]) {
    let rip = registers.rip;
    let level = u64::from(irql::current().0);
    let stack = registers.general[RSP] as usize;
    // A push or call below the stack faults at or just under rsp, in the guard below it.
    let near_stack = address != 0
        && address.abs_diff(stack) < 64 * 1024
        && crate::host::memory::is_stack_guard(address);
    let at = address as u64;
    match access {
        Access::Unknown => {
            let bytes = code_bytes(rip);
            if let Some(code) = fast_fail(rip, registers) {
                let text = format!(
                    "the driver's own checks found corruption: fast-fail code {code} ({})",
                    fast_fail_name(code)
                );
                return (&rules::FAST_FAIL, text, 0x139, [code, 0, 0, 0]);
            }
            if is_assertion(rip) {
                let text = "an assertion of the driver does not hold (int 2Ch)".to_owned();
                let parameters = [EXCEPTION_ASSERTION, rip, 0, 0];
                return (&rules::ASSERTION, text, 0x1E, parameters);
            }
            let text =
                format!("a privileged instruction, or an address that cannot exist, in {bytes}");
            (
                &rules::ILLEGAL_INSTRUCTION,
                text,
                0x1E,
                [EXCEPTION_PRIVILEGED, rip, 0, 0],
            )
        }
        _ if near_stack => {
            let text =
                format!("the stack is exhausted: {access:?} of {address:#x} with rsp {stack:#x}");
            (&rules::STACK_OVERFLOW, text, 0x7F, [8, 0, 0, 0])
        }
        _ if pageable::hides(address) => {
            let text = format!(
                "pageable memory is used at {}: {}",
                irql::current(),
                place(address)
            );
            let (write, at_level) = (u64::from(access == Access::Write), level);
            (
                &rules::PAGEABLE_TOUCHED,
                text,
                0xD1,
                [at, at_level, write, rip],
            )
        }
        Access::Execute if image::contains(address) || pool::knows(address) => {
            let text = format!("data is executed: {}", place(address));
            (&rules::EXECUTE_DATA, text, 0xFC, [at, 0, 0, 0])
        }
        Access::Execute => {
            let text = format!(
                "a call or jump to an address without code: {}",
                place(address)
            );
            (
                &rules::ACCESS_VIOLATION,
                text,
                0x1E,
                [0xC000_0005, rip, 8, at],
            )
        }
        Access::Write if image::contains(address) => {
            let text = format!(
                "read-only memory of the driver is written: {}",
                place(address)
            );
            (&rules::ACCESS_VIOLATION, text, 0xBE, [at, 0, 0, 0])
        }
        _ => {
            let verb = if access == Access::Write {
                "writes"
            } else {
                "reads"
            };
            let text = format!(
                "{} {verb} memory that is not there: {}",
                actor(rip),
                place(address)
            );
            let write = u64::from(access == Access::Write);
            if let Some((rule, code)) = pool::broken(address).or_else(|| mdl::broken(address)) {
                return (rule, text, code, [at, write, rip, 0]);
            }
            let code = if level >= u64::from(Irql::DISPATCH.0) {
                0xD1
            } else {
                0x50
            };
            let parameters = if code == 0xD1 {
                [at, level, write, rip]
            } else {
                [at, write, rip, 0]
            };
            (&rules::ACCESS_VIOLATION, text, code, parameters)
        }
    }
}

/// Who executes at this address: the driver, the kernel with what the driver passed, or the simulator for itself.
fn actor(rip: u64) -> String {
    if image::contains(rip as usize) {
        return "the driver".to_owned();
    }
    match kernel().calls.current_import() {
        Some(import) => format!("{import}, with what the driver passed,"),
        None => "the simulator itself".to_owned(),
    }
}

/// An address in words.
fn place(address: usize) -> String {
    if let Some(image) = image::at(address) {
        return format!(
            "{address:#x} is {}, part of the image",
            image::offset_name(image.base.max(address))
        );
    }
    match mdl::describe(address) {
        Some(words) => format!("{address:#x} {words}"),
        None => format!("{address:#x} {}", pool::describe(address)),
    }
}

/// The bytes at an address that execution reached, for reports.
fn code_bytes(address: u64) -> String {
    match crate::host::memory::read_word(address) {
        Some(word) => {
            let bytes: Vec<String> = word
                .to_le_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            bytes.join(" ")
        }
        None => format!("unreadable memory at {address:#x}"),
    }
}

/// `int 0x2C`, which NT_ASSERT inlines.
fn is_assertion(rip: u64) -> bool {
    crate::host::memory::read_word(rip).is_some_and(|word| word & 0xFFFF == 0x2CCD)
}

/// `int 0x29` with its code in ecx.
fn fast_fail(rip: u64, registers: &Registers) -> Option<u64> {
    let word = crate::host::memory::read_word(rip)?;
    (word & 0xFFFF == 0x29CD).then_some(registers.general[RCX] & 0xFFFF_FFFF)
}

/// Names of the most frequent fast-fail codes (winnt.h, FAST_FAIL_…).
fn fast_fail_name(code: u64) -> &'static str {
    match code {
        0 => "FAST_FAIL_LEGACY_GS_VIOLATION",
        2 => "FAST_FAIL_STACK_COOKIE_CHECK_FAILURE",
        3 => "FAST_FAIL_CORRUPT_LIST_ENTRY",
        5 => "FAST_FAIL_INVALID_ARG",
        7 => "FAST_FAIL_FATAL_APP_EXIT",
        10 => "FAST_FAIL_GUARD_ICALL_CHECK_FAILURE",
        _ => "see FAST_FAIL_ in winnt.h",
    }
}
