//! The endpoint builder: from the filters a device offers to the endpoints people see, as Windows'
//! AudioEndpointBuilder service goes about it.
//!
//! Works on plain data ([`Topology`]), so that every rule can be tried with a few lines.
//! Source of the steps: "Audio Endpoint Builder Algorithm" (Windows driver documentation, audio).

mod form_factor;
mod model;
mod path;
pub mod rules;
#[cfg(test)]
mod tests;

pub use form_factor::FormFactor;
pub use model::{Connection, End, Filter, Flow, Link, Pin, Topology};

use path::{Path, trace};
use waverig_portcls::id::{
    KSCATEGORY_AUDIO, KSCATEGORY_CAPTURE, KSCATEGORY_RENDER, KSCATEGORY_TOPOLOGY,
};

use crate::rules::Rule;

/// An endpoint and how audio gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Index of the filter whose unconnected bridge pin it is.
    pub filter: usize,
    /// That pin.
    pub pin: u32,
    /// Whether it renders (else it captures).
    pub render: bool,
    /// What it looks like.
    pub form_factor: FormFactor,
    /// The filter and the pin that a client opens to stream.
    pub host: (usize, u32),
}

/// A bridge pin that gave no endpoint.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Index of the filter.
    pub filter: usize,
    /// The pin.
    pub pin: u32,
    /// The rule that failed.
    pub rule: &'static Rule,
    /// What is wrong, with names and numbers.
    pub text: String,
    /// Where that stands.
    pub at: Fault,
}

/// Where the reason for a missing endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// In the descriptor of a pin.
    Pin(End),
    /// In the INF: it registers no interface of this category for the filter of this index.
    Interface {
        /// Index of the filter.
        filter: usize,
        /// The category.
        category: waverig_portcls::Guid,
    },
}

/// What the builder made of a topology.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// The endpoints, in the order of filters and pins.
    pub endpoints: Vec<Endpoint>,
    /// Bridge pins without an endpoint.
    pub missing: Vec<Missing>,
}

/// Walks every unconnected bridge pin of `topology`.
pub fn build(topology: &Topology) -> Built {
    let mut built = Built::default();
    for (filter, description) in topology.filters.iter().enumerate() {
        for (pin, one) in (0..).zip(&description.pins) {
            let end = End { filter, pin };
            if !one.is_bridge() || topology.is_connected(end) {
                continue;
            }
            match endpoint(topology, end) {
                Ok(endpoint) => built.endpoints.push(endpoint),
                Err((rule, text, at)) => built.missing.push(Missing {
                    filter,
                    pin,
                    rule,
                    text,
                    at,
                }),
            }
        }
    }
    // A bridge pin that failed tells why; without any there is nobody else to tell.
    if built.missing.is_empty() {
        built.missing = unreached(topology, &built.endpoints);
    }
    built
}

/// The filters whose pins for clients no endpoint leads to: nothing on the way from them is a bridge pin to the world.
fn unreached(topology: &Topology, endpoints: &[Endpoint]) -> Vec<Missing> {
    let filters = topology.filters.iter().enumerate();
    let lonely = filters.filter(|(index, _)| endpoints.iter().all(|one| one.host.0 != *index));
    lonely
        .filter_map(|(filter, description)| {
            let host = |pin: &Pin| pin.is_host() && pin.streams;
            let pin = description.pins.iter().position(host)? as u32;
            let end = End { filter, pin };
            let text = format!(
                "clients can open {}, but no way leads from it to an unconnected bridge pin (KSPIN_COMMUNICATION_NONE or _BRIDGE), which \
                 is what an endpoint is made of",
                topology.name(end)
            );
            Some(Missing {
                filter,
                pin,
                rule: &rules::UNREACHED,
                text,
                at: Fault::Pin(end),
            })
        })
        .collect()
}

type Failure = (&'static Rule, String, Fault);

fn endpoint(topology: &Topology, end: End) -> Result<Endpoint, Failure> {
    let filter = &topology.filters[end.filter];
    let pin = &filter.pins[end.pin as usize];
    let name = topology.name(end);
    let Some(form_factor) = pin.category.and_then(|category| FormFactor::of(&category)) else {
        let category = pin.category.map_or("no category".into(), |category| {
            format!("the category {category}")
        });
        return Err((
            &rules::BRIDGE_CATEGORY,
            format!(
                "{name} is an unconnected bridge pin with {category}, which stands for no kind of endpoint; connect it \
                 with PcRegisterPhysicalConnection, or give it a category such as KSNODETYPE_SPEAKER"
            ),
            Fault::Pin(end),
        ));
    };
    let render = pin.flow == Flow::Out;
    for (category, what) in [
        (KSCATEGORY_AUDIO, "KSCATEGORY_AUDIO"),
        (KSCATEGORY_TOPOLOGY, "KSCATEGORY_TOPOLOGY"),
    ] {
        enabled(topology, end.filter, &category, what)?;
    }
    let host = match trace(topology, end) {
        Path::Host(host) => host,
        Path::Broken { at, reason } => {
            return Err((
                &rules::NO_PATH,
                format!(
                    "the path from {name} ends at {}: {reason}",
                    topology.name(at)
                ),
                Fault::Pin(at),
            ));
        }
    };
    let (category, what) = if render {
        (KSCATEGORY_RENDER, "KSCATEGORY_RENDER")
    } else {
        (KSCATEGORY_CAPTURE, "KSCATEGORY_CAPTURE")
    };
    let wave = host.filter;
    enabled(topology, wave, &KSCATEGORY_AUDIO, "KSCATEGORY_AUDIO")?;
    enabled(topology, wave, &category, what)?;
    Ok(Endpoint {
        filter: end.filter,
        pin: end.pin,
        render,
        form_factor,
        host: (host.filter, host.pin),
    })
}

fn enabled(
    topology: &Topology,
    index: usize,
    category: &waverig_portcls::Guid,
    what: &str,
) -> Result<(), Failure> {
    let filter = &topology.filters[index];
    if filter.interfaces.contains(category) {
        return Ok(());
    }
    Err((
        &rules::INTERFACE_MISSING,
        format!(
            "the filter {:?} has no enabled interface of {what} that the INF knows; its AddInterface line and the name \
             given to PcRegisterSubdevice must be the same reference string",
            filter.name
        ),
        Fault::Interface {
            filter: index,
            category: *category,
        },
    ))
}
