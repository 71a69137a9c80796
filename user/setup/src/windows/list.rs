//! What of the device is on this machine, for people.

use anyhow::Result;
use waverig_agent::windows::device;
use waverig_agent::windows::endpoint::{self, Com};
use waverig_setup::decide::Found;

use super::here::Here;

/// Says all of it.
pub(super) fn list(here: &mut Here, found: &Found) -> Result<()> {
    let release = here.release();
    let signed = match (&release.certificate, found.trusted) {
        (None, _) => "",
        (Some(_), true) => ", signed with a test certificate that this machine trusts",
        (Some(_), false) => ", signed with a test certificate that this machine does not trust",
    };
    let mut lines = vec![format!(
        "in this program: {} {} for {} and Windows build {} or later{signed}",
        release.name, release.version, release.arch, release.min_build
    )];
    for node in &found.nodes {
        let version = node
            .version
            .map_or("no driver that says its version".into(), |it| {
                format!("driver {it}")
            });
        let state = node.trouble.as_deref().unwrap_or("it works");
        lines.push(format!("device {}: {version}; {state}", node.instance));
    }
    if !found.nodes.is_empty() {
        match endpoints(here) {
            Ok(found) => lines.extend(found),
            Err(error) => lines.push(format!("its endpoints cannot be listed: {error:#}")),
        }
    }
    for stored in &found.stored {
        let version = stored
            .version
            .map_or("unknown".into(), |version| version.to_string());
        lines.push(format!(
            "package {} in the driver store: version {version}",
            stored.name
        ));
    }
    for certificate in &found.trusted_by_us {
        lines.push(format!(
            "certificate {certificate}, put there by this program"
        ));
    }
    if found.is_nothing() {
        lines.push("on this machine: nothing of it".into());
    }
    for line in lines {
        here.console.say(&line);
    }
    Ok(())
}

/// The endpoints of the device's nodes that are there now, a line each.
pub(super) fn endpoints(here: &Here) -> Result<Vec<String>> {
    let nodes: Vec<String> = device::list(&here.release().hardware_id)?
        .into_iter()
        .filter(|node| node.trouble.is_none())
        .map(|node| node.instance)
        .collect();
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let com = Com::start()?;
    let mut filters = 0;
    for node in &nodes {
        filters += device::links(node, &device::TOPOLOGY)?.len();
    }
    let found = endpoint::wait_for(&com, &nodes, filters)?;
    let line = |(cable, one): &(u8, endpoint::Found)| {
        let what = if one.render { "playback" } else { "recording" };
        format!("  cable {cable}, {what}: {}", one.name)
    };
    Ok(found.iter().map(line).collect())
}
