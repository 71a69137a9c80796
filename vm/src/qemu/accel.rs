//! What executes a guest: KVM where it is worth its name, else TCG, QEMU's translator.
//!
//! `/dev/kvm` may be there and of no use: not permitted, refused by the processor's features, or itself interpreted (a hypervisor without
//! virtualisation of its own may offer one that takes minutes to boot a kernel). So it is tried, with a loop that hardware does in
//! milliseconds.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::keeper;

/// Turns of the loop.
const TURNS: u32 = 100_000_000;
/// How long it may take: 20 times what a slow processor needs, starting QEMU included.
const LIMIT: Duration = Duration::from_secs(2);
/// Processors to try under KVM: the host's own, and the same where QEMU cannot pass one feature's register on.
const PROCESSORS: [&str; 2] = ["host", "host,-arch-capabilities"];

/// What executes guests, and why.
#[derive(Clone, Debug)]
pub struct Accel {
    /// As QEMU calls it: `kvm` or `tcg`.
    pub name: &'static str,
    /// The processor that guests see.
    pub(super) processor: String,
    /// For reports: what was tried.
    pub why: String,
}

impl Accel {
    /// QEMU's translator, because of `why`.
    #[must_use]
    pub fn tcg(why: &str) -> Self {
        Self {
            name: "tcg",
            processor: "max".into(),
            why: why.into(),
        }
    }

    /// Tries KVM with `qemu`; leaves nothing in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn probe(qemu: &str, folder: &Path) -> io::Result<Self> {
        if let Err(error) = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
        {
            return Ok(Self::tcg(&format!("/dev/kvm cannot be opened: {error}")));
        }
        fs::create_dir_all(folder)?;
        let image = folder.join("probe.bin");
        fs::write(&image, firmware())?;
        let mut why = Vec::new();
        for processor in PROCESSORS {
            match spin(qemu, processor, &image)? {
                Ok(time) => {
                    fs::remove_file(&image)?;
                    return Ok(Self {
                        name: "kvm",
                        processor: processor.into(),
                        why: format!(
                            "KVM did {} million turns of a loop in {:.2} s",
                            TURNS / 1_000_000,
                            time.as_secs_f32()
                        ),
                    });
                }
                Err(reason) => why.push(reason),
            }
        }
        fs::remove_file(&image)?;
        Ok(Self::tcg(&format!("KVM is there, but {}", why.join("; "))))
    }
}

/// How long the loop took, or why that is not known.
fn spin(qemu: &str, processor: &str, image: &Path) -> io::Result<Result<Duration, String>> {
    let mut command: Command = keeper::bound(qemu);
    command
        .args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-m",
            "16",
        ])
        .args(["-machine", "pc,accel=kvm", "-cpu", processor])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-bios"])
        .arg(image)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = keeper::spawn(command)?;
    // What it complains of, and its end: the pipe is closed then.
    let errors = child.stderr.take();
    let (ended, end) = channel();
    thread::spawn(move || {
        let text = errors.map(io::read_to_string).transpose();
        let _ = ended.send(text.ok().flatten().unwrap_or_default());
    });
    match end.recv_timeout(LIMIT) {
        Ok(text) => {
            let status = child.wait()?;
            // isa-debug-exit ends QEMU with twice the value and one.
            if status.code() == Some(3) {
                return Ok(Ok(started.elapsed()));
            }
            let complaint = text.lines().next().unwrap_or("it says nothing").to_owned();
            Ok(Err(format!(
                "-cpu {processor} ends with {status}: {complaint}"
            )))
        }
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            child.kill()?;
            child.wait()?;
            Ok(Err(format!(
                "-cpu {processor} did not do {} million turns of a loop in {} s: it is interpreted",
                TURNS / 1_000_000,
                LIMIT.as_secs()
            )))
        }
    }
}

/// 64 KiB that a PC starts at their sixteenth byte from the end, in real mode: a loop, then 1 to port 0xF4.
fn firmware() -> Vec<u8> {
    let mut image = vec![0xF4; 0x1_0000];
    let mut code = vec![0xFA, 0x66, 0xB9]; // cli; mov ecx, TURNS
    code.extend(TURNS.to_le_bytes());
    code.extend([0x66, 0x49, 0x75, 0xFC]); // dec ecx; jnz to it
    code.extend([0xB0, 0x01, 0xE6, 0xF4, 0xF4]); // mov al, 1; out 0xF4, al; hlt
    image[..code.len()].copy_from_slice(&code);
    // jmp far F000:0000, where the image's start lies.
    image[0xFFF0..0xFFF5].copy_from_slice(&[0xEA, 0, 0, 0, 0xF0]);
    image
}
