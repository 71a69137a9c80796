//! A Linux guest: the kernel of a distribution's package, and an initramfs with the agent as its first process.

mod cpio;
mod modules;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use cpio::Archive;
use modules::Modules;

/// What the agent needs of the kernel. (`pvpanic` tells the host of a crash at once.)
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "nls_iso8859_1",
    "nls_utf8",
    "pvpanic_pci",
];

/// Of the modules above, those that a kernel may lack.
const OPTIONAL: &[&str] = &["nls_ascii", "nls_iso8859_1", "nls_utf8", "pvpanic_pci"];

/// What one that installs from discs needs beside them.
const OF_SETUP: &[&str] = &["virtio_scsi", "sr_mod", "isofs"];
/// What tells the agent that it is one (`user/agent/src/setup.rs`).
pub const SETUP: &str = "waverig.setup";

/// What a guest's kernel is told when its console is this port. A crash stays on the screen; an NMI from the host is one; nothing is done
/// that only a production machine needs.
#[must_use]
pub fn options(console: &str) -> String {
    format!(
        "console=tty0 console={console} quiet panic=0 unknown_nmi_panic sysrq_always_enabled nokaslr mitigations=off"
    )
}

/// An unpacked kernel package.
pub struct Kernel {
    /// The image that QEMU starts.
    pub image: PathBuf,
    /// `lib/modules/RELEASE`.
    pub modules: PathBuf,
    /// `6.1.0-56-cloud-amd64`, for example.
    pub release: String,
}

impl Kernel {
    /// Finds both below `root`, into which packages were unpacked.
    ///
    /// # Errors
    /// Says what is not there.
    pub fn find(root: &Path) -> io::Result<Self> {
        let lacks = |what: &str| {
            let text = format!(
                "{} holds no {what}; remove the folder, and it is made anew",
                root.display()
            );
            io::Error::new(io::ErrorKind::NotFound, text)
        };
        let mut images = Vec::new();
        for entry in fs::read_dir(root.join("boot"))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some(release) = name.strip_prefix("vmlinuz-") {
                images.push((release.to_owned(), path.clone()));
            }
        }
        images.sort();
        let (release, image) = images.pop().ok_or_else(|| lacks("kernel"))?;
        // Where /lib is a link to /usr/lib, packages say either.
        let modules = ["lib/modules", "usr/lib/modules"]
            .map(|folder| root.join(folder).join(&release))
            .into_iter()
            .find(|folder| folder.is_dir())
            .ok_or_else(|| lacks("modules of that kernel"))?;
        Ok(Self {
            image,
            modules,
            release,
        })
    }
}

/// Makes the initramfs: the agent, the shared objects that it and the programs on the payload disk need (each where the host has it),
/// and the kernel's modules; `setup` says whether it installs from discs.
///
/// # Errors
/// When something cannot be read or written; the text names it.
pub fn initramfs(
    to: &Path,
    kernel: &Kernel,
    agent: &Path,
    shared_objects: &[PathBuf],
    setup: bool,
) -> io::Result<()> {
    let named = |path: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let modules = Modules::find(&kernel.modules).map_err(|e| named(&kernel.modules, e))?;
    let more = if setup { OF_SETUP } else { &[] };
    let wanted: Vec<&str> = MODULES
        .iter()
        .chain(more)
        .copied()
        .filter(|name| !OPTIONAL.contains(name) || modules.in_order(&[name]).is_ok())
        .collect();
    let file = File::create(to).map_err(|e| named(to, e))?;
    let mut archive = Archive::new(BufWriter::new(file));
    for folder in ["dev", "proc", "sys", "tmp", "payload", "result", "modules"] {
        archive.directory(folder)?;
    }
    // What the first process says goes there.
    archive.device("dev/console", (5, 1))?;
    let mut made = Vec::new();
    for object in shared_objects {
        let inside = object.strip_prefix("/").unwrap_or(object);
        let mut folders: Vec<&Path> = inside.ancestors().skip(1).collect();
        folders.reverse();
        for folder in folders {
            if !folder.as_os_str().is_empty() && !made.contains(&folder) {
                archive.directory(&folder.to_string_lossy())?;
                made.push(folder);
            }
        }
        let bytes = fs::read(object).map_err(|e| named(object, e))?;
        archive.program(&inside.to_string_lossy(), &bytes)?;
    }
    for (number, module) in modules.in_order(&wanted)?.iter().enumerate() {
        archive.program(
            &format!("modules/{number:02}-{}.ko", module.name),
            &module.bytes,
        )?;
    }
    let bytes = fs::read(agent).map_err(|e| named(agent, e))?;
    archive.program("init", &bytes)?;
    archive.finish().map_err(|e| named(to, e))?;
    Ok(())
}
