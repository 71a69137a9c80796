//! End and restart of the machine.

use anyhow::{Context as _, Result};
use windows::Win32::Foundation::{ERROR_NOT_ALL_ASSIGNED, ERROR_SUCCESS, GetLastError, HANDLE};
use windows::Win32::Security::{
    AdjustTokenPrivileges, LookupPrivilegeValueW, SE_PRIVILEGE_ENABLED, SE_SHUTDOWN_NAME,
    TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES,
};
use windows::Win32::System::Shutdown::{
    InitiateSystemShutdownExW, SHTDN_REASON_FLAG_PLANNED, SHTDN_REASON_MAJOR_APPLICATION,
};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::Owned;

/// Asks Windows to end or to start anew, at once and whoever objects.
///
/// # Errors
/// When it will not, with why. It goes on working for a moment when it will.
pub(super) fn shut_down(restart: bool) -> Result<()> {
    may_shut_down().context("the agent has no right to end this machine")?;
    let reason = SHTDN_REASON_MAJOR_APPLICATION | SHTDN_REASON_FLAG_PLANNED;
    // SAFETY: no pointer outlives the call.
    unsafe { InitiateSystemShutdownExW(None, None, 0, true, restart, reason) }
        .context("Windows does not end")
}

/// The right is there but switched off ("How to Shut Down the System").
fn may_shut_down() -> Result<()> {
    let mut token = HANDLE::default();
    let mut privileges = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        ..Default::default()
    };
    // SAFETY: the process' pseudo handle is always good; the token is owned from here on; the structures are local.
    unsafe {
        OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &mut token)?;
        let token = Owned::new(token);
        LookupPrivilegeValueW(None, SE_SHUTDOWN_NAME, &mut privileges.Privileges[0].Luid)?;
        privileges.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
        AdjustTokenPrivileges(*token, false, Some(&privileges), 0, None, None)?;
        // It succeeds also when it changed nothing.
        match GetLastError() {
            ERROR_SUCCESS => Ok(()),
            ERROR_NOT_ALL_ASSIGNED => {
                Err(windows::core::Error::from(ERROR_NOT_ALL_ASSIGNED).into())
            }
            other => Err(windows::core::Error::from(other).into()),
        }
    }
}
