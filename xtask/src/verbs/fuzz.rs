//! `cargo xtask fuzz`: hostile programs against the driver, in rounds, each the life of a fresh machine.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use waverig_protocol::Reply;
use waverig_protocol::device::{Device, Value};
use waverig_protocol::fuzz::{FAMILIES, Family, Round, Tally};
use waverig_vm::hostile;
use waverig_vm::run::Job;

use super::package::WAVERIG;
use super::{Options, Verb};
use crate::context::Context;
use crate::lab::Lab;
use crate::spread::spread_until;
use crate::stop::{self, Usage};
use crate::subject::Subject;

pub(super) const VERB: Verb = Verb {
    name: "fuzz",
    about: "Lets hostile programs loose on the driver, on fresh machines; any rule that is broken is told with what plays it again.",
    options: "[--driver cyclic|X.sys] [--inf X.inf] [--count N] [--seed N] [--filter property|pin|tap] [--replay N] [--out FOLDER]",
    run,
};

/// Requests in a round. More would not find more, and a replay plays the round from its start.
const ROUND: u64 = 5_000;
/// Requests without `--count`: some seconds' worth.
const USUAL: u64 = 100_000;
/// How long a machine may take for one step.
const DEADLINE: Duration = Duration::from_secs(300);

/// What is sent.
struct Plan<'a> {
    seed: u64,
    /// Requests from this one on,
    first: u64,
    /// up to this one.
    end: u64,
    filter: Option<&'a str>,
}

/// A broken rule.
struct Found {
    iteration: u64,
    text: String,
}

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let subject = Subject::of(options)?;
    let filter = options.filter.as_deref();
    if let Some(filter) = filter
        && !FAMILIES.iter().any(|family| family.name().contains(filter))
    {
        let names: Vec<_> = FAMILIES.iter().copied().map(Family::name).collect();
        return Err(Usage(format!(
            "no kind of request is called {filter:?}; there are {}",
            names.join(", ")
        ))
        .into());
    }
    let replayed = options.replay.as_deref().map(super::numbers).transpose()?;
    let (first, end) = match replayed.as_deref() {
        Some([iteration]) => (iteration / ROUND * ROUND, iteration + 1),
        Some(_) => return Err(Usage("--replay takes the number of one request".into()).into()),
        None => (0, options.count.unwrap_or(USUAL)),
    };
    let plan = Plan {
        seed: options.seed.unwrap_or(1),
        first,
        end,
        filter,
    };
    attack(context, &subject, &plan)
}

/// Sends so many requests of every kind: whether no rule was broken.
///
/// # Errors
/// When the package cannot be read.
pub(crate) fn some(context: &Context, count: u64, seed: u64) -> Result<bool> {
    let plan = Plan {
        seed,
        first: 0,
        end: count,
        filter: None,
    };
    attack(context, &Subject::Own(&WAVERIG), &plan).map(|code| code == ExitCode::SUCCESS)
}

/// Plays every round of the plan, as many at a time as the host has processors, until one finds something.
fn attack(context: &Context, subject: &Subject, plan: &Plan<'_>) -> Result<ExitCode> {
    let start = Instant::now();
    let lab = Lab::about(context, subject)?;
    let rounds: Vec<Round> = (plan.first / ROUND..)
        .map_while(|number| plan.round(number))
        .collect();
    let done = AtomicU64::new(0);
    let ui = &context.ui;
    ui.say(
        "fuzz",
        &format!(
            "requests {} to {} of seed {}, in rounds of {ROUND}",
            plan.first, plan.end, plan.seed
        ),
    );
    let played = |worker, round: &Round| {
        let outcome = play(&lab, subject, round, &lab.folder("fuzz", worker));
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // Somebody may be waiting for it.
        if done.is_multiple_of(100) {
            ui.say("", &format!("{} requests", done * ROUND));
        }
        outcome
    };
    let results = spread_until(&rounds, played, |result| !matches!(result, Ok((_, None))));
    let mut tally = Tally::default();
    let mut found = Vec::new();
    for result in results {
        let (sent, one) = result?;
        tally.merge(sent);
        found.extend(one);
    }
    found.sort_by_key(|found: &Found| found.iteration);
    let Some(first) = found.first() else {
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "passed: {} hostile requests on {} machines broke no rule ({} properties, {} of pins, {} of the tap) in {seconds:.1} s, {:.0} in a second",
            tally.total(),
            rounds.len(),
            tally.property,
            tally.pin,
            tally.tap,
            tally.total() as f64 / seconds.max(0.001)
        );
        return Ok(ExitCode::SUCCESS);
    };
    println!("failed: {}", first.text);
    println!("next: {}", plan.replay(subject, first.iteration));
    Ok(ExitCode::from(stop::FAILED))
}

impl Plan<'_> {
    /// The round of this number, as far as it is to be played.
    fn round(&self, number: u64) -> Option<Round> {
        let first = number * ROUND;
        let count = self.end.checked_sub(first)?.min(ROUND);
        (count > 0).then(|| Round {
            // Rounds of one seed and of the next must not be the same numbers, only moved.
            seed: self.seed.rotate_left(32) ^ number,
            first,
            // At most a round.
            count: count as u32,
            filter: self.filter.map(str::to_owned),
        })
    }

    /// The command that plays up to a request again.
    fn replay(&self, subject: &Subject, iteration: u64) -> String {
        let filter = self
            .filter
            .map_or_else(String::new, |filter| format!(" --filter {filter}"));
        format!(
            "cargo xtask fuzz{} --seed {} --replay {iteration}{filter}",
            subject.words(),
            self.seed
        )
    }
}

/// One round on a fresh machine: how much was sent, and what was found.
fn play(
    lab: &Lab,
    subject: &Subject,
    round: &Round,
    folder: &Path,
) -> Result<(Tally, Option<Found>)> {
    let number = round.first / ROUND;
    // In turn as much as a device can have on two cables, so that there is more to attack, and whatever the key may hold.
    let device = if !subject.is_product() {
        Device::default()
    } else if number.is_multiple_of(2) {
        Device {
            cables: Some(Value::Number(2)),
            channels: Some(Value::Number(16)),
            ..Device::default()
        }
    } else {
        hostile::device(round.seed)
    };
    let job = Job {
        round: Some(round),
        seed: round.seed,
        ..lab.job(&device, DEADLINE)
    };
    let mut tally = Tally::default();
    let mut request = None;
    let texts = lab.run(&job, folder, &mut |reply| match reply {
        Reply::Fuzzed(sent) => tally = sent,
        Reply::FuzzFound { iteration, what } => request = Some((iteration, what)),
        _ => {}
    })?;
    if texts.is_empty() {
        return Ok((tally, None));
    }
    // What is found only when the device is removed belongs to the round as a whole.
    let last = round.first + u64::from(round.count) - 1;
    let (iteration, what) =
        request.unwrap_or_else(|| (last, "it was found after the round".into()));
    Ok((
        tally,
        Some(Found {
            iteration,
            text: format!("request {iteration}: {what}\n{}", texts.join("\n")),
        }),
    ))
}
