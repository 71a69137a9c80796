//! A Hyper-V host that is a file: what it is asked, in order, and what it answers. What is asked must be what the file says, to the letter.
//!
//! The way of a run through [`super::HyperV`] is whole with it: every PowerShell text is made, every answer read, and behind the pipe an
//! agent speaks the protocol, with the simulator beside it when one is given.

mod standin;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use waverig_protocol::noise::Time;

use super::answer::Complaint;
use super::executor::{Executor, Failure};
use super::screen;
use crate::Ends;
pub use standin::{Heard, Simulator, standin};

/// A transcript, as its file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// What happens in it, for people.
    pub about: String,
    /// Seconds that the agent has to answer; else as long as it takes.
    #[serde(default)]
    pub deadline: Option<f32>,
    /// Seconds between two looks at a guest that comes up; else nobody looks.
    #[serde(default)]
    pub look: Option<f32>,
    /// Drivers that Driver Verifier is to look at.
    #[serde(default)]
    pub verified: Vec<String>,
    /// How a run against it ends.
    pub expect: Expect,
    /// Everything that is asked, in order.
    pub step: Vec<Step>,
}

/// What a run is to say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Part of the sentence with which the run ends; nothing when it ends well.
    #[serde(default)]
    pub broken: Vec<String>,
    /// Parts of what is said to have been left by others.
    #[serde(default)]
    pub found: Vec<String>,
    /// Parts of what the report says.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// Of guests that somebody looks at: each with its pipe for a debugger, and why.
    #[serde(default)]
    pub held: Vec<String>,
    /// Names of machines that are there at the end, because Hyper-V would not remove them or they are somebody else's affair.
    #[serde(default)]
    pub left: Vec<String>,
    /// Names of files that the session's evidence has.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// One thing that is asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The PowerShell text; `{folder}`, `{image}` and others ([`Names`]) stand for what differs from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
    /// Or the pipe that is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
    /// What comes back.
    #[serde(flatten)]
    pub back: Back,
}

/// What comes back of a question. Exactly one of these.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Back {
    /// The objects that the cmdlet puts out, as JSON.
    Value(String),
    /// What it complains of.
    Error(Complaint),
    /// No answer before the deadline, which nobody waits for here.
    Late(bool),
    /// PowerShell ends with these words.
    Ends(String),
    /// The pipe is open, and behind it is an agent.
    Agent(Agent),
    /// The pipe is not there.
    Missing(bool),
    /// The pipe cannot be opened.
    Busy(bool),
}

/// What the agent behind a pipe does.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What a Windows guest's agent says of its conditions, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<String>,
    /// Noise before its greeting, as firmware makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub noise: String,
    /// At the request of this name it does what `does` says; `boot` is before its greeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// `hang`, `vanish`, `restart`, `refuse` or `break-rule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub does: Option<String>,
    /// The file of the disk on which it finds the package; without one, it finds none.
    #[serde(default, skip_serializing)]
    pub payload: Option<String>,
    /// The file of the disk that goes home, on which it puts something before it does what it does wrong.
    #[serde(default, skip_serializing)]
    pub result: Option<String>,
    /// What that is, by name.
    #[serde(default, skip_serializing)]
    pub leaves: BTreeMap<String, String>,
    /// Files that it sends when it is to collect, and what is in them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub collects: BTreeMap<String, String>,
    /// Whose time its sessions are in.
    #[serde(default, skip_serializing)]
    pub time: Time,
    /// How late its timers are, in 100-nanosecond units.
    #[serde(skip)]
    pub late: u64,
    /// Whether its line is standard input and output: it ends with its session then.
    #[serde(skip)]
    pub stdio: bool,
    /// What it lists as left.
    #[serde(default, skip_serializing)]
    pub left: Vec<String>,
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is none; names the line.
    pub fn load(file: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| told(&error))?;
        let transcript: Self = toml::from_str(&text).map_err(|error| told(&error))?;
        for (number, step) in transcript.step.iter().enumerate() {
            if step.ask.is_some() == step.connect.is_some() {
                return Err(told(&format!(
                    "step {} asks and connects, or neither",
                    number + 1
                )));
            }
        }
        Ok(transcript)
    }
}

/// What a run that is played calls itself ([`super::Config::run`]).
pub const RUN: &str = "t";

/// Plays a transcript.
pub struct Player {
    about: String,
    names: Names,
    simulator: Option<Simulator>,
    stage: Arc<Stage>,
}

/// What has happened so far; stays when the player is gone.
#[derive(Default)]
pub struct Stage {
    played: Mutex<Played>,
}

#[derive(Default)]
struct Played {
    left: VecDeque<(usize, Step)>,
    wrong: Vec<String>,
}

impl Stage {
    fn played(&self) -> MutexGuard<'_, Played> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was not as the transcript has it, so far or, when everything is over, at all.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let played = self.played();
        let mut wrong = played.wrong.clone();
        if let Some((number, step)) = played.left.front() {
            wrong.push(format!("step {number} was not asked: {}", step.text()));
        }
        wrong
    }
}

impl Step {
    fn text(&self) -> &str {
        self.ask
            .as_deref()
            .or(self.connect.as_deref())
            .unwrap_or_default()
    }
}

impl Player {
    /// A host that plays `transcript` to a run with its machines in `folder` and this base image. Sessions are handed to `simulator`; without
    /// one the agent says that everything was done.
    #[must_use]
    pub fn new(
        transcript: Transcript,
        folder: &Path,
        image: &Path,
        simulator: Option<Simulator>,
    ) -> Self {
        let steps = transcript.step.into_iter();
        let left = steps.enumerate().map(|(index, step)| (index + 1, step));
        Self {
            about: transcript.about,
            names: Names::new(folder, image),
            simulator,
            stage: Arc::new(Stage {
                played: Mutex::new(Played {
                    left: left.collect(),
                    wrong: Vec::new(),
                }),
            }),
        }
    }

    /// What has happened, for whoever judges it.
    #[must_use]
    pub fn stage(&self) -> Arc<Stage> {
        Arc::clone(&self.stage)
    }

    /// What comes back of `asked`.
    fn next(&self, asked: &str) -> Result<Back, String> {
        let mut played = self.stage.played();
        let Some((number, step)) = played.left.front() else {
            let wrong = format!("after the last step was asked: {asked}");
            played.wrong.push(wrong.clone());
            return Err(wrong);
        };
        let expect = self.names.fill(step.text());
        if expect != asked {
            let wrong = format!("step {number} is\n  {expect}\nbut was asked\n  {asked}");
            played.wrong.push(wrong.clone());
            return Err(wrong);
        }
        let back = step.back.clone();
        played.left.pop_front();
        Ok(back)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        for wrong in self.stage.wrong() {
            eprintln!("transcript: {wrong}");
        }
    }
}

/// Stands for a picture of the screen, as [`super::cmdlet::thumbnail`] asks for it.
pub(super) const PICTURE: &str = "{picture}";

fn picture() -> String {
    let bytes = usize::from(screen::WIDTH) * usize::from(screen::HEIGHT) * 2;
    Base64::encode_string(&vec![0; bytes])
}

/// What differs from run to run, and the names that stand for it.
pub struct Names {
    folder: String,
    image: String,
    noted: String,
    process: String,
}

const FOLDER: &str = "{folder}";
const IMAGE: &str = "{image}";
/// The folder in a machine's notes, which are JSON by themselves.
const NOTED: &str = "\"folder\":\"{noted}";
/// The process, where it stands in those notes, so that no other number is meant.
const PROCESS: &str = "\"process\":{process}";

impl Names {
    /// Those of a run of this process.
    #[must_use]
    pub fn new(folder: &Path, image: &Path) -> Self {
        Self {
            folder: folder.display().to_string(),
            image: image.display().to_string(),
            noted: NOTED.replace("{noted}", &in_json(&folder.display().to_string())),
            process: PROCESS.replace("{process}", &std::process::id().to_string()),
        }
    }

    /// Each name with what it stands for, written as `how` writes it. An image may lie in the folder.
    fn pairs(&self, how: fn(&str) -> String) -> [(String, String); 4] {
        [
            (IMAGE.into(), how(&self.image)),
            (how(NOTED), how(&self.noted)),
            (FOLDER.into(), how(&self.folder)),
            (how(PROCESS), how(&self.process)),
        ]
    }

    fn fill(&self, text: &str) -> String {
        replaced(text, self.pairs(str::to_owned))
    }

    fn fill_in_json(&self, text: &str) -> String {
        replaced(text, self.pairs(in_json))
    }

    /// A text of this run as one of any run.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        replaced(
            text,
            self.pairs(str::to_owned).map(|(name, value)| (value, name)),
        )
    }

    /// The same of JSON.
    #[must_use]
    pub fn hide_in_json(&self, text: &str) -> String {
        replaced(text, self.pairs(in_json).map(|(name, value)| (value, name)))
    }
}

fn replaced(text: &str, pairs: [(String, String); 4]) -> String {
    let each = pairs.iter();
    each.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// As within a string of JSON.
fn in_json(value: &str) -> String {
    let quoted = json!(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Executor for Player {
    fn run(&self, script: &str, deadline: Duration) -> Result<String, Failure> {
        match self.next(script).map_err(Failure::Ended)? {
            Back::Value(text) => {
                let mut text = self.names.fill_in_json(&text);
                if text.contains(PICTURE) {
                    text = text.replace(PICTURE, &picture());
                }
                Ok(format!("{{\"value\":{text}}}"))
            }
            Back::Error(complaint) => Ok(json!({ "error": complaint }).to_string()),
            Back::Late(_) => Err(Failure::Late(deadline)),
            Back::Ends(words) => Err(Failure::Ended(words)),
            Back::Agent(_) | Back::Missing(_) | Back::Busy(_) => Err(Failure::Ended(
                "the transcript answers a cmdlet with a pipe".into(),
            )),
        }
    }

    fn connect(&self, pipe: &str) -> io::Result<Ends> {
        match self.next(pipe).map_err(io::Error::other)? {
            Back::Agent(agent) => {
                let found = |disk: Option<String>| disk.map(|disk| self.names.fill(&disk));
                let agent = Agent {
                    payload: found(agent.payload),
                    result: found(agent.result),
                    ..agent
                };
                standin(agent, self.simulator.clone(), None)
            }
            Back::Missing(_) => Err(io::ErrorKind::NotFound.into()),
            Back::Busy(_) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "all pipe instances are busy",
            )),
            _ => Err(io::Error::other(
                "the transcript answers a pipe with a cmdlet's output",
            )),
        }
    }

    fn remark(&self) -> Option<String> {
        Some(format!(
            "NOTHING OF THIS WAS HYPER-V: PowerShell was answered by a transcript ({})",
            self.about
        ))
    }
}
