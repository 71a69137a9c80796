//! The checks: each compares one aspect of the evidence with its limit and says what it saw.

mod capture_exact;
mod complete;
mod context;
mod device;
mod device_life;
mod drift;
mod golden_capture;
mod golden_record;
mod golden_timing;
mod no_fault;
mod no_findings;
mod notifications;
mod packet_count;
pub(crate) mod pictures;
mod pin;
mod position_clock;
mod presentation;
mod protection;
mod record_exact;
mod record_packets;
mod recorded_other;
mod recording;
mod set_write_packet;
mod started;
mod starvation;
mod starvation_known;
mod steering;
mod tap_latency;
mod tap_order;
mod tap_time;
mod tone;
mod trace;

use waverig_protocol::Program;
#[cfg(test)]
use waverig_protocol::Recorded;
use waverig_protocol::scenario::Opening;

use crate::evidence::Evidence;
use crate::golden::{self, GoldenRecorder, RecordGolden};
use crate::scenario::ScenarioFile;
use crate::verdict::{CheckResult, Verdict};
pub(crate) use context::Context;
pub(crate) use started::aligned;

/// One check.
pub struct Check {
    /// Its id, stable across versions.
    pub id: &'static str,
    /// What it shows, in a sentence.
    pub about: &'static str,
    of: Part,
    run: fn(&Context<'_>) -> Judgement,
}

/// What a check is about. The main program has all parts but [`Part::Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The run as a whole, with the main player and what its tap delivered.
    Run,
    /// A program's own stream.
    Stream,
    /// What a tap delivered to a program.
    Tap,
    /// What a program recorded.
    Record,
}

impl Part {
    /// Whether a program has it. What the main tap delivers of later players on its cable belongs to those.
    fn is_of(self, program: Program, tapped: bool) -> bool {
        match program {
            Program::Main => self != Self::Record,
            Program::Player(_) => self == Self::Stream || tapped && self != Self::Run,
            Program::Recorder(_) => matches!(self, Self::Stream | Self::Record),
            Program::TapClient(_) => self == Self::Tap,
        }
    }
}

/// What a check says: `Ok(None)` when it does not apply to the scenario, `Err` with the reason when there is no
/// evidence.
type Judgement = Result<Option<Outcome>, String>;

/// What a check found.
struct Outcome {
    verdict: Verdict,
    limit: String,
    observed: String,
    explanation: String,
    /// All that is wrong came at another time than it should: a machine that is late itself can be the reason.
    late: bool,
}

impl Outcome {
    /// Passed when there are no complaints, else failed with them.
    fn new(
        limit: impl Into<String>,
        observed: impl Into<String>,
        complaints: &[String],
    ) -> Judgement {
        Ok(Some(Self {
            verdict: Verdict::of(complaints.is_empty()),
            limit: limit.into(),
            observed: observed.into(),
            explanation: complaints.join("; "),
            late: false,
        }))
    }

    /// The same of a check with a part that is about time alone: `wrong` is wrong on any machine, `late` may be the machine's own doing.
    fn of_time(
        limit: impl Into<String>,
        observed: impl Into<String>,
        wrong: Vec<String>,
        late: Vec<String>,
    ) -> Judgement {
        let only_late = wrong.is_empty();
        let complaints = first_few([wrong, late].concat());
        let outcome = Self::new(limit, observed, &complaints)?;
        Ok(outcome.map(|outcome| Self {
            late: only_late,
            ..outcome
        }))
    }
}

/// Id of the check that nothing crashed.
pub const NO_FAULT: &str = "no-fault";

/// Id of the check that looks at how programs get their pins.
const PIN: &str = "pin";

/// Every check, in the order of reports: first whether there is a run at all, then audio, then time.
pub const CHECKS: &[Check] = &[
    Check {
        id: "complete",
        about: "the run came to its end",
        of: Part::Stream,
        run: complete::run,
    },
    Check {
        id: NO_FAULT,
        about: "nothing crashed",
        of: Part::Run,
        run: no_fault::run,
    },
    Check {
        id: "no-findings",
        about: "no rule of the machine was broken",
        of: Part::Run,
        run: no_findings::run,
    },
    Check {
        id: "device",
        about: "the device is as it was set up, and every wrong setting was told",
        of: Part::Run,
        run: device::run,
    },
    Check {
        id: "device-life",
        about: "the device went through what the scenario does to it, and what was open then ended as promised",
        of: Part::Run,
        run: device_life::run,
    },
    Check {
        id: PIN,
        about: "a pin was refused while another program had it, and not otherwise",
        of: Part::Stream,
        run: pin::run,
    },
    Check {
        id: "capture-exact",
        about: "the tap delivered exactly what was written in time, and silence elsewhere",
        of: Part::Tap,
        run: capture_exact::run,
    },
    Check {
        id: "record-exact",
        about: "a recorder was given what was played in the same instant, and silence elsewhere",
        of: Part::Record,
        run: record_exact::run,
    },
    Check {
        id: "record-packets",
        about: "a recorder that asks for packets was given the right one, with its time, or told that there is none",
        of: Part::Record,
        run: record_packets::run,
    },
    Check {
        id: "golden-capture",
        about: "the captured audio is the golden one",
        of: Part::Run,
        run: golden_capture::run,
    },
    Check {
        id: "golden-record",
        about: "a recorder was given what it was given in the golden run, and what played later came out as there",
        of: Part::Record,
        run: golden_record::run,
    },
    Check {
        id: "starvation",
        about: "the stream was starved only where the client stalled, and the tap said so",
        of: Part::Tap,
        run: starvation::run,
    },
    Check {
        id: "starvation-known",
        about: "the tap told exactly which frames the client is known not to have written in time",
        of: Part::Tap,
        run: starvation_known::run,
    },
    Check {
        id: "protection",
        about: "protected content is muted in the tap and flagged, and nothing else is",
        of: Part::Tap,
        run: protection::run,
    },
    Check {
        id: "tap-order",
        about: "blocks follow each other without loss",
        of: Part::Tap,
        run: tap_order::run,
    },
    Check {
        id: "tap-time",
        about: "the time of a block is the clock's time of its first frame",
        of: Part::Tap,
        run: tap_time::run,
    },
    Check {
        id: "tap-latency",
        about: "a block arrives soon after its last frame fell due, never before",
        of: Part::Tap,
        run: tap_latency::run,
    },
    Check {
        id: "position-clock",
        about: "every position told is the clock's",
        of: Part::Stream,
        run: position_clock::run,
    },
    Check {
        id: "packet-count",
        about: "every packet count told is the clock's",
        of: Part::Stream,
        run: packet_count::run,
    },
    Check {
        id: "presentation-position",
        about: "every presentation position told is the clock's at its time",
        of: Part::Stream,
        run: presentation::run,
    },
    Check {
        id: "set-write-packet",
        about: "packets were taken or refused as documented",
        of: Part::Stream,
        run: set_write_packet::run,
    },
    Check {
        id: "notifications",
        about: "one notification at every packet boundary",
        of: Part::Stream,
        run: notifications::run,
    },
    Check {
        id: "golden-timing",
        about: "notifications and positions come when they came in the golden run",
        of: Part::Run,
        run: golden_timing::run,
    },
    Check {
        id: "steering",
        about: "the clock is steered as asked, by one program at a time, and goes back when that is gone",
        of: Part::Run,
        run: steering::run,
    },
    Check {
        id: "trace",
        about: "the driver's record of events says what happened",
        of: Part::Run,
        run: trace::run,
    },
    Check {
        id: "drift",
        about: "the position keeps the nominal rate, and the audio its place",
        of: Part::Run,
        run: drift::run,
    },
    Check {
        id: "tone",
        about: "the sine has the level and the frequency it was played with",
        of: Part::Tap,
        run: tone::run,
    },
];

/// Whether a check compares with the golden, and so cannot be asked before there is one.
pub(crate) fn needs_golden(id: &str) -> bool {
    matches!(id, "golden-capture" | "golden-timing" | "golden-record")
}

impl Check {
    /// Whether it asks for nothing but positions and the clock: a soak has no audio, and no golden.
    fn of_soak(&self) -> bool {
        match self.of {
            Part::Run => !needs_golden(self.id) && self.id != "drift",
            Part::Stream => true,
            Part::Tap | Part::Record => false,
        }
    }

    /// What it finds; `None` when it does not apply to the scenario or the program.
    pub(crate) fn result(&self, context: &Context<'_>) -> Option<CheckResult> {
        let soaks = context.file.scenario.soak.is_some();
        let tapped = context.main_cable.contains(&context.program);
        // A program that gets no pin has nothing else.
        if context.opening == Opening::Refused && self.id != PIN {
            return None;
        }
        if !self.of.is_of(context.program, tapped)
            || context.reads_nothing()
            || soaks && !self.of_soak()
        {
            return None;
        }
        let outcome = (self.run)(context)
            .transpose()?
            .unwrap_or_else(|reason| Outcome {
                verdict: Verdict::NotProven,
                limit: String::new(),
                observed: "no evidence".into(),
                explanation: reason,
                late: false,
            });
        let outcome = match context.disturbed() {
            Some(why) if outcome.late && outcome.verdict == Verdict::Failed => Outcome {
                verdict: Verdict::Inconclusive,
                explanation: format!("{}; {why}", outcome.explanation),
                ..outcome
            },
            _ => outcome,
        };
        Some(CheckResult {
            id: self.id,
            program: context.program,
            verdict: outcome.verdict,
            limit: outcome.limit,
            observed: outcome.observed,
            explanation: outcome.explanation,
        })
    }
}

/// What the programs of one kind were given: recorders, or those that play later on the cable of the main tap. `None` when there
/// are none.
pub(crate) fn given_golden(
    file: &ScenarioFile,
    evidence: &Evidence,
    seed: u64,
    of_players: bool,
) -> Result<Option<RecordGolden>, String> {
    let none = golden::own_golden();
    let later = file.scenario.players_on(1);
    let given = file.scenario.recorders_given();
    let is = |program: Program| match program {
        Program::Recorder(_) => !of_players && given.contains(&program),
        Program::Player(_) => of_players && later.contains(&program),
        Program::Main | Program::TapClient(_) => false,
    };
    let contexts = Context::all(file, evidence, Err(&none), seed);
    let given: Vec<GoldenRecorder> = contexts
        .iter()
        .filter(|context| is(context.program))
        .map(Context::recorded)
        .collect::<Result<_, _>>()?;
    Ok((!given.is_empty()).then_some(RecordGolden {
        seed,
        recorders: given,
    }))
}

/// What a perfect driver records of a run.
#[cfg(test)]
pub(crate) fn perfect_records(file: &ScenarioFile, evidence: &Evidence) -> Vec<Recorded> {
    let none = golden::own_golden();
    let contexts = Context::all(file, evidence, Err(&none), 1);
    contexts
        .iter()
        .find(|context| context.program.is_main())
        .map(trace::perfect)
        .unwrap_or_default()
}

/// The first complaints, and how many there are.
fn first_few(complaints: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 5;
    let more = complaints.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = complaints.into_iter().take(SHOWN).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown
}

#[cfg(test)]
mod tests;
