//! The program that reads the driver's own record of events, when the others have ended.

use std::collections::BTreeMap;
use std::error::Error;

use waverig_tap::told::{self, Records};
use waverig_tap::{ioctl, request};

use super::UserError;
use super::ks::Handle;
use crate::nt::etw::{self, Told};

/// Room for a reply: as many records as the driver gives at a time.
const ROOM: usize = 16 << 10;

/// Opens the tap behind `link` and reads the record from this sequence number on.
///
/// # Errors
/// A sentence for people: what the driver answered.
pub(crate) fn read(link: &str, from: u64) -> Result<Records, UserError> {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        UserError(format!(
            "the driver's record of events cannot be read: {what}: {why}"
        ))
    };
    let handle = Handle::open(link).map_err(|status| failed("opening the tap", &status))?;
    handle
        .control(ioctl::HELLO, &request::hello(), 64)
        .map_err(|status| failed("HELLO", &status))?;
    let read = told::records(from, |input| {
        handle
            .control(ioctl::EVENTS, input, ROOM)
            .map_err(|status| Box::<dyn Error>::from(status.to_string()))
    })
    .map_err(|error| failed("EVENTS", &error))?;
    let told = etw::take_told();
    handle.close();
    compare(&read, &told)?;
    Ok(read)
}

/// ETW is told what the record holds, each event once: nothing else, and nothing less unless the record had no room for it. Not
/// compared is the order, in which somebody else's event may come between the two.
fn compare(read: &Records, told: &[Told]) -> Result<(), UserError> {
    // Name, device, cable, the values that the event has, and how often.
    let mut open: BTreeMap<(String, Vec<u64>), i64> = BTreeMap::new();
    let event = |name: &str, values: Vec<u64>| (name.to_owned(), values);
    // A driver that is loaded anew has an empty record.
    let loaded = told.iter().rposition(|one| one.name == "Loaded");
    for one in &told[loaded.unwrap_or(0)..] {
        let values = one.values.iter().map(|(_, value)| *value).collect();
        *open
            .entry(event(&told::words(&one.name), values))
            .or_default() += 1;
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

#[cfg(test)]
mod tests {
    use waverig_protocol::Recorded;

    use super::{Records, Told, compare};

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
        let read = Records {
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
}
