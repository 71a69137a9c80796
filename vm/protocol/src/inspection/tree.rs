//! An inspection for people: a tree, from what Windows shows down to what the driver describes.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use super::{Filter, FilterPin, Inspection, NodePin, Pin, Property, Range};

/// A line of the tree with what hangs below it.
struct Branch {
    text: String,
    below: Vec<Branch>,
}

fn leaf(text: impl Into<String>) -> Branch {
    branch(text, Vec::new())
}

fn branch(text: impl Into<String>, below: Vec<Branch>) -> Branch {
    Branch {
        text: text.into(),
        below,
    }
}

impl Display for Inspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({}, {}, service {})",
            self.device, self.hardware_id, self.instance, self.service
        )?;
        let parts = [
            branch("endpoints", self.endpoints()),
            branch("filters", self.filters.iter().map(filter).collect()),
            branch("device interfaces", self.interfaces()),
        ];
        below(f, &parts, "")
    }
}

impl Inspection {
    fn endpoints(&self) -> Vec<Branch> {
        let there = self.endpoints.iter().map(|one| {
            let kind = if one.render { "playback" } else { "recording" };
            let way = self.way(one.bridge, one.host).into_iter().map(leaf);
            branch(
                format!("{:?}: {kind}, {}", one.name, one.form_factor),
                way.collect(),
            )
        });
        let missing = self.missing.iter().map(|one| {
            branch(
                format!("no endpoint for {}", self.pin(one.bridge)),
                vec![
                    leaf(one.text.clone()),
                    leaf(one.place.clone()),
                    leaf(format!("rule {} ({})", one.rule, one.source)),
                ],
            )
        });
        there.chain(missing).collect()
    }

    /// The way from an endpoint's bridge pin to the pin that clients open, a step a line.
    fn way(&self, bridge: FilterPin, host: FilterPin) -> Vec<String> {
        let mut lines = Vec::new();
        let mut at = bridge;
        // A path visits each filter once at most.
        for _ in &self.filters {
            let through = self.nodes_of(at.filter);
            lines.push(match self.category(at) {
                Some(category) => format!("{}, {category}", self.pin(at)),
                None => self.pin(at),
            });
            if !through.is_empty() {
                lines.push(format!("nodes {through}"));
            }
            let near = if at.filter == host.filter {
                host
            } else {
                match self.other_side(at) {
                    Some(near) => near,
                    None => break,
                }
            };
            lines.push(if near == host {
                format!("{}: the pin that clients open", self.pin(near))
            } else {
                self.pin(near)
            });
            if near == host {
                break;
            }
            match self.across(near) {
                Some(next) => {
                    lines.push("a physical connection (PcRegisterPhysicalConnection)".into());
                    at = next;
                }
                None => break,
            }
        }
        lines
    }

    /// The filter's other pin that is wired to another filter.
    fn other_side(&self, at: FilterPin) -> Option<FilterPin> {
        let pins = self.filters.get(at.filter)?.pins.len() as u32;
        (0..pins)
            .map(|pin| FilterPin { pin, ..at })
            .find(|pin| *pin != at && self.across(*pin).is_some())
    }

    fn across(&self, pin: FilterPin) -> Option<FilterPin> {
        self.links.iter().find_map(|link| match link {
            link if link.from == pin => Some(link.to),
            link if link.to == pin => Some(link.from),
            _ => None,
        })
    }

    fn nodes_of(&self, filter: usize) -> String {
        let nodes = self.filters.get(filter).map(|filter| &filter.nodes);
        let kinds: Vec<&str> = nodes
            .into_iter()
            .flatten()
            .map(|node| node.kind.as_str())
            .collect();
        kinds.join(", ")
    }

    fn category(&self, at: FilterPin) -> Option<&str> {
        let pin = self.filters.get(at.filter)?.pins.get(at.pin as usize)?;
        pin.category.as_deref()
    }

    fn pin(&self, at: FilterPin) -> String {
        let name = self
            .filters
            .get(at.filter)
            .map_or("?", |filter| filter.name.as_str());
        format!("pin {} of {name}", at.pin)
    }

    fn interfaces(&self) -> Vec<Branch> {
        let mut by_name: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
        for one in &self.interfaces {
            let (enabled, other) = by_name.entry(&one.reference).or_default();
            if one.enabled { enabled } else { other }.push(&one.class);
        }
        let mut unused = Vec::new();
        let mut branches = Vec::new();
        for (name, (enabled, other)) in by_name {
            if enabled.is_empty() {
                unused.push(name);
                continue;
            }
            let mut text = format!("{name}: {}", enabled.join(", "));
            if !other.is_empty() {
                text += &format!(" (registered and not enabled: {})", other.join(", "));
            }
            branches.push(leaf(text));
        }
        if !unused.is_empty() {
            branches.push(leaf(format!(
                "registered and not enabled: {}",
                unused.join(", ")
            )));
        }
        branches
    }
}

fn filter(one: &Filter) -> Branch {
    let mut below = Vec::new();
    below.extend((0..).zip(&one.pins).map(|(number, one)| pin(number, one)));
    below.extend((0..).zip(&one.nodes).map(|(number, node)| {
        let number: u32 = number;
        branch(
            format!("node {number}: {}", node.kind),
            properties(&node.properties),
        )
    }));
    below.extend(one.connections.iter().map(|connection| {
        leaf(format!(
            "connection: {} to {}",
            end(connection.from),
            end(connection.to)
        ))
    }));
    below.extend(properties(&one.properties));
    branch(format!("{} ({} port)", one.name, one.port), below)
}

fn end(end: NodePin) -> String {
    match end.node {
        None => format!("pin {}", end.pin),
        Some(node) => format!("pin {} of node {node}", end.pin),
    }
}

fn pin(number: u32, pin: &Pin) -> Branch {
    let mut text = format!("pin {number}: {}, {}", pin.flow, pin.communication);
    if pin.instances > 0 {
        text += &format!(", {} at a time", pin.instances);
    }
    for what in [&pin.category, &pin.name].into_iter().flatten() {
        text += &format!(", {what}");
    }
    let mut below: Vec<Branch> = ranges(&pin.ranges).into_iter().map(leaf).collect();
    if !pin.modes.is_empty() {
        below.push(leaf(format!("modes: {}", pin.modes.join(", "))));
    }
    below.extend(properties(&pin.properties));
    branch(text, below)
}

/// Ranges that differ in their rate alone share a line.
fn ranges(ranges: &[Range]) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for range in ranges {
        let Some(audio) = range.audio else {
            lines.push((range.format.clone(), Vec::new()));
            continue;
        };
        let span = |(least, most): (u32, u32)| match least == most {
            true => least.to_string(),
            false => format!("{least} to {most}"),
        };
        let head = format!(
            "{} {} bit, up to {} channels",
            range.format,
            span(audio.bits),
            audio.channels
        );
        let rate = span(audio.rates);
        match lines.iter_mut().find(|(known, _)| *known == head) {
            Some((_, rates)) => rates.push(rate),
            None => lines.push((head, vec![rate])),
        }
    }
    let line = |(head, rates): (String, Vec<String>)| match rates.is_empty() {
        true => head,
        false => format!("{head}, {} Hz", rates.join(", ")),
    };
    lines.into_iter().map(line).collect()
}

fn properties(all: &[Property]) -> Vec<Branch> {
    let one = |property: &Property| {
        leaf(format!(
            "property {} {}: {}",
            property.set,
            property.id,
            property.verbs.join(", ")
        ))
    };
    all.iter().map(one).collect()
}

fn below(f: &mut Formatter<'_>, branches: &[Branch], indent: &str) -> fmt::Result {
    for (index, one) in branches.iter().enumerate() {
        let last = index + 1 == branches.len();
        let (mark, deeper) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        writeln!(f, "{indent}{mark}{}", one.text)?;
        below(f, &one.below, &format!("{indent}{deeper}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::*;

    fn sample() -> Inspection {
        let pin = |flow: &str, communication: &str, category: &str| Pin {
            flow: flow.into(),
            communication: communication.into(),
            category: Some(category.into()),
            ..Pin::default()
        };
        let range = |rate| Range {
            format: "PCM".into(),
            audio: Some(AudioLimits {
                channels: 2,
                bits: (16, 16),
                rates: (rate, rate),
            }),
        };
        let wave = Filter {
            name: "Wave".into(),
            port: "wave".into(),
            pins: vec![
                Pin {
                    instances: 1,
                    ranges: vec![range(44_100), range(48_000)],
                    modes: vec!["RAW".into()],
                    ..pin("in", "sink", "KSCATEGORY_AUDIO")
                },
                pin("out", "none", "KSCATEGORY_AUDIO"),
            ],
            ..Filter::default()
        };
        let topology = Filter {
            name: "Topo".into(),
            port: "topology".into(),
            pins: vec![
                pin("in", "none", "KSCATEGORY_AUDIO"),
                pin("out", "none", "KSNODETYPE_SPEAKER"),
            ],
            nodes: vec![Node {
                kind: "KSNODETYPE_MUTE".into(),
                properties: vec![Property {
                    set: "KSPROPSETID_Audio".into(),
                    id: 13,
                    verbs: vec!["get".into(), "set".into()],
                }],
            }],
            ..Filter::default()
        };
        let at = |filter, pin| FilterPin { filter, pin };
        Inspection {
            passed_over: Vec::new(),
            missing_imports: Vec::new(),
            device: "a device".into(),
            hardware_id: "Root\\x".into(),
            instance: "ROOT\\MEDIA\\0000".into(),
            service: "x".into(),
            interfaces: vec![
                Interface {
                    class: "KSCATEGORY_AUDIO".into(),
                    reference: "Wave".into(),
                    enabled: true,
                },
                Interface {
                    class: "KSCATEGORY_AUDIO".into(),
                    reference: "Wave2".into(),
                    enabled: false,
                },
            ],
            filters: vec![wave, topology],
            links: vec![Link {
                from: at(0, 1),
                to: at(1, 0),
            }],
            endpoints: vec![EndpointPath {
                name: "out (a device)".into(),
                render: true,
                form_factor: "speakers".into(),
                bridge: at(1, 1),
                host: at(0, 0),
            }],
            missing: Vec::new(),
        }
    }

    #[test]
    fn the_tree_tells_the_whole_way() {
        let expect = "\
a device (Root\\x, ROOT\\MEDIA\\0000, service x)
├─ endpoints
│  └─ \"out (a device)\": playback, speakers
│     ├─ pin 1 of Topo, KSNODETYPE_SPEAKER
│     ├─ nodes KSNODETYPE_MUTE
│     ├─ pin 0 of Topo
│     ├─ a physical connection (PcRegisterPhysicalConnection)
│     ├─ pin 1 of Wave, KSCATEGORY_AUDIO
│     └─ pin 0 of Wave: the pin that clients open
├─ filters
│  ├─ Wave (wave port)
│  │  ├─ pin 0: in, sink, 1 at a time, KSCATEGORY_AUDIO
│  │  │  ├─ PCM 16 bit, up to 2 channels, 44100, 48000 Hz
│  │  │  └─ modes: RAW
│  │  └─ pin 1: out, none, KSCATEGORY_AUDIO
│  └─ Topo (topology port)
│     ├─ pin 0: in, none, KSCATEGORY_AUDIO
│     ├─ pin 1: out, none, KSNODETYPE_SPEAKER
│     └─ node 0: KSNODETYPE_MUTE
│        └─ property KSPROPSETID_Audio 13: get, set
└─ device interfaces
   ├─ Wave: KSCATEGORY_AUDIO
   └─ registered and not enabled: Wave2
";
        assert_eq!(sample().to_string(), expect);
    }

    #[test]
    fn an_endpoint_that_is_missing_is_told_with_its_rule() {
        let mut inspection = sample();
        inspection.endpoints.clear();
        inspection.missing.push(MissingEndpoint {
            bridge: FilterPin { filter: 1, pin: 1 },
            rule: "endpoint-path".into(),
            text: "the path ends at pin 0 of Topo".into(),
            place: "card.inf:12".into(),
            source: "a document".into(),
        });
        let text = inspection.to_string();
        for words in [
            "no endpoint for pin 1 of Topo",
            "the path ends at pin 0",
            "card.inf:12",
            "rule endpoint-path (a document)",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_damaged_inspection_still_prints() {
        let mut inspection = sample();
        inspection.endpoints[0].bridge = FilterPin { filter: 9, pin: 9 };
        inspection.links.clear();
        assert!(inspection.to_string().contains("pin 9 of ?"));
    }
}
