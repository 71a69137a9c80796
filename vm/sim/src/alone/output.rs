//! What people read, and the files that stay.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use waverig_protocol::Installed;
use waverig_protocol::inspection::Inspection;
use waverig_protocol::scenario::Scenario;
use waverig_protocol::timeline::{Event, Stamped};
use waverig_signal::wav;

use super::Played;
use super::options::Options;
use crate::kernel::kernel;
use crate::nt::{debug, files};
use crate::report;

/// What was installed, and what was passed over for it.
pub(super) fn installed(options: &Options, installed: &Installed, inspection: &Inspection) {
    println!(
        "installed: {} ({}), service {}, on the simulator",
        inspection.device, inspection.hardware_id, inspection.service
    );
    println!("   driver: {}", options.driver.display());
    println!("           sha256 {}", installed.driver_sha256);
    println!(
        "     note: it was given by name, so its signature and its catalog were not looked at"
    );
    for note in &inspection.passed_over {
        println!("     note: passed over: {note}");
    }
    for import in &inspection.missing_imports {
        println!("     note: {import} is not in the simulator; the driver runs until it calls it");
    }
    for endpoint in &installed.endpoints {
        let kind = if endpoint.render {
            "playback"
        } else {
            "recording"
        };
        println!(
            " endpoint: {} ({kind}, {})",
            endpoint.name, endpoint.form_factor
        );
    }
    for missing in &inspection.missing {
        println!(
            " no endpoint: {} [{}]\n           at {}",
            missing.text, missing.rule, missing.place
        );
    }
}

fn count(events: &[Stamped], is: fn(&Event) -> bool) -> usize {
    events.iter().filter(|one| is(&one.event)).count()
}

/// What was played, and how it kept time; whether that was well.
pub(super) fn played(scenario: &Scenario, played: &Played, quiet: bool) -> bool {
    let events = played.seen.events.borrow();
    let wrote = events.iter().filter_map(|one| match one.event {
        Event::Wrote { frames, .. } => Some(frames),
        _ => None,
    });
    if !quiet {
        println!(
            "   played: {}: {} frames written, {} positions, {} notifications",
            scenario.name,
            wrote.sum::<u64>(),
            count(&events, |event| matches!(event, Event::Position { .. })),
            count(&events, |event| matches!(event, Event::Notified)),
        );
        for (program, bytes) in played.seen.captured.borrow().iter() {
            let frames = scenario
                .format_of(*program)
                .map_or(0, |format| bytes.len() / format.frame_bytes().max(1));
            let silent = bytes.iter().all(|byte| *byte == 0);
            let what = if silent { ", all of them silence" } else { "" };
            println!(" recorded: {program}: {frames} frames{what}");
        }
        for (path, bytes) in files::written() {
            println!("    saved: {path} ({} bytes)", bytes.len());
        }
        for one in &played.timing {
            let verdict = if one.is_good() {
                "   timing"
            } else {
                "bad timing"
            };
            println!("{verdict}: {one}");
        }
    }
    if let Some(reason) = &played.failed {
        eprintln!("a program could not go on: {reason}");
    }
    played.failed.is_none() && played.timing.iter().all(super::timing::Timing::is_good)
}

/// Prints every broken rule; whether there was none.
pub(super) fn findings() -> bool {
    let all = report::symbolised(kernel().findings.all());
    for finding in &all {
        eprintln!("{finding}");
    }
    all.is_empty()
}

/// What driver and kernel last said to each other, for a driver that does not start.
pub(super) fn last_calls() {
    const SHOWN: usize = 60;
    let calls = kernel().calls.history();
    eprintln!("last calls between kernel and driver, oldest first:");
    for line in calls.iter().skip(calls.len().saturating_sub(SHOWN)) {
        eprintln!("  {line}");
    }
}

/// The last line, and the command to run next.
pub(super) fn summary(good: bool, options: &Options) {
    println!("{}", if good { "passed" } else { "failed" });
    let (driver, inf) = (options.driver.display(), options.inf.display());
    if options.scenario.is_none() {
        println!("next: waverig-sim {driver} --inf {inf} --scenario FILE.toml");
    } else if options.out.is_none() {
        println!("next: the same with --out FOLDER, to look at what was seen and saved");
    }
}

/// Keeps what was seen: the timeline, what was recorded, what the driver printed and saved.
pub(super) fn write(
    folder: &Path,
    scenario: Option<&Scenario>,
    played: Option<&Played>,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut printed = BufWriter::new(File::create(folder.join("printed.log"))?);
    for (at, line) in debug::printed() {
        writeln!(printed, "{at}: {}", line.trim_end())?;
    }
    printed.flush()?;
    for (path, bytes) in files::written() {
        // A name of the driver never leads out of the folder.
        let name: Vec<&str> = path
            .split(['\\', '/', ':'])
            .filter(|part| !matches!(*part, "" | "." | ".." | "??"))
            .collect();
        let file = folder.join("files").join(name.join("/"));
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(file, bytes)?;
    }
    let (Some(scenario), Some(played)) = (scenario, played) else {
        return Ok(());
    };
    let mut timeline = BufWriter::new(File::create(folder.join("timeline.jsonl"))?);
    for event in played.seen.events.borrow().iter() {
        serde_json::to_writer(&mut timeline, event)?;
        writeln!(timeline)?;
    }
    timeline.flush()?;
    for (program, bytes) in played.seen.captured.borrow().iter() {
        if let Some(format) = scenario.format_of(*program) {
            let file = folder.join(format!("{program}.wav"));
            wav::write(&mut BufWriter::new(File::create(file)?), format, bytes)?;
        }
    }
    Ok(())
}
