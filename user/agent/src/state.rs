//! What an agent must not forget when it ends or its machine starts anew: what it has changed and has still to undo.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// File in the agent's folder.
const FILE: &str = "state.json";

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// How often the machine came up, as far as agents saw it.
    pub boots: u32,
    /// A restart that was asked for, and what for: the next agent says that it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarting: Option<String>,
    /// Certificates that the machine was made to trust, DER.
    #[serde(default)]
    pub certificates: Vec<Vec<u8>>,
    /// Instances of the device nodes that were made.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Hardware id of those nodes and of the package: an installation has begun, and is not undone yet.
    #[serde(default)]
    pub hardware_id: Option<String>,
    /// The service of those nodes.
    #[serde(default)]
    pub service: Option<String>,
    /// What Driver Verifier was told before the first change, to be restored.
    #[serde(default)]
    pub verifier: Option<Verifier>,
}

/// Driver Verifier's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    /// Flags; `None` when nothing is set.
    pub level: Option<u32>,
    /// Drivers, separated by blanks; `*` is all.
    pub drivers: Option<String>,
}

/// The state and where it is kept.
#[derive(Debug)]
pub struct Kept {
    file: PathBuf,
    state: State,
}

impl Kept {
    /// Reads what an agent before this one left in `home`; `booted`: the machine came up since.
    ///
    /// # Errors
    /// When the folder or its file cannot be read or written, or the file is damaged.
    pub fn open(home: &Path, booted: bool) -> io::Result<Self> {
        fs::create_dir_all(home)?;
        let file = home.join(FILE);
        let state = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error),
        };
        let mut kept = Self { file, state };
        if booted || kept.state.boots == 0 {
            kept.change(|state| state.boots += 1)?;
        }
        Ok(kept)
    }

    /// What is known.
    pub fn get(&self) -> &State {
        &self.state
    }

    /// Changes it, in the file first: a machine may stop without a word.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is changed then.
    pub fn change(&mut self, change: impl FnOnce(&mut State)) -> io::Result<()> {
        let mut next = self.state.clone();
        change(&mut next);
        let beside = self.file.with_extension("new");
        let mut text = serde_json::to_vec_pretty(&next)?;
        text.push(b'\n');
        let written = fs::File::create(&beside).and_then(|mut file| {
            io::Write::write_all(&mut file, &text)?;
            file.sync_all()
        });
        written?;
        // The old file or the new one, never half of one.
        fs::rename(&beside, &self.file)?;
        self.state = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_outlives_the_agent_and_the_machine() {
        let home = std::env::temp_dir().join(format!("waverig-state-{}", std::process::id()));
        let open = |booted| Kept::open(&home, booted).expect("the folder is writable");
        let mut kept = open(true);
        kept.change(|state| state.nodes.push(r"ROOT\MEDIA\0000".into()))
            .expect("it is written");
        assert_eq!(kept.get().boots, 1);
        assert_eq!(open(false).get(), kept.get());
        let next = open(true);
        assert_eq!(next.get().boots, 2);
        assert_eq!(next.get().nodes, [r"ROOT\MEDIA\0000"]);
        fs::write(home.join(FILE), "{").expect("it is written");
        assert!(Kept::open(&home, false).is_err(), "half a file is an error");
        fs::remove_dir_all(&home).expect("it is there");
    }
}
