//! By QEMU.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use waverig_kit::Invocation;
use waverig_vm::qemu::{Controller, Medium, Qemu, System};

use super::{SETUP_OF_WINDOWS, Wish};
use crate::context::Context;
use crate::image::{self, Kind, Manifest, sha256};
use crate::machine::qemu;
use crate::{agent, guest, setup};

/// Installs to a disk that becomes the image; without the answers when `unanswered` says so.
pub(super) fn build(
    context: &Context,
    wish: &Wish<'_>,
    medium: PathBuf,
    unanswered: bool,
    file: &Path,
    format: &str,
) -> Result<Manifest> {
    qemu::clean(context)?;
    setup::images(context)?;
    let agent = match wish.system {
        Kind::Linux => agent::build(context)?,
        Kind::Windows => {
            setup::windows_programs(context)?;
            agent::build_for_windows(context)?
        }
    };
    let folder = super::folder(context)?;
    let mut inputs = vec![super::line(&medium, &medium)?];
    let answers = super::answers(wish, &agent, &folder, &mut inputs)?;
    let (memory_mib, processors, gib) = super::size(wish);
    let disk = folder.join("system.qcow2");
    let create = Invocation::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2"])
        .args([disk.as_os_str()])
        .args([format!("{gib}G")]);
    image::run(context, &create)?;
    let accel = qemu::accel(context)?;
    let began = Instant::now();
    let (controller, deadline) = match wish.system {
        Kind::Linux => (Controller::VirtioScsi, qemu::boot(Kind::Linux)),
        Kind::Windows => (Controller::Ahci, SETUP_OF_WINDOWS),
    };
    let system = System::Setup(Medium {
        file: medium,
        answers: (!unanswered).then_some(answers),
        disk: disk.clone(),
        controller,
        firmware: guest::firmware(context)?,
        memory: memory_mib,
        processors,
        result: qemu::result(wish.system),
        tell: super::tell(),
    });
    let config = qemu::config_of(context, accel.clone(), (system, deadline, None))?;
    let what = format!(
        "{}, within {} s",
        wish.medium.display(),
        config.boot.as_secs()
    );
    let machine = Qemu::new(config)?;
    super::through(context, "qemu", ("install", &what), |evidence| {
        machine.come_up_and_end(evidence)
    })?;
    image::convert(context, "qcow2", &disk, format, file)?;
    let manifest = Manifest {
        system: wish.system,
        memory_mib,
        processors,
        sha256: sha256(file)?,
        inputs,
    };
    // Nothing is one that no guest came up from.
    let system = System::Image(qemu::image(context, file, &manifest)?);
    let boot = qemu::boot(wish.system);
    let config = qemu::config_of(context, accel, (system, boot, None))?;
    let machine = Qemu::new(config)?;
    let what = ("start", "a guest of the image");
    let started = super::through(context, "qemu", what, |evidence| {
        machine.come_up_and_end(evidence)
    });
    if started.is_err() {
        fs::remove_file(file)?;
    }
    started?;
    context.ui.say(
        "",
        &format!("{:.0} s in all", began.elapsed().as_secs_f32()),
    );
    Ok(manifest)
}
