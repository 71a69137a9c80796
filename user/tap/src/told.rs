//! The driver's records, blocks and counts as the rig's protocol tells them, for its programs alone (feature `told`).

use waverig_interface::Status;
use waverig_protocol::Recorded;
use waverig_protocol::timeline::{Event, StarvedRun};

use crate::{Block, Error, Events, request};

/// What the driver's record holds.
#[derive(Debug)]
pub struct Records {
    /// The records, in order.
    pub records: Vec<Recorded>,
    /// Records that had been overwritten.
    pub lost: u64,
    /// Sequence number of the next record.
    pub next: u64,
}

/// Reads the record from sequence number `from` on; `ask` carries out EVENTS with these bytes and gives the reply's.
///
/// # Errors
/// Those of `ask`, and a reply that is none.
pub fn records<E: From<Error>>(
    from: u64,
    mut ask: impl FnMut(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Records, E> {
    let mut read = Records {
        records: Vec::new(),
        lost: 0,
        next: from,
    };
    let mut more = Some(from);
    while let Some(at) = more {
        let reply = ask(&request::events(at))?;
        let events = Events::decode(&reply)?;
        more = events.more();
        read.lost += events.lost;
        read.next = more.unwrap_or(events.next);
        read.records.extend(events.records.iter().map(recorded));
    }
    Ok(read)
}

/// A record of the driver's.
fn recorded(record: &crate::Recorded) -> Recorded {
    let kind = record.kind().map_or_else(
        || record.0.kind.to_string(),
        |kind| words(&format!("{kind:?}")),
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
#[must_use]
pub fn words(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A block of the tap's.
pub fn block(block: &Block<'_>) -> Event {
    Event::Block {
        generation: block.generation,
        first_frame: block.first_frame,
        frames: block.count.into(),
        first_qpc: block.qpc,
        flags: block.flags.0,
        lost: block.lost,
        clear: block.clear.into(),
        missed: block.missed.into(),
    }
}

/// What the tap counted.
pub fn starved(status: &Status) -> Event {
    let runs = status.recent.iter().filter(|run| run.frames > 0);
    Event::Starved {
        clear_frames: status.clear_frames,
        clear_runs: status.clear_runs,
        missed_frames: status.missed_frames,
        missed_runs: status.missed_runs,
        known_from: (status.known_from != u64::MAX).then_some(status.known_from),
        recent: runs
            .map(|run| StarvedRun {
                first_frame: run.first_frame,
                frames: run.frames,
                qpc: run.qpc,
                known: run.known != 0,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_timeline() {
        assert_eq!(words("State"), "state");
        assert_eq!(words("StreamOpened"), "stream-opened");
        assert_eq!(words("Starved"), "starved");
    }
}
