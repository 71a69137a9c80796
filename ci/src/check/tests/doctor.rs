//! How evidence is doctored.

use waverig_protocol::timeline::{Event, Stamped, StarvedRun};
use waverig_protocol::{Endpoint, Finding, Program, Recorded, Severity};

use crate::evidence::{Evidence, Fault, Piece};
use crate::model::{perfect, scenario};
use crate::scenario::ScenarioFile;

pub(super) const STALL: &str = "stall-163ms";
/// Bytes in a frame of the counter scenarios.
pub(super) const FRAME: usize = 6;

/// The endpoints that the machine lists.
pub(super) fn endpoints(evidence: &mut Evidence) -> &mut Vec<Endpoint> {
    let installed = evidence.installed.as_mut();
    &mut installed.expect("the package is installed").endpoints
}

/// Edits the capture as one stretch.
pub(super) fn audio(evidence: &mut Evidence, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes: Vec<u8> = evidence
        .capture
        .iter()
        .flat_map(|piece| piece.bytes.clone())
        .collect();
    edit(&mut bytes);
    evidence.capture = vec![Piece {
        first_frame: 0,
        bytes,
    }];
}

/// Edits what the first recorder was given as one stretch.
pub(super) fn recording(evidence: &mut Evidence, edit: impl FnOnce(&mut Vec<u8>)) {
    let pieces = evidence.captures.entry(Program::Recorder(1)).or_default();
    let mut bytes: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| piece.bytes.clone())
        .collect();
    edit(&mut bytes);
    *pieces = vec![Piece {
        first_frame: 0,
        bytes,
    }];
}

/// Edits the `nth` event that a pattern picks out.
pub(super) fn nth(
    evidence: &mut Evidence,
    nth: usize,
    picks: fn(&Event) -> bool,
    edit: impl FnOnce(&mut Stamped),
) {
    let event = evidence
        .timeline
        .iter_mut()
        .filter(|each| picks(&each.event))
        .nth(nth);
    edit(event.expect("the timeline has so many"));
    evidence.timeline.sort_by_key(|each| each.qpc);
}

pub(super) fn remove(evidence: &mut Evidence, nth: usize, picks: fn(&Event) -> bool) {
    let at = (0..evidence.timeline.len())
        .filter(|at| picks(&evidence.timeline[*at].event))
        .nth(nth);
    evidence
        .timeline
        .remove(at.expect("the timeline has so many"));
}

pub(super) fn notified(event: &Event) -> bool {
    matches!(event, Event::Notified)
}

pub(super) fn position(event: &Event) -> bool {
    matches!(event, Event::Position { .. })
}

pub(super) fn block(event: &Event) -> bool {
    matches!(event, Event::Block { .. })
}

pub(super) fn device(event: &Event) -> bool {
    matches!(event, Event::Device { .. })
}

pub(super) fn refused(event: &Event) -> bool {
    matches!(event, Event::Refused { .. })
}

/// One more event, before the last one.
pub(super) fn again(evidence: &mut Evidence, event: Event) {
    let at = evidence.timeline.len() - 1;
    let qpc = evidence.timeline[at].qpc;
    evidence.timeline.insert(at, Stamped::new(qpc, event));
}

pub(super) fn counted(event: &Event) -> bool {
    matches!(event, Event::PacketCount { .. })
}

pub(super) fn presented(event: &Event) -> bool {
    matches!(event, Event::Presented { .. })
}

/// The first packet that was answered with `from` was answered with `to`.
pub(super) fn answered(evidence: &mut Evidence, from: &str, to: &str) {
    let mut answers = evidence
        .timeline
        .iter_mut()
        .filter_map(|each| match &mut each.event {
            Event::Declared { answer, .. } => Some(answer),
            _ => None,
        });
    let answer = answers.find(|answer| *answer == from);
    *answer.expect("a packet was answered so") = to.into();
}

/// What the tap counted.
pub(super) struct Starved<'a> {
    pub(super) missed_frames: &'a mut u64,
    pub(super) missed_runs: &'a mut u64,
    pub(super) known_from: &'a mut Option<u64>,
    pub(super) recent: &'a mut Vec<StarvedRun>,
}

pub(super) fn starved(evidence: &mut Evidence, edit: fn(Starved<'_>)) {
    nth(
        evidence,
        0,
        |event| matches!(event, Event::Starved { .. }),
        |stamped| {
            if let Event::Starved {
                missed_frames,
                missed_runs,
                known_from,
                recent,
                ..
            } = &mut stamped.event
            {
                edit(Starved {
                    missed_frames,
                    missed_runs,
                    known_from,
                    recent,
                });
            }
        },
    );
}

pub(super) fn edit_block(evidence: &mut Evidence, index: usize, edit: fn(&mut Block)) {
    nth(evidence, index, block, |stamped| {
        if let Event::Block {
            generation,
            first_frame,
            first_qpc,
            flags,
            lost,
            clear,
            missed,
            ..
        } = &mut stamped.event
        {
            edit(&mut Block {
                generation,
                first_frame,
                first_qpc,
                flags,
                lost,
                clear,
                missed,
            });
        }
    });
}

pub(super) struct Block<'a> {
    pub(super) generation: &'a mut u32,
    pub(super) first_frame: &'a mut u64,
    pub(super) first_qpc: &'a mut i64,
    pub(super) flags: &'a mut u32,
    pub(super) lost: &'a mut u64,
    pub(super) clear: &'a mut u64,
    pub(super) missed: &'a mut u64,
}

pub(super) fn finding(severity: Severity) -> Finding {
    Finding {
        rule: "pool-leak".into(),
        severity,
        text: "64 bytes with tag WRig are left at unload".into(),
        place: Some("stop, stream.rs:12".into()),
        source: "ExAllocatePool2".into(),
        shown: String::new(),
    }
}

/// Where the silence of the stall begins.
pub(super) fn silence_start(audio: &[u8]) -> usize {
    let frame = audio.chunks(FRAME).position(|frame| frame == [0; FRAME]);
    frame.expect("a stall") * FRAME
}

pub(super) fn crash(evidence: &mut Evidence, _: &ScenarioFile) {
    evidence.timeline.truncate(100);
    evidence.fault = Some(Fault {
        summary: "access violation in waverig!tick".into(),
        text: "registers".into(),
        json: Vec::new(),
    });
}

/// Writes of one packet are told 3 ms later than they happened: too late for their frames.
pub(super) fn late_client(evidence: &mut Evidence, file: &ScenarioFile) {
    let picks = |event: &Event| {
        matches!(
            event,
            Event::Wrote {
                stream_frame: 28_800,
                ..
            }
        )
    };
    nth(evidence, 0, picks, |stamped| stamped.qpc += 50_000);
    // The device plays them a lap later, over what the client wrote meanwhile, and silence in their place.
    let replaced = |event: &Event| {
        matches!(
            event,
            Event::Wrote {
                stream_frame: 29_088,
                ..
            }
        )
    };
    remove(evidence, 0, replaced);
    replay(evidence, file);
}

/// One packet is never written.
pub(super) fn idle_client(evidence: &mut Evidence, file: &ScenarioFile) {
    remove(evidence, 0, |event| {
        matches!(
            event,
            Event::Wrote {
                stream_frame: 28_800,
                ..
            }
        )
    });
    replay(evidence, file);
}

/// The client writes other signal frames than in the golden run.
pub(super) fn other_signal(evidence: &mut Evidence, file: &ScenarioFile) {
    for each in &mut evidence.timeline {
        if let Event::Wrote { signal_frame, .. } = &mut each.event {
            *signal_frame += 1;
        }
    }
    replay(evidence, file);
}

/// The client wrote through its stall.
pub(super) fn unstalled(evidence: &mut Evidence) {
    let mut file = scenario(STALL);
    file.scenario.disturbances.clear();
    *evidence = perfect(&file);
}

/// Lets a perfect device play what the client now wrote.
pub(super) fn replay(evidence: &mut Evidence, file: &ScenarioFile) {
    let stream = crate::stream::Stream::of_main(&evidence.timeline, &file.scenario, 10_000_000)
        .expect("a timeline");
    let expected = crate::expected::Expected::of(&stream, file.scenario.format.frame_bytes())
        .expect("a stream");
    let bytes = crate::golden::audio(&file.scenario, &expected.runs).expect("a signal");
    evidence.capture = vec![Piece {
        first_frame: 0,
        bytes,
    }];
}

/// Edits first frame and frames lost of a tap client's first block whose loss is as wanted.
pub(super) fn tap_block(
    evidence: &mut Evidence,
    client: u8,
    wanted: fn(u64) -> bool,
    edit: fn(&mut u64, &mut u64),
) {
    let mut blocks = evidence.timeline.iter_mut().filter_map(|stamped| {
        let of = stamped.program == Program::TapClient(client);
        match &mut stamped.event {
            Event::Block {
                first_frame, lost, ..
            } if of && wanted(*lost) => Some((first_frame, lost)),
            _ => None,
        }
    });
    let (first_frame, lost) = blocks.next().expect("such a block");
    edit(first_frame, lost);
}

/// A tap client's first loss is so many frames larger, as its reader says.
pub(super) fn first_lost(evidence: &mut Evidence, client: u8, more: u64) {
    for stamped in &mut evidence.timeline {
        if let Event::Block {
            first_frame, lost, ..
        } = &mut stamped.event
            && stamped.program == Program::TapClient(client)
            && *lost > 0
        {
            *first_frame += more;
            *lost += more;
            return;
        }
    }
    panic!("nothing was lost");
}

/// Leaves out a tap client's last blocks.
pub(super) fn last_blocks(evidence: &mut Evidence, client: u8, count: usize) {
    for _ in 0..count {
        let of = |stamped: &Stamped| {
            stamped.program == Program::TapClient(client) && block(&stamped.event)
        };
        let last = evidence.timeline.iter().rposition(of).expect("a block");
        evidence.timeline.remove(last);
    }
}

/// `waverig_interface::BlockFlags::PROTECTED`.
pub(super) const PROTECTED: u32 = 1 << 3;

/// Edits the flags of the main program's first block that has PROTECTED, or has it not.
pub(super) fn flag(evidence: &mut Evidence, protected: bool, edit: fn(&mut u32)) {
    let mut flags = evidence.timeline.iter_mut().filter_map(|stamped| {
        let main = stamped.program.is_main();
        match &mut stamped.event {
            Event::Block { flags, .. } if main => Some(flags),
            _ => None,
        }
    });
    let wanted = flags.find(|flags| (**flags & PROTECTED != 0) == protected);
    edit(wanted.expect("such a block"));
}

/// Edits first frame and length of the main program's first block of protected content.
pub(super) fn first_protected(evidence: &mut Evidence, edit: fn(&mut u64, &mut u64)) {
    let mut blocks = evidence.timeline.iter_mut().filter_map(|stamped| {
        let main = stamped.program.is_main();
        match &mut stamped.event {
            Event::Block {
                first_frame,
                frames,
                flags,
                ..
            } if main && *flags & PROTECTED != 0 => Some((first_frame, frames)),
            _ => None,
        }
    });
    let (first_frame, frames) = blocks.next().expect("such a block");
    edit(first_frame, frames);
}

/// Edits the `nth` record of a kind.
pub(super) fn recorded(evidence: &mut Evidence, kind: &str, nth: usize, edit: fn(&mut Recorded)) {
    let records = evidence.recorded.iter_mut();
    let mut records = records.filter(|record| record.kind == kind);
    edit(records.nth(nth).expect("the record has so many"));
}

/// The `nth` record of a kind is not there.
pub(super) fn unrecorded(evidence: &mut Evidence, kind: &str, nth: usize) {
    let records = (0..).zip(&evidence.recorded);
    let mut records = records.filter(|(_, record)| record.kind == kind);
    let (at, _) = records.nth(nth).expect("the record has so many");
    evidence.recorded.remove(at);
}

/// The first record of a kind is there twice.
pub(super) fn twice(evidence: &mut Evidence, kind: &str) {
    let records = &mut evidence.recorded;
    let at = records.iter().position(|record| record.kind == kind);
    let at = at.expect("such a record");
    records.insert(at, records[at].clone());
}

/// A capture stream's last state is not there.
pub(super) fn capture_state(evidence: &mut Evidence) {
    let is = |record: &Recorded| record.kind == "state" && record.values[1] >> 32 == 1;
    let at = evidence.recorded.iter().rposition(is);
    evidence.recorded.remove(at.expect("such a record"));
}
