//! The line to the host: everything the machine says goes through here, also its last words.

use std::io::{Stdout, Write};
use std::sync::Mutex;

use serde::Serialize;
use waverig_protocol::diagnostic::Place;
use waverig_protocol::timeline::Stamped;
use waverig_protocol::{Program, Reply, frame};

use crate::fuzz;
use crate::interleave;
use crate::lives;
use crate::report::Report;
use crate::session::staging;
use crate::user::journal::{self, Sink};

static LINE: Mutex<Option<Stdout>> = Mutex::new(None);

/// From now on replies go to `output`.
pub(super) fn open(output: Stdout) {
    *LINE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(output);
}

/// Sends one message. A host that no longer listens ends the machine: nobody is left to answer to.
pub(super) fn send(reply: &impl Serialize, payload: &[u8]) {
    let mut line = LINE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(line) = line.as_mut() else { return };
    if let Err(error) = frame::write(&mut line.lock(), reply, payload) {
        let _ = writeln!(std::io::stderr(), "the host cannot be reached: {error}");
        std::process::exit(1);
    }
}

/// Reports the end of the machine.
pub(super) fn fault(report: &Report) {
    journal::flush_current();
    staging::remove_current();
    if let Some((iteration, what)) = fuzz::current() {
        send(&Reply::FuzzFound { iteration, what }, &[]);
    }
    if let Some((plan, failed)) = lives::current() {
        send(&Reply::FaultFound { plan, failed }, &[]);
    }
    if let Some((schedule, what)) = interleave::current() {
        send(&Reply::InterleaveFound { schedule, what }, &[]);
    }
    let reply = Reply::Fault {
        summary: format!("{} [{}]{}", report.text, report.rule, place(report)),
        text: report.to_string(),
    };
    let json = serde_json::to_vec(report).unwrap_or_default();
    send(&reply, &json);
}

fn place(report: &Report) -> String {
    match &report.place {
        Some(Place {
            line: Some((file, line)),
            ..
        }) => format!(" at {file}:{line}"),
        _ => String::new(),
    }
}

/// Hands observations on to the host.
pub(super) struct ToHost;

impl Sink for ToHost {
    fn events(&self, events: Vec<Stamped>) {
        send(&Reply::Events { events }, &[]);
    }

    fn capture(&self, program: Program, first: u64, bytes: Vec<u8>) {
        send(
            &Reply::Capture {
                program,
                first_frame: first,
            },
            &bytes,
        );
    }
}
