//! The geometry of the cyclic buffer: sizes, packets, and where a frame lies in it.

use core::num::NonZeroU64;

use crate::units::Frames;

/// How often a lap of the buffer is notified (WDK: `AllocateBufferWithNotification`, `NotificationCount`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notifications {
    /// Never: the client polls.
    #[default]
    None,
    /// At the end of the buffer.
    End,
    /// In the middle and at the end.
    MiddleAndEnd,
}

impl Notifications {
    /// From the WDK's count; only 0, 1 and 2 exist.
    #[must_use]
    pub const fn from_count(count: u32) -> Option<Self> {
        Some(match count {
            0 => Self::None,
            1 => Self::End,
            2 => Self::MiddleAndEnd,
            _ => return None,
        })
    }

    /// Packets in a lap of the buffer; a buffer without notifications is one packet to its client.
    const fn packets(self) -> NonZeroU64 {
        match self {
            Self::None | Self::End => NonZeroU64::MIN,
            Self::MiddleAndEnd => const { NonZeroU64::new(2).unwrap() },
        }
    }
}

/// Why a buffer cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferError {
    /// A size of 0 was requested.
    Empty,
    /// The size rounded up to whole packets is above [`Geometry::MAX_BYTES`].
    TooLarge,
    /// A frame has 0 bytes.
    NoFrame,
}

/// A range of bytes in the cyclic buffer that does not wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it starts.
    pub offset: u32,
    /// Bytes in it.
    pub bytes: u32,
    /// The same in frames.
    pub frames: u64,
}

/// A cyclic buffer: whole frames, whole packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    frame_bytes: u16,
    notifications: Notifications,
    /// Frames in the buffer; its bytes fit into 32 bits.
    frames: NonZeroU64,
    packet: NonZeroU64,
}

impl Geometry {
    /// The largest buffer: more than a second of 16 channels at 192 kHz fits. Its pages are locked, and leaving a state
    /// for STOP clears it under a spin lock, so a client must not choose freely.
    pub const MAX_BYTES: u32 = 16 << 20;

    /// The buffer for a request: exactly the requested size when it is a whole number of packets of whole frames,
    /// otherwise the next larger size that is (a smaller one makes the audio engine refuse the stream).
    ///
    /// `frame_bytes` is the size of a frame, which for 24-bit stereo (6) divides no page.
    pub fn for_request(
        requested: u32,
        frame_bytes: u16,
        notifications: Notifications,
    ) -> Result<Self, BufferError> {
        if requested == 0 {
            return Err(BufferError::Empty);
        }
        let packets = notifications.packets();
        let quantum =
            packets.checked_mul(NonZeroU64::new(frame_bytes.into()).ok_or(BufferError::NoFrame)?);
        let quantum = quantum.ok_or(BufferError::TooLarge)?;
        let packet = NonZeroU64::new(u64::from(requested).div_ceil(quantum.get()))
            .ok_or(BufferError::Empty)?;
        let frames = packet.checked_mul(packets);
        let frames = frames.ok_or(BufferError::TooLarge)?;
        if frames.get().saturating_mul(u64::from(frame_bytes)) > u64::from(Self::MAX_BYTES) {
            return Err(BufferError::TooLarge);
        }
        Ok(Self {
            frame_bytes,
            notifications,
            frames,
            packet,
        })
    }

    /// Bytes to allocate.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes_of(self.frames.get())
    }

    /// Frames in a lap.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames.get()
    }

    /// Bytes in a frame.
    #[must_use]
    pub const fn frame_bytes(&self) -> u16 {
        self.frame_bytes
    }

    /// How often a lap is notified.
    #[must_use]
    pub const fn notifications(&self) -> Notifications {
        self.notifications
    }

    /// Frames in a packet; `None` without notifications.
    #[must_use]
    pub const fn packet(&self) -> Option<NonZeroU64> {
        match self.notifications {
            Notifications::None => None,
            _ => Some(self.packet),
        }
    }

    /// Frames in the buffer.
    #[must_use]
    pub const fn lap(&self) -> NonZeroU64 {
        self.frames
    }

    /// Packets in the buffer; a buffer without notifications is one packet to its client.
    #[must_use]
    pub const fn packets(&self) -> NonZeroU64 {
        self.notifications.packets()
    }

    /// So many bytes from the buffer's start in frames; `None` inside a frame and behind the buffer's end.
    #[must_use]
    pub fn whole_frames(&self, bytes: u32) -> Option<u64> {
        let frame_bytes = u32::from(self.frame_bytes);
        let whole = bytes <= self.bytes() && bytes.checked_rem(frame_bytes)? == 0;
        whole.then(|| u64::from(bytes.checked_div(frame_bytes).unwrap_or(0)))
    }

    /// Where the frame at `position` lies, in bytes from the buffer's start.
    #[must_use]
    pub fn offset(&self, position: Frames) -> u32 {
        self.bytes_of(position.0 % self.frames)
    }

    /// Where `count` frames from `first` lie: up to the buffer's end, then from its start. At most one lap.
    #[must_use]
    pub fn spans(&self, first: Frames, count: u64) -> [Span; 2] {
        let index = first.0 % self.frames;
        let count = count.min(self.frames.get());
        let before_end = count.min(self.frames.get().saturating_sub(index));
        [
            self.span(index, before_end),
            self.span(0, count.saturating_sub(before_end)),
        ]
    }

    fn span(&self, index: u64, frames: u64) -> Span {
        Span {
            offset: self.bytes_of(index),
            bytes: self.bytes_of(frames),
            frames,
        }
    }

    /// Bytes of at most a lap of frames: fits, because [`Self::MAX_BYTES`] does.
    const fn bytes_of(&self, frames: u64) -> u32 {
        frames.saturating_mul(self.frame_bytes as u64) as u32
    }
}

#[cfg(test)]
mod tests;
