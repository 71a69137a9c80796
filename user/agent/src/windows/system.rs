//! What the kernel says of itself.

use std::ffi::c_void;

use windows::Wdk::System::SystemInformation::{NtQuerySystemInformation, SYSTEM_INFORMATION_CLASS};
use windows::Win32::Foundation::NTSTATUS;
use windows::Win32::System::SystemInformation::OSVERSIONINFOW;
use windows::core::{BOOL, Result};

windows::core::link!("ntdll.dll" "system" fn RtlGetVersion(info: *mut OSVERSIONINFOW) -> NTSTATUS);
windows::core::link!("kernel32.dll" "system" fn QueryPerformanceCounter(count: *mut i64) -> BOOL);
windows::core::link!("kernel32.dll" "system" fn QueryPerformanceFrequency(frequency: *mut i64) -> BOOL);
windows::core::link!("kernel32.dll" "system" fn ProcessIdToSessionId(process: u32, session: *mut u32) -> BOOL);
windows::core::link!("kernel32.dll" "system" fn WTSGetActiveConsoleSessionId() -> u32);

/// The version of the kernel, whatever the program's manifest says (`RtlGetVersion`).
#[derive(Clone, Copy)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) build: u32,
}

impl Version {
    /// Asks.
    pub(super) fn get() -> Self {
        let mut info = OSVERSIONINFOW {
            dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
            ..Default::default()
        };
        // SAFETY: the structure says its size. It is documented to succeed always.
        let _ = unsafe { RtlGetVersion(&mut info) };
        Self {
            major: info.dwMajorVersion,
            minor: info.dwMinorVersion,
            build: info.dwBuildNumber,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Windows {}.{}.{}", self.major, self.minor, self.build)
    }
}

/// One of the structures of `NtQuerySystemInformation`, as numbers.
pub(super) fn query<const N: usize>(class: i32, mut words: [u32; N]) -> Result<[u32; N]> {
    // SAFETY: numbers are bytes without padding, and any bytes are numbers.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(&words)) };
    query_bytes(class, bytes)?;
    Ok(words)
}

/// The same as bytes; `bytes` has the structure's size.
pub(super) fn query_bytes(class: i32, bytes: &mut [u8]) -> Result<()> {
    let mut given = 0;
    // SAFETY: `bytes` has the length that is announced.
    unsafe {
        NtQuerySystemInformation(
            SYSTEM_INFORMATION_CLASS(class),
            bytes.as_mut_ptr().cast::<c_void>(),
            u32::try_from(bytes.len()).unwrap_or(0),
            &mut given,
        )
    }
    .ok()
}

/// Ticks of the performance counter per second.
pub(super) fn qpc_frequency() -> i64 {
    let mut frequency = 0;
    // SAFETY: the result is a local variable. It is documented to succeed on every Windows since XP.
    let _ = unsafe { QueryPerformanceFrequency(&mut frequency) };
    frequency
}

/// The performance counter.
pub(super) fn qpc() -> i64 {
    let mut now = 0;
    // SAFETY: as above.
    let _ = unsafe { QueryPerformanceCounter(&mut now) };
    now
}

/// The session that this process is in, and that of the console; `None` when nobody has that.
pub(super) fn sessions() -> Result<(u32, Option<u32>)> {
    let mut own = 0;
    // SAFETY: the result is a local variable.
    unsafe { ProcessIdToSessionId(std::process::id(), &mut own) }.ok()?;
    // SAFETY: asks only.
    let console = unsafe { WTSGetActiveConsoleSessionId() };
    Ok((own, (console != u32::MAX).then_some(console)))
}
