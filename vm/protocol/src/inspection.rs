//! What an installed device offers, as data: interfaces, filters, pins, nodes, connections, endpoints, and the endpoints
//! that do not come about with the rule that failed. [`Inspection`] prints itself as a tree.
//!
//! GUIDs are words where ks.h and ksmedia.h have a name for them, else `{…}`.

mod tree;

use serde::{Deserialize, Serialize};

/// One device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The name the INF gives the device.
    pub device: String,
    /// Its hardware id.
    pub hardware_id: String,
    /// Its instance in the device tree, `ROOT\MEDIA\0000` for example.
    pub instance: String,
    /// The service that drives it.
    pub service: String,
    /// What was passed over in its INF: file, line and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// Imports of its driver that nothing serves, as `dll!name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_imports: Vec<String>,
    /// Its device interfaces, in the order of registration.
    pub interfaces: Vec<Interface>,
    /// Its filters, in the order in which the driver registered them.
    pub filters: Vec<Filter>,
    /// Physical connections between filters.
    pub links: Vec<Link>,
    /// The endpoints people see.
    pub endpoints: Vec<EndpointPath>,
    /// Bridge pins that gave no endpoint.
    pub missing: Vec<MissingEndpoint>,
}

/// A device interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its class.
    pub class: String,
    /// Its reference string.
    pub reference: String,
    /// Whether programs can open it.
    pub enabled: bool,
}

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Its reference string.
    pub name: String,
    /// `wave` or `topology`.
    pub port: String,
    /// Its pins; a pin's number is its place.
    pub pins: Vec<Pin>,
    /// Its nodes; a node's number is its place.
    pub nodes: Vec<Node>,
    /// Connections inside it.
    pub connections: Vec<Connection>,
    /// Properties of the filter itself.
    pub properties: Vec<Property>,
}

/// A pin factory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// `in` or `out`.
    pub flow: String,
    /// `sink`, `source`, `both`, `bridge` or `none`.
    pub communication: String,
    /// What it is for.
    pub category: Option<String>,
    /// Its name, looked up as Windows does.
    pub name: Option<String>,
    /// How many clients may have it open.
    pub instances: u32,
    /// What it takes.
    pub ranges: Vec<Range>,
    /// Its signal-processing modes.
    pub modes: Vec<String>,
    /// Properties of the pin.
    pub properties: Vec<Property>,
}

/// A data range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// Sub-format, `PCM` for example.
    pub format: String,
    /// Limits, when it is a range of audio formats.
    pub audio: Option<AudioLimits>,
}

/// Limits of a `KSDATARANGE_AUDIO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AudioLimits {
    /// Most channels.
    pub channels: u32,
    /// Fewest and most bits per sample.
    pub bits: (u32, u32),
    /// Lowest and highest rate in hertz.
    pub rates: (u32, u32),
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its type.
    pub kind: String,
    /// Its properties.
    pub properties: Vec<Property>,
}

/// A property that a driver's automation table lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Its set.
    pub set: String,
    /// Its number in the set.
    pub id: u32,
    /// `get`, `set`, `basic-support`.
    pub verbs: Vec<String>,
}

/// A pin of a filter (`node` is `None`) or of one of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePin {
    /// The node.
    pub node: Option<u32>,
    /// The pin.
    pub pin: u32,
}

/// A connection inside a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Where data comes from.
    pub from: NodePin,
    /// Where it goes.
    pub to: NodePin,
}

/// A pin of a filter that is named by its place in [`Inspection::filters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterPin {
    /// The filter.
    pub filter: usize,
    /// The pin.
    pub pin: u32,
}

/// A physical connection (`PcRegisterPhysicalConnection`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where data comes from.
    pub from: FilterPin,
    /// Where it goes.
    pub to: FilterPin,
}

/// An endpoint, and the way between it and the pin that a client opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointPath {
    /// The name people see.
    pub name: String,
    /// Whether it renders (else it captures).
    pub render: bool,
    /// `speakers`, `line-connector`, ….
    pub form_factor: String,
    /// The unconnected bridge pin it is.
    pub bridge: FilterPin,
    /// The pin that clients open.
    pub host: FilterPin,
}

/// A bridge pin without an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingEndpoint {
    /// The pin.
    pub bridge: FilterPin,
    /// The rule that failed.
    pub rule: String,
    /// What is wrong, with names and numbers.
    pub text: String,
    /// Where it stands: a line of the INF, or the driver's descriptor.
    pub place: String,
    /// The document that states the rule.
    pub source: String,
}
