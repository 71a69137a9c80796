//! Broken rules: collected with their place, or the end of the run when the rule is fatal.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Serialize};
use waverig_protocol::diagnostic::Diagnostic;

use crate::kernel::kernel;
use crate::report;
use crate::rules::Rule;

/// Calls that a finding shows.
const FEW: usize = 4;
/// Different findings that are kept; beyond that only counts grow.
const KEPT: usize = 1000;

/// A broken rule, as reports carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Short name of the rule.
    pub rule: String,
    /// What was done, with the names and values that matter.
    pub text: String,
    /// Driver routine or import during which it happened.
    pub during: String,
    /// The driver's code that did it: `module!function (file:line)` in a report, `module+0x…` before that.
    pub place: Option<String>,
    /// Virtual time, in ticks of 100 ns since boot.
    pub at: u64,
    /// Where the rule is written.
    pub source: String,
    /// The last calls between kernel and driver by then, oldest first.
    #[serde(default)]
    pub calls: Vec<String>,
    /// How often the same happened at the same place.
    pub count: u64,
    /// Address of the driver's code, for symbolising.
    #[serde(skip)]
    pub address: Option<usize>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic().fmt(f)
    }
}

impl Finding {
    /// It in the form of a compiler's error.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let found = self.address.and_then(report::place::of_return);
        let told = || self.place.clone().map(report::place::told);
        let mut notes = report::documentation(&self.rule, &self.source);
        if !self.during.is_empty() {
            notes.push(("during", self.during.clone()));
        }
        if !self.calls.is_empty() {
            notes.push(("last calls", self.calls.join("\n")));
        }
        if self.count > 1 {
            notes.push(("seen", format!("{} times", self.count)));
        }
        Diagnostic {
            rule: self.rule.clone(),
            text: self.text.clone(),
            place: found.or_else(told),
            notes,
        }
    }
}

/// The findings of a machine.
#[derive(Debug, Default)]
pub struct Findings {
    list: RefCell<Vec<Finding>>,
}

impl Findings {
    /// A copy of what was found so far, in order.
    pub fn all(&self) -> Vec<Finding> {
        self.list.borrow().clone()
    }

    /// Whether nothing was found so far.
    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// Whether this rule was broken.
    pub fn has(&self, rule: &Rule) -> bool {
        self.list
            .borrow()
            .iter()
            .any(|finding| finding.rule == rule.id)
    }

    fn add(&self, finding: Finding) {
        let mut list = self.list.borrow_mut();
        let same =
            |known: &&mut Finding| known.rule == finding.rule && known.address == finding.address;
        if let Some(known) = list.iter_mut().find(same) {
            known.count += 1;
        } else if list.len() < KEPT {
            list.push(finding);
        }
    }
}

/// Records that `rule` was broken by what the driver is doing now. Does not return when the rule is fatal.
pub fn raise(rule: &'static Rule, text: impl Into<String>) {
    if rule.fatal {
        fatal(rule, text);
    }
    kernel()
        .findings
        .add(describe(rule, text.into(), kernel().calls.driver_place()));
}

/// Like [`raise`], for something whose place is not what the driver is doing now (a leaked allocation's call site).
pub fn raise_at(rule: &'static Rule, text: impl Into<String>, address: Option<usize>) {
    kernel().findings.add(describe(rule, text.into(), address));
}

/// Ends the run with a report.
pub fn fatal(rule: &'static Rule, text: impl Into<String>) -> ! {
    report::end(report::Cause::rule(rule, text.into()))
}

/// A finding for `rule` here and now, without recording it.
pub(crate) fn describe(rule: &'static Rule, text: String, address: Option<usize>) -> Finding {
    let kernel = kernel();
    Finding {
        rule: rule.id.to_owned(),
        text,
        during: kernel.calls.current(),
        place: address.map(crate::image::offset_name),
        at: kernel.now().0,
        source: rule.source.to_owned(),
        calls: kernel.calls.last(FEW),
        count: 1,
        address,
    }
}
