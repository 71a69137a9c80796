//! Which sections nothing reaches: usually a misspelt reference somewhere else.

use std::collections::HashSet;

use super::document::{Inf, is_strings};
use super::error::Line;
use super::models;

/// Sections that Windows knows by name; everything else must be referenced.
const ROOTS: &[&str] = &[
    "version",
    "strings",
    "manufacturer",
    "destinationdirs",
    "sourcedisksnames",
    "sourcedisksfiles",
    "controlflags",
    "signatureattributes",
];

/// Sections that nothing reaches: names and lines.
pub(super) fn unused(inf: &Inf) -> Vec<(String, Line)> {
    let mut used: HashSet<String> = HashSet::new();
    let mut todo: Vec<String> = Vec::new();
    for section in inf.sections() {
        let name = section.name.to_ascii_lowercase();
        if is_strings(&name)
            || ROOTS.iter().any(|root| {
                name == *root
                    || name
                        .strip_prefix(root)
                        .is_some_and(|rest| rest.starts_with('.'))
            })
        {
            todo.push(name);
        }
    }
    for models in models::all(inf).unwrap_or_default() {
        todo.push(models.section.to_ascii_lowercase());
    }
    while let Some(name) = todo.pop() {
        let Some(section) = inf.section(&name).filter(|_| used.insert(name.clone())) else {
            continue;
        };
        // A field that is a section's name, bare or with a decoration or a part's suffix, uses that section.
        for field in section
            .entries
            .iter()
            .filter(|_| !is_strings(&name))
            .flat_map(|entry| &entry.fields)
        {
            let field = field.to_ascii_lowercase();
            for other in inf.sections() {
                let other = other.name.to_ascii_lowercase();
                let rest = other.strip_prefix(&field).filter(|_| !field.is_empty());
                if rest.is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with(".nt") || PARTS.contains(&rest)
                }) {
                    todo.push(other);
                }
            }
        }
    }
    let lost =
        |section: &&super::document::Section| !used.contains(&section.name.to_ascii_lowercase());
    inf.sections()
        .iter()
        .filter(lost)
        .map(|section| (section.name.clone(), section.line))
        .collect()
}

const PARTS: &[&str] = &[
    ".hw",
    ".services",
    ".interfaces",
    ".coinstallers",
    ".wdf",
    ".filters",
    ".software",
    ".components",
];
