//! Interleavings: short lives with an activity on the second processor, begun at each of their boundaries in turn, and long lives in
//! which a seed says what both processors do and when control goes from one to the other.
//!
//! After each: no rule is broken, every request was answered, what the tap gave is what was played, and the device plays as if nothing
//! had been. Everything follows from the schedule: each life begins at a whole second of virtual time, with the same seed.

mod life;
mod stream;
mod tap;
mod world;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waverig_protocol::interleave::{ACTIVITIES, Activity, Life, Order, Schedule, Tally};
use waverig_protocol::scenario::Signal;
use waverig_signal::Generator;

use crate::fuzz::after;
use crate::kernel::kernel;
use crate::pnp::Device;
use crate::pnp::node::State;
use crate::processor::{self, Decision, Side};
use crate::random::Random;
use crate::time::Hns;
use crate::{image, sched};
use tap::Places;
use world::World;

/// Seeds the machine in each short life.
const SEED: u64 = 1;
/// Packets of signal that are there to be played: more than a life plays.
const SIGNAL: u64 = 64;
/// What the second processor may take to come to an end once the first is done, and what the device may.
const PATIENCE: Hns = Hns::from_secs(1);
/// Milliseconds that are played after a life: two packets and a rest.
const AFTER: u32 = 5;
/// Steps of a long life.
const STEPS: u32 = 40;
/// As for hostile programs: of the kernel's own freed memory one piece in so many is made inaccessible; of the driver's, all.
const PROTECTED: u32 = 8;
/// One in so many boundaries of a long life begins an activity, or switches.
const BEGINS: u64 = 24;
const SWITCHES: u64 = 8;

/// What an order came to.
pub(crate) struct Played {
    pub(crate) tally: Tally,
    /// The interleaving that broke a rule, and what it was.
    pub(crate) found: Option<(Schedule, String)>,
}

/// What a life came to.
#[derive(Default)]
struct Lived {
    /// Boundaries of the second.
    own: u32,
    waited: bool,
    switches: u64,
    /// What went wrong.
    wrong: Option<String>,
}

/// The interleaving that goes on, and where the first processor was when each activity began: names of calls and the driver's code.
struct Current {
    schedule: Schedule,
    began: Vec<(Activity, String, Option<usize>)>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The interleaving that goes on, when the machine ends in it.
pub(crate) fn current() -> Option<(Schedule, String)> {
    CURRENT
        .try_with(|current| {
            let current = current.try_borrow().ok()?;
            current
                .as_ref()
                .map(|current| (current.schedule, current.words()))
        })
        .ok()
        .flatten()
}

impl Current {
    fn words(&self) -> String {
        let one = |(activity, during, place): &(Activity, String, Option<usize>)| {
            let place = place.map_or_else(String::new, |place| {
                format!(", at {}", image::describe(place))
            });
            format!(
                "the second processor began {} while the first was in {during}{place}",
                activity.name()
            )
        };
        match self.began.split_last() {
            None => "nothing ran on the second processor".into(),
            // The last is the one that matters; a long life has many.
            Some((last, [])) => one(last),
            Some((last, before)) => format!("{} ({} before it)", one(last), before.len()),
        }
    }
}

/// An activity begins: where the first processor is.
fn note(activity: Activity) {
    let calls = &kernel().calls;
    let begins = (activity, calls.current(), calls.driver_place());
    CURRENT.with_borrow_mut(|current| {
        if let Some(current) = current {
            current.began.push(begins);
        }
    });
}

/// Tries what `order` says on `device`, until something is found.
///
/// # Errors
/// In words for people, when a life goes wrong without a second processor.
pub(crate) fn play(device: &Device, order: &Order) -> Result<Played, String> {
    let usual = device.target()?.usual;
    let mut explorer = Explorer {
        device,
        signal: Generator::new(&Signal::Counter, usual.format)
            .map_err(|error| error.to_string())?
            .bytes(0..SIGNAL * u64::from(usual.packet_frames)),
        tally: Tally::default(),
    };
    kernel().nt.pool.protect_every(PROTECTED);
    let found = match order {
        Order::Short {
            life,
            filter,
            first,
            step,
            backs,
        } => explorer.short(*life, filter.as_deref(), (*first, *step), *backs)?,
        Order::Long { first, count } => {
            let mut seeds = (*first..).take(*count as usize);
            seeds.find_map(|seed| explorer.one(Schedule::Seed(seed)).1)
        }
        Order::One(schedule) => explorer.one(*schedule).1,
    };
    CURRENT.take();
    Ok(Played {
        tally: explorer.tally,
        found,
    })
}

struct Explorer<'a> {
    device: &'a Device,
    signal: Vec<u8>,
    tally: Tally,
}

type Found = Option<(Schedule, String)>;

impl Explorer<'_> {
    /// Every activity at every boundary that is asked for.
    fn short(
        &mut self,
        life: Life,
        filter: Option<&str>,
        (first, step): (u32, u32),
        backs: u32,
    ) -> Result<Found, String> {
        let possible = self.alone(life)?;
        let wanted =
            |activity: &Activity| filter.is_none_or(|filter| activity.name().contains(filter));
        for (boundary, possible) in (0..)
            .zip(possible)
            .skip(first as usize)
            .step_by(step.max(1) as usize)
        {
            for activity in ACTIVITIES.into_iter().filter(wanted) {
                if possible & 1 << activity as u32 == 0 {
                    self.tally.row(activity).impossible += 1;
                    continue;
                }
                self.tally.row(activity).boundaries += 1;
                let at = |back| Schedule::At {
                    life,
                    activity,
                    boundary,
                    back,
                };
                let (own, found) = self.one(at(None));
                if found.is_some() {
                    return Ok(found);
                }
                let mut before = 0;
                for index in 0..backs.min(own) {
                    // Spread over the activity, and from boundary to boundary elsewhere.
                    let back = 1 + (index * own / backs + boundary) % own;
                    if back == before {
                        continue;
                    }
                    before = back;
                    let (_, found) = self.one(at(Some(back)));
                    if found.is_some() {
                        return Ok(found);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Which activities are possible at each boundary of a life, as bits.
    fn alone(&self, life: Life) -> Result<Vec<u32>, String> {
        let seen: Rc<RefCell<Vec<u32>>> = Rc::default();
        let inside = Rc::clone(&seen);
        let lived = self.live(life, SEED, |world| {
            Box::new(move |_, _| {
                let bits = ACTIVITIES
                    .into_iter()
                    .filter(|activity| world.is_possible(*activity))
                    .fold(0, |bits, activity| bits | 1 << activity as u32);
                inside.borrow_mut().push(bits);
                Decision::Stay
            })
        });
        match lived.wrong {
            None => Ok(seen.take()),
            Some(wrong) => Err(format!(
                "the {} life goes wrong with one processor: {wrong}",
                life.name()
            )),
        }
    }

    /// One interleaving: how many boundaries its activity had, and what was found.
    fn one(&mut self, schedule: Schedule) -> (u32, Found) {
        CURRENT.set(Some(Current {
            schedule,
            began: Vec::new(),
        }));
        let lived = match schedule {
            Schedule::At {
                life,
                activity,
                boundary,
                back,
            } => {
                let lived = self.live(life, SEED, |world| at(world, activity, boundary, back));
                let row = self.tally.row(activity);
                row.schedules += 1;
                row.waited += u64::from(lived.waited);
                lived
            }
            Schedule::Seed(seed) => {
                let lived = self.live(Life::Long, seed, |world| by_seed(world, seed));
                self.tally.long += 1;
                self.tally.switches += lived.switches;
                lived
            }
        };
        let found = lived.wrong.map(|wrong| {
            let words = current().map_or_else(String::new, |(_, words)| words);
            let wrong = if wrong.is_empty() {
                String::new()
            } else {
                format!("; {wrong}")
            };
            (schedule, format!("{words}{wrong}"))
        });
        (lived.own, found)
    }

    /// One life, at whose boundaries what `decide` makes decides.
    fn live(
        &self,
        life: Life,
        seed: u64,
        decide: impl FnOnce(Rc<World>) -> Box<dyn Fn(Side, bool) -> Decision>,
    ) -> Lived {
        let start = kernel().now();
        sched::run_for(Hns(start.0.next_multiple_of(10_000_000) - start.0));
        kernel().random.reseed(seed);
        let world = match self.device.target() {
            Ok(target) => World::new(self.device.node(), &target, self.signal.clone()),
            Err(error) => Err(error),
        };
        let world = match world {
            Ok(world) => world,
            Err(error) => {
                return Lived {
                    wrong: Some(error),
                    ..Lived::default()
                };
            }
        };
        // Boundaries of the second processor, and switches.
        let counts: Rc<[Cell<u32>; 2]> = Rc::default();
        let inside = Rc::clone(&counts);
        let decide = decide(Rc::clone(&world));
        let waits = processor::waits();
        processor::arm(move |side, busy| {
            let [second, switches] = &*inside;
            second.set(second.get() + u32::from(side == Side::Second));
            let decision = decide(side, busy);
            switches.set(switches.get() + u32::from(!matches!(decision, Decision::Stay)));
            decision
        });
        match life {
            Life::Stream => life::stream(&world),
            Life::Device => life::device(&world),
            Life::Long => life::long(&world, &Random::new(seed), STEPS),
        }
        processor::disarm();
        let wrong = self.end(&world).err();
        let (own, switches) = (counts[0].get(), counts[1].get());
        let broken = !kernel().findings.is_empty();
        Lived {
            own,
            waited: processor::waits() > waits,
            switches: switches.into(),
            wrong: wrong.or_else(|| broken.then(String::new)),
        }
    }

    /// Everything comes to its end, and was right.
    fn end(&self, world: &Rc<World>) -> Result<(), String> {
        processor::finish(kernel().now() + PATIENCE).map_err(|what| {
            format!("the second processor never came to its end: it waits for {what}")
        })?;
        if let Some(stream) = world.stream.take() {
            stream.shut();
        }
        world.tap.take();
        let taps = world.taps.take();
        for tap in &taps {
            tap.shut();
        }
        let over = || !world.changing.get() && taps.iter().all(|tap| !tap.is_waiting());
        if sched::run_until(over, Some(kernel().now() + PATIENCE)) != sched::Waited::Met {
            return Err(if world.changing.get() {
                "what happened to the device is not over".into()
            } else {
                "a read was not given back when the tap's handle was closed".into()
            });
        }
        sched::settle();
        let node = &world.node;
        if node.state() != State::Started {
            node.start()?;
        }
        if let Some(wrong) = world.wrong.borrow().first() {
            return Err(wrong.clone());
        }
        if !world.excused.get() {
            if let Some(refusal) = world.refusals.borrow().first() {
                return Err(refusal.clone());
            }
            if let Some(status) = taps.iter().find_map(|tap| tap.refused.get()) {
                return Err(format!("a read of the tap failed with {status}"));
            }
        }
        let places = if world.usual.requests {
            let lost = world.excused.get() || world.late.get();
            Places::InOrder { lost }
        } else {
            let behind = world.behind.get();
            Places::Own { behind }
        };
        for tap in &taps {
            let (frames, silent) = tap.heard(&world.signal, places)?;
            let told = world.told.get() * world.usual.packet_frames as usize;
            if !world.excused.get() && frames < told {
                return Err(format!(
                    "{told} frames were told to be played, {frames} came out of the tap"
                ));
            }
            if !world.excused.get() && !world.late.get() && silent > 0 {
                return Err(format!(
                    "{silent} frames that were written in time are silent"
                ));
            }
        }
        after::plays_for(&self.device.target()?, AFTER).map_err(|what| format!("afterwards {what}"))
    }
}

/// Begins an activity at a boundary, and goes back at one of its own.
fn at(
    world: Rc<World>,
    activity: Activity,
    boundary: u32,
    back: Option<u32>,
) -> Box<dyn Fn(Side, bool) -> Decision> {
    let (first, second) = (Cell::new(0), Cell::new(0));
    Box::new(move |side, _| match side {
        Side::First => {
            let number = first.replace(first.get() + 1);
            let begins = (number == boundary).then(|| world.activity(activity));
            match begins.flatten() {
                Some(begins) => {
                    note(activity);
                    Decision::Start(begins)
                }
                None => Decision::Stay,
            }
        }
        Side::Second => {
            second.set(second.get() + 1);
            if Some(second.get()) == back {
                Decision::Switch
            } else {
                Decision::Stay
            }
        }
    })
}

/// Begins and switches by chance.
fn by_seed(world: Rc<World>, seed: u64) -> Box<dyn Fn(Side, bool) -> Decision> {
    // Another sequence than the one by which the life's steps are chosen.
    let random = Random::new(!seed);
    Box::new(move |side, busy| {
        if side == Side::First && !busy {
            if random.up_to(BEGINS - 1) > 0 {
                return Decision::Stay;
            }
            let which = random.up_to(ACTIVITIES.len() as u64 - 1) as usize;
            return world
                .activity(ACTIVITIES[which])
                .map_or(Decision::Stay, |begins| {
                    note(ACTIVITIES[which]);
                    Decision::Start(begins)
                });
        }
        if random.up_to(SWITCHES - 1) == 0 {
            Decision::Switch
        } else {
            Decision::Stay
        }
    })
}
