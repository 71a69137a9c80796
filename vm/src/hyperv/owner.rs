//! Whose virtual machines are whose: a run locks its folder, each of its machines names that folder, and the operating system opens the
//! lock when the run ends, whatever ends it. A process's number would tell less: numbers are given anew.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{MAIN_SEPARATOR_STR, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cmdlet::Vm;

/// The file that is locked, in the folder of a run's machines.
const LOCK: &str = "owner.lock";
/// How each machine's name begins.
pub(super) const PREFIX: &str = "waverig-";

/// The folder of a run's machines, taken.
pub(super) struct Owner {
    folder: PathBuf,
    _lock: File,
}

/// What stands in a machine's notes.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// For whoever finds it: what this is.
    waverig: String,
    /// The process that made it.
    process: u32,
    /// The folder that its run has locked.
    folder: PathBuf,
}

/// What is to be done with a machine that is there when a run begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing to do with waverig.
    Stranger,
    /// Its run is under way.
    InUse,
    /// Its run is over: to be removed, with this folder.
    Left(PathBuf),
    /// Named like one of ours, but nothing tells whose it is.
    Unclear,
}

impl Owner {
    /// Takes `folder`, which is made.
    ///
    /// # Errors
    /// When another run has it, or it cannot be written to.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: fs::canonicalize(folder)?,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another run has its machines there",
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What a machine of this run has in its notes.
    pub(super) fn note(&self, process: u32, folder: &Path) -> String {
        let note = Note {
            waverig: "a test machine; the run that made it removes it, or the next one".into(),
            process,
            folder: folder.to_owned(),
        };
        // Text without line ends, in which nothing can fail to be written.
        serde_json::to_string(&note).unwrap_or_default()
    }

    /// What is to be done with `vm`.
    pub(super) fn judge(&self, vm: &Vm) -> Fate {
        if !vm.name.starts_with(PREFIX) {
            return Fate::Stranger;
        }
        let Some(home) = home(vm) else {
            return Fate::Unclear;
        };
        if fs::canonicalize(&home).is_ok_and(|home| home == self.folder) {
            return Fate::Left(home);
        }
        match File::open(home.join(LOCK)) {
            // Whoever removed the folder can use no machine in it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Fate::Left(home),
            Err(_) => Fate::Unclear,
            Ok(lock) => match lock.try_lock() {
                Ok(()) => Fate::Left(home),
                Err(TryLockError::WouldBlock) => Fate::InUse,
                Err(TryLockError::Error(_)) => Fate::Unclear,
            },
        }
    }

    /// Removes what lies in the folder beside the lock; says what.
    ///
    /// # Errors
    /// When something stays.
    pub(super) fn empty(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
                found.push(format!("a folder, {}", entry.path().display()));
            }
        }
        Ok(found)
    }
}

/// The folder of the run that made it: from its notes, or, when it was killed before it wrote them, the folder above its own
/// configuration that holds a lock.
fn home(vm: &Vm) -> Option<PathBuf> {
    let note = vm
        .notes
        .as_deref()
        .and_then(|text| serde_json::from_str::<Note>(text).ok());
    if let Some(note) = note {
        return Some(note.folder);
    }
    // Windows' separators, on whatever host a transcript is played.
    let path = PathBuf::from(vm.path.as_deref()?.replace('\\', MAIN_SEPARATOR_STR));
    let mut above = path.ancestors().skip(1);
    above
        .find(|folder| folder.join(LOCK).is_file())
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperv::cmdlet::VmId;

    fn vm(name: &str, notes: &str, path: &Path) -> Vm {
        Vm {
            name: name.into(),
            id: VmId("x".into()),
            state: "Running".into(),
            notes: Some(notes.into()),
            path: Some(path.display().to_string()),
        }
    }

    #[test]
    fn only_what_nobody_uses_is_left() {
        let all = std::env::temp_dir().join(format!("waverig-owner-{}", std::process::id()));
        let folder = |name: &str| all.join(name);
        let here = Owner::take(&folder("here")).expect("it is free");
        let live = Owner::take(&folder("live")).expect("it is free");
        drop(Owner::take(&folder("dead")).expect("it is free"));
        let check = |name: &str, notes: &str, path: PathBuf, expect: Fate| {
            assert_eq!(
                here.judge(&vm(name, notes, &path)),
                expect,
                "{name} {notes}"
            );
        };
        let note = |of: &str| live.note(7, &folder(of));
        let nowhere = || folder("nowhere");
        check("base", &note("dead"), nowhere(), Fate::Stranger);
        check("waverig-a-1", &note("live"), nowhere(), Fate::InUse);
        check(
            "waverig-a-1",
            &note("dead"),
            nowhere(),
            Fate::Left(folder("dead")),
        );
        check(
            "waverig-a-1",
            &note("gone"),
            nowhere(),
            Fate::Left(folder("gone")),
        );
        check(
            "waverig-a-1",
            &note("here"),
            nowhere(),
            Fate::Left(folder("here")),
        );
        // Killed between New-VM and Set-VM.
        let path = |of: &str| folder(of).join("1").join("waverig-a-1");
        check("waverig-a-1", "", path("live"), Fate::InUse);
        check("waverig-a-1", "", path("dead"), Fate::Left(folder("dead")));
        check(
            "waverig-a-1",
            "somebody's own words",
            nowhere(),
            Fate::Unclear,
        );
        // Windows removes no folder with an open file in it.
        drop((here, live));
        fs::remove_dir_all(all).expect("the test's own folder");
    }

    #[test]
    fn a_folder_is_for_one_run() {
        let folder = std::env::temp_dir().join(format!("waverig-one-{}", std::process::id()));
        let first = Owner::take(&folder).expect("it is free");
        let error = Owner::take(&folder).map(drop).expect_err("it is taken");
        assert!(error.to_string().contains("another run"));
        fs::create_dir(folder.join("3")).expect("it is writable");
        assert_eq!(first.empty().expect("it can be emptied").len(), 1);
        drop(first);
        Owner::take(&folder).expect("it is free again");
        fs::remove_dir_all(folder).expect("the test's own folder");
    }
}
