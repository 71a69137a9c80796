//! Values of HKEY_LOCAL_MACHINE.

use windows::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS, WIN32_ERROR};
use windows::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_READ, KEY_WRITE, REG_CREATED_NEW_KEY, REG_DWORD,
    REG_OPTION_NON_VOLATILE, REG_OPTION_VOLATILE, REG_SZ, REG_VALUE_TYPE, RRF_RT_REG_DWORD,
    RRF_RT_REG_SZ, RegCloseKey, RegCreateKeyExW, RegDeleteKeyW, RegDeleteValueW, RegGetValueW,
    RegSetValueExW,
};
use windows::core::{HSTRING, Result};

/// A key that is closed when it is dropped.
pub struct Key(HKEY);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the key is open and this is its only owner. A key that cannot be closed is of no further use either.
        let _ = unsafe { RegCloseKey(self.0) };
    }
}

fn there(error: WIN32_ERROR) -> Result<bool> {
    match error {
        ERROR_SUCCESS => Ok(true),
        ERROR_FILE_NOT_FOUND => Ok(false),
        other => Err(other.into()),
    }
}

/// A number; `None` when it is not there.
pub fn number(key: &str, name: &str) -> Result<Option<u32>> {
    let (key, name) = (HSTRING::from(key), HSTRING::from(name));
    let mut value = 0u32;
    let mut size = 4;
    // SAFETY: `value` has the `size` bytes that are announced.
    let error = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            &key,
            &name,
            RRF_RT_REG_DWORD,
            None,
            Some((&raw mut value).cast()),
            Some(&mut size),
        )
    };
    Ok(there(error)?.then_some(value))
}

/// A text; `None` when it is not there.
pub fn text(key: &str, name: &str) -> Result<Option<String>> {
    let (key, name) = (HSTRING::from(key), HSTRING::from(name));
    // Longer than the longest there is use for here; a longer one is an error, not a piece.
    let mut value = [0u16; 4096];
    let mut size = u32::try_from(size_of_val(&value)).unwrap_or(0);
    // SAFETY: `value` has the `size` bytes that are announced.
    let error = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            &key,
            &name,
            RRF_RT_REG_SZ,
            None,
            Some((&raw mut value).cast()),
            Some(&mut size),
        )
    };
    let units = (size as usize / 2).min(value.len());
    let text = String::from_utf16_lossy(&value[..units]);
    Ok(there(error)?.then(|| text.trim_end_matches('\0').to_owned()))
}

impl Key {
    /// Opens a key, which is made when it is missing.
    pub fn make(path: &str) -> Result<Self> {
        Ok(open(path, REG_OPTION_NON_VOLATILE)?.0)
    }

    /// Takes over a key that Windows opened for this agent.
    pub fn own(key: HKEY) -> Self {
        Self(key)
    }

    /// Sets a value of any type.
    pub fn set(&self, name: &str, kind: u32, bytes: &[u8]) -> Result<()> {
        let name = HSTRING::from(name);
        // SAFETY: the key is open.
        unsafe { RegSetValueExW(self.0, &name, None, REG_VALUE_TYPE(kind), Some(bytes)) }.ok()
    }

    /// Sets a number, or removes it.
    pub fn set_number(&self, name: &str, value: Option<u32>) -> Result<()> {
        match value {
            Some(value) => self.set(name, REG_DWORD.0, &value.to_le_bytes()),
            None => self.delete(name),
        }
    }

    /// Sets a text, or removes it.
    pub fn set_text(&self, name: &str, value: Option<&str>) -> Result<()> {
        match value {
            Some(value) => self.set(name, REG_SZ.0, &wide(value)),
            None => self.delete(name),
        }
    }

    fn delete(&self, name: &str) -> Result<()> {
        let name = HSTRING::from(name);
        // SAFETY: the key is open.
        there(unsafe { RegDeleteValueW(self.0, &name) }).map(|_| ())
    }
}

/// The bytes of a `REG_SZ`, its end included.
pub fn wide(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]);
    units.flat_map(u16::to_le_bytes).collect()
}

/// Opens or makes a key that is gone after the next start of Windows (`REG_OPTION_VOLATILE`): whether it was made.
pub fn until_restart(path: &str) -> Result<(Key, bool)> {
    open(path, REG_OPTION_VOLATILE)
}

fn open(
    path: &str,
    options: windows::Win32::System::Registry::REG_OPEN_CREATE_OPTIONS,
) -> Result<(Key, bool)> {
    let path = HSTRING::from(path);
    let mut key = HKEY::default();
    let mut disposition = Default::default();
    // SAFETY: both results are local variables.
    unsafe {
        RegCreateKeyExW(
            HKEY_LOCAL_MACHINE,
            &path,
            None,
            None,
            options,
            KEY_READ | KEY_WRITE,
            None,
            &mut key,
            Some(&mut disposition),
        )
    }
    .ok()?;
    Ok((Key(key), disposition == REG_CREATED_NEW_KEY))
}

/// Removes a key that has no keys below it; that there is none is no error.
pub fn remove(path: &str) -> Result<()> {
    // SAFETY: the text ends with 0 and outlives the call.
    there(unsafe { RegDeleteKeyW(HKEY_LOCAL_MACHINE, &HSTRING::from(path)) }).map(|_| ())
}
