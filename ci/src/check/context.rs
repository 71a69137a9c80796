//! What checks look at: the evidence of one program, and what is worked out from it once.

use std::borrow::Cow;

use waverig_protocol::noise::Time;
use waverig_protocol::scenario::{Disturbance, Opening, Share};
use waverig_protocol::{Program, hash};

use super::recording::Recording;
use crate::clock::Clock;
use crate::evidence::{Evidence, Piece};
use crate::expected::Expected;
use crate::explain::{Comparison, compare_given};
use crate::golden::{self, Golden, GoldenError, GoldenRecorder};
use crate::limits::MACHINE;
use crate::scenario::ScenarioFile;
use crate::steering::Steering;
use crate::stream::Stream;
use crate::sweep::Heard;
use crate::units::Nanos;

/// What checks look at: the evidence of one program, and what is worked out from it once.
pub(crate) struct Context<'a> {
    pub(super) program: Program,
    /// The memory that it shares with the driver, if it is a tap client that does.
    pub(super) share: Option<Share>,
    /// How it gets its pin.
    pub(super) opening: Opening,
    /// The whole scenario, as every program takes part in it.
    pub(super) whole: &'a ScenarioFile,
    /// The players on the cable of the main tap, in order.
    pub(super) main_cable: Vec<Program>,
    /// The scenario as the program's player plays it.
    pub(super) file: Cow<'a, ScenarioFile>,
    pub(super) evidence: &'a Evidence,
    pub(super) golden: Result<&'a Golden, &'a GoldenError>,
    pub(super) seed: u64,
    pub(super) stream: Result<Stream, String>,
    pub(super) expected: Result<Expected, String>,
    /// What must come out of the tap, as bytes.
    pub(super) audio: Vec<u8>,
    /// What lay in the buffer, where that is something else.
    pub(super) buffered: Option<Vec<u8>>,
    pub(super) pieces: Vec<Piece>,
    pub(super) comparison: Result<Comparison, String>,
    /// Of a recorder: what was played while it recorded.
    pub(super) recording: Option<Result<Recording, String>>,
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
    pub(super) fn disturbed(&self) -> Option<String> {
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
    pub(super) fn reads_nothing(&self) -> bool {
        match self.program {
            Program::TapClient(_) => self.file.scenario.tap.reads == 0,
            _ => false,
        }
    }

    /// What lay in the buffer when it was taken out, as bytes.
    pub(super) fn buffered(&self) -> &[u8] {
        self.buffered.as_ref().unwrap_or(&self.audio)
    }

    pub(super) fn stream(&self) -> Result<&Stream, String> {
        self.stream.as_ref().map_err(Clone::clone)
    }

    pub(super) fn expected(&self) -> Result<&Expected, String> {
        self.expected.as_ref().map_err(Clone::clone)
    }

    pub(super) fn comparison(&self) -> Result<&Comparison, String> {
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
            sha256: hash::sha256(&bytes),
        }
    }

    /// What a recorder was given.
    pub(super) fn recorded(&self) -> Result<GoldenRecorder, String> {
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
    pub(super) fn is_tap_client(&self) -> bool {
        matches!(self.program, Program::TapClient(_))
    }

    /// Frames that the program's tap client is given at a time.
    pub(super) fn portion(&self) -> u64 {
        let read = u64::from(self.file.scenario.tap.read_frames);
        let blocks = self.share.map_or(1, |share| share.wake_blocks);
        read * u64::from(blocks)
    }

    /// Why the run has no end, when it has none.
    pub(super) fn unfinished(&self) -> Option<String> {
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
