//! Sections of Windows' own INFs that drivers need, as a table of what they stand for.
//!
//! Microsoft asks port-class drivers for these two in every install section ("Installing core system components for an
//! audio adapter"). Logs of real installations (setupapi.dev.log) show what they do: machine-wide registrations by
//! `AddReg` (pin, node and category names, plug-ins) and copies of files that Windows ships. Nothing lands in the
//! device's own keys that a driver reads, so a plan records them and adds no values.

/// A section of an INF that Windows ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemSection {
    /// The INF to include.
    pub inf: &'static str,
    /// The section to need.
    pub section: &'static str,
    /// What needing it does.
    pub provides: &'static str,
}

/// Every section this crate knows. One row more is all it takes to know another.
const KNOWN: &[SystemSection] = &[
    SystemSection {
        inf: "ks.inf",
        section: "KS.Registration",
        provides: "kernel streaming: ks.sys, ksproxy, machine-wide names of pins, nodes and categories",
    },
    SystemSection {
        inf: "wdmaudio.inf",
        section: "WDMAUDIO.Registration",
        provides: "WDM audio: portcls.sys and drmk.sys, wdmaud's registration with Windows multimedia",
    },
];

/// The table's row for a section, if it is known.
pub(super) fn find(section: &str) -> Option<&'static SystemSection> {
    KNOWN
        .iter()
        .find(|known| known.section.eq_ignore_ascii_case(section))
}

/// Whether the table knows an INF of this name.
pub(super) fn knows_inf(inf: &str) -> bool {
    KNOWN
        .iter()
        .any(|known| known.inf.eq_ignore_ascii_case(inf))
}

/// `section of inf` for each row, for messages.
pub(super) fn known_names() -> String {
    KNOWN
        .iter()
        .map(|known| format!("{} of {}", known.section, known.inf))
        .collect::<Vec<_>>()
        .join(", ")
}
