//! What the kit's tests share: a runner with scripted answers, a folder of their own.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Invocation, Output, Runner};

/// Answers each program's command line from a table, fails to start what is not in it, and remembers what was asked.
pub(crate) struct Scripted {
    answers: Vec<(&'static str, Output)>,
    pub(crate) asked: RefCell<Vec<Invocation>>,
}

impl Scripted {
    /// Each answer: a beginning of the command line, the exit code, standard output.
    pub(crate) fn new(answers: &[(&'static str, i32, &str)]) -> Self {
        let output = |code, stdout: &str| Output {
            code: Some(code),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        let answers = answers
            .iter()
            .map(|(line, code, stdout)| (*line, output(*code, stdout)));
        Self {
            answers: answers.collect(),
            asked: RefCell::default(),
        }
    }

    /// The command lines that were run.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked.borrow().iter().map(Invocation::line).collect()
    }
}

impl Runner for Scripted {
    fn run(&self, invocation: &Invocation) -> io::Result<Output> {
        let line = invocation.line();
        self.asked.borrow_mut().push(invocation.clone());
        let answer = self
            .answers
            .iter()
            .find(|(start, _)| line.starts_with(start));
        answer
            .map(|(_, output)| output.clone())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// An empty folder, removed at the end.
pub(crate) struct TestFolder(PathBuf);

impl TestFolder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "waverig-kit-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes empty files, with their folders.
    pub(crate) fn with_files(self, files: &[&str]) -> Self {
        for file in files {
            let path = self.0.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        self
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // A folder that stays behind harms nothing.
        let _ = fs::remove_dir_all(&self.0);
    }
}
