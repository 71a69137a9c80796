//! Blocks one after the other.

use super::*;
use crate::{Block, Error, Gap, Reader, Step};

const MHZ_10: i64 = 10_000_000;

/// Gives the headers to a new reader one by one; the answers of all.
fn answers(headers: &[Header]) -> Vec<Result<Step, Error>> {
    let mut reader = Reader::new(MHZ_10);
    headers
        .iter()
        .map(|header| reader.accept(&Block::decode(&reply(header)).expect("a right block")))
        .collect()
}

fn first(header: Header) -> Header {
    flagged(header, BlockFlags::FIRST)
}

fn last(header: Header) -> Header {
    flagged(header, BlockFlags::LAST)
}

fn lost(header: Header, frames: u64) -> Header {
    flagged(
        Header {
            lost_frames: frames,
            ..header
        },
        BlockFlags::DISCONTINUITY,
    )
}

fn of(generation: u32, header: Header) -> Header {
    // Later generations start later.
    Header {
        generation,
        qpc: header.qpc + i64::from(generation) * 1_000 * MHZ_10,
        ..header
    }
}

const BEGIN: Step = Step {
    new_generation: true,
    gap: None,
    cut_off: false,
    generations_missed: 0,
    late_ticks: 0,
};
const NEXT: Step = Step {
    new_generation: false,
    ..BEGIN
};

#[test]
fn what_follows_and_what_is_missing() {
    let gap = |generation, first_frame, frames| {
        Some(Gap {
            generation,
            first_frame,
            frames,
        })
    };
    let cases: &[(&str, &[(Header, Step)])] = &[
        (
            "continuous",
            &[
                (first(header(0, 480)), BEGIN),
                (header(480, 480), NEXT),
                (header(960, 1), NEXT),
            ],
        ),
        (
            "opened in the middle",
            &[(first(header(777, 3)), BEGIN), (header(780, 3), NEXT)],
        ),
        (
            "frames lost",
            &[
                (first(header(0, 480)), BEGIN),
                (
                    lost(header(960, 10), 480),
                    Step {
                        gap: gap(1, 480, 480),
                        ..NEXT
                    },
                ),
            ],
        ),
        (
            "nothing yet, then blocks without frames",
            &[
                (
                    Header {
                        header_bytes: 64,
                        ..Header::default()
                    },
                    Step::default(),
                ),
                (first(header(0, 0)), BEGIN),
                (header(0, 0), NEXT),
                (header(0, 5), NEXT),
                (last(header(5, 0)), NEXT),
                (header(5, 0), NEXT),
            ],
        ),
        (
            "next stream",
            &[
                (first(header(0, 480)), BEGIN),
                (last(header(480, 480)), NEXT),
                (first(of(2, header(0, 480))), BEGIN),
            ],
        ),
        (
            "a stream's end and its successor's beginning lost",
            &[
                (first(header(0, 480)), BEGIN),
                (
                    lost(first(of(4, header(960, 480))), 960),
                    Step {
                        gap: gap(4, 0, 960),
                        cut_off: true,
                        generations_missed: 2,
                        ..BEGIN
                    },
                ),
            ],
        ),
        (
            "paused for 500 ticks",
            &[
                (first(header(0, 480)), BEGIN),
                (header(480, 0), NEXT),
                (
                    Header {
                        qpc: header(480, 1).qpc + 500,
                        ..header(480, 1)
                    },
                    Step {
                        late_ticks: 500,
                        ..NEXT
                    },
                ),
            ],
        ),
    ];
    for (name, blocks) in cases {
        let (headers, expect): (Vec<_>, Vec<_>) = blocks
            .iter()
            .map(|(header, step)| (*header, Ok(*step)))
            .unzip();
        assert_eq!(answers(&headers), expect, "{name}");
    }
}

#[test]
fn broken_promises_are_errors() {
    let second = |header| [first(self::header(0, 480)), header];
    let hole = |generation, expected, got| Error::Hole {
        generation,
        expected,
        got,
    };
    for (name, headers, expect) in [
        ("a frame missing", second(header(481, 1)), hole(1, 480, 481)),
        (
            "a frame repeated",
            second(header(479, 1)),
            hole(1, 480, 479),
        ),
        ("a block repeated", second(header(0, 480)), hole(1, 480, 0)),
        (
            "one frame more missing than said",
            second(lost(header(500, 1), 19)),
            hole(1, 499, 500),
        ),
        (
            "one frame fewer missing than said",
            second(lost(header(500, 1), 21)),
            hole(1, 501, 500),
        ),
        (
            "FIRST twice",
            second(first(header(480, 1))),
            Error::Contradiction("FIRST in the middle of a generation"),
        ),
        (
            "another format",
            second(Header {
                format: TapFormat {
                    rate: 44_100,
                    ..format()
                },
                ..header(480, 1)
            }),
            Error::Contradiction("the format changed in the middle of a generation"),
        ),
        (
            "frames after LAST",
            [last(first(header(0, 480))), header(480, 1)],
            Error::Contradiction("more frames or another end after LAST"),
        ),
        (
            "LAST twice",
            [last(first(header(0, 480))), last(header(480, 0))],
            Error::Contradiction("more frames or another end after LAST"),
        ),
        (
            "a new generation without FIRST",
            second(of(2, header(0, 1))),
            Error::Contradiction("a generation begins without FIRST"),
        ),
        (
            "a generation that starts late",
            second(first(of(2, header(7, 1)))),
            hole(2, 0, 7),
        ),
        (
            "an old generation",
            [first(of(2, header(0, 480))), first(header(0, 1))],
            Error::OldGeneration { before: 2, got: 1 },
        ),
        (
            "no stream after a stream",
            second(Header {
                header_bytes: 64,
                ..Header::default()
            }),
            Error::OldGeneration { before: 1, got: 0 },
        ),
        (
            "time going back",
            second(Header {
                qpc: 6_999,
                ..header(480, 1)
            }),
            Error::TimeBackwards {
                before: 7_000,
                got: 6_999,
            },
        ),
        (
            "time going back to the stream before",
            second(first(Header {
                qpc: 6_999,
                generation: 2,
                ..header(0, 1)
            })),
            Error::TimeBackwards {
                before: 7_000,
                got: 6_999,
            },
        ),
    ] {
        let got = answers(&headers);
        assert!(got[0].is_ok(), "{name}");
        assert_eq!(got[1], Err(expect), "{name}");
    }
}

#[test]
fn a_refused_block_does_not_move_the_reader() {
    let got = answers(&[first(header(0, 480)), header(481, 1), header(480, 1)]);
    assert!(got[1].is_err());
    assert_eq!(got[2], Ok(NEXT));
}
