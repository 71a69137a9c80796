//! By Hyper-V.

use std::fs;
use std::path::Path;

use anyhow::Result;
use waverig_vm::hyperv::{Bytes, Medium};

use super::{SETUP_OF_WINDOWS, Wish};
use crate::agent;
use crate::context::Context;
use crate::image::{Kind, Manifest, sha256};
use crate::machine::hyperv::{self, Size};
use crate::stop::Usage;

/// Installs to the image itself.
pub(super) fn build(
    context: &Context,
    wish: &Wish<'_>,
    medium: &Path,
    file: &Path,
    format: &str,
) -> Result<Manifest> {
    hyperv::windows()?;
    if wish.system == Kind::Linux || format != "vhdx" {
        let text = "--machine hyperv installs Windows to a .vhdx, and nothing else";
        return Err(Usage(text.into()).into());
    }
    if file.exists() {
        let text = format!("{} is there already; remove it", file.display());
        return Err(Usage(text).into());
    }
    let file = std::path::absolute(file)?;
    let agent = agent::build(context)?;
    let folder = super::folder(context)?;
    let mut inputs = vec![super::line(medium, medium)?];
    let answers = super::answers(wish, &agent, &folder, &mut inputs)?;
    let (memory_mib, processors, gib) = super::size(wish);
    let size = Size {
        memory: Bytes(u64::from(memory_mib) << 20),
        processors,
    };
    let disc = Medium {
        file: medium.to_owned(),
        answers,
        disk: Bytes(u64::from(gib) << 30),
        tell: super::tell(),
    };
    let through = |verb: &str, what: &str, medium: Option<Medium>, deadline| {
        let machine = hyperv::of_image(context, &file, medium, &size, deadline)?;
        super::through(context, "hyperv", (verb, what), |evidence| {
            machine.come_up_and_end(evidence)
        })
    };
    let what = wish.medium.display().to_string();
    let made = through("install", &what, Some(disc), SETUP_OF_WINDOWS)
        .and_then(|()| sha256(&file))
        .and_then(|hash| {
            // Nothing is one that no guest came up from.
            through("start", "a guest of the image", None, hyperv::BOOT)?;
            Ok(hash)
        });
    if made.is_err() {
        // It may not have been begun.
        let _ = fs::remove_file(&file);
    }
    let sha256 = made?;
    Ok(Manifest {
        system: wish.system,
        memory_mib,
        processors,
        sha256,
        inputs,
    })
}
