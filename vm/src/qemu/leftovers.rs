//! What a rig that was killed has left: machines that still run, and their folders.
//!
//! Whoever calls this holds the lock on the folder that machines are made in, so whatever is there belongs to nobody.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// The file in a machine's folder that says which process it is.
pub(super) const PID: &str = "pid";

/// Ends what still runs and removes all folders below `machines`; says what was found.
///
/// # Errors
/// When a folder cannot be removed.
pub fn remove(machines: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(machines) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let folder = entry?.path();
        let mut what = "a folder";
        if let Some(pid) = running(&folder) {
            // It may end by itself meanwhile.
            let _ = kill_process(pid, Signal::KILL);
            what = "a running machine";
        }
        fs::remove_dir_all(&folder)?;
        found.push(format!("{what} in {}", folder.display()));
    }
    Ok(found)
}

/// The process of this machine, if it is still that one: numbers are given anew.
fn running(folder: &Path) -> Option<Pid> {
    let text = fs::read_to_string(folder.join(PID)).ok()?;
    let pid: i32 = text.trim().parse().ok()?;
    let works_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    if works_in != folder.canonicalize().ok()? {
        return None;
    }
    Pid::from_raw(pid)
}
