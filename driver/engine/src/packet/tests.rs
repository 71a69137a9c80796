//! Counts, numbers that wrap, refusals, and reading with a lag.

use proptest::prelude::*;

use super::*;

fn size(frames: u64) -> NonZeroU64 {
    NonZeroU64::new(frames).expect("a packet has frames")
}

#[test]
fn counts_follow_the_position() {
    for (position, expect_count, expect_next) in [
        (0, 0, 480),
        (479, 0, 480),
        (480, 1, 960),
        (481, 1, 960),
        // 100 days at 192 kHz.
        (1_658_880_000_000, 3_456_000_000, 1_658_880_000_480),
    ] {
        assert_eq!(count(Frames(position), size(480)), expect_count);
        assert_eq!(
            next_boundary(Frames(position), size(480)),
            Frames(expect_next)
        );
    }
    assert_eq!(next_boundary(Frames(u64::MAX), size(480)), Frames(u64::MAX));
}

#[test]
fn a_stall_crosses_every_packet_it_slept_through() {
    for (from, to, expect) in [
        (0, 479, 0),
        (479, 480, 1),
        (480, 480, 0),
        (100, 100 + 163 * 48, 16),
        (960, 0, 0),
    ] {
        assert_eq!(
            crossed(Frames(from), Frames(to), size(480)),
            expect,
            "{from} to {to}"
        );
    }
}

const WRAP: u64 = 1 << 32;

#[test]
fn only_the_expected_packet_may_be_written() {
    use PacketError::{Late, Overrun};
    for (packet, count, running, expect) in [
        (0, 0, false, Ok(0)),
        (1, 0, false, Err(Overrun)),
        // What the HLK's position test tries before the stream runs: the second lap.
        (2, 0, false, Err(Overrun)),
        (1, 0, true, Ok(1)),
        (0, 0, true, Err(Late)),
        (2, 0, true, Err(Overrun)),
        (5, 7, true, Err(Late)),
        (0, WRAP - 1, true, Ok(WRAP)),
        (u32::MAX, WRAP - 1, true, Err(Late)),
        (u32::MAX, WRAP - 2, true, Ok(WRAP - 1)),
        (u32::MAX, WRAP, false, Err(Late)),
        (0, WRAP, false, Ok(WRAP)),
        (1, WRAP, false, Err(Overrun)),
        (7, 5 * WRAP + 6, true, Ok(5 * WRAP + 7)),
    ] {
        assert_eq!(
            check_write(packet, count, running),
            expect,
            "{packet} at {count}"
        );
    }
}

#[test]
fn a_late_number_is_the_latest_packet_of_that_number() {
    for (packet, count, expect) in [
        (0, 0, Some(0)),
        (3, 5, Some(3)),
        (5, 5, Some(5)),
        (6, 5, None),
        (u32::MAX, WRAP, Some(WRAP - 1)),
        (1, WRAP, Some(1)),
        (0, WRAP + 1, Some(WRAP)),
    ] {
        assert_eq!(latest(packet, count), expect, "{packet} at {count}");
    }
}

#[test]
fn the_last_packet_has_at_most_a_packet() {
    use PacketError::Invalid;
    for (flags, last_bytes, expect) in [
        (0, u32::MAX, Ok(None)),
        (END_OF_STREAM, 0, Ok(Some(0))),
        (END_OF_STREAM, 2_646, Ok(Some(441))),
        // Half a packet of 441 frames of 6 bytes.
        (END_OF_STREAM, 1_323, Ok(Some(220))),
        (END_OF_STREAM, 2_647, Err(Invalid)),
        (1, 0, Err(Invalid)),
        (END_OF_STREAM | 1, 0, Err(Invalid)),
    ] {
        let write = WritePacket {
            number: 0,
            flags,
            last_bytes,
        };
        assert_eq!(write.last_frames(size(441), 6), expect, "{write:?}");
    }
}

#[test]
fn a_reader_gets_each_packet_once_and_learns_what_it_lost() {
    // Positions at which the client asks, packets of 10 in a lap of two; number, more, dropped.
    let mut reader = ReadPackets::default();
    for (position, expect) in [
        (0, None),
        (9, None),
        (10, Some((0, false, 0))),
        (19, None),
        (20, Some((1, false, 0))),
        // Packets 2 and 3 are overwritten.
        (51, Some((4, false, 2))),
        (59, None),
    ] {
        let read = reader.read(Frames(position), size(10), size(2));
        let seen = read.map(|read| (read.number, read.more, read.dropped));
        assert_eq!(seen, expect, "at {position}");
        assert!(read.is_none_or(|read| read.first.0 == read.number * 10));
    }
    // A lap of four keeps three.
    let mut reader = ReadPackets::default();
    let mut read = |position| {
        let read = reader.read(Frames(position), size(10), size(4))?;
        Some((read.number, read.more, read.dropped))
    };
    assert_eq!(read(65), Some((3, true, 3)));
    assert_eq!(read(65), Some((4, true, 0)));
    assert_eq!(read(65), Some((5, false, 0)));
    assert_eq!(read(65), None);
}

proptest! {
    #![proptest_config(crate::stream::tests::config(300))]
    /// Whatever the lag, packets come in order, none twice, each either read or dropped, and none that is being overwritten.
    #[test]
    fn reading_accounts_for_every_packet(
        frames in 1u64..1_000,
        in_lap in 1u64..4,
        steps in proptest::collection::vec(0u64..5_000, crate::stream::tests::steps_up_to(60)),
    ) {
        let (packet, in_lap) = (size(frames), size(in_lap));
        let (mut reader, mut position, mut accounted) = (ReadPackets::default(), 0, 0);
        for step in steps {
            position += step;
            let count = position / frames;
            while let Some(read) = reader.read(Frames(position), packet, in_lap) {
                prop_assert_eq!(read.number, accounted + read.dropped);
                prop_assert!(read.number < count);
                prop_assert!(count - read.number <= in_lap.get().saturating_sub(1).max(1));
                prop_assert_eq!(read.more, read.number + 1 < count);
                accounted = read.number + 1;
            }
            prop_assert_eq!(accounted, count);
        }
    }

    /// A number is accepted exactly when it is the expected packet's, however often 32 bits have wrapped.
    #[test]
    fn numbers_wrap(count in 0u64..u64::MAX / 2, ahead in -5i64..5, running in any::<bool>()) {
        let expected = count + u64::from(running);
        let meant = expected.wrapping_add_signed(ahead);
        let expect = match ahead {
            0 => Ok(expected),
            1.. => Err(PacketError::Overrun),
            _ => Err(PacketError::Late),
        };
        prop_assert_eq!(check_write(meant as u32, count, running), expect);
        if ahead < 0 && meant <= count {
            prop_assert_eq!(latest(meant as u32, count), Some(meant));
        }
    }
}
