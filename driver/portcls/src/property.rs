//! KS properties: identifiers, verbs, request headers and self-descriptions (ks.h, ksmedia.h).

use crate::Guid;

/// `KSPROPERTY`: which property, and what to do with it. 24 bytes, 8-aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct KSPROPERTY {
    /// Property set.
    pub Set: Guid,
    /// Property in the set.
    pub Id: u32,
    /// One `KSPROPERTY_TYPE_…` verb, and [`KSPROPERTY_TYPE_TOPOLOGY`] for a node.
    pub Flags: u32,
}

/// `KSP_PIN`: a property of a pin, asked of its filter. 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSP_PIN {
    /// The property.
    pub Property: KSPROPERTY,
    /// The pin.
    pub PinId: u32,
    /// Flags, or 0.
    pub Reserved: u32,
}

/// `KSNODEPROPERTY`, the same as `KSP_NODE`: a property of a node. 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSNODEPROPERTY {
    /// The property; `Flags` includes [`KSPROPERTY_TYPE_TOPOLOGY`].
    pub Property: KSPROPERTY,
    /// The node.
    pub NodeId: u32,
    /// Always 0.
    pub Reserved: u32,
}

/// `KSNODEPROPERTY_AUDIO_CHANNEL`: a property of one channel of a node. 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSNODEPROPERTY_AUDIO_CHANNEL {
    /// The node.
    pub NodeProperty: KSNODEPROPERTY,
    /// The channel, -1 for all of them.
    pub Channel: i32,
    /// Always 0.
    pub Reserved: u32,
}

/// `KSPROPERTY_TYPE_GET`.
pub const KSPROPERTY_TYPE_GET: u32 = 1;
/// `KSPROPERTY_TYPE_SET`.
pub const KSPROPERTY_TYPE_SET: u32 = 2;
/// `KSPROPERTY_TYPE_BASICSUPPORT`: which verbs are supported, and a description of the value.
pub const KSPROPERTY_TYPE_BASICSUPPORT: u32 = 0x200;
/// `KSPROPERTY_TYPE_TOPOLOGY`: the request is for a node.
pub const KSPROPERTY_TYPE_TOPOLOGY: u32 = 0x1000_0000;

/// `KSPROPERTY_DESCRIPTION`: head of the answer to a basic-support request. 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSPROPERTY_DESCRIPTION {
    /// The verbs.
    pub AccessFlags: u32,
    /// Bytes in this structure and the members that follow.
    pub DescriptionSize: u32,
    /// The value's type: set [`KSPROPTYPESETID_General`](crate::id::KSPROPTYPESETID_General), id a `VT_…`, flags 0.
    pub PropTypeSet: KSPROPERTY,
    /// How many [`KSPROPERTY_MEMBERSHEADER`]s follow.
    pub MembersListCount: u32,
    /// Always 0.
    pub Reserved: u32,
}

/// `KSPROPERTY_MEMBERSHEADER`: head of a list of legal values. 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSPROPERTY_MEMBERSHEADER {
    /// `KSPROPERTY_MEMBER_…`: what the members are.
    pub MembersFlags: u32,
    /// Bytes in one member.
    pub MembersSize: u32,
    /// How many members follow.
    pub MembersCount: u32,
    /// `KSPROPERTY_MEMBER_FLAG_…`.
    pub Flags: u32,
}

/// `KSPROPERTY_STEPPING_LONG`: a range with a step. 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSPROPERTY_STEPPING_LONG {
    /// The step.
    pub SteppingDelta: u32,
    /// Always 0.
    pub Reserved: u32,
    /// Least value.
    pub SignedMinimum: i32,
    /// Greatest value.
    pub SignedMaximum: i32,
}

/// `KSPROPERTY_MEMBER_RANGES`: members are ranges.
pub const KSPROPERTY_MEMBER_RANGES: u32 = 1;
/// `KSPROPERTY_MEMBER_STEPPEDRANGES`: members are [`KSPROPERTY_STEPPING_LONG`].
pub const KSPROPERTY_MEMBER_STEPPEDRANGES: u32 = 2;
/// `KSPROPERTY_MEMBER_VALUES`: members are values.
pub const KSPROPERTY_MEMBER_VALUES: u32 = 3;
/// `KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_MULTICHANNEL`: one member per channel.
pub const KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_MULTICHANNEL: u32 = 2;
/// `KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_UNIFORM`: all channels have one value.
pub const KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_UNIFORM: u32 = 4;

/// `VT_I4` (wtypes.h): a 32-bit integer.
pub const VT_I4: u32 = 3;
/// `VT_BOOL` (wtypes.h): a truth value.
pub const VT_BOOL: u32 = 11;
/// `VT_UI4` (wtypes.h): an unsigned 32-bit integer.
pub const VT_UI4: u32 = 19;
/// `VT_ILLEGAL` (wtypes.h): no simple type.
pub const VT_ILLEGAL: u32 = 0xFFFF;

/// `KSPROPERTY_AUDIO_CHANNEL_CONFIG`: the channel mask.
pub const KSPROPERTY_AUDIO_CHANNEL_CONFIG: u32 = 3;
/// `KSPROPERTY_AUDIO_VOLUMELEVEL`: a level in 1/65536 dB.
pub const KSPROPERTY_AUDIO_VOLUMELEVEL: u32 = 4;
/// `KSPROPERTY_AUDIO_POSITION`: see [`KSAUDIO_POSITION`](crate::KSAUDIO_POSITION).
pub const KSPROPERTY_AUDIO_POSITION: u32 = 5;
/// `KSPROPERTY_AUDIO_MUTE`: a `BOOL`.
pub const KSPROPERTY_AUDIO_MUTE: u32 = 13;
/// `KSPROPERTY_AUDIO_CPU_RESOURCES`: [`KSAUDIO_CPU_RESOURCES_NOT_HOST_CPU`] or [`KSAUDIO_CPU_RESOURCES_HOST_CPU`].
pub const KSPROPERTY_AUDIO_CPU_RESOURCES: u32 = 33;
/// The node costs the processor nothing.
pub const KSAUDIO_CPU_RESOURCES_NOT_HOST_CPU: u32 = 0;
/// The node is computed by the processor.
pub const KSAUDIO_CPU_RESOURCES_HOST_CPU: u32 = 0x7FFF_FFFF;

/// `KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION`: up to which byte a client has written the cyclic buffer, a `ULONG`.
pub const KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION: u32 = 53;

/// `KSPROPERTY_PIN_DATARANGES`.
pub const KSPROPERTY_PIN_DATARANGES: u32 = 3;
/// `KSPROPERTY_PIN_DATAINTERSECTION`.
pub const KSPROPERTY_PIN_DATAINTERSECTION: u32 = 4;
/// `KSPROPERTY_PIN_PROPOSEDATAFORMAT`: whether a pin would take a format.
pub const KSPROPERTY_PIN_PROPOSEDATAFORMAT: u32 = 14;
/// `KSPROPERTY_PIN_PROPOSEDATAFORMAT2`: the format a pin proposes for a mode.
pub const KSPROPERTY_PIN_PROPOSEDATAFORMAT2: u32 = 15;
