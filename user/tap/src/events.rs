//! The driver's record of recent events, read and put into words.

use std::fmt;

use waverig_interface::wire::Wire;
use waverig_interface::{EventKind, EventRecord, EventsReply, SampleKind};

use crate::Error;
use crate::session::decode;

/// The reply to [`request::events`](crate::request::events).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The records, in order, without a gap.
    pub records: Vec<Recorded>,
    /// Records that were asked for and are overwritten already.
    pub lost: u64,
    /// Sequence number of the next event to come.
    pub next: u64,
}

/// One record. Its `Display` puts it into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded(pub EventRecord);

impl Events {
    /// Reads the reply: exactly the bytes that it returned.
    ///
    /// # Errors
    /// When it is none that the interface allows.
    pub fn decode(reply: &[u8]) -> Result<Self, Error> {
        let head: EventsReply = decode("EVENTS", reply)?;
        let size = head.record_bytes as usize;
        if !(EventRecord::BYTES..=MOST_RECORD_BYTES).contains(&size) {
            return Err(Error::Field {
                field: "EventsReply.record_bytes",
                value: head.record_bytes.into(),
            });
        }
        let need = (head.count as usize)
            .saturating_mul(size)
            .saturating_add(EventsReply::BYTES);
        let records = reply.get(EventsReply::BYTES..need).ok_or(Error::Short {
            reply: "EVENTS",
            need,
            got: reply.len(),
        })?;
        if reply.len() > need {
            return Err(Error::Long {
                need,
                got: reply.len(),
            });
        }
        let records: Vec<Recorded> = records
            .chunks_exact(size)
            .filter_map(EventRecord::from_wire)
            .map(Recorded)
            .collect();
        let numbered = (head.first..).zip(&records);
        if !numbered
            .into_iter()
            .all(|(number, record)| record.0.sequence == number && number < head.next)
        {
            return Err(Error::Contradiction("records are not numbered one by one"));
        }
        if records.iter().any(|record| record.0.count == 0) {
            return Err(Error::Contradiction("an event that never happened"));
        }
        Ok(Self {
            lost: head.lost,
            next: head.next,
            records,
        })
    }

    /// Where to read on; `None` when there was nothing more.
    #[must_use]
    pub fn more(&self) -> Option<u64> {
        let last = self.records.last()?;
        let behind = last.0.sequence.saturating_add(1);
        (behind < self.next).then_some(behind)
    }
}

/// No version of the interface will need a larger record than a page.
const MOST_RECORD_BYTES: usize = 4_096;

impl Recorded {
    /// The kind, if this version knows it.
    #[must_use]
    pub fn kind(&self) -> Option<EventKind> {
        EventKind::from_wire(self.0.kind)
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventRecord { device, cable, .. } = self.0;
        match (device, cable) {
            (0, _) => f.write_str("driver: ")?,
            (_, 0) => write!(f, "device {device}: ")?,
            _ => write!(f, "device {device} cable {cable}: ")?,
        }
        match self.kind() {
            Some(kind) => told(kind, self.0.values, f)?,
            None => write!(f, "event {} with {:x?}", self.0.kind, self.0.values)?,
        }
        match self.0.count {
            0 | 1 => Ok(()),
            count => write!(f, ", {count} times"),
        }
    }
}

/// What a kind and its values say.
fn told(kind: EventKind, values: [u64; 3], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use EventKind as Kind;
    let [a, b, c] = values;
    match kind {
        Kind::Loaded => f.write_str("loaded"),
        Kind::Started if a == 0 => f.write_str("started"),
        Kind::Started => write!(f, "did not start: status {a:#010x}"),
        Kind::Pnp => write!(f, "plug and play: {}", name(&PNP, a)),
        Kind::Power => write!(
            f,
            "power: device state {}, system state {}",
            name(&DEVICE_STATES, a),
            name(&SYSTEM_STATES, b)
        ),
        Kind::SettingRefused => write!(
            f,
            "setting {} not taken: type {b}, value or length {c}",
            name(&SETTINGS, a)
        ),
        Kind::StreamOpened => {
            let direction = if b >> 32 & 1 == 1 {
                "capture"
            } else {
                "render"
            };
            let sample = SampleKind::from_wire((b >> 16) as u16);
            let sample = sample.map_or_else(|| "unknown sample".to_owned(), |it| format!("{it:?}"));
            let channels = b & 0xFFFF;
            write!(
                f,
                "{direction} stream opened: {a} Hz, {channels} channels (mask {c:#x}), {sample}"
            )
        }
        Kind::StreamRefused => write!(f, "stream refused: status {a:#010x}"),
        Kind::StreamClosed if a >> 32 & 1 == 1 => f.write_str("capture stream closed"),
        Kind::StreamClosed => write!(
            f,
            "stream closed: generation {a}, {b} clear frames in {c} runs"
        ),
        Kind::State => {
            let capture = if b >> 32 & 1 == 1 { "capture " } else { "" };
            let (state, before) = (name(&STATES, a), name(&STATES, b & 0xFFFF_FFFF));
            write!(f, "{capture}state {state} after {before} at frame {c}")
        }
        Kind::Buffer if b == 0 => write!(f, "buffer of {a} bytes without notifications"),
        Kind::Buffer => write!(f, "buffer of {a} bytes, a notification each {b} frames"),
        Kind::BufferRefused => write!(f, "buffer of {b} bytes refused: status {a:#010x}"),
        Kind::BufferFreed => f.write_str("buffer freed"),
        Kind::Starved => write!(f, "starved of {c} frames from frame {b} of generation {a}"),
        Kind::Protected if a == 0 => write!(f, "content free from frame {b}"),
        Kind::Protected => write!(f, "content protected from frame {b}"),
        Kind::Steered => write!(
            f,
            "rate steered to {:+} ppb, now at {:+} ppb",
            a.cast_signed(),
            b.cast_signed()
        ),
        Kind::ClientOpened => write!(f, "client {a} opened the tap, {b} open"),
        Kind::ClientRefused => write!(f, "tap not opened: status {a:#010x}, {b} open"),
        Kind::ClientClosed => write!(
            f,
            "client {a} closed the tap, {b} frames lost, {c} requests refused"
        ),
        Kind::ClientLost => write!(f, "client {a} lost {b} frames, up to generation {c}"),
        Kind::RequestRefused => write!(
            f,
            "client {a}: control {b:#010x} refused with status {c:#010x}"
        ),
        Kind::Shared => write!(f, "client {a} shares {b} slots of {c} frames"),
        Kind::ShareEnded => write!(
            f,
            "client {a} shares no more after {b} blocks: status {c:#010x}"
        ),
    }
}

/// Values of the device's hardware key, in the order of docs/settings.md.
const SETTINGS: [&str; 8] = [
    "0",
    "Cables",
    "Channels",
    "DefaultRate",
    "DefaultSample",
    "DefaultChannels",
    "RenderName",
    "CaptureName",
];

/// KSSTATE (ks.h).
const STATES: [&str; 4] = ["stop", "acquire", "pause", "run"];

/// IRP_MN_… of plug and play (wdm.h), from 0.
const PNP: [&str; 24] = [
    "start",
    "query remove",
    "remove",
    "cancel remove",
    "stop",
    "query stop",
    "cancel stop",
    "query relations",
    "query interface",
    "query capabilities",
    "query resources",
    "query resource requirements",
    "query text",
    "filter resource requirements",
    "14",
    "read config",
    "write config",
    "eject",
    "set lock",
    "query id",
    "query state",
    "query bus information",
    "usage notification",
    "surprise removal",
];

/// DEVICE_POWER_STATE (wdm.h).
const DEVICE_STATES: [&str; 5] = ["unspecified", "D0", "D1", "D2", "D3"];

/// SYSTEM_POWER_STATE (wdm.h).
const SYSTEM_STATES: [&str; 7] = [
    "unspecified",
    "working",
    "sleeping 1",
    "sleeping 2",
    "sleeping 3",
    "hibernate",
    "shutdown",
];

/// The name of a code, or the code.
fn name(names: &[&str], code: u64) -> String {
    let known = usize::try_from(code).ok().and_then(|at| names.get(at));
    known.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sequence: u64, kind: EventKind, values: [u64; 3]) -> EventRecord {
        EventRecord {
            sequence,
            qpc: 5,
            kind: kind as u16,
            device: 1,
            cable: 1,
            count: 1,
            values,
        }
    }

    fn reply(head: EventsReply, records: &[EventRecord]) -> Vec<u8> {
        let mut bytes = vec![0; EventsReply::BYTES];
        head.to_wire(&mut bytes).expect("room for the head");
        for record in records {
            let mut one = vec![0; head.record_bytes.max(48) as usize];
            record.to_wire(&mut one).expect("room for a record");
            bytes.extend(one);
        }
        bytes
    }

    fn head(first: u64, count: u32, next: u64) -> EventsReply {
        EventsReply {
            first,
            next,
            lost: first,
            count,
            record_bytes: 48,
        }
    }

    #[test]
    fn replies_are_read_or_refused() {
        let two = [
            record(7, EventKind::Loaded, [0; 3]),
            record(8, EventKind::Started, [0; 3]),
        ];
        let check = |head: EventsReply,
                     records: &[EventRecord],
                     expect: Result<(u64, usize, Option<u64>), Error>| {
            let got = Events::decode(&reply(head, records));
            let got = got.map(|events| (events.lost, events.records.len(), events.more()));
            assert_eq!(got, expect, "{head:?}");
        };
        check(head(7, 2, 9), &two, Ok((7, 2, None)));
        check(head(7, 2, 30), &two, Ok((7, 2, Some(9))));
        check(head(9, 0, 9), &[], Ok((9, 0, None)));
        let larger = EventsReply {
            record_bytes: 64,
            ..head(7, 2, 9)
        };
        check(larger, &two, Ok((7, 2, None)));
        let field = |value| {
            Err(Error::Field {
                field: "EventsReply.record_bytes",
                value,
            })
        };
        for bytes in [0, 47, 4_097] {
            let wrong = EventsReply {
                record_bytes: bytes,
                ..head(7, 0, 9)
            };
            check(wrong, &[], field(bytes.into()));
        }
        let numbering = Err(Error::Contradiction("records are not numbered one by one"));
        check(head(6, 2, 9), &two, numbering);
        check(head(7, 2, 8), &two, numbering);
        check(
            head(7, 3, 10),
            &two,
            Err(Error::Short {
                reply: "EVENTS",
                need: 176,
                got: 128,
            }),
        );
        check(head(7, 1, 9), &two, Err(Error::Long { need: 80, got: 128 }));
        let never = EventRecord { count: 0, ..two[0] };
        let never = Events::decode(&reply(head(7, 1, 9), &[never]));
        assert_eq!(
            never,
            Err(Error::Contradiction("an event that never happened"))
        );
        let huge = EventsReply {
            count: u32::MAX,
            ..head(0, 0, 1)
        };
        assert!(matches!(
            Events::decode(&reply(huge, &[])),
            Err(Error::Short { .. })
        ));
    }

    #[test]
    fn every_kind_is_told_in_words() {
        for kind in EventKind::ALL {
            let told = Recorded(record(0, kind, [1, 2, 3])).to_string();
            assert!(told.len() > "device 1 cable 1: ".len(), "{kind:?}: {told}");
        }
        for (record, expect) in [
            (
                record(0, EventKind::State, [3, 2, 0]),
                "device 1 cable 1: state run after pause at frame 0",
            ),
            (
                record(0, EventKind::State, [2, 3 | 1 << 32, 480]),
                "device 1 cable 1: capture state pause after run at frame 480",
            ),
            (
                record(0, EventKind::StreamClosed, [1 << 32, 0, 0]),
                "device 1 cable 1: capture stream closed",
            ),
            (
                record(0, EventKind::StreamOpened, [48_000, 0x0001_0002, 3]),
                "device 1 cable 1: render stream opened: 48000 Hz, 2 channels (mask 0x3), Pcm16",
            ),
            (
                record(0, EventKind::Steered, [u64::MAX, 500, 0]),
                "device 1 cable 1: rate steered to -1 ppb, now at +500 ppb",
            ),
            (
                EventRecord {
                    count: 3,
                    ..record(0, EventKind::RequestRefused, [4, 0x0022_6006, 0xC000_000D])
                },
                "device 1 cable 1: client 4: control 0x00226006 refused with status 0xc000000d, 3 times",
            ),
            (
                EventRecord {
                    kind: 999,
                    cable: 0,
                    ..record(0, EventKind::Pnp, [0xA, 0, 0])
                },
                "device 1: event 999 with [a, 0, 0]",
            ),
        ] {
            assert_eq!(Recorded(record).to_string(), expect);
        }
    }
}
