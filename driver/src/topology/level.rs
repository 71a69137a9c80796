//! Properties of the volume and mute nodes. PASSIVE_LEVEL.

use super::controls::{Controls, GREATEST_LEVEL, LEAST_LEVEL, LEVEL_STEP, MOST_CHANNELS};
use super::filter::{NODE_MUTE, NODE_VOLUME};
use super::miniport::Topology;
use crate::property::{Plain, Request, Verb, bytes_of, status};
use waverig_portcls::status::{STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER};
use waverig_portcls::{
    KSAUDIO_CPU_RESOURCES_NOT_HOST_CPU, KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_MULTICHANNEL,
    KSPROPERTY_MEMBER_STEPPEDRANGES, KSPROPERTY_MEMBERSHEADER, KSPROPERTY_STEPPING_LONG, NTSTATUS,
    PCPROPERTY_REQUEST, VT_BOOL, VT_I4, VT_UI4,
};

/// What basic support tells of a property that a node has per channel: one range each
/// (windows-driver-docs: exposing-multichannel-nodes).
#[derive(Clone, Copy)]
#[repr(C)]
struct ChannelMembers {
    header: KSPROPERTY_MEMBERSHEADER,
    ranges: [KSPROPERTY_STEPPING_LONG; MOST_CHANNELS],
}

// SAFETY: integers only.
unsafe impl Plain for ChannelMembers {}

impl ChannelMembers {
    const fn new(channels: usize, least: i32, greatest: i32, step: u32) -> Self {
        Self {
            header: KSPROPERTY_MEMBERSHEADER {
                MembersFlags: KSPROPERTY_MEMBER_STEPPEDRANGES,
                MembersSize: size_of::<KSPROPERTY_STEPPING_LONG>() as u32,
                MembersCount: channels as u32,
                Flags: KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_MULTICHANNEL,
            },
            ranges: [KSPROPERTY_STEPPING_LONG {
                SteppingDelta: step,
                Reserved: 0,
                SignedMinimum: least,
                SignedMaximum: greatest,
            }; MOST_CHANNELS],
        }
    }

    /// Header and ranges, as many of them as the header says.
    fn bytes(&self) -> &[u8] {
        let ranges = self.header.MembersCount as usize * size_of::<KSPROPERTY_STEPPING_LONG>();
        let all = bytes_of(self);
        all.get(..size_of::<KSPROPERTY_MEMBERSHEADER>() + ranges)
            .unwrap_or(all)
    }
}

/// `KSPROPERTY_AUDIO_VOLUMELEVEL` of the volume node.
pub(super) unsafe extern "efiapi" fn volume(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    let (request, controls) = unsafe { target(request) };
    let (least, greatest) = (LEAST_LEVEL, GREATEST_LEVEL);
    let members = ChannelMembers::new(controls.channels(), least, greatest, LEVEL_STEP as u32);
    let property = ChannelProperty {
        node: NODE_VOLUME,
        variant: VT_I4,
        members: members.bytes(),
        get: |channel| controls.level(channel),
        set: |channel, level| controls.set_level(channel, level),
    };
    status(property.answer(request))
}

/// `KSPROPERTY_AUDIO_MUTE` of the mute node.
pub(super) unsafe extern "efiapi" fn mute(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    let (request, controls) = unsafe { target(request) };
    let members = ChannelMembers::new(controls.channels(), 0, 1, 1);
    let property = ChannelProperty {
        node: NODE_MUTE,
        variant: VT_BOOL,
        members: members.bytes(),
        get: |channel| controls.mute(channel).map(i32::from),
        set: |channel, mute| controls.set_mute(channel, mute != 0),
    };
    status(property.answer(request))
}

/// A 32-bit property that a node has per channel; get and set answer `None` for a channel that there is not.
struct ChannelProperty<'a, G, S> {
    node: u32,
    variant: u32,
    members: &'a [u8],
    get: G,
    set: S,
}

impl<G: Fn(i32) -> Option<i32>, S: Fn(i32, i32) -> Option<()>> ChannelProperty<'_, G, S> {
    fn answer(&self, mut request: Request<'_>) -> Result<(), NTSTATUS> {
        if request.node() != self.node {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        let channel =
            |request: &Request<'_>| request.instance::<i32>().ok_or(STATUS_INVALID_PARAMETER);
        match request.verb()? {
            Verb::BasicSupport => request.basic_support(self.variant, self.members),
            Verb::Get => {
                let value = (self.get)(channel(&request)?).ok_or(STATUS_INVALID_PARAMETER)?;
                request.answer(&[bytes_of(&value)])
            }
            Verb::Set => (self.set)(channel(&request)?, request.plain_value()?)
                .ok_or(STATUS_INVALID_PARAMETER),
        }
    }
}

/// `KSPROPERTY_AUDIO_CPU_RESOURCES` of either node: nothing is computed.
pub(super) unsafe extern "efiapi" fn cpu_resources(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    let mut request = unsafe { Request::new(request) };
    status(match request.verb() {
        Ok(Verb::BasicSupport) => request.basic_support(VT_UI4, &[]),
        Ok(Verb::Get) => request.answer(&[bytes_of(&KSAUDIO_CPU_RESOURCES_NOT_HOST_CPU)]),
        Ok(Verb::Set) => Err(STATUS_INVALID_DEVICE_REQUEST),
        Err(status) => Err(status),
    })
}

/// The request, and the values of the miniport it is for.
///
/// # Safety
/// `request` is what PortCls gave to a handler of this filter.
unsafe fn target<'a>(request: *mut PCPROPERTY_REQUEST) -> (Request<'a>, &'a Controls) {
    // SAFETY: says the caller.
    let (request, topology) = unsafe { Topology::target(request) };
    (request, topology.controls())
}
