//! `cargo xtask faults`: lives of the device in which services of the kernel fail, every one of them once, and pairs by chance.

mod after;
mod usual;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use waverig_ci::Verdict;
use waverig_ci::faults::{Broken, Tally};
use waverig_ci::scenario::{ScenarioFile, load_all};
use waverig_protocol::Reply;
use waverig_protocol::fault::{Failed, Life, Lives};
use waverig_vm::run::Job;

use super::package::WAVERIG;
use super::{Options, Verb};
use crate::context::Context;
use crate::lab::Lab;
use crate::spread::spread;
use crate::stop::{self, Usage};
use crate::subject::Subject;
use crate::ui::Ui;
use after::Judge;

pub(super) const VERB: Verb = Verb {
    name: "faults",
    about: "Lets every service of the kernel that may fail do so, one in each life of the device, and pairs by chance; the driver must refuse cleanly or go on.",
    options: "[--driver cyclic|X.sys] [--inf X.inf] [--filter NAME] [--seed N] [--count PAIRS] [--replay A[,B]] [--out FOLDER]",
    run,
};

/// What the scenarios for this are called: short, undisturbed, and together they use all that the driver asks of the kernel.
const PREFIX: &str = "faults-";
/// Lives on one machine; a life that breaks a rule ends its machine.
const LIVES: usize = 25;
/// Pairs without `--count`.
const PAIRS: u64 = 200;
/// How long a machine may take for one step.
const DEADLINE: Duration = Duration::from_secs(120);

/// A scenario, and what is to fail in it.
struct Plans {
    file: ScenarioFile,
    plans: Vec<Vec<u64>>,
}

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let subject = Subject::of(options)?;
    let files = scenarios(context, &subject, options.filter.as_deref())?;
    let seed = options.seed.unwrap_or(1);
    let replayed = options.replay.as_deref().map(super::numbers).transpose()?;
    let tally = match &replayed {
        Some(plan) => {
            let [file] = &files[..] else {
                let text = "--replay takes the scenario, too: --filter NAME";
                return Err(Usage(text.into()).into());
            };
            let mut plan = plan.clone();
            plan.sort_unstable();
            let file = file.clone();
            let plans = vec![plan];
            Living::new(context, &subject, seed)?.live(&[Plans { file, plans }])?
        }
        None => exhaust_of(
            context,
            &subject,
            &files,
            seed,
            options.count.unwrap_or(PAIRS),
        )?,
    };
    print!("{}", tally.table());
    for broken in &tally.broken {
        print!("{}", broken.words());
    }
    println!("{}", tally.line());
    Ok(if tally.verdict() == Verdict::Passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}

/// The scenarios for this whose name contains `filter`.
fn scenarios(
    context: &Context,
    subject: &Subject,
    filter: Option<&str>,
) -> Result<Vec<ScenarioFile>> {
    let mut files = if subject.is_product() {
        load_all(&context.layout.scenarios())?
    } else {
        usual::scenarios(context, subject)?
    };
    files.retain(|file| file.name().starts_with(PREFIX));
    let names: Vec<String> = files.iter().map(|file| file.name().to_owned()).collect();
    if let Some(filter) = filter {
        files.retain(|file| file.name().contains(filter));
    }
    if files.is_empty() {
        let text = format!(
            "no scenario is called {:?}; there are {}",
            filter.unwrap_or(PREFIX),
            names.join(", ")
        );
        return Err(Usage(text).into());
    }
    Ok(files)
}

/// Lets every service of every scenario for this fail once, and so many pairs.
///
/// # Errors
/// When the package cannot be read, or a machine cannot live at all.
pub(crate) fn exhaust(
    context: &Context,
    files: &[ScenarioFile],
    seed: u64,
    pairs: u64,
) -> Result<Tally> {
    exhaust_of(context, &Subject::Own(&WAVERIG), files, seed, pairs)
}

/// The same of any driver.
fn exhaust_of(
    context: &Context,
    subject: &Subject,
    files: &[ScenarioFile],
    seed: u64,
    pairs: u64,
) -> Result<Tally> {
    let start = Instant::now();
    let living = Living::new(context, subject, seed)?;
    let none = files.iter().map(|file| Plans {
        file: file.clone(),
        plans: vec![Vec::new()],
    });
    let base = living.live(&none.collect::<Vec<_>>())?;
    if !base.broken.is_empty() {
        return Ok(base);
    }
    let mut all = Vec::new();
    let mut numbers = Numbers(seed);
    for (index, file) in files.iter().enumerate() {
        let used = base.used_in(file.name());
        if used == 0 {
            bail!("{}: no service that may fail is used", file.name());
        }
        let mut plans: Vec<Vec<u64>> = (0..used).map(|number| vec![number]).collect();
        let share =
            pairs / files.len() as u64 + u64::from((index as u64) < pairs % files.len() as u64);
        plans.extend((0..share).map(|_| numbers.pair(used)));
        let file = file.clone();
        all.push(Plans { file, plans });
    }
    let lives: usize = all.iter().map(|one| one.plans.len()).sum();
    context.ui.say(
        "faults",
        &format!("{lives} lives of the device over {} scenarios", files.len()),
    );
    let mut tally = living.live(&all)?;
    tally.merge(base);
    tally.seconds = start.elapsed().as_secs_f64();
    Ok(tally)
}

/// The scenarios for this.
///
/// # Errors
/// When a scenario file is wrong.
pub(crate) fn all_scenarios(context: &Context) -> Result<Vec<ScenarioFile>> {
    scenarios(context, &Subject::Own(&WAVERIG), None)
}

/// Numbers by a seed (splitmix64, as published by Sebastiano Vigna).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit.max(1)
    }

    /// Two services, the second of those that are used after the first has failed.
    fn pair(&mut self, used: u64) -> Vec<u64> {
        let first = self.below(used);
        // As often close behind, where the first is being undone, as anywhere.
        let room = if self.below(2) == 0 { 16 } else { used };
        vec![first, first + 1 + self.below(room)]
    }
}

/// A life, and what is wrong with the one after it.
type Lived = (Life, Option<String>);

/// What lives are lived with.
struct Living<'a> {
    ui: &'a Ui,
    lab: Lab,
    seed: u64,
    /// The options that name the driver.
    driver: String,
    /// The goldens that the life after each failure is judged by; of drivers that are not the product there are none.
    goldens: Option<PathBuf>,
}

impl<'a> Living<'a> {
    fn new(context: &'a Context, subject: &Subject, seed: u64) -> Result<Self> {
        Ok(Self {
            ui: &context.ui,
            lab: Lab::about(context, subject)?,
            seed,
            driver: subject.words(),
            goldens: subject.is_product().then(|| context.layout.goldens()),
        })
    }

    /// Lives every plan, as many machines at a time as the host has processors. The order in which they end changes nothing.
    fn live(&self, all: &[Plans]) -> Result<Tally> {
        let mut batches = Vec::new();
        for one in all {
            let plans = one.plans.chunks(LIVES);
            batches.extend(plans.map(|plans| (&one.file, plans)));
        }
        let done = AtomicUsize::new(0);
        let results = spread(&batches, |worker, (file, plans)| {
            let result = self.batch(file, plans, &self.lab.folder("faults", worker));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(10) {
                self.ui.say("", &format!("about {} lives", done * LIVES));
            }
            result
        });
        let mut tally = Tally::default();
        for result in results {
            tally.merge(result?);
        }
        Ok(tally)
    }

    /// Lives these plans; after one that broke a rule goes on with a fresh machine.
    fn batch(&self, file: &ScenarioFile, plans: &[Vec<u64>], folder: &Path) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut rest = plans;
        while !rest.is_empty() {
            let (lives, broken) = self.machine(file, rest, folder)?;
            let lived = lives.len();
            for (life, wrong) in lives {
                match wrong {
                    None => tally.add(file.name(), life),
                    Some(text) => tally.add_broken(Broken {
                        scenario: file.name().to_owned(),
                        plan: life.plan,
                        failed: life.failed,
                        text,
                        seed: self.seed,
                        driver: self.driver.clone(),
                    }),
                }
            }
            rest = match broken {
                Some(broken) => {
                    tally.add_broken(broken);
                    rest.get(lived + 1..).unwrap_or_default()
                }
                None if lived < rest.len() => {
                    bail!(
                        "{}: the machine lived {lived} of {} lives",
                        file.name(),
                        rest.len()
                    )
                }
                None => &[],
            };
        }
        Ok(tally)
    }

    /// Lives on one machine, each with what is wrong with the one after it, and the one that broke a rule.
    fn machine(
        &self,
        file: &ScenarioFile,
        plans: &[Vec<u64>],
        folder: &Path,
    ) -> Result<(Vec<Lived>, Option<Broken>)> {
        let lives = Lives {
            scenario: file.scenario.clone(),
            seed: self.seed,
            plans: plans.to_vec(),
            judged: self.goldens.is_some(),
        };
        let job = Job {
            lives: Some(&lives),
            seed: self.seed,
            ..self.lab.job(&file.scenario.device, DEADLINE)
        };
        let mut lived: Vec<Lived> = Vec::new();
        let mut judge = Judge::new(file, self.goldens.as_deref(), self.seed);
        let mut found: Option<(Vec<u64>, Vec<Failed>)> = None;
        let texts = self
            .lab
            .run_with(&job, folder, &mut |_, reply, payload| match reply {
                Reply::Lived(life) => {
                    let wrong = judge.after(&life);
                    lived.push((*life, wrong));
                }
                Reply::FaultFound { plan, failed } => found = Some((plan, failed)),
                other => judge.evidence.take(other, payload),
            })?;
        if texts.is_empty() {
            return Ok((lived, None));
        }
        // What is found only when the machine ends belongs to its last life.
        let (plan, failed) = found.unwrap_or_else(|| {
            let last = lived.pop();
            let plan = plans.get(lived.len()).cloned().unwrap_or_default();
            (plan, last.map(|(life, _)| life.failed).unwrap_or_default())
        });
        let broken = Broken {
            scenario: file.name().to_owned(),
            plan,
            failed,
            text: texts.join("\n"),
            seed: self.seed,
            driver: self.driver.clone(),
        };
        Ok((lived, Some(broken)))
    }
}
