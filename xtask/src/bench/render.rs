//! The way of rendered audio through the driver: shared buffer, ring, tap client.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use waverig_package::pe::Image;
use waverig_protocol::Reply;
use waverig_protocol::device::{Device, Value};
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal};
use waverig_vm::Sim;
use waverig_vm::run::{Ending, Job, run};

use super::Cost;
use super::callgrind::{Counts, Executed};
use crate::context::Context;
use crate::layout;
use crate::verbs::SIMULATOR;
use crate::verbs::package::{self, HARDWARE_ID, INF, NAME};

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

/// How long the machine may take for one step under callgrind.
const DEADLINE: Duration = Duration::from_secs(600);

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
    let folder = context.layout.rig().join("bench");
    layout::fresh(&folder)?;
    let scenarios = scenarios();
    play(context, &folder, &scenarios)?;
    let path = context.layout.package().join(format!("{NAME}.sys"));
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = Image::parse(&bytes)?;
    let played = read(&folder, &image)?;
    ensure!(
        played.len() == scenarios.len(),
        "{} of {} scenarios were counted; look into {}",
        played.len(),
        scenarios.len(),
        folder.display()
    );
    let count = |name: &str| {
        let found = played.iter().find(|(played, _)| played == name);
        found.map(|(_, counts)| *counts).context("not counted")
    };
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
                let [short, long] =
                    DURATIONS.map(|ms| count(&name(channels, sample, rate, packets, ms)));
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

fn play(context: &Context, folder: &Path, scenarios: &[Scenario]) -> Result<()> {
    let this = std::env::current_exe().context("this program cannot find its own file")?;
    let out = folder.join("callgrind.out");
    let words = [
        "--tool=callgrind".into(),
        // The simulator says when.
        "--instr-atstart=no".into(),
        "--dump-instr=yes".into(),
        "--dump-line=no".into(),
        "--compress-pos=no".into(),
        "--compress-strings=no".into(),
        format!("--callgrind-out-file={}", out.display()),
        this.display().to_string(),
        SIMULATOR.into(),
    ];
    let certificate = package::identity(context)?.certificate().der().to_vec();
    let package = context.layout.package();
    // As many channels as there can be, whatever the driver's own choice is.
    let device = Device {
        channels: Some(Value::Number(16)),
        ..Device::default()
    };
    let job = Job {
        package: &package,
        inf: INF,
        hardware_id: HARDWARE_ID,
        certificate: &certificate,
        scenarios,
        seed: 1,
        inspect: false,
        round: None,
        device: &device,
        deadline: DEADLINE,
    };
    let mut refused = Vec::new();
    let ending = run(
        &Sim::new("valgrind", words),
        &job,
        folder,
        &mut |_, reply, _| {
            if let Reply::Refused(refusal) = reply {
                refused.push(refusal.reason);
            }
        },
    )?;
    if let Ending::Broken { step, reason, .. } = ending {
        bail!("the simulator under callgrind failed at {step}: {reason}");
    }
    ensure!(refused.is_empty(), "refused: {}", refused.join("; "));
    Ok(())
}

/// Of each scenario that was played, by name: what the driver executed.
fn read(folder: &Path, image: &Image) -> Result<Vec<(String, Executed)>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains("callgrind.out"))
        .collect();
    files.sort();
    let mut played = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path)?;
        let counts = Counts::parse(&text).with_context(|| format!("{}", path.display()))?;
        let words: Vec<&str> = counts.mark.split_whitespace().collect();
        if let [name, base] = words[..] {
            let base = u64::from_str_radix(base, 16)
                .with_context(|| format!("{}: {:?}", path.display(), counts.mark))?;
            played.push((name.to_owned(), counts.of_image(image, base)?));
        }
        // They are large, and what they say is in the table.
        fs::remove_file(&path)?;
    }
    Ok(played)
}
