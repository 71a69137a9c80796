//! The strongest machine that this host has.

use waverig_vm::auto::{self, Candidate};

use super::{hyperv, runner};
use crate::context::Context;

/// Its name; why no stronger one was taken is said.
pub(super) fn choose(context: &Context) -> &'static str {
    let candidates = [
        Candidate {
            name: "hyperv",
            windows: true,
            probe: Box::new(|| hyperv::probe(context)),
        },
        Candidate {
            name: "runner",
            windows: true,
            probe: Box::new(|| runner::probe(context)),
        },
        Candidate {
            name: "qemu",
            // Its guest is Linux.
            windows: false,
            probe: Box::new(|| Ok(())),
        },
        Candidate {
            name: "sim",
            windows: false,
            probe: Box::new(|| Ok(())),
        },
    ];
    let (name, why) = auto::choose(&candidates);
    for line in why {
        context.ui.say("machine", &line);
    }
    name
}
