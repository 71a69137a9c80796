use super::services::SERVICES;
use super::*;
use crate::imports::{TABLES, bind};
use crate::kernel::{Kernel, Options};

/// Words in the names of services that allocate, open, or work on what the system keeps.
const TELLING: &[&str] = &[
    "Allocate",
    "Attach",
    "Create",
    "Enumerate",
    "Map",
    "New",
    "Open",
    "Reference",
    "Register",
    "Property",
    "Write",
    "Zw",
];

/// Rows with such names that cannot fail for want of anything, and why.
const CANNOT: &[(&str, &str)] = &[
    ("IoGetAttachedDevice", "it gives what is there"),
    (
        "MmProbeAndLockPages",
        "it says so with an exception; no service is made to fail so",
    ),
    (
        "ProbeForWrite",
        "it fails for what it is asked, and for nothing else",
    ),
    ("MmUnmapLockedPages", "it undoes"),
    ("EtwUnregister", "it undoes"),
    ("PcUnregisterAdapterPowerManagement", "it undoes"),
    ("PcUnregisterAdapterPnpManagement", "it undoes"),
    ("CmUnRegisterCallback", "it undoes"),
    ("ObUnRegisterCallbacks", "it undoes"),
    ("PsRemoveCreateThreadNotifyRoutine", "it undoes"),
    (
        "KeRegisterBugCheckCallback",
        "its record is the driver's; it refuses one that is registered",
    ),
    (
        "KeRegisterBugCheckReasonCallback",
        "its record is the driver's; it refuses one that is registered",
    ),
    ("ZwClose", "it undoes"),
    ("IoUnregisterPlugPlayNotification", "it undoes"),
    ("IoUnregisterPlugPlayNotificationEx", "it undoes"),
    ("PcRemoveStreamResource", "it undoes"),
    ("PcNewMiniport", "the simulator has no miniport to give"),
    ("MmIsAddressValid", "it gives what is so"),
    (
        "ObReferenceObjectByPointer",
        "the object is there; only its type may be another",
    ),
    ("ObfReferenceObject", "it gives a count"),
    ("ObfDereferenceObject", "it undoes"),
];

fn names() -> Vec<&'static str> {
    let rows = TABLES.iter().flat_map(|tables| tables.iter());
    rows.flat_map(|rows| rows.iter())
        .map(|row| row.name)
        .collect()
}

#[test]
fn every_service_that_looks_fallible_is_decided() {
    let names = names();
    for name in &names {
        let telling = TELLING.iter().any(|word| name.contains(word));
        let decided = services::find(name).is_some() || CANNOT.iter().any(|(one, _)| one == name);
        assert!(
            decided || !telling,
            "{name}: say in imports/faults/services.rs how it fails, or in this test why it cannot"
        );
    }
    for (name, _) in CANNOT {
        assert!(names.contains(name), "{name} is no row");
        assert!(services::find(name).is_none(), "{name} is decided twice");
    }
    for service in SERVICES
        .iter()
        .filter(|one| !one.name.contains("::") && !one.name.starts_with("Wdf"))
    {
        assert!(names.contains(&service.name), "{} is no row", service.name);
    }
}

#[test]
fn the_services_of_a_plan_fail_and_no_others() {
    Kernel::boot(Options::default());
    let (address, _) = bind("ntoskrnl.exe", "ExAllocatePool2");
    // SAFETY: the thunk leads to a routine with this signature.
    let allocate: extern "win64" fn(u64, usize, u32) -> *mut u8 =
        unsafe { std::mem::transmute(address) };
    let tag = u32::from_le_bytes(*b"Test");
    begin(&[1, 3]);
    let failed_now: Vec<bool> = (0..5).map(|_| allocate(0x40, 24, tag).is_null()).collect();
    assert_eq!(failed_now, [false, true, false, true, false]);
    assert_eq!((used(), count()), (5, 2));
    assert_eq!(used_by_name()["ExAllocatePool2"], 5);
    let told: Vec<_> = failed()
        .into_iter()
        .map(|one| (one.number, one.detail))
        .collect();
    assert_eq!(told[1], (3, "24 bytes, tag 'Test'".into()));
    begin(&[]);
    assert!(!allocate(0x40, 24, tag).is_null());
    assert_eq!((used(), count()), (1, 0));
}

#[test]
fn what_undoes_does_not_fail() {
    let service = services::find("IoSetDeviceInterfaceState").expect("a row");
    // What lies above a BOOLEAN means nothing.
    for (enable, may) in [(1, true), (0xFFFF_FF00, false), (0, false)] {
        assert_eq!((service.may)(&[0x1000, enable, 0, 0]), may, "{enable:#x}");
    }
}
