//! Decoding one reply.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};
use waverig_interface::{Hello, HelloReply, ReadRequest, Status};

use super::*;
use crate::{Block, Error, Format, SampleKind, Session, request, status};

#[test]
fn a_right_block_is_read_whole() {
    let header = Header {
        clear_frames: 1,
        missed_frames: 1,
        ..header(480, 3)
    };
    let bytes = reply(&flagged(
        header,
        BlockFlags::PROTECTED.union(BlockFlags::WRITES_KNOWN),
    ));
    let block = Block::decode(&bytes).expect("a right block");
    let expect = Block {
        generation: 1,
        first_frame: 480,
        qpc: 107_000,
        count: 3,
        format: Some(Format {
            rate: 48_000,
            channels: 2,
            sample: SampleKind::Pcm16,
            channel_mask: 3,
        }),
        flags: BlockFlags::PROTECTED.union(BlockFlags::WRITES_KNOWN),
        lost: 0,
        clear: 1,
        missed: 1,
        frames: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    };
    assert_eq!(block, expect);
    assert!(block.is(BlockFlags::PROTECTED) && !block.is(BlockFlags::LAST));
    assert_eq!(block.end(), 483);
}

#[test]
fn a_larger_header_is_passed_over() {
    let bytes = reply(&Header {
        header_bytes: 80,
        ..header(0, 2)
    });
    let block = Block::decode(&bytes).expect("a longer header");
    assert_eq!(block.frames, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn before_any_stream_a_block_is_all_zero() {
    let bytes = reply(&Header {
        header_bytes: 64,
        ..Header::default()
    });
    let block = Block::decode(&bytes).expect("no stream");
    assert_eq!((block.generation, block.count, block.format), (0, 0, None));
}

#[test]
fn doctored_blocks_are_refused() {
    let good = header(480, 3);
    let field = |field, value| Error::Field { field, value };
    let with_format = |edit: fn(&mut TapFormat)| {
        let mut header = good;
        edit(&mut header.format);
        header
    };
    for (header, expect) in [
        (
            Header {
                header_bytes: 63,
                ..good
            },
            field("Block.header_bytes", 63),
        ),
        (
            Header {
                flags: BlockFlags(1 << 31),
                ..good
            },
            field("Block.flags", 1 << 31),
        ),
        (with_format(|f| f.sample = 6), field("TapFormat.sample", 6)),
        (with_format(|f| f.rate = 0), field("TapFormat.rate", 0)),
        (
            with_format(|f| f.channels = 0),
            field("TapFormat.channels", 0),
        ),
        (
            with_format(|f| f.frame_bytes = 3),
            field("TapFormat.frame_bytes", 3),
        ),
        (
            Header {
                generation: 0,
                ..good
            },
            Error::Contradiction("frames without a stream"),
        ),
        (
            Header {
                clear_frames: 4,
                ..good
            },
            Error::Contradiction("more clear frames than frames"),
        ),
        (
            Header {
                missed_frames: 1,
                ..good
            },
            Error::Contradiction("more missed frames than clear ones"),
        ),
        (
            Header {
                clear_frames: 3,
                ..good
            },
            Error::Contradiction("SILENT does not go with clear_frames"),
        ),
        (
            flagged(good, BlockFlags::SILENT),
            Error::Contradiction("SILENT does not go with clear_frames"),
        ),
        (
            Header {
                lost_frames: 1,
                ..good
            },
            Error::Contradiction("DISCONTINUITY does not go with lost_frames"),
        ),
        (
            flagged(
                Header {
                    lost_frames: 481,
                    ..good
                },
                BlockFlags::DISCONTINUITY,
            ),
            Error::Contradiction("more frames lost than there were before it"),
        ),
        (
            Header {
                first_frame: u64::MAX - 2,
                ..good
            },
            Error::Contradiction("frame indices overflow"),
        ),
    ] {
        assert_eq!(Block::decode(&reply(&header)), Err(expect), "{header:?}");
    }
}

#[test]
fn lengths_must_fit_exactly() {
    let bytes = reply(&header(0, 3));
    for got in 0..bytes.len() {
        let need = if got < 64 { 64 } else { 76 };
        let expect = Error::Short {
            reply: "READ",
            need,
            got,
        };
        assert_eq!(Block::decode(&bytes[..got]), Err(expect));
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(
        Block::decode(&longer),
        Err(Error::Long { need: 76, got: 77 })
    );
    let huge = Header {
        frames: u32::MAX,
        ..header(0, 3)
    };
    let mut bytes = reply(&header(0, 3));
    huge.to_wire(&mut bytes).expect("room");
    let need = 64 + 4 * u32::MAX as usize;
    assert_eq!(
        Block::decode(&bytes),
        Err(Error::Short {
            reply: "READ",
            need,
            got: 76
        })
    );
}

#[test]
fn requests_say_what_was_asked() {
    let hello = Hello::from_wire(&request::hello()).expect("8 bytes");
    assert_eq!(
        hello,
        Hello {
            version_min: 1,
            version_max: 1,
            reserved: 0
        }
    );
    let read = ReadRequest::from_wire(&request::read(480, 960)).expect("16 bytes");
    assert_eq!(
        read,
        ReadRequest {
            min_frames: 480,
            max_frames: 960,
            reserved: [0; 2]
        }
    );
}

#[test]
fn hello_and_status_are_checked() {
    let good = HelloReply {
        version: 1,
        block_header_bytes: 64,
        qpc_frequency: 10_000_000,
        ring_frames: 48_000,
        ..HelloReply::default()
    };
    let decode = |hello: HelloReply| {
        let mut bytes = [0; HelloReply::BYTES];
        hello.to_wire(&mut bytes).expect("room");
        Session::decode(&bytes).map(|session| session.header_bytes)
    };
    let field = |field, value| Err(Error::Field { field, value });
    for (hello, expect) in [
        (good, Ok(64)),
        (
            HelloReply {
                block_header_bytes: 96,
                ..good
            },
            Ok(96),
        ),
        (HelloReply { version: 0, ..good }, Err(Error::Version(0))),
        (HelloReply { version: 2, ..good }, Err(Error::Version(2))),
        (
            HelloReply {
                qpc_frequency: 0,
                ..good
            },
            field("HelloReply.qpc_frequency", 0),
        ),
        (
            HelloReply {
                qpc_frequency: -1,
                ..good
            },
            field("HelloReply.qpc_frequency", u64::MAX),
        ),
        (
            HelloReply {
                block_header_bytes: 63,
                ..good
            },
            field("HelloReply.block_header_bytes", 63),
        ),
        (
            HelloReply {
                block_header_bytes: 4_097,
                ..good
            },
            field("HelloReply.block_header_bytes", 4_097),
        ),
    ] {
        assert_eq!(decode(hello), expect);
    }
    assert_eq!(
        Session::decode(&[0; 31]),
        Err(Error::Short {
            reply: "HELLO",
            need: 32,
            got: 31
        })
    );
    let mut bytes = [0; Status::BYTES];
    assert_eq!(status(&bytes).map(|status| status.state), Ok(0));
    bytes[0] = 5;
    assert_eq!(
        status(&bytes),
        Err(Error::Field {
            field: "Status.state",
            value: 5
        })
    );
    assert_eq!(
        status(&bytes[1..]),
        Err(Error::Short {
            reply: "STATUS",
            need: Status::BYTES,
            got: Status::BYTES - 1
        })
    );
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    for (error, expect) in [
        (
            Error::Short {
                reply: "READ",
                need: 64,
                got: 3,
            },
            "the tap's READ reply has 3 bytes of at least 64; check that device and driver are waverig's and of one version",
        ),
        (
            Error::Hole {
                generation: 2,
                expected: 10,
                got: 11,
            },
            "the tap's block starts with frame 11 of generation 2, but frame 10 is next by its own account; \
             check that device and driver are waverig's and of one version",
        ),
    ] {
        assert_eq!(error.to_string(), expect);
    }
}

proptest! {
    #![proptest_config(Config {
        cases: if cfg!(miri) { 6 } else { 4_000 },
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    })]
    #[test]
    fn any_bytes_are_decoded_or_refused(
        frames in 0u32..20,
        edits in proptest::collection::vec((0usize..64, any::<u8>()), 0..6),
        len in 0usize..150,
    ) {
        let mut bytes = reply(&header(480, frames));
        for (at, with) in edits {
            bytes[at] = with;
        }
        let whole = Block::decode(&bytes);
        if let Ok(block) = whole {
            let frame_bytes = block.format.map_or(0, |format| format.frame_bytes());
            prop_assert_eq!(block.frames.len(), block.count as usize * frame_bytes);
            prop_assert!(bytes.ends_with(block.frames));
        }
        bytes.resize(len, 0);
        let _ = (Block::decode(&bytes), Session::decode(&bytes), status(&bytes));
    }
}
