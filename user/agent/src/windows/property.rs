//! Properties of an audio endpoint.
//!
//! `IPropertyStore` (propsys.h) is declared here: Microsoft's crate has it with the shell's interfaces, which double the time that all of
//! this takes to compile.

use std::ffi::c_void;

use windows::Win32::Foundation::PROPERTYKEY;
use windows::Win32::Media::Audio::IMMDevice;
use windows::Win32::System::Com::StructuredStorage::PROPVARIANT;
use windows::Win32::System::Com::{STGM, STGM_READ};
use windows::Win32::System::Variant::{VT_BLOB, VT_LPWSTR, VT_UI4};
use windows::core::{GUID, HRESULT, IUnknown, IUnknown_Vtbl, Interface, Result, interface};

/// The name people see (functiondiscoverykeys_devpkey.h).
pub(super) const FRIENDLY_NAME: PROPERTYKEY = PROPERTYKEY {
    fmtid: GUID::from_u128(0xa45c254e_df1c_4efd_8020_67d146a850e0),
    pid: 14,
};
/// `EndpointFormFactor` (mmdeviceapi.h).
pub(super) const FORM_FACTOR: PROPERTYKEY = PROPERTYKEY {
    fmtid: GUID::from_u128(0x1da5d803_d492_4edd_8c23_e0c0ffee7f0e),
    pid: 0,
};
/// The format that the audio engine opened the device with: a `WAVEFORMATEX` (mmdeviceapi.h).
pub(super) const DEVICE_FORMAT: PROPERTYKEY = PROPERTYKEY {
    fmtid: GUID::from_u128(0xf19f064d_082c_4e27_bc73_6882a1bb8e4c),
    pid: 0,
};

// The methods in the order of the header; those behind the last one that is called are left out.
#[interface("886d8eeb-8cf2-4446-8d02-cdba1dbdcf99")]
unsafe trait IPropertyStore: IUnknown {
    fn get_count(&self, count: *mut u32) -> HRESULT;
    fn get_at(&self, index: u32, key: *mut PROPERTYKEY) -> HRESULT;
    fn get_value(&self, key: *const PROPERTYKEY, value: *mut PROPVARIANT) -> HRESULT;
}

// The same of IMMDevice (mmdeviceapi.h).
#[interface("d666063f-1587-4e43-81f1-b948e807363f")]
unsafe trait IDevice: IUnknown {
    fn activate(
        &self,
        interface: *const GUID,
        context: u32,
        parameters: *const c_void,
        activated: *mut *mut c_void,
    ) -> HRESULT;
    fn open_property_store(&self, access: STGM, store: *mut *mut c_void) -> HRESULT;
}

/// The properties of an endpoint.
pub(super) struct Properties(IPropertyStore);

impl Properties {
    /// Opens them to be read.
    pub(super) fn of(endpoint: &IMMDevice) -> Result<Self> {
        let device: IDevice = endpoint.cast()?;
        let mut store = std::ptr::null_mut();
        // SAFETY: the result is a local variable; on success it is one reference to a property store, which is owned from here on.
        unsafe {
            device.open_property_store(STGM_READ, &mut store).ok()?;
            Ok(Self(IPropertyStore::from_raw(store)))
        }
    }

    fn get(&self, key: &PROPERTYKEY) -> Result<PROPVARIANT> {
        let mut value = PROPVARIANT::default();
        // SAFETY: the result is a local variable, which frees what it holds.
        unsafe { self.0.get_value(key, &mut value) }.ok()?;
        Ok(value)
    }

    /// A text; `None` when it is none or not there.
    pub(super) fn text(&self, key: &PROPERTYKEY) -> Result<Option<String>> {
        let value = self.get(key)?;
        // SAFETY: the type says which member of the union is there; the text ends with 0.
        let text = unsafe {
            let inner = &value.Anonymous.Anonymous;
            (inner.vt == VT_LPWSTR).then(|| inner.Anonymous.pwszVal.to_string())
        };
        Ok(text.and_then(std::result::Result::ok))
    }

    /// A number; `None` when it is none or not there.
    pub(super) fn number(&self, key: &PROPERTYKEY) -> Result<Option<u32>> {
        let value = self.get(key)?;
        // SAFETY: as above.
        Ok(unsafe {
            let inner = &value.Anonymous.Anonymous;
            (inner.vt == VT_UI4).then(|| inner.Anonymous.ulVal)
        })
    }

    /// Bytes; `None` when it is none or not there.
    pub(super) fn bytes(&self, key: &PROPERTYKEY) -> Result<Option<Vec<u8>>> {
        let value = self.get(key)?;
        // SAFETY: as above; a blob says how many bytes it has.
        Ok(unsafe {
            let inner = &value.Anonymous.Anonymous;
            (inner.vt == VT_BLOB && !inner.Anonymous.blob.pBlobData.is_null()).then(|| {
                let blob = &inner.Anonymous.blob;
                std::slice::from_raw_parts(blob.pBlobData, blob.cbSize as usize).to_vec()
            })
        })
    }
}
