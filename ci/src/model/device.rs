//! What a perfect machine installs, from the settings of a scenario. Shares nothing with the check that looks at it: it knows the
//! values that scenarios use, no more.

use waverig_protocol::device::{Device, Value};
use waverig_protocol::scenario::{Format, Sample};
use waverig_protocol::{Endpoint, Installed};

/// A number, if it is in a range; else the default, and the driver says so.
fn number(
    log: &mut Vec<String>,
    name: &str,
    value: Option<&Value>,
    most: u32,
    default: u32,
) -> u32 {
    match value {
        None => default,
        Some(Value::Number(number)) if *number > 0 && *number <= most => *number,
        Some(other) => {
            refuse(log, name, other);
            default
        }
    }
}

/// A text, unless it is something else.
fn text(log: &mut Vec<String>, name: &str, value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Text(text) if text.len() <= 60 && !text.contains(|c: char| c < ' ') => {
            Some(text.trim().into()).filter(|text: &String| !text.is_empty())
        }
        other => {
            refuse(log, name, other);
            None
        }
    }
}

fn refuse(log: &mut Vec<String>, name: &str, value: &Value) {
    log.push(format!(
        "0: waverig: {name} in the hardware key is {value:?}; the default stands"
    ));
}

/// What the installation leads to, and the lines that the driver prints.
pub(super) fn installed(device: &Device) -> (Installed, Vec<String>) {
    let mut log = Vec::new();
    let cables = number(&mut log, "Cables", device.cables.as_ref(), 8, 1);
    let channels = number(&mut log, "Channels", device.channels.as_ref(), 16, 2);
    let rate = number(
        &mut log,
        "DefaultRate",
        device.default_rate.as_ref(),
        192_000,
        48_000,
    );
    let sample = text(&mut log, "DefaultSample", device.default_sample.as_ref());
    let sample = match sample.as_deref() {
        Some("pcm16") => Sample::Pcm16,
        Some("float32" | "Float32") => Sample::Float32,
        _ => Sample::Pcm24,
    };
    let proposed = number(
        &mut log,
        "DefaultChannels",
        // What the package writes where nothing is set.
        device.default_channels.as_ref().or(Some(&Value::Number(2))),
        channels,
        channels.min(2),
    );
    let names = [
        ("RenderName", &device.render_name, "waverig output"),
        ("CaptureName", &device.capture_name, "waverig input"),
    ]
    .map(|(name, value, default)| {
        text(&mut log, name, value.as_ref()).unwrap_or_else(|| default.into())
    });
    let mut endpoints = Vec::new();
    for cable in (0..device.nodes).flat_map(|_| 1..=cables) {
        for (render, name) in [true, false].into_iter().zip(&names) {
            let number = if cable > 1 {
                format!(" {cable}")
            } else {
                String::new()
            };
            endpoints.push(Endpoint {
                name: format!("{name}{number} (model)"),
                render,
                form_factor: "speakers".into(),
                filter: format!("Topology{cable}"),
                most_channels: channels,
                proposed: Some(Format {
                    rate,
                    channels: proposed as u16,
                    sample,
                }),
            });
        }
    }
    let driver_sha256 = "0123abcd".into();
    (
        Installed {
            driver_sha256,
            endpoints,
        },
        log,
    )
}
