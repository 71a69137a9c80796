//! The program that reads the driver's own record of events, when the others have ended.

use std::collections::BTreeMap;

use waverig_protocol::Recorded;
use waverig_tap::{Events, ioctl, request};

use super::UserError;
use super::ks::Handle;
use crate::nt::etw::{self, Told};

/// Room for a reply: as many records as the driver gives at a time.
const ROOM: usize = 16 << 10;

/// What was read.
pub(crate) struct Read {
    /// The records, in order.
    pub(crate) records: Vec<Recorded>,
    /// Records that had been overwritten.
    pub(crate) lost: u64,
    /// Sequence number of the next record.
    pub(crate) next: u64,
}

/// Opens the tap behind `link` and reads the record from this sequence number on.
///
/// # Errors
/// A sentence for people: what the driver answered.
pub(crate) fn read(link: &str, from: u64) -> Result<Read, UserError> {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        UserError(format!(
            "the driver's record of events cannot be read: {what}: {why}"
        ))
    };
    let handle = Handle::open(link).map_err(|status| failed("opening the tap", &status))?;
    handle
        .control(ioctl::HELLO, &request::hello(), 64)
        .map_err(|status| failed("HELLO", &status))?;
    let mut read = Read {
        records: Vec::new(),
        lost: 0,
        next: from,
    };
    let mut more = Some(from);
    while let Some(at) = more {
        let reply = handle
            .control(ioctl::EVENTS, &request::events(at), ROOM)
            .map_err(|status| failed("EVENTS", &status))?;
        let events = Events::decode(&reply).map_err(|error| failed("EVENTS", &error))?;
        more = events.more();
        read.lost += events.lost;
        read.next = more.unwrap_or(events.next);
        read.records.extend(events.records.iter().map(told));
    }
    let told = etw::take_told();
    handle.close();
    compare(&read, &told)?;
    Ok(read)
}

/// ETW is told what the record holds, each event once: nothing else, and nothing less unless the record had no room for it. Not
/// compared is the order, in which somebody else's event may come between the two.
fn compare(read: &Read, told: &[Told]) -> Result<(), UserError> {
    // Name, device, cable, the values that the event has, and how often.
    let mut open: BTreeMap<(String, Vec<u64>), i64> = BTreeMap::new();
    let event = |name: &str, values: Vec<u64>| (name.to_owned(), values);
    // A driver that is loaded anew has an empty record.
    let loaded = told.iter().rposition(|one| one.name == "Loaded");
    for one in &told[loaded.unwrap_or(0)..] {
        let values = one.values.iter().map(|(_, value)| *value).collect();
        *open.entry(event(&kebab(&one.name), values)).or_default() += 1;
    }
    for record in &read.records {
        let mut values = vec![record.device.into(), record.cable.into()];
        values.extend(record.values);
        // Values that are always 0 are not told.
        while !open.contains_key(&event(&record.kind, values.clone())) && values.last() == Some(&0)
        {
            values.pop();
        }
        *open.entry(event(&record.kind, values)).or_default() -= i64::from(record.count);
    }
    let wrong = open
        .iter()
        .find(|(_, count)| **count < 0 || **count > 0 && read.lost == 0);
    match wrong {
        None => Ok(()),
        Some(((name, values), count)) => Err(UserError(format!(
            "the event {name} of {values:?} stands {} in the driver's record than it was told to ETW",
            if *count < 0 {
                "more often"
            } else {
                "less often"
            }
        ))),
    }
}

fn told(record: &waverig_tap::Recorded) -> Recorded {
    let kind = record.kind().map_or_else(
        || record.0.kind.to_string(),
        |kind| kebab(&format!("{kind:?}")),
    );
    Recorded {
        sequence: record.0.sequence,
        qpc: record.0.qpc,
        kind,
        device: record.0.device,
        cable: record.0.cable,
        count: record.0.count,
        values: record.0.values,
        text: record.to_string(),
    }
}

/// `StreamOpened` as `stream-opened`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Read, Recorded, Told, compare};

    fn check(told: &[(&str, &[u64])], lost: u64, expect: Option<&str>) {
        let record = Recorded {
            sequence: 0,
            qpc: 0,
            kind: "stream-refused".into(),
            device: 1,
            cable: 2,
            count: 2,
            values: [5, 0, 0],
            text: String::new(),
        };
        let read = Read {
            records: vec![record],
            lost,
            next: 1,
        };
        let told: Vec<Told> = told
            .iter()
            .map(|(name, values)| Told {
                provider: "P".into(),
                name: (*name).into(),
                values: values.iter().map(|value| (String::new(), *value)).collect(),
            })
            .collect();
        let wrong = compare(&read, &told).err().map(|error| error.to_string());
        match (&wrong, expect) {
            (None, None) => {}
            (Some(wrong), Some(words)) if wrong.contains(words) => {}
            _ => panic!("{wrong:?}, not {expect:?}"),
        }
    }

    #[test]
    fn etw_is_told_what_the_record_holds() {
        let event: (&str, &[u64]) = ("StreamRefused", &[1, 2, 5]);
        let other: (&str, &[u64]) = ("StreamRefused", &[1, 2, 6]);
        check(&[event, event], 0, None);
        check(&[event], 0, Some("[1, 2, 5] stands more often"));
        check(&[], 7, Some("more often"));
        check(
            &[event, event, other],
            0,
            Some("[1, 2, 6] stands less often"),
        );
        check(&[event, event, other], 3, None);
        check(&[other, ("Loaded", &[0, 0]), event, event], 1, None);
        check(&[event, ("Loaded", &[0, 0]), event], 1, Some("more often"));
    }

    #[test]
    fn names_are_those_of_the_timeline() {
        for (name, expect) in [("State", "state"), ("StreamOpened", "stream-opened")] {
            assert_eq!(super::kebab(name), expect);
        }
    }
}
