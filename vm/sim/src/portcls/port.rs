//! Ports: PortCls's half of a filter, bound to the driver's miniport.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::status::{
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use waverig_portcls::{
    Guid, IMiniport, IMiniportTopology, IMiniportWaveCyclic, IMiniportWaveRT, NTSTATUS, id,
};

use super::adapter;
use super::com::{self, HostObject, Method, Ref, Table, Unknown};
use super::description::{Description, read, read_description};
use super::{content, cyclic, helpers, registry_key, rules, subdevice, unsupported};
use crate::imports::Levels;
use crate::nt::layout::{DeviceObject, ObjectAttributes};
use crate::nt::pdo;
use crate::nt::status::NtStatus;
use crate::{call, finding};

/// Which port driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    WaveRt,
    WaveCyclic,
    Topology,
}

/// A port object.
pub(crate) struct Port {
    pub(crate) kind: Kind,
    name: RefCell<String>,
    /// The device that it was initialised for.
    device: Cell<*mut DeviceObject>,
    bound: RefCell<Option<Rc<Bound>>>,
}

/// A port after `Init`.
pub(crate) struct Bound {
    /// The object the driver gave to `Init`: `MajorTarget` of property requests.
    pub(crate) unknown: Unknown,
    pub(crate) miniport: Ref<IMiniport>,
    pub(crate) wave: Option<Ref<IMiniportWaveRT>>,
    pub(crate) cyclic: Option<Ref<IMiniportWaveCyclic>>,
    pub(crate) description: Description,
}

impl Port {
    /// The miniport and its description, after `Init`.
    pub(crate) fn bound(&self) -> Option<Rc<Bound>> {
        self.bound.borrow().clone()
    }

    /// Gives up the miniport.
    pub(super) fn let_go(&self) {
        let bound = self.bound.take();
        drop(bound);
    }

    /// The subdevice's name, when it is registered.
    pub(crate) fn name(&self) -> String {
        self.name.borrow().clone()
    }

    pub(super) fn set_name(&self, name: &str) {
        name.clone_into(&mut self.name.borrow_mut());
    }
}

pub(crate) extern "win64" fn pc_new_port(out: *mut *mut c_void, class: *const Guid) -> NTSTATUS {
    let class = read(class);
    let kind = if class == id::CLSID_PortWaveRT {
        Kind::WaveRt
    } else if class == id::CLSID_PortWaveCyclic {
        Kind::WaveCyclic
    } else if class == id::CLSID_PortTopology {
        Kind::Topology
    } else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let port = Rc::new(Port {
        kind,
        name: RefCell::new(format!("{kind:?}")),
        device: Cell::new(std::ptr::null_mut()),
        bound: RefCell::default(),
    });
    let pointer = com::give(&port, &id::IID_IUnknown).expect("every port has its own interface");
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { *out = pointer };
    STATUS_SUCCESS
}

/// The miniports that PortCls itself has are those of UART and FM synthesis; none of them is here.
pub(crate) extern "win64" fn pc_new_miniport(
    out: *mut *mut c_void,
    _class: *const Guid,
) -> NTSTATUS {
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { *out = std::ptr::null_mut() };
    STATUS_INVALID_DEVICE_REQUEST
}

extern "win64" fn init(
    this: *mut c_void,
    device: *mut DeviceObject,
    _irp: *mut c_void,
    miniport: *mut c_void,
    adapter: *mut c_void,
    resources: *mut c_void,
) -> NTSTATUS {
    let port = com::host::<Port>(this);
    if adapter::named(device, "IPort::Init").is_none() {
        return STATUS_INVALID_PARAMETER;
    }
    if port.bound().is_some() {
        finding::raise(
            &rules::PORT_INIT,
            format!("the port {:?} was initialised already", port.name()),
        );
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    port.device.set(device);
    match bind(&port, miniport, adapter, resources) {
        Ok(bound) => {
            port.bound.replace(Some(Rc::new(bound)));
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

fn bind(
    port: &Rc<Port>,
    object: *mut c_void,
    adapter: *mut c_void,
    resources: *mut c_void,
) -> Result<Bound, NTSTATUS> {
    let unknown = Unknown::share(object).ok_or(STATUS_INVALID_PARAMETER)?;
    let missing = || {
        let text = format!(
            "the miniport given to the {:?} port does not have that port's miniport interface",
            port.kind
        );
        finding::raise(&rules::PORT_INIT, text);
        STATUS_INVALID_PARAMETER
    };
    let iid = match port.kind {
        Kind::WaveRt => id::IID_IPortWaveRT,
        Kind::WaveCyclic => id::IID_IPortWaveCyclic,
        Kind::Topology => id::IID_IPortTopology,
    };
    let own = com::lend(port, &iid).expect("every port has its own interface");
    // All miniport interfaces begin with IMiniport's functions.
    let (mut wave, mut cyclic) = (None, None);
    let (status, miniport) = match port.kind {
        Kind::WaveRt => {
            let found = unknown.query::<IMiniportWaveRT>().ok_or_else(missing)?;
            let init = found.table().Init;
            // SAFETY: the miniport's table; the parameters are those the driver gave and the port itself.
            let status = unsafe {
                call::driver(
                    "IMiniportWaveRT::Init",
                    init,
                    (found.this(), adapter, resources, own),
                )
            };
            let miniport = Ref::<IMiniport>::share(found.this());
            wave = Some(found);
            (status, miniport)
        }
        Kind::WaveCyclic => {
            let found = unknown.query::<IMiniportWaveCyclic>().ok_or_else(missing)?;
            let init = found.table().Init;
            // SAFETY: as above.
            let status = unsafe {
                call::driver(
                    "IMiniportWaveCyclic::Init",
                    init,
                    (found.this(), adapter, resources, own.cast()),
                )
            };
            let miniport = Ref::<IMiniport>::share(found.this());
            cyclic = Some(found);
            (status, miniport)
        }
        Kind::Topology => {
            let topology = unknown.query::<IMiniportTopology>().ok_or_else(missing)?;
            let init = topology.table().Init;
            // SAFETY: as above.
            let status = unsafe {
                call::driver(
                    "IMiniportTopology::Init",
                    init,
                    (topology.this(), adapter, resources, own),
                )
            };
            (status, Ref::<IMiniport>::share(topology.this()))
        }
    };
    if status < 0 {
        return Err(status);
    }
    let miniport = miniport.ok_or(STATUS_INVALID_PARAMETER)?;
    let mut place = std::ptr::null();
    // SAFETY: the miniport's table; the variable lives here.
    let status = unsafe {
        call::driver(
            "IMiniport::GetDescription",
            miniport.table().GetDescription,
            (miniport.this(), &raw mut place),
        )
    };
    if status < 0 || place.is_null() {
        let text = format!(
            "GetDescription of the {:?} miniport returned {status:#010x} and {place:p}",
            port.kind
        );
        finding::raise(&rules::DESCRIPTION, text);
        return Err(if status < 0 {
            status
        } else {
            STATUS_INVALID_PARAMETER
        });
    }
    let description = read_description(&port.name(), place);
    Ok(Bound {
        unknown,
        miniport,
        wave,
        cyclic,
        description,
    })
}

extern "win64" fn get_device_property(
    this: *mut c_void,
    property: i32,
    length: u32,
    buffer: *mut u8,
    needed: *mut u32,
) -> NtStatus {
    let device = com::host::<Port>(this).device.get();
    pc_get_device_property(device, property, length, buffer, needed)
}

/// What IoGetDeviceProperty gives for the device's physical one.
pub(crate) extern "win64" fn pc_get_device_property(
    device: *mut DeviceObject,
    property: i32,
    length: u32,
    buffer: *mut u8,
    needed: *mut u32,
) -> NtStatus {
    match adapter::named(device, "GetDeviceProperty") {
        Some(adapter) => pdo::io_get_device_property(adapter.pdo, property, length, buffer, needed),
        None => NtStatus(STATUS_INVALID_DEVICE_REQUEST),
    }
}

extern "win64" fn new_registry_key(
    this: *mut c_void,
    out: *mut *mut c_void,
    _outer: *mut c_void,
    kind: u32,
    access: u32,
    attributes: *const ObjectAttributes,
    _options: u32,
    disposition: *mut u32,
) -> NTSTATUS {
    let device = com::host::<Port>(this).device.get();
    registry_key::open(device, out, kind, access, attributes, disposition)
}

extern "win64" fn add_event_to_event_list(_this: *mut c_void) {
    unsupported("IPortEvents::AddEventToEventList", "port.rs")
}

/// Tells clients that enabled the event. The simulator's clients enable none, so nobody is to be told.
extern "win64" fn generate_event_list(
    _this: *mut c_void,
    _set: *const Guid,
    _id: u32,
    _pin_event: i32,
    _pin: u32,
    _node_event: i32,
    _node: u32,
) {
}

/// `kVersionWinServer2003_UAAQFE`: the last version that the page of `IPortClsVersion::GetVersion` lists.
extern "win64" fn get_version(_this: *mut c_void) -> u32 {
    13
}

extern "win64" fn unregister_subdevice(
    _this: *mut c_void,
    device: *mut DeviceObject,
    unknown: *mut c_void,
) -> NTSTATUS {
    subdevice::unregister(device, unknown)
}

extern "win64" fn unregister_physical_connection(
    _this: *mut c_void,
    device: *mut DeviceObject,
    from: *mut c_void,
    from_pin: u32,
    to: *mut c_void,
    to_pin: u32,
) -> NTSTATUS {
    subdevice::disconnect(device, (from, from_pin, to, to_pin))
}

extern "win64" fn unregister_external(_this: *mut c_void) -> NTSTATUS {
    unsupported(
        "IUnregisterPhysicalConnection for external devices",
        "port.rs",
    )
}

macro_rules! method {
    ($name:literal, $function:expr, $source:literal) => {
        Method {
            name: $name,
            function: $function as *const (),
            levels: Levels::PASSIVE,
            source: $source,
        }
    };
}

const BASE_METHODS: [Method; 3] = [
    method!("IPort::Init", init, "portcls/nf-portcls-iport-init"),
    method!(
        "IPort::GetDeviceProperty",
        get_device_property,
        "portcls/nf-portcls-iport-getdeviceproperty"
    ),
    method!(
        "IPort::NewRegistryKey",
        new_registry_key,
        "portcls/nf-portcls-iport-newregistrykey"
    ),
];
const PORT: &[Method] = &BASE_METHODS;

static BASE: Table = Table {
    iid: id::IID_IPort,
    methods: PORT,
};
static WAVE: Table = Table {
    iid: id::IID_IPortWaveRT,
    methods: PORT,
};
static CYCLIC: Table = Table {
    iid: id::IID_IPortWaveCyclic,
    methods: {
        const ALL: [Method; 6] = {
            let [init, property, key] = BASE_METHODS;
            let [notify, slave, master] = cyclic::port::METHODS;
            [init, property, key, notify, slave, master]
        };
        &ALL
    },
};
static TOPOLOGY: Table = Table {
    iid: id::IID_IPortTopology,
    methods: PORT,
};
static EVENTS: Table = Table {
    iid: id::IID_IPortEvents,
    methods: &[
        method!(
            "IPortEvents::AddEventToEventList",
            add_event_to_event_list,
            "portcls/nf-portcls-iportevents-addeventtoeventlist"
        ),
        Method {
            name: "IPortEvents::GenerateEventList",
            function: generate_event_list as *const (),
            levels: Levels::DISPATCH,
            source: "portcls/nf-portcls-iportevents-generateeventlist",
        },
    ],
};
static VERSION: Table = Table {
    iid: id::IID_IPortClsVersion,
    methods: &[method!(
        "IPortClsVersion::GetVersion",
        get_version,
        "portcls/nf-portcls-iportclsversion-getversion"
    )],
};
static UNREGISTER: Table = Table {
    iid: id::IID_IUnregisterSubdevice,
    methods: &[method!(
        "IUnregisterSubdevice::UnregisterSubdevice",
        unregister_subdevice,
        "portcls/nf-portcls-iunregistersubdevice-unregistersubdevice"
    )],
};
static DISCONNECT: Table = Table {
    iid: id::IID_IUnregisterPhysicalConnection,
    methods: &[
        method!(
            "IUnregisterPhysicalConnection::UnregisterPhysicalConnection",
            unregister_physical_connection,
            "portcls/nf-portcls-iunregisterphysicalconnection-unregisterphysicalconnection"
        ),
        method!(
            "UnregisterPhysicalConnectionToExternal",
            unregister_external,
            "portcls.h"
        ),
        method!(
            "UnregisterPhysicalConnectionFromExternal",
            unregister_external,
            "portcls.h"
        ),
    ],
};

impl HostObject for Port {
    fn name(&self) -> String {
        format!("port of {:?}", self.name.borrow())
    }

    fn tables(&self) -> &'static [&'static Table] {
        static OF_WAVE: [&Table; 14] = [
            &WAVE,
            &BASE,
            &EVENTS,
            &VERSION,
            &UNREGISTER,
            &DISCONNECT,
            &helpers::POWER,
            &helpers::RUNTIME_POWER,
            &helpers::ETW,
            &helpers::RESOURCES,
            &helpers::RESOURCES2,
            &helpers::NOTIFICATIONS,
            &content::PORT,
            &content::PORT2,
        ];
        static OF_CYCLIC: [&Table; 9] = [
            &CYCLIC,
            &BASE,
            &EVENTS,
            &VERSION,
            &UNREGISTER,
            &DISCONNECT,
            &helpers::POWER,
            &content::PORT,
            &content::PORT2,
        ];
        static OF_TOPOLOGY: [&Table; 7] = [
            &TOPOLOGY,
            &BASE,
            &EVENTS,
            &VERSION,
            &UNREGISTER,
            &DISCONNECT,
            &helpers::POWER,
        ];
        match self.kind {
            Kind::WaveRt => &OF_WAVE,
            Kind::WaveCyclic => &OF_CYCLIC,
            Kind::Topology => &OF_TOPOLOGY,
        }
    }
}
