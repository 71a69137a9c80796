//! The programs that people are given: the installer, with the signed package in it, the sender, and the agent.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use waverig_package::cert::{Signer, Trust};
use waverig_package::inf::{self, Inf, Target};
use waverig_package::pe::Image;
use waverig_package::{Arch, UnixTime, authenticode, package};
use waverig_setup::parcel::{self, File, Parcel, Release};

use crate::context::Context;
use crate::layout;
use crate::verbs::package::{WAVERIG, read};

/// The installer's package and program.
const SETUP: &str = "waverig-setup";
const AGENT: &str = "waverig-agent";
const SENDER: &str = "waverig-aes67";
/// The test certificate's name in the installer.
const CERTIFICATE: &str = "certificate.der";

/// Programs for Windows, as built: none is signed, and the installer has no package in it.
pub(crate) struct Programs {
    pub(crate) setup: PathBuf,
    pub(crate) agent: PathBuf,
    pub(crate) sender: PathBuf,
}

/// Builds them: the same commit and toolchain give the same bytes in any folder.
///
/// # Errors
/// A host that lacks something and may not be changed; whatever does not compile.
pub(crate) fn programs(context: &Context) -> Result<Programs> {
    #[cfg(target_os = "linux")]
    crate::setup::windows_programs(context)?;
    let target = context.layout.root().join("target/programs");
    let what = format!("{SETUP}.exe, {AGENT}.exe, {SENDER}.exe");
    let folder = context.ui.step("build", &what, || {
        let workspace = context.workspace();
        waverig_kit::build_programs(&*context.exec, &workspace, &[SETUP, AGENT, SENDER], &target)
    })?;
    let program = |name: &str| folder.join(name).with_extension("exe");
    let programs = Programs {
        setup: program(SETUP),
        agent: program(AGENT),
        sender: program(SENDER),
    };
    // Whoever starts the installer may have downloaded anything into its folder before, and starts it as administrator.
    check(&programs.setup, true)?;
    check(&programs.agent, false)?;
    check(&programs.sender, false)?;
    Ok(programs)
}

/// What the linker may get wrong of a program that nobody starts before it is given away: imports that are left out of the table, and, where it
/// is asked for, that libraries come from System32 only.
fn check(program: &Path, system32: bool) -> Result<()> {
    const LOAD_LIBRARY_SEARCH_SYSTEM32: u16 = 0x800;
    let bytes = read(program)?;
    let image = Image::parse(&bytes).with_context(|| program.display().to_string())?;
    let unreached = image.unreached_slots()?;
    ensure!(
        unreached.is_empty(),
        "{} has {} imports that Windows would not fill in; how archives of imports are made is decided in driver/kit/src/programs.rs",
        program.display(),
        unreached.len()
    );
    ensure!(
        !system32 || image.dependent_load_flags() == LOAD_LIBRARY_SEARCH_SYSTEM32,
        "{} would take libraries that lie beside it for Windows' own; how it was linked is decided in driver/kit/src/programs.rs",
        program.display()
    );
    Ok(())
}

/// Puts the package in `folder` into the installer `stub` and signs it; gives the file, in `to`.
///
/// # Errors
/// A package that is not good, or of another signer; a program that cannot be signed; a folder that cannot be written.
pub(crate) fn make(
    context: &Context,
    stub: &Path,
    folder: &Path,
    to: &Path,
    signer: &Signer,
) -> Result<PathBuf> {
    let file = to.join(SETUP).with_extension("exe");
    let what = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    context.ui.step("pack", &what, || {
        let packed = parcel(folder, signer)?.pack(&read(stub)?)?;
        // Pages that are hashed one by one are for what the kernel loads.
        let signed = authenticode::sign(&packed, signer, false)
            .with_context(|| format!("{} cannot be signed", stub.display()))?;
        layout::make(to)?;
        fs::write(&file, &signed).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file.clone())
    })
}

/// The package as the installer carries it: what it is comes from its INF, and a machine that trusts the signer takes it.
fn parcel(folder: &Path, signer: &Signer) -> Result<Parcel> {
    let certificate = signer.certificate();
    let inf = Inf::parse(WAVERIG.inf, &read(&folder.join(WAVERIG.inf))?)?;
    let arch = Arch::Amd64;
    let devices = inf::devices(&inf, arch)?;
    let (hardware_id, build) = devices
        .first()
        .with_context(|| format!("{} lists no device for {arch}", WAVERIG.inf))?;
    let target = Target {
        hardware_id,
        arch,
        build: *build,
    };
    let roots = signer.chain().last().cloned().into_iter().collect();
    let trust = Trust::new(roots, vec![certificate.clone()], UnixTime::now());
    let plan = package::verify(folder, WAVERIG.inf, &trust, &target)
        .context("the package is not the signer's; make it anew: cargo xtask package")?
        .plan;
    let mut files = Vec::new();
    let sources = plan.files.iter().map(|file| file.source.as_str());
    for name in [WAVERIG.inf, &plan.catalog].into_iter().chain(sources) {
        files.push(File {
            name: name.to_owned(),
            bytes: read(&folder.join(name))?,
        });
    }
    // One that somebody else has issued is nothing that an installer makes a machine trust.
    let is_test = certificate.is_self_signed();
    if is_test {
        files.push(File {
            name: CERTIFICATE.into(),
            bytes: certificate.der().to_owned(),
        });
    }
    let version = plan
        .version
        .to_string()
        .parse()
        .map_err(anyhow::Error::msg)?;
    Ok(Parcel {
        release: Release {
            name: plan.description,
            version,
            hardware_id: plan.hardware_id,
            inf: WAVERIG.inf.into(),
            arch: parcel::Arch::X64,
            min_build: build.0,
            certificate: is_test.then(|| CERTIFICATE.into()),
        },
        files,
    })
}
