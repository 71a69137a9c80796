//! A filter's description: read from the driver's memory once, checked against the documented rules.

use std::ffi::c_void;

use waverig_portcls::{
    Guid, KSFILTER_NODE, KSPIN_COMMUNICATION_BRIDGE, KSPIN_COMMUNICATION_NONE, KSPIN_DATAFLOW_IN,
    KSPIN_DATAFLOW_OUT, PCCONNECTION_DESCRIPTOR, PCFILTER_DESCRIPTOR, PCNODE_DESCRIPTOR,
    PCPIN_DESCRIPTOR,
};

use super::automation::Automation;
use super::ranges::Range;
use super::rules;
use crate::finding;
use crate::rules::Rule;

/// A filter as its miniport describes it.
pub(crate) struct Description {
    pub(crate) automation: Automation,
    pub(crate) pins: Vec<Pin>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) connections: Vec<PCCONNECTION_DESCRIPTOR>,
    pub(crate) categories: Vec<Guid>,
}

/// A pin factory.
pub(crate) struct Pin {
    /// Where its PCPIN_DESCRIPTOR lies.
    pub(crate) place: usize,
    pub(crate) most: u32,
    pub(crate) most_per_filter: u32,
    pub(crate) automation: Automation,
    pub(crate) flow: i32,
    pub(crate) communication: i32,
    pub(crate) category: Option<Guid>,
    pub(crate) name: Option<Guid>,
    pub(crate) ranges: Vec<Range>,
}

/// A node.
pub(crate) struct Node {
    pub(crate) kind: Guid,
    pub(crate) name: Option<Guid>,
    pub(crate) automation: Automation,
}

/// A value in the driver's memory.
pub(super) fn read<T: Copy>(place: *const T) -> T {
    // SAFETY: the driver says that the value is there; where it is not, the access faults and the report says so.
    unsafe { place.read_unaligned() }
}

/// A value that may be absent.
pub(super) fn read_if<T: Copy>(place: *const T) -> Option<T> {
    (!place.is_null()).then(|| read(place))
}

/// What is being read, for messages.
pub(super) struct Reader<'a> {
    pub(super) filter: &'a str,
}

impl Reader<'_> {
    pub(super) fn broken(&self, rule: &'static Rule, text: &str) {
        finding::raise(rule, format!("filter {:?}: {text}", self.filter));
    }

    /// Addresses of the items of an array whose items may be larger than the structure they begin with.
    fn items<T>(&self, what: &str, first: *const T, count: u32, size: u32) -> Vec<*const T> {
        if count == 0 {
            return Vec::new();
        }
        if first.is_null() {
            self.broken(
                &rules::DESCRIPTION,
                &format!("{count} {what} but no array of them"),
            );
            return Vec::new();
        }
        if (size as usize) < size_of::<T>() || !size.is_multiple_of(8) {
            let text = format!(
                "{what} of {size} bytes; they must have at least {} and a multiple of 8",
                size_of::<T>()
            );
            self.broken(&rules::DESCRIPTION, &text);
            return Vec::new();
        }
        (0..count as usize)
            .map(|index| first.wrapping_byte_add(index * size as usize))
            .collect()
    }
}

/// Reads the description at `place`; what is wrong with it becomes findings.
pub(crate) fn read_description(filter: &str, place: *const PCFILTER_DESCRIPTOR) -> Description {
    let reader = Reader { filter };
    let head = read(place);
    if head.Version != 0 {
        reader.broken(
            &rules::DESCRIPTION,
            &format!("its Version is {}, not 0", head.Version),
        );
    }
    let pins = reader.items("pins", head.Pins, head.PinCount, head.PinSize);
    let pins: Vec<Pin> = (0..)
        .zip(pins)
        .map(|(index, place)| pin(&reader, index, place))
        .collect();
    let nodes = reader.items("nodes", head.Nodes, head.NodeCount, head.NodeSize);
    let nodes: Vec<Node> = (0..)
        .zip(nodes)
        .filter_map(|(index, place)| node(&reader, index, &read(place)))
        .collect();
    check_names(&reader, &nodes);
    let size = size_of::<PCCONNECTION_DESCRIPTOR>() as u32;
    let connections = reader.items("connections", head.Connections, head.ConnectionCount, size);
    let connections: Vec<PCCONNECTION_DESCRIPTOR> = connections.into_iter().map(read).collect();
    for (index, connection) in connections.iter().enumerate() {
        if let Err(text) = check_connection(connection, &pins, nodes.len()) {
            reader.broken(&rules::CONNECTION, &format!("connection {index} {text}"));
        }
    }
    let categories = if head.CategoryCount > 0 && head.Categories.is_null() {
        reader.broken(
            &rules::DESCRIPTION,
            &format!("{} categories but no array of them", head.CategoryCount),
        );
        Vec::new()
    } else {
        (0..head.CategoryCount as usize)
            .map(|index| read(head.Categories.wrapping_add(index)))
            .collect()
    };
    let automation = Automation::read(&reader, "the filter", head.AutomationTable);
    Description {
        automation,
        pins,
        nodes,
        connections,
        categories,
    }
}

fn pin(reader: &Reader<'_>, index: u32, place: *const PCPIN_DESCRIPTOR) -> Pin {
    let from = &read(place);
    let ks = &from.KsPinDescriptor;
    let broken =
        |text: &str| reader.broken(&rules::PIN_DESCRIPTION, &format!("pin {index} {text}"));
    if ks.DataFlow != KSPIN_DATAFLOW_IN && ks.DataFlow != KSPIN_DATAFLOW_OUT {
        broken(&format!("has the data flow {}", ks.DataFlow));
    }
    if !(KSPIN_COMMUNICATION_NONE..=KSPIN_COMMUNICATION_BRIDGE).contains(&ks.Communication) {
        broken(&format!("has the communication {}", ks.Communication));
    }
    let bridge = matches!(
        ks.Communication,
        KSPIN_COMMUNICATION_NONE | KSPIN_COMMUNICATION_BRIDGE
    );
    let counts = [
        from.MaxGlobalInstanceCount,
        from.MaxFilterInstanceCount,
        from.MinFilterInstanceCount,
    ];
    if bridge && counts != [0; 3] {
        broken(&format!(
            "is a bridge pin with the instance counts {counts:?}; they must be 0"
        ));
    }
    if bridge && !from.AutomationTable.is_null() {
        broken("is a bridge pin with an automation table");
    }
    if !bridge && from.MaxFilterInstanceCount < from.MinFilterInstanceCount {
        broken(&format!("needs more instances than it allows: {counts:?}"));
    }
    if ks.DataRangesCount == 0 {
        broken("has no data ranges");
    }
    Pin {
        place: place as usize,
        most: from.MaxGlobalInstanceCount,
        most_per_filter: from.MaxFilterInstanceCount,
        automation: Automation::read(reader, &format!("pin {index}"), from.AutomationTable),
        flow: ks.DataFlow,
        communication: ks.Communication,
        category: read_if(ks.Category),
        name: read_if(ks.Name),
        ranges: Range::read_all(
            reader,
            index,
            ks.DataRanges.cast::<*const c_void>(),
            ks.DataRangesCount,
        ),
    }
}

fn node(reader: &Reader<'_>, index: u32, from: &PCNODE_DESCRIPTOR) -> Option<Node> {
    if from.Flags != 0 {
        reader.broken(
            &rules::NODE_DESCRIPTION,
            &format!("node {index} has the flags {:#x}, not 0", from.Flags),
        );
    }
    let Some(kind) = read_if(from.Type) else {
        reader.broken(
            &rules::NODE_DESCRIPTION,
            &format!("node {index} has no type"),
        );
        return None;
    };
    let automation = Automation::read(reader, &format!("node {index}"), from.AutomationTable);
    Some(Node {
        kind,
        name: read_if(from.Name),
        automation,
    })
}

fn check_names(reader: &Reader<'_>, nodes: &[Node]) {
    for (index, node) in nodes.iter().enumerate() {
        if node.name.is_none() && nodes.iter().filter(|other| other.kind == node.kind).count() > 1 {
            let text = format!(
                "node {index} has no name, and another node has its type {}",
                node.kind
            );
            reader.broken(&rules::NODE_DESCRIPTION, &text);
        }
    }
}

fn check_connection(
    connection: &PCCONNECTION_DESCRIPTOR,
    pins: &[Pin],
    nodes: usize,
) -> Result<(), String> {
    let end = |node: u32, pin: u32, side: &str, flow: i32| {
        if node != KSFILTER_NODE {
            return if (node as usize) < nodes {
                Ok(())
            } else {
                Err(format!("{side} node {node} of {nodes}"))
            };
        }
        match pins.get(pin as usize) {
            None => Err(format!("{side} pin {pin} of {}", pins.len())),
            Some(one) if one.flow != flow => Err(format!(
                "{side} pin {pin}, through which data flows the other way"
            )),
            Some(_) => Ok(()),
        }
    };
    end(
        connection.FromNode,
        connection.FromNodePin,
        "comes from",
        KSPIN_DATAFLOW_IN,
    )?;
    end(
        connection.ToNode,
        connection.ToNodePin,
        "goes to",
        KSPIN_DATAFLOW_OUT,
    )
}
