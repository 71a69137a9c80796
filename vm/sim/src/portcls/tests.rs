//! The port class driver against an ideal driver with one quirk at a time: each rule, seen to be found.

use waverig_portcls::id::KSPROPSETID_Audio;
use waverig_portcls::{
    KSPROPERTY_AUDIO_MUTE, KSPROPERTY_AUDIO_VOLUMELEVEL, KSPROPERTY_TYPE_BASICSUPPORT,
    KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_TOPOLOGY, status,
};
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal};

use super::description::{Description, read_description};
use crate::kernel::{Kernel, Options};
use crate::mock::{self, Machine, Quirk};
use crate::user::{self, ks};

mod descriptions;
mod objects;

/// Plays 100 ms and removes the device; gives the rules that were broken, in order.
fn rules_broken(machine: &Machine, client: Client) -> Vec<String> {
    if machine.started >= 0 {
        let scenario = Scenario::of(
            Signal::Counter,
            Format {
                rate: 48_000,
                channels: 2,
                sample: Sample::Pcm16,
            },
            client,
            100,
        );
        // A client that gives up is part of some quirks.
        let _ = user::tests::play_on_mock(machine, &scenario);
    }
    mock::remove(machine);
    let mut rules: Vec<String> = machine
        .kernel
        .findings
        .all()
        .into_iter()
        .map(|finding| finding.rule)
        .collect();
    rules.extend(
        super::com::held()
            .into_iter()
            .map(|(name, _)| format!("held: {name}")),
    );
    rules
}

fn check(quirk: Quirk, expect: &[&str]) {
    check_with(Client::EventDriven { packet_frames: 480 }, quirk, expect);
}

fn check_with(client: Client, quirk: Quirk, expect: &[&str]) {
    let broken = mock::with(quirk, |machine| rules_broken(machine, client));
    for rule in expect {
        assert!(
            broken.iter().any(|one| one.starts_with(rule)),
            "{quirk:?} broke {broken:?}, not {rule}"
        );
    }
    if expect.is_empty() {
        assert!(broken.is_empty(), "{quirk:?} broke {broken:?}");
    }
}

#[test]
fn an_ideal_driver_breaks_no_rule() {
    check(Quirk::None, &[]);
}

#[test]
fn each_quirk_is_found() {
    check(Quirk::ShortBuffer, &["buffer-size"]);
    check(Quirk::OddBuffer, &["buffer-size"]);
    check(Quirk::DirtyBuffer, &["buffer-not-zeroed"]);
    check(Quirk::LeakPages, &["buffer-leak"]);
    check(Quirk::FreeMapped, &["buffer-unmap"]);
    check(Quirk::LeakStream, &["stream-leak"]);
    check(Quirk::FarPosition, &["position-range"]);
    check(
        Quirk::LatePosition,
        &["position-state", "new-stream-position"],
    );
    check(Quirk::RefusePause, &["set-state"]);
    check(Quirk::IntersectionWithoutSize, &["data-range-intersection"]);
    check(Quirk::IntersectionWithoutRoom, &["data-range-intersection"]);
    check(Quirk::LeakPort, &["held: port of \"Wave\""]);
    check(Quirk::MapsTwice, &["buffer-mapped-twice"]);
    check(Quirk::FreesTwice, &["buffer-free-pages"]);
    check(Quirk::NoMdl, &["buffer-memory"]);
    check(Quirk::QueryWithoutInterface, &["com-query-interface"]);
    check(
        Quirk::IntersectionOutOfRange,
        &["data-range-intersection-format"],
    );
}

#[test]
fn quirks_of_packet_mode_are_found() {
    let packet = Client::Packet {
        packet_frames: 480,
        end_of_stream: false,
    };
    check_with(packet, Quirk::None, &[]);
    check_with(packet, Quirk::InputOnRender, &["packet-direction"]);
    check_with(packet, Quirk::CountAhead, &["packet-count"]);
    check_with(packet, Quirk::CountBackwards, &["packet-count"]);
    check_with(packet, Quirk::PresentedAhead, &["presentation-position"]);
}

#[test]
fn quirks_at_start_are_found() {
    check(Quirk::PowerTwice, &["adapter-power-management-twice"]);
    check(Quirk::OneSubdeviceMore, &["adapter-max-objects"]);
    check(Quirk::SameName, &["subdevice-name"]);
    check(Quirk::InitTwice, &["port-init"]);
    check(Quirk::RegistersMiniport, &["subdevice-port"]);
    check(
        Quirk::PowerWithoutInterface,
        &["adapter-power-management-interface"],
    );
    check(Quirk::ConnectedBackwards, &["physical-connection-pin"]);
}

#[test]
fn an_extension_smaller_than_port_class_own_part_is_refused() {
    mock::with(Quirk::SmallExtension, |machine| {
        assert_eq!(machine.started, status::STATUS_INVALID_PARAMETER);
        assert!(machine.kernel.findings.has(&super::rules::EXTENSION_SIZE));
    });
}

/// A volume request: verb, instance data behind the KSNODEPROPERTY, room; then status, bytes, first word of the answer.
fn ask(verb: u32, instance: &[i32], room: usize, expect: (i32, usize, i32)) {
    mock::with(Quirk::None, |machine| {
        asked(
            machine,
            (KSPROPERTY_AUDIO_VOLUMELEVEL, verb),
            instance,
            room,
            expect,
        )
    });
}

fn asked(
    machine: &Machine,
    (id, verb): (u32, u32),
    instance: &[i32],
    room: usize,
    expect: (i32, usize, i32),
) {
    let filter =
        ks::Handle::open(&user::tests::link(machine, mock::TOPOLOGY)).expect("the filter opens");
    let mut question = ks::property(&KSPROPSETID_Audio, id, verb | KSPROPERTY_TYPE_TOPOLOGY);
    question.extend([0_u32, 0].map(u32::to_le_bytes).concat());
    question.extend(instance.iter().flat_map(|word| word.to_le_bytes()));
    let mut answer = vec![0; room];
    let (status, size) = filter.ask(&question, &mut answer);
    let word = answer.get(..4).map_or(0, |four| {
        i32::from_le_bytes([four[0], four[1], four[2], four[3]])
    });
    assert_eq!(
        (status.0, size, word),
        expect,
        "{verb:#x} {instance:?} {room}"
    );
    filter.close();
}

#[test]
fn node_properties_reach_their_handler_with_instance_and_value() {
    ask(
        KSPROPERTY_TYPE_GET,
        &[1, 0],
        4,
        (status::STATUS_SUCCESS, 4, 1),
    );
    ask(
        KSPROPERTY_TYPE_GET,
        &[-1, 0],
        0,
        (status::STATUS_BUFFER_OVERFLOW, 4, 0),
    );
    ask(
        KSPROPERTY_TYPE_GET,
        &[-1, 0],
        3,
        (status::STATUS_BUFFER_TOO_SMALL, 3, 0),
    );
    ask(
        KSPROPERTY_TYPE_GET,
        &[],
        4,
        (status::STATUS_INVALID_PARAMETER, 4, 0),
    );
    // This item does not handle basic support: KS answers with its verbs.
    let question = (KSPROPERTY_AUDIO_MUTE, KSPROPERTY_TYPE_BASICSUPPORT);
    let expect = (status::STATUS_SUCCESS, 4, 3);
    mock::with(Quirk::None, |machine| {
        asked(machine, question, &[0, 0], 4, expect)
    });
}

/// A volume's value is asked for; what the rules say.
fn check_property(quirk: Quirk, expect: &str) {
    let found = mock::with(quirk, |machine| {
        let filter = ks::Handle::open(&user::tests::link(machine, mock::TOPOLOGY));
        let filter = filter.expect("the filter opens");
        let verb = KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_TOPOLOGY;
        let mut question = ks::property(&KSPROPSETID_Audio, KSPROPERTY_AUDIO_VOLUMELEVEL, verb);
        question.extend([0_u32, 0, 0, 0].map(u32::to_le_bytes).concat());
        filter.ask(&question, &mut [0; 4]);
        filter.close();
        machine.kernel.findings.all()
    });
    let texts: Vec<String> = found
        .into_iter()
        .map(|one| format!("{}: {}", one.rule, one.text))
        .collect();
    assert!(
        texts.iter().any(|text| text.contains(expect)),
        "{quirk:?} broke {texts:?}, not {expect}"
    );
}

#[test]
fn quirks_of_properties_are_found() {
    check_property(Quirk::WritesTooMuch, "says it wrote 64 bytes into 4");
    check_property(Quirk::PendsProperty, "property-pending: the handler");
}

fn description(
    change: impl FnOnce(&mut waverig_portcls::PCFILTER_DESCRIPTOR),
    from: waverig_portcls::PCFILTER_DESCRIPTOR,
) -> (Description, Vec<String>) {
    let kernel = Kernel::boot(Options::default());
    let mut head = from;
    change(&mut head);
    let description = read_description("Test", &raw const head);
    let findings = kernel
        .findings
        .all()
        .into_iter()
        .map(|finding| format!("{}: {}", finding.rule, finding.text));
    (description, findings.collect())
}
