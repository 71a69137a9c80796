//! Running xtask in a folder of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder under `target/` that is removed when the test ends well, and kept to be looked at when it fails.
pub(crate) struct Rig {
    pub(crate) folder: PathBuf,
}

/// What a run of xtask gave.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Rig {
    /// An empty folder.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("a former test's folder can be removed");
        }
        fs::create_dir_all(&folder).expect("the target folder is writable");
        Self { folder }
    }

    /// A folder with a good package in it.
    pub(crate) fn with_package(name: &str) -> Self {
        let rig = Self::new(name);
        copy(&good_package().join("package"), &rig.package());
        rig
    }

    pub(crate) fn package(&self) -> PathBuf {
        self.folder.join("package")
    }

    /// Runs `xtask words… --out folder`.
    pub(crate) fn xtask(&self, words: &[&str]) -> Run {
        run(xtask().args(words).arg("--out").arg(&self.folder))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // A folder that stays is only a nuisance: the next run removes it.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Run {
    /// The run ended with `code` and said `words` somewhere.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, words: &[&str]) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, Some(code), "exit code; it said:\n{all}");
        for word in words {
            assert!(all.contains(word), "it does not say {word:?}:\n{all}");
        }
        self
    }
}

/// The program under test.
pub(crate) fn xtask() -> Command {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
}

/// Runs a command and keeps what it says.
pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().expect("the program can be started");
    Run {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A folder in which `xtask package` was run; made once.
pub(crate) fn good_package() -> &'static Path {
    static GOOD: OnceLock<Rig> = OnceLock::new();
    let rig = GOOD.get_or_init(|| {
        let rig = Rig::new("good-package");
        rig.xtask(&["package"]).expect(0, &["waverig.sys"]);
        rig
    });
    &rig.folder
}

/// The workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// Copies a folder of files.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the target folder is writable");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("the folder can be listed");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("the file can be copied");
    }
}
