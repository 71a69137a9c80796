//! Device interfaces: registered by drivers or INFs, enabled and disabled, with properties and a registry key each.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::layout::{DevPropKey, DeviceObject, Guid, UnicodeString};
use crate::nt::object::{self, HandleOwner};
use crate::nt::pool::Owner;
use crate::nt::registry::{self, Key};
use crate::nt::status::{
    NtStatus, STATUS_INVALID_DEVICE_REQUEST, STATUS_OBJECT_NAME_EXISTS,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
};
use crate::nt::{names, pdo, unicode};
use crate::rules;

/// Where Windows keeps device interfaces.
const CLASSES_KEY: &str = "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\DeviceClasses";

/// One interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Symbolic link, such as `\??\ROOT#MEDIA#0000#{6994ad04-…}\WaveRender`.
    pub link: String,
    /// Its class.
    pub class: Guid,
    /// Reference string; empty for none.
    pub reference: String,
    /// Its physical device.
    pub device: *mut DeviceObject,
    /// Whether it can be opened.
    pub enabled: bool,
    /// Its properties: type and bytes.
    pub properties: BTreeMap<DevPropKey, (u32, Vec<u8>)>,
}

/// All interfaces in the order of registration.
#[derive(Debug, Default)]
pub(crate) struct InterfaceState {
    list: RefCell<Vec<Interface>>,
}

fn list_of() -> &'static RefCell<Vec<Interface>> {
    &kernel().nt.interfaces.list
}

/// The link without the reference string: what leads to the device.
fn device_link(instance: &str, class: &Guid) -> String {
    format!(
        "\\??\\{}#{}",
        instance.replace('\\', "#"),
        class.to_string().to_lowercase()
    )
}

/// Registers an interface of a physical device, or finds it when it is registered already. Gives its symbolic link;
/// `None` when `device` is no physical device.
pub fn register(device: *mut DeviceObject, class: &Guid, reference: &str) -> Option<String> {
    let base = device_link(&pdo::instance(device)?, class);
    let link = if reference.is_empty() {
        base
    } else {
        format!("{base}\\{reference}")
    };
    let mut list = list_of().borrow_mut();
    if !list
        .iter()
        .any(|interface| interface.link.eq_ignore_ascii_case(&link))
    {
        list.push(Interface {
            link: link.clone(),
            class: *class,
            reference: reference.to_owned(),
            device,
            enabled: false,
            properties: BTreeMap::new(),
        });
    }
    Some(link)
}

fn change<T>(link: &str, action: impl FnOnce(&mut Interface) -> T) -> Option<T> {
    let mut list = list_of().borrow_mut();
    let found = list
        .iter_mut()
        .find(|interface| interface.link.eq_ignore_ascii_case(link));
    found.map(action)
}

/// Enables or disables an interface.
pub fn set_state(link: &str, enable: bool) -> NtStatus {
    let before = change(link, |interface| {
        (
            std::mem::replace(&mut interface.enabled, enable),
            interface.device,
            interface.class,
        )
    });
    let Some((before, device, class)) = before else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    let Some((instance, name)) = pdo::instance(device).zip(pdo::object_name(device)) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let base = device_link(&instance, &class);
    match (before, enable) {
        (true, true) => STATUS_OBJECT_NAME_EXISTS,
        (false, false) => STATUS_OBJECT_NAME_NOT_FOUND,
        (false, true) => {
            // Several reference strings share one link to the device; the first one makes it.
            let _ = names::link(&base, &name);
            STATUS_SUCCESS
        }
        (true, false) => {
            let shared = list_of()
                .borrow()
                .iter()
                .any(|other| other.enabled && other.device == device && other.class == class);
            if !shared {
                // The link is there: an enabled interface made it.
                let _ = names::unlink(&base);
            }
            STATUS_SUCCESS
        }
    }
}

/// Sets a property of an interface.
pub fn set_property(link: &str, key: DevPropKey, kind: u32, bytes: &[u8]) -> NtStatus {
    let set = change(link, |interface| {
        interface.properties.insert(key, (kind, bytes.to_vec()))
    });
    if set.is_some() {
        STATUS_SUCCESS
    } else {
        STATUS_OBJECT_NAME_NOT_FOUND
    }
}

/// The interface with this link.
pub fn find(link: &str) -> Option<Interface> {
    list_of()
        .borrow()
        .iter()
        .find(|interface| interface.link.eq_ignore_ascii_case(link))
        .cloned()
}

/// All interfaces, of one class or of all, in the order of registration.
pub fn list(class: Option<&Guid>) -> Vec<Interface> {
    let list = list_of().borrow();
    list.iter()
        .filter(|interface| class.is_none_or(|class| interface.class == *class))
        .cloned()
        .collect()
}

/// Forgets the interfaces of a device that is uninstalled.
pub fn forget(device: *mut DeviceObject) {
    list_of()
        .borrow_mut()
        .retain(|interface| interface.device != device);
}

/// The registry key of an interface, which HKR means in an INF's AddInterface section; drivers open it too.
pub fn registry_key(link: &str) -> Option<Key> {
    let interface = find(link)?;
    let instance = pdo::instance(interface.device)?.replace('\\', "#");
    let class = interface.class.to_string().to_lowercase();
    Some(registry::create(&format!(
        "{CLASSES_KEY}\\{class}\\##?#{instance}#{class}\\#{}\\Device Parameters",
        interface.reference
    )))
}

extern "win64" fn io_register_device_interface(
    device: *mut DeviceObject,
    class: *const Guid,
    reference: *const UnicodeString,
    link: *mut UnicodeString,
) -> NtStatus {
    // SAFETY: the driver's GUID and place for the result; bad addresses fault into a report.
    unsafe {
        let Some(name) = register(device, &class.read_unaligned(), &unicode::text(reference))
        else {
            finding::raise(
                &rules::BAD_ARGUMENT,
                format!("IoRegisterDeviceInterface with {device:p}, which is no physical device"),
            );
            return STATUS_INVALID_DEVICE_REQUEST;
        };
        let units: Vec<u16> = name.encode_utf16().collect();
        link.write_unaligned(UnicodeString::copy_of(&units, Owner::Driver));
    }
    STATUS_SUCCESS
}

extern "win64" fn io_set_device_interface_state(
    link: *const UnicodeString,
    enable: u8,
) -> NtStatus {
    set_state(&unicode::text(link), enable != 0)
}

extern "win64" fn io_set_device_interface_property_data(
    link: *const UnicodeString,
    key: *const DevPropKey,
    _locale: u32,
    _flags: u32,
    kind: u32,
    size: u32,
    data: *const u8,
) -> NtStatus {
    // SAFETY: the driver's key and data of that size; bad addresses fault into a report.
    let (key, bytes) = unsafe {
        (
            key.read_unaligned(),
            std::slice::from_raw_parts(data, size as usize),
        )
    };
    set_property(&unicode::text(link), key, kind, bytes)
}

extern "win64" fn io_get_device_interface_property_data(
    link: *const UnicodeString,
    key: *const DevPropKey,
    _locale: u32,
    _flags: u32,
    length: u32,
    buffer: *mut u8,
    needed: *mut u32,
    kind: *mut u32,
) -> NtStatus {
    // SAFETY: the driver's key and places for results; bad addresses fault into a report.
    unsafe {
        let key = key.read_unaligned();
        let found = find(&unicode::text(link))
            .and_then(|interface| interface.properties.get(&key).cloned());
        let Some((found_kind, bytes)) = found else {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        };
        needed.write(u32::try_from(bytes.len()).expect("a property is small"));
        kind.write(found_kind);
        if bytes.len() > length as usize {
            return crate::nt::status::STATUS_BUFFER_TOO_SMALL;
        }
        buffer.copy_from(bytes.as_ptr(), bytes.len());
    }
    STATUS_SUCCESS
}

extern "win64" fn io_open_device_interface_registry_key(
    link: *const UnicodeString,
    _access: u32,
    handle: *mut usize,
) -> NtStatus {
    let Some(key) = registry_key(&unicode::text(link)) else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    // SAFETY: the driver's place for the result; a bad address faults into a report.
    unsafe { handle.write(object::open_key(key, HandleOwner::Driver)) };
    STATUS_SUCCESS
}

/// The bus asks a root-enumerated device for nothing that would have changed.
extern "win64" fn io_invalidate_device_relations(_device: *mut DeviceObject, _kind: i32) {}

nt_rows! {
    "IoInvalidateDeviceRelations"      io_invalidate_device_relations        DISPATCH "wdm/nf-wdm-ioinvalidatedevicerelations";
    "IoRegisterDeviceInterface"        io_register_device_interface          PASSIVE "wdm/nf-wdm-ioregisterdeviceinterface";
    "IoSetDeviceInterfaceState"        io_set_device_interface_state         PASSIVE "wdm/nf-wdm-iosetdeviceinterfacestate";
    "IoSetDeviceInterfacePropertyData" io_set_device_interface_property_data APC     "wdm/nf-wdm-iosetdeviceinterfacepropertydata";
    "IoGetDeviceInterfacePropertyData" io_get_device_interface_property_data APC     "wdm/nf-wdm-iogetdeviceinterfacepropertydata";
    "IoOpenDeviceInterfaceRegistryKey" io_open_device_interface_registry_key PASSIVE "wdm/nf-wdm-ioopendeviceinterfaceregistrykey";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::driver;

    #[test]
    fn an_interface_can_be_opened_exactly_while_it_is_enabled() {
        Kernel::boot(Options::default());
        let device = pdo::create(
            driver::create("PnpManager"),
            "ROOT\\MEDIA\\0000",
            "{4d36e96c-e325-11ce-bfc1-08002be10318}\\0000",
        );
        let class = Guid::parse("{6994AD04-93EF-11D0-A3CC-00A0C9223196}").expect("a GUID");
        let wave = register(device, &class, "WaveRender").expect("a physical device");
        let topology = register(device, &class, "TopologyRender").expect("a physical device");
        assert_eq!(
            wave,
            "\\??\\ROOT#MEDIA#0000#{6994ad04-93ef-11d0-a3cc-00a0c9223196}\\WaveRender"
        );
        assert_eq!(register(device, &class, "WaveRender").as_ref(), Some(&wave));
        assert!(names::lookup(&wave).is_none());
        assert_eq!(
            (set_state(&wave, true), set_state(&wave, true)),
            (STATUS_SUCCESS, STATUS_OBJECT_NAME_EXISTS)
        );
        assert_eq!(set_state(&topology, true), STATUS_SUCCESS);
        assert_eq!(
            names::lookup(&wave),
            Some((device, "\\WaveRender".to_owned()))
        );
        assert_eq!(
            (set_state(&wave, false), set_state(&wave, false)),
            (STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND)
        );
        assert!(names::lookup(&topology).is_some());
        assert_eq!(set_state(&topology, false), STATUS_SUCCESS);
        assert!(names::lookup(&topology).is_none());
        assert!(
            registry_key(&wave)
                .is_some_and(|key| key.path().ends_with("\\#WaveRender\\Device Parameters"))
        );
        assert_eq!(list(Some(&class)).len(), 2);
        assert_eq!(register(std::ptr::null_mut(), &class, ""), None);
    }
}
