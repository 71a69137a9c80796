//! Device nodes without hardware: making them, setting them up, removing them, listing what is there.
//!
//! What the sample `devcon` does with a root-enumerated device ("Device and Driver Installation Reference", SetupAPI).

use crate::interface::Interface;
use crate::problem;
use anyhow::{Context as _, Result, bail};
use waverig_interface::TAP_INTERFACE;
use waverig_protocol::device::{Device as Settings, Value};
use windows::Win32::Devices::DeviceAndDriverInstallation::{
    CM_DEVNODE_STATUS_FLAGS, CM_GET_DEVICE_INTERFACE_LIST_PRESENT, CM_Get_DevNode_Status,
    CM_Get_Device_Interface_List_SizeW, CM_Get_Device_Interface_ListW, CM_PROB, CR_SUCCESS,
    DI_NEEDREBOOT, DI_NEEDRESTART, DICD_GENERATE_ID, DICS_FLAG_GLOBAL, DIF_REGISTERDEVICE,
    DIF_REMOVE, DIGCF_ALLCLASSES, DIREG_DEV, DN_DRIVER_LOADED, DN_HAS_PROBLEM, DN_STARTED,
    HDEVINFO, SETUP_DI_REGISTRY_PROPERTY, SP_DEVINFO_DATA, SP_DEVINSTALL_PARAMS_W,
    SPDRP_HARDWAREID, SPDRP_SERVICE, SetupDiCallClassInstaller, SetupDiCreateDevRegKeyW,
    SetupDiCreateDeviceInfoList, SetupDiCreateDeviceInfoW, SetupDiDestroyDeviceInfoList,
    SetupDiEnumDeviceInfo, SetupDiGetClassDevsW, SetupDiGetDeviceInstallParamsW,
    SetupDiGetDeviceInstanceIdW, SetupDiGetDevicePropertyW, SetupDiGetDeviceRegistryPropertyW,
    SetupDiGetINFClassW, SetupDiOpenDeviceInfoW, SetupDiSetDeviceRegistryPropertyW,
};
use windows::Win32::Devices::Properties::{
    DEVPKEY_Device_DriverVersion, DEVPROP_TYPE_STRING, DEVPROPTYPE,
};
use windows::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_NO_MORE_ITEMS};
use windows::core::{GUID, HSTRING, PCWSTR};

use super::registry::{Key, wide};

/// A list of device nodes.
struct Set(HDEVINFO);

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: it is open and this is its only owner.
        let _ = unsafe { SetupDiDestroyDeviceInfoList(self.0) };
    }
}

fn node() -> SP_DEVINFO_DATA {
    SP_DEVINFO_DATA {
        cbSize: size_of::<SP_DEVINFO_DATA>() as u32,
        ..Default::default()
    }
}

/// A node as it is found.
pub struct Found {
    /// `ROOT\MEDIA\0000`.
    pub instance: String,
    /// The service that drives it, when one does.
    pub service: Option<String>,
    /// Version of the driver package on it, when one is.
    pub version: Option<String>,
    /// Its state in words; `None` when it works.
    pub trouble: Option<String>,
}

/// Makes a node with this hardware id and nothing behind it; gives its instance.
///
/// # Errors
/// With the step that Windows refused; nothing is left then.
pub fn make(inf: &str, hardware_id: &str, settings: &Settings) -> Result<String> {
    let (class, name) = class(inf)?;
    // SAFETY: the set is owned at once.
    let set = unsafe { SetupDiCreateDeviceInfoList(Some(&class), None) };
    let set = Set(set.context("no list of devices can be made")?);
    let mut node = node();
    // SAFETY: set, class and node are there during the calls, and texts end with 0.
    unsafe {
        SetupDiCreateDeviceInfoW(
            set.0,
            PCWSTR(name.as_ptr()),
            &class,
            None,
            None,
            DICD_GENERATE_ID,
            Some(&mut node),
        )
        .context("no device node can be made")?;
        // A list of texts ends with an empty one (SPDRP_HARDWAREID).
        let ids = [wide(hardware_id), vec![0, 0]].concat();
        SetupDiSetDeviceRegistryPropertyW(set.0, &mut node, SPDRP_HARDWAREID, Some(&ids))
            .context("the device node takes no hardware id")?;
        SetupDiCallClassInstaller(DIF_REGISTERDEVICE, set.0, Some(&node))
            .context("the device node cannot be registered (DIF_REGISTERDEVICE)")?;
    }
    let instance = instance(&set, &node)?;
    if let Err(error) = set_up(&set, &node, settings) {
        remove(&instance).context("and the node cannot be removed again")?;
        return Err(error);
    }
    Ok(instance)
}

/// The class of what an INF installs, and its name, which ends with 0.
fn class(inf: &str) -> Result<(GUID, [u16; 32])> {
    let mut class = GUID::zeroed();
    // MAX_CLASS_NAME_LEN.
    let mut name = [0u16; 32];
    // SAFETY: the results are local variables.
    unsafe { SetupDiGetINFClassW(&HSTRING::from(inf), &mut class, &mut name, None) }
        .with_context(|| format!("{inf} names no class of devices"))?;
    Ok((class, name))
}

/// Writes the settings to the hardware key of a node.
fn set_up(set: &Set, node: &SP_DEVINFO_DATA, settings: &Settings) -> Result<()> {
    // SAFETY: both are there; the key is owned at once.
    let key = unsafe {
        SetupDiCreateDevRegKeyW(
            set.0,
            node,
            DICS_FLAG_GLOBAL.0,
            0,
            DIREG_DEV,
            None,
            PCWSTR::null(),
        )
    };
    let key = Key::own(key.context("the device node's hardware key cannot be made")?);
    for (name, value) in settings.values() {
        match value {
            Value::Number(number) => key.set_number(name, Some(*number)),
            Value::Text(text) => key.set_text(name, Some(text)),
            Value::Raw { kind, bytes } => key.set(name, *kind, bytes),
        }
        .with_context(|| format!("the hardware key does not take {name}"))?;
    }
    Ok(())
}

/// Removes a node; gives whether Windows wants a restart for it.
///
/// # Errors
/// When there is none, or Windows will not.
pub fn remove(instance: &str) -> Result<bool> {
    // SAFETY: the set is owned at once.
    let set = unsafe { SetupDiCreateDeviceInfoList(None, None) };
    let set = Set(set.context("no list of devices can be made")?);
    let mut node = node();
    let mut params = SP_DEVINSTALL_PARAMS_W {
        cbSize: size_of::<SP_DEVINSTALL_PARAMS_W>() as u32,
        ..Default::default()
    };
    // SAFETY: set and node are there during the calls. Without parameters DIF_REMOVE is for the system as a whole ("DIF_REMOVE").
    unsafe {
        SetupDiOpenDeviceInfoW(set.0, &HSTRING::from(instance), None, 0, Some(&mut node))
            .with_context(|| format!("there is no device node {instance}"))?;
        SetupDiCallClassInstaller(DIF_REMOVE, set.0, Some(&node))
            .with_context(|| format!("{instance} cannot be removed (DIF_REMOVE)"))?;
        // A node that has left the list with its device has nothing more to say.
        let told = SetupDiGetDeviceInstallParamsW(set.0, Some(&node), &mut params).is_ok();
        Ok(told && params.Flags.0 & (DI_NEEDREBOOT.0 | DI_NEEDRESTART.0) != 0)
    }
}

/// Every node with this hardware id, those that are not started and those whose device is gone included.
///
/// # Errors
/// When Windows does not list its devices.
pub fn list(hardware_id: &str) -> Result<Vec<Found>> {
    // SAFETY: the set is owned at once.
    let set = unsafe { SetupDiGetClassDevsW(None, PCWSTR::null(), None, DIGCF_ALLCLASSES) };
    let set = Set(set.context("the devices cannot be listed")?);
    let mut found = Vec::new();
    for index in 0.. {
        let mut node = node();
        // SAFETY: both are there.
        match unsafe { SetupDiEnumDeviceInfo(set.0, index, &mut node) } {
            Ok(()) => {}
            Err(error) if error == ERROR_NO_MORE_ITEMS.into() => break,
            Err(error) => return Err(error).context("the devices cannot be listed"),
        }
        let ids = property(&set, &node, SPDRP_HARDWAREID).unwrap_or_default();
        if ids.iter().any(|id| id.eq_ignore_ascii_case(hardware_id)) {
            let service = property(&set, &node, SPDRP_SERVICE).unwrap_or_default();
            found.push(Found {
                instance: instance(&set, &node)?,
                service: service.into_iter().next(),
                version: driver_version(&set, &node),
                trouble: trouble(&node),
            });
        }
    }
    Ok(found)
}

fn instance(set: &Set, node: &SP_DEVINFO_DATA) -> Result<String> {
    // MAX_DEVICE_ID_LEN.
    let mut name = [0u16; 200];
    // SAFETY: the result is a local variable with its length.
    unsafe { SetupDiGetDeviceInstanceIdW(set.0, node, Some(&mut name), None) }
        .context("a device node without an instance")?;
    let end = name.iter().position(|unit| *unit == 0);
    Ok(String::from_utf16_lossy(&name[..end.unwrap_or(name.len())]))
}

/// A property that is text: all its texts; `None` when the node lacks it.
fn property(
    set: &Set,
    node: &SP_DEVINFO_DATA,
    property: SETUP_DI_REGISTRY_PROPERTY,
) -> Option<Vec<String>> {
    let mut need = 0;
    // SAFETY: both are there; asks for the size only.
    let asked = unsafe {
        SetupDiGetDeviceRegistryPropertyW(set.0, node, property, None, None, Some(&mut need))
    };
    match asked {
        Err(error) if error == ERROR_INSUFFICIENT_BUFFER.into() => {}
        _ => return None,
    }
    let mut bytes = vec![0; need as usize];
    // SAFETY: the room has the bytes that were asked for.
    unsafe {
        SetupDiGetDeviceRegistryPropertyW(set.0, node, property, None, Some(&mut bytes), None)
    }
    .ok()?;
    Some(texts(&bytes))
}

/// Version of the driver that is installed on a node.
fn driver_version(set: &Set, node: &SP_DEVINFO_DATA) -> Option<String> {
    let mut kind = DEVPROPTYPE::default();
    // Longer than four numbers of five digits.
    let mut bytes = [0; 128];
    let mut length = 0;
    // SAFETY: set and node are there; the results are local variables with their length.
    unsafe {
        SetupDiGetDevicePropertyW(
            set.0,
            node,
            &DEVPKEY_Device_DriverVersion,
            &mut kind,
            Some(&mut bytes),
            Some(&mut length),
            0,
        )
    }
    .ok()?;
    let bytes = bytes
        .get(..length as usize)
        .filter(|_| kind == DEVPROP_TYPE_STRING)?;
    texts(bytes).into_iter().next()
}

/// The texts in a list, or the only one.
fn texts(bytes: &[u8]) -> Vec<String> {
    let units = bytes.chunks_exact(2);
    let units: Vec<u16> = units
        .map(|two| u16::from_le_bytes([two[0], two[1]]))
        .collect();
    let texts = units
        .split(|unit| *unit == 0)
        .filter(|text| !text.is_empty());
    texts.map(String::from_utf16_lossy).collect()
}

/// Why a node does not work.
fn trouble(node: &SP_DEVINFO_DATA) -> Option<String> {
    let (mut status, mut problem) = (CM_DEVNODE_STATUS_FLAGS(0), CM_PROB(0));
    // SAFETY: the results are local variables.
    let answer = unsafe { CM_Get_DevNode_Status(&mut status, &mut problem, node.DevInst, 0) };
    if answer != CR_SUCCESS {
        return Some("it is not in the device tree".into());
    }
    if status.0 & DN_HAS_PROBLEM.0 != 0 {
        let meaning = problem::words(problem.0).unwrap_or("see Device Manager's list of codes");
        return Some(format!("problem code {}: {meaning}", problem.0));
    }
    let started = DN_STARTED.0 | DN_DRIVER_LOADED.0;
    (status.0 & started != started).then(|| format!("it is not started (status {:#x})", status.0))
}

/// Class of the tap's interface.
pub const TAP: GUID = GUID {
    data1: TAP_INTERFACE.data1,
    data2: TAP_INTERFACE.data2,
    data3: TAP_INTERFACE.data3,
    data4: TAP_INTERFACE.data4,
};
/// `KSCATEGORY_TOPOLOGY` (ks.h): of each filter that an endpoint stands on.
pub const TOPOLOGY: GUID = GUID::from_u128(0xdda54a40_1e4c_11d1_a050_405705c10000);

/// The symbolic links of a node's enabled interfaces of a class, the first cable's first.
///
/// # Errors
/// When Windows does not list the node's interfaces.
pub fn links(instance: &str, class: &GUID) -> Result<Vec<String>> {
    let node = HSTRING::from(instance);
    let mut length = 0;
    // SAFETY: the result is a local variable.
    let answer = unsafe {
        CM_Get_Device_Interface_List_SizeW(
            &mut length,
            class,
            &node,
            CM_GET_DEVICE_INTERFACE_LIST_PRESENT,
        )
    };
    if answer != CR_SUCCESS {
        bail!(
            "the interfaces of {instance} cannot be counted ({})",
            answer.0
        );
    }
    let mut units = vec![0; length as usize];
    // SAFETY: the room has the length that was asked for.
    let answer = unsafe {
        CM_Get_Device_Interface_ListW(
            class,
            &node,
            &mut units,
            CM_GET_DEVICE_INTERFACE_LIST_PRESENT,
        )
    };
    if answer != CR_SUCCESS {
        bail!(
            "the interfaces of {instance} cannot be listed ({})",
            answer.0
        );
    }
    let links = units
        .split(|unit| *unit == 0)
        .filter(|link| !link.is_empty());
    let mut links: Vec<String> = links.map(String::from_utf16_lossy).collect();
    links.sort_by_key(|link| Interface::parse(link).and_then(|it| it.number()));
    Ok(links)
}
