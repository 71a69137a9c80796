//! Package managers: which one the host has, what the needed packages are called there, how they are installed.

use std::path::Path;

use crate::{Invocation, Runner};

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackageManager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora.
    Dnf,
    /// Arch.
    Pacman,
    /// macOS.
    Brew,
    /// Windows.
    Winget,
}

/// What a package is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// libclang with its own headers.
    Libclang,
    /// mingw-w64's headers and import libraries for x86-64.
    Mingw,
    /// Microsoft's kit; Windows only.
    Wdk,
}

impl PackageManager {
    /// The one that the host under `root` has.
    pub(crate) fn find(root: &Path) -> Option<Self> {
        if cfg!(windows) {
            return Some(Self::Winget);
        }
        [
            (Self::Apt, "usr/bin/apt-get"),
            (Self::Dnf, "usr/bin/dnf"),
            (Self::Pacman, "usr/bin/pacman"),
            (Self::Brew, "opt/homebrew/bin/brew"),
            (Self::Brew, "usr/local/bin/brew"),
        ]
        .into_iter()
        .find_map(|(manager, program)| root.join(program).exists().then_some(manager))
    }

    /// The packages for a need.
    pub(crate) fn packages(self, need: Need, runner: &dyn Runner) -> Vec<String> {
        let names: &[&str] = match (self, need) {
            (Self::Apt, Need::Libclang) => return apt_libclang(runner),
            (Self::Apt, Need::Mingw) => &["mingw-w64-x86-64-dev"],
            (Self::Dnf, Need::Libclang) => &["clang-libs", "clang-resource-filesystem"],
            (Self::Dnf, Need::Mingw) => &["mingw64-headers", "mingw64-crt"],
            (Self::Pacman, Need::Libclang) => &["clang"],
            (Self::Pacman, Need::Mingw) => &["mingw-w64-headers", "mingw-w64-crt"],
            (Self::Brew, Need::Libclang) => &["llvm"],
            (Self::Brew, Need::Mingw) => &["mingw-w64"],
            (Self::Winget, Need::Libclang) => &["LLVM.LLVM"],
            (Self::Winget, Need::Wdk) => &[
                "Microsoft.WindowsSDK.10.0.26100",
                "Microsoft.WindowsWDK.10.0.26100",
            ],
            (Self::Winget, Need::Mingw) | (_, Need::Wdk) => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The commands that install packages, in order; without `sudo`.
    pub(crate) fn install(self, packages: &[String]) -> Vec<Invocation> {
        let (before, install): (&[&[&str]], &[&str]) = match self {
            Self::Apt => (
                &[&["apt-get", "update"]],
                &["apt-get", "install", "-y", "--no-install-recommends"],
            ),
            Self::Dnf => (&[], &["dnf", "install", "-y"]),
            Self::Pacman => (&[], &["pacman", "-Sy", "--noconfirm"]),
            Self::Brew => (&[], &["brew", "install"]),
            Self::Winget => {
                let one = |package| {
                    Invocation::new("winget")
                        .args(["install", "--source", "winget", "--exact", "--id"])
                        .args([package])
                };
                return packages.iter().map(one).collect();
            }
        };
        let command = |words: &[&str]| Invocation::new(words[0]).args(words[1..].iter().copied());
        let mut commands: Vec<_> = before.iter().map(|words| command(words)).collect();
        commands.push(command(install).args(packages));
        commands
    }

    /// Whether installing takes root's rights.
    pub(crate) fn needs_root(self) -> bool {
        matches!(self, Self::Apt | Self::Dnf | Self::Pacman)
    }
}

/// Debian names libclang's packages by version: the one that the distribution has chosen for `libclang-dev`. Without package lists,
/// `libclang-dev` itself, which is larger but depends on the right ones.
fn apt_libclang(runner: &dyn Runner) -> Vec<String> {
    let ask = |args: &[&str]| {
        let output = runner.run(&Invocation::new("apt-cache").args(args.iter().copied()));
        output.map(|output| output.stdout).unwrap_or_default()
    };
    let depends = ask(&["depends", "libclang-dev"]);
    let chosen = || {
        let names = depends
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: libclang-"));
        let version = names.filter_map(|name| name.strip_suffix("-dev")).next()?;
        // Ubuntu gave some libraries a suffix when their time type became 64 bits wide.
        let base = format!("libclang1-{version}");
        let known = ask(&["pkgnames", &base]);
        let library = known
            .lines()
            .filter(|name| name.trim_end_matches("t64") == base)
            .max()?;
        Some(vec![
            library.to_owned(),
            format!("libclang-common-{version}-dev"),
        ])
    };
    chosen().unwrap_or_else(|| vec!["libclang-dev".to_owned()])
}
