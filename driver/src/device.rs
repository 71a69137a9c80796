//! One device: what lies in its extension, and how it starts and stops.

use crate::cable::{Cable, SharedCable};
use crate::lock::SpinLock;
use crate::pool::PoolBox;
use crate::portcls::{PcGetPhysicalDeviceObject, check};
use crate::registration::{Connection, InterfaceLink, PowerManagement, Subdevice};
use crate::trace::{self, Source};
use crate::{tap, topology, wave};
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};
use waverig_engine::Capability;
use waverig_interface::EventKind;
use waverig_portcls::status::STATUS_SUCCESS;
use waverig_portcls::{PORT_CLASS_DEVICE_EXTENSION_SIZE, id};
use wdk_sys::{NTSTATUS, PDEVICE_OBJECT, PIRP};

/// Channels that a device has.
const CHANNELS: u16 = Capability::MOST_CHANNELS;

/// The driver's part of a device extension. The I/O manager makes it of zeros, which is a free lock around `None`s.
#[repr(C)]
pub(crate) struct Extension {
    /// The device lock.
    state: SpinLock<State>,
    /// The device is going away, or has gone: it takes no new handles.
    closed: AtomicBool,
}

#[repr(C)]
struct State {
    /// Made at the first start, kept until removal: tap handles outlive a stop.
    cable: Option<SharedCable>,
    /// What start registered.
    started: Option<PoolBox<Started>>,
    /// Who it is in the record of events, from the first start on.
    source: Option<Source>,
}

/// Everything that a start registers; dropped from the top.
struct Started {
    _tap: tap::Registered,
    _connection: Connection,
    _topology: Subdevice,
    _wave: Subdevice,
    _power: PowerManagement,
}

impl Extension {
    /// # Safety
    /// `device` was made by `PcAddAdapterDevice` for this driver.
    pub(crate) unsafe fn of<'a>(device: PDEVICE_OBJECT) -> &'a Self {
        // SAFETY: such a device's extension is PortCls's part and then this one, and lives as long as the device, which
        // outlives every request on it.
        unsafe {
            &*(*device)
                .DeviceExtension
                .byte_add(PORT_CLASS_DEVICE_EXTENSION_SIZE)
                .cast::<Self>()
        }
    }

    /// Who the device is in the record of events. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn source(&self) -> Source {
        *self
            .state
            .lock()
            .source
            .get_or_insert_with(Source::new_device)
    }

    /// The device's cable, once it has been started. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn cable(&self) -> Option<SharedCable> {
        self.state.lock().cable.clone()
    }

    /// Whether new handles are refused. Any IRQL.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Refuses new handles from now on, or takes them again: a driver that has agreed to a removal must refuse them ("Handling an
    /// IRP_MN_QUERY_REMOVE_DEVICE Request"). Any IRQL.
    pub(crate) fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Release);
    }

    /// Undoes what start registered; streams and tap handles may still be open. PASSIVE_LEVEL.
    pub(crate) fn stop(&self) {
        let started = self.state.lock().started.take();
        drop(started);
    }

    /// As [`Extension::stop`], and lets go of the cable; it is gone when the last stream is. PASSIVE_LEVEL.
    pub(crate) fn remove(&self) {
        self.stop();
        let cable = self.state.lock().cable.take();
        drop(cable);
    }

    /// The cable of an earlier start, or a new one. PASSIVE_LEVEL.
    fn cable_or_new(&self) -> Result<SharedCable, NTSTATUS> {
        if let Some(cable) = self.cable() {
            return Ok(cable);
        }
        let cable = Cable::create(self.source().of_cable(1), Capability::usual(CHANNELS))?;
        self.state.lock().cable = Some(cable.clone());
        Ok(cable)
    }
}

/// PortCls starts the device. PASSIVE_LEVEL.
pub(crate) unsafe extern "C" fn start(
    device: PDEVICE_OBJECT,
    irp: PIRP,
    resources: *mut c_void,
) -> NTSTATUS {
    // SAFETY: PortCls calls this for a device of this driver.
    let extension = unsafe { Extension::of(device) };
    // There is nothing, unless the device is started without having been stopped.
    extension.stop();
    let registered = register(extension, device, irp, resources);
    let status = registered.as_ref().err().copied();
    let status = trace::status(status.unwrap_or(STATUS_SUCCESS));
    trace::note(extension.source(), EventKind::Started, [status, 0, 0]);
    match registered {
        Ok(started) => {
            extension.state.lock().started = Some(started);
            extension.set_closed(false);
            STATUS_SUCCESS
        }
        Err(status) => {
            wdk::println!("waverig: the device does not start, status {status:#010x}");
            status
        }
    }
}

/// Registers everything; what is registered when a step fails is undone. PASSIVE_LEVEL.
fn register(
    extension: &Extension,
    device: PDEVICE_OBJECT,
    irp: PIRP,
    resources: *mut c_void,
) -> Result<PoolBox<Started>, NTSTATUS> {
    let mut physical = null_mut();
    // SAFETY: the device is PortCls's; a place for a pointer.
    check(unsafe { PcGetPhysicalDeviceObject(device, &mut physical) })?;
    let cable = extension.cable_or_new()?;
    let adapter = cable.unknown();
    let new_port =
        |class, miniport| Subdevice::new_port(class, device, irp, miniport, adapter, resources);

    let power = PowerManagement::register(device, &cable)?;

    let miniport = wave::miniport(cable.clone(), wave::Direction::Render)?;
    let port = new_port(&id::CLSID_PortWaveRT, miniport.unknown())?;
    // The property must be there before the interface is enabled (ksmedia.h: KSAUDIO_PACKETSIZE_CONSTRAINTS2).
    let link = InterfaceLink::register(physical, &id::KSCATEGORY_AUDIO, wave::NAME)?;
    wave::set_packet_constraints(&link)?;
    let wave = Subdevice::register(device, wave::NAME, port)?;

    let miniport = topology::miniport(cable.clone())?;
    let port = new_port(&id::CLSID_PortTopology, miniport.unknown())?;
    let topology = Subdevice::register(device, topology::NAME, port)?;

    let connection = Connection::register(
        device,
        &wave,
        wave::BRIDGE_PIN,
        &topology,
        topology::BRIDGE_PIN,
    )?;
    let tap = tap::Registered::register(physical, cable)?;

    PoolBox::new(Started {
        _tap: tap,
        _connection: connection,
        _topology: topology,
        _wave: wave,
        _power: power,
    })
}
