//! What the host needs before the driver can be built, where each part was found, and the commands that add what is missing.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host;
use crate::packages::{Need, PackageManager};
use crate::toolchain::Toolchain;
use crate::{Arch, Invocation, Runner, Workspace, wdk};

/// One thing the host needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// What it is, in a few words.
    pub name: String,
    /// Where it was found; `None` when it is missing.
    pub found: Option<PathBuf>,
    /// How to add it.
    source: Source,
}

/// Where a requirement comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// `rustup target add`.
    Rustup(&'static str),
    /// Packages of the host's package manager.
    Packages(PackageManager, Vec<String>),
    /// No known command.
    ByHand(&'static str),
}

/// How to get root's rights for the package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// They are there, or are not needed.
    Already,
    /// Through `sudo`, which asks for no password.
    Sudo,
}

/// What the host needs, present or not.
///
/// # Errors
/// When `rustc` cannot be asked where it lies.
pub fn requirements(
    runner: &dyn Runner,
    workspace: &Workspace,
    arch: Arch,
) -> Result<Vec<Requirement>> {
    let toolchain = Toolchain::find(runner, workspace)?;
    Ok(of_host(runner, &toolchain, arch, Path::new("/")))
}

/// The requirements of a host whose file system begins at `root`.
pub(crate) fn of_host(
    runner: &dyn Runner,
    toolchain: &Toolchain,
    arch: Arch,
    root: &Path,
) -> Vec<Requirement> {
    let target = toolchain.target_folder(arch);
    let mut list = vec![Requirement {
        name: format!("Rust target {}", arch.triple()),
        found: target.is_dir().then_some(target),
        source: Source::Rustup(arch.triple()),
    }];
    let manager = PackageManager::find(root);
    let mut add = |name: &str, found: Option<PathBuf>, need, by_hand| {
        // Names are looked up for what is missing only: asking the package manager takes time.
        let source = match manager {
            Some(manager) if found.is_none() => {
                Source::Packages(manager, manager.packages(need, runner))
            }
            Some(manager) => Source::Packages(manager, Vec::new()),
            None => Source::ByHand(by_hand),
        };
        list.push(Requirement {
            name: name.to_owned(),
            found,
            source,
        });
    };
    if cfg!(windows) {
        let found = wdk::find(runner, arch).map(|wdk| wdk.root);
        add(
            "Windows Driver Kit",
            found,
            Need::Wdk,
            "the Windows Driver Kit",
        );
        add(
            "libclang",
            wdk::libclang(),
            Need::Libclang,
            "LLVM with libclang",
        );
    } else {
        let found = host::libclang(root, configured_libclang().as_deref())
            .map(|found| found.library_folder);
        add(
            "libclang and its headers",
            found,
            Need::Libclang,
            "libclang 14 or newer with its headers",
        );
        let found = host::mingw(root).map(|found| found.include);
        add(
            "mingw-w64 headers with the DDK",
            found,
            Need::Mingw,
            "mingw-w64's headers and import libraries",
        );
    }
    list
}

/// `LIBCLANG_PATH`, which may name the library or its folder.
pub(crate) fn configured_libclang() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("LIBCLANG_PATH")?);
    if path.is_file() {
        path.parent().map(Path::to_owned)
    } else {
        Some(path)
    }
}

/// The one line to type for what is missing, with `sudo` where it is needed: toolchain parts first, then all packages in
/// one go; empty when nothing is missing.
///
/// # Errors
/// When something is missing that no known command adds.
pub fn install_line(requirements: &[Requirement]) -> Result<String> {
    let steps = steps(requirements)?;
    let lines: Vec<_> = steps
        .iter()
        .map(|(command, root)| with_sudo(command, *root).line())
        .collect();
    Ok(lines.join(" && "))
}

/// The commands, each with whether it takes root's rights.
fn steps(requirements: &[Requirement]) -> Result<Vec<(Invocation, bool)>> {
    let mut steps = Vec::new();
    let mut packages = Vec::new();
    let mut manager = None;
    for requirement in requirements
        .iter()
        .filter(|requirement| requirement.found.is_none())
    {
        match &requirement.source {
            Source::Rustup(target) => steps.push((
                Invocation::new("rustup").args(["target", "add", target]),
                false,
            )),
            Source::Packages(of, names) => {
                packages.extend(names.iter().cloned());
                manager = Some(*of);
            }
            Source::ByHand(what) => bail!(
                "{} is missing: install {what} with this system's own means",
                requirement.name
            ),
        }
    }
    if let Some(manager) = manager {
        steps.extend(
            manager
                .install(&packages)
                .into_iter()
                .map(|command| (command, manager.needs_root())),
        );
    }
    Ok(steps)
}

fn with_sudo(command: &Invocation, root: bool) -> Invocation {
    if !root {
        return command.clone();
    }
    Invocation::new("sudo")
        .args([command.program.clone()])
        .args(command.args.clone())
}

/// How this user can install packages without being asked anything; `None` when they cannot.
pub fn privilege(runner: &dyn Runner) -> Option<Privilege> {
    let says = |program: &str, args: &[&str]| {
        runner
            .run(&Invocation::new(program).args(args.iter().copied()))
            .ok()
    };
    if cfg!(windows) || says("id", &["-u"]).is_some_and(|id| id.stdout.trim() == "0") {
        return Some(Privilege::Already);
    }
    says("sudo", &["-n", "true"])
        .filter(|sudo| sudo.success())
        .map(|_| Privilege::Sudo)
}

/// Runs the commands of [`install_line`], their output streaming to the user. Whether that is allowed is the caller's to decide.
///
/// # Errors
/// When a command cannot be started or fails.
pub fn install(
    runner: &dyn Runner,
    requirements: &[Requirement],
    privilege: Privilege,
) -> Result<()> {
    for (command, root) in steps(requirements)? {
        let command = with_sudo(&command, root && privilege == Privilege::Sudo)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .inherit();
        let output = runner
            .run(&command)
            .with_context(|| format!("cannot start `{}`", command.line()))?;
        if !output.success() {
            bail!(
                "`{}` failed: see its messages above, then run it by hand",
                command.line()
            );
        }
    }
    Ok(())
}

/// Nothing, or an error that names what is missing and the line that adds it.
pub(crate) fn ensure_met(requirements: &[Requirement]) -> Result<()> {
    let missing: Vec<_> = requirements
        .iter()
        .filter(|requirement| requirement.found.is_none())
        .map(|requirement| requirement.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "missing on this host: {}; run: {}",
        missing.join(", "),
        install_line(requirements)?
    )
}

// On Windows the answers come from the registry and from winget: see wdk.rs and packages.rs.
#[cfg(all(test, not(windows)))]
mod tests;
