//! Driver Verifier: what it is set to, what it does since the last start, and setting it.
//!
//! The settings are two values of the memory manager's key, which `verifier.exe` writes and the kernel reads when it starts ("Driver
//! Verifier Command Syntax" speaks of them as the registry settings that a restart puts into force; the names of the values are
//! inferred). No documented call says what the kernel verifies now, so the first agent after a start notes what the values were then:
//! that is what the kernel has read.

use crate::state::Verifier;
use anyhow::{Context as _, Result};
use windows::core;

use super::registry::{self, Key};
use super::serve::SINCE_START;

const MEMORY: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management";
const LEVEL: &str = "VerifyDriverLevel";
const DRIVERS: &str = "VerifyDrivers";
/// `/standard` ("Driver Verifier Options"): special pool, force IRQL checking, pool tracking, I/O verification, deadlock detection, DMA
/// checking, security checks, miscellaneous checks, DDI compliance checking.
const STANDARD: u32 = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x800 | 0x2_0000;

fn read(key: &str) -> core::Result<Verifier> {
    Ok(Verifier {
        level: registry::number(key, LEVEL)?,
        drivers: registry::text(key, DRIVERS)?.filter(|text| !text.trim().is_empty()),
    })
}

fn write(key: &Key, value: &Verifier) -> core::Result<()> {
    key.set_number(LEVEL, value.level)?;
    key.set_text(DRIVERS, value.drivers.as_deref())
}

/// What it is set to from the next start on.
pub(super) fn set_to() -> core::Result<Verifier> {
    read(MEMORY)
}

/// What it was set to when Windows started, as far as the first agent since then saw it.
pub(super) fn since_start() -> core::Result<Verifier> {
    read(SINCE_START)
}

/// Notes what the kernel has read. To be called by the first agent after a start.
pub(super) fn note(since_start: &Key) -> Result<()> {
    let set = set_to().context("what Driver Verifier is set to cannot be read")?;
    write(since_start, &set).context("what Driver Verifier is set to cannot be noted")
}

/// From the next start on these drivers are verified with the standard checks.
pub(super) fn set(drivers: &[String]) -> Result<()> {
    restore(&Verifier {
        level: Some(STANDARD),
        drivers: Some(drivers.join(" ")),
    })
}

/// From the next start on it is set to this.
pub(super) fn restore(value: &Verifier) -> Result<()> {
    let key = Key::make(MEMORY).context("the memory manager's key does not open")?;
    write(&key, value).context("Driver Verifier cannot be set")
}
