//! What a perfect machine's tap clients do about the clock, and what they are told.

use waverig_protocol::Program;
use waverig_protocol::scenario::Soak;
use waverig_protocol::timeline::{Event, Stamped};

use super::{FREQUENCY, Machine};
use crate::clock::Clock;
use crate::steered::Steered;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Open,
    Steer(Option<i32>),
    Ask,
    Close,
}

/// Ticks in a millisecond.
const MS: i64 = FREQUENCY / 1_000;

/// Lets the tap clients steer, and the machine's clock follow.
pub(super) fn steer(machine: &mut Machine<'_>) {
    let mut actions: Vec<(i64, u8, Action)> = Vec::new();
    for (number, client) in (1..).zip(&machine.file.scenario.tap_clients) {
        let at = |ms: u32| i64::from(ms) * MS;
        let steps = client.steer.iter();
        actions.extend(steps.map(|step| (at(step.at_ms), number, Action::Steer(step.ppb))));
        if let (Some(every), Some(close)) = (client.clock_ms, client.close_ms) {
            let times = (client.open_ms..close).step_by(every as usize);
            actions.extend(times.map(|ms| (at(ms), number, Action::Ask)));
        }
        if let Some(close) = client.close_ms.filter(|_| client.reads == 0) {
            actions.push((at(client.open_ms), number, Action::Open));
            actions.push((at(close), number, Action::Close));
        }
    }
    actions.sort();
    let mut device = Steered::new(FREQUENCY);
    let (mut owner, mut target) = (0, 0);
    for (qpc, number, action) in actions {
        let mut refused = false;
        match action {
            Action::Steer(_) if owner != 0 && owner != number => refused = true,
            Action::Steer(Some(ppb)) => (owner, target) = (number, ppb),
            Action::Steer(None) | Action::Close if owner == number => (owner, target) = (0, 0),
            _ => {}
        }
        device.steer(qpc, target);
        let clock = Event::Clock {
            device_ticks: (device.between(0, qpc) / 1_000_000_000) as i64,
            device_fraction: (device.between(0, qpc) % 1_000_000_000) as u32,
            slope_ppb: device.slope(qpc) as i32,
            target_ppb: target,
            steering: match owner {
                0 => 0,
                owner if owner == number => 1,
                _ => 2,
            },
            generation: 1,
            // Filled in below, when all is known.
            position: 0,
        };
        let mut tell = |event| {
            machine.timeline.push(Stamped {
                program: Program::TapClient(number),
                ..Stamped::new(qpc, event)
            });
        };
        match action {
            Action::Steer(ppb) if refused => tell(Event::Steer {
                ppb,
                answer: 0xC000_0043,
            }),
            Action::Steer(ppb) => {
                tell(Event::Steer { ppb, answer: 0 });
                tell(clock);
            }
            Action::Ask => tell(clock),
            Action::Open => tell(super::tap::OPENED),
            Action::Close => tell(super::tap::CLOSED),
        }
    }
    let rate = machine.file.scenario.format.rate;
    machine.clock = Clock::of_device(rate, FREQUENCY, device).expect("a clock");
}

/// What the client of a soak sees; gives its end.
pub(super) fn soak(machine: &mut Machine<'_>, soak: &Soak) -> i64 {
    let mut device = Steered::new(FREQUENCY);
    let (mut owner, mut target) = (0, 0);
    let mut told = Vec::new();
    let mut rates = soak.steer.iter().cycle();
    for number in 1..=soak.looks {
        let look = machine.start + soak.look(number, FREQUENCY.cast_unsigned()).cast_signed();
        let end = look + i64::from(soak.run_ms) * MS;
        told.extend([look, end].map(|qpc| (qpc, owner, target)));
        if let Some(&ppb) = rates.next() {
            (owner, target) = (1, ppb);
            device.steer(end, ppb);
            let steer = Event::Steer {
                ppb: Some(ppb),
                answer: 0,
            };
            machine.event(end, steer);
        }
    }
    machine.clock = Clock::of_device(machine.file.scenario.format.rate, FREQUENCY, device.clone())
        .expect("a clock");
    machine.clock.run(machine.start);
    for (qpc, owner, target) in told {
        let ticks = device.between(0, qpc);
        let frames = machine.clock.position(qpc);
        let clock = Event::Clock {
            device_ticks: (ticks / 1_000_000_000) as i64,
            device_fraction: (ticks % 1_000_000_000) as u32,
            slope_ppb: device.slope(qpc) as i32,
            target_ppb: target,
            steering: owner,
            generation: 1,
            position: frames,
        };
        machine.event(qpc, clock);
        machine.event(qpc, Event::Position { frames });
    }
    // What is told at the moment of a command is told before it.
    let order = |each: &Stamped| (each.qpc, matches!(each.event, Event::Steer { .. }));
    machine.timeline.sort_by_key(order);
    machine
        .timeline
        .last()
        .map_or(machine.start, |last| last.qpc)
}

/// Fills in the positions, once the clock has run.
pub(super) fn positions(machine: &mut Machine<'_>) {
    for each in &mut machine.timeline {
        if let Event::Clock { position, .. } = &mut each.event {
            *position = machine.clock.position(each.qpc);
        }
    }
}
