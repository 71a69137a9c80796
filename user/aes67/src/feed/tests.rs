//! Replies as the driver makes them, of a stream whose samples are their frame's index and one.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rtp_types::RtpPacket;
use waverig_interface::wire::Wire as _;
use waverig_interface::{Block as Header, TapFormat};

use super::*;
use crate::media::{PacketTime, Shape};
use waverig_tap::SampleKind;

const LINE: Mapping = Mapping {
    local: 0,
    ptp: 1_790_000_000_000_000_000,
    rate: 0.0,
};

struct Rig {
    feed: Feed,
    stream: Stream,
    samples: Vec<u16>,
    rate: u32,
}

impl Rig {
    fn new(bound_ppb: Option<u32>) -> Self {
        let shape = Shape::new("L16/48000/1".parse().expect("a format"), PacketTime::Us125);
        Self {
            feed: Feed::new(10_000_000, 48_000, bound_ppb),
            stream: Stream::new(shape.expect("fits"), 98, &mut StdRng::seed_from_u64(1)),
            samples: Vec::new(),
            rate: 48_000,
        }
    }

    fn block(
        &mut self,
        flags: u32,
        generation: u32,
        first: u64,
        frames: u32,
        lost: u64,
        us: i64,
    ) -> Step {
        let header = Header {
            header_bytes: 64,
            flags: BlockFlags(
                flags
                    | if lost > 0 {
                        BlockFlags::DISCONTINUITY.0
                    } else {
                        0
                    },
            ),
            generation,
            frames,
            first_frame: first,
            qpc: us * 10,
            lost_frames: lost,
            format: TapFormat {
                rate: self.rate,
                channels: 1,
                sample: SampleKind::Pcm16 as u16,
                frame_bytes: 2,
                ..TapFormat::default()
            },
            ..Header::default()
        };
        let mut reply = vec![0; 64];
        header.to_wire(&mut reply).expect("room");
        reply.extend((0..frames as u16).flat_map(|n| (first as u16 + n + 1).to_le_bytes()));
        let mut out = |packet: &[u8]| {
            let packet = RtpPacket::parse(packet).expect("RTP");
            let pairs = packet.payload().chunks(2);
            self.samples
                .extend(pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
        };
        let step = self.feed.take(
            &reply,
            |qpc| qpc * 100,
            (LINE, 0),
            &mut self.stream,
            &mut out,
        );
        step.expect("the tap keeps its promises")
    }
}

const FIRST: u32 = BlockFlags::FIRST.0;
const LAST: u32 = BlockFlags::LAST.0;

#[test]
fn streams_begin_lose_frames_and_end() {
    let mut rig = Rig::new(None);
    let step = rig.block(FIRST, 1, 0, 8, 0, 1_000);
    assert!(step.began.is_some() && step.sent && !step.ended && rig.feed.plays());
    assert_eq!(
        rig.block(0, 1, 12, 3, 4, 1_250),
        Step {
            sent: true,
            ..Step::default()
        }
    );
    let step = rig.block(LAST, 1, 15, 0, 0, 1_312);
    assert!(step.ended && !rig.feed.plays());
    let expect: Vec<u16> = (1..=8).chain([0; 4]).chain(13..=15).chain([0; 3]).collect();
    assert_eq!(rig.samples, expect);
    rig.samples.clear();
    rig.block(FIRST, 2, 0, 6, 0, 2_000);
    assert_eq!(rig.samples[30..], [1, 2, 3, 4, 5, 6]);
    assert_eq!(rig.stream.counted().lost, 4);
}

#[test]
fn a_stream_whose_end_was_lost_ends_where_the_next_one_begins() {
    let mut rig = Rig::new(None);
    rig.block(FIRST, 1, 0, 8, 0, 1_000);
    let step = rig.block(FIRST, 3, 0, 6, 0, 1_250);
    assert!(step.began.is_some());
    let expect: Vec<u16> = (1..=8).chain([0; 4]).chain(1..=6).collect();
    assert_eq!(rig.samples, expect);
}

#[test]
fn another_rate_is_not_sent() {
    let mut rig = Rig::new(None);
    rig.rate = 44_100;
    let step = rig.block(FIRST, 1, 0, 8, 0, 1_000);
    assert_eq!(step.began.map(|format| format.rate), Some(44_100));
    assert!(!step.sent && !rig.feed.plays() && rig.samples.is_empty());
}

#[test]
fn a_device_that_is_slow_is_asked_to_hurry() {
    let mut rig = Rig::new(Some(1_000_000));
    let mut asked = Vec::new();
    // Each millisecond takes 100 ns too long: 100 ppm.
    for packet in 0..1_000u64 {
        let flags = if packet == 0 { FIRST } else { 0 };
        let us = packet as i64 * 1_000 + packet as i64 / 10;
        asked.extend(rig.block(flags, 1, packet * 48, 48, 0, us).steer);
    }
    assert!(
        asked.len() > 20 && asked.iter().all(|ppb| (0..1_000_000).contains(ppb)),
        "{asked:?}"
    );
    assert!(asked.is_sorted(), "{asked:?}");
    assert_eq!(rig.feed.steered(), asked.last().map(|most| (0, *most)));
    rig.feed.let_go();
    assert_eq!(rig.feed.steered(), None);
}

#[test]
fn what_is_no_reply_is_told() {
    let mut rig = Rig::new(None);
    let taken = rig
        .feed
        .take(&[0; 63], |qpc| qpc, (LINE, 0), &mut rig.stream, &mut |_| {});
    assert!(format!("{:#}", taken.expect_err("short")).starts_with("the tap breaks its promise"));
}
