//! The Linux guest for QEMU: the kernel of this distribution's package, unpacked, and an initramfs with the agent.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use waverig_kit::{Invocation, Output};
use waverig_package::Sha256Digest;
use waverig_vm::linux::{Kernel, initramfs};

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
    let kernel = kernel(context)?;
    let agent = agent::build(context)?;
    let program = env::current_exe().context("this program cannot find its own file")?;
    let objects = shared_objects(context, &[&agent, &program])?;
    let folder = context.layout.rig().join("guest");
    layout::make(&folder)?;
    let to = folder.join("initramfs.cpio");
    initramfs(&to, &kernel, &agent, &objects)
        .with_context(|| format!("cannot make an initramfs for Linux {}", kernel.release))?;
    Ok(Guest {
        kernel: kernel.image,
        initramfs: to,
    })
}

/// The kernel that was unpacked before, else a new one.
fn kernel(context: &Context) -> Result<Kernel> {
    let root = context.layout.root().join("target/guest/kernel");
    if root.join(MANIFEST).is_file() {
        return Ok(Kernel::find(&root)?);
    }
    // Another run may do the same meanwhile: whoever is first is taken.
    let work = context
        .layout
        .root()
        .join(format!("target/guest/work-{}", std::process::id()));
    layout::fresh(&work)?;
    let unpacked = context.ui.step("setup", "a Linux kernel for guests", || {
        unpack(context, &work)
    });
    if unpacked.is_ok() {
        let _ = fs::rename(&work, &root);
    }
    let _ = fs::remove_dir_all(&work);
    unpacked?;
    Ok(Kernel::find(&root)?)
}

/// Downloads the packages and unpacks them to `work`; installs nothing.
fn unpack(context: &Context, work: &Path) -> Result<()> {
    let lacks = |what: &str| {
        HostLacks(format!(
            "this host gives no Linux kernel for the guest: {what}; `apt-get update` may help, and other machines need none: --machine sim"
        ))
    };
    let run = |words: &[&str]| -> Result<Output> {
        let command = Invocation::new(words[0])
            .args(words[1..].iter().copied())
            .cwd(work);
        let line = command.line();
        let output = context.exec.run(&command);
        output.map_err(|error| lacks(&format!("`{line}` cannot be started: {error}")).into())
    };
    let Some(packages) = PACKAGES.iter().find_map(|package| {
        let output = run(&[
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
        ])
        .ok()?;
        let parts = parts(&output.stdout);
        (output.success() && !parts.is_empty()).then_some(parts)
    }) else {
        bail!(lacks(&format!(
            "apt-cache knows neither {}",
            PACKAGES.join(" nor ")
        )));
    };
    let mut manifest = String::new();
    for package in packages {
        let output = run(&["apt-get", "download", &package])?;
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
    files.sort();
    for file in files {
        let name = file.display().to_string();
        let output = run(&["dpkg-deb", "--extract", &name, "."])?;
        if !output.success() {
            bail!("{name} cannot be unpacked: {}", output.stderr.trim());
        }
        let bytes = fs::read(&file)?;
        let short = file.file_name().unwrap_or_default().to_string_lossy();
        manifest += &format!("{}  {short}\n", Sha256Digest::of(&bytes));
        fs::remove_file(&file)?;
    }
    Kernel::find(work)?;
    Ok(fs::write(work.join(MANIFEST), manifest)?)
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
