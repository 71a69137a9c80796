//! `cargo xtask compare`: WaveRT or WaveCyclic? The same tone through a driver of either kind, in figures.

use std::fs;
use std::process::ExitCode;

use anyhow::Result;

use super::package::{self, Driver};
use super::{Options, Verb};
use crate::compare::{self, FORMAT, Latency, Measured, WAYS, Way};
use crate::context::Context;
use crate::lab::Lab;
use crate::spread::spread;
use crate::{setup, stop};

pub(super) const VERB: Verb = Verb {
    name: "compare",
    about: "Plays the same tone through a WaveRT and a WaveCyclic driver: latency, wake-ups, copies and calls, as a table.",
    options: "[--fault NAME] [--out FOLDER]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let fault = options.fault.as_deref();
    if fault.is_none() {
        setup::bench(context)?;
    }
    package::ensure(context)?;
    package::make_of(context, &package::WAVECYC, fault)?;
    let [rt, cyclic] = DRIVERS.map(|driver| Lab::of(context, driver));
    let (rt, cyclic) = (rt?, cyclic?);
    // What a faulty driver does to the tone is to be seen, not what it costs.
    let ways: Vec<&Way> = match fault {
        Some(_) => of_driver(&package::WAVECYC).collect(),
        None => WAYS.iter().collect(),
    };
    context.ui.say(
        "play",
        &format!("a tone in {} ways, bit for bit", ways.len()),
    );
    let measured = spread(&ways, |worker, way| {
        let lab = if way.driver.name == package::NAME {
            &rt
        } else {
            &cyclic
        };
        compare::measure(lab, way, &lab.folder("compare", worker))
    });
    let mut rows = Vec::new();
    let mut failed = false;
    for (way, measured) in ways.iter().zip(measured) {
        match measured {
            Ok(measured) => rows.push((*way, measured)),
            Err(error) => {
                failed = true;
                println!("failed: {error:#}");
            }
        }
    }
    if failed {
        return Ok(ExitCode::from(stop::FAILED));
    }
    if fault.is_none() {
        let text = table(&rows, &costs(context)?);
        let path = context.layout.rig().join("compare.md");
        fs::write(&path, &text)?;
        print!("{text}");
        println!("written: {}", path.display());
    }
    println!(
        "passed: the tone came out bit for bit in all of {} ways",
        rows.len()
    );
    println!("next: cargo xtask bench, for what formats and packets cost in waverig.sys");
    Ok(ExitCode::SUCCESS)
}

/// In the order of the table.
const DRIVERS: [&Driver; 2] = [&package::WAVERIG, &package::WAVECYC];

/// The instructions for a frame in each of the ways.
fn costs(context: &Context) -> Result<Vec<f64>> {
    let mut costs = Vec::new();
    for driver in DRIVERS {
        let ways: Vec<&Way> = of_driver(driver).collect();
        let what = format!("{}.sys under callgrind", driver.name);
        let counted = context
            .ui
            .step("count", &what, || compare::costs(context, driver, &ways))?;
        costs.extend(counted);
    }
    Ok(costs)
}

/// The ways through a driver; in the table those of one driver follow each other.
fn of_driver(driver: &Driver) -> impl Iterator<Item = &'static Way> {
    WAYS.iter().filter(|way| way.driver.name == driver.name)
}

fn table(rows: &[(&Way, Measured)], costs: &[f64]) -> String {
    let mut text = String::from(
        "| 48 kHz stereo, 16 bit | least | mean | most | silence | timer | program | into driver | out of it | port's copies | instructions |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for ((way, it), cost) in rows.iter().zip(costs) {
        let Latency { least, mean, most } = it.latency;
        let time = |ticks: i64| {
            format!(
                "{} ({:.1} ms)",
                Latency::frames(ticks, FORMAT.rate),
                Latency::ms(ticks)
            )
        };
        text += &format!(
            "| {} | {} | {} | {} | {:.0} % | {} | {} | {} | {} | {:.1} | {cost:.1} |\n",
            way.name,
            time(least),
            time(mean),
            time(most),
            it.silent as f64 * 100.0 / (it.silent + u64::from(FORMAT.rate)) as f64,
            it.timers,
            it.woken,
            it.calls[0],
            it.calls[1],
            it.copies,
        );
    }
    text + "\n" + LEGEND + "\n\n"
}

/// What the columns are.
const LEGEND: &str = "Latency (least, mean, most): from the program's write of a frame to the frame's turn on the device's clock, in frames, in virtual \
time. Silence: of what was played, because nothing was there in time. For each second of tone: callbacks of the driver's timers, wake-ups of \
the program, calls into the driver and out of it, those for the tap's client among them. For each frame: how often the port copied it, \
and the driver's instructions, its own copy out of the buffer into the tap among them.";
