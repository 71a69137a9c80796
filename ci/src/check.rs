//! The checks: each compares one aspect of the evidence with its limit and says what it saw.

mod capture_exact;
mod complete;
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

use std::borrow::Cow;

use waverig_protocol::Program;
#[cfg(test)]
use waverig_protocol::Recorded;
use waverig_protocol::noise::Time;
use waverig_protocol::scenario::{Disturbance, Opening, Share};

use crate::clock::Clock;
use crate::evidence::{Evidence, Piece};
use crate::expected::Expected;
use crate::explain::{Comparison, compare_given};
use crate::golden::{self, Golden, GoldenError, GoldenRecorder, RecordGolden};
use crate::limits::MACHINE;
use crate::scenario::ScenarioFile;
use crate::steering::Steering;
use crate::stream::Stream;
use crate::sweep::Heard;
use crate::units::Nanos;
use crate::verdict::{CheckResult, Verdict};
use recording::Recording;
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

/// What checks look at: the evidence of one program, and what is worked out from it once.
pub(crate) struct Context<'a> {
    program: Program,
    /// The memory that it shares with the driver, if it is a tap client that does.
    share: Option<Share>,
    /// How it gets its pin.
    opening: Opening,
    /// The whole scenario, as every program takes part in it.
    whole: &'a ScenarioFile,
    /// The players on the cable of the main tap, in order.
    main_cable: Vec<Program>,
    /// The scenario as the program's player plays it.
    file: Cow<'a, ScenarioFile>,
    evidence: &'a Evidence,
    golden: Result<&'a Golden, &'a GoldenError>,
    seed: u64,
    stream: Result<Stream, String>,
    expected: Result<Expected, String>,
    /// What must come out of the tap, as bytes.
    audio: Vec<u8>,
    /// What lay in the buffer, where that is something else.
    buffered: Option<Vec<u8>>,
    pieces: Vec<Piece>,
    comparison: Result<Comparison, String>,
    /// Of a recorder: what was played while it recorded.
    recording: Option<Result<Recording, String>>,
}

impl<'a> Context<'a> {
    /// One for each program of the scenario, the main one first.
    pub(crate) fn all(
        file: &'a ScenarioFile,
        evidence: &'a Evidence,
        golden: Result<&'a Golden, &'a GoldenError>,
        seed: u64,
    ) -> Vec<Self> {
        let programs = file.scenario.programs().into_iter();
        programs
            .map(|program| Self::new(program, file, evidence, golden, seed))
            .collect()
    }

    fn new(
        program: Program,
        file: &'a ScenarioFile,
        evidence: &'a Evidence,
        golden: Result<&'a Golden, &'a GoldenError>,
        seed: u64,
    ) -> Self {
        let view = timed(view(file, program), evidence.machine.time);
        let format = view.scenario.format;
        let player = match program {
            Program::TapClient(_) => file
                .scenario
                .cable_of(program)
                .and_then(|cable| file.scenario.player_on(cable))
                .ok_or_else(|| format!("nothing plays on the cable of {program}")),
            other => Ok(other),
        };
        let stream = player.and_then(|player| {
            let frequency = evidence.machine.qpc_frequency;
            let cable = file.scenario.cable_of(program).unwrap_or(1);
            let steering = Steering::of(&evidence.timeline, &file.scenario, cable, frequency);
            let clock = Clock::of_device(format.rate, frequency, steering.device)?;
            Stream::of_programs(&evidence.timeline, player, program, clock)
        });
        let mut recording = match (program, &stream) {
            (Program::Recorder(_), Ok(_)) => Some(Recording::of(file, evidence, program)),
            (Program::Recorder(_), Err(reason)) => Some(Err(reason.clone())),
            _ => None,
        };
        let expected = match (&recording, &stream) {
            (Some(Ok(recording)), Ok(own)) => Ok(recording.expected_of(own)),
            (Some(Err(reason)), _) => Err(reason.clone()),
            _ => stream
                .clone()
                .and_then(|stream| Expected::of(&stream, format.frame_bytes())),
        };
        let audio = match (&recording, &stream, &expected) {
            (Some(Ok(recording)), Ok(own), _) => Ok(recording.audio_of(own, format)),
            (.., Ok(expected)) => golden::audio(&view.scenario, &expected.runs),
            (.., Err(reason)) => Err(reason.clone()),
        };
        let buffered = expected.as_ref().ok().and_then(|expected| {
            let differs = expected.buffered != expected.runs;
            differs.then(|| golden::audio(&view.scenario, &expected.buffered).ok())?
        });
        let mut pieces = merged(evidence.capture_of(program), format.frame_bytes());
        if let (Some(Ok(recording)), Ok(own), Ok(audio), Ok(pieces)) =
            (&mut recording, &stream, &audio, &mut pieces)
        {
            recording.excuse(own, &view.scenario, audio, pieces);
        }
        let comparison = match (&stream, &audio, &pieces) {
            (Ok(stream), Ok(audio), Ok(pieces)) => {
                // A tap client may come late, go early and lose frames: tap-order judges what it was given.
                let whole = !matches!(program, Program::TapClient(_));
                Ok(compare_given(audio, pieces, format, stream, whole))
            }
            (Err(reason), ..) | (_, Err(reason), _) | (.., Err(reason)) => Err(reason.clone()),
        };
        let share = match program {
            Program::TapClient(number) => {
                let client = file.scenario.tap_client(number);
                client.and_then(|client| client.share)
            }
            _ => None,
        };
        Self {
            program,
            share,
            opening: file.scenario.opening(program),
            whole: file,
            main_cable: file.scenario.players_on(1),
            file: view,
            evidence,
            golden,
            seed,
            stream,
            expected,
            audio: audio.unwrap_or_default(),
            buffered,
            pieces: pieces.unwrap_or_default(),
            comparison,
            recording,
        }
    }

    /// Why this run's times say nothing of the driver, where they do not.
    fn disturbed(&self) -> Option<String> {
        if self.evidence.machine.time == Time::Virtual {
            return None;
        }
        match self.evidence.noise() {
            None => Some("how late this machine's own timers are was not measured".into()),
            Some(noise) if Nanos::from(noise.most) > MACHINE => Some(format!(
                "but this machine is late itself: {noise}; limits allow it {MACHINE}, so play it again when nothing else runs there"
            )),
            Some(_) => None,
        }
    }

    /// A tap client that only looks at the clock.
    fn reads_nothing(&self) -> bool {
        match self.program {
            Program::TapClient(_) => self.file.scenario.tap.reads == 0,
            _ => false,
        }
    }

    /// What lay in the buffer when it was taken out, as bytes.
    fn buffered(&self) -> &[u8] {
        self.buffered.as_ref().unwrap_or(&self.audio)
    }

    fn stream(&self) -> Result<&Stream, String> {
        self.stream.as_ref().map_err(Clone::clone)
    }

    fn expected(&self) -> Result<&Expected, String> {
        self.expected.as_ref().map_err(Clone::clone)
    }

    fn comparison(&self) -> Result<&Comparison, String> {
        self.comparison.as_ref().map_err(Clone::clone)
    }

    /// Whether it is about a recorder.
    pub(crate) fn is_of_recorder(&self) -> bool {
        self.recording.is_some()
    }

    /// What came out of the tap, or was recorded, up to the end of the signal.
    pub(crate) fn heard(&self) -> Heard {
        let frame_bytes = self.file.scenario.format.frame_bytes();
        let end = self.expected.as_ref().map_or(0, |expected| {
            let last = expected.signal_runs().last();
            last.map_or(0, |run| run.first + run.frames)
        });
        let mut bytes = Vec::new();
        for piece in self.pieces.iter().filter(|piece| piece.first_frame < end) {
            let most = (end - piece.first_frame) as usize * frame_bytes;
            bytes.extend_from_slice(&piece.bytes[..most.min(piece.bytes.len())]);
        }
        Heard {
            frames: (bytes.len() / frame_bytes) as u64,
            sha256: golden::sha256(&bytes),
        }
    }

    /// What a recorder was given.
    fn recorded(&self) -> Result<GoldenRecorder, String> {
        let format = self.file.scenario.format;
        let pieces = merged(self.evidence.capture_of(self.program), format.frame_bytes())?;
        // At another rate no frame is one of the signal's.
        let runs = match &self.recording {
            Some(Ok(recording)) if !recording.is_of_rate(format) => &[],
            _ => self.expected()?.runs.as_slice(),
        };
        Ok(GoldenRecorder::of(format, &pieces, runs))
    }

    /// Whether the program only reads the tap: it may come late, go early and sleep.
    fn is_tap_client(&self) -> bool {
        matches!(self.program, Program::TapClient(_))
    }

    /// Frames that the program's tap client is given at a time.
    fn portion(&self) -> u64 {
        let read = u64::from(self.file.scenario.tap.read_frames);
        let blocks = self.share.map_or(1, |share| share.wake_blocks);
        read * u64::from(blocks)
    }

    /// Why the run has no end, when it has none.
    fn unfinished(&self) -> Option<String> {
        if let Some(fault) = &self.evidence.fault {
            return Some(format!("the machine crashed: {}", fault.summary));
        }
        if let Some(reason) = &self.evidence.incomplete {
            return Some(reason.clone());
        }
        match &self.stream {
            Err(reason) => Some(reason.clone()),
            Ok(stream) if !stream.closed => Some("the client never closed its stream".into()),
            Ok(_) => None,
        }
    }
}

/// The scenario as `program` sees it: what is played on its cable, and with its own way to read the tap.
fn view(file: &ScenarioFile, program: Program) -> Cow<'_, ScenarioFile> {
    let scenario = &file.scenario;
    let cable = scenario.cable_of(program);
    let player = match program {
        Program::Player(_) => Some(program),
        _ => cable.and_then(|cable| scenario.player_on(cable)),
    };
    let mut view = match player.and_then(|player| scenario.view_of(player)) {
        Some(view) if !program.is_main() => view,
        _ => return Cow::Borrowed(file),
    };
    match program {
        Program::Main | Program::Player(_) => {}
        Program::Recorder(number) => {
            view.format = scenario.format_of(program).unwrap_or(view.format);
            if let Some(recorder) = scenario.recorder(number) {
                view.client = recorder.client;
                view.disturbances.retain(Disturbance::is_of_the_machine);
                view.disturbances.extend(&recorder.disturbances);
            }
        }
        Program::TapClient(number) => {
            if let Some(client) = scenario.tap_client(number) {
                view.tap.read_frames = client.read_frames;
                view.tap.reads = client.reads;
            }
        }
    }
    Cow::Owned(ScenarioFile {
        scenario: view,
        ..file.clone()
    })
}

/// The same with the limits of a machine of that time.
fn timed(file: Cow<'_, ScenarioFile>, time: Time) -> Cow<'_, ScenarioFile> {
    match time {
        Time::Virtual => file,
        Time::Real => Cow::Owned(ScenarioFile {
            limits: file.limits.on(time, &file.scenario),
            ..file.into_owned()
        }),
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

/// The captured pieces, neighbours joined.
fn merged(captured: &[Piece], frame_bytes: usize) -> Result<Vec<Piece>, String> {
    let mut pieces: Vec<Piece> = Vec::new();
    for piece in captured {
        if !piece.bytes.len().is_multiple_of(frame_bytes) || piece.first_frame > 1 << 48 {
            return Err(format!(
                "the machine sent {} bytes of audio from frame {}, which are no whole frames of {frame_bytes} bytes",
                piece.bytes.len(),
                piece.first_frame
            ));
        }
        match pieces.last_mut() {
            Some(last)
                if last.first_frame + (last.bytes.len() / frame_bytes) as u64
                    == piece.first_frame =>
            {
                last.bytes.extend_from_slice(&piece.bytes);
            }
            _ => pieces.push(piece.clone()),
        }
    }
    if pieces.is_empty() {
        return Err("the tap delivered no audio".into());
    }
    Ok(pieces)
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
