//! Which services may fail, and what each answers when it does: one row per service.
//!
//! Everything that allocates or opens, reads or writes what the system keeps, and that has a way to say that it could not. Not here is
//! what fails only when it is asked wrongly (a string that does not fit, an interface that an object does not have), and what undoes:
//! drivers can do nothing about that, and documentation promises it to them (ZwClose, PcUnregister…, disabling an interface).
//! MmProbeAndLockPages raises an exception: it is not made to fail.

use super::{Answer, Service};
use crate::nt::status::{STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_NO_MEMORY};

const NULL: Answer = Answer::Null;
/// What most pages name, or a status of the callee's choice: `STATUS_INSUFFICIENT_RESOURCES`.
const RESOURCES: Answer = Answer::Status(STATUS_INSUFFICIENT_RESOURCES);
const MEMORY: Answer = Answer::Status(STATUS_NO_MEMORY);
const HANDLE: Answer = Answer::Status(STATUS_INVALID_HANDLE);

const fn always(_: &[u64; 4]) -> bool {
    true
}

/// The second argument is a BOOLEAN, in one byte.
const fn enables(arguments: &[u64; 4]) -> bool {
    arguments[1] & 0xFF != 0
}

/// The second argument says that a routine is removed: that does not fail.
const fn adds(arguments: &[u64; 4]) -> bool {
    !enables(arguments)
}

/// The same in the third.
const fn adds_third(arguments: &[u64; 4]) -> bool {
    arguments[2] & 0xFF == 0
}

const fn nothing(_: &[u64; 4]) -> String {
    String::new()
}

/// Size and tag, the second and third argument of all pool routines.
fn block([_, size, tag, _]: &[u64; 4]) -> String {
    let tag = (*tag as u32).to_le_bytes();
    format!("{size} bytes, tag '{}'", tag.escape_ascii())
}

fn bytes([_, _, bytes, _]: &[u64; 4]) -> String {
    format!("{bytes} bytes")
}

const fn service(name: &'static str, answer: Answer) -> Service {
    Service {
        name,
        answer,
        may: always,
        detail: nothing,
    }
}

const fn told(name: &'static str, answer: Answer, detail: fn(&[u64; 4]) -> String) -> Service {
    Service {
        detail,
        ..service(name, answer)
    }
}

pub(super) static SERVICES: &[Service] = &[
    service("PcNewServiceGroup", RESOURCES),
    service("IPortWaveCyclic::NewMasterDmaChannel", RESOURCES),
    service("IDmaChannel::AllocateBuffer", RESOURCES),
    told("ExAllocatePool2", NULL, block),
    told("ExAllocatePoolWithTag", NULL, block),
    service("ExAllocatePool", NULL),
    service("ExAllocateTimer", NULL),
    service("IoAllocateIrp", NULL),
    service("IoAllocateMdl", NULL),
    service("IoAllocateWorkItem", NULL),
    service("IoAttachDeviceToDeviceStack", NULL),
    service("IoCreateDevice", RESOURCES),
    service("IoCreateSymbolicLink", RESOURCES),
    service("IoRegisterDeviceInterface", RESOURCES),
    Service {
        may: enables,
        ..service("IoSetDeviceInterfaceState", RESOURCES)
    },
    service("IoSetDeviceInterfacePropertyData", RESOURCES),
    service("IoGetDeviceInterfacePropertyData", RESOURCES),
    service("IoOpenDeviceInterfaceRegistryKey", RESOURCES),
    service("IoOpenDeviceRegistryKey", RESOURCES),
    service("IoGetDeviceProperty", RESOURCES),
    service("PcGetDeviceProperty", RESOURCES),
    service("PcNewRegistryKey", RESOURCES),
    service("PcCreateContentMixed", RESOURCES),
    service("PsCreateSystemThread", RESOURCES),
    service("IoCreateSystemThread", RESOURCES),
    service("IoGetDevicePropertyData", RESOURCES),
    service("IoSetDevicePropertyData", RESOURCES),
    service("MmAllocatePagesForMdl", NULL),
    service("MmAllocatePagesForMdlEx", NULL),
    service("MmMapLockedPagesSpecifyCache", NULL),
    // Its page lists no want of resources; a handle may be closed by another thread meanwhile.
    service("ObReferenceObjectByHandle", HANDLE),
    service("ZwOpenKey", RESOURCES),
    service("ZwCreateKey", RESOURCES),
    service("ZwQueryKey", RESOURCES),
    service("ZwQueryValueKey", RESOURCES),
    service("ZwEnumerateKey", RESOURCES),
    service("ZwEnumerateValueKey", RESOURCES),
    service("ZwSetValueKey", RESOURCES),
    service("ZwDeleteKey", RESOURCES),
    service("ZwDeleteValueKey", RESOURCES),
    service("ZwFlushKey", RESOURCES),
    service("RtlQueryRegistryValues", RESOURCES),
    service("IoOpenDriverRegistryKey", RESOURCES),
    service("IoRegisterPlugPlayNotification", RESOURCES),
    service("CmRegisterCallback", RESOURCES),
    service("CmRegisterCallbackEx", RESOURCES),
    service("ObRegisterCallbacks", RESOURCES),
    service("PoRegisterPowerSettingCallback", RESOURCES),
    service("IoRegisterShutdownNotification", RESOURCES),
    service("ExCreateCallback", RESOURCES),
    service("ExRegisterCallback", NULL),
    Service {
        may: adds,
        ..service("PsSetCreateProcessNotifyRoutine", RESOURCES)
    },
    Service {
        may: adds,
        ..service("PsSetCreateProcessNotifyRoutineEx", RESOURCES)
    },
    Service {
        may: adds_third,
        ..service("PsSetCreateProcessNotifyRoutineEx2", RESOURCES)
    },
    service("PsSetCreateThreadNotifyRoutine", RESOURCES),
    service("PsSetLoadImageNotifyRoutine", RESOURCES),
    service("PsSetLoadImageNotifyRoutineEx", RESOURCES),
    service("ZwCreateFile", RESOURCES),
    service("ZwOpenFile", RESOURCES),
    service("ZwReadFile", RESOURCES),
    service("ZwWriteFile", RESOURCES),
    service("ZwQueryInformationFile", RESOURCES),
    service("ZwSetInformationFile", RESOURCES),
    service("ZwFlushBuffersFile", RESOURCES),
    service("IoWMIRegistrationControl", RESOURCES),
    service("EtwRegisterClassicProvider", MEMORY),
    service("WdfDriverCreate", RESOURCES),
    service("WdfDeviceMiniportCreate", RESOURCES),
    service("WdfObjectCreate", RESOURCES),
    service("WdfObjectAllocateContext", RESOURCES),
    service("WdfCollectionCreate", RESOURCES),
    service("WdfCollectionAdd", RESOURCES),
    service("WdfSpinLockCreate", RESOURCES),
    service("WdfWaitLockCreate", RESOURCES),
    service("WdfWorkItemCreate", RESOURCES),
    service("PcAddStreamResource", RESOURCES),
    service("RtlWriteRegistryValue", RESOURCES),
    service("RtlDeleteRegistryValue", RESOURCES),
    service("RtlStringFromGUID", MEMORY),
    service("EtwRegister", MEMORY),
    service("EtwSetInformation", RESOURCES),
    service("EtwWrite", MEMORY),
    service("EtwWriteTransfer", MEMORY),
    service("PcInitializeAdapterDriver", RESOURCES),
    service("PcAddAdapterDevice", RESOURCES),
    service("PcGetPhysicalDeviceObject", RESOURCES),
    service("PcRegisterAdapterPowerManagement", RESOURCES),
    service("PcRegisterAdapterPnpManagement", RESOURCES),
    service("PcNewPort", RESOURCES),
    service("PcRegisterSubdevice", RESOURCES),
    service("PcRegisterPhysicalConnection", RESOURCES),
    service("IPort::Init", RESOURCES),
    told("IPortWaveRTStream::AllocatePagesForMdl", NULL, bytes),
    service("IPortWaveRTStream::AllocateContiguousPagesForMdl", NULL),
    service("IPortWaveRTStream::MapAllocatedPages", NULL),
    service(
        "IPortClsStreamResourceManager::AddStreamResource",
        RESOURCES,
    ),
    service(
        "IPortClsStreamResourceManager2::AddStreamResource2",
        RESOURCES,
    ),
    service("IPortClsNotifications::AllocNotificationBuffer", RESOURCES),
];

/// The row of a service; `None` when it cannot fail.
pub(in crate::imports) fn find(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}
