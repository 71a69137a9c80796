//! Bug checks that drivers meet: their names, and which parameter tells where the fault was.
//!
//! Source of all: "Bug Check Code Reference", Microsoft Learn, and the page of each code there.

use std::fmt;

use serde::{Serialize, Serializer};

use Where::{Address, Context, Maybe, Record};

/// A bug check with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BugCheck {
    /// The code.
    pub code: u32,
    /// What they mean depends on the code.
    #[serde(serialize_with = "hex")]
    pub parameters: [u64; 4],
}

/// JSON's numbers do not take 64 bits.
fn hex<S: Serializer>(values: &[u64; 4], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.map(|value| format!("{value:#x}")))
}

/// What a parameter tells of the place at fault; parameters are counted from 1, as the pages do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// It is the address of the instruction (if known: else zero).
    Address(usize),
    /// It is an address in the driver, where the page says "reserved" for some of these violations.
    Maybe(usize),
    /// It is the address of an EXCEPTION_RECORD.
    Record(usize),
    /// It is the address of a CONTEXT.
    Context(usize),
}

/// The pages say of a code with this bit, which kernels set in small dumps, that it means what it means without.
const MINIDUMP: u32 = 0x1000_0000;

const DRIVER_VERIFIER_DETECTED_VIOLATION: u32 = 0xC4;
const TIMER_OR_DPC_INVALID: u32 = 0xC7;
const DRIVER_VERIFIER_IOMANAGER_VIOLATION: u32 = 0xC9;

const TABLE: &[(u32, &str, &[Where])] = &[
    (0x1, "APC_INDEX_MISMATCH", &[]),
    (0x5, "INVALID_PROCESS_ATTACH_ATTEMPT", &[]),
    (0x6, "INVALID_PROCESS_DETACH_ATTEMPT", &[]),
    (0x8, "IRQL_NOT_DISPATCH_LEVEL", &[]),
    (0x9, "IRQL_NOT_GREATER_OR_EQUAL", &[]),
    (0xA, "IRQL_NOT_LESS_OR_EQUAL", &[Address(4)]),
    (0xD, "MUTEX_LEVEL_NUMBER_VIOLATION", &[]),
    (0xF, "SPIN_LOCK_ALREADY_OWNED", &[]),
    (0x10, "SPIN_LOCK_NOT_OWNED", &[]),
    (0x18, "REFERENCE_BY_POINTER", &[]),
    (0x19, "BAD_POOL_HEADER", &[]),
    (0x1A, "MEMORY_MANAGEMENT", &[]),
    (0x1E, "KMODE_EXCEPTION_NOT_HANDLED", &[Address(2)]),
    (0x20, "KERNEL_APC_PENDING_DURING_EXIT", &[]),
    (0x35, "NO_MORE_IRP_STACK_LOCATIONS", &[]),
    (0x3B, "SYSTEM_SERVICE_EXCEPTION", &[Address(2), Context(3)]),
    (0x3D, "INTERRUPT_EXCEPTION_NOT_HANDLED", &[]),
    (0x44, "MULTIPLE_IRP_COMPLETE_REQUESTS", &[]),
    (0x48, "CANCEL_STATE_IN_COMPLETED_IRP", &[]),
    (0x4A, "IRQL_GT_ZERO_AT_SYSTEM_SERVICE", &[]),
    (0x4D, "NO_PAGES_AVAILABLE", &[]),
    (0x4E, "PFN_LIST_CORRUPT", &[]),
    (0x50, "PAGE_FAULT_IN_NONPAGED_AREA", &[Address(3)]),
    (0x76, "PROCESS_HAS_LOCKED_PAGES", &[]),
    (0x77, "KERNEL_STACK_INPAGE_ERROR", &[]),
    (0x7A, "KERNEL_DATA_INPAGE_ERROR", &[]),
    (0x7B, "INACCESSIBLE_BOOT_DEVICE", &[]),
    (
        0x7E,
        "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
        &[Address(2), Record(3), Context(4)],
    ),
    (0x7F, "UNEXPECTED_KERNEL_MODE_TRAP", &[]),
    (0x80, "NMI_HARDWARE_FAILURE", &[]),
    (0x8E, "KERNEL_MODE_EXCEPTION_NOT_HANDLED", &[Address(2)]),
    (0x93, "INVALID_KERNEL_HANDLE", &[]),
    (0x9C, "MACHINE_CHECK_EXCEPTION", &[]),
    (0x9F, "DRIVER_POWER_STATE_FAILURE", &[]),
    (0xB8, "ATTEMPTED_SWITCH_FROM_DPC", &[]),
    (0xBE, "ATTEMPTED_WRITE_TO_READONLY_MEMORY", &[]),
    (0xC1, "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION", &[]),
    (0xC2, "BAD_POOL_CALLER", &[]),
    (0xC4, "DRIVER_VERIFIER_DETECTED_VIOLATION", &[]),
    (0xC5, "DRIVER_CORRUPTED_EXPOOL", &[Address(4)]),
    (0xC6, "DRIVER_CAUGHT_MODIFYING_FREED_POOL", &[]),
    (0xC7, "TIMER_OR_DPC_INVALID", &[]),
    (0xC8, "IRQL_UNEXPECTED_VALUE", &[]),
    (0xC9, "DRIVER_VERIFIER_IOMANAGER_VIOLATION", &[]),
    (0xCA, "PNP_DETECTED_FATAL_ERROR", &[]),
    (0xCB, "DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS", &[]),
    (0xCC, "PAGE_FAULT_IN_FREED_SPECIAL_POOL", &[Address(3)]),
    (0xCD, "PAGE_FAULT_BEYOND_END_OF_ALLOCATION", &[Address(3)]),
    (
        0xCE,
        "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS",
        &[Address(3)],
    ),
    (0xD0, "DRIVER_CORRUPTED_MMPOOL", &[Address(4)]),
    (0xD1, "DRIVER_IRQL_NOT_LESS_OR_EQUAL", &[Address(4)]),
    (0xD3, "DRIVER_PORTION_MUST_BE_NONPAGED", &[Address(4)]),
    (
        0xD4,
        "SYSTEM_SCAN_AT_RAISED_IRQL_CAUGHT_IMPROPER_DRIVER_UNLOAD",
        &[Address(4)],
    ),
    (
        0xD5,
        "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL",
        &[Address(3)],
    ),
    (
        0xD6,
        "DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION",
        &[Address(3)],
    ),
    (0xD8, "DRIVER_USED_EXCESSIVE_PTES", &[]),
    (0xDA, "SYSTEM_PTE_MISUSE", &[]),
    (0xE1, "WORKER_THREAD_RETURNED_AT_BAD_IRQL", &[]),
    (0xE2, "MANUALLY_INITIATED_CRASH", &[]),
    (0xE3, "RESOURCE_NOT_OWNED", &[]),
    (0xE6, "DRIVER_VERIFIER_DMA_VIOLATION", &[]),
    (0xEA, "THREAD_STUCK_IN_DEVICE_DRIVER", &[]),
    (0xEF, "CRITICAL_PROCESS_DIED", &[]),
    (0xF7, "DRIVER_OVERRAN_STACK_BUFFER", &[]),
    (0xFC, "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY", &[]),
    (0x101, "CLOCK_WATCHDOG_TIMEOUT", &[]),
    (0x109, "CRITICAL_STRUCTURE_CORRUPTION", &[]),
    (0x10D, "WDF_VIOLATION", &[]),
    (0x11B, "DRIVER_RETURNED_HOLDING_CANCEL_LOCK", &[]),
    (0x124, "WHEA_UNCORRECTABLE_ERROR", &[]),
    (0x133, "DPC_WATCHDOG_VIOLATION", &[]),
    (0x139, "KERNEL_SECURITY_CHECK_FAILURE", &[Record(3)]),
    (0x13A, "KERNEL_MODE_HEAP_CORRUPTION", &[]),
    (0x154, "UNEXPECTED_STORE_EXCEPTION", &[]),
    (0x162, "KERNEL_AUTO_BOOST_INVALID_LOCK_RELEASE", &[]),
    (0x1D2, "WORKER_THREAD_INVALID_STATE", &[]),
    (0x4000008A, "THREAD_TERMINATE_HELD_MUTEX", &[]),
    (0xC000021A, "WINLOGON_FATAL_ERROR", &[]),
    (0xC0000221, "STATUS_IMAGE_CHECKSUM_MISMATCH", &[]),
    (0xDEADDEAD, "MANUALLY_INITIATED_CRASH1", &[]),
];

impl BugCheck {
    /// Its name, if it is one that drivers meet.
    pub fn name(&self) -> Option<String> {
        let find = |code: u32| TABLE.iter().find(|row| row.0 == code).map(|row| row.1);
        find(self.code)
            .map(str::to_owned)
            .or_else(|| Some(format!("{}_M", find(self.plain())?)))
    }

    fn plain(&self) -> u32 {
        if self.code >> 28 == 1 {
            self.code & !MINIDUMP
        } else {
            self.code
        }
    }

    /// Where its parameters say that the fault was, the most direct first.
    pub(super) fn places(&self) -> &'static [Where] {
        // Subcodes of up to 16 bits, and 32 for rules, which name no place.
        match (self.plain(), self.parameters[0]) {
            (DRIVER_VERIFIER_DETECTED_VIOLATION, subcode) => match subcode {
                0xC1
                | 0xC3
                | 0xC5
                | 0xC6
                | 0xE3
                | 0xE4
                | 0xE6
                | 0xFA
                | 0xFB
                | 0xFC
                | 0x111
                | 0x2000..=0x2002 => &[Address(2)],
                0xDA => &[Address(3)],
                0xF6 => &[Address(4)],
                _ => &[],
            },
            (DRIVER_VERIFIER_IOMANAGER_VIOLATION, subcode) => match subcode {
                0x07 | 0x11 | 0x12 => &[Address(2)],
                0x200..=0x3FF => &[Maybe(2)],
                _ => &[],
            },
            (TIMER_OR_DPC_INVALID, 2 | 4 | 5) => &[Address(2)],
            (code, _) => TABLE
                .iter()
                .find(|row| row.0 == code)
                .map_or(&[], |row| row.2),
        }
    }

    /// A parameter, counted from 1.
    pub(super) fn parameter(&self, number: usize) -> u64 {
        self.parameters[number - 1]
    }
}

impl fmt::Display for BugCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bug check 0x{:X}", self.code)?;
        if let Some(name) = self.name() {
            write!(f, " {name}")?;
        }
        let [a, b, c, d] = self.parameters;
        write!(f, " ({a:#x}, {b:#x}, {c:#x}, {d:#x})")
    }
}
