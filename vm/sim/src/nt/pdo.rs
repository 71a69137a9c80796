//! Physical devices: what the bus driver (here: the root enumerator) knows of a device, its properties and its keys.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::address::ByAddress;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::layout::{DevPropKey, DeviceObject, DriverObject};
use crate::nt::object::{self, HandleOwner, Kind};
use crate::nt::registry::{self, Key, Value};
use crate::nt::status::{
    NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
};
use crate::nt::{device, names};

/// Type of device of the root enumerator's devices (FILE_DEVICE_CONTROLLER, wdm.h).
const FILE_DEVICE_CONTROLLER: u32 = 4;
/// Where Windows keeps what it knows of devices.
const ENUM_KEY: &str = "\\Registry\\Machine\\System\\CurrentControlSet\\Enum";
/// Where Windows keeps device classes.
const CLASS_KEY: &str = "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Class";

/// What is known of one physical device.
#[derive(Debug, Clone, Default)]
struct Record {
    instance: String,
    name: String,
    /// Path of the software key below `CLASS_KEY`, such as `{4d36e96c-…}\0000`.
    driver_key: String,
    properties: BTreeMap<DevPropKey, (u32, Vec<u8>)>,
}

/// All physical devices.
#[derive(Debug, Default)]
pub(crate) struct PdoState {
    devices: RefCell<ByAddress<Record>>,
    count: Cell<u32>,
}

fn devices() -> &'static RefCell<ByAddress<Record>> {
    &kernel().nt.pdos.devices
}

/// Makes the physical device of `instance` (such as `ROOT\MEDIA\0000`) for the bus driver `bus`. `driver_key` is the path
/// of its software key below `…\Control\Class`.
pub fn create(bus: *mut DriverObject, instance: &str, driver_key: &str) -> *mut DeviceObject {
    let number = kernel().nt.pdos.count.get();
    kernel().nt.pdos.count.set(number + 1);
    let name = format!("\\Device\\{:08x}", 0x40 + number);
    let pdo = device::create(bus, 0, Some(&name), FILE_DEVICE_CONTROLLER);
    let record = Record {
        instance: instance.to_owned(),
        name,
        driver_key: driver_key.to_owned(),
        properties: BTreeMap::new(),
    };
    devices().borrow_mut().insert(pdo as usize, record);
    object::track(pdo, Kind::Device, || {});
    // SAFETY: just made.
    unsafe { (*pdo).flags &= !device::DO_DEVICE_INITIALIZING };
    pdo
}

/// Removes a physical device.
pub fn delete(pdo: *mut DeviceObject) {
    devices().borrow_mut().remove(&(pdo as usize));
    object::forget(pdo);
    device::delete(pdo);
}

fn record(pdo: *mut DeviceObject) -> Option<Record> {
    devices().borrow().get(&(pdo as usize)).cloned()
}

/// Path of the device instance; `None` when `pdo` is no physical device.
pub fn instance(pdo: *mut DeviceObject) -> Option<String> {
    record(pdo).map(|record| record.instance)
}

/// Name of the device object.
pub(crate) fn object_name(pdo: *mut DeviceObject) -> Option<String> {
    record(pdo).map(|record| record.name)
}

/// The hardware key, which holds what the INF's .HW section sets: `…\Enum\<instance>`.
pub fn enum_key(pdo: *mut DeviceObject) -> Option<Key> {
    record(pdo).map(|record| registry::create(&format!("{ENUM_KEY}\\{}", record.instance)))
}

/// The key that drivers open as PLUGPLAY_REGKEY_DEVICE.
pub fn hardware_key(pdo: *mut DeviceObject) -> Option<Key> {
    enum_key(pdo).map(|key| key.create("Device Parameters"))
}

/// The software key, which HKR means in an INF's install section.
pub fn software_key(pdo: *mut DeviceObject) -> Option<Key> {
    record(pdo).map(|record| registry::create(&format!("{CLASS_KEY}\\{}", record.driver_key)))
}

/// Sets a property of the device.
pub fn set_property(pdo: *mut DeviceObject, key: DevPropKey, kind: u32, bytes: &[u8]) {
    if let Some(record) = devices().borrow_mut().get_mut(&(pdo as usize)) {
        record.properties.insert(key, (kind, bytes.to_vec()));
    }
}

/// A property of the device: type and bytes.
pub fn property(pdo: *mut DeviceObject, key: &DevPropKey) -> Option<(u32, Vec<u8>)> {
    record(pdo)?.properties.get(key).cloned()
}

fn store<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the driver's place for a result; a bad address faults into a report.
        unsafe { place.write_unaligned(value) };
    }
}

/// Copies a whole answer or says how long it is.
fn answer(bytes: &[u8], buffer: *mut u8, length: u32, needed: *mut u32) -> NtStatus {
    store(
        needed,
        u32::try_from(bytes.len()).expect("a property is small"),
    );
    if bytes.len() > length as usize {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: the driver says that its buffer has `length` bytes; if not, it faults into a report.
    unsafe { buffer.copy_from(bytes.as_ptr(), bytes.len()) };
    STATUS_SUCCESS
}

pub(crate) extern "win64" fn io_get_device_property(
    pdo: *mut DeviceObject,
    property: i32,
    length: u32,
    buffer: *mut u8,
    needed: *mut u32,
) -> NtStatus {
    let Some(record) = record(pdo) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let from_key = |name: &str| {
        enum_key(pdo)
            .and_then(|key| key.get(name))
            .map(|value| value.bytes())
    };
    let text = |text: &str| Some(Value::Sz(text.to_owned()).bytes());
    // DEVICE_REGISTRY_PROPERTY (wdm.h).
    let bytes = match property {
        0 => from_key("DeviceDesc"),
        1 => from_key("HardwareID"),
        2 => from_key("CompatibleIDs"),
        5 => from_key("Class"),
        6 => from_key("ClassGUID"),
        7 => text(&record.driver_key),
        8 => from_key("Mfg"),
        9 => from_key("FriendlyName"),
        11 => text(&record.name),
        15 => text("ROOT"),
        _ => None,
    };
    bytes.map_or(STATUS_OBJECT_NAME_NOT_FOUND, |bytes| {
        answer(&bytes, buffer, length, needed)
    })
}

extern "win64" fn io_get_device_property_data(
    pdo: *mut DeviceObject,
    key: *const DevPropKey,
    _locale: u32,
    _flags: u32,
    length: u32,
    buffer: *mut u8,
    needed: *mut u32,
    kind: *mut u32,
) -> NtStatus {
    // SAFETY: the driver's key; a bad address faults into a report.
    let key = unsafe { key.read_unaligned() };
    let Some((found, bytes)) = property(pdo, &key) else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    store(kind, found);
    answer(&bytes, buffer, length, needed)
}

extern "win64" fn io_set_device_property_data(
    pdo: *mut DeviceObject,
    key: *const DevPropKey,
    _locale: u32,
    _flags: u32,
    kind: u32,
    size: u32,
    data: *const u8,
) -> NtStatus {
    if record(pdo).is_none() {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    // SAFETY: the driver's key and data of that size; bad addresses fault into a report.
    let (key, bytes) = unsafe {
        (
            key.read_unaligned(),
            std::slice::from_raw_parts(data, size as usize),
        )
    };
    set_property(pdo, key, kind, bytes);
    STATUS_SUCCESS
}

extern "win64" fn io_open_device_registry_key(
    pdo: *mut DeviceObject,
    kind: u32,
    _access: u32,
    handle: *mut usize,
) -> NtStatus {
    const DRIVER: u32 = 2;
    let key = if kind & DRIVER != 0 {
        software_key(pdo)
    } else {
        hardware_key(pdo)
    };
    let Some(key) = key else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    store(handle, object::open_key(key, HandleOwner::Driver));
    STATUS_SUCCESS
}

/// The device that a name leads to, as user mode and the kernel open it.
pub fn find(name: &str) -> Option<(*mut DeviceObject, String)> {
    names::lookup(name)
}

nt_rows! {
    "IoGetDeviceProperty"     io_get_device_property      PASSIVE "wdm/nf-wdm-iogetdeviceproperty";
    "IoGetDevicePropertyData" io_get_device_property_data APC     "wdm/nf-wdm-iogetdevicepropertydata";
    "IoSetDevicePropertyData" io_set_device_property_data APC     "wdm/nf-wdm-iosetdevicepropertydata";
    "IoOpenDeviceRegistryKey" io_open_device_registry_key PASSIVE "wdm/nf-wdm-ioopendeviceregistrykey";
}
