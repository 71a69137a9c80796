//! Filters, pins and the connections between them, as the endpoint builder sees them.

use waverig_portcls::Guid;

/// Everything one device offers.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// The filters.
    pub filters: Vec<Filter>,
    /// Physical connections between them.
    pub links: Vec<Link>,
}

/// A filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Its reference string.
    pub name: String,
    /// Categories of its enabled interfaces that the INF registered.
    pub interfaces: Vec<Guid>,
    /// Its pins.
    pub pins: Vec<Pin>,
    /// Connections inside it.
    pub connections: Vec<Connection>,
}

/// Which way data flows through a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Into the filter.
    In,
    /// Out of the filter.
    Out,
}

/// A pin.
#[derive(Clone, Debug)]
pub struct Pin {
    /// Direction.
    pub flow: Flow,
    /// `KSPIN_COMMUNICATION`.
    pub communication: i32,
    /// What it is for.
    pub category: Option<Guid>,
    /// Its name, when it is not the category's.
    pub name: Option<Guid>,
    /// Whether one of its ranges is PCM, AC-3 or WMA audio.
    pub streams: bool,
}

impl Pin {
    /// Whether clients stream through it (`KSPIN_COMMUNICATION_SINK` or `_BOTH`).
    pub fn is_host(&self) -> bool {
        matches!(
            self.communication,
            waverig_portcls::KSPIN_COMMUNICATION_SINK | waverig_portcls::KSPIN_COMMUNICATION_BOTH
        )
    }

    /// Whether it leads to another filter or to the world.
    pub fn is_bridge(&self) -> bool {
        matches!(
            self.communication,
            waverig_portcls::KSPIN_COMMUNICATION_NONE | waverig_portcls::KSPIN_COMMUNICATION_BRIDGE
        )
    }
}

/// One end of a connection inside a filter: a node's pin, or the filter's own (`node` is `None`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Node and pin data comes from.
    pub from: (Option<u32>, u32),
    /// Node and pin data goes to.
    pub to: (Option<u32>, u32),
}

/// A pin of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct End {
    /// Index of the filter.
    pub filter: usize,
    /// The pin.
    pub pin: u32,
}

/// A physical connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where data comes from.
    pub from: End,
    /// Where it goes.
    pub to: End,
}

impl Topology {
    /// Whether a physical connection ends at this pin.
    pub fn is_connected(&self, end: End) -> bool {
        self.links
            .iter()
            .any(|link| link.from == end || link.to == end)
    }

    /// A pin in words: `pin 1 of "TopologyRender"`.
    pub fn name(&self, end: End) -> String {
        format!("pin {} of {:?}", end.pin, self.filters[end.filter].name)
    }
}
