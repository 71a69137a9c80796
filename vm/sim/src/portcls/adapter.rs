//! Adapters: the device objects PortCls makes for a driver, and what the driver registers with them.

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::{Rc, Weak};

use waverig_portcls::status::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NO_SUCH_DEVICE, STATUS_SUCCESS,
};
use waverig_portcls::{NTSTATUS, PORT_CLASS_DEVICE_EXTENSION_SIZE};

use super::device_lock::DeviceLock;
use super::pin::Pin;
use super::pnp::{Life, Phase};
use super::power::Power;
use super::subdevice::{PhysicalConnection, Subdevice};
use super::{dispatch, rules};
use crate::finding;
use crate::nt::device;
use crate::nt::layout::{AddDevice, DeviceObject, DriverObject, Irp};

/// `PCPFNSTARTDEVICE`: device, the start IRP, resources.
pub(super) type StartDevice =
    unsafe extern "win64" fn(*mut DeviceObject, *mut Irp, *mut c_void) -> NTSTATUS;

/// `FILE_DEVICE_KS` (ks.h).
const FILE_DEVICE_KS: u32 = 0x2F;
/// `DO_DIRECT_IO`, `DO_POWER_PAGABLE`, `DO_DEVICE_INITIALIZING` (wdm.h).
const DO_DIRECT_IO: u32 = 0x10;
const DO_POWER_PAGABLE: u32 = 0x2000;
const DO_DEVICE_INITIALIZING: u32 = 0x80;

/// One device of an audio driver.
pub(crate) struct Adapter {
    pub(crate) fdo: *mut DeviceObject,
    pub(crate) pdo: *mut DeviceObject,
    /// The device that requests are passed on to.
    pub(super) lower: *mut DeviceObject,
    pub(super) start_device: StartDevice,
    pub(super) life: Life,
    pub(super) power: Power,
    /// What it does for programs it does one at a time.
    pub(super) lock: Rc<DeviceLock>,
    most_subdevices: u32,
    pub(super) subdevices: RefCell<Vec<Rc<Subdevice>>>,
    pub(super) connections: RefCell<Vec<PhysicalConnection>>,
    /// Open pins, in the order in which they were opened.
    pins: RefCell<Vec<Weak<Pin>>>,
}

thread_local! {
    static ADAPTERS: RefCell<Vec<Rc<Adapter>>> = RefCell::default();
}

/// The adapter of a device object; `None` when PortCls did not make it.
pub(crate) fn find(fdo: *mut DeviceObject) -> Option<Rc<Adapter>> {
    ADAPTERS.with_borrow(|adapters| adapters.iter().find(|adapter| adapter.fdo == fdo).cloned())
}

/// The adapter whose physical device is `pdo`.
pub(crate) fn of_pdo(pdo: *mut DeviceObject) -> Option<Rc<Adapter>> {
    ADAPTERS.with_borrow(|adapters| adapters.iter().find(|adapter| adapter.pdo == pdo).cloned())
}

/// The adapter that the driver names in a call; one that PortCls does not know is a finding.
pub(super) fn named(fdo: *mut DeviceObject, call: &str) -> Option<Rc<Adapter>> {
    let adapter = find(fdo);
    if adapter.is_none() {
        finding::raise(
            &rules::NOT_AN_ADAPTER,
            format!("{call} was called with {fdo:p}"),
        );
    }
    adapter
}

impl Adapter {
    /// The subdevice with this name, in any case.
    pub(crate) fn subdevice(&self, name: &str) -> Option<Rc<Subdevice>> {
        self.subdevices
            .borrow()
            .iter()
            .find(|one| one.name.eq_ignore_ascii_case(name))
            .cloned()
    }

    /// Its subdevices in the order they were registered.
    pub(crate) fn subdevices(&self) -> Vec<Rc<Subdevice>> {
        self.subdevices.borrow().clone()
    }

    /// Physical connections between them.
    pub(crate) fn connections(&self) -> Vec<PhysicalConnection> {
        self.connections.borrow().clone()
    }

    pub(super) fn has_room(&self) -> bool {
        self.subdevices.borrow().len() < self.most_subdevices as usize
    }

    /// What removal undoes: subdevices, connections, the power interface. Drops PortCls's references.
    pub(super) fn take_down(&self) {
        self.forget_subdevices();
        self.power.release();
        self.life.release();
    }

    /// Drops PortCls's references on subdevices and connections, with their interfaces.
    pub(super) fn forget_subdevices(&self) {
        self.connections.borrow_mut().clear();
        let subdevices = self.subdevices.take();
        for subdevice in &subdevices {
            subdevice.disable();
            // A miniport may hold its port, and the port holds the miniport: PortCls parts them (inferred: the public samples keep
            // their port's IPortEvents until their miniport is destroyed).
            subdevice.port.let_go();
        }
        drop(subdevices);
    }

    /// Whether programs can use the device.
    pub(super) fn in_use(&self) -> bool {
        matches!(
            self.life.phase.get(),
            Phase::Started | Phase::StopPending | Phase::RemovePending
        )
    }

    /// Whether the driver registered its interface for stops.
    #[cfg(test)]
    pub(crate) fn can_be_told_of_stops(&self) -> bool {
        self.life.has_interface()
    }

    /// A pin was opened.
    pub(super) fn add_pin(&self, pin: &Rc<Pin>) {
        let mut pins = self.pins.borrow_mut();
        pins.retain(|pin| pin.strong_count() > 0);
        pins.push(Rc::downgrade(pin));
    }

    /// Pins that are open.
    pub(super) fn open_pins(&self) -> Vec<Rc<Pin>> {
        self.pins
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// The end of the device object.
    pub(super) fn delete(self: Rc<Self>) {
        ADAPTERS.with_borrow_mut(|adapters| adapters.retain(|adapter| adapter.fdo != self.fdo));
        device::detach(self.lower);
        device::delete(self.fdo);
    }
}

pub(crate) extern "win64" fn pc_initialize_adapter_driver(
    driver: *mut DriverObject,
    _registry_path: *const c_void,
    add_device: Option<AddDevice>,
) -> NTSTATUS {
    if driver.is_null() || add_device.is_none() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the driver object that the driver got in DriverEntry.
    unsafe {
        (*(*driver).driver_extension).add_device = add_device;
        dispatch::install(&mut *driver);
    }
    STATUS_SUCCESS
}

pub(crate) extern "win64" fn pc_add_adapter_device(
    driver: *mut DriverObject,
    pdo: *mut DeviceObject,
    start_device: Option<StartDevice>,
    most_subdevices: u32,
    extension: u32,
) -> NTSTATUS {
    let (Some(start_device), false, false) = (start_device, driver.is_null(), pdo.is_null()) else {
        return STATUS_INVALID_PARAMETER;
    };
    let own = PORT_CLASS_DEVICE_EXTENSION_SIZE;
    if extension != 0 && (extension as usize) < own {
        finding::raise(
            &rules::EXTENSION_SIZE,
            format!("the size is {extension}, PortCls's own part has {own} bytes"),
        );
        return STATUS_INVALID_PARAMETER;
    }
    let fdo = device::create(driver, (extension as usize).max(own), None, FILE_DEVICE_KS);
    if fdo.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let lower = device::attach(fdo, pdo);
    if lower.is_null() {
        device::delete(fdo);
        return STATUS_NO_SUCH_DEVICE;
    }
    // SAFETY: the device object was made above.
    unsafe {
        (*fdo).flags = ((*fdo).flags | DO_DIRECT_IO | DO_POWER_PAGABLE) & !DO_DEVICE_INITIALIZING
    };
    let adapter = Adapter {
        fdo,
        pdo,
        lower,
        start_device,
        life: Life::new(),
        power: Power::new(),
        lock: Rc::default(),
        most_subdevices,
        subdevices: RefCell::default(),
        connections: RefCell::default(),
        pins: RefCell::default(),
    };
    ADAPTERS.with_borrow_mut(|adapters| adapters.push(Rc::new(adapter)));
    STATUS_SUCCESS
}

pub(crate) extern "win64" fn pc_get_physical_device_object(
    fdo: *mut DeviceObject,
    out: *mut *mut DeviceObject,
) -> NTSTATUS {
    let Some(adapter) = named(fdo, "PcGetPhysicalDeviceObject") else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { *out = adapter.pdo };
    STATUS_SUCCESS
}
