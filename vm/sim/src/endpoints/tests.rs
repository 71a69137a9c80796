//! Each rule, tried on a render endpoint that is right but for one thing.

use super::*;
use waverig_portcls::id::{KSCATEGORY_REALTIME, KSNODETYPE_LINE_CONNECTOR, KSNODETYPE_SPEAKER};
use waverig_portcls::{
    KSNODEPIN_STANDARD_IN as IN, KSNODEPIN_STANDARD_OUT as OUT, KSPIN_COMMUNICATION_NONE,
    KSPIN_COMMUNICATION_SINK,
};

fn pin(flow: Flow, communication: i32, category: waverig_portcls::Guid, streams: bool) -> Pin {
    Pin {
        flow,
        communication,
        category: Some(category),
        name: None,
        streams,
    }
}

/// A wave filter and a topology filter with volume and mute, connected.
fn render() -> Topology {
    let wave = Filter {
        name: "Wave".into(),
        interfaces: vec![KSCATEGORY_AUDIO, KSCATEGORY_RENDER, KSCATEGORY_REALTIME],
        pins: vec![
            pin(Flow::In, KSPIN_COMMUNICATION_SINK, KSCATEGORY_AUDIO, true),
            pin(Flow::Out, KSPIN_COMMUNICATION_NONE, KSCATEGORY_AUDIO, false),
        ],
        connections: vec![Connection {
            from: (None, 0),
            to: (None, 1),
        }],
    };
    let topology = Filter {
        name: "Topology".into(),
        interfaces: vec![KSCATEGORY_AUDIO, KSCATEGORY_TOPOLOGY],
        pins: vec![
            pin(Flow::In, KSPIN_COMMUNICATION_NONE, KSCATEGORY_AUDIO, false),
            pin(
                Flow::Out,
                KSPIN_COMMUNICATION_NONE,
                KSNODETYPE_SPEAKER,
                false,
            ),
        ],
        connections: vec![
            Connection {
                from: (None, 0),
                to: (Some(0), IN),
            },
            Connection {
                from: (Some(0), OUT),
                to: (Some(1), IN),
            },
            Connection {
                from: (Some(1), OUT),
                to: (None, 1),
            },
        ],
    };
    let link = Link {
        from: End { filter: 0, pin: 1 },
        to: End { filter: 1, pin: 0 },
    };
    Topology {
        filters: vec![wave, topology],
        links: vec![link],
    }
}

/// The same the other way round.
fn capture() -> Topology {
    let mut topology = render();
    for filter in &mut topology.filters {
        for pin in &mut filter.pins {
            pin.flow = if pin.flow == Flow::In {
                Flow::Out
            } else {
                Flow::In
            };
        }
        for connection in &mut filter.connections {
            std::mem::swap(&mut connection.from, &mut connection.to);
        }
    }
    topology.filters[0].interfaces[1] = KSCATEGORY_CAPTURE;
    topology.filters[1].pins[1].category = Some(KSNODETYPE_LINE_CONNECTOR);
    let link = &mut topology.links[0];
    std::mem::swap(&mut link.from, &mut link.to);
    topology
}

fn check(change: impl FnOnce(&mut Topology), rule: &'static Rule, says: &str) {
    let mut topology = render();
    change(&mut topology);
    let built = build(&topology);
    assert!(built.endpoints.is_empty(), "{built:?}");
    let found = built
        .missing
        .iter()
        .find(|missing| missing.rule.id == rule.id && missing.text.contains(says));
    assert!(
        found.is_some(),
        "no {} that says {says:?} in {built:?}",
        rule.id
    );
}

#[test]
fn right_topologies_give_their_endpoint() {
    let built = build(&render());
    let speakers = Endpoint {
        filter: 1,
        pin: 1,
        render: true,
        form_factor: FormFactor::Speakers,
        host: (0, 0),
    };
    assert_eq!((built.endpoints, built.missing.len()), (vec![speakers], 0));
    let built = build(&capture());
    let line = Endpoint {
        filter: 1,
        pin: 1,
        render: false,
        form_factor: FormFactor::LineConnector,
        host: (0, 0),
    };
    assert_eq!((built.endpoints, built.missing.len()), (vec![line], 0));
}

#[test]
fn without_a_physical_connection_there_is_no_endpoint() {
    check(
        |t| t.links.clear(),
        &rules::NO_PATH,
        "pin 0 of \"Topology\": it is a bridge pin",
    );
    check(
        |t| t.links.clear(),
        &rules::BRIDGE_CATEGORY,
        "pin 1 of \"Wave\"",
    );
}

#[test]
fn a_gap_inside_a_filter_is_found() {
    check(
        |t| _ = t.filters[1].connections.remove(1),
        &rules::NO_PATH,
        "pin 1 of \"Topology\": no connection",
    );
    check(
        |t| t.filters[0].connections.clear(),
        &rules::NO_PATH,
        "pin 1 of \"Wave\": no connection",
    );
}

#[test]
fn the_host_pin_must_take_audio() {
    check(
        |t| t.filters[0].pins[0].streams = false,
        &rules::NO_PATH,
        "none of its data ranges",
    );
}

#[test]
fn interfaces_must_be_there() {
    let without = |filter: usize, at: usize| {
        move |t: &mut Topology| _ = t.filters[filter].interfaces.remove(at)
    };
    check(
        without(0, 0),
        &rules::INTERFACE_MISSING,
        "\"Wave\" has no enabled interface of KSCATEGORY_AUDIO",
    );
    check(
        without(0, 1),
        &rules::INTERFACE_MISSING,
        "KSCATEGORY_RENDER",
    );
    check(
        without(1, 0),
        &rules::INTERFACE_MISSING,
        "\"Topology\" has no enabled interface of KSCATEGORY_AUDIO",
    );
    check(
        without(1, 1),
        &rules::INTERFACE_MISSING,
        "KSCATEGORY_TOPOLOGY",
    );
}

#[test]
fn the_bridge_pin_needs_a_kind() {
    check(
        |t| t.filters[1].pins[1].category = None,
        &rules::BRIDGE_CATEGORY,
        "no category",
    );
}

#[test]
fn a_wave_filter_without_a_bridge_pin_to_the_world_is_found() {
    check(
        |t| t.filters[1].pins[1].communication = KSPIN_COMMUNICATION_SINK,
        &rules::UNREACHED,
        "clients can open pin 0 of \"Wave\", but no way leads from it",
    );
}

#[test]
fn a_circle_ends() {
    let circle = |t: &mut Topology| {
        t.filters[0].connections.clear();
        t.filters[0].connections.push(Connection {
            from: (None, 1),
            to: (None, 1),
        });
        t.links.push(Link {
            from: End { filter: 0, pin: 1 },
            to: End { filter: 0, pin: 1 },
        });
    };
    check(circle, &rules::NO_PATH, "");
}
