//! When streams of a real machine began and ended to run. A program notes it when the call has returned, somewhat later than it was so; the
//! driver's own record has the tick. That is taken where it is no further from the program's note than a record may be: what the driver says
//! beyond that nobody believes, and the difference shows as what it is.

use std::borrow::Cow;

use waverig_protocol::Program;
use waverig_protocol::noise::Time;
use waverig_protocol::timeline::Event;

use super::trace::due;
use crate::clock::Clock;
use crate::evidence::Evidence;
use crate::scenario::ScenarioFile;

/// `KSSTATE_RUN` (ks.h), as records have it.
const RUN: u64 = 3;

/// The evidence with the ticks of the driver's record; of virtual time, in which a call takes none, as it is.
pub(crate) fn aligned<'a>(file: &ScenarioFile, evidence: &'a Evidence) -> Cow<'a, Evidence> {
    let scenario = &file.scenario;
    let (rate, frequency) = (scenario.format.rate, evidence.machine.qpc_frequency);
    let clock = match (evidence.machine.time, Clock::new(rate, frequency)) {
        (Time::Real, Ok(clock)) => clock,
        _ => return Cow::Borrowed(evidence),
    };
    let within = clock.ticks(file.limits.on(Time::Real, scenario).recorded.0);
    let mut aligned = evidence.clone();
    for cable in 1..=u8::MAX {
        let of = |program: &Program| scenario.cable_of(*program) == Some(cable);
        let programs = scenario.programs().into_iter().filter(of);
        let (mut players, mut recorders) = (Vec::new(), Vec::new());
        for program in programs {
            match program {
                Program::Recorder(_) => recorders.push(program),
                Program::Main | Program::Player(_) => players.push(program),
                Program::TapClient(_) => {}
            }
        }
        if players.is_empty() && recorders.is_empty() {
            continue;
        }
        let place = due::place_in(scenario, cable);
        for (direction, programs) in [(0, players), (1, recorders)] {
            let mut turns = evidence.recorded.iter().filter(|record| {
                let runs = record.values[0] == RUN || record.values[1] & u64::from(u32::MAX) == RUN;
                record.kind == "state"
                    && (u64::from(record.device), u64::from(record.cable)) == place
                    && record.values[1] >> 32 == direction
                    && runs
            });
            let mut runs = false;
            for stamped in &mut aligned.timeline {
                let Event::State { state } = &stamped.event else {
                    continue;
                };
                if !programs.contains(&stamped.program) || (state == "run") == runs {
                    continue;
                }
                runs = !runs;
                let Some(record) = turns.next() else { break };
                if (record.values[0] == RUN) == runs
                    && record.qpc.abs_diff(stamped.qpc) <= within.unsigned_abs()
                {
                    stamped.qpc = record.qpc;
                }
            }
        }
    }
    aligned.timeline.sort_by_key(|stamped| stamped.qpc);
    Cow::Owned(aligned)
}
