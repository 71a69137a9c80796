//! What the kernel says of itself.

use std::ffi::c_void;

use windows::Wdk::System::SystemInformation::{NtQuerySystemInformation, SYSTEM_INFORMATION_CLASS};
use windows::Win32::Foundation::{HANDLE, NTSTATUS};
use windows::Win32::Security::{GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation};
use windows::Win32::System::SystemInformation::OSVERSIONINFOW;
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::{BOOL, Owned, Result};

use super::registry;
use calls::{
    IsWow64Process2, ProcessIdToSessionId, QueryPerformanceCounter, QueryPerformanceFrequency,
    RtlGetVersion, WTSGetActiveConsoleSessionId,
};

/// Calls of large modules of Microsoft's crate, of which nothing else is needed.
mod calls {
    use super::{BOOL, HANDLE, NTSTATUS, OSVERSIONINFOW};

    windows::core::link!("ntdll.dll" "system" fn RtlGetVersion(info: *mut OSVERSIONINFOW) -> NTSTATUS);
    windows::core::link!("kernel32.dll" "system" fn QueryPerformanceCounter(count: *mut i64) -> BOOL);
    windows::core::link!("kernel32.dll" "system" fn QueryPerformanceFrequency(frequency: *mut i64) -> BOOL);
    windows::core::link!("kernel32.dll" "system" fn ProcessIdToSessionId(process: u32, session: *mut u32) -> BOOL);
    windows::core::link!("kernel32.dll" "system" fn WTSGetActiveConsoleSessionId() -> u32);
    windows::core::link!("kernel32.dll" "system" fn IsWow64Process2(process: HANDLE, own: *mut u16, native: *mut u16) -> BOOL);
}

/// `SystemCodeIntegrityInformation` and its options (NtQuerySystemInformation, winternl.h).
const CODE_INTEGRITY: i32 = 103;
/// `CODEINTEGRITY_OPTION_TESTSIGN`.
pub const TEST_SIGN: u32 = 0x2;

/// The version of the kernel, whatever the program's manifest says (`RtlGetVersion`).
#[derive(Clone, Copy)]
pub struct Version {
    /// 10, of Windows 11 too.
    pub major: u32,
    /// 0.
    pub minor: u32,
    /// 19045, of Windows 10 22H2.
    pub build: u32,
}

impl Version {
    /// Asks.
    pub fn get() -> Self {
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
pub fn query<const N: usize>(class: i32, mut words: [u32; N]) -> Result<[u32; N]> {
    // SAFETY: numbers are bytes without padding, and any bytes are numbers.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(&words)) };
    query_bytes(class, bytes)?;
    Ok(words)
}

/// The same as bytes; `bytes` has the structure's size.
pub fn query_bytes(class: i32, bytes: &mut [u8]) -> Result<()> {
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
pub fn qpc_frequency() -> i64 {
    let mut frequency = 0;
    // SAFETY: the result is a local variable. It is documented to succeed on every Windows since XP.
    let _ = unsafe { QueryPerformanceFrequency(&mut frequency) };
    frequency
}

/// The performance counter.
pub fn qpc() -> i64 {
    let mut now = 0;
    // SAFETY: as above.
    let _ = unsafe { QueryPerformanceCounter(&mut now) };
    now
}

/// Whether this process has an administrator's rights.
pub fn elevated() -> Result<bool> {
    let mut token = HANDLE::default();
    let mut elevation = TOKEN_ELEVATION::default();
    let mut size = 0;
    // SAFETY: the process' pseudo handle is always good; the token is owned from here on; the result has the bytes that are announced.
    unsafe {
        OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token)?;
        let token = Owned::new(token);
        GetTokenInformation(
            *token,
            TokenElevation,
            Some((&raw mut elevation).cast()),
            size_of::<TOKEN_ELEVATION>() as u32,
            &mut size,
        )?;
    }
    Ok(elevation.TokenIsElevated != 0)
}

/// `CodeIntegrityOptions`.
pub fn code_integrity() -> Result<u32> {
    let [_, options] = query(CODE_INTEGRITY, [8, 0])?;
    Ok(options)
}

/// Whether Secure Boot is on; `None` where nothing says so.
pub fn secure_boot() -> Result<Option<bool>> {
    let key = r"SYSTEM\CurrentControlSet\Control\SecureBoot\State";
    Ok(registry::number(key, "UEFISecureBootEnabled")?.map(|value| value != 0))
}

/// `IMAGE_FILE_MACHINE_*` of the machine itself, whatever it makes this process believe ("IsWow64Process2").
pub fn machine() -> Result<u16> {
    let (mut own, mut native) = (0, 0);
    // SAFETY: the process' pseudo handle is always good, and the results are local variables.
    unsafe { IsWow64Process2(GetCurrentProcess(), &mut own, &mut native) }.ok()?;
    Ok(native)
}

/// The session that this process is in, and that of the console; `None` when nobody has that.
pub fn sessions() -> Result<(u32, Option<u32>)> {
    let mut own = 0;
    // SAFETY: the result is a local variable.
    unsafe { ProcessIdToSessionId(std::process::id(), &mut own) }.ok()?;
    // SAFETY: asks only.
    let console = unsafe { WTSGetActiveConsoleSessionId() };
    Ok((own, (console != u32::MAX).then_some(console)))
}
