//! What a tap client costs by either way, reads and shared memory: the driver's instructions, system calls, and how often the
//! client is woken.
//!
//! Each is the difference between a longer and a shorter run, so that opening and closing cancel out, and the instructions also the
//! difference to the same run without that client. What Windows itself does for a request comes on top and is not counted.

use anyhow::{Context as _, Result};
use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Share, Signal, TapClient};
use waverig_protocol::timeline::Event;

use super::counted::{self, All, Played};
use crate::context::Context;

const RATE: u32 = 48_000;

/// What is played, from the smallest frames to the largest.
const FORMATS: &[(u16, Sample)] = &[
    (2, Sample::Pcm16),
    (2, Sample::Pcm24),
    (8, Sample::Pcm24),
    (16, Sample::Float32),
];

/// Frames in a block, and how the client gets it.
const CLIENTS: &[(u32, Way)] = &[
    (48, Way::Read),
    (48, Way::Share { wake_blocks: 1 }),
    (48, Way::Share { wake_blocks: 10 }),
    (480, Way::Read),
    (480, Way::Share { wake_blocks: 1 }),
];

/// Frames in a packet of the player, and in a read of the main program.
const PACKET: u32 = 480;
/// How long is played, in milliseconds.
const DURATIONS: [u32; 2] = [20, 120];
/// Reads that a client keeps pended.
const READS: u32 = 2;
/// Slots of shared memory.
const SLOTS: u32 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Share { wake_blocks: u32 },
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Read => "READ".into(),
            Self::Share { wake_blocks: 1 } => "SHARE".into(),
            Self::Share { wake_blocks } => format!("SHARE, woken for {wake_blocks}"),
        }
    }
}

/// What a client costs.
pub(crate) struct Tapped {
    format: String,
    frame_bytes: u64,
    frames: u32,
    way: String,
    /// The driver's instructions in a second.
    instructions: f64,
    /// Blocks that the client is given in a second: a read that comes late is given more frames than it waited for.
    blocks: f64,
    /// Requests that the client sends in a second.
    requests: f64,
    /// How often in a second it is woken.
    woken: f64,
}

/// Plays everything on one simulator under callgrind.
///
/// # Errors
/// A machine that fails, a file of callgrind's that cannot be read.
pub(crate) fn tapped(context: &Context) -> Result<Vec<Tapped>> {
    let mut scenarios = Vec::new();
    for &format in FORMATS {
        for ms in DURATIONS {
            scenarios.push(scenario(format, None, ms));
            let clients = CLIENTS.iter();
            scenarios.extend(clients.map(|client| scenario(format, Some(*client), ms)));
        }
    }
    let played = counted::play(context, &scenarios)?;
    let mut all = Vec::new();
    for &format in FORMATS {
        let alone = slope(&played, format, None)?;
        for &(frames, way) in CLIENTS {
            let with = slope(&played, format, Some((frames, way)))?;
            let (channels, sample) = format;
            all.push(Tapped {
                format: format!("{channels} ch {sample:?}"),
                frame_bytes: u64::from(channels) * sample.bytes() as u64,
                frames,
                way: way.name(),
                instructions: with.instructions - alone.instructions,
                blocks: with.blocks,
                requests: with.requests,
                woken: with.woken,
            });
        }
    }
    Ok(all)
}

/// Per second.
struct Slope {
    instructions: f64,
    blocks: f64,
    requests: f64,
    woken: f64,
}

fn slope(played: &All, format: (u16, Sample), client: Option<(u32, Way)>) -> Result<Slope> {
    let [short, long] = DURATIONS.map(|ms| played.of(&scenario(format, client, ms).name));
    let (short, long) = (short?, long?);
    let seconds = f64::from(DURATIONS[1] - DURATIONS[0]) / 1_000.0;
    let per_second = |short: f64, long: f64| (long - short) / seconds;
    let nobody = client.is_none();
    let told = |played| if nobody { Ok([0; 3]) } else { told(played) };
    let (short_told, long_told) = (told(short)?, told(long)?);
    let slope = |at: usize| per_second(short_told[at].into(), long_told[at].into());
    Ok(Slope {
        instructions: per_second(short.executed.all as f64, long.executed.all as f64),
        blocks: slope(0),
        requests: slope(1),
        woken: slope(2),
    })
}

/// Blocks that the client was given, requests that it sent, and how often it was woken.
fn told(played: &Played) -> Result<[u32; 3]> {
    let timeline = played.timeline.iter();
    let mut own = timeline.filter(|stamped| stamped.program == Program::TapClient(1));
    let mut blocks = 0;
    let closed = own.find_map(|stamped| match stamped.event {
        Event::TapClosed {
            requests, woken, ..
        } => Some((requests, woken)),
        Event::Block { .. } => {
            blocks += 1;
            None
        }
        _ => None,
    });
    let (requests, woken) = closed.context("the client did not close its tap")?;
    Ok([blocks, requests, woken])
}

fn scenario((channels, sample): (u16, Sample), client: Option<(u32, Way)>, ms: u32) -> Scenario {
    let format = Format {
        rate: RATE,
        channels,
        sample,
    };
    let player = Client::EventDriven {
        packet_frames: PACKET,
    };
    let mut scenario = Scenario::of(Signal::Counter, format, player, ms);
    scenario.tap.read_frames = PACKET;
    let mut what = "alone".to_owned();
    if let Some((frames, way)) = client {
        let share = match way {
            Way::Read => None,
            Way::Share { wake_blocks } => Some(Share {
                slots: SLOTS,
                wake_blocks,
            }),
        };
        scenario.tap_clients.push(TapClient {
            read_frames: frames,
            reads: READS,
            share,
            ..TapClient::default()
        });
        what = format!("{frames}-{}", way.name().replace([' ', ','], ""));
    }
    scenario.name = format!("tap-{channels}-{sample:?}-{what}-{ms}");
    scenario
}

/// As Markdown.
pub(crate) fn markdown(all: &[Tapped]) -> String {
    let mut text = String::from(
        "## A tap client: reads or shared memory\n\n\
         What one more client adds at 48 kHz to a stream with packets of 10 ms. The driver's instructions only: what Windows does for a \
         request comes on top; the kernel's own memcpy of the frames, the same in both, is not in it.\n\n\
         | format | bytes per frame | frames asked for | way | instructions per second | blocks per second | instructions per block | \
         system calls per second | wake-ups per second |\n|---|--:|--:|---|--:|--:|--:|--:|--:|\n",
    );
    for it in all {
        text += &format!(
            "| {} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |\n",
            it.format,
            it.frame_bytes,
            it.frames,
            it.way,
            it.instructions,
            it.blocks,
            it.instructions / it.blocks,
            it.requests,
            it.woken,
        );
    }
    text + "\n"
}
