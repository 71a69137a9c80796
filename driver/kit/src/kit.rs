//! Makes the kit folder and says how to build with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::host::{self, Libclang, Mingw};
use crate::stamp::Inputs;
use crate::toolchain::Toolchain;
use crate::{Arch, Runner, Workspace, files, headers, implib, requirements, vendor, wdk};

/// The WDK version whose folder names the kit has. The headers declare what this WDK and Windows 10 2004 have in common.
const VERSION: &str = "10.0.26100.0";

/// A kit that is ready: what Cargo and the linker need to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kit {
    /// Folder of `km` and `shared`, with the headers; on Windows the installed kit's.
    pub(crate) include_folder: PathBuf,
    /// Folder of `ntoskrnl.lib` and the others.
    pub(crate) library_folder: PathBuf,
    /// Environment of Cargo.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Arguments of Cargo.
    pub(crate) cargo_args: Vec<String>,
    /// Where the sources of the dependencies lie: folders that get one name in the symbol file.
    pub(crate) dependency_folders: Vec<PathBuf>,
}

/// Prepares everything the driver's build needs on this host; near-free when nothing changed.
///
/// On Windows that is the installed WDK with wdk-build as published. Not yet seen with a real WDK.
pub(crate) fn prepare(
    runner: &dyn Runner,
    workspace: &Workspace,
    toolchain: &Toolchain,
    arch: Arch,
) -> Result<Kit> {
    let root = Path::new("/");
    requirements::ensure_met(&requirements::of_host(runner, toolchain, arch, root))?;
    if cfg!(windows) {
        let wdk = wdk::find(runner, arch).context("the Windows Driver Kit has gone")?;
        return Ok(Kit {
            include_folder: wdk.include_folder(),
            library_folder: wdk.library_folder(arch),
            env: wdk.environment(),
            cargo_args: Vec::new(),
            dependency_folders: wdk::registry_sources(),
        });
    }
    let configured = requirements::configured_libclang();
    let libclang = host::libclang(root, configured.as_deref()).context("libclang has gone")?;
    let mingw = host::mingw(root).context("mingw-w64's headers have gone")?;
    let kit = workspace.kit();
    write_wdk(workspace, arch, &mingw, &libclang)?;
    vendor::prepare(runner, workspace)?;
    Ok(Kit {
        include_folder: kit.join("Include").join(VERSION),
        library_folder: library_folder(&kit, arch),
        env: environment(&kit, arch, &libclang),
        cargo_args: vendor::cargo_args(&workspace.vendor()).into(),
        dependency_folders: vec![workspace.vendor()],
    })
}

fn library_folder(kit: &Path, arch: Arch) -> PathBuf {
    kit.join("Lib")
        .join(VERSION)
        .join("km")
        .join(arch.wdk_folder())
}

/// Headers and import libraries, in the folders of an installed WDK.
fn write_wdk(workspace: &Workspace, arch: Arch, mingw: &Mingw, libclang: &Libclang) -> Result<()> {
    let kit = workspace.kit();
    let header_stamp = Inputs::default()
        .add(mingw.include.as_os_str().as_encoded_bytes())
        .add_file(&mingw.include.join("_mingw_mac.h"))?
        .add_file(&mingw.include.join("ddk/wdm.h"))?
        .add(libclang.resource_folder.as_os_str().as_encoded_bytes())
        .add(headers::ntddk()?)
        .add(headers::INTRINSICS)
        .stamp(&kit, "headers");
    if !header_stamp.is_current() {
        header_stamp.clear()?;
        // Bindings are made anew because ntddk.h is: bindgen tells Cargo which headers it read.
        files::remove_folder(&kit.join("Include"))?;
        headers::write(mingw, &kit.join("Include").join(VERSION))?;
        header_stamp.write()?;
    }
    let folder = library_folder(&kit, arch);
    let libraries = Inputs::default()
        .add_file(&mingw.lib.join("libntoskrnl.a"))?
        .add_file(&mingw.lib.join("libhal.a"))?
        .add(implib::EXTRA_EXPORTS)
        .stamp(&kit, &format!("libraries-{}", arch.name()));
    if !libraries.is_current() {
        libraries.clear()?;
        files::remove_folder(&folder)?;
        files::make_folder(&folder)?;
        implib::write_all(arch, &mingw.lib, &folder)?;
        libraries.write()?;
    }
    Ok(())
}

/// What wdk-build and bindgen read.
fn environment(kit: &Path, arch: Arch, libclang: &Libclang) -> Vec<(OsString, OsString)> {
    // mingw-w64's headers are GCC's: Microsoft's compatibility rules, which wdk-build switches on, are switched off again.
    let mut clang = OsString::from(format!(
        "{} -fno-ms-compatibility -resource-dir=",
        arch.clang_arguments()
    ));
    clang.push(&libclang.resource_folder);
    vec![
        ("WDKContentRoot".into(), kit.into()),
        ("Version_Number".into(), VERSION.into()),
        (
            "LIBCLANG_PATH".into(),
            libclang.library_folder.clone().into(),
        ),
        ("BINDGEN_EXTRA_CLANG_ARGS".into(), clang),
    ]
}
