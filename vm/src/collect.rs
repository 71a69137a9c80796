//! What an agent sends home of what its operating system wrote: files, piece by piece, and what there was none of.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use waverig_protocol::Reply;

use crate::dump::Own;
use crate::{disk, dumps};

/// The folder among a session's evidence.
pub(crate) const COLLECTED: &str = "collected";

/// Where it goes, and the driver that dumps among it are searched for.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    /// A folder, made when there is something.
    pub(crate) folder: PathBuf,
    pub(crate) own: Option<Own>,
}

/// Most pieces of a file that are counted up to here: a terabyte; one beyond it comes from a damaged agent.
const MOST: u64 = 1 << 40;

/// What came so far.
#[derive(Default)]
pub(crate) struct Collected {
    /// Files, and their bytes.
    files: BTreeMap<String, u64>,
    /// What is not there, or could not be kept.
    missing: Vec<String>,
}

impl Collected {
    /// Takes one reply to `Collect`.
    pub(crate) fn take(&mut self, folder: &Path, reply: &Reply, payload: &[u8]) {
        match reply {
            Reply::File { name, offset } => {
                let known = self.files.get(name).copied().unwrap_or(0);
                let kept = append(folder, name, (known, *offset), payload);
                match kept {
                    Ok(()) => {
                        self.files
                            .insert(name.clone(), offset + payload.len() as u64);
                    }
                    Err(error) => self.missing.push(format!("{name} at {offset:#x}: {error}")),
                }
            }
            Reply::Log { line } => self.missing.push(line.clone()),
            Reply::Refused(refusal) => self.missing.push(refusal.reason.clone()),
            _ => {}
        }
    }

    /// What it was, for a verdict: dumps first.
    pub(crate) fn told(&self, keep: &Keep) -> Vec<String> {
        let dumps = self.files.keys();
        let dump = |name: &String| dumps::told(&keep.folder, name, keep.own.as_ref());
        let mut told: Vec<String> = dumps.filter_map(dump).collect();
        let files: Vec<String> = self
            .files
            .iter()
            .map(|(name, bytes)| format!("{name} ({bytes} bytes)"))
            .collect();
        if !files.is_empty() {
            told.push(format!("collected: {}", files.join(", ")));
        }
        told.extend(self.missing.iter().cloned());
        told
    }
}

fn append(folder: &Path, name: &str, (known, offset): (u64, u64), bytes: &[u8]) -> io::Result<()> {
    if offset != known || offset > MOST {
        let text = format!("a piece is missing: {known:#x} bytes came before it");
        return Err(io::Error::other(text));
    }
    let path = disk::place(folder, name)?;
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(offset == 0)
        .open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn pieces_become_files_and_what_is_wrong_is_told() {
        let folder = std::env::temp_dir().join(format!("waverig-collect-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let piece = |name: &str, offset| Reply::File {
            name: name.into(),
            offset,
        };
        let mut collected = Collected::default();
        for (reply, bytes) in [
            (piece("setupapi.dev.log", 0), &b"first "[..]),
            (piece("setupapi.dev.log", 6), b"second"),
            (piece("gap.evtx", 0), b"abc"),
            (piece("gap.evtx", 4), b"d"),
            (piece("../up", 0), b"x"),
            (piece("memory.dmp", 0), b"PAGEDU64"),
        ] {
            collected.take(&folder, &reply, bytes);
        }
        let line = "not collected: the event log's channel System".to_owned();
        collected.take(&folder, &Reply::Log { line }, &[]);
        let log = fs::read(folder.join("setupapi.dev.log")).expect("it was kept");
        assert_eq!(log, b"first second");
        assert_eq!(
            fs::read(folder.join("gap.evtx")).expect("it was kept"),
            b"abc"
        );
        let keep = Keep { folder, own: None };
        let told = collected.told(&keep).join("\n");
        for expect in [
            "its dump memory.dmp (8 bytes) is kept and says nothing: ",
            "collected: gap.evtx (3 bytes), memory.dmp (8 bytes), setupapi.dev.log (12 bytes)",
            "gap.evtx at 0x4: a piece is missing: 0x3 bytes",
            "../up at 0x0: this is no plain file name",
            "not collected: the event log's channel System",
        ] {
            assert!(told.contains(expect), "{told:?} does not say {expect:?}");
        }
        fs::remove_dir_all(keep.folder).expect("the test's own folder");
    }
}
