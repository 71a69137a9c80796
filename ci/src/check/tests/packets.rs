//! Recorders in packet mode: doctored runs.

use waverig_protocol::timeline::Event;

use super::Row;
use super::Verdict::{Failed, NotProven};
use super::doctor::nth;

fn given(event: &Event) -> bool {
    matches!(event, Event::ReadPacket { answer, .. } if answer == "given")
}

fn refused(event: &Event) -> bool {
    matches!(event, Event::ReadPacket { answer, .. } if answer == "not-ready")
}

const PACKET: &str = "record-packet";
const ID: &str = "record-packets of recorder-1";

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("a packet given twice", PACKET, |e, _| nth(e, 9, given, |s| if let Event::ReadPacket { packet, .. } = &mut s.event { *packet -= 1; }),
        ID, Failed, "packet 8 was given, and no more announced, when it was the turn of packet 9 of 10"),
    ("the time of a packet's end", PACKET, |e, _| nth(e, 9, given, |s| if let Event::ReadPacket { at, .. } = &mut s.event { *at += 100_000; }),
        ID, Failed, "the time of packet 9 is 10 ms after the clock's"),
    ("more that is not there", PACKET, |e, _| nth(e, 9, given, |s| if let Event::ReadPacket { more, .. } = &mut s.event { *more = true; }),
        ID, Failed, "packet 9 was given, and more announced"),
    ("a packet withheld", PACKET, |e, _| nth(e, 9, given, |s| if let Event::ReadPacket { answer, .. } = &mut s.event { *answer = "not-ready".into(); }),
        ID, Failed, "was answered with \"not-ready\" instead of \"given\""),
    ("another error than documented", PACKET, |e, _| nth(e, 3, refused, |s| if let Event::ReadPacket { answer, .. } = &mut s.event { *answer = "0xc000000d".into(); }),
        ID, Failed, "was answered with \"0xc000000d\" instead of \"not-ready\""),
    ("a packet that was recorded over", "record-packet-stall", |e, _| nth(e, 20, given, |s| if let Event::ReadPacket { packet, .. } = &mut s.event { *packet -= 1; }),
        ID, Failed, "was given"),
    ("a recorder that never asks", PACKET, |e, _| e.timeline.retain(|s| !matches!(s.event, Event::ReadPacket { .. })),
        ID, NotProven, "never asked for a packet"),
];
