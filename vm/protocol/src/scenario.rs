//! What a machine is asked to play: the part of a scenario that does not depend on the kind of machine.

use serde::{Deserialize, Serialize};

use crate::Program;
use crate::device::Device;

mod client;
mod disturbance;
mod format;
mod programs;
mod soak;

pub use client::{Client, Tap};
pub use disturbance::{Disturbance, Forbids};
pub use format::{Format, Sample};
pub use programs::{Opening, Player, Recorder, Share, SteerStep, TapClient, TapDisturbance};
pub use soak::Soak;

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: the name of its file.
    #[serde(default)]
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// How much signal is played, in milliseconds.
    pub duration_ms: u32,
    /// When the main player starts, in milliseconds after the scenario began.
    #[serde(default)]
    pub start_ms: u32,
    /// When the main player stops in the middle of its signal, in milliseconds after the scenario began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_ms: Option<u32>,
    /// How the device is set up.
    #[serde(default)]
    pub device: Device,
    /// What is played.
    pub signal: Signal,
    /// In which format.
    pub format: Format,
    /// By what kind of client.
    pub client: Client,
    /// In which mode the main player opens its pin; none that it names when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The main client looks at its stream for days instead of playing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Soak>,
    /// Packets, positions and blocks of the main player are not told one by one but folded, for so many frames at a time: for runs
    /// that are too long to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_frames: Option<u64>,
    /// Calls into the driver and out of it are counted and told at the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub count_calls: bool,
    /// What reads the tap.
    #[serde(default)]
    pub tap: Tap,
    /// What goes wrong on purpose with the main player, or with the whole machine.
    #[serde(default, rename = "disturbance")]
    pub disturbances: Vec<Disturbance>,
    /// Programs that capture.
    #[serde(default, rename = "recorder")]
    pub recorders: Vec<Recorder>,
    /// Further programs that play, each on a cable of its own.
    #[serde(default, rename = "player")]
    pub players: Vec<Player>,
    /// Further programs that read a tap.
    #[serde(default, rename = "tap-client")]
    pub tap_clients: Vec<TapClient>,
}

impl Scenario {
    /// A scenario of one player to which nothing happens, without a name.
    pub fn of(signal: Signal, format: Format, client: Client, duration_ms: u32) -> Self {
        Self {
            name: String::new(),
            about: String::new(),
            duration_ms,
            start_ms: 0,
            stop_ms: None,
            device: Device::default(),
            signal,
            format,
            client,
            mode: None,
            soak: None,
            digest_frames: None,
            count_calls: false,
            tap: Tap::default(),
            disturbances: Vec::new(),
            recorders: Vec::new(),
            players: Vec::new(),
            tap_clients: Vec::new(),
        }
    }

    /// Frames of signal that are played.
    pub fn frames(&self) -> u64 {
        u64::from(self.duration_ms) * u64::from(self.format.rate) / 1000
    }

    /// All programs, the main one first.
    pub fn programs(&self) -> Vec<Program> {
        let mut programs = vec![Program::Main];
        let numbers = |count: usize| (1..=u8::MAX).take(count);
        programs.extend(numbers(self.players.len()).map(Program::Player));
        programs.extend(numbers(self.recorders.len()).map(Program::Recorder));
        programs.extend(numbers(self.tap_clients.len()).map(Program::TapClient));
        programs
    }

    /// A `[[player]]` of it.
    pub fn player(&self, number: u8) -> Option<&Player> {
        self.players.get(usize::from(number).checked_sub(1)?)
    }

    /// A `[[recorder]]` of it.
    pub fn recorder(&self, number: u8) -> Option<&Recorder> {
        self.recorders.get(usize::from(number).checked_sub(1)?)
    }

    /// A `[[tap-client]]` of it.
    pub fn tap_client(&self, number: u8) -> Option<&TapClient> {
        self.tap_clients.get(usize::from(number).checked_sub(1)?)
    }

    /// The cable that a program uses; `None` when there is no such program.
    pub fn cable_of(&self, program: Program) -> Option<u8> {
        Some(match program {
            Program::Main => 1,
            Program::Player(number) => self.player(number)?.cable,
            Program::Recorder(number) => self.recorder(number)?.cable,
            Program::TapClient(number) => self.tap_client(number)?.cable,
        })
    }

    /// The program that plays first on a cable; `None` when nothing does.
    pub fn player_on(&self, cable: u8) -> Option<Program> {
        self.players_on(cable).first().copied()
    }

    /// The programs that play on a cable, one after the other.
    pub fn players_on(&self, cable: u8) -> Vec<Program> {
        let main = (cable == 1).then_some(Program::Main);
        let numbered = (1..=u8::MAX).zip(&self.players);
        let others = numbered.filter(|(_, one)| one.cable == cable && one.open != Opening::Refused);
        let others = others.map(|(number, _)| Program::Player(number));
        main.into_iter().chain(others).collect()
    }

    /// The recorders that are given their pins.
    pub fn recorders_given(&self) -> Vec<Program> {
        let numbered = (1..=u8::MAX).zip(&self.recorders);
        let given = numbered.filter(|(_, one)| one.open != Opening::Refused);
        given.map(|(number, _)| Program::Recorder(number)).collect()
    }

    /// How a program gets its pin.
    pub fn opening(&self, program: Program) -> Opening {
        match program {
            Program::Player(number) => self.player(number).map(|one| one.open),
            Program::Recorder(number) => self.recorder(number).map(|one| one.open),
            Program::Main | Program::TapClient(_) => None,
        }
        .unwrap_or_default()
    }

    /// The program that goes on with a program's pin when that has stopped its stream.
    pub fn goes_on(&self, program: Program) -> Option<Program> {
        match program {
            Program::Main | Program::Player(_) => {
                let all = self.players_on(self.cable_of(program)?);
                let at = all.iter().position(|each| *each == program)?;
                let next = *all.get(at + 1)?;
                let is = |number| self.player(number).is_some_and(|player| player.again);
                matches!(next, Program::Player(number) if is(number)).then_some(next)
            }
            Program::Recorder(number) => {
                let next = number.checked_add(1)?;
                let again = self.recorder(next)?.again;
                again.then_some(Program::Recorder(next))
            }
            Program::TapClient(_) => None,
        }
    }

    /// The format of what a program plays or is given; `None` when there is no such program, or nothing plays on the
    /// cable whose tap it reads.
    pub fn format_of(&self, program: Program) -> Option<Format> {
        match program {
            Program::Main => Some(self.format),
            Program::Player(number) => Some(self.player(number)?.format),
            Program::Recorder(number) => {
                let recorder = self.recorder(number)?;
                match recorder.format {
                    Some(format) => Some(format),
                    None => self.format_of(self.player_on(recorder.cable)?),
                }
            }
            Program::TapClient(number) => {
                let played = self.player_on(self.tap_client(number)?.cable)?;
                self.format_of(played)
            }
        }
    }

    /// What a player plays as a scenario of its own: the view that everything written for one player takes. The main
    /// player's is the scenario without its further programs.
    pub fn view_of(&self, player: Program) -> Option<Self> {
        let mut view = Self {
            recorders: Vec::new(),
            players: Vec::new(),
            tap_clients: Vec::new(),
            ..self.clone()
        };
        match player {
            Program::Main => {}
            Program::Player(number) => {
                let player = self.player(number)?;
                view.duration_ms = player.duration_ms;
                view.start_ms = player.start_ms;
                view.stop_ms = player.stop_ms;
                view.signal = player.signal.clone();
                view.format = player.format;
                view.client = player.client;
                view.mode = player.mode;
                // What happens to the machine happens to every program.
                view.disturbances.retain(Disturbance::is_of_the_machine);
                view.disturbances.extend(&player.disturbances);
            }
            Program::Recorder(_) | Program::TapClient(_) => return None,
        }
        Some(view)
    }
}

/// A reference signal; `waverig-signal` generates it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Signal {
    /// A sine on all channels, each channel a quarter of a period behind the one before.
    Sine {
        /// Hertz.
        frequency: f64,
        /// Decibels below full scale, as a number ≤ 0.
        level_db: f64,
    },
    /// A pattern in which every sample names its frame and channel, so that any lost, repeated or altered frame
    /// shows. Never all zero.
    Counter,
    /// The same in turn with digital silence, as music has it.
    Intermittent {
        /// Milliseconds of the pattern.
        on_ms: u32,
        /// Milliseconds of silence.
        off_ms: u32,
    },
}

/// A signal-processing mode that a client asks for when it opens its pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// `AUDIO_SIGNALPROCESSINGMODE_RAW`.
    Raw,
    /// `AUDIO_SIGNALPROCESSINGMODE_DEFAULT`.
    Default,
}
