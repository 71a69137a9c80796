//! Data formats and data ranges (ks.h, ksmedia.h).

use crate::Guid;

/// `KSDATAFORMAT`, and with the same layout `KSDATARANGE`. 64 bytes, 8-aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct KSDATAFORMAT {
    /// Bytes in this structure and what follows it, attributes excluded.
    pub FormatSize: u32,
    /// `KSDATAFORMAT_…` or `KSDATARANGE_…` flags.
    pub Flags: u32,
    /// Bytes in a sample, 0 when variable or unknown.
    pub SampleSize: u32,
    /// Always 0.
    pub Reserved: u32,
    /// The kind of data.
    pub MajorFormat: Guid,
    /// Its encoding.
    pub SubFormat: Guid,
    /// What follows this structure.
    pub Specifier: Guid,
}

/// `KSDATARANGE`: what a pin can take; the layout of [`KSDATAFORMAT`].
pub type KSDATARANGE = KSDATAFORMAT;

/// `KSDATAFORMAT_ATTRIBUTES`: a [`KSMULTIPLE_ITEM`] with attributes follows at `FormatSize` rounded up to 8.
pub const KSDATAFORMAT_ATTRIBUTES: u32 = 2;
/// `KSDATARANGE_ATTRIBUTES`: the next entry of the array of ranges is a [`KSATTRIBUTE_LIST`].
pub const KSDATARANGE_ATTRIBUTES: u32 = 2;
/// `KSDATARANGE_REQUIRED_ATTRIBUTES`: at least one attribute of the list is required.
pub const KSDATARANGE_REQUIRED_ATTRIBUTES: u32 = 4;

/// `KSDATARANGE_AUDIO`. 88 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSDATARANGE_AUDIO {
    /// `FormatSize` is 88.
    pub DataRange: KSDATARANGE,
    /// Most channels.
    pub MaximumChannels: u32,
    /// Least bits in a sample's container.
    pub MinimumBitsPerSample: u32,
    /// Most bits in a sample's container.
    pub MaximumBitsPerSample: u32,
    /// Least frames per second.
    pub MinimumSampleFrequency: u32,
    /// Most frames per second.
    pub MaximumSampleFrequency: u32,
}

/// `KSMULTIPLE_ITEM`: header of an array. 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSMULTIPLE_ITEM {
    /// Bytes in this structure and the items.
    pub Size: u32,
    /// How many items.
    pub Count: u32,
}

/// `KSATTRIBUTE`: header of one attribute. 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSATTRIBUTE {
    /// Bytes in the whole attribute.
    pub Size: u32,
    /// [`KSATTRIBUTE_REQUIRED`] or 0.
    pub Flags: u32,
    /// Which attribute.
    pub Attribute: Guid,
}

/// `KSATTRIBUTE_REQUIRED`: a format must carry the attribute.
pub const KSATTRIBUTE_REQUIRED: u32 = 1;

/// `KSATTRIBUTE_LIST`: attributes of a data range; kernel only. 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KSATTRIBUTE_LIST {
    /// How many.
    pub Count: u32,
    /// An array of pointers to them.
    pub Attributes: *const *const KSATTRIBUTE,
}

// SAFETY: a list is a constant description that nobody writes.
unsafe impl Sync for KSATTRIBUTE_LIST {}

/// `KSATTRIBUTE_AUDIOSIGNALPROCESSING_MODE`: a format is for this mode. 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSATTRIBUTE_AUDIOSIGNALPROCESSING_MODE {
    /// `Attribute` is [`KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE`](crate::id::KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE).
    pub AttributeHeader: KSATTRIBUTE,
    /// The mode.
    pub SignalProcessingMode: Guid,
}
