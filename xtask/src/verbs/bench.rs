//! `cargo xtask bench`: what the timer path costs, in instructions, next to a plain copy of the same bytes; and what the simulator's
//! rules cost.

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use anyhow::Result;

use super::{Options, Verb, package};
use crate::bench::{self, Cost, Row, Table};
use crate::context::Context;
use crate::{setup, stop};

pub(super) const VERB: Verb = Verb {
    name: "bench",
    about: "Counts the driver's instructions per frame and per packet with callgrind; fails if a frame divides or allocates.",
    options: "[--out FOLDER]",
    run,
};

/// Divisions per frame from which on a loop over frames, or over bytes of eight marks, divides. Below lies what packets divide:
/// how often a division of 128 bits divides depends on how large its numbers are, and those of a higher rate are larger.
const SOME: f64 = 0.1;

fn run(context: &mut Context, _: &Options) -> Result<ExitCode> {
    context.claim()?;
    setup::bench(context)?;
    package::make(context, None)?;
    let renderings = context.ui.step(
        "bench",
        "waverig.sys in the simulator under callgrind",
        || bench::renderings(context),
    )?;
    let tapped = context.ui.step("bench", "tap clients, by both ways", || {
        bench::tap::tapped(context)
    })?;
    let conversions =
        context
            .ui
            .step("bench", "the engine's conversions under callgrind", || {
                bench::conversions(context)
            })?;
    let mut copies = BTreeMap::new();
    let mut copy = |frame_bytes: u64| -> Result<Cost> {
        if let Some(known) = copies.get(&frame_bytes) {
            return Ok(*known);
        }
        let cost = bench::copy(context, frame_bytes)?;
        copies.insert(frame_bytes, cost);
        Ok(cost)
    };
    let mut rendered = Vec::new();
    for it in &renderings {
        for rate in [48_000, 192_000] {
            for (packet, cost) in [1, 10].into_iter().zip(it.instructions) {
                rendered.push(Row {
                    name: format!("{} ch {:?}, {rate} Hz, {packet} ms", it.channels, it.sample),
                    frame_bytes: it.frame_bytes(),
                    frames: rate * packet / 1_000,
                    cost,
                    copy: copy(it.frame_bytes())?,
                });
            }
        }
    }
    let mut converted = Vec::new();
    for conversion in conversions {
        converted.push(Row {
            copy: copy(conversion.frame_bytes)?,
            name: conversion.name,
            frame_bytes: conversion.frame_bytes,
            frames: 480,
            cost: conversion.instructions,
        });
    }
    let simulator = context
        .ui
        .step("bench", "the simulator, by source file", || {
            bench::simulator::table(context)
        })?;
    let tables = [
        Table {
            title: "Rendered audio: shared buffer to ring to tap client",
            note: "Everything `waverig.sys` executes while an event-driven client plays and a tap client reads, packet by packet: timer, \
                   notification, position, taking and clearing the buffer, marking clear frames, completing reads. Counted in the \
                   simulator in the shipped image; the kernel's own memcpy that hands a block to the client is not in it.",
            rows: rendered,
        },
        Table {
            title: "Conversion",
            note: "Packets of 480 output frames. The engine, compiled with the driver's profile for this host.",
            rows: converted,
        },
    ];
    let mut text: String = tables.iter().map(Table::markdown).collect();
    text += &bench::tap::markdown(&tapped);
    text += &simulator;
    let path = context.layout.rig().join("bench.md");
    fs::write(&path, &text)?;
    print!("{text}");
    println!("written: {}", path.display());
    let mut failed = false;
    for it in &renderings {
        let divisions = it.divisions[0].frame.max(it.divisions[1].frame);
        if divisions > SOME || it.allocations != 0 {
            failed = true;
            println!(
                "failed: {} ch {:?}: {divisions:.3} divisions per frame, {} allocations while the stream ran",
                it.channels, it.sample, it.allocations
            );
        }
    }
    let packets = renderings.iter().flat_map(|it| it.divisions);
    let most = packets.map(|cost| cost.packet).fold(0.0, f64::max);
    if !failed {
        println!(
            "passed: no division per frame (up to {most:.0} per packet), no allocation while a stream runs"
        );
    }
    Ok(if failed {
        ExitCode::from(stop::FAILED)
    } else {
        ExitCode::SUCCESS
    })
}
