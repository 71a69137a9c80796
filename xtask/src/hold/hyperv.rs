//! Under Hyper-V: its screen, and its kernel over a COM port. A network would be faster ("Setting Up Network Debugging of a Virtual Machine with
//! KDNET"), and needs a switch of the host's, an address and a hole in its firewall; the port needs nothing.

use std::sync::Arc;

use waverig_vm::hyperv::{DEBUGGER, Held, Hold};
use waverig_vm::kdcom::Kdcom;

/// Tells how to look at a guest and at its kernel, and waits.
pub(crate) fn hold() -> Hold {
    Hold(Arc::new(|held| {
        print!("{}", words(held));
        // Whether it is there only PowerShell could say.
        super::wait(|| true);
        println!("the machine is ended");
    }))
}

/// What to type in another terminal.
fn words(held: &Held<'_>) -> String {
    let kdcom = Kdcom {
        pipe: held.pipe,
        port: DEBUGGER,
    };
    format!(
        "the session is over ({}), and its machine {} stays up: Enter ends it. As administrator, on this host (not yet seen on Windows):\n  \
         vmconnect localhost {}   # its screen\n  \
         {}\n\
         in the guest, as administrator, so that WinDbg hears of its kernel:\n  {}\n",
        held.why,
        held.name,
        held.name,
        kdcom.debugger(),
        kdcom.guest().join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_types_names_the_machine_and_its_pipe() {
        let words = words(&Held {
            name: "waverig-t-1",
            pipe: r"\\.\pipe\waverig-t-1-debugger",
            why: "the verdict is above",
        });
        for expect in [
            "(the verdict is above)",
            "vmconnect localhost waverig-t-1 ",
            r"port=\\.\pipe\waverig-t-1-debugger,resets=0,reconnect",
            "debugport:2 baudrate:115200",
            "not yet seen on Windows",
        ] {
            assert!(words.contains(expect), "{words}");
        }
    }
}
