//! Writes down what a Hyper-V host is asked and what it answers, as a transcript that [`super::transcript`] plays again: evidence of a run,
//! and what transcripts are to be made of once there is a Windows host.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::answer::Answer;
use super::executor::{Executor, Failure};
use super::transcript::{Agent, Back, Names, PICTURE, Step};
use crate::Ends;

/// Output longer than this is a picture, of which nobody reads the letters.
const LONG: usize = 100_000;

/// Any host, with a file beside it.
pub struct Recorder {
    inner: Box<dyn Executor>,
    names: Names,
    file: Mutex<File>,
}

/// As much of a transcript as one step is.
#[derive(Serialize)]
struct One {
    step: [Step; 1],
}

impl Recorder {
    /// Records to `file`, which is made anew, with `names` in the place of what differs from run to run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(inner: Box<dyn Executor>, names: Names, file: &Path) -> io::Result<Self> {
        let mut file = File::create(file)?;
        writeln!(
            file,
            "# Recorded. Before it is kept: say on which Windows, what happened, and what a run is to say.\nabout = \"recorded\"\n\n[expect]"
        )?;
        Ok(Self {
            inner,
            names,
            file: Mutex::new(file),
        })
    }

    fn note(&self, step: Step) {
        // Evidence that cannot be kept is no reason to end a run.
        if let Ok(text) = toml::to_string(&One { step: [step] }) {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = file.write_all(format!("\n{text}").as_bytes());
        }
    }

    fn back(&self, answer: &Result<String, Failure>) -> Back {
        let line = match answer {
            Ok(line) => line,
            Err(Failure::Late(_)) => return Back::Late(true),
            Err(Failure::Ended(words) | Failure::Start(words)) => {
                return Back::Ends(words.clone());
            }
        };
        match serde_json::from_str(line) {
            Ok(Answer::Value(_)) if line.len() > LONG => Back::Value(format!("[\"{PICTURE}\"]")),
            Ok(Answer::Value(values)) => {
                let text = serde_json::Value::from(values).to_string();
                Back::Value(self.names.hide_in_json(&text))
            }
            Ok(Answer::Error(complaint)) => Back::Error(complaint),
            Err(_) => Back::Ends(line.clone()),
        }
    }
}

impl Executor for Recorder {
    fn run(&self, script: &str, deadline: Duration) -> Result<String, Failure> {
        let answer = self.inner.run(script, deadline);
        self.note(Step {
            ask: Some(self.names.hide(script)),
            connect: None,
            back: self.back(&answer),
        });
        answer
    }

    fn connect(&self, pipe: &str) -> io::Result<Ends> {
        let ends = self.inner.connect(pipe);
        self.note(Step {
            ask: None,
            connect: Some(pipe.into()),
            back: match &ends {
                Ok(_) => Back::Agent(Agent::default()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Back::Missing(true),
                Err(_) => Back::Busy(true),
            },
        });
        ends
    }

    fn remark(&self) -> Option<String> {
        self.inner.remark()
    }
}
