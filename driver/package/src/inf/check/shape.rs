//! The form of the file: what stands twice, what says nothing, what says too much, what is used as two different things.

use std::collections::{HashMap, HashSet};

use super::Checker;
use crate::inf::document::{Entry, Section, is_strings};
use crate::inf::error::Line;
use crate::inf::{models, rules, system};

/// Directives: how many values they know, and whether a section has them once (the pages of the INF sections and directives).
const DIRECTIVES: &[(&str, usize, Times)] = &[
    ("Signature", 1, Times::Once),
    ("Class", 1, Times::Once),
    ("ClassGuid", 1, Times::Once),
    ("Provider", 1, Times::Once),
    ("CatalogFile", 1, Times::Once),
    ("DriverVer", 2, Times::Once),
    ("PnpLockdown", 1, Times::Once),
    ("DefaultDestDir", 2, Times::Once),
    ("Include", usize::MAX, Times::Many),
    ("Needs", usize::MAX, Times::Many),
    ("CopyFiles", usize::MAX, Times::Many),
    ("AddReg", usize::MAX, Times::Many),
    ("AddService", 6, Times::Many),
    ("AddInterface", 4, Times::Many),
    ("ServiceType", 1, Times::Once),
    ("StartType", 1, Times::Once),
    ("ErrorControl", 1, Times::Once),
    ("ServiceBinary", 1, Times::Once),
    ("DisplayName", 1, Times::Once),
    ("Description", 1, Times::Once),
    ("LoadOrderGroup", 1, Times::Once),
    ("FeatureScore", 1, Times::Once),
];

/// What an entry of a list names.
type Names = fn(&Entry) -> Vec<String>;

/// Values of a line of a copy-files section.
const COPY_FIELDS: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Many,
}

/// Parts of an install section that Needs tells apart.
const KINDS: &[&str] = &[
    "hw",
    "services",
    "interfaces",
    "coinstallers",
    "filters",
    "software",
    "components",
    "wdf",
    "events",
    "com",
    "wmi",
    "factdef",
    "logconfigoverride",
];
/// Those of them that a plan follows.
const FOLLOWED: &[&str] = &["hw", "services", "interfaces"];

impl Checker<'_> {
    /// Everything about the form.
    pub(super) fn shape(&mut self) {
        self.strings();
        let inf = self.inf;
        for section in inf.sections() {
            self.section_itself(section);
            if !is_strings(&section.name) {
                self.directives(section);
            }
        }
        self.references();
        self.duplicates();
        self.sources();
    }

    fn strings(&mut self) {
        let inf = self.inf;
        for (name, line) in inf.unused_strings() {
            self.add(
                &rules::UNUSED_STRING,
                Some(*line),
                format!("%{name}% is not used"),
            );
        }
        let keys = |section: &Section| -> HashSet<String> {
            let keys = section
                .entries
                .iter()
                .filter_map(|entry| entry.key.as_deref());
            keys.map(str::to_ascii_lowercase).collect()
        };
        let Some(strings) = inf.section("Strings").map(keys) else {
            return;
        };
        let language = |section: &&Section| {
            is_strings(&section.name) && !section.name.eq_ignore_ascii_case("Strings")
        };
        for section in inf.sections().iter().filter(language) {
            let theirs = keys(section);
            for key in strings.symmetric_difference(&theirs) {
                let found = format!("{key} is in one of [Strings] and [{}] only", section.name);
                self.add(&rules::LANGUAGES, Some(section.line), found);
            }
        }
    }

    fn section_itself(&mut self, section: &Section) {
        let name = &section.name;
        for line in &section.again {
            let found = format!("[{name}] stands at line {} already", section.line.0);
            self.add(&rules::SECTION_ONCE, Some(*line), found);
        }
        if name.to_ascii_lowercase().ends_with(".security") {
            self.add(
                &rules::SECURITY_SECTION,
                Some(section.line),
                format!("[{name}]"),
            );
        }
        if system::find(name).is_some() {
            let found = format!("[{name}] is also a section of Windows'");
            self.add(&rules::SECTION_NAME, Some(section.line), found);
        }
        if kind(name).is_some_and(|kind| !FOLLOWED.contains(&kind)) {
            let found = format!("[{name}] is not known here; an install plan cannot leave it out");
            self.add(&rules::FOLLOWS, Some(section.line), found);
        }
    }

    fn directives(&mut self, section: &Section) {
        for (at, entry) in section.entries.iter().enumerate() {
            let known = DIRECTIVES.iter().find(|(name, ..)| entry.is(name));
            let Some((name, most, times)) = known else {
                continue;
            };
            let line = Some(entry.line);
            if entry.names().next().is_none() {
                self.add(
                    &rules::VALUE_MISSING,
                    line,
                    format!("{name} in [{}]", section.name),
                );
            }
            if entry.fields.len() > *most {
                let found = format!("{name} has {} values", entry.fields.len());
                self.add(&rules::VALUE_EXTRA, line, found);
            }
            let before = section.entries.iter().take(at);
            if *times == Times::Once && before.into_iter().any(|other| other.is(name)) {
                self.add(
                    &rules::DIRECTIVE_ONCE,
                    line,
                    format!("{name} in [{}]", section.name),
                );
            }
            if entry.is("Needs") {
                let names = entry
                    .names()
                    .filter(|needed| kind(needed) != kind(&section.name));
                for needed in names {
                    let found = format!("[{}] needs {needed}", section.name);
                    self.add(&rules::NEEDS_KIND, line, found);
                }
            }
            if entry.is("AddService") && entry.field(0).is_empty() && !entry.field(2).is_empty() {
                let found = format!("[{}] is of no service", entry.field(2));
                self.add(&rules::SERVICE_NAME, line, found);
            }
        }
    }

    /// Which sections directives name, and as what.
    fn references(&mut self) {
        let inf = self.inf;
        let mut used: HashMap<String, (&str, Line)> = HashMap::new();
        let mut copied: Vec<&Section> = Vec::new();
        for section in inf
            .sections()
            .iter()
            .filter(|section| !is_strings(&section.name))
        {
            for entry in &section.entries {
                let (directive, names): (_, Vec<&str>) = if entry.is("CopyFiles") {
                    (
                        "CopyFiles",
                        entry
                            .names()
                            .filter(|name| !name.starts_with('@'))
                            .collect(),
                    )
                } else if entry.is("AddReg") {
                    ("AddReg", entry.names().collect())
                } else if entry.is("AddService") {
                    ("AddService", vec![entry.field(2)])
                } else if entry.is("AddInterface") {
                    ("AddInterface", vec![entry.field(2)])
                } else {
                    continue;
                };
                for target in names.into_iter().filter_map(|name| inf.section(name)) {
                    if directive == "CopyFiles" {
                        copied.push(target);
                    }
                    let here = (directive, entry.line);
                    let (other, line) =
                        *used.entry(target.name.to_ascii_lowercase()).or_insert(here);
                    if other != directive {
                        let found = format!(
                            "[{}] is used by {directive}, and by {other} at line {}",
                            target.name, line.0
                        );
                        self.add(&rules::SECTION_KIND, Some(entry.line), found);
                    }
                }
            }
        }
        for section in copied {
            for entry in &section.entries {
                let line = Some(entry.line);
                if entry.field(0).is_empty() {
                    self.add(
                        &rules::VALUE_MISSING,
                        line,
                        format!("a file in [{}]", section.name),
                    );
                }
                if !entry.field(3).is_empty() {
                    let found = format!("{} has flags {}", entry.field(0), entry.field(3));
                    self.add(&rules::COPY_FLAGS, line, found);
                }
                if entry.fields.len() > COPY_FIELDS {
                    let found = format!("{} has {} values", entry.field(0), entry.fields.len());
                    self.add(&rules::VALUE_EXTRA, line, found);
                }
            }
        }
    }

    fn duplicates(&mut self) {
        let inf = self.inf;
        let mut lists: Vec<(&Section, Names)> = Vec::new();
        for section in inf.sections() {
            let name = section.name.to_ascii_lowercase();
            if name.starts_with("sourcedisks") {
                lists.push((section, |entry| entry.key.iter().cloned().collect()));
            } else if kind(&name) == Some("interfaces") {
                lists.push((section, |entry| {
                    vec![format!("{} {}", entry.field(0), entry.field(1))]
                }));
            }
        }
        for models in models::all(inf).unwrap_or_default() {
            let ids = |entry: &Entry| entry.names().skip(1).map(str::to_owned).collect();
            lists.extend(
                inf.section(&models.section)
                    .map(|section| (section, ids as Names)),
            );
        }
        for (section, names) in lists {
            let mut seen: HashSet<String> = HashSet::new();
            for entry in &section.entries {
                for name in names(entry) {
                    if !seen.insert(name.to_ascii_lowercase()) {
                        let found = format!("{name} in [{}]", section.name);
                        self.add(&rules::DUPLICATE, Some(entry.line), found);
                    }
                }
            }
        }
    }

    fn sources(&mut self) {
        let inf = self.inf;
        for section in inf.sections() {
            let files = section
                .name
                .to_ascii_lowercase()
                .starts_with("sourcedisksfiles");
            for entry in section.entries.iter().filter(|_| files) {
                let file = entry.key.as_deref().unwrap_or_default();
                let what = if file.to_ascii_lowercase().ends_with(".cat") {
                    "is a catalog"
                } else if file.ends_with('_') {
                    "is a compressed file's name"
                } else if entry.field(0).is_empty()
                    || !entry.field(0).bytes().all(|digit| digit.is_ascii_digit())
                {
                    "has no disk's number"
                } else {
                    continue;
                };
                self.add(
                    &rules::SOURCE_FILES,
                    Some(entry.line),
                    format!("{file} {what}"),
                );
            }
        }
    }
}

/// Which part of an install section this one is, by the end of its name; `None` for the install section itself.
fn kind(section: &str) -> Option<&'static str> {
    let (_, end) = section.rsplit_once('.')?;
    KINDS
        .iter()
        .copied()
        .find(|kind| end.eq_ignore_ascii_case(kind))
}
