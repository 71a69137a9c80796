//! Lets a debugger in: the machine waits before DriverEntry until one is attached, and says how to give it the driver's symbols.

mod elf;
mod symbols;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

pub use symbols::write as write_symbols;

/// File with the driver's symbols, for gdb, in the folder that a machine is given.
pub const SYMBOLS: &str = "driver.elf";
/// File with gdb's commands; it is there when the machine waits.
pub const SCRIPT: &str = "driver.gdb";
/// How often a waiting machine looks for a debugger.
const LOOK: Duration = Duration::from_millis(20);

static WANTED: OnceLock<PathBuf> = OnceLock::new();

/// Whether this machine is one for a debugger.
pub(crate) fn wanted() -> bool {
    WANTED.get().is_some()
}

/// From now on the first driver that is loaded waits for a debugger.
pub fn start(folder: &Path) {
    // A process is given one folder.
    let _ = WANTED.set(folder.to_owned());
}

/// Says where a driver was mapped, and waits.
pub(crate) fn wait(base: usize) -> Result<()> {
    let Some(folder) = WANTED.get() else {
        return Ok(());
    };
    let script = folder.join(SCRIPT);
    if script.exists() {
        return Ok(());
    }
    // The simulator's own faults are signals: what ends the run comes to its report, so gdb passes them on.
    let commands = format!(
        "set confirm off\nset breakpoint pending off\n\
         handle SIGSEGV SIGBUS SIGILL SIGFPE SIGALRM nostop noprint pass\n\
         add-symbol-file {} -o {base:#x}\n",
        folder.join(SYMBOLS).display()
    );
    crate::host::thread::allow_debugger();
    let fresh = folder.join("fresh");
    fs::write(
        &fresh,
        format!("# gdb -p {} -x this\n{commands}", std::process::id()),
    )
    .and_then(|()| fs::rename(&fresh, &script))
    .with_context(|| format!("cannot write {}", script.display()))?;
    while !crate::host::thread::has_debugger() {
        thread::sleep(LOOK);
    }
    Ok(())
}

/// The process that waits, as the script of a machine tells it.
#[must_use]
pub fn process(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join(SCRIPT)).ok()?;
    text.strip_prefix("# gdb -p ")?
        .split(' ')
        .next()?
        .parse()
        .ok()
}
