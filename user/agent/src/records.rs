//! The driver's records and blocks as the protocol tells them.

use waverig_protocol::Recorded;
use waverig_protocol::timeline::{Event, StarvedRun};
use waverig_tap::{Block, Status};

/// A record of the driver's.
pub fn recorded(record: &waverig_tap::Recorded) -> Recorded {
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
fn words(name: &str) -> String {
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
        assert_eq!(words("StreamOpened"), "stream-opened");
        assert_eq!(words("Starved"), "starved");
    }
}
