//! What is played to a driver that has no scenarios of its own: the format that it proposes, in the way that its port takes audio.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use waverig_ci::scenario::ScenarioFile;
use waverig_protocol::device::Device;
use waverig_protocol::scenario::{Format, Sample};
use waverig_protocol::{Installed, Reply};
use waverig_vm::run::Job;

use crate::context::Context;
use crate::lab::Lab;
use crate::subject::Subject;

/// How long installing it may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// What most drivers take, for one that proposes nothing.
const COMMON: Format = Format {
    rate: 48_000,
    channels: 2,
    sample: Sample::Pcm16,
};

/// The scenarios for a driver that is not the product: one.
///
/// # Errors
/// When it cannot be installed, or has no endpoint to play to.
pub(super) fn scenarios(context: &Context, subject: &Subject) -> Result<Vec<ScenarioFile>> {
    let lab = Lab::about(context, subject)?;
    let device = Device::default();
    let job = Job {
        inspect: true,
        ..lab.job(&device, DEADLINE)
    };
    let (mut installed, mut requests): (Option<Installed>, bool) = (None, false);
    let folder = lab.folder("faults-install", 0);
    let texts = lab.run(&job, &folder, &mut |reply| match reply {
        Reply::Installed(seen) => installed = Some(seen),
        Reply::Inspected { inspection } => {
            requests = inspection
                .filters
                .iter()
                .any(|filter| filter.port.contains("cyclic"));
        }
        _ => {}
    })?;
    if !texts.is_empty() {
        bail!("before anything fails: {}", texts.join("\n"));
    }
    let endpoints = installed.map(|seen| seen.endpoints).unwrap_or_default();
    let Some(speaker) = endpoints.iter().find(|one| one.render) else {
        bail!("the driver offers no endpoint to play to");
    };
    let format = speaker.proposed.unwrap_or(COMMON);
    let microphone = endpoints.iter().find(|one| !one.render);
    let text = text(format, requests, microphone.map(|one| one.proposed));
    Ok(vec![ScenarioFile::parse(
        Path::new("faults-usual.toml"),
        &text,
    )?])
}

/// The scenario: a player, and a recorder when there is something to record from.
fn text(format: Format, requests: bool, microphone: Option<Option<Format>>) -> String {
    let client = if requests {
        "{ kind = \"requests\", packet_frames = 480, requests = 4 }"
    } else {
        "{ kind = \"event-driven\", packet_frames = 480 }"
    };
    let mut text = format!(
        "about = \"What a driver is usually played.\"\nduration_ms = 60\nsignal = {{ kind = \"counter\" }}\nformat = {}\nclient = {client}\n",
        words(format)
    );
    if let Some(proposed) = microphone {
        text += &format!(
            "\n[[recorder]]\nclient = {{ kind = \"event-driven\", packet_frames = 480 }}\nstart_ms = 10\nstop_ms = 80\nformat = {}\n",
            words(proposed.unwrap_or(format))
        );
    }
    text
}

fn words(format: Format) -> String {
    // A string of JSON is one of TOML.
    let sample = serde_json::to_string(&format.sample).unwrap_or_default();
    format!(
        "{{ rate = {}, channels = {}, sample = {sample} }}",
        format.rate, format.channels
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_a_scenario() {
        for requests in [false, true] {
            for microphone in [None, Some(None), Some(Some(COMMON))] {
                let text = text(COMMON, requests, microphone);
                let file = ScenarioFile::parse(Path::new("faults-usual.toml"), &text).unwrap();
                assert_eq!(file.scenario.format, COMMON);
                assert_eq!(
                    file.scenario.recorders.len(),
                    usize::from(microphone.is_some())
                );
            }
        }
    }
}
