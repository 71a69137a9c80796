//! What is done: a table of the machine's state, the verb and its options. Whatever hinders is told at once, and before anything is changed.

use crate::parcel::{Arch, Release};
use crate::version::Version;
use crate::words::Verb;

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Whether this program has an administrator's rights.
    pub elevated: bool,
    /// The machine's architecture; `None`: none that is known here.
    pub arch: Option<Arch>,
    /// Build of Windows.
    pub build: u32,
    /// Whether it loads test-signed drivers.
    pub test_signing: bool,
    /// Whether Secure Boot is on; `None`: nobody can tell.
    pub secure_boot: Option<bool>,
}

/// A device node with the package's hardware id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `ROOT\MEDIA\0000`.
    pub instance: String,
    /// The service that drives it.
    pub service: Option<String>,
    /// Version of its driver.
    pub version: Option<Version>,
    /// Why it does not work.
    pub trouble: Option<String>,
}

/// A package for that hardware id in the driver store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// `oem7.inf`.
    pub name: String,
    /// What its INF states.
    pub version: Option<Version>,
}

/// What of the device is on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Device nodes.
    pub nodes: Vec<Node>,
    /// Packages in the driver store.
    pub stored: Vec<Stored>,
    /// Certificates that this program, in any version, made the machine trust: their SHA-256.
    pub trusted_by_us: Vec<String>,
    /// Whether the machine trusts the certificate of this program's package, whoever saw to that.
    pub trusted: bool,
}

impl Found {
    /// Version of the driver on the nodes, the newest; of the packages when no node tells one.
    pub fn version(&self) -> Option<Version> {
        let nodes = self.nodes.iter().filter_map(|node| node.version);
        let stored = self.stored.iter().filter_map(|stored| stored.version);
        nodes.max().or_else(|| stored.max())
    }

    /// Whether there are nodes and all of them work.
    pub fn works(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.iter().all(|node| node.trouble.is_none())
    }

    /// Whether nothing of it is here.
    pub fn is_nothing(&self) -> bool {
        self.nodes.is_empty() && self.stored.is_empty() && self.trusted_by_us.is_empty()
    }
}

/// What the options allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Nobody can be asked.
    pub silent: bool,
    /// `--force`
    pub force: bool,
    /// `--trust-certificate`
    pub trust: bool,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is to be done, for this reason.
    Nothing(String),
    /// This program's package is installed, on a new device node when there is none.
    Install {
        /// Whether the machine must be made to trust its certificate.
        trust: Trust,
    },
    /// Everything of it is removed.
    Remove,
    /// Nothing may be done, for these reasons, each with what helps.
    Refuse(Vec<String>),
}

/// Trust in a test certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// None is needed, or it is there.
    Needless,
    /// The options allow it.
    Allowed,
    /// The person must be asked first.
    Ask,
}

/// Decides about `install`, `update` and `remove`; the other verbs change nothing.
pub fn decide(
    verb: Verb,
    allowed: Allowed,
    release: &Release,
    machine: &Machine,
    found: &Found,
) -> Decision {
    let mut reasons = Vec::new();
    let mut refuse = |reason: String| reasons.push(reason);
    if verb == Verb::Remove {
        if found.is_nothing() {
            return Decision::Nothing(format!("nothing of {} is installed", release.name));
        }
        return match machine.elevated {
            true => Decision::Remove,
            false => Decision::Refuse(vec![NOT_ELEVATED.into()]),
        };
    }
    if machine.arch != Some(release.arch) {
        let arch = machine
            .arch
            .map_or("another".into(), |arch| arch.to_string());
        refuse(format!(
            "this program's driver is for {} and the machine is {arch}: get the program for that",
            release.arch
        ));
    }
    if machine.build < release.min_build {
        refuse(format!(
            "the driver needs Windows build {} or later and this is {}: update Windows",
            release.min_build, machine.build
        ));
    }
    if verb == Verb::Update && found.nodes.is_empty() {
        refuse(format!(
            "there is no {} to update: waverig-setup install",
            release.name
        ));
    }
    let here = found.version().filter(|_| !found.nodes.is_empty());
    if let Some(here) = here.filter(|here| *here >= release.version && !allowed.force) {
        if here > release.version {
            refuse(format!(
                "version {here} is installed and this program has {}: --force goes back to it",
                release.version
            ));
        } else if found.works() && reasons.is_empty() {
            return Decision::Nothing(format!(
                "{} {here} is installed and works; --force installs it again",
                release.name
            ));
        }
    }
    if !machine.elevated {
        reasons.push(NOT_ELEVATED.into());
    }
    let trust = match release.certificate {
        None => Trust::Needless,
        Some(_) => {
            reasons.extend(test_signing(machine));
            match (found.trusted, allowed) {
                (true, _) => Trust::Needless,
                (false, Allowed { trust: true, .. }) => Trust::Allowed,
                (false, Allowed { silent: false, .. }) => Trust::Ask,
                (false, _) => {
                    reasons.push(
                        "the package is test-signed and the machine does not trust its certificate: --trust-certificate lets it"
                            .into(),
                    );
                    Trust::Ask
                }
            }
        }
    };
    match reasons.is_empty() {
        true => Decision::Install { trust },
        false => Decision::Refuse(reasons),
    }
}

/// What a person who says nothing is offered.
pub fn offer(release: &Release, found: &Found) -> Verb {
    let here = found.version().filter(|_| !found.nodes.is_empty());
    match here {
        Some(here) if here < release.version => Verb::Update,
        Some(here) if here > release.version || found.works() => Verb::Remove,
        _ => Verb::Install,
    }
}

const NOT_ELEVATED: &str =
    "this needs an administrator's rights: start it from a terminal that is run as administrator";

/// Why the machine does not load a test-signed driver ("The TESTSIGNING Boot Configuration Option").
fn test_signing(machine: &Machine) -> Option<String> {
    if machine.test_signing {
        return None;
    }
    let first = match machine.secure_boot {
        Some(true) => "Secure Boot is on and keeps it so: switch that off in the firmware, then ",
        Some(false) => "",
        None => "with Secure Boot off, ",
    };
    Some(format!(
        "the package is test-signed and test signing is off on this machine: {first}bcdedit /set testsigning on, then restart"
    ))
}

#[cfg(test)]
mod tests;
