//! The audio clients against an ideal driver: what they write is what is played.

use std::cell::RefCell;
use std::rc::Rc;

use waverig_portcls::id::KSCATEGORY_AUDIO;
use waverig_protocol::scenario::{Client, Disturbance, Format, Sample, Scenario, Signal};
use waverig_protocol::timeline::Event;
use waverig_signal::Generator;

use super::client::{Life, Playing};
use super::journal::{Journal, Kept};
use super::{Place, UserError, processor, requests, task};
use crate::kernel::kernel;
use crate::mock::{self, Machine, Quirk};
use crate::nt::interface;
use crate::portcls::guid_of;
use crate::sched;

/// The link of a filter of the mock.
pub(crate) fn link(machine: &Machine, name: &str) -> String {
    let all = interface::list(Some(&guid_of(&KSCATEGORY_AUDIO))).into_iter();
    let mut links = all
        .filter(|one| one.device == machine.pdo && one.reference == name)
        .map(|one| one.link);
    links.next().expect("the mock registers its filters")
}

/// Plays a scenario without a tap; gives what was observed.
pub(crate) fn play_on_mock(
    machine: &Machine,
    scenario: &Scenario,
) -> Result<Vec<Event>, UserError> {
    let kept = Rc::<Kept>::default();
    let journal = Journal::new(Rc::clone(&kept));
    let place = Place {
        wave: link(machine, mock::WAVE),
        pin: 0,
    };
    let life = Life {
        scenario: scenario.clone(),
        journal: journal.clone(),
        node: None,
        start: kernel().now(),
        stop: None,
    };
    let held = scenario.disturbances.clone();
    let arrange = move |start| processor::arrange_stalls(&held, start);
    let result = Rc::new(RefCell::new(None));
    let kept_result = Rc::clone(&result);
    let program = async move {
        match life.scenario.client {
            Client::Requests {
                packet_frames,
                requests,
            } => requests::run(&life, (packet_frames, requests), &place, arrange).await,
            _ => Playing::open(&life, &place)?.run(Vec::new(), arrange).await,
        }
    };
    task::spawn("the mock's player", program, move |played| {
        *kept_result.borrow_mut() = Some(played);
    });
    sched::must("the mock's player", || result.borrow().is_some());
    result.take().expect("it ended")?;
    journal.flush();
    Ok(kept
        .events
        .take()
        .into_iter()
        .map(|stamped| stamped.event)
        .collect())
}

fn scenario(client: Client, disturbances: Vec<Disturbance>) -> Scenario {
    Scenario {
        disturbances,
        ..Scenario::of(
            Signal::Counter,
            Format {
                rate: 48_000,
                channels: 2,
                sample: Sample::Pcm16,
            },
            client,
            500,
        )
    }
}

/// Plays and compares every frame with what the client says it wrote there: signal, or silence where it wrote none.
fn check(client: Client, disturbances: Vec<Disturbance>, silent_ms: std::ops::RangeInclusive<u64>) {
    let scenario = scenario(client, disturbances);
    let (events, played) = mock::with(Quirk::None, |machine| {
        let events = play_on_mock(machine, &scenario).expect("the client plays to its end");
        (events, mock::played())
    });
    let generator = Generator::new(&scenario.signal, scenario.format).expect("a good signal");
    let frame = scenario.format.frame_bytes();
    let mut expected = vec![0; played.len()];
    let (mut total, mut end) = (0, 0);
    for event in &events {
        if let Event::Wrote {
            stream_frame,
            signal_frame,
            frames,
        } = *event
        {
            let bytes = generator.bytes(signal_frame..signal_frame + frames);
            let at = stream_frame as usize * frame;
            expected[at..at + bytes.len()].copy_from_slice(&bytes);
            total += frames;
            end = stream_frame + frames;
        }
    }
    assert_eq!(
        total,
        scenario.frames(),
        "every frame of the signal is written once"
    );
    assert!(
        played == expected,
        "what was played is not what was written, first at byte {:?}",
        played.iter().zip(&expected).position(|(a, b)| a != b)
    );
    let silent = (end - total) * 1000 / u64::from(scenario.format.rate);
    assert!(silent_ms.contains(&silent), "{silent} ms of silence");
    assert!(matches!(events.last(), Some(Event::Closed)));
}

const EVENT: Client = Client::EventDriven { packet_frames: 480 };
const PACKET: Client = Client::Packet {
    packet_frames: 480,
    end_of_stream: false,
};
const SHARED: Client = Client::Shared {
    period_frames: 480,
    event: true,
};
const TIMED: Client = Client::Shared {
    period_frames: 480,
    event: false,
};
const POLLING: Client = Client::Polling {
    buffer_frames: 4_800,
    interval_ms: 20,
};

#[test]
fn clients_play_without_a_gap() {
    check(EVENT, Vec::new(), 0..=0);
    check(
        Client::EventDriven { packet_frames: 127 },
        Vec::new(),
        0..=0,
    );
    check(POLLING, Vec::new(), 0..=0);
    check(PACKET, Vec::new(), 0..=0);
    check(SHARED, Vec::new(), 0..=0);
    check(TIMED, Vec::new(), 0..=0);
}

#[test]
fn after_a_stall_of_the_client_the_signal_goes_on_where_it_stopped() {
    let stall = vec![Disturbance::ClientStall {
        at_ms: 200,
        for_ms: 163,
    }];
    check(EVENT, stall.clone(), 150..=170);
    check(POLLING, stall.clone(), 60..=85);
    check(PACKET, stall.clone(), 150..=170);
    check(SHARED, stall.clone(), 150..=170);
    check(TIMED, stall, 125..=165);
}

#[test]
fn while_the_processor_is_held_nothing_is_written() {
    let held = vec![Disturbance::TimerStall {
        at_ms: 205,
        for_ms: 50,
    }];
    check(EVENT, held.clone(), 30..=60);
    check(POLLING, held, 0..=0);
}
