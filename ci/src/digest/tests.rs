//! Doctored digests: each is found, and in the expected words.

use super::*;
use waverig_protocol::scenario::{Format, Sample, Signal};

const FREQUENCY: i64 = 10_000_000;
/// Frames in a packet, and in a stretch of ten.
const PACKET: u32 = 480;
const STRETCH: u64 = 4_800;

fn scenario() -> Scenario {
    let format = Format {
        rate: 48_000,
        channels: 2,
        sample: Sample::Pcm16,
    };
    let client = Client::EventDriven {
        packet_frames: PACKET,
    };
    Scenario::of(Signal::Counter, format, client, 300)
}

fn times(count: u64, least: i64, most: i64) -> Times {
    Times { count, least, most }
}

/// Three stretches of a good run.
fn good() -> Vec<Digest> {
    let scenario = scenario();
    let generator = Generator::new(&scenario.signal, scenario.format).expect("a signal");
    (0..3)
        .map(|number| {
            let first_frame = number * STRETCH;
            let mut bytes = vec![0; STRETCH as usize * scenario.format.frame_bytes()];
            generator.fill(first_frame, &mut bytes);
            Digest {
                first_frame,
                frames: STRETCH,
                crc32: crc32fast::hash(&bytes),
                blocks: times(10, -24_000, 24_000),
                positions: times(10, 0, FREQUENCY - 1),
                notifications: times(10, 0, 48_000 * 4_000),
                writes: 10,
                ..Digest::default()
            }
        })
        .collect()
}

fn judged(digests: Vec<Digest>) -> Result<Folded, String> {
    let mut judge = Judge::new(&scenario(), &Limits::default(), FREQUENCY)?;
    for digest in digests {
        let digest = Box::new(digest);
        judge.take(&[Stamped::new(0, Event::Digest { digest })])?;
    }
    judge.end()
}

fn check(change: impl FnOnce(&mut Vec<Digest>), expect: &str) {
    let mut digests = good();
    change(&mut digests);
    let said = judged(digests).expect_err("it is not right");
    assert!(said.contains(expect), "{said:?} does not say {expect:?}");
}

#[test]
fn a_good_run_is_counted() {
    let folded = judged(good()).expect("it is right");
    let expect = Folded {
        frames: 3 * STRETCH,
        notifications: 30,
        positions: 30,
        blocks: 30,
        latest: Nanos(400_000),
    };
    assert_eq!(folded, expect);
}

#[test]
fn what_is_wrong_is_said() {
    check(
        |all| {
            all.remove(1);
        },
        "frame 4800 was due",
    );
    check(|all| all.truncate(2), "9600 frames of 14400");
    check(
        |all| all[1].crc32 ^= 1,
        "from frame 4800 on: the CRC-32 of 4800 frames is",
    );
    check(|all| all[1].frames -= 1, "the CRC-32 of 4799 frames is");
    check(|all| all[1].lost = 1, "1 frames lost");
    check(|all| all[1].missed = 2, "2 missed");
    check(|all| all[2].clear = 3, "3 clear");
    check(|all| all[0].misplaced = 1, "1 writes came too late");
    check(
        |all| all[0].positions.least = -1,
        "10 positions reach from -1 to",
    );
    check(
        |all| all[0].positions.most += 1,
        "positions reach from 0 to 10000000",
    );
    check(
        |all| all[2].blocks.least = -480_001,
        "blocks' times reach from -480001",
    );
    check(|all| all[2].blocks.most = 480_001, "to 480001");
    check(
        |all| all[2].notifications.most = 48_000 * 10_001,
        "notifications reach",
    );
    check(
        |all| all[1].notifications.count = 7,
        "7 notifications in 10 packets",
    );
    check(
        |all| all[1].notifications.count = 13,
        "13 notifications in 10 packets",
    );
}
