//! The rules a driver is held to: one row each, with the page that states it.
//!
//! `fatal` rules end the run, because the real kernel would have stopped or what follows would be meaningless; the
//! others are collected. Other parts of the simulator keep their rules in files of their own and list them in `TABLES`.

/// One rule that can be broken.
#[derive(Debug)]
pub struct Rule {
    /// Short name, stable across versions.
    pub id: &'static str,
    /// Whether breaking it ends the run.
    pub fatal: bool,
    /// What is asked for, as a sentence.
    pub title: &'static str,
    /// Where that is written: a page of the Windows driver documentation, or a header.
    pub source: &'static str,
}

/// Every table of rules.
pub static TABLES: &[&[&Rule]] = &[
    CORE,
    crate::endpoints::rules::TABLE,
    crate::pnp::rules::TABLE,
    crate::portcls::rules::TABLE,
];

macro_rules! rules {
    ($($(#[$meta:meta])* $name:ident: $id:literal, $fatal:literal, $title:literal, $source:literal;)*) => {
        $($(#[$meta])* #[doc = $title] pub static $name: Rule = Rule { id: $id, fatal: $fatal, title: $title, source: $source };)*
        /// The rules of the kernel itself.
        pub static CORE: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    ACCESS_VIOLATION: "access-violation", true,
        "A driver touches only memory that is there, in the way it may.",
        "bug check 0x50 PAGE_FAULT_IN_NONPAGED_AREA and 0x1E KMODE_EXCEPTION_NOT_HANDLED";
    EXECUTE_DATA: "execute-data", true,
        "Only code sections are executed: data, pool and stack are not executable.",
        "bug check 0xFC ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY";
    ILLEGAL_INSTRUCTION: "illegal-instruction", true,
        "A driver executes only valid instructions that are allowed in its place.",
        "bug check 0x1E KMODE_EXCEPTION_NOT_HANDLED, STATUS_ILLEGAL_INSTRUCTION or STATUS_PRIVILEGED_INSTRUCTION";
    ARITHMETIC: "arithmetic-fault", true,
        "No division by zero and no quotient that does not fit.",
        "bug check 0x1E KMODE_EXCEPTION_NOT_HANDLED, STATUS_INTEGER_DIVIDE_BY_ZERO";
    BREAKPOINT: "breakpoint", true,
        "No breakpoint instruction is reached: without a debugger it stops the machine.",
        "bug check 0x1E KMODE_EXCEPTION_NOT_HANDLED, STATUS_BREAKPOINT";
    STACK_OVERFLOW: "stack-overflow", true,
        "A driver stays within the kernel stack.",
        "bug check 0x7F UNEXPECTED_KERNEL_MODE_TRAP, double fault; \"Using the Kernel Stack\"";
    STACK_USE: "stack-use", false,
        "A chain of calls through a driver uses less than the 24 KB that a kernel stack has.",
        "\"Using the Kernel Stack\"; KERNEL_STACK_SIZE in ntddk.h";
    BUG_CHECK: "bug-check", true,
        "A driver does not stop the machine.",
        "wdm/nf-wdm-kebugcheckex";
    ASSERTION: "assertion", true,
        "What the driver asserts holds (ASSERT, NT_ASSERT).",
        "wdm/nf-wdm-rtlassert; STATUS_ASSERTION_FAILURE, which stops a machine without a debugger";
    EXCEPTION: "exception", true,
        "An exception that a driver raises, or a routine that it calls, is handled by the driver.",
        "bug check 0x1E KMODE_EXCEPTION_NOT_HANDLED, when nothing catches it";
    FAST_FAIL: "fast-fail", true,
        "No corruption is found that the compiler's or the library's own checks stop at (int 0x29).",
        "bug check 0x139 KERNEL_SECURITY_CHECK_FAILURE; __fastfail intrinsic";
    PURE_CALL: "pure-call", true,
        "No pure virtual function is called.",
        "_purecall, C run-time library reference";
    MISSING_IMPORT: "missing-import", true,
        "The simulator has every function that the driver calls.",
        "imports/mod.rs";
    HANG: "hang", true,
        "Something that can still happen ends every wait.",
        "wdm/nf-wdm-kewaitforsingleobject";
    RUNAWAY: "runaway", true,
        "Driver code returns.",
        "bug check 0x133 DPC_WATCHDOG_VIOLATION";
    IRQL_CEILING: "irql-ceiling", false,
        "A routine is called at an IRQL that its page allows.",
        "the IRQL row on each routine's page; Driver Verifier, Force IRQL Checking";
    IRQL_BALANCE: "irql-balance", false,
        "A driver routine returns at the IRQL at which it was called.",
        "bug checks 0xC7 and 0xC9; Driver Verifier, standard settings";
    IRQL_ORDER: "irql-order", false,
        "KeRaiseIrql never lowers, KeLowerIrql never raises.",
        "wdm/nf-wdm-kelowerirql; bug check 0xC4 (0x30, 0x31, 0x32)";
    DISPATCH_TIME: "dispatch-time", false,
        "A routine that is called at DISPATCH_LEVEL returns within 100 microseconds.",
        "\"Guidelines for Writing DPC Routines\"";
    PROCESSOR_STATE: "processor-state", false,
        "A routine returns with the direction and alignment check flags clear, and with MXCSR, the x87 control word and the x87 stack as they were.",
        "x64 calling convention: callee-saved registers, x87 and MXCSR; \"Using Floating Point in a WDM Driver\"";
    NONVOLATILE_REGISTERS: "nonvolatile-registers", false,
        "A routine returns with rbx, rbp, rsi, rdi, r12 to r15 and xmm6 to xmm15 as they were.",
        "x64 calling convention: callee-saved registers; bug check 0xC4 (0x110)";
    EXTENDED_STATE: "extended-state", false,
        "What lies above the SSE registers is saved before a driver uses it, and restored last first, at the same IRQL, before its routine returns.",
        "wdm/nf-wdm-kesaveextendedprocessorstate, wdm/nf-wdm-kerestoreextendedprocessorstate";
    INTERRUPTS_DISABLED: "interrupts-disabled", false,
        "A routine returns with interrupts enabled, and nothing waits or is passed down with interrupts disabled.",
        "bug check 0xC4 (0xC0, 0xC1)";
    PAGEABLE_TOUCHED: "pageable-touched", true,
        "Paged pool and pageable code are not used at DISPATCH_LEVEL.",
        "\"Making Drivers Pageable\"; bug check 0xD1 DRIVER_IRQL_NOT_LESS_OR_EQUAL; \"Force IRQL Checking\"";
    ETW_LEAK: "etw-leak", false,
        "A driver unregisters its ETW providers before it is unloaded.",
        "wdm/nf-wdm-etwunregister";
    ETW_EVENT: "etw-event", false,
        "An event is written to a registered provider, and in a form that tools can decode.",
        "wdm/nf-wdm-etwwritetransfer; TraceLoggingProvider.h, evntprov.h";
    CALLBACK_LEAK: "callback-leak", false,
        "A driver takes back the callbacks that it registered with the system before it is unloaded.",
        "wdm/nf-wdm-cmunregistercallback, wdm/nf-wdm-exunregistercallback, wdm/nf-wdm-pounregisterpowersettingcallback and the like";
    NOTIFICATION_LEAK: "notification-leak", false,
        "A driver unregisters its Plug and Play notifications before it is unloaded.",
        "wdm/nf-wdm-ioregisterplugplaynotification";
    POOL_LEAK: "pool-leak", false,
        "A driver frees what it allocated before it is unloaded.",
        "bug check 0xC4 (0x60, 0x62), Driver Verifier, Pool Tracking";
    POOL_DOUBLE_FREE: "pool-double-free", true,
        "Pool is freed once.",
        "bug check 0xC2 BAD_POOL_CALLER (0x07)";
    POOL_BAD_FREE: "pool-bad-free", true,
        "Only addresses that the pool gave out are freed.",
        "bug check 0xC2 BAD_POOL_CALLER (0x46)";
    POOL_WRONG_TAG: "pool-wrong-tag", false,
        "Pool is freed with the tag it was allocated with.",
        "wdm/nf-wdm-exfreepoolwithtag; bug check 0xC2 BAD_POOL_CALLER (0x0A)";
    MEMCPY_OVERLAP: "memcpy-overlap", false,
        "Memory that is copied by RtlCopyMemory or memcpy does not overlap its target.",
        "wdm/nf-wdm-rtlcopymemory; bug check 0xC4 (0xF0)";
    POOL_OVERRUN: "pool-overrun", true,
        "Nothing behind the end of an allocation is read or written.",
        "bug checks 0xC1 SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION and 0xD6 DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION";
    POOL_UNDERRUN: "pool-underrun", true,
        "Nothing before the start of an allocation is read or written.",
        "bug check 0xC1 SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION; \"Special Pool\", Verify Start";
    POOL_FREED: "pool-freed", true,
        "Freed pool is not used.",
        "bug check 0xD5 DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL";
    POOL_ZERO: "pool-zero-size", false,
        "An allocation has at least one byte, a tag, and flags that name one pool.",
        "wdm/nf-wdm-exallocatepool2";
    POOL_EXECUTABLE: "pool-executable", false,
        "Pool that can be executed is not asked for.",
        "\"NX and Execute Pool Types\"; HVCI compatibility, Driver Verifier code integrity checks (0xC4, 0x2000)";
    POOL_PAGED_AT_DISPATCH: "pool-paged-at-dispatch", false,
        "Paged pool is allocated and freed at APC_LEVEL or below.",
        "wdm/nf-wdm-exallocatepool2; bug check 0xC4 (0x01, 0x11)";
    LOCK_DEADLOCK: "lock-deadlock", true,
        "A spin lock is not acquired by the processor that holds it, nor a fast mutex, resource or push lock by the thread that would wait for itself.",
        "wdm/nf-wdm-keacquirespinlockraisetodpc; bug check 0xC4 (0x1000, 0x1001)";
    LOCK_NOT_HELD: "lock-not-held", true,
        "Only a lock that is held is released, by who holds it.",
        "bug check 0x10 SPIN_LOCK_NOT_OWNED; bug check 0xC4 (0x1004, 0x1007)";
    LOCK_ORDER: "lock-order", false,
        "Spin locks are released last first, and each with the IRQL that its acquisition gave.",
        "wdm/nf-wdm-kereleasespinlock";
    LOCK_HIERARCHY: "lock-hierarchy", false,
        "Locks that are held together, spin locks or mutexes and resources, are acquired in one order, whoever acquires them.",
        "\"Deadlock Detection\"; bug check 0xC4 (0x1001)";
    LOOKASIDE_FREED: "lookaside-freed", true,
        "A lookaside list is deleted before the memory that it lies in is freed.",
        "Driver Verifier, Miscellaneous Checks; wdm/nf-wdm-exdeletenpagedlookasidelist";
    LOCK_HELD_AT_RETURN: "lock-held", false,
        "No spin lock is held when a driver routine returns, and none when it waits.",
        "\"Introduction to Spin Locks\"";
    MUTEX_HELD: "mutex-held", false,
        "No mutex, fast mutex, guarded mutex, resource or push lock is held when a driver routine returns, or when its memory is freed.",
        "bug check 0xC4 (0xC5); bug check 0x1 APC_INDEX_MISMATCH; wdm/nf-wdm-exdeleteresourcelite";
    APCS_ENABLED: "apcs-enabled", false,
        "Normal kernel APCs are disabled where a resource or push lock is acquired or released, or a fast mutex the unsafe way.",
        "bug check 0xC4 (0x37 to 0x3A); wdm/nf-wdm-exacquireresourceexclusivelite, wdm/nf-wdm-exacquirefastmutexunsafe";
    RESOURCE_LIFETIME: "resource-lifetime", true,
        "A resource is initialised once before it is used, and deleted before the memory that it lies in is freed.",
        "bug check 0xC4 (0xD0, 0xD1, 0xD2); Driver Verifier, Miscellaneous Checks";
    REMOVE_LOCK: "remove-lock", false,
        "A remove lock is released with the tags it was acquired with, before its memory is freed; it is waited for in the removal only, and not initialised again afterwards.",
        "wdm/nf-wdm-ioreleaseremovelock, wdm/nf-wdm-ioreleaseremovelockandwait; Driver Verifier, DDI compliance: IoReleaseRemoveLockAndWaitOutsideRemoveDevice";
    PNP_SURPRISE_DELETE: "pnp-surprise-delete", false,
        "No device is deleted or detached in the routine for a surprise removal.",
        "Driver Verifier, DDI compliance: PnpSurpriseRemove";
    CRITICAL_REGION: "critical-region", false,
        "A driver leaves the critical and guarded regions that it entered, no others, and before its routine returns.",
        "ntddk/nf-ntddk-keleavecriticalregion; bug check 0xC4 (0x3E, 0xC5); Driver Verifier, DDI compliance: GuardedRegions";
    WAIT_USER_MODE: "wait-user-mode", false,
        "A wait in user mode is for no object on the stack.",
        "wdm/nf-wdm-kewaitforsingleobject; bug check 0xC4 (0x123)";
    WAIT_AT_DISPATCH: "wait-at-dispatch", true,
        "At DISPATCH_LEVEL a wait has a time-out of zero.",
        "wdm/nf-wdm-kewaitforsingleobject; bug check 0xC4 (0x3B), 0xB8 ATTEMPTED_SWITCH_FROM_DPC";
    OBJECT_UNINITIALIZED: "object-uninitialized", false,
        "A timer, DPC, event, lock or queue is initialised before it is used.",
        "wdm/nf-wdm-keinitializeevent and its siblings; bug check 0xC4 (0x0081 and following)";
    TIMER_ABSOLUTE: "timer-absolute", true,
        "A high-resolution timer has a relative due time.",
        "wdm/nf-wdm-exsettimer";
    TIMER_BAD: "timer-bad", true,
        "A timer routine gets a timer that exists.",
        "wdm/nf-wdm-exdeletetimer; bug check 0xC7 TIMER_OR_DPC_INVALID";
    TIMER_LEAK: "timer-leak", true,
        "No timer and no DPC of a driver is outstanding when it is unloaded or its memory is freed.",
        "bug check 0xC7 TIMER_OR_DPC_INVALID; 0xC4 (0x0060 and following)";
    IRP_DOUBLE_COMPLETE: "irp-double-complete", true,
        "An IRP is completed once.",
        "bug check 0x44 MULTIPLE_IRP_COMPLETE_REQUESTS";
    IRP_PENDING_STATUS: "irp-pending-status", false,
        "A dispatch routine returns STATUS_PENDING exactly when it marked the IRP pending.",
        "\"Returning Status from Dispatch Routines\"; bug check 0xC9 (0x20E)";
    IRP_STATUS_MISMATCH: "irp-status-mismatch", false,
        "A dispatch routine returns the status with which it completed the IRP.",
        "\"Returning Status from Dispatch Routines\"";
    IRP_BAD_STATUS: "irp-bad-status", false,
        "An IRP is not completed with STATUS_PENDING.",
        "wdm/nf-wdm-iocompleterequest; bug check 0xC9 (0x06)";
    IRP_CANCEL_ROUTINE: "irp-cancel-routine", false,
        "No cancel routine is set when an IRP is completed.",
        "\"Removing a Cancel Routine\"; bug check 0x48 CANCEL_STATE_IN_COMPLETED_IRP";
    IRP_TOUCHED: "irp-touched", true,
        "An IRP and its system buffer are not touched after the IRP was completed.",
        "wdm/nf-wdm-iocompleterequest; \"Completing IRPs\"; bug check 0xD5 with special pool";
    IRP_INFORMATION: "irp-information", false,
        "A buffered request is not completed with more bytes than its output has room for.",
        "wdm/ns-wdm-_io_status_block; \"Buffer Descriptions for I/O Control Codes\", METHOD_BUFFERED";
    IRP_COMPLETED_LOCKED: "irp-completed-locked", false,
        "No spin lock is held when an IRP is completed: completion routines run in that call.",
        "Driver Verifier, DDI compliance: SpinLockSafe; wdm/nf-wdm-iocompleterequest";
    IRP_NOT_FORWARDED: "irp-not-forwarded", false,
        "A function driver completes no PnP, power or WMI request that the driver below has not seen, unless it is a query that it refuses.",
        "Driver Verifier, DDI compliance: PnpIrpCompletion, WmiForward; kernel: Rules for Handling Power IRPs";
    IRP_FORWARDED: "irp-forwarded", false,
        "An IRP is passed down without a cancel routine; a PnP or power request that has failed is completed instead.",
        "bug check 0xC9 (0x203, 0x215, 0x219)";
    IRP_LOST: "irp-lost", false,
        "Every IRP is completed before its device goes away.",
        "bug check 0xC9 (0x23A and following); \"Completing IRPs\"";
    IRP_BAD: "irp-bad", true,
        "An IRP routine gets an IRP that exists and has a stack location left.",
        "bug check 0x35 NO_MORE_IRP_STACK_LOCATIONS; 0xC4 (0x51)";
    MDL_BAD: "mdl-bad", true,
        "An MDL routine gets an MDL in the state it needs.",
        "bug check 0xC4 (0xB0 to 0xB7), 0xDA SYSTEM_PTE_MISUSE";
    MDL_DOUBLE_MAP: "mdl-double-map", false,
        "Pages of an MDL are mapped once and unmapped before they are freed.",
        "bug check 0xC4 (0x71004, 0x71009), 0xDA SYSTEM_PTE_MISUSE";
    MDL_OUTSIDE: "mdl-outside", true,
        "Nothing before or behind the memory that an MDL describes is touched: a cyclic buffer, the buffer of a request.",
        "bug check 0x50 PAGE_FAULT_IN_NONPAGED_AREA; wdm/nf-wdm-mmmaplockedpagesspecifycache";
    MDL_UNMAPPED: "mdl-unmapped", true,
        "Memory is not touched through a mapping that was undone.",
        "wdm/nf-wdm-mmunmaplockedpages; bug check 0x50 PAGE_FAULT_IN_NONPAGED_AREA";
    MDL_LEAK: "mdl-leak", false,
        "A driver frees the MDLs that it allocated before it is unloaded.",
        "wdm/nf-wdm-ioallocatemdl";
    WORK_ITEM_LEAK: "work-item-leak", false,
        "No work item of a driver is queued or allocated when it is unloaded.",
        "wdm/nf-wdm-iofreeworkitem; bug check 0xCE DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS";
    THREAD_LEAK: "thread-leak", false,
        "A driver's system threads have ended when it is unloaded.",
        "wdm/nf-wdm-pscreatesystemthread; bug check 0xCE DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS";
    OBJECT_REFERENCES: "object-references", true,
        "Every reference to an object is given back once.",
        "bug check 0x18 REFERENCE_BY_POINTER";
    OBJECT_LEAK: "object-leak", false,
        "A driver gives back the references that it took on objects before it is unloaded.",
        "wdm/nf-wdm-obreferenceobjectbyhandle; Driver Verifier, DDI compliance: DanglingDeviceObjectReference";
    HANDLE_BAD: "handle-bad", false,
        "A handle that is used is open.",
        "bug check 0x93 INVALID_KERNEL_HANDLE";
    HANDLE_LEAK: "handle-leak", false,
        "A driver closes the handles it opened before it is unloaded.",
        "wdm/nf-wdm-zwclose";
    USER_HANDLE: "user-handle", false,
        "A handle of a program's is used with the access of user mode.",
        "Driver Verifier, Miscellaneous Checks; bug check 0xC4 (0xF6)";
    ZW_ARGUMENT: "zw-argument", false,
        "Object attributes and counted strings that a Zw routine gets are well formed: sizes right, lengths even and within their room.",
        "Driver Verifier, Security Checks";
    DEVICE_LEAK: "device-leak", false,
        "A driver deletes its device objects before it is unloaded.",
        "wdm/nc-wdm-driver_unload";
    BAD_ARGUMENT: "bad-argument", false,
        "A routine gets arguments that its page allows.",
        "the parameter table on each routine's page";
    BAD_ARGUMENT_FATAL: "bad-object", true,
        "A routine gets an object that exists and is in the state it needs.",
        "the parameter table on each routine's page";
    WDF_VERSION: "wdf-version", false,
        "A driver binds to a version of KMDF that is there, as the miniport of a port driver.",
        "wdfdriver/ne-wdfdriver-_wdf_driver_init_flags; fxldr.h";
    WDF_OBJECT: "wdf-object", true,
        "A KMDF function gets a handle of the right kind that was not deleted.",
        "bug check 0x10D WDF_VIOLATION (0x5)";
    WDF_LEAK: "wdf-leak", false,
        "A miniport deletes its WDFDRIVER, and with it every framework object, when it is unloaded.",
        "wdfminiport/nf-wdfminiport-wdfdriverminiportunload";
    SIMULATOR_DEFECT: "simulator-defect", true,
        "The simulator itself works.",
        "vm/sim";
}

/// The rule with this short name.
pub fn find(id: &str) -> Option<&'static Rule> {
    TABLES
        .iter()
        .flat_map(|table| table.iter())
        .copied()
        .find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn short_names_are_unique_and_every_rule_has_a_source() {
        let mut seen = HashSet::new();
        for rule in TABLES.iter().flat_map(|table| table.iter()) {
            assert!(seen.insert(rule.id), "two rules are called {}", rule.id);
            assert!(
                !rule.source.is_empty() && rule.title.ends_with('.'),
                "{rule:?}"
            );
        }
        assert!(find("pool-leak").is_some_and(|rule| !rule.fatal));
        assert!(find("no-such-rule").is_none());
    }
}
