//! Sweeps: one scenario file that is played in many formats, one after the other on one machine.
//!
//! Each format is judged by itself, by the same checks as any scenario; [`judge()`](judge::judge) puts the verdicts together and names the formats
//! that did not pass.

mod judge;

use serde::Deserialize;
use waverig_protocol::scenario::{Client, Format, Recorder, Sample, Scenario, Tap, TapClient};

use crate::golden::{format_name, sample_name};
use crate::scenario::ScenarioFile;

pub use judge::{FORMATS, judge};
pub(crate) use judge::{Heard, judged};

/// Every rate with every channel count and every sample format.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Hertz.
    pub rates: Vec<u32>,
    /// Channels in a frame.
    pub channels: Vec<u16>,
    /// How samples are stored.
    pub samples: Vec<Sample>,
}

/// The rate at which a sweep's numbers of frames are meant; at others they last as long.
const NOMINAL_RATE: u32 = 48_000;

impl Sweep {
    /// Its formats, in the order of its lists.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        self.rates.iter().flat_map(move |&rate| {
            self.channels.iter().flat_map(move |&channels| {
                self.samples.iter().map(move |&sample| Format {
                    rate,
                    channels,
                    sample,
                })
            })
        })
    }

    /// The sweep of one of its formats, by the format's name (`44100-2-pcm24`); `None` when it has none of that name.
    pub(crate) fn only(&self, name: &str) -> Option<Self> {
        let format = self.formats().find(|format| format_name(*format) == name)?;
        Some(Self {
            rates: vec![format.rate],
            channels: vec![format.channels],
            samples: vec![format.sample],
        })
    }

    /// The lists in words.
    pub(crate) fn words(&self) -> String {
        let samples: Vec<&str> = self.samples.iter().copied().map(sample_name).collect();
        format!(
            "rates {:?}, channels {:?}, samples {}",
            self.rates,
            self.channels,
            samples.join(", ")
        )
    }
}

/// The format in which a sweep's numbers of frames are meant.
pub(crate) fn nominal(format: Format) -> Format {
    Format {
        rate: NOMINAL_RATE,
        ..format
    }
}

/// A scenario in another format: what is said in frames at 48 kHz lasts as long at any rate.
pub(crate) fn in_format(scenario: &Scenario, format: Format) -> Scenario {
    let frames = |frames: u32| {
        let scaled = u64::from(frames) * u64::from(format.rate);
        // At most four times as many as at 48 kHz, and those are limited where files are read.
        u32::try_from(scaled.div_ceil(NOMINAL_RATE.into())).unwrap_or(u32::MAX)
    };
    let client = |client| match client {
        Client::EventDriven { packet_frames } => Client::EventDriven {
            packet_frames: frames(packet_frames),
        },
        Client::Packet {
            packet_frames,
            end_of_stream,
        } => Client::Packet {
            packet_frames: frames(packet_frames),
            end_of_stream,
        },
        Client::Shared {
            period_frames,
            event,
        } => Client::Shared {
            period_frames: frames(period_frames),
            event,
        },
        Client::Requests {
            packet_frames,
            requests,
        } => Client::Requests {
            packet_frames: frames(packet_frames),
            requests,
        },
        Client::Polling {
            buffer_frames,
            interval_ms,
        } => Client::Polling {
            buffer_frames: frames(buffer_frames),
            interval_ms,
        },
    };
    // A program that names no format has the player's.
    let recorders = scenario.recorders.iter().cloned();
    let recorders = recorders.map(|recorder| match recorder.format {
        Some(_) => recorder,
        None => Recorder {
            client: client(recorder.client),
            ..recorder
        },
    });
    let tap_clients = scenario.tap_clients.iter().cloned();
    let tap_clients = tap_clients.map(|one| TapClient {
        read_frames: frames(one.read_frames),
        ..one
    });
    Scenario {
        name: format!("{}/{}", scenario.name, format_name(format)),
        format,
        client: client(scenario.client),
        recorders: recorders.collect(),
        tap_clients: tap_clients.collect(),
        tap: Tap {
            read_frames: frames(scenario.tap.read_frames),
            ..scenario.tap
        },
        ..scenario.clone()
    }
}

impl ScenarioFile {
    /// What is played, one after the other on one machine: this file, or one for each format of its sweep.
    pub fn parts(&self) -> Vec<Self> {
        let Some(sweep) = &self.sweep else {
            return vec![self.clone()];
        };
        let part = |format| Self {
            scenario: in_format(&self.scenario, format),
            sweep: None,
            ..self.clone()
        };
        sweep.formats().map(part).collect()
    }
}

#[cfg(test)]
mod tests;
