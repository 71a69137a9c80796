//! The device's keys in the registry. All at PASSIVE_LEVEL, no lock held.

use crate::fault::{self, Deliberate};
use crate::portcls::check;
use core::mem::offset_of;
use core::ptr::null_mut;
use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_OBJECT_NAME_NOT_FOUND,
};
use wdk_sys::_KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation;
use wdk_sys::ntddk::{
    IoOpenDeviceRegistryKey, ZwClose, ZwCreateKey, ZwQueryValueKey, ZwSetValueKey,
};
use wdk_sys::{
    HANDLE, KEY_READ, KEY_VALUE_PARTIAL_INFORMATION, KEY_WRITE, NTSTATUS, OBJ_CASE_INSENSITIVE,
    OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, PDEVICE_OBJECT, PLUGPLAY_REGKEY_DEVICE,
    PLUGPLAY_REGKEY_DRIVER, REG_SZ, UNICODE_STRING,
};

/// Units of the longest text that is written.
const MOST_UNITS: usize = 64;

/// An open key.
pub(crate) struct Key(HANDLE);

/// A value: its type, how many bytes it has, and those that there was room for.
#[repr(C)]
pub(crate) struct Value<const ROOM: usize> {
    head: Head,
    bytes: [u8; ROOM],
}

/// The head of a `KEY_VALUE_PARTIAL_INFORMATION`, whose data follows.
#[repr(C)]
struct Head {
    title_index: u32,
    kind: u32,
    len: u32,
}

const _: () = assert!(size_of::<Head>() == offset_of!(KEY_VALUE_PARTIAL_INFORMATION, Data));

impl Key {
    /// The device's hardware key, in which a user sets a device up: `Device Parameters` below its key in `Enum`.
    pub(crate) fn hardware(physical: PDEVICE_OBJECT) -> Result<Self, NTSTATUS> {
        Self::of_device(physical, PLUGPLAY_REGKEY_DEVICE, KEY_READ)
    }

    /// The device's software key, to which an INF's `HKR` leads, for writing.
    pub(crate) fn software(physical: PDEVICE_OBJECT) -> Result<Self, NTSTATUS> {
        Self::of_device(physical, PLUGPLAY_REGKEY_DRIVER, KEY_WRITE)
    }

    fn of_device(physical: PDEVICE_OBJECT, which: u32, access: u32) -> Result<Self, NTSTATUS> {
        let mut key = null_mut();
        // SAFETY: the device is the physical one; a place for a handle.
        check(unsafe { IoOpenDeviceRegistryKey(physical, which, access, &mut key) })?;
        Ok(Self(key))
    }

    /// The key right below, for writing; made when it is missing.
    pub(crate) fn subkey(&self, name: &[u16]) -> Result<Self, NTSTATUS> {
        let mut name = string(name);
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            RootDirectory: self.0,
            ObjectName: &mut name,
            Attributes: OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
            SecurityDescriptor: null_mut(),
            SecurityQualityOfService: null_mut(),
        };
        let mut key = null_mut();
        // SAFETY: the key is open; the name is only read; a place for a handle.
        check(unsafe {
            ZwCreateKey(
                &mut key,
                KEY_WRITE,
                &mut attributes,
                0,
                null_mut(),
                0,
                null_mut(),
            )
        })?;
        Ok(Self(key))
    }

    /// Writes a `REG_SZ` of at most [`MOST_UNITS`].
    pub(crate) fn set_text(&self, name: &[u16], text: &[u16]) -> Result<(), NTSTATUS> {
        let mut terminated = [0; MOST_UNITS + 1];
        for (place, unit) in terminated.iter_mut().take(MOST_UNITS).zip(text) {
            *place = *unit;
        }
        let units = text.len().min(MOST_UNITS) + 1;
        // SAFETY: the key is open; the name and the text are only read, and there are as many bytes.
        check(unsafe {
            ZwSetValueKey(
                self.0,
                &mut string(name),
                0,
                REG_SZ,
                terminated.as_mut_ptr().cast(),
                (units * size_of::<u16>()) as u32,
            )
        })
    }

    /// A value; `None` when there is none of this name.
    ///
    /// # Errors
    /// What reading it failed with.
    pub(crate) fn value<const ROOM: usize>(
        &self,
        name: &[u16],
    ) -> Result<Option<Value<ROOM>>, NTSTATUS> {
        let mut value = Value {
            head: Head {
                title_index: 0,
                kind: 0,
                len: 0,
            },
            bytes: [0; ROOM],
        };
        let mut needed = 0;
        // SAFETY: the key is open; the name is only read; the value has as many bytes as it says, without gaps.
        let status = unsafe {
            ZwQueryValueKey(
                self.0,
                &mut string(name),
                KeyValuePartialInformation,
                (&raw mut value).cast(),
                size_of::<Value<ROOM>>() as u32,
                &mut needed,
            )
        };
        match status {
            STATUS_OBJECT_NAME_NOT_FOUND => Ok(None),
            STATUS_BUFFER_OVERFLOW => Ok(Some(value)),
            // The head always has room, so this cannot come; it would leave nothing to be looked at.
            STATUS_BUFFER_TOO_SMALL => Err(status),
            _ => check(status).map(|()| Some(value)),
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        if fault::is(Deliberate::KeepKey) {
            return;
        }
        // SAFETY: the handle is open and not used again. There is nothing to be done about an error.
        let _ = unsafe { ZwClose(self.0) };
    }
}

impl<const ROOM: usize> Value<ROOM> {
    /// A `REG_…`.
    pub(crate) const fn kind(&self) -> u32 {
        self.head.kind
    }

    /// How many bytes it has.
    pub(crate) const fn len(&self) -> usize {
        self.head.len as usize
    }

    /// All of them; none when there was no room for all.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len()).unwrap_or_default()
    }
}

/// A counted string for a call that only reads it.
const fn string(units: &[u16]) -> UNICODE_STRING {
    let bytes = size_of_val(units) as u16;
    UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: units.as_ptr().cast_mut(),
    }
}
