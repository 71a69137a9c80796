//! Every check passes a perfect machine and has been seen to fail: each row doctors the evidence of a perfect run and
//! says which check must reject it, and in which words.

mod clock;
mod doctor;
mod lives;
mod packets;
mod pins;
mod real;

use std::collections::BTreeSet;
use std::path::Path;

use waverig_protocol::timeline::{DeviceChange, Event, Stamped};
use waverig_protocol::{Program, Reply, Severity};

use self::doctor::*;
use super::CHECKS;
use crate::evidence::Evidence;
use crate::model::{golden, perfect, run_info, scenario};
use crate::scenario::{ScenarioFile, load_all};
use crate::verdict::{ScenarioReport, Verdict, judge};

fn explained(report: &ScenarioReport) -> String {
    report
        .checks
        .iter()
        .filter(|check| check.verdict != Verdict::Passed)
        .map(|check| {
            format!(
                "{} {}: {}\n",
                check.name(),
                check.verdict.word(),
                check.explanation
            )
        })
        .collect()
}

#[test]
fn a_perfect_machine_passes_every_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = load_all(&folder).expect("the scenarios are good");
    // Sweeps are judged by other limits, and have tests of their own.
    for file in files.into_iter().filter(|file| file.sweep.is_none()) {
        let evidence = perfect(&file);
        let golden = golden(&file, &evidence);
        let report = judge(&file, &evidence, Ok(&golden), &run_info());
        assert_eq!(
            report.verdict,
            Verdict::Passed,
            "{}\n{}",
            file.name(),
            explained(&report)
        );
    }
}

/// How evidence is doctored; the scenario gives the sizes.
type Doctor = fn(&mut Evidence, &ScenarioFile);

/// A doctored run: what was done to it, of which scenario, how, which check rejects it, how, and in which words.
type Row = (
    &'static str,
    &'static str,
    Doctor,
    &'static str,
    Verdict,
    &'static str,
);

fn check(row: &Row) {
    let (what, name, doctor, id, verdict, words) = row;
    let file = scenario(name);
    let mut evidence = perfect(&file);
    let golden = golden(&file, &evidence);
    doctor(&mut evidence, &file);
    let report = judge(&file, &evidence, Ok(&golden), &run_info());
    let found = report.checks.iter().find(|check| check.name() == *id);
    let found = found.unwrap_or_else(|| panic!("{what}: {id} does not apply"));
    let said = format!("{} {}", found.explanation, found.observed);
    assert!(
        found.verdict == *verdict && said.contains(words),
        "{what}: {id} should be {} and say {words:?}\n{}",
        verdict.word(),
        explained(&report)
    );
    assert!(report.verdict >= *verdict, "{what}");
}

const COUNTER: &str = "counter-24bit-3ms";
const SINE: &str = "sine-16bit-event";
const SETTINGS: &str = "settings-all";
const HOSTILE: &str = "settings-hostile";
const SLEEP: &str = "sleep-event";
const GONE: &str = "surprise-removal";
const PACKET: &str = "packet-10ms";
const LATE: &str = "packet-late";
const SILENCE: &str = "packet-silence";
use Verdict::{Failed, Inconclusive, NotProven};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // The device.
    ("an endpoint too few", COUNTER, |e, _| { endpoints(e).pop(); },
        "device", Failed, "0 recording endpoint(s) where 1 cable(s) of 1 node(s) were set"),
    ("an endpoint of another name", SETTINGS, |e, _| endpoints(e)[2].name = "Studio Ü 音声 3 (model)".into(),
        "device", Failed, "playback endpoint 2 is called"),
    ("an endpoint with fewer channels", SETTINGS, |e, _| endpoints(e)[1].most_channels = 2,
        "device", Failed, "recording endpoint 1 takes up to 2 channels, not 16"),
    ("an endpoint that proposes nothing", COUNTER, |e, _| endpoints(e)[0].proposed = None,
        "device", Failed, "playback endpoint 1 proposes nothing"),
    ("a wrong setting that nobody tells of", HOSTILE, |e, _| e.log.retain(|line| !line.contains("DefaultRate")),
        "device", Failed, "the driver does not tell that DefaultRate cannot be taken"),
    ("a right setting that is called wrong", SETTINGS, |e, _| e.log.push("0: waverig: Cables in the hardware key is the number 3".into()),
        "device", Failed, "the driver tells that Cables cannot be taken, which is right"),
    ("no installation", COUNTER, |e, _| e.installed = None, "device", NotProven, "the package was not installed"),
    // The audio.
    ("a dropped period", COUNTER, |e, _| audio(e, |a| { a.drain(28_800 * FRAME..28_944 * FRAME); }),
        "capture-exact", Failed, "lost 144 frames (1 packet(s)) at frame 28800 (0.600000 s, packet 200 + 0)"),
    ("a dropped period moves the audio", COUNTER, |e, _| audio(e, |a| { a.drain(28_800 * FRAME..28_944 * FRAME); }),
        "drift", Failed, "144 frames early"),
    ("a slipped frame", COUNTER, |e, _| audio(e, |a| { a.drain(5_000 * FRAME..5_001 * FRAME); }),
        "capture-exact", Failed, "lost 1 frames at frame 5000"),
    ("a repeated packet", COUNTER, |e, _| audio(e, |a| {
        let packet = a[1_440 * FRAME..1_584 * FRAME].to_vec();
        a.splice(1_584 * FRAME..1_584 * FRAME, packet);
        let end = a.len() - 144 * FRAME;
        a.truncate(end);
    }), "capture-exact", Failed, "repeated 144 frames (1 packet(s)) at frame 1584"),
    ("inserted silence", COUNTER, |e, _| audio(e, |a| {
        a.splice(9_600 * FRAME..9_600 * FRAME, [0; 10 * FRAME]);
        let end = a.len() - 10 * FRAME;
        a.truncate(end);
    }), "capture-exact", Failed, "inserted silence of 10 frames at frame 9600"),
    ("a stale lap over new audio", COUNTER, |e, _| audio(e, |a| {
        a.copy_within((9_600 - 288) * FRAME..(9_600 - 144) * FRAME, 9_600 * FRAME);
    }), "capture-exact", Failed, "stale lap: 144 frames are those of 1 buffer length(s) of 288 frames before"),
    ("a stale lap during a stall", STALL, |e, _| audio(e, |a| {
        let end = silence_start(a);
        a.copy_within(end - 960 * FRAME..end, end);
    }), "capture-exact", Failed, "where silence was due"),
    ("frames of another moment", COUNTER, |e, _| audio(e, |a| {
        a.copy_within(9_000 * FRAME..9_100 * FRAME, 9_650 * FRAME);
    }), "capture-exact", Failed, "100 frames are those due 650 frames before"),
    ("one bit flipped", COUNTER, |e, _| audio(e, |a| a[7_001 * FRAME + 4] ^= 0x10),
        "capture-exact", Failed, "altered 1 frame(s) at frame 7001 (0.145854 s, packet 48 + 89) (channel 1: expected"),
    ("one bit flipped, the bit", COUNTER, |e, _| audio(e, |a| a[7_001 * FRAME + 4] ^= 0x10),
        "capture-exact", Failed, "bit 12 differs"),
    ("all of another gain", SINE, |e, _| audio(e, |a| for byte in a.iter_mut() { *byte >>= 1; }),
        "capture-exact", Failed, "altered"),
    ("other bits everywhere", COUNTER, |e, _| audio(e, |a| for byte in a.iter_mut() { *byte ^= 0x55; }),
        "capture-exact", Failed, "altered 96076 frame(s) at frame 0"),
    ("an altered last frame", COUNTER, |e, _| audio(e, |a| *a.last_mut().expect("audio") = 1),
        "capture-exact", Failed, "1 frames of unknown audio where silence was due"),
    ("silence in place of the signal", COUNTER, |e, _| audio(e, |a| a[600 * FRAME..700 * FRAME].fill(0)),
        "capture-exact", Failed, "100 frames of silence where the signal was due, from frame 600"),
    ("noise in place of silence", STALL, |e, _| audio(e, |a| {
        let end = silence_start(a);
        a[end + 60..end + 120].fill(0x55);
    }), "capture-exact", Failed, "10 frames of unknown audio where silence was due"),
    ("a truncated capture", COUNTER, |e, _| e.capture.truncate(1_000),
        "capture-exact", Failed, "frames are missing from the capture, from frame 48000"),
    ("a gap in the capture", COUNTER, |e, _| { e.capture.remove(7); },
        "capture-exact", Failed, "48 frames are missing from the capture, from frame 336"),
    ("a block delivered twice", COUNTER, |e, _| { let piece = e.capture[7].clone(); e.capture.insert(8, piece); },
        "capture-exact", Failed, "48 frames were delivered twice, from frame 336"),
    ("audio after the end", COUNTER, |e, _| audio(e, |a| a.extend([1; 20 * FRAME])),
        "capture-exact", Failed, "20 frames more than the stream played"),
    ("half a frame", COUNTER, |e, _| { e.capture[3].bytes.pop(); },
        "capture-exact", NotProven, "no whole frames of 6 bytes"),
    ("no audio", COUNTER, |e, _| e.capture.clear(), "capture-exact", NotProven, "delivered no audio"),
    ("a client that writes too late", COUNTER, late_client, "capture-exact", Inconclusive, "its own doing"),
    // The golden.
    ("a golden differs", COUNTER, |e, _| audio(e, |a| a[7_001 * FRAME] ^= 1),
        "golden-capture", Failed, "from block 1 on (of 20 blocks of 100 ms); altered 1 frame(s) at frame 7001"),
    ("a client that played something else", COUNTER, other_signal, "golden-capture", Failed, "differs from the golden"),
    ("a shifted notification", COUNTER, |e, _| nth(e, 9, notified, |s| s.qpc += 15_000),
        "golden-timing", Failed, "notification 10 came 1500 us after its golden time of 30100 us"),
    ("fewer notifications", COUNTER, |e, _| remove(e, 9, notified),
        "golden-timing", Failed, "666 notifications, the golden run had 667"),
    ("another position", COUNTER, |e, _| nth(e, 9, position, |s| s.event = Event::Position { frames: 5 }),
        "golden-timing", Failed, "position 10 was 5 frames, the golden run told"),
    // Starvation.
    ("an unreported clear frame", STALL, |e, _| edit_block(e, 1_520, |b| *b.clear = 0),
        "starvation", Failed, "the tap says that 0 frames were clear in the block at frame 72960"),
    ("a missing flag", STALL, |e, _| edit_block(e, 1_520, |b| *b.flags = 0),
        "starvation", Failed, "lacks the flag SILENT, with 48 of 48 frames clear"),
    ("a flag too many", STALL, |e, _| edit_block(e, 3, |b| *b.flags = 4),
        "starvation", Failed, "has the flag SILENT, with 0 of 48"),
    ("an idle client", COUNTER, idle_client, "starvation", Failed, "although nothing stalled it"),
    ("a stall that starves nothing", STALL, |e, _| unstalled(e), "starvation", NotProven, "too short to starve"),
    ("a missed frame too many", SILENCE, |e, _| edit_block(e, 95, |b| *b.missed += 1),
        "starvation-known", Failed, "the tap says that 1 frames were missed in the block at frame 4560"),
    ("a missed frame too few", SILENCE, |e, _| edit_block(e, 530, |b| *b.missed -= 1),
        "starvation-known", Failed, "47 frames were missed in the block at frame 25440"),
    ("writes not known", SILENCE, |e, _| edit_block(e, 7, |b| *b.flags &= !32),
        "starvation-known", Failed, "lacks the flag that its writes are known"),
    ("writes known of a client that is silent about them", STALL, |e, _| edit_block(e, 7, |b| *b.flags |= 32),
        "starvation-known", Failed, "has the flag that its writes are known"),
    ("a total too high", SILENCE, |e, _| starved(e, |s| *s.missed_frames += 1),
        "starvation-known", Failed, "missed frames, there were 7680"),
    ("a run too many", SILENCE, |e, _| starved(e, |s| *s.missed_runs += 1),
        "starvation-known", Failed, "the tap counted 2 runs of missed frames"),
    ("known from elsewhere", SILENCE, |e, _| starved(e, |s| *s.known_from = Some(480)),
        "starvation-known", Failed, "writes are known from Some(480) on, they are from Some(0)"),
    ("a run at another time", SILENCE, |e, _| starved(e, |s| s.recent[0].qpc += 11),
        "starvation-known", Failed, "began at"),
    ("a run forgotten", SILENCE, |e, _| starved(e, |s| { s.recent.remove(0); }),
        "starvation-known", Failed, "the tap remembers 0 runs"),
    ("silence taken for a gap", SILENCE, |e, _| starved(e, |s| s.recent[0].known = false),
        "starvation-known", Failed, "known: false"),
    ("a tap that was not asked", STALL, |e, _| e.timeline.retain(|s| !matches!(s.event, Event::Starved { .. })),
        "starvation-known", NotProven, "not asked"),
    // Packets.
    ("a count of ticks", PACKET, |e, _| nth(e, 40, counted, |s| if let Event::PacketCount { count } = &mut s.event { *count -= 1; }),
        "packet-count", Failed, "packets were told when"),
    ("a presentation off by one", PACKET, |e, _| nth(e, 20, presented, |s| if let Event::Presented { frames, .. } = &mut s.event { *frames += 1; }),
        "presentation-position", Failed, "was presented when"),
    ("a presentation of long ago", PACKET, |e, _| nth(e, 20, presented, |s| if let Event::Presented { frames, at } = &mut s.event { *frames -= 480; *at -= 100_000; }),
        "presentation-position", Failed, "10 ms before the question"),
    ("a presentation of the future", PACKET, |e, _| nth(e, 20, presented, |s| if let Event::Presented { at, .. } = &mut s.event { *at += 10; }),
        "presentation-position", Failed, "before the question"),
    ("an overrun taken", LATE, |e, _| answered(e, "overrun", "taken"),
        "set-write-packet", Failed, "was answered with \"taken\" instead of \"overrun\""),
    ("a flag overlooked", LATE, |e, _| answered(e, "invalid", "taken"),
        "set-write-packet", Failed, "with flags 0x1"),
    ("a late packet taken", LATE, |e, _| answered(e, "late", "taken"),
        "set-write-packet", Failed, "instead of \"late\""),
    ("a packet after the last", "packet-end-of-stream", |e, _| answered(e, "ended", "taken"),
        "set-write-packet", Failed, "instead of \"ended\""),
    // The tap.
    ("lost frames reported", COUNTER, |e, _| edit_block(e, 5, |b| *b.lost = 7),
        "tap-order", Failed, "the tap says that it lost 7 frames before frame 240"),
    ("lost frames unreported", COUNTER, |e, _| remove(e, 5, block),
        "tap-order", Failed, "48 frames are left out before frame 288 (0.006000 s, packet 2 + 0), and not reported"),
    ("an index that goes back", COUNTER, |e, _| edit_block(e, 5, |b| *b.first_frame -= 3),
        "tap-order", Failed, "the index goes back by 3 frames"),
    ("another stream's block", COUNTER, |e, _| edit_block(e, 5, |b| *b.generation = 2),
        "tap-order", Failed, "belongs to stream 2, the first one to stream 1"),
    ("the last block left out", COUNTER, |e, _| { let last = e.timeline.iter().filter(|s| block(&s.event)).count() - 1; remove(e, last, block) },
        "tap-order", Failed, "the blocks end at"),
    ("less audio than blocks", COUNTER, |e, _| { e.capture.pop(); }, "tap-order", Failed, "the blocks hold"),
    ("a tap time off", COUNTER, |e, _| edit_block(e, 5, |b| *b.first_qpc += 208),
        "tap-time", Failed, "20.8 us after the clock's for frame 240"),
    ("a late block", COUNTER, |e, _| nth(e, 5, block, |s| s.qpc += 30_000),
        "tap-latency", Failed, "the block at frame 240 (0.005000 s, packet 1 + 96) came 3100 us after"),
    ("a block from the future", COUNTER, |e, _| nth(e, 5, block, |s| s.qpc -= 2_000),
        "tap-latency", Failed, "came 5 frames before they were played"),
    ("no tap", COUNTER, |e, _| e.timeline.retain(|s| !block(&s.event)), "tap-latency", NotProven, "no tap read"),
    // Further programs.
    ("a second client that was given less", "tap-two-clients", |e, _| { e.captures.values_mut().for_each(|pieces| { pieces.pop(); }); },
        "tap-order of tap-client-1", Failed, "the blocks hold"),
    ("a second client's blocks late", "tap-two-clients", |e, _| { let s = e.timeline.iter_mut().find(|s| s.program == Program::TapClient(1) && block(&s.event)); s.expect("a block").qpc += 30_000; e.timeline.sort_by_key(|s| s.qpc); },
        "tap-latency of tap-client-1", Failed, "came 3100 us after"),
    ("a second client that was given nothing", "tap-two-clients", |e, _| e.captures.clear(),
        "capture-exact of tap-client-1", NotProven, "delivered no audio"),
    // Recorders.
    ("a recording one frame late", "record-event", |e, _| recording(e, |a| { let end = a.len() - FRAME; a.copy_within(..end, FRAME); }),
        "record-exact of recorder-1", Failed, "from there on everything comes 1 frames late"),
    ("a stale frame where nothing plays", "record-no-producer", |e, _| recording(e, |a| a[480 * FRAME..481 * FRAME].fill(0x33)),
        "record-exact of recorder-1", Failed, "1 frames of unknown audio where silence was due, from frame 480"),
    ("a recording that goes on with what it has gathered", "record-around-player", |e, _| recording(e, |a| {
        let first = a.chunks(FRAME).position(|frame| frame != [0; FRAME]).expect("a signal") * FRAME;
        let signal = a[first..first + 4_800 * FRAME].to_vec();
        a[..signal.len()].copy_from_slice(&signal);
    }), "record-exact of recorder-1", Failed, "4800 frames are those due 9600 frames after, from frame 0"),
    ("a frame lost in a recording", "record-polling", |e, _| recording(e, |a| { a.drain(5_000 * FRAME..5_001 * FRAME); a.extend([0; FRAME]); }),
        "record-exact of recorder-1", Failed, "lost 1 frames at frame 5000"),
    ("silence in a recording", "record-polling", |e, _| recording(e, |a| a[600 * FRAME..700 * FRAME].fill(0)),
        "record-exact of recorder-1", Failed, "100 frames of silence where the signal was due"),
    ("frames nobody read", "record-event", |e, _| { let at = e.timeline.iter().position(|s| matches!(s.event, Event::Read { stream_frame: 960, .. })); e.timeline.remove(at.expect("a read")); },
        "record-exact of recorder-1", Failed, "480 frames were never read, although nothing held the recorder up"),
    ("more than a packet that went with the device", "surprise-removal-both", |e, _| { let at = e.timeline.iter().rposition(|s| matches!(s.event, Event::Read { .. })); e.timeline.remove(at.expect("a read")); },
        "record-exact of recorder-1", Failed, "frames were never read, although nothing held the recorder up"),
    ("a sample rounded down", "record-16-from-float", |e, _| recording(e, |a| for s in a.chunks_exact_mut(2) { let v = i16::from_le_bytes([s[0], s[1]]).saturating_sub(1); s.copy_from_slice(&v.to_le_bytes()); }),
        "record-exact of recorder-1", Failed, "channel 0 is"),
    ("one channel in place of the mean", "record-mono-from-stereo", |e, _| recording(e, |a| a[3_000] ^= 0x40),
        "record-exact of recorder-1", Failed, "channel 0 is"),
    ("a resampled sine a part of a frame late", "record-48k-from-44k1", |e, _| recording(e, |a| { let end = a.len() - 8; a.copy_within(..end, 8); }),
        "record-exact of recorder-1", Failed, "the reference"),
    ("a resampled sine with noise at -90 dB", "record-44k1-from-48k", |e, _| recording(e, |a| for (n, s) in a.chunks_exact_mut(4).enumerate() {
        let v = i32::from_le_bytes([s[0], s[1], s[2], s[3]]);
        let noise = if n % 2 == 0 { 34_000 } else { -34_000 };
        if v != 0 { s.copy_from_slice(&(v + noise).to_le_bytes()); }
    }), "record-exact of recorder-1", Failed, "the reference"),
    ("a recorder's golden differs", "record-event", |e, _| recording(e, |a| a[7_001 * FRAME] ^= 1),
        "golden-record of recorder-1", Failed, "differs from the golden from block 1 on (of 4 blocks of 100 ms)"),
    ("nothing recorded", "record-event", |e, _| e.captures.clear(), "record-exact of recorder-1", NotProven, "delivered no audio"),
    ("a recorder's position off", "record-polling", |e, _| { let s = e.timeline.iter_mut().filter(|s| s.program == Program::Recorder(1) && position(&s.event)).nth(3); s.expect("a position").event = Event::Position { frames: 5 }; },
        "position-clock of recorder-1", Failed, "frames off"),
    ("a recorder's notification missing", "record-event", |e, _| { let at = e.timeline.iter().position(|s| s.program == Program::Recorder(1) && notified(&s.event)); e.timeline.remove(at.expect("one")); },
        "notifications of recorder-1", Failed, "the notification of boundary 1 is missing"),
    ("a tap client that loses what is kept for it", "tap-slow", |e, _| first_lost(e, 1, 480),
        "tap-order of tap-client-1", Failed, "and kept 191520; it says that it keeps 192000"),
    ("shared memory that loses what it holds", "tap-slow", |e, _| first_lost(e, 2, 48),
        "tap-order of tap-client-2", Failed, "and kept 4752; it says that it keeps 4800"),
    ("a loss of one frame more than is said", "tap-slow", |e, _| tap_block(e, 1, |lost| lost > 0, |first, _| *first += 1),
        "tap-order of tap-client-1", Failed, "1 frames are left out before"),
    ("a loss that nobody slept through", "tap-come-and-go", |e, _| tap_block(e, 2, |_| true, |_, lost| *lost = 7),
        "tap-order of tap-client-2", Failed, "the tap says that it lost 7 frames"),
    ("what was rendered before a client came", "tap-come-and-go", |e, _| tap_block(e, 2, |_| true, |first, _| *first -= 5),
        "tap-order of tap-client-2", Failed, "the index goes back by 5 frames"),
    ("a killed client's last blocks left out", "tap-come-and-go", |e, _| last_blocks(e, 3, 5),
        "tap-order of tap-client-3", Failed, "when the client closed the tap"),
    ("a client that cancelled and was given less", "tap-come-and-go", |e, _| tap_block(e, 1, |_| true, |first, _| *first += 4_800),
        "tap-order of tap-client-1", Failed, "4800 frames are left out before"),
    ("shared blocks late", "tap-share", |e, _| { let s = e.timeline.iter_mut().find(|s| s.program == Program::TapClient(2) && block(&s.event)); s.expect("a block").qpc += 120_000; e.timeline.sort_by_key(|s| s.qpc); },
        "tap-latency of tap-client-2", Failed, "after its last frame"),
    ("a shared block altered", "tap-share", |e, _| e.captures.get_mut(&Program::TapClient(1)).expect("audio")[7].bytes[5] ^= 1,
        "capture-exact of tap-client-1", Failed, "altered 1 frame(s)"),
    // Protected content.
    ("a protected block without its flag", "protect", |e, _| flag(e, true, |flags| *flags &= !PROTECTED),
        "protection", Failed, "is protected and lacks the flag PROTECTED"),
    ("a free block with the flag", "protect", |e, _| flag(e, false, |flags| *flags |= PROTECTED),
        "protection", Failed, "the block at frame 0 (0.000000 s, packet 0 + 0) is free and has the flag PROTECTED"),
    ("a flag where nothing is protected", COUNTER, |e, _| edit_block(e, 7, |b| *b.flags |= PROTECTED),
        "protection", Failed, "is free and has the flag PROTECTED"),
    ("a block that is protected in part", "protect", |e, _| first_protected(e, |first, frames| { *first -= 3; *frames += 3; }),
        "protection", Failed, "protected frames and 3 others"),
    ("a frame of protected content", "protect", |e, _| audio(e, |a| a[20_000 * FRAME] = 1),
        "protection", Failed, "1 frames of protected content came out of the tap, the first at frame 20000"),
    ("what was in the buffer when the content became free", "protect", |e, _| audio(e, |a| { let end = (503 * 48 + 960) * FRAME; a[end - FRAME..end].fill(1); }),
        "protection", Failed, "the first at frame 25103"),
    ("content that nobody protected", "protect", |e, _| e.timeline.retain(|s| !matches!(s.event, Event::Protected { .. })),
        "protection", Failed, "is free and has the flag PROTECTED"),
    ("content that nobody protected, nor anybody flagged", "protect", |e, file| { let mut free = file.clone(); free.scenario.disturbances.clear(); *e = perfect(&free); },
        "protection", NotProven, "the content was protected 0 time(s) of 2"),
    ("protected content that is recorded", "protect", |e, _| recording(e, |a| a[20_000 * FRAME] = 1),
        "record-exact of recorder-1", Failed, "where silence was due"),
    ("content that stays mute", "protect", |e, _| audio(e, |a| a[30_000 * FRAME..30_480 * FRAME].fill(0)),
        "capture-exact", Failed, "480 frames of silence where the signal was due"),
    // The driver's own record.
    ("a state that is not recorded", COUNTER, |e, _| unrecorded(e, "state", 4),
        "trace", Failed, "state of device 1 cable 1 number 5"),
    ("the last state that is not recorded", COUNTER, |e, _| { let at = e.recorded.iter().rposition(|r| r.kind == "state"); e.recorded.remove(at.expect("a state")); },
        "trace", Failed, "the record has 5 of 6 times state of device 1 cable 1"),
    ("a state that never was", COUNTER, |e, _| twice(e, "state"),
        "trace", Failed, "state of device 1 cable 1 number 2 is recorded as"),
    ("a state at another frame", COUNTER, |e, _| recorded(e, "state", 3, |r| r.values[2] += 1),
        "trace", Failed, "state of device 1 cable 1 number 4 is recorded as"),
    ("a state 2 ms late", COUNTER, |e, _| recorded(e, "state", 2, |r| r.qpc += 20_000),
        "trace", Failed, "is recorded 2 ms after it happened"),
    ("another format", COUNTER, |e, _| recorded(e, "stream-opened", 0, |r| r.values[0] = 44_100),
        "trace", Failed, "stream-opened of device 1 cable 1 number 1 is recorded as"),
    ("another sample", COUNTER, |e, _| recorded(e, "stream-opened", 0, |r| r.values[1] ^= 1 << 16),
        "trace", Failed, "stream-opened of device 1 cable 1 number 1 is recorded as"),
    ("a recorder's stop that is not recorded", "record-recorder-pauses", |e, _| capture_state(e),
        "trace", Failed, "times capture state of device 1 cable 1"),
    ("a gap that is not recorded", STALL, |e, _| unrecorded(e, "starved", 0),
        "trace", Failed, "times starved of device 1 cable 1"),
    ("a gap of another length", STALL, |e, _| recorded(e, "starved", 0, |r| r.values[2] -= 1),
        "trace", Failed, "starved of device 1 cable 1 number 1 is recorded as"),
    ("protection that is not recorded", "protect", |e, _| unrecorded(e, "protected", 1),
        "trace", Failed, "protected of device 1 cable 1 number 2 is recorded as"),
    ("protection until another frame", "protect", |e, _| recorded(e, "protected", 1, |r| r.values[1] -= 960),
        "trace", Failed, "protected of device 1 cable 1 number 2 is recorded as"),
    ("steering that is not recorded", "steer", |e, _| unrecorded(e, "steered", 0),
        "trace", Failed, "steered of device 1 cable 1 number 1"),
    ("sleep that is not recorded", SLEEP, |e, _| unrecorded(e, "power", 0),
        "trace", Failed, "power of device 1 number 1 is recorded as"),
    ("a tap that nobody opened", "tap-two-clients", |e, _| twice(e, "client-opened"),
        "trace", Failed, "which did not happen"),
    ("a tap that is not closed", "tap-two-clients", |e, _| unrecorded(e, "client-closed", 0),
        "trace", Failed, "client-closed of device 1 cable 1"),
    ("a loss of another length", "tap-slow", |e, _| for r in &mut e.recorded { if r.kind == "client-closed" && r.values[1] > 0 { r.values[1] += 1; } },
        "trace", Failed, "client-closed of device 1 cable 1"),
    ("a refusal that is not recorded", "tap-hostile", |e, _| e.timeline.iter_mut().for_each(|s| if let Event::TapClosed { refused, .. } = &mut s.event { *refused = 3; }),
        "trace", Failed, "refused requests are in the record"),
    ("no record", COUNTER, |e, _| e.recorded.clear(), "trace", NotProven, "the driver's record of events was not read"),
    ("a record that was overwritten", COUNTER, |e, _| e.records_lost = 3, "trace", NotProven, "3 records were overwritten"),
    // The clock.
    ("a position off by one", COUNTER, |e, _| nth(e, 9, position, |s| if let Event::Position { frames } = &mut s.event { *frames += 1; }),
        "position-clock", Failed, "+1 frames off at frame 1444"),
    ("a position after stop", COUNTER, |e, _| { let qpc = e.timeline[e.timeline.len() - 1].qpc; let at = e.timeline.len() - 1; e.timeline.insert(at, Stamped::new(qpc, Event::Position { frames: 3 })); },
        "position-clock", Failed, "3 frames were told after the stream had been stopped"),
    ("no position", COUNTER, |e, _| e.timeline.retain(|s| !position(&s.event)), "position-clock", NotProven, "never asked"),
    ("a missing notification", COUNTER, |e, _| remove(e, 9, notified),
        "notifications", Failed, "the notification of boundary 10 is missing"),
    ("missing last notifications", COUNTER, |e, _| { for _ in 0..5 { remove(e, 662, notified); } },
        "notifications", Failed, "the notification of boundary 664 is missing: none came after"),
    ("a late notification", COUNTER, |e, _| nth(e, 9, notified, |s| s.qpc += 15_000),
        "notifications", Failed, "the notification of boundary 10 was late: the next one came 1600 us after it"),
    ("an early notification", COUNTER, |e, _| nth(e, 9, notified, |s| s.qpc -= 2_000),
        "notifications", Failed, "notification 10 was early: it came before its boundary"),
    ("an extra notification", COUNTER, |e, _| { let s = e.timeline.iter().rfind(|s| notified(&s.event)).expect("some").clone(); e.timeline.push(s); e.timeline.sort_by_key(|s| s.qpc); },
        "notifications", Failed, "was extra"),
    ("a notification nobody asked for", "polling-24bit", |e, _| { let qpc = e.timeline[2].qpc; e.timeline.insert(3, Stamped::new(qpc, Event::Notified)); },
        "notifications", Failed, "registered no event"),
    ("a drifting position", COUNTER, |e, _| for s in &mut e.timeline { if let Event::Position { frames } = &mut s.event { *frames += *frames / 20_000; } },
        "drift", Failed, "the position drifts by +4"),
    // The tone.
    ("a quieter sine", SINE, |e, _| audio(e, |a| for s in a.chunks_exact_mut(2) {
        let quiet = i16::from_le_bytes([s[0], s[1]]) / 2;
        s.copy_from_slice(&quiet.to_le_bytes());
    }), "tone", Failed, "the level is off by -6.02"),
    ("a sine resampled", SINE, |e, _| audio(e, |a| { for at in (1..40).rev() { let at = at * 2_400 * 4; a.drain(at..at + 4); } }),
        "tone", Failed, "the frequency is off by"),
    ("no sine", SINE, |e, _| e.capture.truncate(2), "tone", NotProven, "no sine of at least 40 ms"),
    // The device.
    ("a device that wakes up late", SLEEP, |e, _| nth(e, 1, device, |s| s.qpc += 20_000),
        "device-life", Failed, "the device was Awake 2 ms after it was due"),
    ("a device that does not sleep", SLEEP, |e, _| e.timeline.retain(|s| !device(&s.event)),
        "device-life", Failed, "the device never was Asleep"),
    ("a change that nothing asked for", COUNTER, |e, _| again(e, Event::Device { change: DeviceChange::Started }),
        "device-life", Failed, "the device was Started, which nothing asked for"),
    ("a change in another's place", GONE, |e, _| nth(e, 0, device, |s| s.event = Event::Device { change: DeviceChange::Stopped }),
        "device-life", Failed, "the device was Stopped where Gone was due"),
    ("reads that are kept", GONE, |e, _| e.timeline.retain(|s| !refused(&s.event)),
        "device-life", Failed, "no read that was pended on the tap was refused"),
    ("a read refused with another status", GONE, |e, _| nth(e, 0, refused, |s| if let Event::Refused { status, .. } = &mut s.event { *status = 0xC000_0120; }),
        "device-life", Failed, "tap-read of main was refused with 0xc0000120"),
    ("a read refused while the device is there", SLEEP, |e, _| again(e, Event::Refused { request: "tap-read".into(), status: 0xC000_009D }),
        "device-life", Failed, "1 reads of the tap were refused, and the device was there"),
    ("audio of a device that is gone", GONE, |e, _| { let last = e.timeline.iter().filter(|s| block(&s.event)).count() - 1; nth(e, last, block, |s| s.qpc += 10); },
        "device-life", Failed, "after the device was Gone"),
    ("a notification of a device that is gone", GONE, |e, _| { let last = e.timeline.iter().filter(|s| notified(&s.event)).count() - 1; nth(e, last, notified, |s| s.qpc += 150_000); },
        "device-life", Failed, "the driver signalled a notification"),
    ("a position that jumps over a sleep", SLEEP, |e, _| { let awake = e.timeline.iter().rfind(|s| device(&s.event)).expect("it wakes").qpc; for s in &mut e.timeline { if let Event::Position { frames } = &mut s.event && s.qpc > awake { *frames += 144_000; } } },
        "position-clock", Failed, "+144000 frames off"),
    // The run.
    ("a broken rule", COUNTER, |e, _| e.take(Reply::Finding(finding(Severity::Error)), Vec::new()),
        "no-findings", Failed, "pool-leak at stop, stream.rs:12: 64 bytes with tag WRig are left at unload (rule: ExAllocatePool2)"),
    ("a crash", COUNTER, crash, "no-fault", Failed, "access violation in waverig!tick"),
    ("a crash hides later findings", COUNTER, crash, "no-findings", NotProven, "the machine crashed"),
    ("a crash is no end", COUNTER, crash, "complete", Failed, "the machine crashed"),
    ("a deadline", COUNTER, |e, _| e.ended_early("no reply within 30 s"), "complete", Failed, "no reply within 30 s"),
    ("a refusal", COUNTER, |e, _| e.ended_early("the catalog does not cover waverig.sys"), "no-fault", NotProven, "catalog"),
    ("an unclosed stream", COUNTER, |e, _| e.timeline.retain(|s| s.event != Event::Closed), "complete", Failed, "never closed"),
    ("no timeline", COUNTER, |e, _| e.timeline.clear(), "complete", Failed, "no timeline"),
    ("a timeline that runs backwards", COUNTER, |e, _| e.timeline[5].qpc = -1, "complete", Failed, "backwards at entry 6"),
    ("a second run", COUNTER, |e, _| { let qpc = e.timeline[e.timeline.len() - 1].qpc; let at = e.timeline.len() - 1; e.timeline.insert(at, Stamped::new(qpc, Event::State { state: "run".into() })); },
        "complete", Failed, "runs a stream again after it was stopped"),
    ("an unknown state", COUNTER, |e, _| e.timeline[2].event = Event::State { state: "ran".into() }, "complete", Failed, "\"ran\""),
];

fn rows() -> impl Iterator<Item = &'static Row> {
    let more = clock::ROWS.iter().chain(packets::ROWS).chain(lives::ROWS);
    ROWS.iter().chain(more).chain(pins::ROWS)
}

#[test]
fn doctored_evidence_is_rejected_in_words() {
    for row in rows() {
        check(row);
    }
}

#[test]
fn every_check_has_been_seen_to_fail() {
    let failed: BTreeSet<&str> = rows()
        .filter(|row| row.4 == Failed)
        .filter_map(|row| row.3.split(" of ").next())
        .collect();
    let all: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(failed, all);
}

#[test]
fn notes_do_not_change_the_verdict() {
    let file = scenario(COUNTER);
    let mut evidence = perfect(&file);
    let golden = golden(&file, &evidence);
    evidence.findings.push(finding(Severity::Note));
    let report = judge(&file, &evidence, Ok(&golden), &run_info());
    assert_eq!(report.verdict, Verdict::Passed, "{}", explained(&report));
}

#[test]
fn without_any_evidence_nothing_passes() {
    let file = scenario(SINE);
    let full = perfect(&file);
    let golden = golden(&file, &full);
    let empty = Evidence::new(full.machine);
    let report = judge(&file, &empty, Ok(&golden), &run_info());
    assert_eq!(report.verdict, Failed);
    for check in &report.checks {
        assert_ne!(check.verdict, Verdict::Passed, "{}", check.id);
    }
}

#[test]
fn another_seed_may_move_a_stall_but_not_the_order() {
    let file = scenario(STALL);
    let evidence = perfect(&file);
    let mut golden = golden(&file, &evidence);
    golden.capture.seed = 99;
    golden.capture.runs[1].first += 20;
    golden.capture.runs[1].frames -= 20;
    let report = judge(&file, &evidence, Ok(&golden), &run_info());
    assert_eq!(report.verdict, Verdict::Passed, "{}", explained(&report));
    golden.capture.runs[1].first += 100;
    let report = judge(&file, &evidence, Ok(&golden), &run_info());
    assert!(
        explained(&report).contains("golden-capture failed: the stretch from frame"),
        "{}",
        explained(&report)
    );
}
