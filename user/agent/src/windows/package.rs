//! Driver packages: into the driver store, onto the devices, out again.

use std::ffi::{OsString, c_void};
use std::fs;
use std::os::windows::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use windows::Win32::Devices::DeviceAndDriverInstallation::{
    INSTALLFLAG_FORCE, INSTALLFLAG_NONINTERACTIVE, SP_COPY_STYLE, SPOST_PATH, SUOI_FORCEDELETE,
    SetupCopyOEMInfW, SetupUninstallOEMInfW, UpdateDriverForPlugAndPlayDevicesW,
};
use windows::Win32::System::SystemInformation::GetWindowsDirectoryW;
use windows::core::{BOOL, HSTRING};

/// Declared here: Microsoft's crate has it with two large modules that nothing else here needs.
mod calls {
    use super::{BOOL, c_void};

    windows::core::link!("setupapi.dll" "system" fn SetupGetInfDriverStoreLocationW(name: *const u16, platform: *const c_void, locale: *const u16, place: *mut u16, length: u32, need: *mut u32) -> BOOL);
}

/// Puts a package into the driver store; gives the name that its INF has there, `oem7.inf`.
///
/// # Errors
/// With Windows' reason: a signature that it does not accept, a file that is missing.
pub fn store(inf: &Path) -> Result<String> {
    let from = HSTRING::from(inf.as_os_str());
    let mut place = [0u16; 260];
    // SAFETY: the result is a local variable with its length.
    unsafe {
        SetupCopyOEMInfW(
            &from,
            None,
            SPOST_PATH,
            SP_COPY_STYLE(0),
            Some(&mut place),
            None,
            None,
        )
    }
    .context("the driver store does not take the package (SetupCopyOEMInf)")?;
    let end = place.iter().position(|unit| *unit == 0);
    let place = PathBuf::from(OsString::from_wide(&place[..end.unwrap_or(place.len())]));
    let name = place
        .file_name()
        .context("the driver store gives it no name")?;
    Ok(name.to_string_lossy().into_owned())
}

/// Installs a package on every device with this hardware id, even where another is thought better; gives whether Windows wants a restart.
///
/// # Errors
/// With Windows' reason.
pub fn install(inf: &Path, hardware_id: &str) -> Result<bool> {
    let mut restart = BOOL(0);
    // SAFETY: the result is a local variable. A dialog could not be answered: what would ask, fails (INSTALLFLAG_NONINTERACTIVE).
    unsafe {
        UpdateDriverForPlugAndPlayDevicesW(
            None,
            &HSTRING::from(hardware_id),
            &HSTRING::from(inf.as_os_str()),
            INSTALLFLAG_FORCE | INSTALLFLAG_NONINTERACTIVE,
            Some(&mut restart),
        )
    }
    .context("the package cannot be installed (UpdateDriverForPlugAndPlayDevices)")?;
    Ok(restart.as_bool())
}

/// Takes a package out of the driver store, whether a device uses it or not.
///
/// # Errors
/// With Windows' reason.
pub fn forget(name: &str) -> Result<()> {
    // SAFETY: no pointer outlives the call.
    let done = unsafe { SetupUninstallOEMInfW(&HSTRING::from(name), SUOI_FORCEDELETE, None) };
    done.ok()
        .with_context(|| format!("the driver store keeps {name} (SetupUninstallOEMInf)"))
}

/// The packages that are for this hardware id, by what their INFs say.
///
/// # Errors
/// When the folder of the INFs cannot be read.
pub fn list(hardware_id: &str) -> Result<Vec<String>> {
    let folder = windows_folder()?.join("INF");
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{} is closed", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if !(name.starts_with("oem") && name.ends_with(".inf")) {
            continue;
        }
        // One that cannot be read is none of this agent's: those it has just written.
        let text = text(&name);
        if text.is_ok_and(|text| crate::inf::is_for(&text, hardware_id)) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a package's INF, by the name that [`list`] gives.
///
/// # Errors
/// When it cannot be read.
pub fn text(name: &str) -> Result<String> {
    let file = windows_folder()?.join("INF").join(name);
    let bytes = fs::read(&file).with_context(|| format!("{} is closed", file.display()))?;
    Ok(crate::inf::text(&bytes))
}

/// The INF of a package where its other files are: in the driver store ("SetupGetInfDriverStoreLocation").
///
/// # Errors
/// When Windows does not say where that is.
pub fn place(name: &str) -> Result<PathBuf> {
    let mut room = [0u16; 1024];
    // SAFETY: the text ends with 0 and outlives the call; the result is a local variable with its length.
    unsafe {
        calls::SetupGetInfDriverStoreLocationW(
            HSTRING::from(name).as_ptr(),
            std::ptr::null(),
            std::ptr::null(),
            room.as_mut_ptr(),
            room.len() as u32,
            std::ptr::null_mut(),
        )
    }
    .ok()
    .with_context(|| format!("the driver store does not say where {name} is"))?;
    let end = room.iter().position(|unit| *unit == 0);
    Ok(OsString::from_wide(&room[..end.unwrap_or(room.len())]).into())
}

/// `C:\Windows`.
pub fn windows_folder() -> Result<PathBuf> {
    let mut room = [0u16; 260];
    // SAFETY: the result is a local variable with its length.
    let length = unsafe { GetWindowsDirectoryW(Some(&mut room)) } as usize;
    match room.get(..length) {
        Some(units) if length > 0 => Ok(OsString::from_wide(units).into()),
        _ => bail!("Windows does not say where it is"),
    }
}
