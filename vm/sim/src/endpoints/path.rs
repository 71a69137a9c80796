//! From a bridge pin back to the pin that a client opens.

use std::collections::HashSet;

use super::{End, Flow, Topology};

/// Where the way from a bridge pin leads.
pub(super) enum Path {
    /// To a pin that clients open and that takes audio.
    Host(End),
    /// Nowhere.
    Broken {
        /// The last pin that was reached.
        at: End,
        /// Why it goes no further.
        reason: &'static str,
    },
}

/// Follows connections from the bridge pin `start`, against the flow when it renders, with it when it captures.
pub(super) fn trace(topology: &Topology, start: End) -> Path {
    let upstream = topology.filters[start.filter].pins[start.pin as usize].flow == Flow::Out;
    let mut seen = HashSet::new();
    let mut open = vec![start];
    // The first dead end is the one to report: it lies on the first path an author would follow.
    let mut broken = None;
    while let Some(end) = open.pop() {
        if !seen.insert(end) {
            continue;
        }
        let reached = inside(topology, end, upstream);
        if reached.is_empty() {
            broken.get_or_insert((end, "no connection inside the filter leads on from it"));
        }
        for other in reached {
            let pin = &topology.filters[other.filter].pins[other.pin as usize];
            if pin.is_host() {
                if pin.streams {
                    return Path::Host(other);
                }
                broken.get_or_insert((
                    other,
                    "clients can open it, but none of its data ranges is PCM, AC-3 or WMA",
                ));
                continue;
            }
            let beyond = across(topology, other, upstream);
            if beyond.is_none() {
                broken.get_or_insert((
                    other,
                    "it is a bridge pin, and no physical connection continues there",
                ));
            }
            open.extend(beyond);
        }
    }
    let (at, reason) = broken.unwrap_or((start, "its connections go round in a circle"));
    Path::Broken { at, reason }
}

/// Pins of the same filter that data at `end` comes from (or goes to).
fn inside(topology: &Topology, end: End, upstream: bool) -> Vec<End> {
    let filter = &topology.filters[end.filter];
    let mut pins = Vec::new();
    let mut nodes = HashSet::new();
    // Places to look from: the filter's pin at first, then whole nodes (any of a node's pins leads to any other).
    let mut open = vec![(None, Some(end.pin))];
    while let Some((node, pin)) = open.pop() {
        for connection in &filter.connections {
            let (near, far) = if upstream {
                (connection.to, connection.from)
            } else {
                (connection.from, connection.to)
            };
            if near.0 != node || pin.is_some_and(|pin| pin != near.1) {
                continue;
            }
            match far {
                (None, pin) if (pin as usize) < filter.pins.len() => pins.push(End {
                    filter: end.filter,
                    pin,
                }),
                (None, _) => {}
                (Some(node), _) => {
                    if nodes.insert(node) {
                        open.push((Some(node), None));
                    }
                }
            }
        }
    }
    pins
}

/// The pin of another filter that `end` is wired to.
fn across(topology: &Topology, end: End, upstream: bool) -> Option<End> {
    topology.links.iter().find_map(|link| {
        let (near, far) = if upstream {
            (link.to, link.from)
        } else {
            (link.from, link.to)
        };
        (near == end).then_some(far)
    })
}
