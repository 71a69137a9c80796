//! A block: rendered frames and what is known about them.

use waverig_interface::{Block as Header, BlockFlags, SampleKind, TapFormat};

use crate::Error;
use crate::session::decode;

/// What the bytes of frames mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Frames per second; not 0.
    pub rate: u32,
    /// Channels in a frame; not 0.
    pub channels: u16,
    /// How a sample is stored, little-endian.
    pub sample: SampleKind,
    /// Speaker positions as in `dwChannelMask` (ksmedia.h), 0 when unknown.
    pub channel_mask: u32,
}

impl Format {
    /// Bytes in a frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * usize::from(self.sample.bytes())
    }

    fn decode(format: &TapFormat) -> Result<Self, Error> {
        let field = |field, value: u32| Error::Field {
            field,
            value: value.into(),
        };
        let sample = SampleKind::from_wire(format.sample)
            .ok_or(field("TapFormat.sample", format.sample.into()))?;
        if format.rate == 0 {
            return Err(field("TapFormat.rate", 0));
        }
        if format.channels == 0 {
            return Err(field("TapFormat.channels", 0));
        }
        let decoded = Self {
            rate: format.rate,
            channels: format.channels,
            sample,
            channel_mask: format.channel_mask,
        };
        if decoded.frame_bytes() != usize::from(format.frame_bytes) {
            return Err(field("TapFormat.frame_bytes", format.frame_bytes.into()));
        }
        Ok(decoded)
    }
}

/// A block whose header has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Number of the stream's life that it belongs to, from 1; 0 when none has begun.
    pub generation: u32,
    /// Index of the first frame in its generation.
    pub first_frame: u64,
    /// When the first frame was due, in ticks of the performance counter.
    pub qpc: i64,
    /// Frames in the block.
    pub count: u32,
    /// Format of the frames; `None` when no stream has begun.
    pub format: Option<Format>,
    /// What is special about the block.
    pub flags: BlockFlags,
    /// Frames of the generation that this client lost directly before the block.
    pub lost: u64,
    /// How many of the frames nobody had written, or had written as silence, when they fell due.
    pub clear: u32,
    /// How many of those are known not to have been written in time; all of them when the client of the stream says what it
    /// writes ([`BlockFlags::WRITES_KNOWN`]) and was late.
    pub missed: u32,
    /// The frames' bytes.
    pub frames: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads the reply to a read: exactly the bytes that it returned.
    pub fn decode(reply: &'a [u8]) -> Result<Self, Error> {
        let header: Header = decode("READ", reply)?;
        let header_bytes = usize::try_from(header.header_bytes).unwrap_or(usize::MAX);
        if header_bytes < Header::BYTES {
            return Err(Error::Field {
                field: "Block.header_bytes",
                value: header.header_bytes.into(),
            });
        }
        let frames = reply.get(header_bytes..).ok_or(Error::Short {
            reply: "READ",
            need: header_bytes,
            got: reply.len(),
        })?;
        Self::of(&header, frames, "READ")
    }

    /// Reads a header and the bytes of its frames.
    pub(crate) fn of(header: &Header, bytes: &'a [u8], reply: &'static str) -> Result<Self, Error> {
        let format = if header.generation == 0 {
            None
        } else {
            Some(Format::decode(&header.format)?)
        };
        check(header)?;
        let frame_bytes = format.map_or(0, |format| format.frame_bytes() as u64);
        let head = header.header_bytes as usize;
        // A product of 32 and at most 19 bits.
        let need = usize::try_from(u64::from(header.frames) * frame_bytes).unwrap_or(usize::MAX);
        let (need, got) = (need.saturating_add(head), bytes.len().saturating_add(head));
        if got < need {
            return Err(Error::Short { reply, need, got });
        }
        if got > need {
            return Err(Error::Long { need, got });
        }
        Ok(Self {
            generation: header.generation,
            first_frame: header.first_frame,
            qpc: header.qpc,
            count: header.frames,
            format,
            flags: header.flags,
            lost: header.lost_frames,
            clear: header.clear_frames,
            missed: header.missed_frames,
            frames: bytes,
        })
    }

    /// Whether every flag of `flags` is set.
    #[must_use]
    pub fn is(&self, flags: BlockFlags) -> bool {
        self.flags.contains(flags)
    }

    /// Index of the frame behind the last one.
    #[must_use]
    pub fn end(&self) -> u64 {
        // Cannot overflow: `decode` refused it.
        self.first_frame.saturating_add(self.count.into())
    }
}

/// What the interface says about a header's fields together.
fn check(header: &Header) -> Result<(), Error> {
    const KNOWN: BlockFlags = BlockFlags::FIRST
        .union(BlockFlags::DISCONTINUITY)
        .union(BlockFlags::SILENT)
        .union(BlockFlags::PROTECTED)
        .union(BlockFlags::LAST)
        .union(BlockFlags::WRITES_KNOWN);
    let is = |flag| header.flags.contains(flag);
    if !KNOWN.contains(header.flags) {
        return Err(Error::Field {
            field: "Block.flags",
            value: header.flags.0.into(),
        });
    }
    let silent = header.frames > 0 && header.clear_frames == header.frames;
    let rules = [
        (
            header.generation > 0 || header.frames == 0,
            "frames without a stream",
        ),
        (
            header.clear_frames <= header.frames,
            "more clear frames than frames",
        ),
        (
            header.missed_frames <= header.clear_frames,
            "more missed frames than clear ones",
        ),
        (
            is(BlockFlags::SILENT) == silent,
            "SILENT does not go with clear_frames",
        ),
        (
            is(BlockFlags::DISCONTINUITY) == (header.lost_frames > 0),
            "DISCONTINUITY does not go with lost_frames",
        ),
        (
            header.lost_frames <= header.first_frame,
            "more frames lost than there were before it",
        ),
        (
            header
                .first_frame
                .checked_add(header.frames.into())
                .is_some(),
            "frame indices overflow",
        ),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, broken)) => Err(Error::Contradiction(broken)),
        None => Ok(()),
    }
}
