//! What is registered at start with PortCls and the I/O manager. Each type undoes its part when it is dropped. All at PASSIVE_LEVEL, no
//! lock held.

use crate::adapter::SharedAdapter;
use crate::fault::{self, Deliberate};
use crate::portcls::{
    PcGetPhysicalDeviceObject, PcNewPort, PcRegisterAdapterPnpManagement,
    PcRegisterAdapterPowerManagement, PcRegisterPhysicalConnection, PcRegisterSubdevice,
    PcUnregisterAdapterPnpManagement, PcUnregisterAdapterPowerManagement, check,
};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use waverig_interface::{CableNumber, MAX_CABLES};
use waverig_portcls::com::Com;
use waverig_portcls::status::STATUS_UNSUCCESSFUL;
use waverig_portcls::{
    DEVPROP_TYPE_BINARY, DEVPROPKEY, Guid, IPort, IUnregisterPhysicalConnection,
    IUnregisterSubdevice,
};
use wdk_sys::ntddk::{
    IoRegisterDeviceInterface, IoSetDeviceInterfacePropertyData, IoSetDeviceInterfaceState,
    RtlFreeUnicodeString,
};
use wdk_sys::{DEVICE_OBJECT, NTSTATUS, PDEVICE_OBJECT, PIRP, UNICODE_STRING};

/// A name that lives as long as the driver: UTF-16 with a terminator, as PortCls keeps the pointer.
pub(crate) type Name = &'static [u16];

/// The names of the cables' interfaces of one kind, the first cable's first.
pub(crate) type Names<const N: usize> = [[u16; N]; MAX_CABLES as usize];

/// An ASCII name followed by the number of each cable; `N` is two more than its length.
pub(crate) const fn numbered<const N: usize>(ascii: &str) -> Names<N> {
    assert!(ascii.is_ascii() && ascii.len() + 2 == N && MAX_CABLES < 10);
    let mut names = [[0; N]; MAX_CABLES as usize];
    let mut cable = 0;
    while cable < names.len() {
        let mut at = 0;
        while at < ascii.len() {
            names[cable][at] = ascii.as_bytes()[at] as u16;
            at += 1;
        }
        names[cable][at] = b'1' as u16 + cable as u16;
        cable += 1;
    }
    names
}

/// The name of a cable's interface.
pub(crate) fn name_of<const N: usize>(names: &'static Names<N>, cable: CableNumber) -> Name {
    names.get(cable.index()).map_or(&[0], |name| name)
}

/// What PortCls gave to `StartDevice`, and what follows from it.
pub(crate) struct Start {
    pub(crate) device: PDEVICE_OBJECT,
    pub(crate) physical: PDEVICE_OBJECT,
    irp: PIRP,
    resources: *mut c_void,
}

impl Start {
    /// # Safety
    /// The parameters are those of a call of `StartDevice` that has not returned.
    pub(crate) unsafe fn new(
        device: PDEVICE_OBJECT,
        irp: PIRP,
        resources: *mut c_void,
    ) -> Result<Self, NTSTATUS> {
        let mut physical = null_mut();
        // SAFETY: the device is PortCls's; a place for a pointer.
        check(unsafe { PcGetPhysicalDeviceObject(device, &mut physical) })?;
        Ok(Self {
            device,
            physical,
            irp,
            resources,
        })
    }

    /// A port of a class, bound to a miniport.
    pub(crate) fn new_port(
        &self,
        class: &Guid,
        miniport: *mut c_void,
    ) -> Result<Com<IPort>, NTSTATUS> {
        let mut port = null_mut();
        // SAFETY: a place for a pointer; on success it owns a reference.
        let port = unsafe {
            check(PcNewPort(&mut port, class))?;
            Com::from_raw(port).ok_or(STATUS_UNSUCCESSFUL)?
        };
        // SAFETY: the pointers are those that PortCls gave to StartDevice, and a live object. The adapter object, at which no
        // miniport of this driver looks, may be left out (portcls/nf-portcls-iport-init).
        check(unsafe {
            (port.vtbl().Init)(
                port.this(),
                self.device.cast(),
                self.irp.cast(),
                miniport,
                null_mut(),
                self.resources,
            )
        })?;
        Ok(port)
    }
}

/// The adapter's registration for power changes; exactly one per start.
pub(crate) struct PowerManagement(PDEVICE_OBJECT);

impl PowerManagement {
    pub(crate) fn register(
        device: PDEVICE_OBJECT,
        adapter: &SharedAdapter,
    ) -> Result<Self, NTSTATUS> {
        // SAFETY: the device is PortCls's; the object offers IAdapterPowerManagement and is kept by PortCls.
        check(unsafe { PcRegisterAdapterPowerManagement(adapter.unknown(), device) })?;
        Ok(Self(device))
    }
}

impl Drop for PowerManagement {
    fn drop(&mut self) {
        // SAFETY: registered by `register`. There is nothing to be done about an error.
        unsafe { PcUnregisterAdapterPowerManagement(self.0) };
    }
}

/// The adapter's registration for stops; stays while the device is stopped, because PortCls tells of the stop after this driver has
/// seen it. `None` of it is a null pointer.
#[repr(transparent)]
pub(crate) struct PnpManagement(NonNull<DEVICE_OBJECT>);

impl PnpManagement {
    pub(crate) fn register(
        device: PDEVICE_OBJECT,
        adapter: &SharedAdapter,
    ) -> Result<Self, NTSTATUS> {
        let registered = NonNull::new(device).ok_or(STATUS_UNSUCCESSFUL)?;
        // SAFETY: the device is PortCls's; the object offers IAdapterPnpManagement and is kept by PortCls.
        check(unsafe { PcRegisterAdapterPnpManagement(adapter.unknown(), device) })?;
        Ok(Self(registered))
    }
}

// SAFETY: a device object may be named from any thread.
unsafe impl Send for PnpManagement {}

impl Drop for PnpManagement {
    fn drop(&mut self) {
        // SAFETY: registered by `register`. There is nothing to be done about an error.
        unsafe { PcUnregisterAdapterPnpManagement(self.0.as_ptr()) };
    }
}

/// A registered filter.
pub(crate) struct Subdevice {
    device: PDEVICE_OBJECT,
    port: Com<IPort>,
}

impl Subdevice {
    /// Registers the filter under the reference string that the INF uses.
    pub(crate) fn register(start: &Start, name: Name, port: Com<IPort>) -> Result<Self, NTSTATUS> {
        let device = start.device;
        // SAFETY: the name has a terminator and lives as long as the driver; the port is initialised.
        check(unsafe { PcRegisterSubdevice(device, name.as_ptr(), port.this()) })?;
        Ok(Self { device, port })
    }
}

impl Drop for Subdevice {
    fn drop(&mut self) {
        if fault::is(Deliberate::KeepPort) {
            core::mem::forget(self.port.clone());
        }
        if fault::is(Deliberate::ReleasePort) {
            // SAFETY: none, on purpose: the second owner of one reference.
            drop(unsafe { core::ptr::read(&self.port) });
        }
        if let Ok(unregister) = self.port.query::<IUnregisterSubdevice>() {
            // SAFETY: registered by `register`. There is nothing to be done about an error.
            unsafe {
                (unregister.vtbl().UnregisterSubdevice)(
                    unregister.this(),
                    self.device.cast(),
                    self.port.this(),
                )
            };
        }
    }
}

/// A physical connection between two filters' bridge pins.
pub(crate) struct Connection {
    device: PDEVICE_OBJECT,
    from: (Com<IPort>, u32),
    to: (Com<IPort>, u32),
}

impl Connection {
    pub(crate) fn register(
        start: &Start,
        (from, from_pin): (&Subdevice, u32),
        (to, to_pin): (&Subdevice, u32),
    ) -> Result<Self, NTSTATUS> {
        let device = start.device;
        let (from, to) = (from.port.clone(), to.port.clone());
        // SAFETY: both filters are registered with the device.
        check(unsafe {
            PcRegisterPhysicalConnection(device, from.this(), from_pin, to.this(), to_pin)
        })?;
        Ok(Self {
            device,
            from: (from, from_pin),
            to: (to, to_pin),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let ((from, from_pin), (to, to_pin)) = (&self.from, &self.to);
        if let Ok(unregister) = from.query::<IUnregisterPhysicalConnection>() {
            let remove = unregister.vtbl().UnregisterPhysicalConnection;
            // SAFETY: registered by `register`. There is nothing to be done about an error.
            unsafe {
                remove(
                    unregister.this(),
                    self.device.cast(),
                    from.this(),
                    *from_pin,
                    to.this(),
                    *to_pin,
                )
            };
        }
    }
}

/// The symbolic link of a device interface.
pub(crate) struct InterfaceLink(UNICODE_STRING);

// SAFETY: the string is owned and lies in pool.
unsafe impl Send for InterfaceLink {}

impl InterfaceLink {
    /// Registers the interface, or finds the one that is registered. It is not enabled by this.
    pub(crate) fn register(
        physical: PDEVICE_OBJECT,
        class: &Guid,
        reference: Name,
    ) -> Result<Self, NTSTATUS> {
        let bytes = size_of_val(reference) as u16;
        let mut reference = UNICODE_STRING {
            Length: bytes - size_of::<u16>() as u16,
            MaximumLength: bytes,
            Buffer: reference.as_ptr().cast_mut(),
        };
        let mut link = UNICODE_STRING::default();
        // SAFETY: the device is the physical one; the class has the layout of GUID; the strings are valid, and the reference is
        // only read.
        check(unsafe {
            IoRegisterDeviceInterface(
                physical,
                core::ptr::from_ref(class).cast(),
                &mut reference,
                &mut link,
            )
        })?;
        Ok(Self(link))
    }

    /// Makes the interface seen, or unseen.
    pub(crate) fn enable(&mut self, enable: bool) -> Result<(), NTSTATUS> {
        // SAFETY: the link came from IoRegisterDeviceInterface.
        check(unsafe { IoSetDeviceInterfaceState(&mut self.0, enable.into()) })
    }

    /// Sets a binary property of the interface.
    pub(crate) fn set_property<T: Copy>(
        &self,
        key: &DEVPROPKEY,
        value: &T,
    ) -> Result<(), NTSTATUS> {
        // SAFETY: the link came from IoRegisterDeviceInterface; the key has the layout of DEVPROPKEY; the value is only read.
        check(unsafe {
            IoSetDeviceInterfacePropertyData(
                core::ptr::from_ref(&self.0).cast_mut(),
                core::ptr::from_ref(key).cast(),
                0,
                0,
                DEVPROP_TYPE_BINARY,
                size_of::<T>() as u32,
                core::ptr::from_ref(value).cast_mut().cast(),
            )
        })
    }
}

impl Drop for InterfaceLink {
    fn drop(&mut self) {
        // SAFETY: the string was allocated by IoRegisterDeviceInterface.
        unsafe { RtlFreeUnicodeString(&mut self.0) };
    }
}
