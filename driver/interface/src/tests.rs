//! The layout is a promise to programs that are already built: any change here is a new version.

use core::mem::offset_of;

extern crate std;

use std::vec::Vec;

use crate::wire::Wire;
use crate::*;

#[test]
fn codes_are_what_ctl_code_gives() {
    assert_eq!(
        [
            ioctl::HELLO,
            ioctl::READ,
            ioctl::STATUS,
            ioctl::EVENTS,
            ioctl::SHARE,
            ioctl::CLOCK,
            ioctl::STEER
        ],
        [
            0x0022_6000,
            0x0022_6006,
            0x0022_6008,
            0x0022_600C,
            0x0022_6012,
            0x0022_6020,
            0x0022_E024
        ]
    );
}

#[test]
fn fields_stay_where_they_are() {
    assert_eq!(
        [
            offset_of!(Block, header_bytes),
            offset_of!(Block, flags),
            offset_of!(Block, generation),
            offset_of!(Block, frames),
            offset_of!(Block, first_frame),
            offset_of!(Block, qpc),
            offset_of!(Block, lost_frames),
            offset_of!(Block, clear_frames),
            offset_of!(Block, missed_frames),
            offset_of!(Block, format),
        ],
        [0, 4, 8, 12, 16, 24, 32, 40, 44, 48]
    );
    assert_eq!(offset_of!(HelloReply, qpc_frequency), 8);
    assert_eq!(offset_of!(HelloReply, ring_frames), 16);
    assert_eq!(
        [
            offset_of!(Status, position),
            offset_of!(Status, qpc),
            offset_of!(Status, clear_frames),
            offset_of!(Status, missed_frames),
            offset_of!(Status, known_from),
            offset_of!(Status, lost_frames),
            offset_of!(Status, clients),
            offset_of!(Status, format),
            offset_of!(Status, slope_ppb),
            offset_of!(Status, steering),
            offset_of!(Status, recent),
        ],
        [8, 16, 24, 56, 72, 80, 88, 96, 112, 116, 120]
    );
    assert_eq!(offset_of!(Steer, wanted_ppb), 4);
    assert_eq!(
        [
            offset_of!(ClockState, device_ticks),
            offset_of!(ClockState, device_fraction),
            offset_of!(ClockState, slope_ppb),
            offset_of!(ClockState, target_ppb),
            offset_of!(ClockState, grid_ticks),
            offset_of!(ClockState, steering),
            offset_of!(ClockState, position),
        ],
        [8, 16, 20, 24, 32, 44, 56]
    );
    assert_eq!(
        [
            offset_of!(EventRecord, qpc),
            offset_of!(EventRecord, kind),
            offset_of!(EventRecord, device),
            offset_of!(EventRecord, cable),
            offset_of!(EventRecord, count),
            offset_of!(EventRecord, values),
        ],
        [8, 16, 18, 19, 20, 24]
    );
    assert_eq!(
        [
            offset_of!(EventsReply, next),
            offset_of!(EventsReply, lost),
            offset_of!(EventsReply, count),
            offset_of!(EventsReply, record_bytes),
        ],
        [8, 16, 24, 28]
    );
}

#[test]
fn shared_memory_stays_as_it_is_laid_out() {
    assert_eq!(
        [
            offset_of!(ShareHeader, version),
            offset_of!(ShareHeader, header_bytes),
            offset_of!(ShareHeader, slot_bytes),
            offset_of!(ShareHeader, slots),
            offset_of!(ShareHeader, slot_header_bytes),
            offset_of!(ShareHeader, qpc_frequency),
            offset_of!(ShareHeader, state),
            offset_of!(ShareHeader, begun),
            offset_of!(ShareHeader, written),
        ],
        [
            4,
            8,
            12,
            16,
            20,
            24,
            ShareHeader::STATE_AT,
            ShareHeader::BEGUN_AT,
            ShareHeader::WRITTEN_AT
        ]
    );
    assert_eq!(
        [
            ShareHeader::STATE_AT,
            ShareHeader::BEGUN_AT,
            ShareHeader::WRITTEN_AT
        ],
        [32, 64, 72]
    );
    assert_eq!(
        [
            offset_of!(SlotHeader, frames_before),
            offset_of!(SlotHeader, block),
            offset_of!(ShareRequest, wake_blocks),
            offset_of!(ShareRequest, slot_bytes),
            offset_of!(ShareRequest, event),
        ],
        [8, 16, 4, 8, 16]
    );
    assert_eq!(ShareHeader::BYTES % SHARE_ALIGNMENT, 0);
    assert_eq!(ShareHeader::MAGIC, 0x5352_7657);
}

#[test]
fn kinds_of_events_keep_their_values() {
    let values = EventKind::ALL.map(|kind| kind as u16);
    assert_eq!(
        values,
        [
            1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 32, 33, 34, 35, 36, 37, 38
        ]
    );
    for value in 0..=64 {
        let kind = EventKind::from_wire(value);
        assert_eq!(
            kind.map(|kind| kind as u16),
            values.contains(&value).then_some(value)
        );
    }
}

/// More bytes than any structure has.
const ROOM: usize = 512;

/// The bytes of every structure count up, so a field read from the wrong place or width shows.
fn round_trip<T: Wire + PartialEq + core::fmt::Debug>() {
    let mut counted = [0u8; ROOM];
    for (byte, n) in counted.iter_mut().zip((1u8..=251).cycle()) {
        *byte = n;
    }
    let value = T::from_wire(&counted).expect("there is room for every structure");
    let mut out = [0u8; ROOM];
    value
        .to_wire(&mut out)
        .expect("there is room for every structure");
    assert_eq!(out[..T::BYTES], counted[..T::BYTES]);
    assert!(
        out[T::BYTES..].iter().all(|&b| b == 0),
        "wrote past the structure"
    );
    assert_eq!(T::from_wire(&counted[..T::BYTES - 1]), None);
    let mut short = [0u8; ROOM];
    assert_eq!(value.to_wire(&mut short[..T::BYTES - 1]), None);
    assert!(
        short.iter().all(|&b| b == 0),
        "wrote although there was no room"
    );
}

#[test]
fn every_structure_survives_the_wire() {
    round_trip::<Block>();
    round_trip::<TapFormat>();
    round_trip::<Hello>();
    round_trip::<HelloReply>();
    round_trip::<ReadRequest>();
    round_trip::<StarvedRun>();
    round_trip::<Status>();
    round_trip::<ShareRequest>();
    round_trip::<ShareHeader>();
    round_trip::<SlotHeader>();
    round_trip::<EventsRequest>();
    round_trip::<EventsReply>();
    round_trip::<EventRecord>();
    round_trip::<Steer>();
    round_trip::<ClockState>();
}

#[test]
fn wire_order_is_memory_order() {
    let block = Block {
        frames: 0x0403_0201,
        qpc: 0x0807_0605_0403_0201,
        ..Block::default()
    };
    let mut out = [0; Block::BYTES];
    block.to_wire(&mut out).expect("fits");
    assert_eq!(out[12..16], [1, 2, 3, 4]);
    assert_eq!(out[24..32], [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn sample_kinds_survive_the_wire() {
    for value in 0..=16 {
        if let Some(kind) = SampleKind::from_wire(value) {
            assert_eq!(kind as u16, value);
        }
    }
    for value in 0..=8 {
        if let Some(action) = SteerAction::from_wire(value) {
            assert_eq!(action as u32, value);
        }
        if let Some(steering) = Steering::from_wire(value) {
            assert_eq!(steering as u32, value);
        }
    }
    assert_eq!(
        (SteerAction::from_wire(0), Steering::from_wire(3)),
        (None, None)
    );
    assert_eq!(SampleKind::from_wire(0), None);
    assert_eq!(SampleKind::Pcm24.bytes(), 3);
}

#[test]
fn a_tap_is_found_by_its_reference_string() {
    let of = |name: &str| {
        CableNumber::of_tap_reference(name.encode_utf16().collect::<Vec<_>>()).map(CableNumber::get)
    };
    for cable in CableNumber::first(u8::MAX) {
        assert_eq!(of(cable.tap_reference()), Some(cable.get()));
        assert_eq!(of(&cable.tap_reference().to_uppercase()), Some(cable.get()));
        assert_eq!(CableNumber::new(cable.get()), Some(cable));
    }
    for name in [
        "",
        "Tap",
        "Tap0",
        "Tap9",
        "Tap10",
        "Tap1 ",
        "\\Tap1",
        "Ta\u{440}1",
    ] {
        assert_eq!(of(name), None, "{name:?}");
    }
    assert_eq!((CableNumber::new(0), CableNumber::new(9)), (None, None));
    assert_eq!(CableNumber::first(3).count(), 3);
}
