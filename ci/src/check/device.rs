//! Whether the device is what its settings make of it: endpoints, names and formats; and whether every wrong setting was told.
//!
//! The settings are read here as people read docs/settings.md, without a look at how the driver does it.

use waverig_protocol::Endpoint;
use waverig_protocol::device::{Device, Value};
use waverig_protocol::scenario::{Format, Sample};

use super::{Context, Judgement, Outcome, first_few};

const RATES: [u32; 11] = [
    8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000,
];

/// Every setting.
const NAMES: [&str; 7] = [
    "Cables",
    "Channels",
    "DefaultRate",
    "DefaultSample",
    "DefaultChannels",
    "RenderName",
    "CaptureName",
];

/// What the settings mean.
struct Meant {
    nodes: u32,
    /// Of each node.
    cables: u32,
    channels: u32,
    format: Format,
    render: String,
    capture: String,
    /// Names of those that cannot be taken.
    wrong: Vec<&'static str>,
}

/// A value that has the shape of its type.
enum Shape {
    Number(u32),
    Text(String),
}

fn shape(value: &Value) -> Option<Shape> {
    match value {
        Value::Number(number) => Some(Shape::Number(*number)),
        Value::Text(text) => Some(Shape::Text(text.clone())),
        Value::Raw { kind: 4, bytes } => {
            let four = bytes.as_slice().try_into().ok()?;
            Some(Shape::Number(u32::from_le_bytes(four)))
        }
        Value::Raw { kind: 1, bytes } if bytes.len().is_multiple_of(2) => {
            let units = bytes
                .chunks_exact(2)
                .map(|two| u16::from_le_bytes([two[0], two[1]]));
            let mut units: Vec<u16> = units.collect();
            units.pop_if(|last| *last == 0);
            String::from_utf16(&units).ok().map(Shape::Text)
        }
        Value::Raw { .. } => None,
    }
}

fn number(value: &Value, allowed: impl Fn(u32) -> bool) -> Option<u32> {
    match shape(value)? {
        Shape::Number(number) => Some(number).filter(|number| allowed(*number)),
        Shape::Text(_) => None,
    }
}

fn sample(value: &Value) -> Option<Sample> {
    match shape(value)? {
        Shape::Text(text) => match text.to_lowercase().as_str() {
            "pcm16" => Some(Sample::Pcm16),
            "pcm24" => Some(Sample::Pcm24),
            "pcm24-in32" => Some(Sample::Pcm24In32),
            "pcm32" => Some(Sample::Pcm32),
            "float32" => Some(Sample::Float32),
            _ => None,
        },
        Shape::Number(_) => None,
    }
}

/// A name, or `default` for an empty one.
fn name(value: &Value, default: &str) -> Option<String> {
    let Shape::Text(text) = shape(value)? else {
        return None;
    };
    let text = text.trim_matches(' ');
    // Marks that do not print, or that change the direction of what follows.
    let marks = [
        '\u{200B}'..='\u{200F}',
        '\u{2028}'..='\u{202E}',
        '\u{2060}'..='\u{206F}',
    ];
    let prints = |c: char| {
        !c.is_control()
            && !marks.iter().any(|range| range.contains(&c))
            && !matches!(c, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
    };
    let whole = text.chars().all(prints) && text.encode_utf16().count() <= 60;
    whole.then(|| if text.is_empty() { default } else { text }.to_owned())
}

/// Cables of each node, as the settings say.
pub(super) fn cables_of(device: &Device) -> u32 {
    meant(device).cables
}

fn meant(device: &Device) -> Meant {
    let mut wrong = Vec::new();
    fn take<T>(
        wrong: &mut Vec<&'static str>,
        name: &'static str,
        value: &Option<Value>,
        default: T,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> T {
        let Some(value) = value else { return default };
        read(value).unwrap_or_else(|| {
            wrong.push(name);
            default
        })
    }
    let cables = take(&mut wrong, "Cables", &device.cables, 1, |value| {
        number(value, |cables| (1..=8).contains(&cables))
    });
    let channels = take(&mut wrong, "Channels", &device.channels, 2, |value| {
        number(value, |channels| (1..=16).contains(&channels))
    });
    let rate = take(
        &mut wrong,
        "DefaultRate",
        &device.default_rate,
        48_000,
        |value| number(value, |rate| RATES.contains(&rate)),
    );
    let samples = take(
        &mut wrong,
        "DefaultSample",
        &device.default_sample,
        Sample::Pcm24,
        sample,
    );
    // The package writes 2 where nothing stands, which is more than a device with one channel has.
    let default = device.default_channels.clone().or(Some(Value::Number(2)));
    let least = channels.min(2);
    let proposed = take(&mut wrong, "DefaultChannels", &default, least, |value| {
        number(value, |proposed| (1..=channels).contains(&proposed))
    });
    let (output, input) = ("waverig output", "waverig input");
    Meant {
        nodes: device.nodes.into(),
        cables,
        channels,
        format: Format {
            rate,
            channels: proposed as u16,
            sample: samples,
        },
        render: take(
            &mut wrong,
            "RenderName",
            &device.render_name,
            output.into(),
            |value| name(value, output),
        ),
        capture: take(
            &mut wrong,
            "CaptureName",
            &device.capture_name,
            input.into(),
            |value| name(value, input),
        ),
        wrong,
    }
}

impl Meant {
    /// What is wrong with the endpoints of one direction.
    fn endpoints(&self, render: bool, listed: &[Endpoint]) -> Vec<String> {
        let (what, base) = if render {
            ("playback", &self.render)
        } else {
            ("recording", &self.capture)
        };
        let listed: Vec<_> = listed
            .iter()
            .filter(|endpoint| endpoint.render == render)
            .collect();
        let mut complaints = Vec::new();
        if listed.len() != (self.nodes * self.cables) as usize {
            complaints.push(format!(
                "{} {what} endpoint(s) where {} cable(s) of {} node(s) were set",
                listed.len(),
                self.cables,
                self.nodes
            ));
        }
        let numbers = (0..self.nodes).flat_map(|_| 1..=self.cables);
        for (number, endpoint) in numbers.zip(listed) {
            let name = if number == 1 {
                base.clone()
            } else {
                format!("{base} {number}")
            };
            if !endpoint.name.starts_with(&format!("{name} (")) {
                complaints.push(format!(
                    "{what} endpoint {number} is called {:?}, not {name:?}",
                    endpoint.name
                ));
            }
            if endpoint.most_channels != self.channels {
                complaints.push(format!(
                    "{what} endpoint {number} takes up to {} channels, not {}",
                    endpoint.most_channels, self.channels
                ));
            }
            if endpoint.proposed != Some(self.format) {
                let proposed = endpoint
                    .proposed
                    .map_or("nothing".into(), |format| format!("{format:?}"));
                complaints.push(format!(
                    "{what} endpoint {number} proposes {proposed}, not {:?}",
                    self.format
                ));
            }
        }
        complaints
    }
}

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let Some(installed) = &context.evidence.installed else {
        return Err("the package was not installed".into());
    };
    let meant = meant(&context.file.scenario.device);
    let mut complaints = meant.endpoints(true, &installed.endpoints);
    complaints.extend(meant.endpoints(false, &installed.endpoints));
    for name in NAMES {
        let words = format!("waverig: {name} in the hardware key is ");
        let told = context
            .evidence
            .log
            .iter()
            .any(|line| line.contains(&words));
        match (meant.wrong.contains(&name), told) {
            (true, false) => complaints.push(format!(
                "the driver does not tell that {name} cannot be taken"
            )),
            (false, true) => complaints.push(format!(
                "the driver tells that {name} cannot be taken, which is right"
            )),
            _ => {}
        }
    }
    let observed = format!(
        "{} endpoint(s), {} setting(s) not taken",
        installed.endpoints.len(),
        meant.wrong.len()
    );
    Outcome::new("as set", observed, &first_few(complaints))
}
