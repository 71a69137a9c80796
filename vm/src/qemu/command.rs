//! QEMU's command line.

use std::path::Path;
use std::process::Command;

use super::hold::{CONSOLE, GDB, HUMAN};
use super::{Config, keeper};

/// Sockets in the machine's folder, which is QEMU's working directory.
pub(super) const MONITOR: &str = "monitor.sock";
/// The host's line.
pub(super) const LINE: &str = "line.sock";
/// What the guest's kernel and first process say.
pub(super) const SERIAL: &str = "serial.log";

/// What the kernel is told. A crash stays on the screen; an NMI from the host is one; nothing is done that only a production machine
/// needs.
const KERNEL: &str = "console=tty0 console=ttyS0 quiet panic=0 unknown_nmi_panic sysrq_always_enabled nokaslr mitigations=off reboot=t";

/// The whole of it.
pub(super) fn line(config: &Config, payload: &Path) -> Command {
    let mut command = keeper::bound(&config.qemu);
    let accel = &config.accel;
    command
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        .args(["-machine", &format!("pc,accel={}", accel.name)])
        .args(["-cpu", &accel.processor, "-smp", "1", "-m", "768"])
        // For screenshots.
        .args(["-device", "VGA"])
        .args(["-chardev", &format!("socket,id=monitor,path={MONITOR}")])
        .args(["-mon", "chardev=monitor,mode=control"])
        .args(["-chardev", &serial(config.hold.is_some())])
        .args(["-serial", "chardev:console"])
        .args(["-device", "virtio-serial-pci"])
        .args(["-chardev", &format!("socket,id=line,path={LINE}")])
        .args(["-device", "virtserialport,chardev=line,name=waverig"])
        // One payload for all guests, so nobody may lock it.
        .args([
            "-drive",
            &drive("payload", payload, ",readonly=on,file.locking=off"),
        ])
        .args(["-device", "virtio-blk-pci,drive=payload,serial=payload"])
        .args(["-drive", &drive("result", Path::new("result.img"), "")])
        .args(["-device", "virtio-blk-pci,drive=result,serial=result"])
        // A crash is told, and nothing is done about it: the screen and the dump are wanted first.
        .args(["-device", "pvpanic-pci"])
        .args(["-action", "panic=none,reboot=reset,shutdown=poweroff"])
        .arg("-kernel")
        .arg(&config.kernel)
        .arg("-initrd")
        .arg(&config.initramfs)
        .args(["-append", KERNEL]);
    if config.hold.is_some() {
        command
            .args(["-chardev", &server("human", HUMAN)])
            .args(["-mon", "chardev=human,mode=readline"])
            .args(["-gdb", &format!("unix:{GDB},server=on,wait=off")]);
    }
    command
}

/// The serial port, whose output is kept; one that somebody looks at takes input, too.
fn serial(held: bool) -> String {
    if held {
        format!("{},logfile={SERIAL}", server("console", CONSOLE))
    } else {
        format!("file,id=console,path={SERIAL}")
    }
}

/// A socket to which people connect.
fn server(id: &str, path: &str) -> String {
    format!("socket,id={id},path={path},server=on,wait=off")
}

/// QEMU takes a comma in a value when it is written twice.
fn drive(id: &str, file: &Path, more: &str) -> String {
    let file = file.display().to_string().replace(',', ",,");
    format!("if=none,id={id},format=raw,file={file}{more}")
}
