//! What a started device offers, gathered for people: the endpoint builder's view and the driver's own descriptions.

use waverig_portcls::{
    Guid, KSFILTER_NODE, KSPIN_COMMUNICATION_BOTH, KSPIN_COMMUNICATION_BRIDGE,
    KSPIN_COMMUNICATION_NONE, KSPIN_COMMUNICATION_SINK, KSPIN_COMMUNICATION_SOURCE,
    KSPIN_DATAFLOW_IN, KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET,
    PCCONNECTION_DESCRIPTOR,
};
use waverig_protocol::inspection::{
    AudioLimits, Connection, EndpointPath, Filter, FilterPin, Inspection, Interface, Link,
    MissingEndpoint, Node, NodePin, Pin, Property, Range,
};

use super::{Device, blame, names, words};
use crate::endpoints::End;
use crate::nt::layout::DeviceObject;
use crate::nt::{interface, pdo};
use crate::portcls::adapter;
use crate::portcls::automation::Automation;
use crate::portcls::port::Kind;
use crate::portcls::subdevice::Subdevice;
use crate::portcls::{description, guid_from, modes, ranges};

/// All that is known of a device.
pub(super) fn of(device: &Device) -> Inspection {
    let adapter = adapter::of_pdo(device.node.pdo);
    let subdevices = adapter.map_or_else(Vec::new, |adapter| adapter.subdevices());
    let names = device.installed().endpoints.into_iter();
    let pin = |end: End| FilterPin {
        filter: end.filter,
        pin: end.pin,
    };
    let service = device.plan.services.iter().find(|one| one.function_driver);
    Inspection {
        device: device.plan.description.clone(),
        hardware_id: device.plan.hardware_id.clone(),
        instance: pdo::instance(device.node.pdo).unwrap_or_default(),
        service: service.map_or_else(String::new, |service| service.name.clone()),
        passed_over: device.passed_over.clone(),
        missing_imports: device.node.missing_imports(),
        interfaces: interfaces(device),
        filters: subdevices
            .iter()
            .map(|subdevice| filter(subdevice, device.node.pdo))
            .collect(),
        links: device
            .topology
            .links
            .iter()
            .map(|link| Link {
                from: pin(link.from),
                to: pin(link.to),
            })
            .collect(),
        endpoints: names
            .zip(&device.built.endpoints)
            .map(|(shown, built)| EndpointPath {
                name: shown.name,
                render: shown.render,
                form_factor: shown.form_factor,
                bridge: FilterPin {
                    filter: built.filter,
                    pin: built.pin,
                },
                host: FilterPin {
                    filter: built.host.0,
                    pin: built.host.1,
                },
            })
            .collect(),
        missing: device
            .built
            .missing
            .iter()
            .map(|missing| MissingEndpoint {
                bridge: FilterPin {
                    filter: missing.filter,
                    pin: missing.pin,
                },
                rule: missing.rule.id.into(),
                text: missing.text.clone(),
                place: blame::place(missing, &device.topology, &device.plan, device.node.pdo),
                source: missing.rule.source.into(),
            })
            .collect(),
    }
}

fn interfaces(device: &Device) -> Vec<Interface> {
    let all = interface::list(None).into_iter();
    all.filter(|one| one.device == device.node.pdo)
        .map(|one| Interface {
            class: words::of(&guid_from(&one.class)),
            reference: one.reference,
            enabled: one.enabled,
        })
        .collect()
}

fn filter(subdevice: &Subdevice, pdo: *mut DeviceObject) -> Filter {
    let port = match subdevice.port.kind {
        Kind::WaveRt => "wave",
        Kind::WaveCyclic => "wave-cyclic",
        Kind::Topology => "topology",
    };
    let empty = Filter {
        name: subdevice.name.clone(),
        port: port.into(),
        ..Filter::default()
    };
    let Some(bound) = subdevice.port.bound() else {
        return empty;
    };
    let description = &bound.description;
    let pins = (0..).zip(&description.pins);
    let nodes = description.nodes.iter();
    Filter {
        pins: pins
            .map(|(number, one)| Pin {
                modes: modes::of(subdevice, number).iter().map(words::of).collect(),
                ..pin(one, pdo)
            })
            .collect(),
        nodes: nodes
            .map(|node| Node {
                kind: words::of(&node.kind),
                properties: properties(&node.automation),
            })
            .collect(),
        connections: description.connections.iter().map(connection).collect(),
        properties: properties(&description.automation),
        ..empty
    }
}

fn pin(pin: &description::Pin, pdo: *mut DeviceObject) -> Pin {
    let flow = if pin.flow == KSPIN_DATAFLOW_IN {
        "in"
    } else {
        "out"
    };
    let communication = match pin.communication {
        KSPIN_COMMUNICATION_NONE => "none",
        KSPIN_COMMUNICATION_SINK => "sink",
        KSPIN_COMMUNICATION_SOURCE => "source",
        KSPIN_COMMUNICATION_BOTH => "both",
        KSPIN_COMMUNICATION_BRIDGE => "bridge",
        _ => "unknown",
    };
    let named = |guid: &Guid| match names::of_guid(pdo, guid) {
        Some(name) => format!("{name:?}"),
        None => words::of(guid),
    };
    Pin {
        flow: flow.into(),
        communication: communication.into(),
        category: pin.category.as_ref().map(words::of),
        name: pin.name.as_ref().map(named),
        instances: pin.most.min(pin.most_per_filter),
        ranges: pin.ranges.iter().map(range).collect(),
        modes: Vec::new(),
        properties: properties(&pin.automation),
    }
}

fn range(range: &ranges::Range) -> Range {
    Range {
        format: words::of(&range.head.SubFormat),
        audio: range.audio.map(|audio| AudioLimits {
            channels: audio.MaximumChannels,
            bits: (audio.MinimumBitsPerSample, audio.MaximumBitsPerSample),
            rates: (audio.MinimumSampleFrequency, audio.MaximumSampleFrequency),
        }),
    }
}

fn connection(one: &PCCONNECTION_DESCRIPTOR) -> Connection {
    let end = |node: u32, pin| NodePin {
        node: (node != KSFILTER_NODE).then_some(node),
        pin,
    };
    Connection {
        from: end(one.FromNode, one.FromNodePin),
        to: end(one.ToNode, one.ToNodePin),
    }
}

fn properties(automation: &Automation) -> Vec<Property> {
    let verbs = [
        (KSPROPERTY_TYPE_GET, "get"),
        (KSPROPERTY_TYPE_SET, "set"),
        (KSPROPERTY_TYPE_BASICSUPPORT, "basic-support"),
    ];
    let listed = automation.listed();
    listed
        .map(|(set, id, flags)| Property {
            set: words::of(set),
            id,
            verbs: verbs
                .iter()
                .filter(|(verb, _)| flags & verb != 0)
                .map(|(_, name)| (*name).to_owned())
                .collect(),
        })
        .collect()
}
