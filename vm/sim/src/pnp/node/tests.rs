//! The life of an ideal driver's device, and one quirk at a time that a rule must find.

use waverig_protocol::scenario::Scenario;

use super::*;
use crate::mock::{self, Machine, Quirk};
use crate::nt::layout::Guid;
use crate::user;

/// 200 ms of an event-driven client.
const PLAYED: &str = r#"{
    "about": "life", "duration_ms": 200, "signal": { "kind": "counter" },
    "format": { "rate": 48000, "channels": 2, "sample": "pcm16" },
    "client": { "kind": "event-driven", "packet_frames": 480 }
}"#;

fn node(machine: &Machine) -> Rc<Node> {
    let node = Node::new(machine.pdo, "mock", PathBuf::new());
    node.state.set(State::Started);
    node
}

fn broken(machine: &Machine) -> Vec<String> {
    let mut rules: Vec<String> = machine
        .kernel
        .findings
        .all()
        .into_iter()
        .map(|finding| finding.rule)
        .collect();
    rules.sort();
    rules
}

/// Plays with `change` after 50 ms: whether the client could play to its end, and the broken rules.
fn check(quirk: Quirk, change: fn(&Rc<Node>), expect: (bool, &[&str])) {
    let (played, rules) = mock::with(quirk, |machine| {
        let node = node(machine);
        let scenario: Scenario = serde_json::from_str(PLAYED).expect("a scenario");
        sched::after(Hns::from_millis(50), "the change", move || change(&node));
        let played = user::tests::play_on_mock(machine, &scenario).is_ok();
        sched::run_for(Hns::from_secs(1));
        (played, broken(machine))
    });
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    assert_eq!((played, rules.as_slice()), expect, "{quirk:?}");
}

fn sleep(node: &Rc<Node>) {
    if node.sleep() {
        let node = Rc::clone(node);
        assert_eq!(mock::power_state(), PowerDeviceD3);
        sched::after(Hns::from_millis(3), "it wakes up", move || {
            node.wake();
            assert_eq!(mock::power_state(), PowerDeviceD0);
        });
    }
}

#[test]
fn a_stream_pauses_while_the_device_sleeps() {
    check(Quirk::None, sleep, (true, &[]));
    check(Quirk::StaysAwake, sleep, (true, &[]));
    check(Quirk::MovesInPause, sleep, (true, &["position-paused"]));
}

#[test]
fn the_power_interface_is_registered_and_unregistered_in_turns() {
    check(
        Quirk::PowerNever,
        |_| {},
        (true, &["adapter-power-management-twice"]),
    );
}

#[test]
fn a_device_stops_with_everything_registered_or_goes_on() {
    let stop = |node: &Rc<Node>| {
        if node.stop() {
            node.start().expect("the device starts again");
        }
    };
    check(Quirk::None, stop, (false, &[]));
    check(Quirk::CannotBeStopped, stop, (true, &[]));
    let keeps = |node: &Rc<Node>| assert!(node.stop());
    check(
        Quirk::StoppedWithSubdevices,
        keeps,
        (false, &["pnp-stop-subdevices"]),
    );
}

#[test]
fn a_handle_prevents_the_removal_that_was_asked_for() {
    let ask = |node: &Rc<Node>| node.query_remove(|free| assert!(!free));
    check(Quirk::None, ask, (true, &[]));
}

#[test]
fn a_surprise_removal_ends_the_stream_and_the_device_follows_the_last_handle() {
    let gone = |node: &Rc<Node>| {
        let after = Rc::clone(node);
        node.surprise_remove(move || assert_eq!(after.state(), State::Removed));
        assert_eq!(node.state(), State::SurpriseRemoved);
    };
    check(Quirk::None, gone, (false, &[]));
}

#[test]
fn an_open_wakes_a_device_that_sleeps() {
    mock::with(Quirk::None, |machine| {
        let node = node(machine);
        node.power_device(false);
        assert_eq!(mock::power_state(), PowerDeviceD3);
        let file = io::open(&user::tests::link(machine, mock::WAVE)).expect("the filter opens");
        assert_eq!(mock::power_state(), PowerDeviceD0);
        file.close();
    });
}

#[test]
fn an_open_waits_for_the_end_of_a_stop() {
    mock::with(Quirk::None, |machine| {
        let node = node(machine);
        assert!(node.stop());
        let before = kernel().now();
        let later = Rc::clone(&node);
        sched::after(Hns::from_millis(5), "the start", move || {
            later.start().expect("the device starts again");
        });
        let name = format!("\\{}", mock::WAVE);
        let file = io::open_device(machine.pdo, &name).expect("the filter opens");
        assert_eq!(kernel().now() - before, Hns::from_millis(5));
        file.close();
    });
}

/// What the manager finds with nothing open but what `before` opens.
fn found(
    quirk: Quirk,
    before: fn(&Machine) -> Option<io::File>,
    act: fn(&Rc<Node>),
    expect: &[&str],
) {
    let rules = mock::with(quirk, |machine| {
        let file = before(machine);
        act(&node(machine));
        sched::run_for(Hns::from_secs(1));
        drop(file);
        broken(machine)
    });
    assert_eq!(rules, expect, "{quirk:?}");
}

#[test]
fn what_a_driver_does_wrong_when_its_device_goes_is_found() {
    let nothing = |_: &Machine| None;
    let gone = |node: &Rc<Node>| node.surprise_remove(|| {});
    found(
        Quirk::OpensAlways,
        nothing,
        |node| node.query_remove(|_| {}),
        &["pnp-open-while-pending"],
    );
    found(Quirk::OpensAlways, nothing, gone, &["pnp-open-when-gone"]);
    let asking = |machine: &Machine| {
        let file = io::open(&user::tests::link(machine, mock::WAVE)).expect("the filter opens");
        io::device_control(&file, 0, &[], 0, |_, _| {});
        Some(file)
    };
    found(
        Quirk::KeepsRequests,
        asking,
        gone,
        &["pnp-pended-when-gone"],
    );
    let interface = |machine: &Machine| {
        let class = Guid::parse("{6B2D6E1A-8C0F-4B57-9D53-57A7E1D2C94E}").expect("a GUID");
        let link = interface::register(machine.pdo, &class, "Own").expect("a physical device");
        interface::set_state(&link, true);
        None
    };
    found(Quirk::None, interface, gone, &["pnp-interface-left"]);
}
