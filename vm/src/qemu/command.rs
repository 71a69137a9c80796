//! QEMU's command line.

use std::path::Path;
use std::process::Command;

use super::guest::RESULT;
use super::hold::{CONSOLE, GDB, HUMAN, SCREEN, SLOT};
use super::image::{Image, OVERLAY, VARIABLES};
use super::medium::{Controller, Medium};
use super::{Config, Firmware, System, keeper};
use crate::linux::options;

/// Sockets in the machine's folder, which is QEMU's working directory.
pub(super) const MONITOR: &str = "monitor.sock";
/// The host's line.
pub(super) const LINE: &str = "line.sock";
/// What the guest's kernel and first process say.
pub(super) const SERIAL: &str = "serial.log";

/// The drive with an installation medium, and the one that it installs to.
pub(super) const MEDIUM: &str = "medium";
pub(super) const SYSTEM: &str = "system";

/// What the Linux guest gets: MiB of memory and processors.
pub const LINUX: (u32, u32) = (768, 1);

/// The whole of it.
pub(super) fn line(config: &Config, payload: &Path) -> Command {
    let mut command = keeper::bound(&config.qemu);
    let accel = &config.accel;
    command
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        .args(["-cpu", &accel.processor])
        // For screenshots.
        .args(["-device", "VGA"])
        .args(["-chardev", &format!("socket,id=monitor,path={MONITOR}")])
        .args(["-mon", "chardev=monitor,mode=control"])
        .args(["-chardev", &serial(config.hold.is_some())])
        .args(["-chardev", &format!("socket,id=line,path={LINE}")])
        // One payload for all guests, so nobody may lock it.
        .args([
            "-drive",
            &drive("payload", "raw", payload, ",readonly=on,file.locking=off"),
        ])
        .args(["-drive", &drive("result", "raw", Path::new(RESULT), "")])
        // A crash is told, and nothing is done about it: the screen and the dump are wanted first.
        .args(["-device", "pvpanic-pci"])
        .args(["-action", "panic=none,reboot=reset,shutdown=poweroff"]);
    let (memory, processors) = match &config.system {
        System::Linux { .. } => LINUX,
        System::Image(image) => (image.memory, image.processors),
        System::Setup(medium) => (medium.memory, medium.processors),
    };
    command
        .args(["-m", &memory.to_string()])
        .args(["-smp", &processors.to_string()]);
    match &config.system {
        System::Linux { kernel, initramfs } => command
            .args(["-machine", &format!("pc,accel={}", accel.name)])
            .args(["-serial", "chardev:console"])
            .args(["-device", "virtio-serial-pci"])
            .args(["-device", "virtserialport,chardev=line,name=waverig"])
            .args(["-device", "virtio-blk-pci,drive=payload,serial=payload"])
            .args(["-device", "virtio-blk-pci,drive=result,serial=result"])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", &format!("{} reboot=t", options("ttyS0"))]),
        System::Image(image) => started_from(&mut command, image, accel.name),
        System::Setup(medium) => set_up_from(&mut command, medium, accel.name),
    };
    if config.hold.is_some() {
        command
            .args(["-chardev", &server("human", HUMAN)])
            .args(["-mon", "chardev=human,mode=readline"])
            .args(["-gdb", &format!("unix:{GDB},server=on,wait=off")]);
        if config.network {
            let adapter = format!("e1000e,netdev=debugger,bus=pcie.0,addr={SLOT}");
            command
                .args(["-netdev", "user,id=debugger"])
                .args(["-device", &adapter])
                .args(["-vnc", &format!("unix:{SCREEN}")]);
        }
    }
    command
}

/// The hardware of a guest that its firmware starts from a disk: what Windows and Linux have drivers for without being given any.
fn started_from<'a>(command: &'a mut Command, image: &Image, accel: &str) -> &'a mut Command {
    board(command, &image.firmware, accel)
        .args(["-drive", &drive(SYSTEM, "qcow2", Path::new(OVERLAY), "")])
        .args(["-device", "nvme,drive=system,serial=system,bootindex=0"])
        .args(["-device", "nvme,drive=payload,serial=payload"])
        .args(["-device", "nvme,drive=result,serial=result"])
}

/// The same for one that a medium installs to its disk, which is started from as soon as it can be. Windows numbers disks in the order
/// of their controllers (inferred), and the answer file means the first.
fn set_up_from<'a>(command: &'a mut Command, medium: &Medium, accel: &str) -> &'a mut Command {
    board(command, &medium.firmware, accel)
        .args(["-drive", &drive(SYSTEM, "qcow2", &medium.disk, "")])
        .args(["-device", "nvme,drive=system,serial=system,bootindex=0"]);
    let mut disc = |id: &str, file: &Path, number: u32| {
        let more = ",media=cdrom,readonly=on";
        let bus = match medium.controller {
            Controller::Ahci => format!("ide-cd,bus=ide.{number}"),
            Controller::VirtioScsi => "scsi-cd".into(),
        };
        let boot = if number == 0 { ",bootindex=1" } else { "" };
        if number == 0 && medium.controller == Controller::VirtioScsi {
            command.args(["-device", "virtio-scsi-pci"]);
        }
        command
            .args(["-drive", &drive(id, "raw", file, more)])
            .args(["-device", &format!("{bus},drive={id}{boot}")]);
    };
    disc(MEDIUM, &medium.file, 0);
    if let Some(answers) = &medium.answers {
        disc("answers", answers, 1);
    }
    if medium.controller == Controller::VirtioScsi {
        command.args(["-device", "nvme,drive=payload,serial=payload"]);
    }
    command.args(["-device", "nvme,drive=result,serial=result"])
}

/// A board with UEFI firmware and two serial ports.
fn board<'a>(command: &'a mut Command, firmware: &Firmware, accel: &str) -> &'a mut Command {
    let flash =
        |file: &Path, more: &str| format!("if=pflash,format=raw,file={}{more}", value(file));
    command
        .args(["-machine", &format!("q35,accel={accel}")])
        .args(["-drive", &flash(&firmware.code, ",readonly=on")])
        .args(["-drive", &flash(Path::new(VARIABLES), "")])
        // The agent's port first (COM1), then that of whoever looks.
        .args(["-serial", "chardev:line"])
        .args(["-serial", "chardev:console"])
}

/// A serial port whose output is kept; one that somebody looks at takes input, too.
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

fn drive(id: &str, format: &str, file: &Path, more: &str) -> String {
    format!("if=none,id={id},format={format},file={}{more}", value(file))
}

/// QEMU takes a comma in a value when it is written twice.
fn value(file: &Path) -> String {
    file.display().to_string().replace(',', ",,")
}
