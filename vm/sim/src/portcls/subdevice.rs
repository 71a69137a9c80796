//! Subdevices: ports under a name, their device interfaces, and physical connections between them.

use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::id::{
    KSCATEGORY_AUDIO, KSCATEGORY_CAPTURE, KSCATEGORY_REALTIME, KSCATEGORY_RENDER,
    KSCATEGORY_TOPOLOGY,
};
use waverig_portcls::status::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, STATUS_SUCCESS,
};
use waverig_portcls::{Guid, KSPIN_DATAFLOW_IN, KSPIN_DATAFLOW_OUT, NTSTATUS};

use super::adapter::{self, Adapter};
use super::port::{Kind, Port};
use super::{com, guid_of, rules};
use crate::finding;
use crate::nt::interface;
use crate::nt::layout::DeviceObject;

/// A port under a name.
pub(crate) struct Subdevice {
    pub(crate) name: String,
    pub(crate) port: Rc<Port>,
    /// Symbolic links of its interfaces.
    links: Vec<String>,
}

/// A wire between two subdevices.
#[derive(Clone)]
pub(crate) struct PhysicalConnection {
    pub(crate) from: Rc<Port>,
    pub(crate) from_pin: u32,
    pub(crate) to: Rc<Port>,
    pub(crate) to_pin: u32,
}

impl Subdevice {
    /// Turns its interfaces off.
    pub(super) fn disable(&self) {
        for link in &self.links {
            interface::set_state(link, false);
        }
    }
}

/// What PortCls registers when a filter names no categories of its own.
fn default_categories(kind: Kind) -> &'static [Guid] {
    match kind {
        Kind::WaveRt => &[
            KSCATEGORY_AUDIO,
            KSCATEGORY_RENDER,
            KSCATEGORY_CAPTURE,
            KSCATEGORY_REALTIME,
        ],
        Kind::WaveCyclic => &[KSCATEGORY_AUDIO, KSCATEGORY_RENDER, KSCATEGORY_CAPTURE],
        Kind::Topology => &[KSCATEGORY_AUDIO, KSCATEGORY_TOPOLOGY],
    }
}

/// A zero-terminated UTF-16 string of the driver.
fn text(mut place: *const u16) -> String {
    let mut units = Vec::new();
    loop {
        let unit = super::description::read(place);
        if unit == 0 {
            return String::from_utf16_lossy(&units);
        }
        units.push(unit);
        place = place.wrapping_add(1);
    }
}

pub(crate) extern "win64" fn pc_register_subdevice(
    fdo: *mut DeviceObject,
    name: *const u16,
    unknown: *mut c_void,
) -> NTSTATUS {
    let Some(adapter) = adapter::named(fdo, "PcRegisterSubdevice") else {
        return STATUS_INVALID_PARAMETER;
    };
    if name.is_null() || unknown.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    let name = text(name);
    let port = com::known::<Port>(unknown).filter(|port| port.bound().is_some());
    let Some(port) = port else {
        let text = format!(
            "subdevice {name:?} was registered with {unknown:p}, which is no port after a successful Init"
        );
        finding::raise(&rules::SUBDEVICE_PORT, text);
        return STATUS_INVALID_PARAMETER;
    };
    if adapter.subdevice(&name).is_some() || name.is_empty() || name.contains('\\') {
        finding::raise(
            &rules::SUBDEVICE_NAME,
            format!("{name:?} is taken, empty, or has a backslash in it"),
        );
        return STATUS_INVALID_PARAMETER;
    }
    if !adapter.has_room() {
        finding::raise(
            &rules::MAX_OBJECTS,
            format!("subdevice {name:?} is one too many"),
        );
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    port.set_name(&name);
    let links = enable_interfaces(&adapter, &port, &name);
    adapter
        .subdevices
        .borrow_mut()
        .push(Rc::new(Subdevice { name, port, links }));
    STATUS_SUCCESS
}

fn enable_interfaces(adapter: &Adapter, port: &Port, name: &str) -> Vec<String> {
    let bound = port.bound().expect("checked by the caller");
    let own = &bound.description.categories;
    let categories = if own.is_empty() {
        default_categories(port.kind)
    } else {
        own
    };
    let mut links = Vec::new();
    for category in categories {
        // The device is one that a bus driver made, so it can have interfaces.
        if let Some(link) = interface::register(adapter.pdo, &guid_of(category), name) {
            interface::set_state(&link, true);
            links.push(link);
        }
    }
    links
}

/// Undoes `PcRegisterSubdevice` for a port.
pub(super) fn unregister(fdo: *mut DeviceObject, unknown: *mut c_void) -> NTSTATUS {
    let Some(adapter) = adapter::named(fdo, "IUnregisterSubdevice::UnregisterSubdevice") else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some(port) = com::known::<Port>(unknown) else {
        return STATUS_INVALID_PARAMETER;
    };
    let place = adapter
        .subdevices
        .borrow()
        .iter()
        .position(|one| Rc::ptr_eq(&one.port, &port));
    let Some(place) = place else {
        return STATUS_NOT_FOUND;
    };
    let subdevice = adapter.subdevices.borrow_mut().remove(place);
    subdevice.disable();
    STATUS_SUCCESS
}

/// Both ends of a connection as the driver names them.
type Ends = (*mut c_void, u32, *mut c_void, u32);

fn connection((from, from_pin, to, to_pin): Ends) -> Option<PhysicalConnection> {
    let (from, to) = (com::known::<Port>(from)?, com::known::<Port>(to)?);
    Some(PhysicalConnection {
        from,
        from_pin,
        to,
        to_pin,
    })
}

fn check(adapter: &Adapter, connection: &PhysicalConnection) -> Result<(), String> {
    for (port, pin, flow, what) in [
        (
            &connection.from,
            connection.from_pin,
            KSPIN_DATAFLOW_OUT,
            "output",
        ),
        (
            &connection.to,
            connection.to_pin,
            KSPIN_DATAFLOW_IN,
            "input",
        ),
    ] {
        if !adapter
            .subdevices
            .borrow()
            .iter()
            .any(|one| Rc::ptr_eq(&one.port, port))
        {
            return Err(format!(
                "the port of the {what} pin {pin} is not registered as a subdevice"
            ));
        }
        let bound = port.bound().ok_or("a port that was not initialised")?;
        match bound.description.pins.get(pin as usize) {
            None => return Err(format!("{:?} has no pin {pin}", port.name())),
            Some(one) if one.flow != flow => {
                return Err(format!("pin {pin} of {:?} is no {what} pin", port.name()));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

pub(crate) extern "win64" fn pc_register_physical_connection(
    fdo: *mut DeviceObject,
    from: *mut c_void,
    from_pin: u32,
    to: *mut c_void,
    to_pin: u32,
) -> NTSTATUS {
    let Some(adapter) = adapter::named(fdo, "PcRegisterPhysicalConnection") else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some(connection) = connection((from, from_pin, to, to_pin)) else {
        finding::raise(
            &rules::CONNECTION_PIN,
            format!("{from:p} or {to:p} is no port"),
        );
        return STATUS_INVALID_PARAMETER;
    };
    if let Err(text) = check(&adapter, &connection) {
        finding::raise(&rules::CONNECTION_PIN, text);
        return STATUS_INVALID_PARAMETER;
    }
    adapter.connections.borrow_mut().push(connection);
    STATUS_SUCCESS
}

/// Undoes `PcRegisterPhysicalConnection`.
pub(super) fn disconnect(fdo: *mut DeviceObject, ends: Ends) -> NTSTATUS {
    let Some(adapter) = adapter::named(
        fdo,
        "IUnregisterPhysicalConnection::UnregisterPhysicalConnection",
    ) else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some(gone) = connection(ends) else {
        return STATUS_INVALID_PARAMETER;
    };
    let mut connections = adapter.connections.borrow_mut();
    let before = connections.len();
    connections.retain(|one| {
        let same = Rc::ptr_eq(&one.from, &gone.from) && Rc::ptr_eq(&one.to, &gone.to);
        !(same && one.from_pin == gone.from_pin && one.to_pin == gone.to_pin)
    });
    if connections.len() < before {
        STATUS_SUCCESS
    } else {
        STATUS_NOT_FOUND
    }
}
