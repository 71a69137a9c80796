//! Which steps of a release are done: a file beside what they made, so that an interrupted release goes on where it stood, and one
//! whose files or wishes changed starts clean.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waverig_package::Sha256Digest;

const NAME: &str = "journal.json";

/// What was made so far, and for which wish.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    written: Written,
}

/// The file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    /// Everything that decides what is made: commit, kind, signer. Another wish is another release.
    wish: BTreeMap<String, String>,
    /// The steps that are done, in order, with what each made.
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    name: String,
    /// SHA-256 of each file below the folder, by its name there.
    files: BTreeMap<String, String>,
}

/// How a release begins.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing was there.
    New,
    /// These steps are done and need not be done again.
    Resumed(Vec<String>),
    /// What was there was of no use and is gone; why.
    Clean(String),
}

impl Journal {
    /// Opens the journal in `folder`, which is emptied unless what is there was made for the same wish and is unchanged.
    ///
    /// # Errors
    /// A folder that cannot be read, emptied or written.
    pub fn open(folder: &Path, wish: BTreeMap<String, String>) -> io::Result<(Self, Start)> {
        let existed = folder.exists();
        let found = match existed {
            true => read(folder, &wish),
            false => Err(String::new()),
        };
        let (written, start) = match found {
            Ok(written) => {
                let done = written.steps.iter().map(|step| step.name.clone()).collect();
                (written, Start::Resumed(done))
            }
            Err(why) => {
                if existed {
                    fs::remove_dir_all(folder)?;
                }
                fs::create_dir_all(folder)?;
                let written = Written {
                    wish,
                    steps: Vec::new(),
                };
                let start = if existed {
                    Start::Clean(why)
                } else {
                    Start::New
                };
                (written, start)
            }
        };
        let journal = Self {
            folder: folder.to_owned(),
            written,
        };
        journal.save()?;
        Ok((journal, start))
    }

    /// Whether a step is done.
    pub fn has(&self, step: &str) -> bool {
        self.written.steps.iter().any(|done| done.name == step)
    }

    /// Notes that a step is done and made these files, named as they lie below the folder.
    ///
    /// # Errors
    /// A file that is not there; a journal that cannot be written.
    pub fn done(&mut self, step: &str, files: &[String]) -> io::Result<()> {
        let digest = |name: &String| Ok((name.clone(), digest(&self.folder.join(name))?));
        let files = files.iter().map(digest).collect::<io::Result<_>>()?;
        self.written.steps.push(Step {
            name: step.to_owned(),
            files,
        });
        self.save()
    }

    /// What a step made.
    pub fn files(&self, step: &str) -> impl Iterator<Item = &str> {
        let step = self.written.steps.iter().find(|done| done.name == step);
        step.into_iter()
            .flat_map(|step| step.files.keys().map(String::as_str))
    }

    /// Written beside its place and renamed, so that a crash leaves the old one or the new one.
    fn save(&self) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(&self.written)?;
        bytes.push(b'\n');
        let draft = self.folder.join(format!("{NAME}.draft"));
        fs::write(&draft, bytes)?;
        fs::rename(draft, self.folder.join(NAME))
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    Ok(Sha256Digest::of(&fs::read(path).map_err(named)?).to_string())
}

/// The journal of `folder`, or why it cannot be gone on with.
fn read(folder: &Path, wish: &BTreeMap<String, String>) -> Result<Written, String> {
    let text = fs::read(folder.join(NAME))
        .map_err(|error| format!("it has no {NAME} that can be read ({error})"))?;
    let written: Written = serde_json::from_slice(&text)
        .map_err(|error| format!("its {NAME} is damaged ({error})"))?;
    let differs = |(name, value): (&String, &String)| match written.wish.get(name) {
        Some(then) if then == value => None,
        Some(then) => Some(format!("it was made for {name} {then}, now it is {value}")),
        None => Some(format!("it does not know {name}")),
    };
    if let Some(why) = wish.iter().find_map(differs) {
        return Err(why);
    }
    for (name, stated) in written.steps.iter().flat_map(|step| &step.files) {
        match digest(&folder.join(name)) {
            Ok(found) if found == *stated => {}
            Ok(_) => return Err(format!("{name} was changed since it was made")),
            Err(error) => return Err(format!("{name} is gone or cannot be read ({error})")),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(commit: &str) -> BTreeMap<String, String> {
        [("commit", commit), ("kind", "test")]
            .map(|(name, value)| (name.into(), value.into()))
            .into()
    }

    /// A folder of the test's own, with one step done.
    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("waverig-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let (mut journal, start) = Journal::open(&folder, wish("c1")).unwrap();
        assert_eq!(start, Start::New);
        fs::write(folder.join("a.sys"), b"image").unwrap();
        journal.done("build", &["a.sys".into()]).unwrap();
        folder
    }

    #[track_caller]
    fn check(folder: &Path, wanted: BTreeMap<String, String>, expect: &str) {
        let (journal, start) = Journal::open(folder, wanted).unwrap();
        match start {
            Start::Clean(why) => {
                assert!(why.contains(expect), "{why:?} lacks {expect:?}");
                assert!(!journal.has("build") && !folder.join("a.sys").exists());
            }
            other => panic!("{other:?} instead of a clean start"),
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_was_done_need_not_be_done_again() {
        let folder = folder("resumed");
        let (journal, start) = Journal::open(&folder, wish("c1")).unwrap();
        assert_eq!(start, Start::Resumed(vec!["build".into()]));
        assert!(journal.has("build") && !journal.has("sign"));
        assert_eq!(journal.files("build").collect::<Vec<_>>(), ["a.sys"]);
        assert_eq!(fs::read(folder.join("a.sys")).unwrap(), b"image");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn another_wish_starts_clean() {
        check(
            &folder("wish"),
            wish("c2"),
            "it was made for commit c1, now it is c2",
        );
        let mut more = wish("c1");
        more.insert("signer".into(), "x".into());
        check(&folder("more"), more, "it does not know signer");
    }

    #[test]
    fn changed_files_and_damaged_journals_start_clean() {
        let changed = folder("changed");
        fs::write(changed.join("a.sys"), b"imagf").unwrap();
        check(&changed, wish("c1"), "a.sys was changed");
        let gone = folder("gone");
        fs::remove_file(gone.join("a.sys")).unwrap();
        check(&gone, wish("c1"), "a.sys is gone");
        let damaged = folder("damaged");
        fs::write(damaged.join(NAME), b"{\"wish\":").unwrap();
        check(&damaged, wish("c1"), "is damaged");
        let none = folder("none");
        fs::remove_file(none.join(NAME)).unwrap();
        check(&none, wish("c1"), "no journal.json");
    }
}
