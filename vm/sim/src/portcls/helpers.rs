//! What a WaveRT port offers its miniport beside streaming: power, stream resources, ETW, notifications. Drivers query for each and most
//! do without when a port has it not.
//!
//! The identifiers are those of portcls.h of the WDK.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;

use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS};
use waverig_portcls::{Guid, NTSTATUS};

use super::com::{Method, Table};
use super::{adapter, power, rules};
use crate::finding;
use crate::imports::Levels;
use crate::nt::layout::DeviceObject;
use crate::nt::pool::{self, Owner};

thread_local! {
    /// What miniports registered and have to take back: handles and callbacks, with what they are.
    static REGISTERED: RefCell<BTreeMap<usize, &'static str>> = const { RefCell::new(BTreeMap::new()) };
}

/// Reports what a driver registered and left.
pub(crate) fn check_leaks() {
    for (_, what) in REGISTERED.take() {
        finding::raise_at(
            &rules::REGISTRATION_LEFT,
            format!("a {what} is registered after unload"),
            None,
        );
    }
}

fn registered(key: usize, what: &'static str) {
    REGISTERED.with_borrow_mut(|all| all.insert(key, what));
}

fn taken_back(key: usize, call: &str) -> NTSTATUS {
    if REGISTERED.with_borrow_mut(|all| all.remove(&key)).is_some() {
        return STATUS_SUCCESS;
    }
    let text = format!("{call} with {key:#x}, which is not registered");
    finding::raise(&crate::rules::BAD_ARGUMENT, text);
    STATUS_INVALID_PARAMETER
}

/// The beginning of a `PCSTREAMRESOURCE_DESCRIPTOR`; what the resource is follows.
#[repr(C)]
struct Resource {
    size: u32,
    flags: u32,
    pdo: *mut DeviceObject,
    kind: i32,
}

/// Interrupt, thread, the set of another stack (`PcStreamResourceType`).
const KINDS: std::ops::RangeInclusive<i32> = 0..=2;

fn add(set: *const c_void, resource: *const Resource, handle: *mut usize) -> NTSTATUS {
    // SAFETY: null, or the driver's descriptor; a bad address faults into a report.
    let known = unsafe { resource.as_ref() }.is_some_and(|resource| {
        resource.size as usize > size_of::<Resource>()
            && resource.flags == 0
            && KINDS.contains(&resource.kind)
    });
    if !set.is_null() || !known || handle.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    let number = pool::allocate(16, *b"PcSR", Owner::System) as usize;
    registered(number, "stream resource");
    // SAFETY: the driver's place for the handle.
    unsafe { handle.write(number) };
    STATUS_SUCCESS
}

pub(super) extern "win64" fn pc_add_stream_resource(
    _pdo: *mut DeviceObject,
    set: *const c_void,
    resource: *const c_void,
    handle: *mut usize,
) -> NTSTATUS {
    add(set, resource.cast(), handle)
}

pub(super) extern "win64" fn pc_remove_stream_resource(handle: usize) -> NTSTATUS {
    let status = taken_back(handle, "PcRemoveStreamResource");
    if status == STATUS_SUCCESS {
        pool::free(handle as *mut u8);
    }
    status
}

/// Settings for the power framework, which this machine's port does not register with.
pub(super) extern "win64" fn pc_assign_power_framework_settings(
    _device: *mut DeviceObject,
    _settings: *const c_void,
) -> NTSTATUS {
    STATUS_SUCCESS
}

extern "win64" fn add_stream_resource(
    _this: *mut c_void,
    set: *const c_void,
    resource: *const Resource,
    handle: *mut usize,
) -> NTSTATUS {
    add(set, resource, handle)
}

extern "win64" fn remove_stream_resource(_this: *mut c_void, handle: usize) -> NTSTATUS {
    pc_remove_stream_resource(handle)
}

extern "win64" fn add_stream_resource2(
    _this: *mut c_void,
    pdo: *mut DeviceObject,
    set: *const c_void,
    resource: *const Resource,
    handle: *mut usize,
) -> NTSTATUS {
    if pdo.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    add(set, resource, handle)
}

/// Nobody listens to the port's provider.
extern "win64" fn miniport_write_etw_event(
    _this: *mut c_void,
    _kind: i32,
    _data1: u64,
    _data2: u64,
    _data3: u64,
    _data4: u64,
) -> NTSTATUS {
    STATUS_SUCCESS
}

extern "win64" fn register_adapter_power_management(
    _this: *mut c_void,
    unknown: *mut c_void,
    fdo: *mut DeviceObject,
) -> NTSTATUS {
    power::pc_register_adapter_power_management(unknown, fdo.cast())
}

extern "win64" fn unregister_adapter_power_management(
    _this: *mut c_void,
    fdo: *mut DeviceObject,
) -> NTSTATUS {
    power::pc_unregister_adapter_power_management(fdo.cast())
}

/// Whether the device may go to sleep when it is idle. The simulator's does so only when a scenario says it.
extern "win64" fn set_idle_power_management(
    _this: *mut c_void,
    fdo: *mut DeviceObject,
    _enabled: u8,
) -> NTSTATUS {
    match adapter::named(fdo, "IPortClsPower::SetIdlePowerManagement") {
        Some(_) => STATUS_SUCCESS,
        None => STATUS_INVALID_PARAMETER,
    }
}

extern "win64" fn register_power_control_callback(
    _this: *mut c_void,
    fdo: *mut DeviceObject,
    callback: usize,
    _context: *mut c_void,
) -> NTSTATUS {
    let known = adapter::named(fdo, "IPortClsRuntimePower::RegisterPowerControlCallback");
    if known.is_none() || callback == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    registered(fdo as usize, "power control callback");
    STATUS_SUCCESS
}

extern "win64" fn unregister_power_control_callback(
    _this: *mut c_void,
    fdo: *mut DeviceObject,
) -> NTSTATUS {
    taken_back(
        fdo as usize,
        "IPortClsRuntimePower::UnregisterPowerControlCallback",
    )
}

/// Goes to the power engine plug-in of a system on a chip; there is none.
extern "win64" fn send_power_control(_this: *mut c_void, _fdo: *mut DeviceObject) -> NTSTATUS {
    STATUS_NOT_SUPPORTED
}

extern "win64" fn alloc_notification_buffer(
    _this: *mut c_void,
    _pool: i32,
    bytes: u16,
    out: *mut usize,
) -> NTSTATUS {
    if out.is_null() || bytes == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let buffer = pool::allocate(usize::from(bytes), *b"PcNB", Owner::System) as usize;
    registered(buffer, "notification buffer");
    // SAFETY: the driver's place for the buffer; a bad address faults into a report.
    unsafe { out.write(buffer) };
    STATUS_SUCCESS
}

/// Programs that listen to audio modules: there are none.
extern "win64" fn send_notification(_this: *mut c_void, _id: *const Guid, _buffer: *const c_void) {}

extern "win64" fn free_notification_buffer(_this: *mut c_void, buffer: usize) {
    let status = taken_back(buffer, "IPortClsNotifications::FreeNotificationBuffer");
    if status == STATUS_SUCCESS {
        pool::free(buffer as *mut u8);
    }
}

macro_rules! method {
    ($name:literal, $function:ident, $levels:ident, $source:literal) => {
        Method {
            name: $name,
            function: $function as *const (),
            levels: Levels::$levels,
            source: $source,
        }
    };
}

const ADD: Method = method!(
    "IPortClsStreamResourceManager::AddStreamResource",
    add_stream_resource,
    PASSIVE,
    "portcls/nf-portcls-iportclsstreamresourcemanager-addstreamresource"
);
const REMOVE: Method = method!(
    "IPortClsStreamResourceManager::RemoveStreamResource",
    remove_stream_resource,
    PASSIVE,
    "portcls/nf-portcls-iportclsstreamresourcemanager-removestreamresource"
);

/// What a port of any kind has.
pub(super) static POWER: Table = Table {
    iid: Guid::new(0x47BA0351_BC4B_4869_8134_B74FE17852D8),
    methods: &[
        method!(
            "IPortClsPower::RegisterAdapterPowerManagement",
            register_adapter_power_management,
            PASSIVE,
            "portcls/nf-portcls-iportclspower-registeradapterpowermanagement"
        ),
        method!(
            "IPortClsPower::UnregisterAdapterPowerManagement",
            unregister_adapter_power_management,
            PASSIVE,
            "portcls/nf-portcls-iportclspower-unregisteradapterpowermanagement"
        ),
        method!(
            "IPortClsPower::SetIdlePowerManagement",
            set_idle_power_management,
            PASSIVE,
            "portcls/nf-portcls-iportclspower-setidlepowermanagement"
        ),
    ],
};
/// What only a WaveRT port has (the public samples say so of the first two; of the others it is inferred).
pub(super) static RUNTIME_POWER: Table = Table {
    iid: Guid::new(0xE057C351_0430_4DBC_B172_C711D40A2373),
    methods: &[
        method!(
            "IPortClsRuntimePower::RegisterPowerControlCallback",
            register_power_control_callback,
            PASSIVE,
            "portcls/nf-portcls-iportclsruntimepower-registerpowercontrolcallback"
        ),
        method!(
            "IPortClsRuntimePower::UnregisterPowerControlCallback",
            unregister_power_control_callback,
            PASSIVE,
            "portcls/nf-portcls-iportclsruntimepower-unregisterpowercontrolcallback"
        ),
        method!(
            "IPortClsRuntimePower::SendPowerControl",
            send_power_control,
            DISPATCH,
            "portcls/nf-portcls-iportclsruntimepower-sendpowercontrol"
        ),
    ],
};
pub(super) static ETW: Table = Table {
    iid: Guid::new(0x80EF6667_E8B1_4252_AB09_8F6D5EBBD19F),
    methods: &[method!(
        "IPortClsEtwHelper::MiniportWriteEtwEvent",
        miniport_write_etw_event,
        DISPATCH,
        "portcls/nf-portcls-iportclsetwhelper-miniportwriteetwevent"
    )],
};
pub(super) static RESOURCES: Table = Table {
    iid: Guid::new(0xE1CD9915_CAB1_4103_BB2F_7DC09C9BE942),
    methods: &[ADD, REMOVE],
};
pub(super) static RESOURCES2: Table = Table {
    iid: Guid::new(0x0D500BAE_D565_469D_A0E2_F283760D7148),
    methods: &[
        ADD,
        REMOVE,
        method!(
            "IPortClsStreamResourceManager2::AddStreamResource2",
            add_stream_resource2,
            PASSIVE,
            "portcls/nf-portcls-iportclsstreamresourcemanager2-addstreamresource2"
        ),
    ],
};
pub(super) static NOTIFICATIONS: Table = Table {
    iid: Guid::new(0x1E092CE2_DB25_483B_8446_B0961215258B),
    methods: &[
        method!(
            "IPortClsNotifications::AllocNotificationBuffer",
            alloc_notification_buffer,
            DISPATCH,
            "portcls/nf-portcls-iportclsnotifications-allocnotificationbuffer"
        ),
        method!(
            "IPortClsNotifications::SendNotification",
            send_notification,
            DISPATCH,
            "portcls/nf-portcls-iportclsnotifications-sendnotification"
        ),
        method!(
            "IPortClsNotifications::FreeNotificationBuffer",
            free_notification_buffer,
            DISPATCH,
            "portcls/nf-portcls-iportclsnotifications-freenotificationbuffer"
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_stream_resource_is_taken_back_once() {
        let machine = Kernel::boot(Options::default());
        let thread = [40_u64, 0, 1, 0, 0];
        let mut handle = 0;
        let null = std::ptr::null();
        let broken = add(null, null.cast(), &raw mut handle);
        assert_eq!(broken, STATUS_INVALID_PARAMETER);
        let status = add(null, thread.as_ptr().cast(), &raw mut handle);
        assert_eq!(status, STATUS_SUCCESS);
        check_leaks();
        assert!(machine.findings.has(&rules::REGISTRATION_LEFT));
        assert_eq!(pc_remove_stream_resource(handle), STATUS_INVALID_PARAMETER);
    }
}
