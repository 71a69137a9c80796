//! A guest that stays up until whoever debugs has seen enough.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use waverig_vm::interrupt;
use waverig_vm::qemu::{CONSOLE, GDB, HUMAN, Held, Hold};

/// How often it is looked whether the guest is still there, and whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(100);

/// Tells how to look at a guest, and waits.
pub(crate) fn hold() -> Hold {
    Hold(Arc::new(|held| {
        print!("{}", words(held));
        wait(held.process);
        println!("the machine is ended");
    }))
}

/// What to type in another terminal.
fn words(held: &Held<'_>) -> String {
    format!(
        "the session is over ({}), and its machine stays up, QEMU's process {}: Enter ends it. In another terminal:\n  \
         cd {}\n  \
         socat -,rawer,escape=0x1d UNIX-CONNECT:{CONSOLE}   # the guest's serial console; Ctrl-] leaves\n  \
         socat -,rawer,escape=0x1d UNIX-CONNECT:{HUMAN}     # QEMU's monitor: info registers, screendump FILE, help\n  \
         gdb -ex 'target remote {GDB}'                # the whole machine stands while gdb looks\n\
         the guest's kernel tells of itself when the monitor says `chardev-send-break console` and the console then gets one of its keys (h lists them)\n",
        held.why,
        held.process,
        held.folder.display()
    )
}

/// Until somebody presses Enter or Ctrl-C, nobody can (no input), or the guest has ended.
fn wait(process: u32) {
    let (pressed, enter) = channel();
    // Reads on after the guest has ended; it keeps nobody.
    thread::spawn(move || {
        let _ = io::stdin().read_line(&mut String::new());
        let _ = pressed.send(());
    });
    let process = format!("/proc/{process}/exe");
    while !interrupt::pending()
        // Of a process that has ended nobody has taken leave yet, but it executes nothing.
        && Path::new(&process).read_link().is_ok()
        && enter.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout)
    {}
}
