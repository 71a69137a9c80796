//! A run of a scenario: all its programs side by side, until the last has ended.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::scenario::{Disturbance, Recorder, Scenario, TapClient};

use super::client::Playing;
use super::journal::Journal;
use super::stream::Setup;
use super::tap::{Reading, Tap};
use super::{Target, UserError, life, processor, recorder, soak, task};
use crate::kernel::kernel;
use crate::pnp::node::Node;
use crate::sched::{self, Waited};
use crate::time::{Hns, Qpc};

/// What becomes of the programs.
#[derive(Default)]
struct Outcome {
    running: usize,
    /// The first that could not go on.
    error: Option<UserError>,
}

/// What a run's programs are started with.
struct Run<'a> {
    scenario: &'a Scenario,
    target: &'a Target,
    /// The device's node, when something may happen to it.
    node: Option<&'a Rc<Node>>,
    journal: &'a Journal,
    begin: Qpc,
    outcome: Rc<RefCell<Outcome>>,
}

/// Plays `scenario` to its end: every program opens what it needs, does its part, and closes it again.
///
/// # Errors
/// A sentence for people when a program cannot go on; everything that was seen until then is in the journal.
pub(crate) fn play(
    scenario: &Scenario,
    target: &Target,
    node: Option<&Rc<Node>>,
    journal: &Journal,
) -> Result<(), UserError> {
    let run = Run {
        scenario,
        target,
        node,
        journal,
        begin: kernel().now(),
        outcome: Rc::default(),
    };
    run.main()?;
    for program in scenario.programs() {
        match program {
            Program::Main => {}
            Program::Player(_) => run.player(program)?,
            Program::Recorder(number) => {
                if let Some(one) = scenario.recorder(number) {
                    run.recorder(program, one)?;
                }
            }
            Program::TapClient(number) => {
                if let Some(one) = scenario.tap_client(number) {
                    run.tap_client(program, one)?;
                }
            }
        }
    }
    let outcome = Rc::clone(&run.outcome);
    let waited = sched::run_until(|| outcome.borrow().running == 0 && life::settled(), None);
    match run.outcome.take().error {
        Some(error) => Err(error),
        None if waited == Waited::Hung => Err(UserError(
            "a program waits for something that nothing is left to bring about".into(),
        )),
        None => Ok(()),
    }
}

/// What a tap client still does about the clock.
struct Plan {
    steps: VecDeque<(Qpc, Option<i32>)>,
    /// When it asks next, and how often.
    ask: Option<(Qpc, Hns)>,
}

impl Plan {
    fn next(&self) -> Qpc {
        let step = self.steps.front().map(|(at, _)| *at);
        let ask = self.ask.map(|(at, _)| at);
        step.into_iter().chain(ask).min().unwrap_or(Qpc(u64::MAX))
    }

    /// Does what is due.
    fn act(&mut self, tap: &Tap) -> Result<(), UserError> {
        let now = kernel().now();
        while let Some((_, ppb)) = self.steps.pop_front_if(|(at, _)| *at <= now) {
            tap.steer(ppb)?;
        }
        if let Some((at, every)) = self.ask.filter(|(at, _)| *at <= now) {
            tap.clock()?;
            self.ask = Some((at + every, every));
        }
        Ok(())
    }
}

impl Run<'_> {
    fn spawn(
        &self,
        name: &'static str,
        program: impl Future<Output = Result<(), UserError>> + 'static,
    ) {
        self.outcome.borrow_mut().running += 1;
        let outcome = Rc::clone(&self.outcome);
        task::spawn(name, program, move |result: Result<(), UserError>| {
            let mut outcome = outcome.borrow_mut();
            outcome.running -= 1;
            if let Err(error) = result {
                outcome.error.get_or_insert(error);
            }
        });
    }

    fn of_the_machine(&self) -> Vec<Disturbance> {
        let mut disturbances: Vec<Disturbance> = self.scenario.disturbances.clone();
        disturbances.retain(Disturbance::is_of_the_machine);
        disturbances
    }

    fn moment(&self, ms: u32) -> Qpc {
        self.begin + Hns::from_millis(ms.into())
    }

    /// The main player between the opening of its tap and the stream's last block.
    fn main(&self) -> Result<(), UserError> {
        let scenario = self.scenario.clone();
        let journal = self.journal.of(Program::Main);
        let place = self.target.render(1)?;
        let link = self.target.tap(1)?;
        if let Some(soak) = scenario.soak.clone() {
            self.spawn(
                "a soak",
                soak::run(scenario, soak, place, link, self.node.cloned(), journal),
            );
            return Ok(());
        }
        let start = self.moment(scenario.start_ms);
        let reading = Reading {
            read_frames: scenario.tap.read_frames,
            reads: scenario.tap.reads,
            frame_bytes: scenario.format.frame_bytes(),
            disturbances: self.of_the_machine(),
            node: self.node.cloned(),
            share: None,
        };
        let node = self.node.cloned();
        self.spawn("the main player", async move {
            let tap = Tap::open(&link, &reading, journal.clone())?;
            task::sleep_until(start).await;
            let noted = journal.clone();
            let played = match Playing::open(&scenario, &place, node.as_ref(), journal) {
                Ok(playing) => {
                    let held = scenario.disturbances.clone();
                    let arrange = move |start| {
                        processor::arrange_stalls(&held, start);
                        life::arrange(&held, node.as_ref(), &noted, start);
                    };
                    playing.run(arrange).await
                }
                Err(error) => Err(error),
            };
            // The tap's client is stopped in order even when the audio client could not go on.
            let tapped = tap.finish(played.is_ok()).await;
            played.and(tapped)
        });
        Ok(())
    }

    fn player(&self, program: Program) -> Result<(), UserError> {
        let (Some(view), Some(cable)) = (
            self.scenario.view_of(program),
            self.scenario.cable_of(program),
        ) else {
            return Ok(());
        };
        let journal = self.journal.of(program);
        let place = self.target.render(cable)?;
        let start = self.moment(view.start_ms);
        let node = self.node.cloned();
        self.spawn("a player", async move {
            task::sleep_until(start).await;
            Playing::open(&view, &place, node.as_ref(), journal)?
                .run(|_| ())
                .await
        });
        Ok(())
    }

    fn recorder(&self, program: Program, recorder: &Recorder) -> Result<(), UserError> {
        let place = self.target.capture(recorder.cable)?;
        let format = self.scenario.format_of(program).ok_or_else(|| {
            UserError(format!(
                "{program} names no format, and nothing plays on its cable"
            ))
        })?;
        let mut disturbances = self.of_the_machine();
        disturbances.extend(&recorder.disturbances);
        let setup = Setup {
            format,
            client: recorder.client,
            disturbances,
            journal: self.journal.of(program),
            node: self.node.cloned(),
        };
        let (start, stop) = (
            self.moment(recorder.start_ms),
            self.moment(recorder.stop_ms),
        );
        self.spawn("a recorder", async move {
            task::sleep_until(start).await;
            recorder::run(place, setup, stop).await
        });
        Ok(())
    }

    fn tap_client(&self, program: Program, client: &TapClient) -> Result<(), UserError> {
        let link = self.target.tap(client.cable)?;
        let format = self.scenario.format_of(program);
        let reading = Reading {
            read_frames: client.read_frames,
            reads: client.reads,
            frame_bytes: format.map_or(0, |format| format.frame_bytes()),
            disturbances: self.of_the_machine(),
            node: self.node.cloned(),
            share: client.share,
        };
        let journal = self.journal.of(program);
        let open = self.moment(client.open_ms);
        let close = client.close_ms.map(|ms| self.moment(ms));
        let steps = client.steer.iter();
        let steps = steps.map(|step| (self.moment(step.at_ms), step.ppb));
        let mut plan = Plan {
            steps: steps.collect(),
            ask: client
                .clock_ms
                .map(|ms| (open, Hns::from_millis(ms.into()))),
        };
        let (begin, disturbances) = (self.begin, client.disturbances.clone());
        let hostile = client.hostile;
        let others = self.scenario.tap_clients.len();
        self.spawn("a tap client", async move {
            task::sleep_until(open).await;
            if hostile {
                super::tap::hostile::run(&link, others)?;
            }
            let tap = Tap::open(&link, &reading, journal)?;
            if tap.disturb(disturbances, begin).await {
                return tap.finish(false).await;
            }
            if !plan.steps.is_empty() {
                tap.ask_for_too_much()?;
            }
            loop {
                plan.act(&tap)?;
                let until = plan.next().min(close.unwrap_or(Qpc(u64::MAX)));
                if close.is_none() {
                    if tap.last(until).await {
                        return tap.finish(true).await;
                    }
                } else {
                    task::sleep_until(until).await;
                    if Some(until) == close {
                        return tap.finish(false).await;
                    }
                }
            }
        });
        Ok(())
    }
}
