//! `cargo xtask interleave`: a second processor calls the driver while the first is in the middle of a call, at every boundary of short
//! lives and by chance in long ones.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use waverig_ci::Verdict;
use waverig_ci::interleave::{Found, Interleaved};
use waverig_protocol::Reply;
use waverig_protocol::device::Device;
use waverig_protocol::interleave::{ACTIVITIES, Activity, Life, Order, Tally};
use waverig_vm::run::Job;

use super::package::WAVERIG;
use super::{Options, Verb};
use crate::context::Context;
use crate::lab::Lab;
use crate::spread::spread_until;
use crate::stop::{self, Usage};
use crate::subject::Subject;

pub(super) const VERB: Verb = Verb {
    name: "interleave",
    about: "Lets a second processor call the driver in the middle of the first one's calls; what breaks a rule is told with what plays it again.",
    options: "[--driver cyclic|X.sys] [--inf X.inf] [--filter ACTIVITY] [--seed N] [--count N] [--replay SCHEDULE] [--out FOLDER]",
    run,
};

/// Machines that share the boundaries of a short life.
const PARTS: u32 = 32;
/// How often the first processor goes on in the middle of an activity, at each boundary: in another place of it each time.
const BACKS: u32 = 1;
/// Boundaries of which one is tried for every change: no divisor of what repeats in a life.
const SOME: u32 = 37;
/// Long lives without `--count`, and those of one machine.
const USUAL: u64 = 2_000;
const BATCH: u64 = 100;
/// How long a machine may take for one step.
const DEADLINE: Duration = Duration::from_secs(600);

/// What was tried, and the first thing that was found.
type Outcome = (Tally, Option<Found>);

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let subject = Subject::of(options)?;
    let orders = orders(options)?;
    let run = explore(context, &subject, &orders)?;
    print!("{}", run.table());
    print!("{}", run.words());
    println!("{}", run.line());
    if let Some(replay) = run.replay() {
        println!("next: {replay}");
    }
    Ok(if run.verdict() == Verdict::Passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}

/// A fixed part of all interleavings, for every change: each activity at every so many boundaries, and some long lives.
///
/// # Errors
/// As [`explore`].
pub(crate) fn some(context: &Context) -> Result<Interleaved> {
    let mut orders = Vec::new();
    for part in 0..2 {
        for life in Life::SHORT {
            orders.push(Order::Short {
                life,
                filter: None,
                first: part * SOME,
                step: 2 * SOME,
                backs: 0,
            });
        }
    }
    orders.extend(long(1, BATCH));
    explore(context, &Subject::Own(&WAVERIG), &orders)
}

/// Carries out orders until one finds something.
///
/// # Errors
/// When the package cannot be read.
fn explore(context: &Context, subject: &Subject, orders: &[Order]) -> Result<Interleaved> {
    let start = Instant::now();
    let (tally, found) = carry_out(context, subject, orders)?;
    Ok(Interleaved {
        tally,
        found,
        seconds: start.elapsed().as_secs_f64(),
        driver: subject.words(),
    })
}

/// What the options ask for, one order for each machine.
fn orders(options: &Options) -> Result<Vec<Order>> {
    if let Some(text) = &options.replay {
        return Ok(vec![Order::One(text.parse().map_err(Usage)?)]);
    }
    let filter = options.filter.clone();
    if let Some(filter) = &filter
        && !ACTIVITIES
            .iter()
            .any(|one| one.name().contains(filter.as_str()))
    {
        let names: Vec<_> = ACTIVITIES.iter().copied().map(Activity::name).collect();
        return Err(Usage(format!(
            "no activity is called {filter:?}; there are {}",
            names.join(", ")
        ))
        .into());
    }
    let mut orders = Vec::new();
    for part in 0..PARTS {
        for life in Life::SHORT {
            orders.push(Order::Short {
                life,
                filter: filter.clone(),
                first: part,
                step: PARTS,
                backs: BACKS,
            });
        }
    }
    // Long lives have activities of every kind.
    let count = options
        .count
        .unwrap_or(if filter.is_some() { 0 } else { USUAL });
    orders.extend(long(options.seed.unwrap_or(1), count));
    Ok(orders)
}

fn long(seed: u64, count: u64) -> impl Iterator<Item = Order> {
    (0..count.div_ceil(BATCH)).map(move |batch| Order::Long {
        // Lives of one seed and of the next must not be the same, only moved.
        first: seed.rotate_left(32).wrapping_add(batch * BATCH),
        // At most a batch.
        count: BATCH.min(count - batch * BATCH) as u32,
    })
}

/// Carries out every order, as many at a time as the host has processors, until one finds something.
fn carry_out(context: &Context, subject: &Subject, orders: &[Order]) -> Result<Outcome> {
    let lab = Lab::about(context, subject)?;
    let done = AtomicUsize::new(0);
    let ui = &context.ui;
    ui.say(
        "interleave",
        &format!(
            "{} activities at the boundaries of {} lives, and long lives, on {} machines",
            ACTIVITIES.len(),
            Life::SHORT.len(),
            orders.len()
        ),
    );
    let tried = |worker, order: &Order| {
        let result = one(&lab, order, &lab.folder("interleave", worker));
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if orders.len() > 1 {
            ui.say("", &format!("{done} of {} machines", orders.len()));
        }
        result
    };
    let results = spread_until(orders, tried, |result| !matches!(result, Ok((_, None))));
    let mut whole = Tally::default();
    let mut first = None;
    for result in results {
        let (tally, found) = result?;
        whole.merge(&tally);
        first = first.or(found);
    }
    Ok((whole, first))
}

/// Carries out an order on a fresh machine.
fn one(lab: &Lab, order: &Order, folder: &Path) -> Result<Outcome> {
    let device = Device::default();
    let job = Job {
        order: Some(order),
        ..lab.job(&device, DEADLINE)
    };
    let mut tally = Tally::default();
    let mut found = None;
    let mut texts = lab.run(&job, folder, &mut |reply| match reply {
        Reply::Interleaved(tried) => tally = *tried,
        Reply::InterleaveFound { schedule, what } => found = Some((schedule, what)),
        _ => {}
    })?;
    let schedule = found.as_ref().map(|(schedule, _)| *schedule);
    if let Some(schedule) = schedule.filter(|_| tally == Tally::default()) {
        // The machine ended in it, and can no longer tell of those before it.
        tally.add(schedule);
    }
    if let Some((schedule, what)) = found {
        texts.insert(0, format!("{schedule}: {what}"));
    }
    if texts.is_empty() {
        return Ok((tally, None));
    }
    Ok((
        tally,
        Some(Found {
            schedule,
            text: texts.join("\n"),
        }),
    ))
}
