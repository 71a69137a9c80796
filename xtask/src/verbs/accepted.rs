//! `cargo xtask accepted`: what programs that nobody here wrote say of the package: osslsigncode, on Windows signtool and infverif.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use waverig_kit::{Invocation, Runner, kit_program};

use super::package::NAME;
use super::{Options, Verb, package};
use crate::context::Context;
use crate::stop;
use crate::stop::HostLacks;

pub(super) const VERB: Verb = Verb {
    name: "accepted",
    about: "What others' programs say of the package: osslsigncode; on Windows signtool and infverif /w.",
    options: "[--out FOLDER]",
    run,
};

/// A program's judgement of a file.
struct Judge {
    program: &'static str,
    file: String,
    /// What to start; `None` when this host does not have it.
    command: Option<Invocation>,
}

fn run(context: &mut Context, _: &Options) -> Result<ExitCode> {
    context.claim()?;
    package::ensure(context)?;
    let (folder, certificate) = (context.layout.package(), context.layout.certificate());
    let judges = match cfg!(windows) {
        true => of_windows(&*context.exec, &folder),
        false => osslsigncode(&folder, &certificate.join("certificate.pem")),
    };
    Ok(match ask(&*context.exec, &judges)? {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(stop::FAILED),
    })
}

/// Everywhere but on Windows, where the real ones are.
fn osslsigncode(folder: &Path, certificate: &Path) -> Vec<Judge> {
    let judge = |extension: &str| {
        let file = folder.join(NAME).with_extension(extension);
        let command = Invocation::new("osslsigncode")
            .args(["verify", "-CAfile"])
            .args([certificate, &file]);
        Judge {
            program: "osslsigncode",
            file: format!("{NAME}.{extension}"),
            command: Some(command),
        }
    };
    vec![judge("sys"), judge("cat")]
}

/// The kit's own tools. signtool's default policy is that for programs (`/pa`), which asks for a root that this machine trusts: whoever runs this
/// imports the test certificate before (ci.yml does). Sources: Microsoft, "SignTool", "Running InfVerif from the command line". Not yet
/// seen on Windows.
fn of_windows(runner: &dyn Runner, folder: &Path) -> Vec<Judge> {
    let path = |extension: &str| folder.join(NAME).with_extension(extension);
    let judge = |place: &str, program: &'static str, words: &[&str], files: &[PathBuf]| {
        let found = kit_program(runner, place, &format!("{program}.exe"));
        let last = files.last().and_then(|file| file.file_name());
        Judge {
            program,
            file: last.unwrap_or_default().to_string_lossy().into_owned(),
            command: found.map(|program| {
                Invocation::new(program)
                    .args(words.iter().copied())
                    .args(files)
            }),
        }
    };
    vec![
        judge("bin", "signtool", &["verify", "/v", "/pa"], &[path("sys")]),
        judge("bin", "signtool", &["verify", "/v", "/pa"], &[path("cat")]),
        judge(
            "bin",
            "signtool",
            &["verify", "/v", "/pa", "/c"],
            &[path("cat"), path("sys")],
        ),
        judge(
            "bin",
            "signtool",
            &["verify", "/v", "/pa", "/c"],
            &[path("cat"), path("inf")],
        ),
        judge("Tools", "infverif", &["/v", "/w"], &[path("inf")]),
    ]
}

/// Asks all of them, and says what each said; whether all agreed.
fn ask(runner: &dyn Runner, judges: &[Judge]) -> Result<bool> {
    let mut refused = 0;
    for judge in judges {
        let Judge { program, file, .. } = judge;
        let command = judge.command.as_ref().ok_or_else(|| {
            HostLacks(format!(
                "this host has no {program}; `cargo xtask doctor` says how to add the Windows Driver Kit"
            ))
        })?;
        let output = match runner.run(command) {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(HostLacks(format!(
                    "cannot start {program}; install it, then the same command again"
                ))
                .into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot start {program}")),
        };
        if output.success() {
            println!("accepted  {file} by {program}");
        } else {
            refused += 1;
            println!("refused   {file} by {program}; again: {}", command.line());
            print!("{}{}", output.stdout, output.stderr);
        }
    }
    println!(
        "{}: {} of {} judgements",
        if refused == 0 { "passed" } else { "failed" },
        judges.len() - refused,
        judges.len()
    );
    Ok(refused == 0)
}

#[cfg(test)]
mod tests {
    use std::io;

    use waverig_kit::Output;

    use super::*;

    struct Says(i32);

    impl Runner for Says {
        fn run(&self, invocation: &Invocation) -> io::Result<Output> {
            match invocation.program.to_string_lossy().as_ref() {
                "missing" => Err(io::ErrorKind::NotFound.into()),
                _ => Ok(Output {
                    code: Some(self.0),
                    ..Output::default()
                }),
            }
        }
    }

    fn judges(program: Option<&str>) -> Vec<Judge> {
        vec![Judge {
            program: "signtool",
            file: "x.sys".into(),
            command: program.map(Invocation::new),
        }]
    }

    #[test]
    fn one_refusal_is_enough_and_nobody_who_was_not_asked_agrees() {
        assert!(ask(&Says(0), &judges(Some("x"))).unwrap());
        assert!(!ask(&Says(1), &judges(Some("x"))).unwrap());
        for lacking in [None, Some("missing")] {
            let error = ask(&Says(0), &judges(lacking)).unwrap_err();
            assert!(
                error.is::<HostLacks>() && error.to_string().contains("signtool"),
                "{error}"
            );
        }
    }
}
