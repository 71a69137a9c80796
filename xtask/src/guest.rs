//! The Linux guest for QEMU: the kernel of this distribution's package, unpacked, and an initramfs with the agent.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use waverig_kit::{Invocation, Output};
use waverig_package::Sha256Digest;
use waverig_vm::linux::{self, Kernel, initramfs};
use waverig_vm::qemu::Firmware;
use waverig_vm::{disk, iso};

use crate::agent;
use crate::context::Context;
use crate::layout;
use crate::stop::HostLacks;

/// Packages that stand for a kernel for virtual machines: Debian's and Ubuntu's.
const PACKAGES: [&str; 2] = ["linux-image-cloud-amd64", "linux-image-virtual"];
/// What the packages that hold one are called, before their version.
const PARTS: [&str; 2] = ["linux-image-", "linux-modules-"];
/// What was unpacked, with hashes.
const MANIFEST: &str = "manifest.txt";

/// What a base image has beside its files.
const IMAGE_SPARE: u64 = 16 << 20;

/// What QEMU starts.
pub(crate) struct Guest {
    pub(crate) kernel: PathBuf,
    pub(crate) initramfs: PathBuf,
}

/// Makes it, for this run: programs change from run to run, the kernel is kept.
///
/// # Errors
/// [`HostLacks`] where no kernel can be had; else when the agent does not compile or something cannot be written.
pub(crate) fn make(context: &Context) -> Result<Guest> {
    make_as(context, false)
}

/// The same, which installs from discs when `setup` says so.
fn make_as(context: &Context, setup: bool) -> Result<Guest> {
    let kernel = kernel(context)?;
    let agent = agent::build(context)?;
    let program = env::current_exe().context("this program cannot find its own file")?;
    let objects = shared_objects(context, &[&agent, &program])?;
    let folder = context.layout.rig().join("guest");
    layout::make(&folder)?;
    let to = folder.join(if setup {
        "setup.cpio"
    } else {
        "initramfs.cpio"
    });
    initramfs(&to, &kernel, &agent, &objects, setup)
        .with_context(|| format!("cannot make an initramfs for Linux {}", kernel.release))?;
    Ok(Guest {
        kernel: kernel.image,
        initramfs: to,
    })
}

/// Packages with UEFI firmware for virtual machines and with the loader for it.
const FIRMWARE: [&str; 2] = ["ovmf", "systemd-boot-efi"];
/// Code and first variables of that firmware, as Debian's and Ubuntu's package has them.
const OVMF: [&str; 2] = [
    "usr/share/OVMF/OVMF_CODE_4M.fd",
    "usr/share/OVMF/OVMF_VARS_4M.fd",
];
/// The loader.
const LOADER: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";

/// Firmware and loader, unpacked before or anew.
fn unpacked_firmware(context: &Context) -> Result<PathBuf> {
    kept(context, "firmware", "UEFI firmware for guests", |work| {
        let manifest = unpack(context, work, &FIRMWARE)?;
        Ok(fs::write(work.join(MANIFEST), manifest)?)
    })
}

/// The firmware that starts guests of base images.
///
/// # Errors
/// [`HostLacks`] where it cannot be had.
pub(crate) fn firmware(context: &Context) -> Result<Firmware> {
    let root = unpacked_firmware(context)?;
    let [code, variables] = OVMF.map(|file| root.join(file));
    Ok(Firmware { code, variables })
}

/// Makes an installation medium that writes the Linux guest to a disk, from which UEFI firmware starts it. It goes the way of Windows Setup:
/// it asks for a key before it starts, and for an answer file.
///
/// # Errors
/// As [`make`].
pub(crate) fn medium(context: &Context, to: &Path) -> Result<()> {
    let folder = context.layout.rig().join("guest");
    layout::make(&folder)?;
    let (system, start) = (folder.join("system.img"), folder.join("start.img"));
    bootable(context, &make(context)?, "timeout 0\n", "", &system)?;
    // loader.conf(5): the menu waits until a key is pressed.
    let settings = "timeout menu-force\n";
    let setup = make_as(context, true)?;
    bootable(context, &setup, settings, linux::SETUP, &start)?;
    let made = iso::make(to, "LINUX", &[("SYSTEM.IMG", &system)], Some(&start));
    for file in [system, start] {
        fs::remove_file(file)?;
    }
    made.with_context(|| format!("cannot make {}", to.display()))
}

/// Makes a disk with a guest and a loader for it.
fn bootable(
    context: &Context,
    guest: &Guest,
    settings: &str,
    option: &str,
    to: &Path,
) -> Result<()> {
    let firmware = unpacked_firmware(context)?;
    let folder = context.layout.rig().join("guest");
    let (loader_conf, entry) = (folder.join("loader.conf"), folder.join("linux.conf"));
    fs::write(&loader_conf, settings)?;
    let text = format!(
        "title Linux\nlinux /linux\ninitrd /initramfs\noptions {} {option}\n",
        // The agent has the first port.
        linux::options("ttyS1")
    );
    fs::write(&entry, text)?;
    let loader = firmware.join(LOADER);
    let files: [(&str, &Path); 5] = [
        ("EFI/BOOT/BOOTX64.EFI", &loader),
        ("loader/loader.conf", &loader_conf),
        ("loader/entries/linux.conf", &entry),
        ("linux", &guest.kernel),
        ("initramfs", &guest.initramfs),
    ];
    let mut size = IMAGE_SPARE;
    for (_, file) in &files {
        size += fs::metadata(file)?.len();
    }
    Ok(disk::make(
        to,
        "LINUX",
        size.next_multiple_of(1 << 20),
        &files,
    )?)
}

/// The kernel that was unpacked before, else a new one.
fn kernel(context: &Context) -> Result<Kernel> {
    let root = kept(context, "kernel", "a Linux kernel for guests", |work| {
        unpack_kernel(context, work)
    })?;
    Ok(Kernel::find(&root)?)
}

/// A folder of `target/guest` that is made once.
pub(crate) fn kept(
    context: &Context,
    name: &str,
    what: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = context.layout.root().join("target/guest");
    let root = folder.join(name);
    if root.join(MANIFEST).is_file() {
        return Ok(root);
    }
    // Another run may do the same meanwhile: whoever is first is taken.
    let work = folder.join(format!("work-{name}-{}", std::process::id()));
    layout::fresh(&work)?;
    let made = context.ui.step("setup", what, || make(&work));
    if made.is_ok() {
        let _ = fs::rename(&work, &root);
    }
    let _ = fs::remove_dir_all(&work);
    made?;
    Ok(root)
}

/// What this distribution gives none of.
fn lacks(what: &str) -> HostLacks {
    HostLacks(format!(
        "this host gives no packages for a guest: {what}; `apt-get update` may help, and other machines need none: --machine sim"
    ))
}

/// Runs a program of the distribution's in a folder.
fn distribution(context: &Context, folder: &Path, words: &[&str]) -> Result<Output> {
    let command = Invocation::new(words[0])
        .args(words[1..].iter().copied())
        .cwd(folder);
    let line = command.line();
    let output = context.exec.run(&command);
    output.map_err(|error| lacks(&format!("`{line}` cannot be started: {error}")).into())
}

/// The kernel's packages to `work`.
fn unpack_kernel(context: &Context, work: &Path) -> Result<()> {
    let Some(packages) = PACKAGES.iter().find_map(|package| {
        let words = [
            "apt-cache",
            "depends",
            "--recurse",
            "--no-recommends",
            "--no-suggests",
            "--no-conflicts",
            "--no-breaks",
            "--no-replaces",
            "--no-enhances",
            package,
        ];
        let output = distribution(context, work, &words).ok()?;
        let parts = parts(&output.stdout);
        (output.success() && !parts.is_empty()).then_some(parts)
    }) else {
        bail!(lacks(&format!(
            "apt-cache knows neither {}",
            PACKAGES.join(" nor ")
        )));
    };
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    let manifest = unpack(context, work, &packages)?;
    Kernel::find(work)?;
    Ok(fs::write(work.join(MANIFEST), manifest)?)
}

/// Downloads packages and unpacks them to `work`, installing nothing; gives their hashes, a line for each.
fn unpack(context: &Context, work: &Path, packages: &[&str]) -> Result<String> {
    for package in packages {
        let output = distribution(context, work, &["apt-get", "download", package])?;
        if !output.success() {
            bail!(lacks(&format!(
                "apt-get download {package}: {}",
                output.stderr.trim()
            )));
        }
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(work)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "deb"));
    files.sort();
    let mut manifest = String::new();
    for file in files {
        let name = file.display().to_string();
        let output = distribution(context, work, &["dpkg-deb", "--extract", &name, "."])?;
        if !output.success() {
            bail!("{name} cannot be unpacked: {}", output.stderr.trim());
        }
        let bytes = fs::read(&file)?;
        let short = file.file_name().unwrap_or_default().to_string_lossy();
        manifest += &format!("{}  {short}\n", Sha256Digest::of(&bytes));
        fs::remove_file(&file)?;
    }
    Ok(manifest)
}

/// The packages of a kernel's version among what `apt-cache depends --recurse` lists.
fn parts(depends: &str) -> Vec<String> {
    let mut parts: Vec<String> = depends
        .lines()
        .filter(|line| !line.starts_with([' ', '<']))
        .filter(|name| {
            PARTS.iter().any(|part| {
                let version = name.strip_prefix(part);
                version.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            })
        })
        .map(str::to_owned)
        .collect();
    parts.sort();
    parts.dedup();
    parts
}

/// What the programs need to be started, as ldd(1) lists it.
fn shared_objects(context: &Context, programs: &[&Path]) -> Result<Vec<PathBuf>> {
    let mut objects = Vec::new();
    for program in programs {
        let ldd = Invocation::new("ldd").args([program.as_os_str()]);
        let output = context.exec.run(&ldd).context("cannot start ldd")?;
        if !output.success() {
            bail!("`{}` fails: {}", ldd.line(), output.stderr.trim());
        }
        objects.extend(listed(&output.stdout));
    }
    objects.sort();
    objects.dedup();
    Ok(objects)
}

/// The files among what ldd prints: behind an arrow, or alone for the loader.
fn listed(ldd: &str) -> Vec<PathBuf> {
    ldd.lines()
        .filter_map(|line| {
            let file = line.rsplit("=>").next()?.split_whitespace().next()?;
            file.starts_with('/').then(|| PathBuf::from(file))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_a_version_are_found() {
        let check = |text: &str, expect: &[&str]| assert_eq!(parts(text), expect, "{text:?}");
        let debian = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\nlinux-image-6.1.0-56-cloud-amd64\n  Depends: kmod\nkmod\n";
        check(debian, &["linux-image-6.1.0-56-cloud-amd64"]);
        let ubuntu = "linux-image-virtual\nlinux-image-6.8.0-1-generic\nlinux-modules-6.8.0-1-generic\n<linux-image>\nlinux-modules-6.8.0-1-generic\n";
        check(
            ubuntu,
            &[
                "linux-image-6.8.0-1-generic",
                "linux-modules-6.8.0-1-generic",
            ],
        );
        check("", &[]);
    }

    #[test]
    fn shared_objects_are_read_from_ldd() {
        let text = "\tlinux-vdso.so.1 (0x0000)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x0000)\n\t/lib64/ld-linux-x86-64.so.2 (0x0000)\n";
        let expect = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(listed(text), expect.map(PathBuf::from));
        assert!(listed("\tstatically linked\n").is_empty());
    }
}
