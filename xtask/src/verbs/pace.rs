//! `cargo xtask pace`: how long the simulator takes for a day of a stream, every rule on and every frame judged.
//!
//! The day is played in as many parts as the host has processors, each on a machine of its own that was booted as long before as the
//! parts before it last. For an hour or more the simulator is built anew, as far as the compiler optimises it.

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use waverig_ci::Limits;
use waverig_ci::digest::{Folded, Judge};
use waverig_protocol::Reply;
use waverig_protocol::device::Device;
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal, Tap};
use waverig_vm::run::Job;

use super::{Options, Verb};
use crate::context::Context;
use crate::lab::Lab;
use crate::machine;
use crate::spread::spread;
use crate::stop::{self, Usage};

pub(super) const VERB: Verb = Verb {
    name: "pace",
    about: "Plays a day of 48 kHz stereo on the simulator, every rule on and every frame judged, and says how long that takes.",
    options: "[--minutes N] [--out FOLDER]",
    run,
};

/// A day.
const MINUTES: u64 = 24 * 60;
/// Runs of so many minutes are worth the time that it takes to compile the simulator for them.
const OPTIMISED_FROM: u64 = 60;
/// A machine that takes longer than this for its part has hung.
const DEADLINE: Duration = Duration::from_secs(1_800);
/// A minute: what is folded into one digest.
const DIGEST_FRAMES: u64 = 60 * 48_000;
/// What a tap read waits for, as well as a packet: 10 ms.
const PACKET_FRAMES: u32 = 480;

/// A player, and a tap client that reads what it plays.
pub(crate) fn scenario(start_ms: u32, duration_ms: u32) -> Scenario {
    let format = Format {
        rate: 48_000,
        channels: 2,
        sample: Sample::Pcm16,
    };
    let client = Client::EventDriven {
        packet_frames: PACKET_FRAMES,
    };
    Scenario {
        name: "pace".into(),
        start_ms,
        tap: Tap {
            read_frames: PACKET_FRAMES,
            reads: 2,
        },
        digest_frames: Some(DIGEST_FRAMES),
        ..Scenario::of(Signal::Counter, format, client, duration_ms)
    }
}

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let minutes = options.minutes.unwrap_or(MINUTES);
    // What a scenario's 32 bits of milliseconds hold three times over.
    if !(1..=20_000).contains(&minutes) {
        return Err(Usage(format!("--minutes {minutes}; allowed: 1 to 20000")).into());
    }
    let lab = if minutes >= OPTIMISED_FROM {
        Lab::on(context, machine::optimised(context)?)?
    } else {
        Lab::new(context)?
    };
    let parts = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let parts = parts.min(minutes);
    context.ui.say(
        "play",
        &format!("{minutes} minutes of 48 kHz stereo in {parts} parts"),
    );
    let start = Instant::now();
    let ms = |minutes: u64| u32::try_from(minutes * 60_000).unwrap_or(u32::MAX);
    let scenarios: Vec<Scenario> = (0..parts)
        .map(|part| {
            let (from, to) = (minutes * part / parts, minutes * (part + 1) / parts);
            scenario(ms(from), ms(to - from))
        })
        .collect();
    let results = spread(&scenarios, |worker, scenario| {
        play(&lab, scenario, &lab.folder("pace", worker))
    });
    let seconds = start.elapsed().as_secs_f64();
    let mut all = Folded::default();
    for result in results {
        match result {
            Ok(part) => all.merge(&part),
            Err(error) => {
                println!("failed: {error:#}");
                return Ok(ExitCode::from(stop::FAILED));
            }
        }
    }
    println!(
        "passed: {minutes} minutes ({} frames, {} notifications, {} positions, {} blocks) were right in every frame; the latest notification \
         came {} after its packet",
        all.frames, all.notifications, all.positions, all.blocks, all.latest
    );
    println!(
        "{seconds:.1} s on {parts} processors: {:.0} times as fast as it sounds, {:.1} us of a processor for a packet of 10 ms",
        minutes as f64 * 60.0 / seconds,
        seconds * parts as f64 * 1e6 / all.notifications.max(1) as f64
    );
    Ok(ExitCode::SUCCESS)
}

/// One part on a fresh machine, judged while it is played.
fn play(lab: &Lab, scenario: &Scenario, folder: &Path) -> Result<Folded> {
    let device = Device::default();
    let job = Job {
        scenarios: std::slice::from_ref(scenario),
        ..lab.job(&device, DEADLINE)
    };
    let mut judge = None;
    let mut wrong = Vec::new();
    let complaints = lab.run(&job, folder, &mut |reply| match reply {
        Reply::Ready(info) => match Judge::new(scenario, &Limits::default(), info.qpc_frequency) {
            Ok(new) => judge = Some(new),
            Err(error) => wrong.push(error),
        },
        Reply::Events { events } => {
            if wrong.is_empty()
                && let Some(judge) = &mut judge
                && let Err(what) = judge.take(&events)
            {
                wrong.push(what);
            }
        }
        _ => {}
    })?;
    wrong.extend(complaints);
    let folded = judge.context("the machine never was ready")?.end();
    if wrong.is_empty() {
        return folded.map_err(anyhow::Error::msg);
    }
    anyhow::bail!("{}", wrong.join("\n"))
}
