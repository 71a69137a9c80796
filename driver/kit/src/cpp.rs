//! Builds drivers in C++, in Microsoft's object format and calling convention, with clang and the kit's headers and import libraries.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::driver::lock;
use crate::kit::prepare;
use crate::link::{self, Job};
use crate::toolchain::Toolchain;
use crate::{Arch, Invocation, Runner, Workspace, files};

/// How a kernel driver is compiled: Microsoft's object format, structured exceptions and no others, no run-time types. mingw-w64's headers
/// are GCC's, so Microsoft's rules for templates and the like are off.
const ARGUMENTS: [&str; 16] = [
    "--target=x86_64-pc-windows-msvc",
    "-std=c++17",
    "-O1",
    "-g",
    "-gcodeview",
    "-fms-extensions",
    "-fno-ms-compatibility",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-mno-red-zone",
    "-nostdinc",
    "-D_AMD64_",
    "-D_WIN64",
    "-D_WIN32_WINNT=0x0A00",
    "-DNTDDI_VERSION=0x0A000008",
];

/// A driver in C++: one file that includes the others.
#[derive(Debug, Clone)]
pub struct CppDriver {
    /// What the image is called, without `.sys`; its sources are `/<name>/…` in the symbols.
    pub name: String,
    /// The file to compile.
    pub source: PathBuf,
    /// Names to define.
    pub defines: Vec<String>,
    /// Folder that receives `<name>.sys` and `<name>.pdb`; made when absent.
    pub output: PathBuf,
}

/// Builds a driver in C++ for x64 and gives its image, which is not signed. Not on Windows, where Visual Studio does this.
///
/// # Errors
/// When something that [`crate::requirements`] lists, or clang, is missing; a compiler or linker that fails; a folder that cannot be
/// written.
pub fn build_cpp(
    runner: &dyn Runner,
    workspace: &Workspace,
    driver: &CppDriver,
) -> Result<PathBuf> {
    let arch = Arch::X64;
    let toolchain = Toolchain::find(runner, workspace)?;
    let kit = {
        let _lock = lock(workspace)?;
        prepare(runner, workspace, &toolchain, arch)?
    };
    files::make_folder(&driver.output)?;
    let object = driver.output.join(format!("{}.obj", driver.name));
    compile(runner, &kit.include_folder, driver, &object)?;
    let job = Job {
        name: &driver.name,
        code: &object,
        libraries: &["portcls.lib"],
        library_folder: &kit.library_folder,
        folder: &driver.output.join("link"),
    };
    let image = link::link(runner, &toolchain, arch, &job)?;
    let sys = driver.output.join(format!("{}.sys", driver.name));
    files::copy(&image.sys, &sys)?;
    files::copy(&image.pdb, &sys.with_extension("pdb"))?;
    Ok(sys)
}

fn compile(runner: &dyn Runner, include: &Path, driver: &CppDriver, object: &Path) -> Result<()> {
    let ask = Invocation::new("clang").args(["-print-resource-dir"]);
    let resources = runner
        .run(&ask)
        .context("cannot start clang; `cargo xtask doctor` says how to install it")?;
    let own = Path::new(resources.stdout.trim()).join("include");
    let mut clang = Invocation::new("clang").args(ARGUMENTS);
    // clang's own headers before mingw-w64's of the same names, which are for GCC.
    let folders = [own, include.join("km"), include.join("shared")];
    for folder in folders {
        clang = clang.args(["-isystem".into(), folder]);
    }
    let folder = driver.source.parent().unwrap_or(Path::new("."));
    // Symbols name sources by the driver's name, on every machine.
    let prefix = format!("-fdebug-prefix-map={}=/{}", folder.display(), driver.name);
    let clang = clang
        .args(driver.defines.iter().map(|name| format!("-D{name}")))
        .args([prefix, format!("-fdebug-compilation-dir=/{}", driver.name)])
        .args(["-c".into(), driver.source.clone()])
        .args(["-o".into(), object.to_owned()]);
    let output = runner.run(&clang).context("cannot start clang")?;
    if !output.success() {
        bail!(
            "{} does not compile:\n{}{}",
            driver.source.display(),
            output.stdout,
            output.stderr
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scripted;

    fn compiled(runner: &Scripted) -> Result<()> {
        let driver = CppDriver {
            name: "desk".into(),
            source: "/src/all.cpp".into(),
            defines: vec!["FAULTS".into()],
            output: "/out".into(),
        };
        compile(
            runner,
            Path::new("/kit"),
            &driver,
            Path::new("/out/desk.obj"),
        )
    }

    #[test]
    fn clang_gets_its_own_headers_first_and_no_folder_of_this_machine() {
        let runner = Scripted::new(&[("clang -print", 0, "/clang\n"), ("clang --target", 0, "")]);
        compiled(&runner).unwrap();
        // Paths as they are written here, whatever this host writes between folders and quotes because of it.
        let line = runner.lines()[1].replace('\\', "/").replace('\'', "");
        for words in [
            "-isystem /clang/include -isystem /kit/km -isystem /kit/shared",
            "-DFAULTS -fdebug-prefix-map=/src=/desk -fdebug-compilation-dir=/desk",
            "-c /src/all.cpp -o /out/desk.obj",
        ] {
            assert!(line.contains(words), "{line}");
        }
    }

    #[test]
    fn what_goes_wrong_is_told_with_what_to_do() {
        for (answers, expect) in [
            (&[][..], "cargo xtask doctor"),
            (
                &[
                    ("clang -print", 0, "/clang\n"),
                    ("clang --target", 1, "no such type"),
                ],
                "/src/all.cpp does not compile:\nno such type",
            ),
        ] {
            let error = format!("{:#}", compiled(&Scripted::new(answers)).unwrap_err());
            assert!(error.contains(expect), "{error}");
        }
    }
}
