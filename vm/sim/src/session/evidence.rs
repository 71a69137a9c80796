//! Findings on their way to the host: each is sent once, before the reply to the request that brought it up.

use waverig_protocol::{Finding, Reply, Severity};

use super::line;
use crate::kernel::kernel;
use crate::nt::debug;
use crate::report;

/// What was sent so far.
#[derive(Default)]
pub(super) struct Evidence {
    sent: usize,
    printed: usize,
}

impl Evidence {
    /// Sends the findings that are new.
    pub(super) fn send_new(&mut self) {
        let all = kernel().findings.all();
        for finding in report::symbolised(all.iter().skip(self.sent).cloned().collect()) {
            let severity = Severity::Error;
            let mut text = finding.text.clone();
            if finding.count > 1 {
                text.push_str(&format!(" ({} times)", finding.count));
            }
            line::send(
                &Reply::Finding(Finding {
                    rule: finding.rule.clone(),
                    severity,
                    text,
                    place: finding.place.clone(),
                    source: finding.source.clone(),
                    shown: finding.diagnostic().to_string(),
                }),
                &[],
            );
        }
        self.sent = all.len();
    }

    /// Sends what the driver printed since the last time.
    pub(super) fn send_printed(&mut self) {
        let all = debug::printed();
        for (at, line) in all.iter().skip(self.printed) {
            let line = format!("{at}: {}", line.trim_end());
            line::send(&Reply::Log { line }, &[]);
        }
        self.printed = all.len();
    }

    /// A program of the machine could not go on: the driver gave it something it cannot work with.
    pub(super) fn program_failed(&self, text: &str) {
        line::send(
            &Reply::Finding(Finding {
                rule: "client".into(),
                severity: Severity::Error,
                text: text.into(),
                place: None,
                source: "vm/sim/src/user".into(),
                shown: String::new(),
            }),
            &[],
        );
    }
}
