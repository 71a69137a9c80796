//! Who steered a cable's clock, and what came of it: what the timeline says, and what the tap interface demands.

use waverig_protocol::Program;
use waverig_protocol::scenario::Scenario;
use waverig_protocol::timeline::{Event, Stamped};

use crate::steered::Steered;

/// NTSTATUS of a request that was carried out.
const SUCCESS: u32 = 0;
/// NTSTATUS of a rate out of bound (`STATUS_INVALID_PARAMETER`).
const INVALID_PARAMETER: u32 = 0xC000_000D;
/// NTSTATUS while another handle steers (`STATUS_SHARING_VIOLATION`).
const SHARING_VIOLATION: u32 = 0xC000_0043;
/// Furthest from nominal that a rate may be wanted, in parts per billion.
const BOUND: u32 = 1_000_000;

/// What happened to a cable's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// The clock, as it must have run.
    pub device: Steered,
    /// The commands with their answers.
    pub answers: Vec<Answer>,
    /// What programs were told.
    pub told: Vec<Told>,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub qpc: i64,
    /// Who.
    pub program: Program,
    /// To which rate; `None`: let go of it.
    pub ppb: Option<i32>,
    /// What the driver answered, an NTSTATUS.
    pub given: u32,
    /// What it had to answer.
    pub due: u32,
}

/// What a program was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub qpc: i64,
    /// Device time, in 1e-9 ticks.
    pub device: i128,
    /// How fast it runs, in parts per billion above nominal.
    pub slope: i64,
    /// Where the slope goes, and where it had to go.
    pub target: (i32, i32),
    /// Who steers, as told and as it is: 0 nobody, 1 the program itself, 2 another.
    pub steering: (u32, u32),
    /// Frames played.
    pub position: u64,
}

impl Steering {
    /// What a timeline says about the clock of one cable.
    pub fn of(timeline: &[Stamped], scenario: &Scenario, cable: u8, frequency: i64) -> Self {
        let mut steering = Self {
            device: Steered::new(frequency.max(1)),
            answers: Vec::new(),
            told: Vec::new(),
        };
        let mut owner = None;
        let mut target = 0;
        let here = timeline
            .iter()
            .filter(|each| scenario.cable_of(each.program) == Some(cable));
        for &Stamped {
            qpc,
            program,
            ref event,
        } in here
        {
            let owned = owner == Some(program);
            let foreign = owner.is_some() && !owned;
            let wanted = match *event {
                Event::Steer { ppb, answer } => {
                    let beyond = ppb.is_some_and(|ppb| ppb.unsigned_abs() > BOUND);
                    let due = match (beyond, foreign) {
                        // A request that makes no sense may be refused for either reason, and must be.
                        (true, true) if answer == SHARING_VIOLATION => SHARING_VIOLATION,
                        (true, _) => INVALID_PARAMETER,
                        (false, true) => SHARING_VIOLATION,
                        (false, false) => SUCCESS,
                    };
                    steering.answers.push(Answer {
                        qpc,
                        program,
                        ppb,
                        given: answer,
                        due,
                    });
                    match ppb {
                        _ if due != SUCCESS => None,
                        Some(ppb) => {
                            owner = Some(program);
                            Some(ppb)
                        }
                        None => owned.then_some(0),
                    }
                }
                Event::TapClosed { .. } => owned.then_some(0),
                Event::Clock {
                    device_ticks,
                    device_fraction,
                    slope_ppb,
                    target_ppb,
                    steering: told,
                    position,
                    ..
                } => {
                    let is = match owner {
                        None => 0,
                        Some(_) if owned => 1,
                        Some(_) => 2,
                    };
                    steering.told.push(Told {
                        qpc,
                        device: i128::from(device_ticks) * 1_000_000_000
                            + i128::from(device_fraction),
                        slope: slope_ppb.into(),
                        target: (target_ppb, target),
                        steering: (told, is),
                        position,
                    });
                    None
                }
                _ => None,
            };
            if let Some(ppb) = wanted {
                if !matches!(event, Event::Steer { ppb: Some(_), .. }) {
                    owner = None;
                }
                target = ppb;
                steering.device.steer(qpc, ppb);
            }
        }
        steering
    }
}
