//! A guest that stays up until whoever debugs has seen enough.

mod hyperv;
#[cfg(target_os = "linux")]
mod qemu;

use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use waverig_vm::interrupt;

pub(crate) use hyperv::hold as hyperv;
#[cfg(target_os = "linux")]
pub(crate) use qemu::{hold as qemu, key};

/// How often it is looked whether the guest is still there, and whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(100);

/// Until somebody presses Enter or Ctrl-C, nobody can (no input), or there is nothing to look at any more.
fn wait(is_there: impl Fn() -> bool) {
    let (pressed, enter) = channel();
    // Reads on after the guest has ended; it keeps nobody.
    thread::spawn(move || {
        let _ = io::stdin().read_line(&mut String::new());
        let _ = pressed.send(());
    });
    while !interrupt::pending()
        && is_there()
        && enter.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout)
    {}
}
