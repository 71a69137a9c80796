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
            match spin(qemu, "kvm", processor, &image, LIMIT)? {
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
        // PVM needs no virtualisation of the processor's, and a kernel that knows of it ("Pagetable-based Virtual Machine", its RFC for KVM).
        let made_for_it = match Path::new("/sys/module/kvm_pvm").exists() {
            true => " (it is PVM's, which executes only kernels that were made for it)",
            false => "",
        };
        let why = why.join("; ");
        Ok(Self::tcg(&format!("KVM is there{made_for_it}, but {why}")))
    }
}

/// How long the loop took, or why that is not known.
fn spin(
    qemu: &str,
    accel: &str,
    processor: &str,
    image: &Path,
    limit: Duration,
) -> io::Result<Result<Duration, String>> {
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
        .args(["-machine", &format!("pc,accel={accel}"), "-cpu", processor])
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
    match end.recv_timeout(limit) {
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
                limit.as_secs()
            )))
        }
    }
}

/// Where the image lies below 1 MiB, as well as at the end of 4 GiB.
const ORIGIN: u32 = 0xF_0000;
/// Where in it stand 32-bit code, descriptors, and where those are.
const PROTECTED: u32 = 0x40;
const GDT: u32 = 0x80;
const POINTER: u32 = 0x90;

/// 64 KiB that a PC starts at their sixteenth byte from the end: into protected mode, since KVM may interpret real mode where it interprets
/// nothing else (a processor without "unrestricted guest"), a loop, then 1 to port 0xF4.
fn firmware() -> Vec<u8> {
    let mut image = vec![0xF4; 0x1_0000];
    let mut put = |at: usize, parts: &[&[u8]]| {
        let bytes = parts.concat();
        image[at..at + bytes.len()].copy_from_slice(&bytes);
    };
    put(
        0,
        &[
            &[0xFA],                                              // cli
            &[0x2E, 0x66, 0x0F, 0x01, 0x16, POINTER as u8, 0x00], // lgdt cs:[POINTER]
            &[0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0], // mov eax, cr0; or al, 1; mov cr0, eax
            &[0x66, 0xEA],                                     // jmp far 8:PROTECTED
            &(ORIGIN + PROTECTED).to_le_bytes(),
            &[0x08, 0x00],
        ],
    );
    put(
        PROTECTED as usize,
        &[
            &[0xB9], // mov ecx, TURNS
            &TURNS.to_le_bytes(),
            &[0x49, 0x75, 0xFD],             // dec ecx; jnz to it
            &[0xB0, 0x01, 0xE6, 0xF4, 0xF4], // mov al, 1; out 0xF4, al; hlt
        ],
    );
    // The null descriptor and 4 GiB of 32-bit code.
    put(
        GDT as usize,
        &[&[0; 8], &[0xFF, 0xFF, 0, 0, 0, 0x9A, 0xCF, 0]],
    );
    put(
        POINTER as usize,
        &[&15_u16.to_le_bytes(), &(ORIGIN + GDT).to_le_bytes()],
    );
    // jmp far F000:0000, where the image's start lies.
    put(0xFFF0, &[&[0xEA, 0, 0, 0, 0xF0]]);
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_loop_comes_to_its_end_where_it_is_executed() {
        let image = std::env::temp_dir().join(format!("waverig-probe-{}", std::process::id()));
        let spin = |bytes: &[u8]| {
            fs::write(&image, bytes).expect("the test's own file");
            // As much as it wants: nothing is measured here.
            let minute = Duration::from_secs(60);
            spin("qemu-system-x86_64", "tcg", "max", &image, minute).expect("QEMU is there")
        };
        spin(&firmware()).expect("it ends with 1");
        // Ends with another number.
        let mut other = firmware();
        other[PROTECTED as usize + 9] = 2;
        let error = spin(&other).expect_err("it is not the one");
        assert!(error.contains("ends with exit status: 5"), "{error}");
        fs::remove_file(image).expect("it was written");
    }
}
