//! Single cases of the ring that the model's random steps seldom reach.

use std::vec;

use super::tests::{format, timeline};
use super::*;
use crate::format::SampleFormat;
use crate::starvation::Starvation;
use crate::units::{Frames, Qpc};

fn tap(frames: usize) -> Tap<vec::Vec<u8>> {
    Tap::new(vec![0; storage_bytes(frames * 4)]).unwrap()
}

#[test]
fn before_any_stream_there_is_nothing() {
    let tap = tap(16);
    let mut cursor = tap.open();
    assert!(tap.ready(&cursor, 0) && !tap.ready(&cursor, 1));
    assert_eq!(tap.read(&mut cursor, &mut [0; 64], 0), Block::default());
    assert_eq!(tap.generation(), 0);
    assert_eq!(tap.least_frames(4), 16);
    assert_eq!(tap.least_frames(0), 0);
}

#[test]
fn a_slow_client_learns_exactly_what_it_lost() {
    let mut tap = tap(16);
    let mut counted = Starvation::default();
    let mut cursor = tap.open();
    let generation = tap.begin(format(2, SampleFormat::Pcm16), timeline(0, 1_000), false);
    tap.silence(generation, 10, &mut counted);
    let mut out = [0; 8];
    let block = tap.read(&mut cursor, &mut out, 0);
    assert_eq!((block.frames, block.lost, block.flags.first), (2, 0, true));
    // A billion frames later: the ring holds the last 16.
    tap.silence(generation, 1_000_000_000, &mut counted);
    let block = tap.read(&mut cursor, &mut out, 0);
    assert_eq!(block.first_frame, Frames(1_000_000_010 - 16));
    assert_eq!(block.lost, 1_000_000_010 - 16 - 2);
    assert_eq!(block.qpc, Qpc(1_000 + 10 * (1_000_000_010 - 16)));
    assert!(block.flags.discontinuity && !block.flags.first && block.flags.silent);
    assert_eq!(cursor.lost(), block.lost);
    let block = tap.read(&mut cursor, &mut out, 0);
    assert_eq!((block.lost, block.flags.discontinuity), (0, false));
}

#[test]
fn the_end_is_told_once_even_without_frames() {
    let mut tap = tap(16);
    let mut cursor = tap.open();
    let mut late = cursor;
    let generation = tap.begin(format(2, SampleFormat::Pcm16), timeline(0, 0), false);
    let mut out = [0; 64];
    let block = tap.read(&mut cursor, &mut out, 0);
    assert_eq!(
        (block.frames, block.flags.first, block.flags.last),
        (0, true, false)
    );
    assert!(!tap.ready(&cursor, 1));
    tap.end(generation);
    assert!(tap.ready(&cursor, 1));
    let block = tap.read(&mut cursor, &mut out, 0);
    assert_eq!(
        (block.frames, block.flags.first, block.flags.last),
        (0, false, true)
    );
    assert!(!tap.ready(&cursor, 1));
    assert!(!tap.read(&mut cursor, &mut out, 0).flags.last);
    // A client that never read gets beginning and end in one; one that came after the end gets neither.
    let block = tap.read(&mut late, &mut out, 0);
    assert_eq!(
        (block.generation, block.flags.first, block.flags.last),
        (1, true, true)
    );
    assert!(!tap.ready(&tap.open(), 1));
}

#[test]
fn forgotten_segments_are_lost_frames() {
    let mut tap = tap(1_024);
    let mut counted = Starvation::default();
    let mut cursor = tap.open();
    for _ in 0..segment::SEGMENTS + 3 {
        let generation = tap.begin(format(2, SampleFormat::Pcm16), timeline(0, 0), false);
        tap.silence(generation, 5, &mut counted);
    }
    let block = tap.read(&mut cursor, &mut [0; 64], 0);
    assert_eq!((block.generation, block.frames), (4, 5));
    // None of the block's own generation is lost, three generations of five are.
    assert_eq!((block.lost, cursor.lost()), (0, 15));
}

#[test]
fn protected_content_never_gets_into_the_ring() {
    let mut tap = tap(16);
    let mut counted = Starvation::default();
    let mut cursor = tap.open();
    let generation = tap.begin(format(2, SampleFormat::Pcm16), timeline(0, 0), true);
    let mut memory = [0x55; 16];
    let span = crate::buffer::Span {
        offset: 0,
        bytes: 16,
        frames: 4,
    };
    tap.take(generation, &mut memory[..], span, &mut counted);
    assert!(tap.storage.iter().all(|&byte| byte == 0));
    let mut out = [0xCC; 16];
    let block = tap.read(&mut cursor, &mut out, 0);
    assert!(block.flags.protected && !block.flags.silent && block.clear == 0);
    assert_eq!(out, [0; 16]);
}

#[test]
fn a_ring_too_small_for_a_frame_loses_all_of_them() {
    for storage in [0, 1, 16, 17] {
        let mut tap = Tap::new(vec![0; storage]).unwrap();
        let mut counted = Starvation::default();
        let mut cursor = tap.open();
        let generation = tap.begin(format(16, SampleFormat::Pcm32), timeline(0, 0), false);
        let mut memory = [1; 128];
        let span = crate::buffer::Span {
            offset: 0,
            bytes: 128,
            frames: 2,
        };
        tap.take(generation, &mut memory[..], span, &mut counted);
        tap.silence(generation, 5, &mut counted);
        assert_eq!(memory, [0; 128], "the buffer is cleared all the same");
        let block = tap.read(&mut cursor, &mut [0; 64], 0);
        assert_eq!(
            (block.frames, block.lost, block.first_frame),
            (0, 7, Frames(7))
        );
    }
}

#[test]
fn a_stream_that_another_one_replaced_writes_nothing() {
    let mut tap = tap(16);
    let mut counted = Starvation::default();
    let first = tap.begin(format(2, SampleFormat::Pcm16), timeline(0, 0), false);
    let second = tap.begin(format(2, SampleFormat::Pcm16), timeline(0, 0), false);
    let mut cursor = tap.open();
    let mut memory = [1; 16];
    let span = crate::buffer::Span {
        offset: 0,
        bytes: 16,
        frames: 4,
    };
    tap.take(first, &mut memory[..], span, &mut counted);
    tap.silence(first, 4, &mut counted);
    tap.go_on(first, timeline(4, 0), Frames(4), false);
    tap.end(first);
    assert_eq!((memory, counted), ([0; 16], Starvation::default()));
    let block = tap.read(&mut cursor, &mut [0; 64], 0);
    assert_eq!(
        (block.generation, block.frames, block.flags.last),
        (second, 0, false)
    );
}
