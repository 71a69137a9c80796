//! Windows' services: whether they run, starting them, which image they are.

use anyhow::{Context as _, Result, bail};
use windows::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DOES_NOT_EXIST,
    ERROR_SERVICE_MARKED_FOR_DELETE,
};
use windows::Win32::Storage::FileSystem::DELETE;
use windows::Win32::System::Services::{
    CloseServiceHandle, DeleteService, NotifyServiceStatusChangeW, OpenSCManagerW, OpenServiceW,
    QUERY_SERVICE_CONFIGW, QueryServiceConfigW, QueryServiceStatus, SC_HANDLE, SC_MANAGER_CONNECT,
    SERVICE_NOTIFY_2W, SERVICE_NOTIFY_RUNNING, SERVICE_NOTIFY_STATUS_CHANGE,
    SERVICE_NOTIFY_STOPPED, SERVICE_QUERY_CONFIG, SERVICE_QUERY_STATUS, SERVICE_RUNNING,
    SERVICE_START, SERVICE_STATUS, StartServiceW,
};
use windows::Win32::System::Threading::SleepEx;
use windows::core::HSTRING;

/// What makes endpoints and serves streams, in the order in which they need each other.
pub const AUDIO: [&str; 2] = ["AudioEndpointBuilder", "Audiosrv"];
/// How long a service may take to start, in milliseconds: what the service manager itself grants ("ServicesPipeTimeout").
const START_MS: u32 = 30_000;

/// A handle of the service manager's.
struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open and this is its only owner.
        let _ = unsafe { CloseServiceHandle(self.0) };
    }
}

/// A service; `None` when there is none of this name.
fn open(name: &str, access: u32) -> Result<Option<Handle>> {
    // SAFETY: no pointer outlives the calls; both handles are owned at once.
    unsafe {
        let manager = OpenSCManagerW(None, None, SC_MANAGER_CONNECT);
        let manager = Handle(manager.context("the service manager does not answer")?);
        match OpenServiceW(manager.0, &HSTRING::from(name), access) {
            Ok(service) => Ok(Some(Handle(service))),
            Err(error) if error == ERROR_SERVICE_DOES_NOT_EXIST.into() => Ok(None),
            Err(error) => Err(error).with_context(|| format!("the service {name} does not open")),
        }
    }
}

fn is_running(service: &Handle) -> Result<bool> {
    let mut status = SERVICE_STATUS::default();
    // SAFETY: the handle is open, the result is a local variable.
    unsafe { QueryServiceStatus(service.0, &mut status) }?;
    Ok(status.dwCurrentState == SERVICE_RUNNING)
}

/// Whether it runs; `None` when there is none of this name.
pub fn runs(name: &str) -> Result<Option<bool>> {
    let service = open(name, SERVICE_QUERY_STATUS)?;
    service.as_ref().map(is_running).transpose()
}

/// Starts it and waits until it runs; `false` when there is none of this name.
///
/// # Errors
/// When it does not start.
pub fn start(name: &str) -> Result<bool> {
    let Some(service) = open(name, SERVICE_QUERY_STATUS | SERVICE_START)? else {
        return Ok(false);
    };
    if is_running(&service)? {
        return Ok(true);
    }
    // SAFETY: the handle is open.
    match unsafe { StartServiceW(service.0, None) } {
        Ok(()) => {}
        Err(error) if error == ERROR_SERVICE_ALREADY_RUNNING.into() => {}
        Err(error) => return Err(error).with_context(|| format!("{name} does not start")),
    }
    settled(&service).with_context(|| format!("{name} was started"))?;
    if is_running(&service)? {
        Ok(true)
    } else {
        bail!("{name} was started and does not run; the system's event log says why");
    }
}

/// Waits until it runs or has stopped.
fn settled(service: &Handle) -> Result<()> {
    // The manager tells this thread while it waits in an alertable state, once ("NotifyServiceStatusChange").
    unsafe extern "system" fn told(_: *const core::ffi::c_void) {}
    let notify = SERVICE_NOTIFY_2W {
        dwVersion: SERVICE_NOTIFY_STATUS_CHANGE,
        pfnNotifyCallback: Some(told),
        ..Default::default()
    };
    // SAFETY: the structure stays where it is while the handle is open and this thread waits. When the wait is over without a word, the
    // handle is closed, and with it the request, before the thread waits in an alertable state again.
    let error = unsafe {
        NotifyServiceStatusChangeW(
            service.0,
            SERVICE_NOTIFY_RUNNING | SERVICE_NOTIFY_STOPPED,
            &notify,
        )
    };
    if error != 0 {
        bail!(windows::core::Error::from_hresult(
            windows::core::HRESULT::from_win32(error)
        ));
    }
    // SAFETY: waits only.
    unsafe { SleepEx(START_MS, true) };
    Ok(())
}

/// The file of a driver's or a service's image as the service manager knows it; `None` when there is no such service.
pub fn image(name: &str) -> Result<Option<String>> {
    let Some(service) = open(name, SERVICE_QUERY_CONFIG)? else {
        return Ok(None);
    };
    let mut need = 0;
    // SAFETY: asks for the size only.
    match unsafe { QueryServiceConfigW(service.0, None, 0, &mut need) } {
        Err(error) if error == ERROR_INSUFFICIENT_BUFFER.into() => {}
        Err(error) => return Err(error).with_context(|| format!("what {name} is")),
        Ok(()) => bail!("the service manager says nothing of {name}"),
    }
    // Of numbers as wide as pointers, because the structure begins with some.
    let mut room = vec![0u64; (need as usize).div_ceil(8)];
    let config: *mut QUERY_SERVICE_CONFIGW = room.as_mut_ptr().cast();
    // SAFETY: the room has the bytes that were asked for and is aligned for the structure.
    unsafe { QueryServiceConfigW(service.0, Some(config), need, &mut need) }?;
    // SAFETY: the call succeeded: the structure is there, and its text lies in the same room.
    let text = unsafe { (*config).lpBinaryPathName.to_string() };
    Ok(Some(text.context("the image's name is no text")?))
}

/// Makes the service manager forget it, now or when the last handle is closed; one that is gone already is no error.
pub fn delete(name: &str) -> Result<()> {
    let Some(service) = open(name, DELETE.0)? else {
        return Ok(());
    };
    // SAFETY: the handle is open.
    match unsafe { DeleteService(service.0) } {
        Err(error) if error != ERROR_SERVICE_MARKED_FOR_DELETE.into() => {
            Err(error).with_context(|| format!("the service {name} stays"))
        }
        _ => Ok(()),
    }
}
