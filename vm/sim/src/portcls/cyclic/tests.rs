//! The port against an ideal WaveCyclic driver with one fault at a time: what is played is what was handed over, and each rule is seen to
//! be found.

use waverig_protocol::scenario::{Client, Disturbance, Format, Sample, Scenario, Signal};
use waverig_protocol::timeline::Event;
use waverig_signal::Generator;

use super::IOCTL_KS_WRITE_STREAM;
use crate::mock;
use crate::mock::cyclic::{Fault, served};
use crate::nt::io::{self, File, Pending};
use crate::portcls;
use crate::sched;
use crate::time::Hns;
use crate::user::{self, ks, pin};
use std::cell::Cell;
use std::rc::Rc;
use waverig_portcls::id::KSPROPSETID_Connection;
use waverig_portcls::status::{
    STATUS_CANCELLED, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};
use waverig_portcls::{
    KSPROPERTY_TYPE_SET, KSSTATE_ACQUIRE, KSSTATE_PAUSE, KSSTATE_RUN, KSSTATE_STOP,
    KSSTREAM_HEADER, KSTIME, NTSTATUS,
};

const FRAME: usize = 4;

fn scenario(packet_frames: u32, requests: u32, disturbances: Vec<Disturbance>) -> Scenario {
    let client = Client::Requests {
        packet_frames,
        requests,
    };
    let format = Format {
        rate: 48_000,
        channels: 2,
        sample: Sample::Pcm16,
    };
    Scenario {
        disturbances,
        ..Scenario::of(Signal::Counter, format, client, 300)
    }
}

/// What was played, what the client saw, and which rules were broken, by a driver with this fault.
struct Run {
    played: Vec<u8>,
    events: Vec<Event>,
    broken: Vec<String>,
    /// What the client could not go on with.
    error: Option<String>,
    served: u32,
}

fn run(fault: Fault, scenario: &Scenario) -> Run {
    mock::with_cyclic(fault, |machine| {
        assert!(machine.started >= 0, "{fault:?} starts");
        let result = user::tests::play_on_mock(machine, scenario);
        let (played, served) = (mock::played(), served());
        mock::remove(machine);
        let found = machine.kernel.findings.all().into_iter();
        let mut broken: Vec<String> = found.map(|finding| finding.rule).collect();
        let held = portcls::com::held().into_iter();
        broken.extend(held.map(|(name, _)| format!("held: {name}")));
        let (events, error) = match result {
            Ok(events) => (events, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Run {
            played,
            events,
            broken,
            error,
            served,
        }
    })
}

/// The signal alone, without the silence that it stands in, and where silence is: frames of each run of it inside.
fn heard(scenario: &Scenario, played: &[u8]) -> (bool, Vec<u64>) {
    let generator = Generator::new(&scenario.signal, scenario.format).expect("a good signal");
    let expected = generator.bytes(0..scenario.frames());
    let silent = |frame: &[u8]| frame.iter().all(|byte| *byte == 0);
    let frames: Vec<&[u8]> = played.chunks_exact(FRAME).collect();
    let loud: Vec<u8> = frames
        .iter()
        .filter(|one| !silent(one))
        .copied()
        .flatten()
        .copied()
        .collect();
    let mut runs: Vec<u64> = Vec::new();
    let last = frames
        .iter()
        .rposition(|one| !silent(one))
        .map_or(0, |at| at + 1);
    let mut before = false;
    for frame in &frames[..last] {
        match (silent(frame), before) {
            (true, true) => *runs.last_mut().expect("a run") += 1,
            (true, false) => runs.push(1),
            _ => {}
        }
        before = silent(frame);
    }
    (loud == expected, runs)
}

/// Plays; every frame is heard once and in order, with gaps whose lengths in milliseconds are these.
fn check(fault: Fault, scenario: &Scenario, gaps_ms: &[std::ops::RangeInclusive<u64>]) {
    let run = run(fault, scenario);
    assert!(
        run.error.is_none() && run.broken.is_empty(),
        "{fault:?}: {:?} {:?}",
        run.error,
        run.broken
    );
    let (right, gaps) = heard(scenario, &run.played);
    assert!(right, "{fault:?}: another signal was heard");
    let gaps: Vec<u64> = gaps.into_iter().map(|frames| frames / 48).collect();
    assert_eq!(gaps.len(), gaps_ms.len(), "{gaps:?}");
    assert!(
        gaps.iter().zip(gaps_ms).all(|(gap, ms)| ms.contains(gap)),
        "{gaps:?}"
    );
    assert!(matches!(run.events.last(), Some(Event::Closed)));
    // The driver's own sink is served with the port's.
    assert!(run.served >= 24, "{}", run.served);
}

#[test]
fn what_is_handed_over_is_what_is_played() {
    // As much as the port copies ahead, less than that and more.
    check(Fault::None, &scenario(480, 4, Vec::new()), &[]);
    check(Fault::None, &scenario(480, 2, Vec::new()), &[]);
    check(Fault::None, &scenario(480, 20, Vec::new()), &[]);
    check(Fault::None, &scenario(127, 13, Vec::new()), &[]);
    check(Fault::OwnChannel, &scenario(480, 3, Vec::new()), &[]);
}

#[test]
fn requests_that_do_not_reach_to_the_next_notification_starve() {
    // 5 ms under way, 10 ms between notifications: as much silence as audio.
    let run = run(Fault::None, &scenario(240, 1, Vec::new()));
    let (right, gaps) = heard(&scenario(240, 1, Vec::new()), &run.played);
    assert!(
        right && gaps.len() == 59 && gaps.iter().all(|gap| *gap == 240),
        "{gaps:?}"
    );
}

#[test]
fn while_the_client_stands_still_silence_is_played_and_nothing_is_lost() {
    let stall = vec![Disturbance::ClientStall {
        at_ms: 100,
        for_ms: 95,
    }];
    check(Fault::None, &scenario(480, 4, stall), &[55..=75]);
}

#[test]
fn a_held_processor_is_not_the_drivers_fault() {
    let held = vec![Disturbance::TimerStall {
        at_ms: 105,
        for_ms: 60,
    }];
    // 40 ms were copied; the rest of the time there was nothing.
    check(Fault::None, &scenario(480, 4, held), &[20..=40]);
}

#[test]
fn a_paused_stream_stands_and_goes_on() {
    let pause = vec![Disturbance::Pause {
        at_ms: 100,
        for_ms: 55,
    }];
    check(Fault::None, &scenario(480, 4, pause), &[]);
}

/// The rules that a driver with this fault breaks begin with these.
fn finds(fault: Fault, expect: &[&str]) {
    let pause = Disturbance::Pause {
        at_ms: 100,
        for_ms: 20,
    };
    // An end in the middle of a lap.
    let scenario = Scenario {
        duration_ms: 275,
        ..scenario(480, 2, vec![pause])
    };
    let run = run(fault, &scenario);
    for rule in expect {
        let found = run.broken.iter().any(|one| one.starts_with(rule));
        assert!(found, "{fault:?} broke {:?}, not {rule}", run.broken);
    }
}

#[test]
fn each_fault_is_found() {
    finds(Fault::NoGroup, &["cyclic-new-stream"]);
    finds(Fault::NoBuffer, &["cyclic-buffer"]);
    finds(Fault::OddBuffer, &["cyclic-buffer"]);
    finds(Fault::AllocatesTwice, &["dma-buffer-twice"]);
    finds(Fault::WrongFraming, &["cyclic-notification-size"]);
    finds(Fault::WrongTime, &["cyclic-normalize-position"]);
    finds(Fault::Noise, &["cyclic-silence"]);
    finds(Fault::NoSilence, &["cyclic-silence"]);
    finds(Fault::WrongGroup, &["cyclic-notify-group"]);
    finds(Fault::OneNotification, &["cyclic-notification-late"]);
    finds(Fault::SlowNotifications, &["cyclic-notification-late"]);
    finds(Fault::FarPosition, &["position-range"]);
    finds(Fault::GoesBack, &["cyclic-position"]);
    finds(Fault::MovesInPause, &["position-paused"]);
    finds(Fault::LatePosition, &["new-stream-position"]);
    finds(Fault::KeepsPosition, &["position-state"]);
    finds(Fault::CopiesBeyond, &["dma-copy-range"]);
    finds(Fault::RemovesStranger, &["service-group-member"]);
    finds(Fault::LeakGroup, &["held: service group"]);
    finds(Fault::LeakStream, &["stream-leak"]);
}

#[test]
fn a_lost_frame_is_heard() {
    let scenario = scenario(480, 4, Vec::new());
    let run = run(Fault::LosesFrames, &scenario);
    assert!(!heard(&scenario, &run.played).0);
}

/// A request that is sent by hand: its status so far, and its way back.
struct Sent {
    status: Rc<Cell<NTSTATUS>>,
    pending: Pending,
}

/// Frames of memory that live as long as the test's process.
fn memory(frames: usize) -> *mut u8 {
    Box::leak(vec![0x11; frames * FRAME].into_boxed_slice()).as_mut_ptr()
}

fn header(data: *mut u8, bytes: u32) -> KSSTREAM_HEADER {
    KSSTREAM_HEADER {
        Size: size_of::<KSSTREAM_HEADER>() as u32,
        TypeSpecificFlags: 0,
        PresentationTime: KSTIME::default(),
        Duration: 0,
        FrameExtent: bytes,
        DataUsed: bytes,
        Data: data.cast(),
        OptionsFlags: 0,
        Reserved: 0,
    }
}

/// Sends headers, less some bytes of the last one.
fn send(file: &File, headers: &[KSSTREAM_HEADER], less: usize) -> Sent {
    // SAFETY: headers are structures without padding.
    let bytes = unsafe {
        std::slice::from_raw_parts(headers.as_ptr().cast::<u8>(), size_of_val(headers) - less)
    };
    let status = Rc::new(Cell::new(STATUS_PENDING));
    let inside = Rc::clone(&status);
    let pending = io::request(file, IOCTL_KS_WRITE_STREAM, &[], bytes, move |result, _| {
        inside.set(result.status.0);
    });
    Sent { status, pending }
}

fn set_state(pin: &ks::Handle, state: i32) {
    let question = ks::property(&KSPROPSETID_Connection, 0, KSPROPERTY_TYPE_SET);
    pin.set(&question, &state.to_le_bytes()).expect("a step");
}

/// An ideal driver's pin in STOP, for requests that are sent by hand.
fn with_pin(test: impl FnOnce(&ks::Handle) + Send) {
    mock::with_cyclic(Fault::None, |machine| {
        let filter = ks::Handle::open(&user::tests::link(machine, mock::WAVE)).expect("it opens");
        let format = user::format::data_format(&scenario(480, 1, Vec::new()).format);
        let pin = filter
            .open_pin(&pin::connect(pin::Interface::Looped, 0, &format))
            .expect("it opens");
        test(&pin);
        pin.close();
        filter.close();
        let found = machine.kernel.findings.all();
        assert!(found.is_empty(), "{found:?}");
        mock::remove(machine);
    });
}

#[test]
fn requests_that_are_none_are_refused() {
    with_pin(|pin| {
        let good = header(memory(480), 1920);
        let check = |headers: &[KSSTREAM_HEADER], less: usize, expect: NTSTATUS| {
            let sent = send(pin.file(), headers, less);
            assert_eq!(sent.status.get(), expect, "{headers:?} less {less}");
        };
        check(&[good], 0, STATUS_INVALID_DEVICE_STATE);
        set_state(pin, KSSTATE_ACQUIRE);
        check(&[], 0, STATUS_INVALID_BUFFER_SIZE);
        check(&[good, good], 1, STATUS_INVALID_BUFFER_SIZE);
        check(&[header(memory(480), 1919)], 0, STATUS_INVALID_BUFFER_SIZE);
        check(
            &[KSSTREAM_HEADER { Size: 55, ..good }],
            0,
            STATUS_INVALID_PARAMETER,
        );
        check(
            &[KSSTREAM_HEADER {
                FrameExtent: 1919,
                ..good
            }],
            0,
            STATUS_INVALID_PARAMETER,
        );
        check(&[header(std::ptr::null_mut(), 0)], 0, STATUS_SUCCESS);
        check(&[good, good], 0, STATUS_PENDING);
        set_state(pin, KSSTATE_STOP);
    });
}

#[test]
fn a_request_ends_when_it_was_played_or_with_the_stream() {
    with_pin(|pin| {
        set_state(pin, KSSTATE_ACQUIRE);
        set_state(pin, KSSTATE_PAUSE);
        // 20 ms in two headers, and 40 ms, of which 20 are copied before the first are played.
        let short = [header(memory(480), 1920), header(memory(480), 1920)];
        let first = send(pin.file(), &short, 0);
        let second = send(pin.file(), &[header(memory(1920), 7680)], 0);
        let third = send(pin.file(), &[header(memory(480), 1920)], 0);
        set_state(pin, KSSTATE_RUN);
        sched::run_for(Hns::from_millis(15));
        let all = [&first, &second, &third].map(|sent| sent.status.get());
        assert_eq!(all, [STATUS_PENDING; 3]);
        // What is on its way stays; what is not comes back.
        second.pending.cancel();
        third.pending.cancel();
        sched::run_for(Hns::from_millis(6));
        let all = [&first, &second, &third].map(|sent| sent.status.get());
        assert_eq!(all, [STATUS_SUCCESS, STATUS_PENDING, STATUS_CANCELLED]);
        for state in [KSSTATE_PAUSE, KSSTATE_ACQUIRE, KSSTATE_STOP] {
            set_state(pin, state);
        }
        assert_eq!(second.status.get(), STATUS_CANCELLED);
    });
}

#[test]
fn requests_end_with_their_handle() {
    with_pin(|pin| {
        set_state(pin, KSSTATE_ACQUIRE);
        let request = send(pin.file(), &[header(memory(480), 1920)], 0);
        pin.shut();
        assert_eq!(request.status.get(), STATUS_CANCELLED);
    });
}
