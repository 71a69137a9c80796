//! The namespace of devices: names and symbolic links, without regard to case.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::kernel::kernel;
use crate::nt::layout::DeviceObject;
use crate::nt::status::{
    NtStatus, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
};

/// Links that are followed before giving up.
const DEPTH: usize = 8;

#[derive(Debug, Clone)]
enum Entry {
    Device(usize),
    Link(String),
}

/// Everything that has a name.
#[derive(Debug, Default)]
pub(crate) struct NameState {
    entries: RefCell<HashMap<String, Entry>>,
}

fn entries() -> &'static RefCell<HashMap<String, Entry>> {
    &kernel().nt.names.entries
}

fn key(name: &str) -> String {
    name.to_uppercase()
}

/// Gives a device a name; an older device of that name loses it.
pub fn insert(name: &str, device: *mut DeviceObject) {
    entries()
        .borrow_mut()
        .insert(key(name), Entry::Device(device as usize));
}

/// Takes the names of a device away.
pub fn remove(device: *mut DeviceObject) {
    entries()
        .borrow_mut()
        .retain(|_, entry| !matches!(entry, Entry::Device(known) if *known == device as usize));
}

/// Makes `link` lead to `target`.
pub fn link(link: &str, target: &str) -> NtStatus {
    let mut entries = entries().borrow_mut();
    if entries.contains_key(&key(link)) {
        return STATUS_OBJECT_NAME_COLLISION;
    }
    entries.insert(key(link), Entry::Link(target.to_owned()));
    STATUS_SUCCESS
}

/// Takes a link away.
pub fn unlink(link: &str) -> NtStatus {
    match entries().borrow_mut().remove(&key(link)) {
        Some(Entry::Link(_)) => STATUS_SUCCESS,
        _ => STATUS_OBJECT_NAME_NOT_FOUND,
    }
}

/// The device that a name leads to, and what of the name is left for the device itself (with its backslash).
pub fn lookup(name: &str) -> Option<(*mut DeviceObject, String)> {
    let mut name = name.to_owned();
    for _ in 0..DEPTH {
        let entries = entries().borrow();
        // The longest entry that the name begins with, up to a backslash or the end.
        let upper = key(&name);
        let mut length = upper.len();
        let found = loop {
            if let Some(entry) = entries.get(&upper[..length]) {
                break Some((entry.clone(), name[length..].to_owned()));
            }
            match upper[..length].rfind('\\') {
                Some(0) | None => break None,
                Some(shorter) => length = shorter,
            }
        };
        match found? {
            (Entry::Device(device), rest) => return Some((device as *mut DeviceObject, rest)),
            (Entry::Link(target), rest) => name = format!("{target}{rest}"),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn links_lead_to_devices_and_keep_the_rest_of_the_name() {
        Kernel::boot(Options::default());
        let device = 0x1000 as *mut DeviceObject;
        insert("\\Device\\Audio", device);
        assert_eq!(link("\\??\\Sound", "\\Device\\audio"), STATUS_SUCCESS);
        assert_eq!(
            link("\\??\\SOUND", "\\Device\\Other"),
            STATUS_OBJECT_NAME_COLLISION
        );
        for (name, expected) in [
            ("\\??\\sound\\Tap\\x", Some("\\Tap\\x")),
            ("\\Device\\AUDIO", Some("")),
            ("\\Device\\Audio2", None),
            ("\\Device", None),
        ] {
            assert_eq!(
                lookup(name).map(|(_, rest)| rest).as_deref(),
                expected,
                "{name}"
            );
        }
        assert_eq!(unlink("\\??\\Sound"), STATUS_SUCCESS);
        assert_eq!(unlink("\\??\\Sound"), STATUS_OBJECT_NAME_NOT_FOUND);
        remove(device);
        assert!(lookup("\\Device\\Audio").is_none());
    }
}
