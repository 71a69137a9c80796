//! Hostile programs: property requests, formats, pins and control codes that no client should send, among the traffic of clients
//! that behave. Whatever they ask, no rule may be broken, and afterwards the device plays as if nothing had been.
//!
//! A round is one life of a machine. Everything in it follows from its seed, so a round that is played again up to the same
//! request does the same.

pub(crate) mod after;
mod dice;
mod format;
mod pins;
mod property;
mod tap;

use std::cell::RefCell;
use std::fmt;

use waverig_protocol::fuzz::{FAMILIES, Family, Round, Tally};

use crate::kernel::kernel;
use crate::sched;
use crate::time::Hns;
use crate::user::Target;
use crate::user::ks::Handle;
use dice::Dice;
use pins::Pins;
use tap::Taps;

/// Every so many pieces of the kernel's own freed memory one is made inaccessible. Making all so takes three quarters of the time.
const PROTECTED: u32 = 8;

/// Where the programs find the device.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    /// Symbolic links of its filters.
    pub(crate) filters: Vec<String>,
    /// Symbolic links of its taps.
    pub(crate) taps: Vec<String>,
    /// Where a client plays to.
    pub(crate) target: Target,
}

/// The request that goes on now, for reports.
#[derive(Default)]
struct Noted {
    iteration: u64,
    what: &'static str,
    target: usize,
    input: Vec<u8>,
    output: usize,
}

/// A program `what` with this input and so much room for an answer; `target` is the number of a handle, or the code.
fn note(what: &'static str, target: usize, input: &[u8], output: usize) {
    NOTED.with_borrow_mut(|noted| {
        (noted.what, noted.target, noted.output) = (what, target, output);
        noted.input.clear();
        noted.input.extend_from_slice(input);
    });
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a program {} ({:#x}) with", self.what, self.target)?;
        for chunk in self.input.chunks(4) {
            f.write_str(" ")?;
            chunk.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        write!(f, " and room for {} bytes", self.output)
    }
}

thread_local! {
    static NOTED: RefCell<Noted> = RefCell::default();
}

/// The request that goes on, when the machine ends in it: its number and what it was.
pub(crate) fn current() -> Option<(u64, String)> {
    NOTED
        .try_with(|noted| {
            let noted = noted.try_borrow().ok()?;
            (!noted.what.is_empty()).then(|| (noted.iteration, noted.to_string()))
        })
        .ok()
        .flatten()
}

/// What a round came to.
pub(crate) struct Played {
    pub(crate) tally: Tally,
    /// The request in which a rule was broken: its number and what it was.
    pub(crate) found: Option<(u64, String)>,
}

/// Plays a round on the device behind `links`; it ends with the request that breaks a rule.
///
/// # Errors
/// In words for people, when a filter cannot be opened, or the device does not play any more afterwards.
pub(crate) fn play(links: &Links, round: &Round) -> Result<Played, String> {
    let dice = Dice::new(round.seed);
    kernel().random.reseed(round.seed);
    kernel().nt.pool.protect_every(PROTECTED);
    let mut filters = Vec::new();
    for link in &links.filters {
        let opened = Handle::open(link);
        filters.push(opened.map_err(|status| format!("opening {link} failed with {status}"))?);
    }
    let families: Vec<Family> = FAMILIES
        .into_iter()
        .filter(|family| round.takes(*family))
        // A driver of another project has no tap.
        .filter(|family| *family != Family::Tap || !links.taps.is_empty())
        .collect();
    if families.is_empty() {
        return Err("the device has no tap, and nothing else was asked for".into());
    }
    let mut programs = Programs {
        dice,
        filters,
        taps: Taps::default(),
        pins: Pins::new(links.target.usual, !links.taps.is_empty()),
    };
    let mut tally = Tally::default();
    let mut found = None;
    for iteration in round.first..round.first + u64::from(round.count) {
        NOTED.with_borrow_mut(|noted| {
            (noted.iteration, noted.what) = (iteration, "behaves");
        });
        for _ in 0..programs.dice.below(3) {
            programs.behave(links);
        }
        if kernel().findings.is_empty() {
            let family = *programs.dice.of(&families);
            programs.attack(family, links);
            tally.add(family);
        }
        if !kernel().findings.is_empty() {
            found = current();
            break;
        }
    }
    NOTED.with_borrow_mut(|noted| noted.what = "ends");
    programs.end();
    NOTED.take();
    if found.is_none() {
        after::plays(&links.target).map_err(|what| format!("after the round {what}"))?;
    }
    Ok(Played { tally, found })
}

/// Every program of a round.
struct Programs {
    dice: Dice,
    filters: Vec<Handle>,
    taps: Taps,
    pins: Pins,
}

impl Programs {
    /// What clients do that behave; time passes with them.
    fn behave(&mut self, links: &Links) {
        match self.dice.below(8) {
            0 => {
                let micros = self.dice.below(3_000) as u64;
                sched::run_for(Hns(micros * 10));
            }
            1..4 if !links.taps.is_empty() => self.taps.legal(&self.dice, &links.taps),
            _ => self.pins.legal(&self.dice, &self.filters),
        }
        sched::settle();
    }

    fn attack(&mut self, family: Family, links: &Links) {
        let dice = &self.dice;
        match family {
            Family::Property => {
                let (input, mut output) = property::request(dice);
                // Filters have the most properties.
                let pins = if dice.once_in(4) {
                    self.pins.open.len()
                } else {
                    0
                };
                let target = dice.below(self.filters.len() + pins);
                note("asks a filter or a pin", target, &input, output.len());
                let handle = match target.checked_sub(self.filters.len()) {
                    None => &self.filters[target],
                    Some(pin) => &self.pins.open[pin].handle,
                };
                handle.ask(&input, &mut output);
            }
            Family::Pin => self.pins.hostile(dice, &self.filters),
            Family::Tap => self.taps.hostile(dice, &links.taps),
        }
        sched::settle();
    }

    fn end(mut self) {
        self.pins.close();
        self.taps.close();
        for filter in self.filters.drain(..) {
            filter.close();
        }
    }
}
