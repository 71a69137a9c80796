//! Finds what the host already has: libclang with its own headers, mingw-w64's headers and import libraries.
//!
//! Everything is found by search, because folder names carry versions that differ between distributions.

use std::fs;
use std::path::{Path, PathBuf};

/// A libclang and the headers that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Libclang {
    /// Folder of the shared library: `LIBCLANG_PATH`.
    pub(crate) library_folder: PathBuf,
    /// The compiler's own headers (`stddef.h` and friends lie in `include` below it): `-resource-dir`.
    pub(crate) resource_folder: PathBuf,
}

/// mingw-w64's development files; those of x64 serve every architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mingw {
    /// Folder of `windef.h`, with `ddk/ntddk.h` below.
    pub(crate) include: PathBuf,
    /// Folder of `libntoskrnl.a` and `libhal.a`.
    pub(crate) lib: PathBuf,
}

/// The oldest libclang seen to parse these headers; 16, 19 and 22 parse them too, with the same driver as a result.
const OLDEST_CLANG: u32 = 14;

/// Finds the newest libclang whose headers are installed too. `LIBCLANG_PATH` narrows the search to that folder.
pub(crate) fn libclang(root: &Path, configured: Option<&Path>) -> Option<Libclang> {
    let library_folders = match configured {
        Some(folder) => vec![folder.to_owned()],
        None => expand(
            root,
            &[
                "usr/lib/llvm-*/lib",
                "usr/lib/*-linux-gnu",
                "usr/lib64",
                "usr/lib64/llvm*/lib",
                "usr/lib",
                "usr/local/lib",
                "opt/homebrew/opt/llvm/lib",
                "usr/local/opt/llvm/lib",
            ],
        ),
    };
    let resource_folders = expand(
        root,
        &[
            "usr/lib/llvm-*/lib/clang/*",
            "usr/lib/clang/*",
            "usr/lib64/clang/*",
            "usr/local/lib/clang/*",
            "opt/homebrew/opt/llvm/lib/clang/*",
            "usr/local/opt/llvm/lib/clang/*",
        ],
    );
    let beside = library_folders
        .iter()
        .flat_map(|folder| children(&folder.join("clang"), ""));
    let resources: Vec<(u32, PathBuf)> = beside
        .chain(resource_folders)
        .filter(|folder| folder.join("include/stddef.h").is_file())
        .filter_map(|folder| Some((first_number(folder.file_name()?.to_str()?)?, folder)))
        .collect();
    library_folders
        .iter()
        .filter_map(|folder| Some((library_version(folder)?, folder)))
        .filter(|(version, _)| *version >= OLDEST_CLANG)
        .filter_map(|(version, folder)| {
            let (_, resource) = resources.iter().find(|(of, _)| *of == version)?;
            Some((
                version,
                Libclang {
                    library_folder: folder.clone(),
                    resource_folder: resource.clone(),
                },
            ))
        })
        .max_by_key(|(version, _)| *version)
        .map(|(_, found)| found)
}

/// The major version of the libclang in a folder, from the real name of the file (`libclang-14.so.14.0.6`, `libclang.so.18.1.3`).
fn library_version(folder: &Path) -> Option<u32> {
    children(folder, "libclang")
        .into_iter()
        .filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            // Not libclang-cpp, the compiler's C++ interface.
            let ours = |rest: &str| {
                rest.starts_with('.')
                    || rest
                        .strip_prefix('-')
                        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            let shared = name.contains(".so") || name.ends_with(".dylib");
            shared && name.strip_prefix("libclang").is_some_and(ours)
        })
        .filter_map(|path| {
            let real = fs::canonicalize(path).ok()?;
            first_number(real.file_name()?.to_str()?).or_else(|| first_number(real.to_str()?))
        })
        .max()
}

/// Finds mingw-w64's headers and, beside them or in the usual place, its import libraries.
pub(crate) fn mingw(root: &Path) -> Option<Mingw> {
    let prefix = "x86_64-w64-mingw32";
    let includes = expand(
        root,
        &[
            &format!("usr/{prefix}/include"),
            &format!("usr/{prefix}/sys-root/mingw/include"),
            "usr/share/mingw-w64/include",
            &format!("opt/homebrew/opt/mingw-w64/toolchain-*/{prefix}/include"),
            &format!("usr/local/opt/mingw-w64/toolchain-*/{prefix}/include"),
        ],
    );
    let usual = root.join("usr").join(prefix).join("lib");
    includes
        .into_iter()
        .filter(|include| {
            include.join("ddk/ntddk.h").is_file() && include.join("windef.h").is_file()
        })
        .find_map(|include| {
            let lib = [include.with_file_name("lib"), usual.clone()]
                .into_iter()
                .find(|lib| {
                    lib.join("libntoskrnl.a").is_file() && lib.join("libhal.a").is_file()
                })?;
            Some(Mingw { include, lib })
        })
}

/// The folders that match patterns in which `*` stands for any part of one path component.
fn expand(root: &Path, patterns: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for pattern in patterns {
        let mut level = vec![root.to_owned()];
        for component in pattern.split('/') {
            level = match component.split_once('*') {
                None => level
                    .into_iter()
                    .map(|folder| folder.join(component))
                    .collect(),
                Some((prefix, suffix)) => level
                    .iter()
                    .flat_map(|folder| children(folder, prefix))
                    .filter(|path| path.to_string_lossy().ends_with(suffix))
                    .collect(),
            };
        }
        found.extend(level.into_iter().filter(|folder| folder.is_dir()));
    }
    found
}

/// What lies in a folder under names that begin with `prefix`, in the order of their names.
fn children(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn first_number(text: &str) -> Option<u32> {
    let digits = text
        .split(|c: char| !c.is_ascii_digit())
        .find(|part| !part.is_empty())?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests;
