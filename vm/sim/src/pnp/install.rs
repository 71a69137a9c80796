//! What an installation does to the machine: driver store, registry, interfaces, device node, driver.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use waverig_package::inf::{DirId, InstallPlan, RegistryData, RegistryKey, RegistryValue};
use waverig_package::package::Verified;
use waverig_portcls::id;
use waverig_protocol::device::{Device as Settings, Value as Setting};

use super::bus;
use super::node::Node;
use crate::nt::layout::Guid;
use crate::nt::registry::{self, Key, Value};
use crate::nt::{driver, interface, pdo};
use crate::portcls::guid_from;

/// A GUID of an INF as the kernel spells it.
pub(super) fn guid(guid: &waverig_package::Guid) -> Guid {
    let bytes = guid.0;
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    Guid {
        data1: u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        data2: word(4),
        data3: word(6),
        data4: [
            bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15],
        ],
    }
}

/// Carries out a plan: a started device with the driver at `image`, whose hardware key already has `settings`. `number` counts the
/// nodes of the package from 0.
pub(super) fn apply(
    image: PathBuf,
    plan: &InstallPlan,
    settings: &Settings,
    number: u8,
) -> Result<Rc<Node>, String> {
    let service = plan
        .services
        .iter()
        .find(|service| service.function_driver)
        .ok_or_else(|| {
            format!(
                "{}: it names no function driver for the device (AddService with flag 2)",
                plan.inf
            )
        })?;
    write_services(plan);
    let pdo = bus::enumerate(plan, number);
    let keys = pdo::software_key(pdo).zip(pdo::enum_key(pdo).zip(pdo::hardware_key(pdo)));
    let (software, (properties, hardware)) = keys.ok_or("the device has no registry keys")?;
    for (name, value) in settings.values() {
        hardware.set(name, setting(value));
    }
    describe(plan, &properties);
    for value in &plan.registry {
        let key = match value.key {
            RegistryKey::Device if is_property(value) => &properties,
            RegistryKey::Device => &hardware,
            _ => &software,
        };
        write(key, value);
    }
    for one in &plan.interfaces {
        let link = interface::register(pdo, &guid(&one.category), &one.reference);
        let key = link
            .and_then(|link| interface::registry_key(&link))
            .ok_or("the device has no interfaces")?;
        for value in &one.registry {
            write(&key, value);
        }
    }
    let node = Node::new(pdo, &service.name, image);
    match node.start() {
        Ok(()) => Ok(node),
        Err(error) => {
            node.forget();
            Err(error)
        }
    }
}

/// What Plug and Play notes of a device when it is installed, for IoGetDeviceProperty.
fn describe(plan: &InstallPlan, key: &Key) {
    let class = plan.class_guid.to_string().to_lowercase();
    for (name, text) in [
        ("DeviceDesc", &plan.description),
        ("Class", &plan.class),
        ("ClassGUID", &class),
        ("Mfg", &plan.manufacturer),
    ] {
        key.set(name, Value::Sz(text.clone()));
    }
    key.set("HardwareID", Value::MultiSz(vec![plan.hardware_id.clone()]));
}

/// Copies the package into the driver store; the image is the one that was verified, whatever the folder holds by now.
pub(super) fn store(folder: &Path, verified: &Verified) -> Result<PathBuf, String> {
    let name = verified.plan.inf.to_lowercase();
    let store = folder.join(format!(
        "FileRepository/{name}_amd64_{}",
        &verified.image_sha256.to_string()[..16]
    ));
    let failed = |what: &Path, error: std::io::Error| {
        format!(
            "{}: cannot be copied into the driver store: {error}",
            what.display()
        )
    };
    fs::create_dir_all(&store).map_err(|error| failed(&store, error))?;
    for file in &verified.plan.files {
        if file.directory != DirId::DRIVER_STORE {
            return Err(format!(
                "{}: it is copied to {}, and only %13% keeps a package in one place",
                file.source, file.directory
            ));
        }
        let target = store.join(&file.target);
        fs::copy(folder.join(&file.source), &target).map_err(|error| failed(&target, error))?;
    }
    if let Some(pdb) = &verified.pdb {
        let target = store.join(pdb.file_name().unwrap_or_default());
        fs::copy(pdb, &target).map_err(|error| failed(&target, error))?;
    }
    let image = store.join(&verified.image_name);
    fs::write(&image, &verified.image).map_err(|error| failed(&image, error))?;
    Ok(image)
}

fn write_services(plan: &InstallPlan) {
    for service in &plan.services {
        let key = registry::create(&driver::service_key(&service.name));
        key.set("Type", Value::Dword(service.kind));
        key.set("Start", Value::Dword(service.start));
        key.set("ErrorControl", Value::Dword(service.error_control));
        let path = format!(
            "\\SystemRoot\\System32\\DriverStore\\FileRepository\\{}",
            service.binary.file
        );
        key.set("ImagePath", Value::ExpandSz(path));
        if let Some(name) = &service.display_name {
            key.set("DisplayName", Value::Sz(name.clone()));
        }
        for value in &service.registry {
            write(&key, value);
        }
    }
}

/// Whether a value of the .HW section sets a property of the device and does not go into `Device Parameters` ("INF AddReg
/// directive": special value-entry-name keywords).
fn is_property(value: &RegistryValue) -> bool {
    const PROPERTIES: [&str; 6] = [
        "DeviceCharacteristics",
        "DeviceType",
        "Exclusive",
        "LowerFilters",
        "Security",
        "UpperFilters",
    ];
    let known = PROPERTIES
        .iter()
        .any(|name| value.name.eq_ignore_ascii_case(name));
    value.subkey.is_empty() && known
}

/// A setting as a user has left it in the registry.
fn setting(value: &Setting) -> Value {
    match value {
        Setting::Number(number) => Value::Dword(*number),
        Setting::Text(text) => Value::Sz(text.clone()),
        Setting::Raw { kind, bytes } => Value::Other(*kind, bytes.clone()),
    }
}

fn write(key: &Key, value: &RegistryValue) {
    let machine =
        (value.key == RegistryKey::Machine).then(|| registry::create("\\Registry\\Machine"));
    let key = machine.as_ref().unwrap_or(key);
    let key = if value.subkey.is_empty() {
        key.clone()
    } else {
        key.create(&value.subkey)
    };
    let data = match &value.data {
        RegistryData::Sz(text) => Value::Sz(text.clone()),
        RegistryData::ExpandSz(text) => Value::ExpandSz(text.clone()),
        RegistryData::MultiSz(texts) => Value::MultiSz(texts.clone()),
        RegistryData::Dword(number) => Value::Dword(*number),
        RegistryData::Qword(number) => Value::Qword(*number),
        RegistryData::Binary(bytes) => Value::Binary(bytes.clone()),
        // The simulator's registry has no type 0; its bytes are what counts.
        RegistryData::None(bytes) => Value::Binary(bytes.clone()),
        RegistryData::Key => return,
    };
    if value.overwrite || key.get(&value.name).is_none() {
        key.set(&value.name, data);
    }
}

/// Whether the INF registers an interface of this category under this reference string.
pub(super) fn registers(
    plan: &InstallPlan,
    category: &waverig_portcls::Guid,
    reference: &str,
) -> bool {
    debug_assert_ne!(*category, id::IID_IUnknown);
    plan.interfaces.iter().any(|one| {
        guid_from(&guid(&one.category)) == *category
            && one.reference.eq_ignore_ascii_case(reference)
    })
}
