//! Replies made by hand: right ones, doctored ones, and any bytes at all.

mod blocks;
mod clock;
mod readers;

use waverig_interface::wire::Wire;
use waverig_interface::{Block as Header, BlockFlags, TapFormat};

/// 48 kHz, 2 channels, 16 bit.
fn format() -> TapFormat {
    TapFormat {
        rate: 48_000,
        channel_mask: 3,
        channels: 2,
        sample: 1,
        frame_bytes: 4,
        reserved: 0,
    }
}

/// A block of generation 1 in the middle of a stream.
fn header(first_frame: u64, frames: u32) -> Header {
    Header {
        header_bytes: 64,
        generation: 1,
        frames,
        first_frame,
        // 10 MHz.
        qpc: 7_000 + (first_frame * 10_000_000).div_ceil(48_000) as i64,
        format: format(),
        ..Header::default()
    }
}

fn flagged(header: Header, flags: BlockFlags) -> Header {
    Header {
        flags: header.flags.union(flags),
        ..header
    }
}

/// The reply with this header and as many frames as it says, each byte telling its place.
fn reply(header: &Header) -> Vec<u8> {
    let mut bytes = vec![0; Header::BYTES];
    header.to_wire(&mut bytes).expect("room for a header");
    bytes.resize(header.header_bytes.max(64) as usize, 0xEE);
    let audio = header.frames as usize * usize::from(header.format.frame_bytes);
    bytes.extend((0..audio).map(|at| at as u8));
    bytes
}
