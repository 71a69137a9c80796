//! One device: what lies in its extension, and how it starts and stops.

use crate::adapter::{Adapter, SharedAdapter};
use crate::fault::{self, Deliberate};
use crate::lock::SpinLock;
use crate::pool::PoolBox;
use crate::registration::{PnpManagement, PowerManagement, Start};
use crate::trace::{self, Source};
use crate::{cable, settings};
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering};
use waverig_interface::{EventKind, MAX_CABLES};
use waverig_portcls::PORT_CLASS_DEVICE_EXTENSION_SIZE;
use waverig_portcls::status::STATUS_SUCCESS;
use wdk_sys::{NTSTATUS, PDEVICE_OBJECT, PIRP};

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
    adapter: Option<SharedAdapter>,
    /// As long as the adapter.
    stops: Option<PnpManagement>,
    /// What start registered.
    started: Option<PoolBox<Started>>,
    /// Who it is in the record of events, from the first start on.
    source: Option<Source>,
}

/// Everything that a start registers; dropped from the top.
struct Started {
    cables: [Option<PoolBox<cable::Registered>>; MAX_CABLES as usize],
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

    /// The device's adapter, once it has been started. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn adapter(&self) -> Option<SharedAdapter> {
        self.state.lock().adapter.clone()
    }

    /// Whether new handles are refused. Any IRQL.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) && !fault::is(Deliberate::OpenAlways)
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

    /// As [`Extension::stop`], and lets go of the adapter; each cable is gone when its last stream and tap handle are.
    /// PASSIVE_LEVEL.
    pub(crate) fn remove(&self) {
        self.stop();
        let (stops, adapter) = {
            let mut state = self.state.lock();
            (state.stops.take(), state.adapter.take())
        };
        drop(stops);
        drop(adapter);
    }

    /// The adapter of an earlier start, or a new one with the settings of now. PASSIVE_LEVEL.
    fn adapter_or_new(&self, start: &Start) -> Result<SharedAdapter, NTSTATUS> {
        if let Some(adapter) = self.adapter() {
            return Ok(adapter);
        }
        let adapter =
            Adapter::create(self.source(), settings::read(self.source(), start.physical))?;
        let stops = PnpManagement::register(start.device, &adapter)?;
        let mut state = self.state.lock();
        state.adapter = Some(adapter.clone());
        state.stops = Some(stops);
        drop(state);
        Ok(adapter)
    }
}

/// PortCls starts the device. PASSIVE_LEVEL.
pub(crate) unsafe extern "C" fn start(
    device: PDEVICE_OBJECT,
    irp: PIRP,
    resources: *mut c_void,
) -> NTSTATUS {
    // SAFETY: PortCls calls this for a device of this driver.
    let (extension, start) = unsafe { (Extension::of(device), Start::new(device, irp, resources)) };
    // There is nothing, unless the device is started without having been stopped.
    extension.stop();
    let registered = start.and_then(|start| register(extension, &start));
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
            // PortCls lets go of what a failed start registered with it, and the device is removed next: nothing is kept for either.
            extension.remove();
            status
        }
    }
}

/// Registers everything; what is registered when a step fails is undone. PASSIVE_LEVEL.
fn register(extension: &Extension, start: &Start) -> Result<PoolBox<Started>, NTSTATUS> {
    let adapter = extension.adapter_or_new(start)?;
    let mut started = PoolBox::new(Started {
        cables: [const { None }; MAX_CABLES as usize],
        _power: PowerManagement::register(start.device, &adapter)?,
    })?;
    for (place, cable) in started.cables.iter_mut().zip(adapter.cables()) {
        let registered = cable::Registered::register(start, &adapter.settings, cable)?;
        *place = Some(PoolBox::new(registered)?);
    }
    Ok(started)
}
