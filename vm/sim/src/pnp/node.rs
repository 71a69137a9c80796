//! A device node and its life: what the Plug and Play manager does with its stack of devices, and in which order
//! ("Understanding When Remove IRPs Are Issued", "Stopping a Device to Rebalance Resources").
//!
//! What waits for programs (a removal waits for their handles) is a chain of steps in virtual time: the manager's own
//! thread, so to speak.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use super::rules;
use super::{bus, drivers};
use crate::finding;
use crate::kernel::kernel;
use crate::nt::driver::{self, Driver};
use crate::nt::io::{self, PowerKind};
use crate::nt::layout::DeviceObject;
use crate::nt::{device, file, interface, irp};
use crate::portcls::{com, rules as port_rules};
use crate::processor;
use crate::sched;
use crate::time::{Hns, Qpc};
use waverig_portcls::{PowerDeviceD0, PowerDeviceD3, PowerSystemSleeping3, PowerSystemWorking};

/// Minor codes of IRP_MJ_PNP (wdm.h).
const START_DEVICE: u8 = 0;
const QUERY_REMOVE_DEVICE: u8 = 1;
const REMOVE_DEVICE: u8 = 2;
const CANCEL_REMOVE_DEVICE: u8 = 3;
const STOP_DEVICE: u8 = 4;
const QUERY_STOP_DEVICE: u8 = 5;
const CANCEL_STOP_DEVICE: u8 = 6;
const SURPRISE_REMOVAL: u8 = 23;

/// How long a program may take to give its handles up when it is asked (the manager's patience is documented nowhere).
const PATIENCE: Hns = Hns::from_secs(5);

/// What a program is told of a device whose handle it has (cfgmgr32.h, `CM_NOTIFY_ACTION_DEVICE…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The device is to be removed: close the handle, or it stays.
    QueryRemove,
    /// The device is gone: close the handle.
    RemoveComplete,
}

/// A program's registration for notices. The program drops it when it has closed its handle.
pub(crate) struct Watch(Box<dyn Fn(Notice)>);

/// Where the node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Started,
    Stopped,
    /// The device is gone, its device objects are not: somebody has a handle.
    SurpriseRemoved,
    /// The node has no driver.
    Removed,
}

/// A device node.
pub(crate) struct Node {
    pub(crate) pdo: *mut DeviceObject,
    service: String,
    image: RefCell<PathBuf>,
    driver: Cell<Option<Driver>>,
    state: Cell<State>,
    watches: RefCell<Vec<Weak<Watch>>>,
}

impl Node {
    /// A node for a physical device; [`Self::start`] gives it its driver.
    pub(super) fn new(pdo: *mut DeviceObject, service: &str, image: PathBuf) -> Rc<Self> {
        Rc::new(Self {
            pdo,
            service: service.to_owned(),
            image: RefCell::new(image),
            driver: Cell::new(None),
            state: Cell::new(State::Removed),
            watches: RefCell::default(),
        })
    }

    pub(crate) fn state(&self) -> State {
        self.state.get()
    }

    /// Registers a program for notices.
    pub(crate) fn watch(&self, on: impl Fn(Notice) + 'static) -> Rc<Watch> {
        let watch = Rc::new(Watch(Box::new(on)));
        self.watches.borrow_mut().push(Rc::downgrade(&watch));
        watch
    }

    fn notify(&self, notice: Notice) {
        let watches: Vec<_> = self
            .watches
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for watch in watches {
            (watch.0)(notice);
        }
    }

    fn watched(&self) -> bool {
        let mut watches = self.watches.borrow_mut();
        watches.retain(|watch| watch.strong_count() > 0);
        !watches.is_empty()
    }

    fn send(&self, minor: u8) -> bool {
        io::pnp(self.pdo, minor, |_| {}).status.is_ok()
    }

    /// Sends a request that cannot be refused.
    fn must(&self, minor: u8, name: &str) {
        if !self.send(minor) {
            finding::raise(&rules::MUST_SUCCEED, format!("{name} was refused"));
        }
    }

    /// Loads the driver if there is none, adds the device and starts it.
    ///
    /// # Errors
    /// What failed, in the words of Device Manager; the node is then left without a driver.
    pub(crate) fn start(&self) -> Result<(), String> {
        file::set_going(self.pdo, false);
        if self.state.get() == State::Removed {
            let image = self.image.borrow().clone();
            let name = image.file_name().unwrap_or_default().to_string_lossy();
            let driver = drivers::acquire(&image, &self.service)
                .map_err(|error| format!("{name}: {error}"))?;
            self.driver.set(Some(driver));
            let status = driver::add_device(driver.object, self.pdo)
                .map_err(|error| format!("{name}: {error:#}"))?;
            if !status.is_ok() {
                let left = self.unload().err();
                let left = left.map_or(String::new(), |left| format!("; then {left}"));
                return Err(format!(
                    "{name}: AddDevice failed with {status}: the device has no driver{left}"
                ));
            }
        }
        let status = io::pnp(self.pdo, START_DEVICE, |_| {}).status;
        if !status.is_ok() {
            // "Remove after a failed start".
            let left = self.remove().err();
            let left = left.map_or(String::new(), |left| format!("; then {left}"));
            let name = self.service.clone();
            return Err(format!(
                "{name}: starting the device failed with {status} (code 10 in Device Manager){left}"
            ));
        }
        self.state.set(State::Started);
        Ok(())
    }

    /// Imports of its driver that nothing serves, as `dll!name`.
    pub(crate) fn missing_imports(&self) -> Vec<String> {
        let driver = self.driver.get();
        driver.map_or_else(Vec::new, |driver| driver.image.missing.clone())
    }

    /// Stops the device for a rebalance of resources; `false` when its drivers refuse, and it goes on.
    pub(crate) fn stop(&self) -> bool {
        if !self.send(QUERY_STOP_DEVICE) {
            self.must(CANCEL_STOP_DEVICE, "IRP_MN_CANCEL_STOP_DEVICE");
            return false;
        }
        self.must(STOP_DEVICE, "IRP_MN_STOP_DEVICE");
        self.state.set(State::Stopped);
        true
    }

    /// Asks for the removal of the device: programs first, then drivers; whoever has a handle open then prevents it. `then` is
    /// told how it went; if well, the device waits for [`Self::remove`].
    pub(crate) fn query_remove(self: &Rc<Self>, then: impl FnOnce(bool) + 'static) {
        self.notify(Notice::QueryRemove);
        let (node, patient) = (Rc::clone(self), Rc::clone(self));
        let deadline = kernel().now() + PATIENCE;
        when(
            move || !patient.watched(),
            deadline,
            move |_| {
                let agreed = node.send(QUERY_REMOVE_DEVICE);
                if agreed {
                    node.probe(&rules::OPEN_WHILE_PENDING);
                }
                // "Windows 2000 and later versions of Windows track open handles and fail the query if there are open
                // handles after the IRP_MN_QUERY_REMOVE_DEVICE completes."
                let free = file::open_on(node.pdo) == 0;
                file::set_going(node.pdo, agreed && free);
                if !(agreed && free) {
                    node.must(CANCEL_REMOVE_DEVICE, "IRP_MN_CANCEL_REMOVE_DEVICE");
                }
                then(agreed && free);
            },
        );
    }

    /// Removes the device, whose removal was agreed to or whose start failed, and unloads its driver. The node stays.
    ///
    /// # Errors
    /// When the driver cannot be unloaded.
    pub(crate) fn remove(&self) -> Result<(), String> {
        file::set_going(self.pdo, true);
        let status = io::pnp(self.pdo, REMOVE_DEVICE, |_| {}).status;
        if !status.is_ok() {
            finding::raise(
                &port_rules::REMOVE_STATUS,
                format!("it was answered with {status}"),
            );
        }
        self.check_interfaces("IRP_MN_REMOVE_DEVICE");
        self.unload()
    }

    fn unload(&self) -> Result<(), String> {
        self.state.set(State::Removed);
        sched::settle();
        // What is held while another node is there may be that one's.
        let held = if drivers::is_last(&self.service) {
            com::held()
        } else {
            Vec::new()
        };
        for (name, count) in held {
            finding::raise(
                &port_rules::COM_LEAK,
                format!("the driver still holds {count} references on the {name} after removal"),
            );
        }
        self.driver.take().map_or(Ok(()), drivers::release)
    }

    /// The device is gone without a warning. Its device objects follow when the last handle is closed; `then` runs after that.
    pub(crate) fn surprise_remove(self: &Rc<Self>, then: impl FnOnce() + 'static) {
        self.must(SURPRISE_REMOVAL, "IRP_MN_SURPRISE_REMOVAL");
        self.state.set(State::SurpriseRemoved);
        self.check_interfaces("IRP_MN_SURPRISE_REMOVAL");
        self.probe(&rules::OPEN_WHEN_GONE);
        // What another processor was in the middle of when the request came comes to its end first.
        processor::wait("calls of the other processor that were under way", || {
            !processor::is_under_way_elsewhere()
        });
        let fdo = device::top_of_stack(self.pdo);
        let pended = irp::pended_on(fdo);
        if !pended.is_empty() {
            let text = format!(
                "{} request(s) of programs are still pended: {}",
                pended.len(),
                pended.join(", ")
            );
            finding::raise(&rules::PENDED_WHEN_GONE, text);
        }
        self.notify(Notice::RemoveComplete);
        let (node, open) = (Rc::clone(self), Rc::clone(self));
        let deadline = kernel().now() + Hns::from_secs(60);
        when(
            move || file::open_on(open.pdo) == 0,
            deadline,
            move |closed| {
                if closed {
                    if let Err(error) = node.remove() {
                        finding::raise(&rules::MUST_SUCCEED, error);
                    }
                    then();
                }
            },
        );
    }

    /// Uninstalls a node without a driver: the bus forgets its device.
    pub(super) fn forget(&self) {
        bus::forget(self.pdo);
    }

    /// The image that the next start loads.
    pub(crate) fn set_image(&self, image: PathBuf) {
        self.image.replace(image);
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.image.borrow().clone()
    }

    /// The system goes to sleep (S3); `false` when a driver refused.
    pub(crate) fn sleep(&self) -> bool {
        let query = io::query_power(self.pdo, PowerKind::System, PowerSystemSleeping3);
        if !query.status.is_ok() {
            // The power manager tells everybody that the system keeps its state.
            io::set_power(self.pdo, PowerKind::System, PowerSystemWorking);
            return false;
        }
        self.set_power(PowerKind::System, PowerSystemSleeping3);
        true
    }

    /// The system wakes up.
    pub(crate) fn wake(&self) {
        self.set_power(PowerKind::System, PowerSystemWorking);
    }

    /// The device alone goes to D3 or comes back.
    pub(crate) fn power_device(&self, on: bool) {
        let state = if on { PowerDeviceD0 } else { PowerDeviceD3 };
        self.set_power(PowerKind::Device, state);
    }

    fn set_power(&self, kind: PowerKind, state: i32) {
        let status = io::set_power(self.pdo, kind, state).status;
        if !status.is_ok() {
            let text =
                format!("IRP_MN_SET_POWER ({kind:?} state {state}) was answered with {status}");
            finding::raise(&rules::MUST_SUCCEED, text);
        }
    }

    /// Opens everything that the device offers, past the interfaces' state: all must be refused.
    fn probe(&self, rule: &'static crate::rules::Rule) {
        let mut references: Vec<String> = interface::list(None)
            .into_iter()
            .filter(|one| one.device == self.pdo)
            .map(|one| one.reference)
            .collect();
        references.sort();
        references.dedup();
        for reference in references {
            if let Ok(file) = io::open_device(self.pdo, &format!("\\{reference}")) {
                finding::raise(rule, format!("{reference:?} could be opened"));
                file.close();
            }
        }
    }

    /// Interfaces that the driver left on are a finding, and are turned off as Windows does.
    fn check_interfaces(&self, after: &str) {
        for one in interface::list(None) {
            if one.device == self.pdo && one.enabled {
                finding::raise(
                    &rules::INTERFACE_LEFT,
                    format!("{} is still enabled after {after}", one.link),
                );
                interface::set_state(&one.link, false);
            }
        }
    }
}

/// Runs `then` once `condition` holds (`true`), or at `deadline` (`false`).
fn when(condition: impl Fn() -> bool + 'static, deadline: Qpc, then: impl FnOnce(bool) + 'static) {
    if condition() {
        return then(true);
    }
    if kernel().now() >= deadline {
        return then(false);
    }
    sched::after(
        Hns::from_millis(1),
        "the Plug and Play manager waits",
        move || when(condition, deadline, then),
    );
}

#[cfg(test)]
mod tests;
