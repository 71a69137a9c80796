//! What a read returns: the header in front of every block of frames.

/// How a sample is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum SampleKind {
    /// 16-bit PCM.
    Pcm16 = 1,
    /// 24-bit PCM in three bytes.
    Pcm24 = 2,
    /// 24-bit PCM in the upper three bytes of four.
    Pcm24In32 = 3,
    /// 32-bit PCM.
    Pcm32 = 4,
    /// 32-bit IEEE float.
    Float32 = 5,
}

impl SampleKind {
    /// The kind a wire value stands for, if any.
    pub const fn from_wire(value: u16) -> Option<Self> {
        Some(match value {
            1 => Self::Pcm16,
            2 => Self::Pcm24,
            3 => Self::Pcm24In32,
            4 => Self::Pcm32,
            5 => Self::Float32,
            _ => return None,
        })
    }

    /// Bytes one sample takes.
    pub const fn bytes(self) -> u16 {
        match self {
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Pcm24In32 | Self::Pcm32 | Self::Float32 => 4,
        }
    }
}

/// The format of a block's frames. All zero when no stream has been opened yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TapFormat {
    /// Frames per second.
    pub rate: u32,
    /// `dwChannelMask` of the stream's format (ksmedia.h), 0 when the format carried none.
    pub channel_mask: u32,
    /// Channels in a frame.
    pub channels: u16,
    /// A [`SampleKind`] as its wire value.
    pub sample: u16,
    /// Bytes in a frame.
    pub frame_bytes: u16,
    /// Always 0.
    pub reserved: u16,
}

/// What is special about a block; a set of the constants below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct BlockFlags(pub u32);

impl BlockFlags {
    /// The first block of a stream's generation for this client: read `format` anew.
    pub const FIRST: Self = Self(1);
    /// Frames were lost in front of this block; [`Block::lost_frames`] says how many.
    pub const DISCONTINUITY: Self = Self(1 << 1);
    /// No frame of this block was found written: all of it is silence.
    pub const SILENT: Self = Self(1 << 2);
    /// Protected content: the block is muted whatever was rendered.
    pub const PROTECTED: Self = Self(1 << 3);
    /// The stream ended (went to STOP) with this block; it may hold fewer frames than wanted, or none.
    pub const LAST: Self = Self(1 << 4);
    /// The client that renders says which frames it writes (packet numbers or a write position), so of every frame of this block
    /// it is known whether it was written in time: [`Block::missed_frames`] were not, and what is clear besides them is the
    /// client's own silence. Without this flag `clear_frames` may be either.
    pub const WRITES_KNOWN: Self = Self(1 << 5);

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The header of a block, 64 bytes; the frames follow it at once.
///
/// Blocks are not split where silence begins or ends; `clear_frames` counts what was found unwritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// Bytes in this header; frames start here. A later version may enlarge it.
    pub header_bytes: u32,
    /// What is special about the block.
    pub flags: BlockFlags,
    /// Counts streams since the device started, from 1; 0 means that none has been opened yet.
    pub generation: u32,
    /// Frames that follow.
    pub frames: u32,
    /// Index of the first frame, counted from 0 at each start of the stream from STOP. Gaps in it are lost frames.
    pub first_frame: u64,
    /// QPC time at which the first frame was due on the stream's clock.
    pub qpc: i64,
    /// Frames of this generation that this client lost directly before `first_frame`.
    pub lost_frames: u64,
    /// How many of the frames had a place in the buffer that was still clear when they fell due. Such a frame was
    /// either never written in time or was written as digital silence; [`BlockFlags::WRITES_KNOWN`] tells whether they
    /// can be told apart.
    pub clear_frames: u32,
    /// How many of those are known not to have been written in time.
    pub missed_frames: u32,
    /// The frames' format.
    pub format: TapFormat,
}

impl Block {
    /// Bytes in the header of version 1.
    pub const BYTES: usize = 64;
}
