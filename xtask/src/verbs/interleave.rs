//! `cargo xtask interleave`: a second processor calls the driver while the first is in the middle of a call, at every boundary of short
//! lives and by chance in long ones.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use waverig_ci::interleave::{Found, Interleaved};
use waverig_protocol::device::Device;
use waverig_protocol::interleave::{ACTIVITIES, Activity, Life, Order, Tally};
use waverig_protocol::{Reply, Severity};
use waverig_vm::Machine;
use waverig_vm::run::{Ending, Job, run as run_job};

use super::package::{self, HARDWARE_ID, INF};
use super::{Options, Verb};
use crate::context::Context;
use crate::layout;
use crate::machine;
use crate::stop::{self, Usage};

pub(super) const VERB: Verb = Verb {
    name: "interleave",
    about: "Lets a second processor call the driver in the middle of the first one's calls; what breaks a rule is told with what plays it again.",
    options: "[--filter ACTIVITY] [--seed N] [--count N] [--replay SCHEDULE] [--out FOLDER]",
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
    let orders = orders(options)?;
    if !context.layout.package().is_dir() {
        package::make(context, None)?;
    }
    let run = explore(context, &orders)?;
    print!("{}", run.table());
    print!("{}", run.words());
    println!("{}", run.line());
    if let Some(replay) = run.replay() {
        println!("next: {replay}");
    }
    Ok(if run.found.is_none() {
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
    explore(context, &orders)
}

/// Carries out orders until one finds something.
///
/// # Errors
/// When the package cannot be read.
fn explore(context: &Context, orders: &[Order]) -> Result<Interleaved> {
    let start = Instant::now();
    let (tally, found) = Lab::new(context)?.explore(context, orders)?;
    Ok(Interleaved {
        tally,
        found,
        seconds: start.elapsed().as_secs_f64(),
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

/// What interleavings are tried with.
struct Lab {
    machine: Box<dyn Machine>,
    package: PathBuf,
    certificate: Vec<u8>,
}

impl Lab {
    fn new(context: &Context) -> Result<Self> {
        Ok(Self {
            machine: machine::select(context, "sim")?,
            package: context.layout.package(),
            certificate: package::identity(context)?.certificate().der().to_vec(),
        })
    }

    /// Carries out every order, as many at a time as the host has processors, until one finds something.
    fn explore(&self, context: &Context, orders: &[Order]) -> Result<Outcome> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let stop = AtomicBool::new(false);
        let results: Mutex<Vec<(usize, Result<Outcome>)>> = Mutex::default();
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let runs = context.layout.runs(self.machine.kind());
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
        thread::scope(|scope| {
            for worker in 0..workers.min(orders.len()) {
                let folder = runs.join(format!("interleave-{worker}"));
                let (next, done, stop, results) = (&next, &done, &stop, &results);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(order) = orders.get(number) else {
                            return;
                        };
                        let result = self.order(order, &folder);
                        if !matches!(result, Ok((_, None))) {
                            stop.store(true, Ordering::Relaxed);
                        }
                        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                        if orders.len() > 1 {
                            ui.say("", &format!("{done} of {} machines", orders.len()));
                        }
                        results
                            .lock()
                            .unwrap_or_else(|poisoned| poisoned.into_inner())
                            .push((number, result));
                    }
                });
            }
        });
        let mut results = results
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        results.sort_by_key(|(number, _)| *number);
        let mut whole = Tally::default();
        let mut first = None;
        for (_, result) in results {
            let (tally, found) = result?;
            whole.merge(&tally);
            first = first.or(found);
        }
        Ok((whole, first))
    }

    /// Carries out an order on a fresh machine.
    fn order(&self, order: &Order, folder: &Path) -> Result<Outcome> {
        layout::fresh(folder)?;
        let device = Device::default();
        let job = Job {
            package: &self.package,
            inf: INF,
            hardware_id: HARDWARE_ID,
            certificate: &self.certificate,
            device: &device,
            scenarios: &[],
            inspect: false,
            round: None,
            lives: None,
            order: Some(order),
            seed: 1,
            deadline: DEADLINE,
        };
        let mut tally = Tally::default();
        let mut found = None;
        let mut texts = Vec::new();
        let ending = run_job(
            &*self.machine,
            &job,
            folder,
            &mut |_, reply, _| match reply {
                Reply::Interleaved(tried) => tally = *tried,
                Reply::InterleaveFound { schedule, what } => found = Some((schedule, what)),
                Reply::Finding(finding) if finding.severity == Severity::Error => {
                    let place = finding.place.as_deref().unwrap_or("unknown place");
                    texts.push(format!(
                        "the rule {} was broken: {} ({place}; {})",
                        finding.rule, finding.text, finding.source
                    ));
                }
                Reply::Fault { text, .. } => texts.push(text),
                Reply::Refused(refusal) => texts.push(refusal.reason),
                _ => {}
            },
        )
        .with_context(|| {
            format!(
                "cannot read the package in {}; cargo xtask package makes it anew",
                self.package.display()
            )
        })?;
        if let Ending::Broken { step, reason, .. } = ending
            && texts.is_empty()
        {
            texts.push(format!("at {step}: {reason}"));
        }
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
}
