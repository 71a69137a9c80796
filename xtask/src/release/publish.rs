//! Puts a release's files on the project's page, with GitHub's own program: as a draft first, which becomes visible when it is whole. Each
//! step may be done again, so what was interrupted is simply started once more.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use waverig_kit::{Invocation, Runner};

use crate::context::Context;
use crate::stop::HostLacks;

/// Publishes what is in `folder` as `vVERSION`.
///
/// # Errors
/// No `gh`, one that is not logged in, a release that is out already, a step that fails; nothing is visible then.
pub(super) fn publish(context: &Context, version: &str, folder: &Path) -> Result<()> {
    let mut files = Vec::new();
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        files.push(entry?.path());
    }
    files.sort();
    with(
        &*context.exec,
        context.layout.root(),
        version,
        folder,
        &files,
    )
}

fn with(
    runner: &dyn Runner,
    root: &Path,
    version: &str,
    folder: &Path,
    files: &[PathBuf],
) -> Result<()> {
    let tag = format!("v{version}");
    let gh = |words: &[&str]| Invocation::new("gh").args(words.iter().copied()).cwd(root);
    let ask = |command: &Invocation| {
        runner.run(command).map_err(|error| {
            anyhow::Error::from(HostLacks(format!(
                "cannot start gh ({error}), with which releases are published; install GitHub's command line program"
            )))
        })
    };
    let run = |command: Invocation| {
        let output = ask(&command)?;
        if !output.success() {
            bail!("`{}` failed: {}", command.line(), output.stderr.trim());
        }
        Ok(output)
    };
    let found = ask(&gh(&["release", "view", &tag, "--json", "isDraft"]))?;
    match found.success() {
        true if found.stdout.contains("false") => {
            bail!("{tag} is out already; what is out does not change: raise the version")
        }
        true => {}
        false if found.stderr.contains("release not found") => {
            let notes = folder.join("notes.md");
            let create = gh(&[
                "release",
                "create",
                &tag,
                "--draft",
                "--verify-tag",
                "--title",
                &tag,
                "--notes-file",
            ]);
            run(create.args([notes]))?;
        }
        false => bail!("`gh release view {tag}` failed: {}", found.stderr.trim()),
    }
    run(gh(&["release", "upload", &tag, "--clobber"]).args(files))?;
    run(gh(&["release", "edit", &tag, "--draft=false"]))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;

    use waverig_kit::Output;

    use super::*;

    /// Answers in order, and what was asked.
    struct Gh {
        answers: RefCell<Vec<Output>>,
        asked: RefCell<Vec<String>>,
    }

    impl Runner for Gh {
        fn run(&self, invocation: &Invocation) -> io::Result<Output> {
            self.asked.borrow_mut().push(invocation.line());
            let mut answers = self.answers.borrow_mut();
            match answers.is_empty() {
                true => Err(io::Error::from(io::ErrorKind::NotFound)),
                false => Ok(answers.remove(0)),
            }
        }
    }

    fn said(code: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            code: Some(code),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    #[track_caller]
    fn check(answers: Vec<Output>, expect: Result<(), &str>, asked: &[&str]) {
        let gh = Gh {
            answers: RefCell::new(answers),
            asked: RefCell::default(),
        };
        let files = [PathBuf::from("f/a.zip")];
        let result = with(&gh, Path::new("."), "0.1.0", Path::new("f"), &files);
        match (result, expect) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(words)) => {
                let error = format!("{error:#}");
                assert!(error.contains(words), "{error:?} lacks {words:?}");
            }
            (result, expect) => panic!("{result:?} instead of {expect:?}"),
        }
        assert_eq!(*gh.asked.borrow(), asked);
    }

    const VIEW: &str = "gh release view v0.1.0 --json isDraft";
    const CREATE: &str =
        "gh release create v0.1.0 --draft --verify-tag --title v0.1.0 --notes-file f/notes.md";
    const UPLOAD: &str = "gh release upload v0.1.0 --clobber f/a.zip";
    const SHOW: &str = "gh release edit v0.1.0 --draft=false";

    #[test]
    fn a_draft_is_made_filled_and_shown() {
        let none = || said(1, "", "release not found\n");
        let fine = || said(0, "", "");
        check(
            vec![none(), fine(), fine(), fine()],
            Ok(()),
            &[VIEW, CREATE, UPLOAD, SHOW],
        );
        // What was interrupted goes on with its draft.
        let draft = said(0, "{\"isDraft\":true}", "");
        check(vec![draft, fine(), fine()], Ok(()), &[VIEW, UPLOAD, SHOW]);
        check(
            vec![none(), fine(), said(1, "", "502")],
            Err("upload v0.1.0 --clobber f/a.zip` failed: 502"),
            &[VIEW, CREATE, UPLOAD],
        );
    }

    #[test]
    fn what_is_out_stays_and_what_cannot_be_asked_is_told() {
        check(
            vec![said(0, "{\"isDraft\":false}", "")],
            Err("is out already"),
            &[VIEW],
        );
        check(
            vec![said(
                4,
                "",
                "To get started with GitHub CLI, please run: gh auth login",
            )],
            Err("gh auth login"),
            &[VIEW],
        );
        check(Vec::new(), Err("cannot start gh"), &[VIEW]);
    }
}
