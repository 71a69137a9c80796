//! The way of rendered audio through the driver: shared buffer, ring, tap client.

use anyhow::Result;
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal};

use super::Cost;
use super::callgrind::Executed;
use super::counted;
use crate::context::Context;

/// What is rendered: channels and samples from the smallest stream to the largest.
const FORMATS: &[(u16, Sample)] = &[
    (2, Sample::Pcm16),
    (2, Sample::Pcm24),
    (8, Sample::Pcm24),
    (16, Sample::Float32),
];

/// A frame's cost is the difference between these rates, in which packets are as many.
const RATES: [u32; 2] = [48_000, 192_000];

/// Packets per second: of 1 ms and of 10 ms.
const PACKET_RATES: [u32; 2] = [1_000, 100];

/// How long is played, in milliseconds. What starts and stops a stream cancels out.
const DURATIONS: [u32; 2] = [20, 50];

/// What one format costs.
pub(crate) struct Rendering {
    pub(crate) channels: u16,
    pub(crate) sample: Sample,
    /// Instructions of the driver's, with packets of 1 ms and of 10 ms.
    pub(crate) instructions: [Cost; 2],
    /// Integer divisions among them.
    pub(crate) divisions: [Cost; 2],
    /// Calls of the pool's allocator while the stream runs.
    pub(crate) allocations: i64,
}

impl Rendering {
    /// Bytes of a frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        u64::from(self.channels) * self.sample.bytes() as u64
    }
}

/// Plays everything on one simulator under callgrind.
///
/// # Errors
/// A machine that fails, a file of callgrind's that cannot be read.
pub(crate) fn renderings(context: &Context) -> Result<Vec<Rendering>> {
    let played = counted::play(context, &scenarios())?;
    let mut all = Vec::new();
    for &(channels, sample) in FORMATS {
        let mut rendering = Rendering {
            channels,
            sample,
            instructions: [Cost::default(); 2],
            divisions: [Cost::default(); 2],
            allocations: 0,
        };
        for (at, packets) in PACKET_RATES.into_iter().enumerate() {
            let mut per_packet = Vec::new();
            for rate in RATES {
                let [short, long] = DURATIONS.map(|ms| {
                    let name = name(channels, sample, rate, packets, ms);
                    played.of(&name).map(|one| one.executed)
                });
                let (short, long) = (short?, long?);
                let count = f64::from((DURATIONS[1] - DURATIONS[0]) * packets) / 1_000.0;
                let slope =
                    |of: fn(&Executed) -> u64| (of(&long) as f64 - of(&short) as f64) / count;
                rendering.allocations += long.allocations as i64 - short.allocations as i64;
                per_packet.push((
                    u64::from(rate / packets),
                    slope(|it| it.all),
                    slope(|it| it.divisions),
                ));
            }
            let (low, high) = (per_packet[0], per_packet[1]);
            rendering.instructions[at] = Cost::new((low.0, low.1), (high.0, high.1));
            rendering.divisions[at] = Cost::new((low.0, low.2), (high.0, high.2));
        }
        all.push(rendering);
    }
    Ok(all)
}

fn name(channels: u16, sample: Sample, rate: u32, packets: u32, ms: u32) -> String {
    format!("{channels}-{sample:?}-{rate}-{packets}-{ms}")
}

fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for &(channels, sample) in FORMATS {
        for rate in RATES {
            for packets in PACKET_RATES {
                for ms in DURATIONS {
                    let format = Format {
                        rate,
                        channels,
                        sample,
                    };
                    let client = Client::EventDriven {
                        packet_frames: rate / packets,
                    };
                    let mut scenario = Scenario::of(Signal::Counter, format, client, ms);
                    scenario.name = name(channels, sample, rate, packets, ms);
                    scenario.tap.read_frames = rate / packets;
                    all.push(scenario);
                }
            }
        }
    }
    all
}
