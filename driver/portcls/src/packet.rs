//! Packet size constraints (ksmedia.h): a property of a wave filter's device interface.

use crate::{DEVPROPKEY, Guid};

/// `DEVPKEY_KsAudio_PacketSize_Constraints2`: a binary property, [`KSAUDIO_PACKETSIZE_CONSTRAINTS2`].
pub const DEVPKEY_KsAudio_PacketSize_Constraints2: DEVPROPKEY = DEVPROPKEY {
    fmtid: Guid::new(0x9404F781_7191_409B_8B0B_80BF6EC229AE),
    pid: 2,
};

/// `KSAUDIO_PACKETSIZE_CONSTRAINTS2` with `N` processing modes: 16 + 24·N bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSAUDIO_PACKETSIZE_CONSTRAINTS2<const N: usize> {
    /// Least packet period in 100 ns.
    pub MinPacketPeriodInHns: u32,
    /// A mask: bytes a packet is aligned to, minus 1.
    pub PacketSizeFileAlignment: u32,
    /// Most bytes in a packet; 0: no limit.
    pub MaxPacketSizeInBytes: u32,
    /// `N`.
    pub NumProcessingModeConstraints: u32,
    /// Constraints for each mode.
    pub ProcessingModeConstraints: [KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT; N],
}

/// `KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT`. 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT {
    /// The mode.
    pub ProcessingMode: Guid,
    /// Frames in a packet of the processing; 0 when a duration is given.
    pub SamplesPerProcessingPacket: u32,
    /// Duration of a packet of the processing in 100 ns; 0 when frames are given.
    pub ProcessingPacketDurationInHns: u32,
}
