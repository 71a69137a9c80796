//! The workspace's programs for Windows, as they are given to people: small, without a path of this machine, the same bytes in any folder.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::driver::{SOURCES, decides_bytes, remapped};
use crate::toolchain::Toolchain;
use crate::{Invocation, Runner, Workspace};

/// The profile in the workspace's Cargo.toml.
const PROFILE: &str = "programs";
/// What programs are built for where Windows is not the host: mingw-w64 links them.
const GNU: &str = "x86_64-pc-windows-gnu";
/// The target of [`build_programs`] on this host, as `cargo metadata --filter-platform` wants it.
pub const PROGRAMS: &str = if cfg!(windows) {
    "x86_64-pc-windows-msvc"
} else {
    GNU
};

/// Compiles and links these packages' programs below `target`; gives the folder with their `.exe` files.
///
/// # Errors
/// When cargo cannot be started, or something does not compile; a program that holds a path of this machine.
pub fn build_programs(
    runner: &dyn Runner,
    workspace: &Workspace,
    packages: &[&str],
    target: &Path,
) -> Result<PathBuf> {
    let toolchain = Toolchain::find(runner, workspace)?;
    let triple = triple(&toolchain.host);
    let home = cargo_home()?;
    let folders = Folders {
        workspace: workspace.root(),
        home: &home,
        registries: registries(&home),
    };
    let tools = match triple {
        GNU => Some(tools(target, &toolchain)?),
        _ => None,
    };
    let words = packages.iter().flat_map(|name| ["--package", name]);
    let mut cargo = Invocation::new("cargo")
        .args(["build", "--quiet", "--locked", "--profile", PROFILE])
        .args(["--target", triple])
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .args(words)
        .cwd(workspace.root())
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            rustflags(&folders, &toolchain, triple),
        )
        .inherit();
    for (name, _) in env::vars_os().filter(|(name, _)| decides_bytes(&name.to_string_lossy())) {
        cargo = cargo.env_remove(name);
    }
    if let Some(tools) = tools {
        cargo = cargo
            .env("PATH", tools.path)
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", tools.linker)
            .env("WAVERIG_ROOT", workspace.root())
            .env("WAVERIG_SYSROOT", &toolchain.sysroot)
            .env("WAVERIG_SYSROOT_LINK", target.join(SYSROOT_LINK))
            .env("WAVERIG_LLD", toolchain.lld());
    }
    let output = runner.run(&cargo).context("cannot start cargo")?;
    ensure!(
        output.success(),
        "{} does not compile: see cargo's messages above",
        packages.join(", ")
    );
    let folder = target.join(triple).join(PROFILE);
    for name in packages {
        let file = folder.join(name).with_extension("exe");
        let bytes = fs::read(&file).with_context(|| format!("{} was not built", file.display()))?;
        for place in [workspace.root(), &home, &toolchain.sysroot] {
            let place = place.to_string_lossy();
            ensure!(
                !holds(&bytes, place.as_bytes()),
                "{} holds the path {place}, so another machine would make another one; something is not remapped",
                file.display()
            );
        }
    }
    Ok(folder)
}

/// Stands between rustc and its own LLD, which knows less of a host than mingw-w64's linker would, and enters a load configuration
/// (user/setup/src/windows/load.rs); mingw-w64's compiler says where the libraries are. Imports of one library come from several archives
/// (Rust's, mingw-w64's, our crates'), and the linker puts them into the order of the archives' names. So those that lie in folders of this
/// machine get names without them.
const LINKER: &str = r#"#!/bin/sh
for word do
    case $word in
        "$WAVERIG_SYSROOT"/*) word=$WAVERIG_SYSROOT_LINK/${word#"$WAVERIG_SYSROOT"/} ;;
    esac
    case $word in
        "$WAVERIG_ROOT"/*) word=${word#"$WAVERIG_ROOT"/} ;;
    esac
    set -- "$@" "$word"
    shift
done
for library in libgcc.a libmingw32.a
do
    found=$(x86_64-w64-mingw32-gcc -print-file-name=$library) || exit
    set -- "$@" "-L${found%/*}"
done
exec "$WAVERIG_LLD" "$@"
"#;
/// binutils' dlltool gives its files' names to a shell as they are, which takes a space for their end: it works inside their folder. It makes of the
/// library's name the symbol that leads to the DLL's entry in the import table; that name has the crate in it, since LLD keeps the imports of each
/// archive together, and several crates import from one DLL: with one symbol for all of them the others' imports would have no entry, and
/// Windows would not fill them in. Found before the real one, in a folder that stands first in PATH.
const DLLTOOL: &str = r#"#!/bin/sh
PATH=${PATH#*:}
for word do
    case $word in
        *.def) folder=${word%/*} ;;
        *.lib) library=${word##*/} ;;
    esac
done
cd "$folder" || exit
named=$CARGO_CRATE_NAME-$CARGO_PKG_VERSION-$library
for word do
    case $word in
        "$folder/$library") word=./$named ;;
        "$folder"/*) word=./${word#"$folder"/} ;;
    esac
    set -- "$@" "$word"
    shift
done
x86_64-w64-mingw32-dlltool "$@" && mv "$named" "$library"
"#;
/// Leads to Rust's libraries from below the workspace.
const SYSROOT_LINK: &str = "sysroot";

/// What stands before mingw-w64's programs.
struct Tools {
    linker: PathBuf,
    /// PATH, with the folder of the other one first.
    path: OsString,
}

/// Writes both scripts below `target`.
#[cfg(unix)]
fn tools(target: &Path, toolchain: &Toolchain) -> Result<Tools> {
    use std::os::unix::fs::{OpenOptionsExt as _, symlink};
    let folder = target.join("tools");
    let script = |path: &Path, text: &str| {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o755);
        std::io::Write::write_all(&mut options.open(path)?, text.as_bytes())
    };
    let (linker, dlltool) = (
        target.join("linker"),
        folder.join("x86_64-w64-mingw32-dlltool"),
    );
    // Cargo does not know that they decide bytes: what others have made is made anew.
    let same = [(&linker, LINKER), (&dlltool, DLLTOOL)]
        .into_iter()
        .all(|(path, text)| fs::read_to_string(path).is_ok_and(|found| found == text));
    if !same {
        crate::files::remove_folder(target)?;
    }
    let write = || {
        fs::create_dir_all(&folder)?;
        let link = target.join(SYSROOT_LINK);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => symlink(&toolchain.sysroot, link)?,
        }
        script(&linker, LINKER)?;
        script(&dlltool, DLLTOOL)
    };
    write().with_context(|| format!("{} cannot be written", target.display()))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(env::split_paths(&path));
    let path = env::join_paths(folders)
        .with_context(|| format!("{}: a folder in PATH may have no colon", target.display()))?;
    Ok(Tools { linker, path })
}

/// Where there is no shell, mingw-w64's libraries are the toolchain's own (rust-mingw), and the order is the host's.
#[cfg(not(unix))]
fn tools(_: &Path, toolchain: &Toolchain) -> Result<Tools> {
    Ok(Tools {
        linker: toolchain.lld(),
        path: env::var_os("PATH").unwrap_or_default(),
    })
}

/// On Windows what the host itself is, so that its own linker serves.
fn triple(host: &str) -> &str {
    if host.contains("windows") { host } else { GNU }
}

/// Where things lie on this machine that must not be told.
struct Folders<'a> {
    workspace: &'a Path,
    home: &'a Path,
    /// Sources of dependencies.
    registries: Vec<PathBuf>,
}

fn cargo_home() -> Result<PathBuf> {
    match env::var_os("CARGO_HOME") {
        Some(home) => Ok(home.into()),
        None => Ok(env::home_dir()
            .context("this user has no home folder")?
            .join(".cargo")),
    }
}

/// One for each registry: its name has the hash of an address, which another host may have another one of.
fn registries(home: &Path) -> Vec<PathBuf> {
    // None yet: cargo makes it when it fetches, and its name is that of the only one then; the check of the result tells.
    let entries = fs::read_dir(home.join("registry/src"));
    let mut folders: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
}

fn rustflags(folders: &Folders, toolchain: &Toolchain, triple: &str) -> OsString {
    // No time of the build. Where Microsoft links: libraries are taken from System32 only (LOAD_LIBRARY_SEARCH_SYSTEM32), and the C run-time
    // is in the program, so that a machine without it needs no other download.
    let flags = if triple.ends_with("msvc") {
        "-Clink-arg=/Brepro\x1f-Clink-arg=/DEPENDENTLOADFLAG:0x800\x1f-Ctarget-feature=+crt-static"
    } else {
        "-Clinker-flavor=ld.lld\x1f-Clink-self-contained=yes\x1f-Clink-arg=--no-insert-timestamp"
    };
    let registries = folders.registries.iter();
    let places = [(folders.home, "/cargo"), (folders.workspace, SOURCES)]
        .into_iter()
        .chain(registries.map(|folder| (folder.as_path(), "/dependencies")));
    remapped(flags, toolchain, places)
}

/// Whether a file holds a text.
fn holds(bytes: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_tells_neither_folders_nor_times() {
        let toolchain = Toolchain {
            sysroot: "/rust".into(),
            host: "x86_64-unknown-linux-gnu".into(),
            commit: "c0ffee".into(),
        };
        let folders = Folders {
            workspace: Path::new("/home/me/w"),
            home: Path::new("/home/me/.cargo"),
            registries: vec!["/home/me/.cargo/registry/src/x".into()],
        };
        let check = |host: &str, expect: &[&str]| {
            let flags = rustflags(&folders, &toolchain, triple(host));
            let flags = flags.into_string().expect("all of it is text");
            assert_eq!(flags.split('\x1f').collect::<Vec<_>>(), expect, "{host}");
        };
        let remaps = [
            "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/c0ffee",
            "--remap-path-prefix=/home/me/.cargo=/cargo",
            "--remap-path-prefix=/home/me/w=/waverig",
            "--remap-path-prefix=/home/me/.cargo/registry/src/x=/dependencies",
        ];
        let gnu = [
            "-Clinker-flavor=ld.lld",
            "-Clink-self-contained=yes",
            "-Clink-arg=--no-insert-timestamp",
        ];
        check("x86_64-unknown-linux-gnu", &[&gnu[..], &remaps].concat());
        let msvc = [
            "-Clink-arg=/Brepro",
            "-Clink-arg=/DEPENDENTLOADFLAG:0x800",
            "-Ctarget-feature=+crt-static",
        ];
        check("x86_64-pc-windows-msvc", &[&msvc[..], &remaps].concat());
        check("x86_64-pc-windows-gnu", &[&gnu[..], &remaps].concat());
    }

    #[test]
    fn a_path_in_a_program_is_found() {
        assert!(holds(b"abc/home/me/x", b"/home/me"));
        assert!(!holds(b"abc/home/m", b"/home/me"));
        assert!(!holds(b"", b"/home/me"));
    }
}
