//! A started device as the endpoint builder sees it.

use std::rc::Rc;

use waverig_package::inf::InstallPlan;
use waverig_portcls::{Guid, KSFILTER_NODE, KSPIN_DATAFLOW_IN};

use super::{install, link};
use crate::endpoints::{Connection, End, Filter, Flow, Link, Pin, Topology};
use crate::nt::interface;
use crate::nt::layout::DeviceObject;
use crate::portcls::adapter::{self, Adapter};
use crate::portcls::guid_of;
use crate::portcls::port::Port;
use crate::portcls::subdevice::Subdevice;

/// Interface categories that matter for endpoints.
const CATEGORIES: [Guid; 5] = [
    waverig_portcls::id::KSCATEGORY_AUDIO,
    waverig_portcls::id::KSCATEGORY_RENDER,
    waverig_portcls::id::KSCATEGORY_CAPTURE,
    waverig_portcls::id::KSCATEGORY_REALTIME,
    waverig_portcls::id::KSCATEGORY_TOPOLOGY,
];

/// What the device at `pdo` offers, in the order its subdevices were registered.
pub(super) fn of(pdo: *mut DeviceObject, plan: &InstallPlan) -> Topology {
    let Some(adapter) = adapter::of_pdo(pdo) else {
        return Topology::default();
    };
    let subdevices = adapter.subdevices();
    let names_itself = subdevices
        .iter()
        .any(|subdevice| is_own(pdo, plan, &subdevice.name));
    let filters = subdevices
        .iter()
        .map(|subdevice| filter(pdo, plan, names_itself, subdevice))
        .collect();
    Topology {
        filters,
        links: links(&adapter, &subdevices),
    }
}

fn filter(
    pdo: *mut DeviceObject,
    plan: &InstallPlan,
    names_itself: bool,
    subdevice: &Subdevice,
) -> Filter {
    let name = subdevice.name.clone();
    // An interface that the INF does not know has no values: Windows passes it over. A driver that names its filters itself writes some
    // (inferred: public drivers whose endpoints appear copy them from a template of the INF, for KSCATEGORY_AUDIO alone).
    let mut listed = plan.interfaces.iter();
    let own = names_itself && !listed.any(|one| one.reference.eq_ignore_ascii_case(&name));
    let known = |category: &Guid| {
        (own || install::registers(plan, category, &name))
            && link(pdo, &guid_of(category), &name).is_some()
    };
    let interfaces = CATEGORIES.into_iter().filter(known).collect();
    let Some(bound) = subdevice.port.bound() else {
        return Filter {
            name,
            interfaces,
            ..Filter::default()
        };
    };
    let description = &bound.description;
    let pins = description.pins.iter().map(|pin| Pin {
        flow: if pin.flow == KSPIN_DATAFLOW_IN {
            Flow::In
        } else {
            Flow::Out
        },
        communication: pin.communication,
        category: pin.category,
        name: pin.name,
        streams: pin.ranges.iter().any(crate::portcls::streams),
    });
    let end = |node: u32, pin: u32| ((node != KSFILTER_NODE).then_some(node), pin);
    let connections = description.connections.iter().map(|one| Connection {
        from: end(one.FromNode, one.FromNodePin),
        to: end(one.ToNode, one.ToNodePin),
    });
    Filter {
        name,
        interfaces,
        pins: pins.collect(),
        connections: connections.collect(),
    }
}

/// Whether the INF knows nothing of the filter, and its driver wrote itself what an INF would have.
fn is_own(pdo: *mut DeviceObject, plan: &InstallPlan, name: &str) -> bool {
    let mut listed = plan.interfaces.iter();
    if listed.any(|one| one.reference.eq_ignore_ascii_case(name)) {
        return false;
    }
    let audio = link(pdo, &guid_of(&CATEGORIES[0]), name);
    let key = audio.and_then(|link| interface::registry_key(&link));
    key.is_some_and(|key| !key.values().is_empty() || !key.subkeys().is_empty())
}

fn links(adapter: &Adapter, subdevices: &[Rc<Subdevice>]) -> Vec<Link> {
    let place = |port: &Rc<Port>| {
        subdevices
            .iter()
            .position(|one| Rc::ptr_eq(&one.port, port))
    };
    let link = |(from, from_pin, to, to_pin)| {
        Some(Link {
            from: End {
                filter: place(from)?,
                pin: from_pin,
            },
            to: End {
                filter: place(to)?,
                pin: to_pin,
            },
        })
    };
    let connections = adapter.connections();
    connections
        .iter()
        .filter_map(|one| link((&one.from, one.from_pin, &one.to, one.to_pin)))
        .collect()
}
