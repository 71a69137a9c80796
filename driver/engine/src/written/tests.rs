//! Against a model that remembers every frame.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Declares stretches at the position given with each, then splits `of`.
fn check(
    declares: &[(u64, Range<u64>)],
    ended: Option<u64>,
    of: Range<u64>,
    expect: &[(Clear, Range<u64>)],
) {
    let mut written = Written::default();
    for (due, frames) in declares {
        written.declare(frames.clone(), Frames(*due));
    }
    if let Some(end) = ended {
        written.end(Frames(end));
    }
    let mut all = Vec::new();
    written.split(Frames(of.start), of.end - of.start, |clear, frames| {
        all.push((clear, frames))
    });
    assert_eq!(all, expect, "{written:?}");
}

#[test]
fn clear_frames_are_split_by_what_is_known() {
    use Clear::{Missed, Silence, Unknown};
    check(&[], None, 0..10, &[(Unknown, 0..10)]);
    check(
        &[(0, 0..10)],
        None,
        0..20,
        &[(Silence, 0..10), (Missed, 10..20)],
    );
    check(
        &[(3, 10..20)],
        None,
        3..25,
        &[(Unknown, 3..10), (Silence, 10..20), (Missed, 20..25)],
    );
    // Two packets that meet, and two that do not.
    check(&[(0, 0..10), (5, 10..20)], None, 5..20, &[(Silence, 5..20)]);
    check(
        &[(0, 0..10), (5, 15..20)],
        None,
        5..20,
        &[(Silence, 5..10), (Missed, 10..15), (Silence, 15..20)],
    );
    // The rest of the packet in progress, after the next one.
    check(
        &[(0, 0..10), (12, 20..30), (13, 10..20)],
        None,
        13..31,
        &[(Silence, 13..30), (Missed, 30..31)],
    );
    // The end, in the middle of a packet and before anything else.
    check(
        &[(0, 0..10)],
        Some(7),
        0..20,
        &[(Silence, 0..10), (Silence, 10..20)],
    );
    check(
        &[(0, 0..10)],
        Some(10),
        0..20,
        &[(Silence, 0..10), (Silence, 10..20)],
    );
    check(
        &[(0, 0..10)],
        Some(15),
        0..20,
        &[(Silence, 0..10), (Missed, 10..15), (Silence, 15..20)],
    );
    // A packet that is wholly late declares nothing, but it tells that the client names its packets.
    check(&[(15, 0..10)], None, 15..20, &[(Missed, 15..20)]);
}

#[test]
fn a_write_position_tells_how_much_was_written() {
    let lap = NonZeroU64::new(960).unwrap();
    let mut written = Written::default();
    for (due, to, expect) in [
        // As on the property's page: half the buffer, the rest, half again; the rest told as 0; all of it at once.
        (0, 480, Some(0..480)),
        (0, 960, Some(480..960)),
        (480, 480, Some(960..1_440)),
        (480, 480, None),
        (960, 0, Some(1_440..1_920)),
        (1_920, 960, Some(1_920..2_880)),
        // Far too late: in the same places, a lap ahead at most; and it goes on from there.
        (10_000, 480, Some(9_600..10_080)),
        (10_050, 960, Some(10_080..10_560)),
        // The same place, said in the other way.
        (20_160, 0, None),
        (20_160, 1, Some(20_160..20_161)),
    ] {
        let frames = written.move_position(to, lap, Frames(due));
        assert_eq!(frames, expect, "{to} at {due}");
    }
}

proptest! {
    #![proptest_config(crate::stream::tests::config(500))]
    /// A client that declares the packet in progress or the next one, in any order, and a position that goes on.
    #[test]
    fn packets_are_remembered_until_they_are_due(
        packet in 1u64..20,
        steps in proptest::collection::vec((0u64..40, any::<bool>(), any::<bool>()), crate::stream::tests::steps_up_to(50)),
    ) {
        let mut written = Written::default();
        let (mut due, mut known, mut model) = (0, None, BTreeSet::new());
        for (step, declares, next) in steps {
            due += step;
            if declares {
                let number = due / packet + u64::from(next);
                let frames = number * packet..(number + 1) * packet;
                known.get_or_insert(frames.start.max(due));
                model.extend(frames.clone().filter(|frame| *frame >= due));
                written.declare(frames, Frames(due));
            }
            let mut seen = Vec::new();
            written.split(Frames(due), 3 * packet, |clear, frames| seen.extend(frames.map(|frame| (frame, clear))));
            let expect: Vec<_> = (due..due + 3 * packet)
                .map(|frame| (frame, match known {
                    Some(from) if frame >= from && model.contains(&frame) => Clear::Silence,
                    Some(from) if frame >= from => Clear::Missed,
                    _ => Clear::Unknown,
                }))
                .collect();
            prop_assert_eq!(seen, expect);
            let mut open = Vec::new();
            written.undeclared(due..due + 3 * packet, |frames| open.extend(frames));
            let expect: Vec<_> = (due..due + 3 * packet).filter(|frame| !model.contains(frame)).collect();
            prop_assert_eq!(open, expect);
        }
    }
}
