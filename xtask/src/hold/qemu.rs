//! Under QEMU: its console, its monitor, gdb, and of a Windows its kernel over a network.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use waverig_vm::kdnet::{Kdnet, Key};
use waverig_vm::qemu::{ADAPTER, CONSOLE, GATEWAY, GDB, HUMAN, Held, Hold, SCREEN};

/// A key for a kernel debugger's connection, another one each time.
///
/// # Errors
/// When the operating system gives no random bytes.
pub(crate) fn key() -> Result<Key> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random bytes: {error}"))?;
    Ok(Key::of(&bytes))
}

/// Tells how to look at a guest, and waits; with `key` at a Windows kernel, too.
pub(crate) fn hold(key: Option<Key>) -> Hold {
    Hold(Arc::new(move |held| {
        print!("{}", words(held));
        if let Some(key) = key {
            print!("{}", kernel(key));
        }
        let process = format!("/proc/{}/exe", held.process);
        // Of a process that has ended nobody has taken leave yet, but it executes nothing.
        super::wait(|| Path::new(&process).read_link().is_ok());
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

/// What to type for WinDbg.
fn kernel(key: Key) -> String {
    let kdnet = Kdnet {
        key,
        host: GATEWAY,
        adapter: Some(ADAPTER),
    };
    format!(
        "its kernel with WinDbg (not yet seen on Windows), whose computer's address goes in the place of {GATEWAY}, this host; there:\n  {}\n\
         in the guest, as administrator, at its screen (vncviewer {SCREEN}):\n  {}\n",
        kdnet.debugger(),
        kdnet.guest().join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_for_windbg_have_one_key_and_no_two_runs_the_same() {
        let [one, two] = [(); 2].map(|()| key().expect("every system gives random bytes"));
        assert!(one != two);
        let (words, key) = (kernel(one), one.to_string());
        assert!(words.contains(&format!("windbg -k net:port=50000,key={key}\n")));
        let guest = format!("net hostip:10.0.2.2 port:50000 key:{key}\n");
        assert!(words.contains(&guest), "{words}");
        assert!(words.contains("busparams 0.16.0\n"), "{words}");
        assert!(words.contains("not yet seen on Windows"), "{words}");
    }
}
