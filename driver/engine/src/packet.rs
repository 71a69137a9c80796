//! Packets: the parts of the cyclic buffer whose completion is notified.
//!
//! Everything follows from the position, never from counting callbacks, so that a late or missing callback changes nothing:
//! `count == floor(position / packet)` always holds. Packets are numbered from 0 in 64 bits; clients see 32 of them.

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
    start(count(position, packet).saturating_add(1), packet)
}

/// The first frame of a packet.
#[must_use]
pub fn start(number: u64, packet: NonZeroU64) -> Frames {
    Frames(number.saturating_mul(packet.get()))
}

/// `KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM` (ks.h): the packet is the stream's last.
pub const END_OF_STREAM: u32 = 0x200;

/// What a client says of a packet that it has written (WDK: `IMiniportWaveRTOutputStream::SetWritePacket`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WritePacket {
    /// The packet's number, modulo 2³².
    pub number: u32,
    /// 0 or [`END_OF_STREAM`].
    pub flags: u32,
    /// Bytes of audio in the stream's last packet; ignored without [`END_OF_STREAM`].
    pub last_bytes: u32,
}

impl WritePacket {
    /// Frames of audio in the stream's last packet; `None` when it is not the last. A part of a frame is nothing: the HLK's
    /// position test ends a stream with half a packet of bytes, whatever the size of a frame is.
    ///
    /// # Errors
    /// [`PacketError::Invalid`] for flags that nobody defined and for more audio than the packet holds.
    pub fn last_frames(
        &self,
        packet: NonZeroU64,
        frame_bytes: u16,
    ) -> Result<Option<u64>, PacketError> {
        match self.flags {
            0 => Ok(None),
            END_OF_STREAM => {
                let bytes = u64::from(self.last_bytes);
                if bytes > packet.get().saturating_mul(frame_bytes.into()) {
                    return Err(PacketError::Invalid);
                }
                Ok(bytes.checked_div(frame_bytes.into()))
            }
            _ => Err(PacketError::Invalid),
        }
    }
}

/// Why a packet was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketError {
    /// The stream has no notifications, so it has no packets: `STATUS_NOT_SUPPORTED`.
    NoPackets,
    /// A flag or a length that cannot be: `STATUS_INVALID_PARAMETER`.
    Invalid,
    /// The stream's last packet was written before: `STATUS_INVALID_DEVICE_STATE`.
    Ended,
    /// The packet has been played or is being played: `STATUS_DATA_LATE_ERROR`.
    Late,
    /// The packet lies further ahead than the buffer reaches: `STATUS_DATA_OVERRUN`.
    Overrun,
}

/// Whether `packet` may be written when `count` packets are complete: the current one while the stream does not run, the next
/// one while it does. Half of the 32-bit numbers lie behind the expected packet and half ahead of it.
///
/// The DDI page calls an overrun what the buffer cannot hold; Microsoft's sample refuses everything but the one packet it
/// expects, and so does this.
///
/// # Errors
/// [`PacketError::Late`], [`PacketError::Overrun`].
pub fn check_write(packet: u32, count: u64, running: bool) -> Result<u64, PacketError> {
    let expected = count.saturating_add(running.into());
    match packet.wrapping_sub(expected as u32) {
        0 => Ok(expected),
        1..=0x7FFF_FFFF => Err(PacketError::Overrun),
        _ => Err(PacketError::Late),
    }
}

/// The latest packet with this 32-bit number that is not after packet `count`; `None` when there was none since the stream left
/// STOP.
#[must_use]
pub fn latest(packet: u32, count: u64) -> Option<u64> {
    count.checked_sub(u64::from((count as u32).wrapping_sub(packet)))
}

/// A packet to read, as `IMiniportWaveRTInputStream::GetReadPacket` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadPacket {
    /// Its number; clients see the lower 32 bits.
    pub number: u64,
    /// Its first frame; its time is the time to tell.
    pub first: Frames,
    /// There is another one behind it already.
    pub more: bool,
    /// Packets between the one read before and this one that were overwritten unread.
    pub dropped: u64,
}

/// How far a client has read the packets of a capture stream. Forgotten at STOP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadPackets {
    /// The packet to read next, unless it is gone by then.
    next: u64,
}

impl ReadPackets {
    /// The next packet at `position`, in a buffer of `in_lap` packets; `None` when no new one is complete
    /// (`STATUS_DEVICE_NOT_READY`). It counts as read.
    ///
    /// The packet that is being captured overwrites the one a lap before it, so a client that lags goes on with the oldest packet
    /// behind that one ("drops or overwrites oldest data first", says the DDI page). A buffer of one packet has no other.
    pub fn read(
        &mut self,
        position: Frames,
        packet: NonZeroU64,
        in_lap: NonZeroU64,
    ) -> Option<ReadPacket> {
        let count = count(position, packet);
        let kept = in_lap.get().saturating_sub(1).max(1);
        let number = self.next.max(count.saturating_sub(kept));
        let behind = number.checked_add(1).filter(|behind| *behind <= count)?;
        let dropped = number.saturating_sub(self.next);
        self.next = behind;
        Some(ReadPacket {
            number,
            first: start(number, packet),
            more: behind < count,
            dropped,
        })
    }
}

#[cfg(test)]
mod tests;
