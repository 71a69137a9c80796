//! Packets: the parts of the cyclic buffer whose completion is notified.
//!
//! Everything follows from the position, never from counting callbacks, so that a late or missing callback changes nothing:
//! `count == floor(position / packet)` always holds.

use core::num::NonZeroU64;

use crate::units::Frames;

/// Packets completed at `position`: `floor(position / packet)`.
#[must_use]
pub fn count(position: Frames, packet: NonZeroU64) -> u64 {
    position.0 / packet
}

/// Packets completed on the way from `from` to `to`: 0 when `to` lies before `from`.
#[must_use]
pub fn crossed(from: Frames, to: Frames, packet: NonZeroU64) -> u64 {
    count(to, packet).saturating_sub(count(from, packet))
}

/// The position at which the packet in progress at `position` is complete.
#[must_use]
pub fn next_boundary(position: Frames, packet: NonZeroU64) -> Frames {
    let next = count(position, packet).saturating_add(1);
    Frames(next.saturating_mul(packet.get()))
}

/// Why a packet number was refused by [`check_write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketError {
    /// The packet has been played or is being played: `STATUS_DATA_LATE_ERROR`.
    Late,
    /// The packet lies further ahead than the buffer reaches: `STATUS_DATA_OVERRUN`.
    Overrun,
}

/// Whether `packet` may be written when `count` packets are complete (WDK: `IMiniportWaveRTOutputStream::SetWritePacket`):
/// the current one while the stream does not run, the next one while it does. Packet numbers are 32 bits wide and wrap.
pub fn check_write(packet: u32, count: u32, running: bool) -> Result<(), PacketError> {
    let expected = count.wrapping_add(u32::from(running));
    // Half the number space lies behind the expected packet and half ahead of it.
    match packet.wrapping_sub(expected) {
        0 => Ok(()),
        1..=0x7FFF_FFFF => Err(PacketError::Overrun),
        _ => Err(PacketError::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_the_position() {
        let packet = NonZeroU64::new(480).unwrap();
        for (position, expect_count, expect_next) in [
            (0, 0, 480),
            (479, 0, 480),
            (480, 1, 960),
            (481, 1, 960),
            // 100 days at 192 kHz.
            (1_658_880_000_000, 3_456_000_000, 1_658_880_000_480),
        ] {
            assert_eq!(count(Frames(position), packet), expect_count);
            assert_eq!(next_boundary(Frames(position), packet), Frames(expect_next));
        }
        assert_eq!(next_boundary(Frames(u64::MAX), packet), Frames(u64::MAX));
    }

    #[test]
    fn a_stall_crosses_every_packet_it_slept_through() {
        let packet = NonZeroU64::new(480).unwrap();
        for (from, to, expect) in [
            (0, 479, 0),
            (479, 480, 1),
            (480, 480, 0),
            (100, 100 + 163 * 48, 16),
            (960, 0, 0),
        ] {
            assert_eq!(
                crossed(Frames(from), Frames(to), packet),
                expect,
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn only_the_expected_packet_may_be_written() {
        use PacketError::{Late, Overrun};
        for (packet, count, running, expect) in [
            (0, 0, false, Ok(())),
            (1, 0, false, Err(Overrun)),
            (1, 0, true, Ok(())),
            (0, 0, true, Err(Late)),
            (2, 0, true, Err(Overrun)),
            (5, 7, true, Err(Late)),
            (0, u32::MAX, true, Ok(())),
            (u32::MAX, u32::MAX, true, Err(Late)),
            (u32::MAX, 0, false, Err(Late)),
        ] {
            assert_eq!(
                check_write(packet, count, running),
                expect,
                "{packet} at {count}"
            );
        }
    }
}
