//! Lives of a device in which services of the kernel fail: from the load of the driver over a scenario to its unload.
//!
//! Whatever fails, no rule may be broken, and what is refused must be owed to a service that failed. The life after it, in which
//! nothing fails, must be as any other: the host can judge it as a run of its scenario. Both must play what they play right.

use std::cell::RefCell;
use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::fault::{Failed, Life, Lives, Outcome};
use waverig_protocol::scenario::Scenario;
use waverig_signal::Generator;

use crate::imports::faults;
use crate::kernel::kernel;
use crate::nt::etw;
use crate::pnp::Device;
use crate::pnp::node::State;
use crate::user::journal::{Journal, Kept, differs};
use crate::{sched, user};

/// The life that goes on.
#[derive(Clone)]
struct Current {
    /// What was to fail.
    plan: Vec<u64>,
    /// What did, once the life after it has begun.
    failed: Option<Vec<Failed>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The life that goes on, when the machine ends in it: which services were to fail, and those that did.
pub(crate) fn current() -> Option<(Vec<u64>, Vec<Failed>)> {
    let current = CURRENT.try_with(|current| current.try_borrow().ok()?.clone());
    let Current { plan, failed } = current.ok().flatten()?;
    Some((plan, failed.unwrap_or_else(faults::failed)))
}

/// Plays the scenario so that the host sees all of it.
pub(crate) type Tell<'a> = dyn Fn(&Device) -> Result<(), String> + 'a;

/// Lives once while the services of `plan` fail, and once more while none does; that one with `tell` when it is to be judged.
///
/// # Errors
/// In words for people, what a driver must not make of it.
pub(crate) fn live(
    device: &mut Device,
    lives: &Lives,
    plan: &[u64],
    tell: &Tell<'_>,
) -> Result<Life, String> {
    device.disable()?;
    CURRENT.set(Some(Current {
        plan: plan.to_vec(),
        failed: None,
    }));
    faults::begin(plan);
    let compared = |device: &Device| play(device, lives);
    let refusals = Armed::default().live(device, &compared)?;
    let failed = faults::failed();
    let used = faults::used_by_name();
    faults::begin(&[]);
    CURRENT.set(Some(Current {
        plan: plan.to_vec(),
        failed: Some(failed.clone()),
    }));
    if !plan.is_empty() && kernel().findings.is_empty() {
        let told = |device: &Device| tell(device).map(|()| None);
        let plays: &Play<'_> = if lives.judged { &told } else { &compared };
        Armed::default()
            .live(device, plays)
            .map_err(|what| format!("in the next run, in which nothing failed: {what}"))?;
    }
    let outcome = match (failed.is_empty(), refusals.is_empty()) {
        (true, _) => Outcome::Unused,
        (false, true) => Outcome::Absorbed,
        (false, false) => Outcome::Refused,
    };
    Ok(Life {
        plan: plan.to_vec(),
        failed,
        outcome,
        refusals,
        used,
    })
}

/// After the last life: the device is as it was.
///
/// # Errors
/// When it does not start any more.
pub(crate) fn end(device: &mut Device) -> Result<(), String> {
    faults::begin(&[]);
    if device.node().state() == State::Removed {
        device.node().start()?;
        device.look();
    }
    CURRENT.take();
    Ok(())
}

/// Plays: what came out wrong, or why a program could not go on.
type Play<'a> = dyn Fn(&Device) -> Result<Option<String>, String> + 'a;

/// A life in which services may fail.
#[derive(Default)]
struct Armed {
    /// What was refused.
    refusals: Vec<String>,
    /// Failures that explain a refusal already.
    told: usize,
}

impl Armed {
    /// Starts, plays, removes; what is refused is tried again once its reason has passed, but for what is played.
    fn live(mut self, device: &mut Device, play: &Play<'_>) -> Result<Vec<String>, String> {
        while let Err(error) = device.node().start() {
            self.refuse(error)?;
        }
        device.find_endpoints();
        match play(device) {
            Ok(None) => {}
            // Nothing excuses that.
            Ok(Some(wrong)) => return Err(wrong),
            Err(error) => self.refuse(error)?,
        }
        while let Err(error) = device.disable() {
            self.refuse(error)?;
        }
        sched::settle();
        etw::take_told();
        Ok(self.refusals)
    }

    fn refuse(&mut self, error: String) -> Result<(), String> {
        let failed = faults::count();
        if failed == self.told {
            return Err(error);
        }
        self.told = failed;
        self.refusals.push(error);
        Ok(())
    }
}

/// Plays the scenario: what came out wrong, in words.
///
/// # Errors
/// What a program could not go on for.
fn play(device: &Device, lives: &Lives) -> Result<Option<String>, String> {
    let scenario = &lives.scenario;
    let target = device.target()?;
    kernel().random.reseed(lives.seed);
    let kept = Rc::<Kept>::default();
    let journal = Journal::new(Rc::clone(&kept));
    user::play(scenario, &target, None, &journal).map_err(|error| error.to_string())?;
    journal.flush();
    if !target.has_taps() {
        // What a driver of another project makes of it, nobody here knows.
        return Ok(None);
    }
    let heard = kept.captured.take();
    let generator =
        Generator::new(&scenario.signal, scenario.format).map_err(|error| error.to_string())?;
    let played = generator.bytes(0..scenario.frames());
    let given = |program: &Program| heard.get(program).map_or(&[][..], Vec::as_slice);
    let mut programs = scenario.programs().into_iter();
    Ok(programs.find_map(|program| wrong(scenario, program, &played, given(&program))))
}

/// What is wrong with what a program was given of the main player's signal, in words. Who records is given silence before.
fn wrong(scenario: &Scenario, program: Program, played: &[u8], given: &[u8]) -> Option<String> {
    let hears = scenario.cable_of(program) == Some(1)
        && scenario.format_of(program) == Some(scenario.format)
        && !matches!(program, Program::Player(_));
    if !hears {
        return None;
    }
    let silent = |audio: &[u8]| {
        let frames = audio.chunks(scenario.format.frame_bytes());
        let silence = frames.take_while(|frame| frame.iter().all(|byte| *byte == 0));
        silence.map(<[u8]>::len).sum()
    };
    let (before, first): (usize, usize) = match program {
        Program::Recorder(_) => (silent(given), silent(played)),
        _ => (0, 0),
    };
    differs(
        &played[first..],
        &given[before..],
        &format!("{program} was given"),
    )
}
