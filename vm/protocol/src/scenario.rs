//! What a machine is asked to play: the part of a scenario that does not depend on the kind of machine.

use serde::{Deserialize, Serialize};

use crate::Program;
use crate::device::Device;

mod programs;
mod soak;

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

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sample {
    /// 16-bit PCM.
    Pcm16,
    /// 24-bit PCM in three bytes.
    Pcm24,
    /// 24-bit PCM in the upper three bytes of four.
    Pcm24In32,
    /// 32-bit PCM.
    Pcm32,
    /// 32-bit IEEE float.
    Float32,
}

impl Sample {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Pcm16,
        Self::Pcm24,
        Self::Pcm24In32,
        Self::Pcm32,
        Self::Float32,
    ];

    /// The one with so many bits in its container, of which `valid` count; `None` when there is no such.
    pub fn of(float: bool, bits: u16, valid: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|sample| {
            (*sample == Self::Float32) == float
                && sample.bytes() * 8 == usize::from(bits)
                && sample.valid_bits() == valid
        })
    }

    /// Bytes one sample takes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Pcm24In32 | Self::Pcm32 | Self::Float32 => 4,
        }
    }

    /// Bits that carry the sample's value.
    pub fn valid_bits(self) -> u16 {
        match self {
            Self::Pcm16 => 16,
            Self::Pcm24 | Self::Pcm24In32 => 24,
            Self::Pcm32 | Self::Float32 => 32,
        }
    }
}

/// A stream's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Frames per second.
    pub rate: u32,
    /// Channels in a frame.
    pub channels: u16,
    /// How a sample is stored.
    pub sample: Sample,
}

impl Format {
    /// Bytes in a frame.
    pub fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * self.sample.bytes()
    }
}

/// The program that plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Client {
    /// Waits for the driver's notification and writes the packet that has become free.
    EventDriven {
        /// Frames in a packet; the buffer holds two.
        packet_frames: u32,
    },
    /// A low-latency stream in packet mode: notified, it asks how many packets are complete, writes the next one and declares it
    /// with its number.
    Packet {
        /// Frames in a packet; the buffer holds two.
        packet_frames: u32,
        /// Whether it declares its last packet as the end of the stream.
        #[serde(default)]
        end_of_stream: bool,
    },
    /// The audio engine's stream of shared mode: writes a period ahead, once per period, and tells its write position.
    Shared {
        /// Frames in a period.
        period_frames: u32,
        /// Whether the driver's notification wakes it; otherwise a timer of its own does.
        #[serde(default = "yes")]
        event: bool,
    },
    /// Hands its audio over in requests, as programs do to a pin that has no buffer of theirs (WaveCyclic): keeps some under way, and
    /// sends the next one when one has been played.
    Requests {
        /// Frames in a request.
        packet_frames: u32,
        /// Requests under way.
        requests: u32,
    },
    /// Has a buffer without notifications, asks for the position at intervals and keeps a lead ahead of it.
    Polling {
        /// Frames in the buffer.
        buffer_frames: u32,
        /// Milliseconds between two looks at the position.
        interval_ms: u32,
    },
}

/// The program that reads the tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// Each read completes when this many frames are there.
    pub read_frames: u32,
    /// Reads kept pended at a time.
    #[serde(default = "one")]
    pub reads: u32,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

impl Default for Tap {
    fn default() -> Self {
        // 1 ms at 48 kHz: the packet time AES67 demands of every sender.
        Self {
            read_frames: 48,
            reads: 1,
        }
    }
}

/// Something that goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Disturbance {
    /// The client does nothing for a while, as if its process were not scheduled.
    ClientStall {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The driver's timer callbacks do not run for a while, as if the processor were held by somebody else.
    TimerStall {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The client pauses its stream and lets it go on.
    Pause {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The client's stream carries content that must not be copied, or must not leave through a digital output.
    Protect {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
        /// Which of the two is forbidden.
        forbids: Forbids,
    },
    /// The system sleeps (S3): nothing runs, and every stream goes on afterwards where it was.
    Sleep {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The device alone is powered down (D3) while programs run.
    PowerDown {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The device is stopped so that resources can be dealt out anew, and started again. Streams are stopped for good.
    StopDevice {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// A removal is asked for and does not come, because programs have handles and were not told.
    QueryRemove {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
    /// The device is gone without a warning.
    SurpriseRemoval {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
    /// The device is disabled and enabled again; programs are told and close their handles.
    Restart {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// How long it stays disabled, in milliseconds.
        for_ms: u32,
    },
    /// Another driver is installed while programs use the device; they are told and close their handles.
    DriverUpdate {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// How long the installation takes, in milliseconds.
        for_ms: u32,
    },
    /// A packet client comes half a packet too late to what it means to write, and writes and declares it all the same.
    LatePacket {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
    /// A packet client declares packets that it may not: one too far ahead, one with a flag that is none, a last one with more
    /// bytes than a packet has, and one that has been played.
    WrongPackets {
        /// When, in milliseconds of stream time.
        at_ms: u32,
    },
}

/// What must not be done with protected content (drmk.h, DRMRIGHTS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forbids {
    /// `CopyProtect`: it must not be stored.
    Copies,
    /// `DigitalOutputDisable`: it must not leave through a digital output.
    DigitalOutput,
}

impl Disturbance {
    /// Whether it happens to the machine, not to a program.
    pub fn is_of_the_machine(&self) -> bool {
        !matches!(
            self,
            Self::ClientStall { .. }
                | Self::Pause { .. }
                | Self::LatePacket { .. }
                | Self::WrongPackets { .. }
                | Self::Protect { .. }
        )
    }

    /// Whether streams that are open then are over.
    pub fn ends_streams(&self) -> bool {
        matches!(
            self,
            Self::StopDevice { .. }
                | Self::SurpriseRemoval { .. }
                | Self::Restart { .. }
                | Self::DriverUpdate { .. }
        )
    }

    /// When it begins and how long it lasts, in milliseconds of stream time; what lasts no time has 0.
    pub fn span_ms(&self) -> (u32, u32) {
        match *self {
            Self::ClientStall { at_ms, for_ms }
            | Self::TimerStall { at_ms, for_ms }
            | Self::Pause { at_ms, for_ms }
            | Self::Protect { at_ms, for_ms, .. }
            | Self::Sleep { at_ms, for_ms }
            | Self::PowerDown { at_ms, for_ms }
            | Self::StopDevice { at_ms, for_ms }
            | Self::Restart { at_ms, for_ms }
            | Self::DriverUpdate { at_ms, for_ms } => (at_ms, for_ms),
            Self::QueryRemove { at_ms }
            | Self::SurpriseRemoval { at_ms }
            | Self::LatePacket { at_ms }
            | Self::WrongPackets { at_ms } => (at_ms, 0),
        }
    }
}
