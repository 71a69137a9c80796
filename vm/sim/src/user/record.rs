//! The program that reads the driver's own record of events, when the others have ended.

use waverig_protocol::Recorded;
use waverig_tap::{Events, ioctl, request};

use super::UserError;
use super::ks::Handle;

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
    handle.close();
    Ok(read)
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
    #[test]
    fn names_are_those_of_the_timeline() {
        for (name, expect) in [("State", "state"), ("StreamOpened", "stream-opened")] {
            assert_eq!(super::kebab(name), expect);
        }
    }
}
