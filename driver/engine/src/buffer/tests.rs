//! Sizes asked for and given; where frames lie.

use proptest::prelude::*;

use super::*;
use crate::stream::tests::config;

#[test]
fn requests_and_what_they_get() {
    use Notifications::{End, MiddleAndEnd, None};
    for (requested, frame_bytes, notifications, expect) in [
        (3_840, 4, None, Ok((3_840, 960, Option::None))),
        (3_840, 4, End, Ok((3_840, 960, Some(960)))),
        (3_840, 4, MiddleAndEnd, Ok((3_840, 960, Some(480)))),
        // 24-bit stereo: a page is no whole number of frames.
        (4_096, 6, End, Ok((4_098, 683, Some(683)))),
        (4_096, 6, MiddleAndEnd, Ok((4_104, 684, Some(342)))),
        (1, 8, MiddleAndEnd, Ok((16, 2, Some(1)))),
        (0, 4, End, Err(BufferError::Empty)),
        (4_096, 0, End, Err(BufferError::NoFrame)),
        (16 << 20, 4, None, Ok((16 << 20, 4 << 20, Option::None))),
        ((16 << 20) + 1, 4, None, Err(BufferError::TooLarge)),
        (u32::MAX, 4, MiddleAndEnd, Err(BufferError::TooLarge)),
        (u32::MAX, u16::MAX, MiddleAndEnd, Err(BufferError::TooLarge)),
    ] {
        let got = Geometry::for_request(requested, frame_bytes, notifications);
        let got = got.map(|g| (g.bytes(), g.frames(), g.packet().map(NonZeroU64::get)));
        assert_eq!(
            got, expect,
            "{requested} bytes of {frame_bytes}-byte frames, {notifications:?}"
        );
    }
    let counts = [0, 1, 2, 3, u32::MAX].map(Notifications::from_count);
    assert_eq!(
        counts,
        [
            Some(None),
            Some(End),
            Some(MiddleAndEnd),
            Option::None,
            Option::None
        ]
    );
}

proptest! {
    #![proptest_config(config(500))]
    #[test]
    fn a_buffer_is_the_least_that_holds_whole_packets(
        requested in 1u32..200_000,
        frame_bytes in 1u16..200,
        count in 0u32..3,
    ) {
        let notifications = Notifications::from_count(count).unwrap();
        let geometry = Geometry::for_request(requested, frame_bytes, notifications).unwrap();
        let quantum = u32::from(frame_bytes) * count.max(1);
        prop_assert!(geometry.bytes() >= requested);
        prop_assert!(geometry.bytes() - requested < quantum);
        prop_assert_eq!(geometry.bytes() % quantum, 0);
        prop_assert_eq!(geometry.packet().map(|p| p.get() * u64::from(count)), (count > 0).then(|| geometry.frames()));
    }

    #[test]
    fn spans_visit_the_places_of_the_frames_in_order(
        frames in 1u32..50,
        frame_bytes in 1u16..9,
        first in prop_oneof![0u64..1_000, u64::MAX - 1_000..=u64::MAX],
        count in 0u64..80,
    ) {
        let geometry = Geometry::for_request(frames * u32::from(frame_bytes), frame_bytes, Notifications::None).unwrap();
        let held = count.min(u64::from(frames));
        let expect: std::vec::Vec<u32> = (0..held)
            .map(|n| ((u128::from(first) + u128::from(n)) % u128::from(frames)) as u32 * u32::from(frame_bytes))
            .collect();
        let spans = geometry.spans(Frames(first), count);
        let visited: std::vec::Vec<u32> = spans.iter()
            .flat_map(|span| (0..span.frames as u32).map(move |n| span.offset + n * u32::from(frame_bytes)))
            .collect();
        // Positions never come near 2^64; only then does the modulo of a wrapped sum matter.
        if first.checked_add(count).is_some() {
            prop_assert_eq!(visited, expect);
        }
        for span in spans {
            prop_assert_eq!(u64::from(span.bytes), span.frames * u64::from(frame_bytes));
            prop_assert!(span.offset + span.bytes <= geometry.bytes());
        }
        prop_assert_eq!(geometry.offset(Frames(first)), (first % u64::from(frames)) as u32 * u32::from(frame_bytes));
    }
}
