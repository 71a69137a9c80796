//! Import libraries for the kernel's images, made from mingw-w64's lists of names. rustc writes the same kind for raw-dylib.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ar_archive_writer::{COFFShortExport, write_import_library};
use object::read::archive::ArchiveFile;

use crate::{Arch, files};

/// Names that mingw-w64 lacks, by image.
pub(crate) const EXTRA_EXPORTS: &str = include_str!("../data/extra-exports.txt");

/// What an exported name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Called through a thunk or through `__imp_name`.
    Function,
    /// Read through `__imp_name` only.
    Data,
}

/// The exports of one image, sorted by name.
type Exports = BTreeMap<String, Kind>;

/// Writes the libraries that wdk-build names for a WDM driver, and that of the port class, into `folder`.
///
/// `mingw_lib` is the folder of `libntoskrnl.a` and `libhal.a`.
pub(crate) fn write_all(arch: Arch, mingw_lib: &Path, folder: &Path) -> Result<()> {
    let extra = parse_extra(EXTRA_EXPORTS)?;
    for (library, image, source) in [
        ("ntoskrnl.lib", "ntoskrnl.exe", Some("libntoskrnl.a")),
        ("hal.lib", "hal.dll", Some("libhal.a")),
        ("wmilib.lib", "wmilib.sys", None),
        ("portcls.lib", "portcls.sys", None),
    ] {
        let mut exports = Exports::new();
        if let Some(source) = source {
            let path = mingw_lib.join(source);
            let bytes = files::read(&path)?;
            exports = listed(&bytes)
                .with_context(|| format!("cannot list the names in {}", path.display()))?;
        }
        exports.extend(
            extra
                .get(image)
                .into_iter()
                .flatten()
                .map(|name| (name.clone(), Kind::Function)),
        );
        files::write(&folder.join(library), library_bytes(arch, image, &exports)?)?;
    }
    // Buffer-overflow checks and the like are C code's; Rust calls nothing in them, but wdk-build links them.
    for library in ["BufferOverflowFastFailK.lib"]
        .iter()
        .chain(arch.extra_libraries())
    {
        files::write(&folder.join(library), "!<arch>\n")?;
    }
    Ok(())
}

/// The exports that an import library's symbol index lists: a function has its own name and `__imp_name`, data the latter only.
fn listed(archive: &[u8]) -> Result<Exports> {
    let archive = ArchiveFile::parse(archive)?;
    let symbols = archive.symbols()?.context("it has no symbol index")?;
    let mut exports = Exports::new();
    let mut plain = Vec::new();
    for symbol in symbols {
        let symbol = symbol?;
        let name = std::str::from_utf8(symbol.name())?;
        match name.strip_prefix("__imp_") {
            Some(name) => drop(exports.insert(name.to_owned(), Kind::Data)),
            None => plain.push(name),
        }
    }
    for name in plain {
        if let Some(kind) = exports.get_mut(name) {
            *kind = Kind::Function;
        }
    }
    ensure!(!exports.is_empty(), "it imports nothing");
    Ok(exports)
}

/// Reads the `[image]` sections of the extra names.
fn parse_extra(text: &str) -> Result<BTreeMap<&str, Vec<String>>> {
    let mut images: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(image) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            current = Some(image);
            images.entry(image).or_default();
        } else if let Some(image) = current {
            images.entry(image).or_default().push(line.to_owned());
        } else {
            bail!("extra-exports.txt: {line:?} stands before the first [image]");
        }
    }
    Ok(images)
}

fn library_bytes(arch: Arch, image: &str, exports: &Exports) -> Result<Vec<u8>> {
    let exports: Vec<_> = exports
        .iter()
        .map(|(name, kind)| COFFShortExport {
            name: name.clone(),
            ext_name: None,
            symbol_name: Some(name.clone()),
            import_name: None,
            export_as: None,
            ordinal: 0,
            noname: false,
            data: *kind == Kind::Data,
            private: false,
            constant: false,
        })
        .collect();
    let mut bytes = Cursor::new(Vec::new());
    write_import_library(
        &mut bytes,
        image,
        &exports,
        arch.coff_machine(),
        false,
        false,
        &[],
    )
    .with_context(|| format!("cannot make an import library for {image}"))?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(names: &[(&str, Kind)]) -> Vec<u8> {
        let exports = names
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), *kind))
            .collect();
        library_bytes(Arch::X64, "ntoskrnl.exe", &exports).unwrap()
    }

    #[test]
    fn a_library_lists_what_went_into_it() {
        let names = [
            ("KeBugCheckEx", Kind::Function),
            ("NtBuildNumber", Kind::Data),
        ];
        let found = listed(&library(&names)).unwrap();
        let expect: Exports = names
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), *kind))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn the_same_names_give_the_same_bytes() {
        let names = [
            ("KeBugCheckEx", Kind::Function),
            ("DbgPrint", Kind::Function),
        ];
        assert_eq!(library(&names), library(&[names[1], names[0]]));
    }

    #[test]
    fn what_is_not_an_import_library_is_refused() {
        for bytes in [&b"not an archive"[..], b"!<arch>\n", &[]] {
            assert!(listed(bytes).is_err());
        }
    }

    #[test]
    fn extra_names_belong_to_an_image() {
        assert_eq!(
            parse_extra("# c\n[a.sys]\nX\n\n[b.sys]\n").unwrap()["a.sys"],
            ["X"]
        );
        assert!(parse_extra("X\n").is_err());
        assert!(parse_extra(EXTRA_EXPORTS).unwrap()["wmilib.sys"].len() == 3);
    }
}
