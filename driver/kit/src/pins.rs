//! Everything beside the sources and the crates that decides the driver's bytes, each with what identifies it: for a release's bill of
//! materials and its provenance.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::kit::prepare;
use crate::toolchain::Toolchain;
use crate::{Arch, Invocation, Runner, Workspace, driver, files, host, link, requirements, vendor};

/// Something that decides bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What it is.
    pub name: String,
    /// Which one, in the words of whoever made it.
    pub version: String,
    /// SHA-256, in hexadecimal, of the file, or of all files of a folder with their names.
    pub sha256: Option<String>,
}

/// What decides the bytes of a driver that is built here for `arch`: compiler, linker, flags, headers, import libraries, changed crates.
///
/// # Errors
/// What [`crate::build`] says of a host that lacks something; files of the kit that cannot be read.
pub fn pins(runner: &dyn Runner, workspace: &Workspace, arch: Arch) -> Result<Vec<Pin>> {
    let _lock = driver::lock(workspace)?;
    let toolchain = Toolchain::find(runner, workspace)?;
    let kit = prepare(runner, workspace, &toolchain, arch)?;
    let said = |program: &str, words: &[&str], path: Option<PathBuf>| {
        let mut command = Invocation::new(program)
            .args(words.iter().copied())
            .cwd(workspace.root());
        if let Some(path) = path {
            command = command.env("PATH", path);
        }
        let output = runner
            .run(&command)
            .with_context(|| format!("cannot start {program}"))?;
        anyhow::Ok(
            output
                .stdout
                .lines()
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        )
    };
    let pin = |name: &str, version: String, sha256: Option<String>| Pin {
        name: name.to_owned(),
        version,
        sha256,
    };
    let mut pins = vec![
        pin("rustc", said("rustc", &["--version"], None)?, None),
        pin("cargo", said("cargo", &["--version"], None)?, None),
        pin(
            "rust-lld",
            said(
                "rust-lld",
                &["-flavor", "link", "--version"],
                Some(toolchain.linker_folder()),
            )?,
            None,
        ),
        pin(
            "rustc flags",
            driver::flags_in_words(workspace, &kit, &toolchain),
            None,
        ),
        pin("linker arguments", link::arguments_in_words(arch), None),
        pin(
            "kernel headers",
            origin().to_owned(),
            Some(folder_digest(&kit.include_folder)?),
        ),
        pin(
            "import libraries",
            origin().to_owned(),
            Some(folder_digest(&kit.library_folder)?),
        ),
    ];
    if cfg!(not(windows)) {
        let (changed, patch) = vendor::change();
        pins.push(pin(
            "patch of wdk-build",
            format!("{changed}, runs on this host"),
            Some(patch),
        ));
        pins.push(pin("libclang", libclang()?, None));
        // Its libraries go into the programs, not into the driver.
        let linker = said("x86_64-w64-mingw32-gcc", &["--version"], None)?;
        pins.push(pin("mingw-w64", linker, None));
    }
    Ok(pins)
}

/// The version of the library that reads the headers: its own headers lie in a folder of that name.
fn libclang() -> Result<String> {
    let configured = requirements::configured_libclang();
    let found =
        host::libclang(Path::new("/"), configured.as_deref()).context("libclang has gone")?;
    let version = found.resource_folder.file_name().unwrap_or_default();
    Ok(version.to_string_lossy().into_owned())
}

/// Whose headers and libraries they are.
fn origin() -> &'static str {
    if cfg!(windows) {
        "installed Windows Driver Kit"
    } else {
        "open kit: mingw-w64's headers with the kit's additions, generated libraries"
    }
}

/// The digest of all files below a folder, by their names there, in order. Links count as what they lead to.
fn folder_digest(folder: &Path) -> Result<String> {
    let mut names = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let here = folder.join(&below);
        let entries =
            fs::read_dir(&here).with_context(|| format!("cannot read {}", here.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", here.display()))?;
            let name = below.join(entry.file_name());
            match folder.join(&name).is_dir() {
                true => open.push(name),
                false => names.push(name),
            }
        }
    }
    names.sort();
    let mut all = Sha256::new();
    for name in names {
        let bytes = files::read(&folder.join(&name))?;
        let spelled = name.to_string_lossy().replace('\\', "/");
        all.update((spelled.len() as u64).to_le_bytes());
        all.update(spelled);
        all.update((bytes.len() as u64).to_le_bytes());
        all.update(bytes);
    }
    Ok(hex(&all.finalize()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_names_and_contents() {
        let folder = std::env::temp_dir().join(format!("waverig-pins-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a.h", "one");
        write("b/c.h", "two");
        let first = folder_digest(&folder).unwrap();
        write("b/c.h", "twx");
        let changed = folder_digest(&folder).unwrap();
        write("b/c.h", "two");
        assert_eq!(folder_digest(&folder).unwrap(), first);
        fs::rename(folder.join("a.h"), folder.join("d.h")).unwrap();
        let renamed = folder_digest(&folder).unwrap();
        assert!(first != changed && first != renamed && changed != renamed);
        fs::remove_dir_all(&folder).unwrap();
        assert!(
            folder_digest(&folder)
                .unwrap_err()
                .to_string()
                .contains("cannot read")
        );
    }
}
