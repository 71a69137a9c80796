//! A run of a scenario: all its programs side by side, until the last has ended.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Disturbance, Scenario, TapClient};

use super::client::{Life, Playing};
use super::journal::Journal;
use super::stream::Setup;
use super::tap::{Reading, Tap};
use super::{Target, UserError, life, processor, recorder, requests, soak, task};
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
    if scenario.count_calls {
        kernel().calls.tally.start();
    }
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
            // One that goes on with another's pin is started by that.
            program if run.goes_on(program) => {}
            Program::Player(_) => run.player(program)?,
            Program::Recorder(_) => run.recorder(program)?,
            Program::TapClient(number) => {
                if let Some(one) = scenario.tap_client(number) {
                    run.tap_client(program, one)?;
                }
            }
        }
    }
    let outcome = Rc::clone(&run.outcome);
    let waited = sched::run_until(|| outcome.borrow().running == 0 && life::settled(), None);
    if scenario.count_calls {
        journal.note(kernel().calls.tally.stop());
    }
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

    /// Whether a program goes on with another's pin.
    fn goes_on(&self, program: Program) -> bool {
        match program {
            Program::Main | Program::TapClient(_) => false,
            Program::Player(number) => self.scenario.player(number).is_some_and(|one| one.again),
            Program::Recorder(number) => {
                let recorder = self.scenario.recorder(number);
                recorder.is_some_and(|one| one.again)
            }
        }
    }

    /// Those that go on with a program's pin, in order.
    fn followers(&self, program: Program) -> impl Iterator<Item = Program> {
        let next = |before: &Program| self.scenario.goes_on(*before);
        std::iter::successors(self.scenario.goes_on(program), next)
    }

    /// What a player plays.
    fn life(&self, player: Program) -> Option<Life> {
        let view = self.scenario.view_of(player)?;
        Some(Life {
            journal: self.journal.of(player),
            node: self.node.cloned(),
            start: self.moment(view.start_ms),
            stop: view.stop_ms.map(|ms| self.moment(ms)),
            scenario: view,
        })
    }

    /// When everything is over that plays on a cable, at the latest.
    fn over(&self, cable: u8) -> Qpc {
        let players = self.scenario.players_on(cable).into_iter();
        let views = players.filter_map(|player| self.scenario.view_of(player));
        let last = views.map(|view| view.start_ms + 2 * view.duration_ms).max();
        self.moment(last.unwrap_or(0) + 2_000)
    }

    /// The main player between the opening of its tap and the last block of what plays on its cable.
    fn main(&self) -> Result<(), UserError> {
        let scenario = self.scenario.clone();
        let journal = self.journal.of(Program::Main);
        let place = self.target.render(1)?;
        // A driver of another project has no tap: its players play all the same.
        let tapped = self.target.has_taps();
        if let Some(soak) = scenario.soak.clone() {
            self.spawn(
                "a soak",
                soak::run(
                    scenario,
                    soak,
                    place,
                    self.target.tap(1)?,
                    self.node.cloned(),
                    journal,
                ),
            );
            return Ok(());
        }
        let lives: Vec<Life> = std::iter::once(Program::Main)
            .chain(self.followers(Program::Main))
            .filter_map(|player| self.life(player))
            .collect();
        // What the tap delivers of each stream is told where that stream is.
        let players = scenario.players_on(1).into_iter();
        let streams = players.filter_map(|player| {
            let format = scenario.format_of(player)?;
            Some((self.journal.of(player), format.frame_bytes()))
        });
        let reading = Reading {
            read_frames: scenario.tap.read_frames,
            reads: scenario.tap.reads,
            lives: streams.collect(),
            disturbances: self.of_the_machine(),
            node: self.node.cloned(),
            share: None,
        };
        let node = self.node.cloned();
        let over = self.over(1);
        let link = tapped.then(|| self.target.tap(1)).transpose()?;
        self.spawn("the main player", async move {
            let tap = match &link {
                Some(link) => Some(Tap::open(link, &reading)?),
                None => None,
            };
            let mut lives = lives.into_iter();
            let Some(first) = lives.next() else {
                return match tap {
                    Some(tap) => tap.finish(false).await,
                    None => Ok(()),
                };
            };
            task::sleep_until(first.start).await;
            let held = scenario.disturbances.clone();
            let arrange = move |start| {
                processor::arrange_stalls(&held, start);
                life::arrange(&held, node.as_ref(), &journal, start);
            };
            let played = match first.scenario.client {
                Client::Requests {
                    packet_frames,
                    requests,
                } => requests::run(&first, (packet_frames, requests), &place, arrange).await,
                _ => match Playing::open(&first, &place) {
                    Ok(playing) => playing.run(lives.collect(), arrange).await,
                    Err(error) => Err(error),
                },
            };
            let Some(tap) = tap else {
                return played;
            };
            if played.is_ok() && reading.lives.len() > 1 {
                tap.last(over).await;
            }
            // The tap's client is stopped in order even when the audio client could not go on.
            let tapped = tap.finish(played.is_ok()).await;
            played.and(tapped)
        });
        Ok(())
    }

    fn player(&self, program: Program) -> Result<(), UserError> {
        let (Some(life), Some(cable)) = (self.life(program), self.scenario.cable_of(program))
        else {
            return Ok(());
        };
        let next = self.followers(program);
        let next: Vec<Life> = next.filter_map(|player| self.life(player)).collect();
        let place = self.target.render(cable)?;
        let opening = self.scenario.opening(program);
        self.spawn("a player", async move {
            task::sleep_until(life.start).await;
            match Playing::open_as(opening, &life, &place).await? {
                Some(playing) => playing.run(next, |_| ()).await,
                None => Ok(()),
            }
        });
        Ok(())
    }

    fn recorder(&self, program: Program) -> Result<(), UserError> {
        let Some(cable) = self.scenario.cable_of(program) else {
            return Ok(());
        };
        let place = self.target.capture(cable)?;
        let life = self.recording(program)?;
        let next = self.followers(program);
        let next = next.map(|recorder| self.recording(recorder));
        let next: Vec<recorder::Life> = next.collect::<Result<_, _>>()?;
        let opening = self.scenario.opening(program);
        self.spawn("a recorder", async move {
            task::sleep_until(life.start).await;
            recorder::run(opening, place, life, next).await
        });
        Ok(())
    }

    /// What a recorder records.
    fn recording(&self, program: Program) -> Result<recorder::Life, UserError> {
        let recorder = match program {
            Program::Recorder(number) => self.scenario.recorder(number),
            _ => None,
        };
        let recorder = recorder.ok_or_else(|| UserError(format!("{program} is no recorder")))?;
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
            mode: recorder.mode,
            disturbances,
            journal: self.journal.of(program),
            node: self.node.cloned(),
            stop: None,
        };
        Ok(recorder::Life {
            setup,
            start: self.moment(recorder.start_ms),
            stop: self.moment(recorder.stop_ms),
        })
    }

    fn tap_client(&self, program: Program, client: &TapClient) -> Result<(), UserError> {
        let link = self.target.tap(client.cable)?;
        let format = self.scenario.format_of(program);
        let frame_bytes = format.map_or(0, |format| format.frame_bytes());
        let reading = Reading {
            read_frames: client.read_frames,
            reads: client.reads,
            lives: vec![(self.journal.of(program), frame_bytes)],
            disturbances: self.of_the_machine(),
            node: self.node.cloned(),
            share: client.share,
        };
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
        // By then its stream has ended, unless something went wrong with the player.
        let over = self.over(client.cable);
        let outcome = Rc::clone(&self.outcome);
        let hostile = client.hostile;
        let others = self.scenario.tap_clients.len();
        let journal = self.journal.of(program);
        self.spawn("a tap client", async move {
            task::sleep_until(open).await;
            if hostile {
                super::tap::hostile::run(&link, others, &journal)?;
            }
            let tap = Tap::open(&link, &reading)?;
            if tap.disturb(disturbances, begin).await {
                return tap.finish(false).await;
            }
            if !plan.steps.is_empty() {
                tap.ask_for_too_much()?;
            }
            loop {
                plan.act(&tap)?;
                let failed = outcome.borrow().error.is_some();
                if failed && kernel().now() >= over {
                    return tap.finish(false).await;
                }
                let until = plan.next().min(close.unwrap_or(Qpc(u64::MAX)));
                if close.is_none() {
                    let until = if kernel().now() < over {
                        until.min(over)
                    } else {
                        until
                    };
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
