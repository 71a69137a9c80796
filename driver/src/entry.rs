//! Where Windows comes in: `DriverEntry` and `AddDevice`.

use crate::device::{self, Extension};
use crate::portcls::{PcAddAdapterDevice, PcInitializeAdapterDriver};
use crate::trace::{self, Source};
use crate::{dispatch, etw};
use waverig_interface::{EventKind, MAX_CABLES};
use waverig_portcls::PORT_CLASS_DEVICE_EXTENSION_SIZE;
use wdk_sys::{NTSTATUS, PCUNICODE_STRING, PDEVICE_OBJECT, PDRIVER_OBJECT};

/// Subdevices of one device: each cable has a wave filter and a topology filter for either direction.
const MAX_OBJECTS: u32 = 4 * MAX_CABLES as u32;

/// Binds the driver to PortCls. PASSIVE_LEVEL.
///
/// Unloading gives back what is registered here; every allocation belongs to a device.
///
/// # Safety
/// Called by the I/O manager only.
#[unsafe(export_name = "DriverEntry")]
pub(crate) unsafe extern "system" fn driver_entry(
    driver: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    etw::register();
    trace::note(Source::DRIVER, EventKind::Loaded, [0; 3]);
    // SAFETY: both pointers come from the I/O manager.
    let status = unsafe { PcInitializeAdapterDriver(driver, registry_path, Some(add_device)) };
    if wdk::nt_success(status) {
        // SAFETY: the driver object is the I/O manager's, and its handlers are PortCls's now.
        unsafe { dispatch::install(driver) };
    } else {
        // A driver that did not start is not unloaded.
        etw::unregister();
    }
    status
}

/// Makes the functional device; its extension ends with [`Extension`], in zeros. PASSIVE_LEVEL.
unsafe extern "C" fn add_device(driver: PDRIVER_OBJECT, physical: PDEVICE_OBJECT) -> NTSTATUS {
    const EXTENSION_BYTES: usize = PORT_CLASS_DEVICE_EXTENSION_SIZE + size_of::<Extension>();
    // SAFETY: both pointers come from the PnP manager.
    unsafe {
        PcAddAdapterDevice(
            driver,
            physical,
            device::start,
            MAX_OBJECTS,
            EXTENSION_BYTES as u32,
        )
    }
}
