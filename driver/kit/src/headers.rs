//! The kit's header folders: mingw-w64's headers under the names that wdk-build looks for, with the kit's additions.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::host::Mingw;
use crate::{files, layout};

/// Declarations around mingw-w64's `ntddk.h`.
const BEFORE: &str = include_str!("../data/addendum-before.h");
const AFTER: &str = include_str!("../data/addendum-after.h");

/// Stands before clang's header of that name.
pub(crate) const INTRINSICS: &str = include_str!("../data/x86intrin.h");

/// The name under which mingw-w64's own `ntddk.h` stands beside the kit's.
const ORIGINAL: &str = "ntddk_mingw.h";

/// Makes `km`, `km/crt` and `shared` in `folder`.
pub(crate) fn write(mingw: &Mingw, folder: &Path) -> Result<()> {
    let km = folder.join("km");
    let crt = km.join("crt");
    files::make_folder(&crt)?;
    files::write(&crt.join("x86intrin.h"), INTRINSICS)?;
    link(&mingw.include, &folder.join("shared"))?;
    let ddk = mingw.include.join("ddk");
    for entry in fs::read_dir(&ddk).with_context(|| format!("cannot read {}", ddk.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", ddk.display()))?;
        let name = entry.file_name();
        let name = if name == "ntddk.h" {
            ORIGINAL.into()
        } else {
            name
        };
        link(&entry.path(), &km.join(name))?;
    }
    files::write(&km.join("ntddk.h"), ntddk()?)
}

/// The kit's `ntddk.h`.
pub(crate) fn ntddk() -> Result<String> {
    let guard = "WAVERIG_KIT_NTDDK_H";
    let layout = layout::assertions(layout::TABLE)?;
    Ok(format!(
        "#ifndef {guard}\n#define {guard}\n{BEFORE}#include \"{ORIGINAL}\"\n{AFTER}{layout}#endif\n"
    ))
}

#[cfg(unix)]
fn link(original: &Path, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(original, link).with_context(|| {
        format!(
            "cannot make the link {} to {}",
            link.display(),
            original.display()
        )
    })
}

#[cfg(not(unix))]
fn link(original: &Path, _link: &Path) -> Result<()> {
    anyhow::bail!(
        "{} is not used on this host: install the WDK instead",
        original.display()
    )
}
