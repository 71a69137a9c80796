//! The installed Windows Driver Kit, on Windows: found where wdk-build looks for it, and named to it, so that the headers that
//! it reads and the libraries that are linked here are of one version. Not yet seen with a real WDK.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Arch, Invocation, Runner};

/// An installed WDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wdk {
    /// The folder of `Include` and `Lib`.
    pub(crate) root: PathBuf,
    /// The newest version with the kernel's libraries, as a folder name.
    pub(crate) version: String,
}

impl Wdk {
    /// The folder of `km`.
    pub(crate) fn include_folder(&self) -> PathBuf {
        self.root.join("Include").join(&self.version)
    }

    /// The folder of `ntoskrnl.lib`.
    pub(crate) fn library_folder(&self, arch: Arch) -> PathBuf {
        self.root
            .join("Lib")
            .join(&self.version)
            .join("km")
            .join(arch.wdk_folder())
    }

    /// What wdk-build and bindgen read (`detect_wdk_content_root`, `detect_windows_sdk_version`; clang-sys).
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut list = vec![
            ("WDKContentRoot".into(), self.root.clone().into()),
            ("Version_Number".into(), self.version.clone().into()),
        ];
        if let Some(folder) = libclang() {
            list.push(("LIBCLANG_PATH".into(), folder.into()));
        }
        list
    }
}

/// Finds the WDK: `WDKContentRoot` (set in an eWDK prompt), else the registry's `KitsRoot10`.
pub(crate) fn find(runner: &dyn Runner, arch: Arch) -> Option<Wdk> {
    let root = match env::var_os("WDKContentRoot") {
        Some(root) => root.into(),
        None => registry_root(runner)?,
    };
    let version = match env::var("Version_Number") {
        Ok(version) => version,
        Err(_) => newest_version(&root.join("Lib"))?,
    };
    let wdk = Wdk { root, version };
    wdk.library_folder(arch)
        .join("ntoskrnl.lib")
        .is_file()
        .then_some(wdk)
}

fn registry_root(runner: &dyn Runner) -> Option<PathBuf> {
    let key = r"HKLM\SOFTWARE\Microsoft\Windows Kits\Installed Roots";
    let query = Invocation::new("reg").args(["query", key, "/v", "KitsRoot10", "/reg:32"]);
    registry_value(&runner.run(&query).ok()?.stdout)
}

/// The value in the answer of `reg query`: a line of name, type and value.
fn registry_value(answer: &str) -> Option<PathBuf> {
    let (_, value) = answer.lines().find_map(|line| line.split_once("REG_SZ"))?;
    Some(value.trim().into())
}

/// A Windows SDK that is newer than the WDK has a folder here too, but nothing for the kernel in it.
fn newest_version(lib: &Path) -> Option<String> {
    let names = fs::read_dir(lib)
        .ok()?
        .flatten()
        .filter(|entry| entry.path().join("km").is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("10.")).max()
}

/// A program of the installed kit, `signtool.exe` in `bin` or `infverif.exe` in `Tools`: of the newest version that has it, for x64.
pub fn kit_program(runner: &dyn Runner, folder: &str, name: &str) -> Option<PathBuf> {
    let root = match env::var_os("WDKContentRoot") {
        Some(root) => root.into(),
        None => registry_root(runner)?,
    };
    newest_program(&root.join(folder), name)
}

fn newest_program(folder: &Path, name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(folder).ok()?.flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("x64").join(name))
        .filter(|program| program.is_file())
        .collect();
    found.sort();
    found.pop()
}

/// The folder of `libclang.dll`: `LIBCLANG_PATH`, or where LLVM's installer puts it.
pub(crate) fn libclang() -> Option<PathBuf> {
    let usual = PathBuf::from(r"C:\Program Files\LLVM\bin");
    let folders = [crate::requirements::configured_libclang(), Some(usual)];
    folders
        .into_iter()
        .flatten()
        .find(|folder| folder.join("libclang.dll").is_file())
}

/// The folders of the dependencies' sources, one per registry: Cargo's own.
pub(crate) fn registry_sources() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("USERPROFILE")?).join(".cargo")));
    let Some(Ok(entries)) = home.map(|home| fs::read_dir(home.join("registry").join("src"))) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scripted, TestFolder};

    #[test]
    fn a_newer_sdk_without_the_kernels_libraries_is_not_taken() {
        let lib = TestFolder::new().with_files(&[
            "10.0.22621.0/km/x64/ntoskrnl.lib",
            "10.0.26100.0/km/x64/ntoskrnl.lib",
            "10.0.28000.0/um/x64/kernel32.lib",
            "wdf/kmdf/x64/1.33/wdfldr.lib",
        ]);
        let found = newest_version(lib.path());
        assert_eq!(found.as_deref(), Some("10.0.26100.0"));
    }

    #[test]
    fn a_kits_program_is_the_newest_there_is() {
        let bin = TestFolder::new().with_files(&[
            "10.0.22621.0/x64/signtool.exe",
            "10.0.26100.0/x64/signtool.exe",
            "10.0.28000.0/arm64/signtool.exe",
        ]);
        let found = newest_program(bin.path(), "signtool.exe");
        let expect = bin.path().join("10.0.26100.0/x64/signtool.exe");
        assert_eq!(found, Some(expect));
        assert_eq!(newest_program(bin.path(), "infverif.exe"), None);
    }

    #[test]
    fn the_registry_says_where_the_kits_are() {
        let key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows Kits\Installed Roots";
        let root = r"C:\Program Files (x86)\Windows Kits\10\";
        let answer = format!("\r\n{key}\r\n    KitsRoot10    REG_SZ    {root}\r\n\r\n");
        let runner = Scripted::new(&[("reg query", 0, &answer)]);
        assert_eq!(registry_root(&runner), Some(root.into()));
        assert!(runner.lines()[0].ends_with("/v KitsRoot10 /reg:32"));
        let without = Scripted::new(&[("reg query", 1, "")]);
        assert_eq!(registry_root(&without), None);
    }
}
