//! How the port opens a WaveCyclic stream: it has it made, and asks it what does not change.

use waverig_portcls::status::STATUS_UNSUCCESSFUL;
use waverig_portcls::{
    IMiniportWaveCyclic, IMiniportWaveCyclicStream, KSDATAFORMAT, NTSTATUS, NonPagedPool,
};

use super::super::com::{self, Held, Ref};
use super::super::format::Wave;
use super::super::property::Scratch;
use super::super::rules;
use super::channel::Channel;
use super::service::ServiceGroup;
use crate::{call, finding};

/// "In all current Windows releases, the WaveCyclic port driver specifies an Interval value of 10 milliseconds."
pub(super) const INTERVAL_MS: u32 = 10;

/// What `NewStream` hands over.
type Made = (Ref<IMiniportWaveCyclicStream>, Channel, Held<ServiceGroup>);

/// Says how often the stream is to notify its port.
pub(super) fn ask_for_notifications(
    stream: &Ref<IMiniportWaveCyclicStream>,
    wave: &Wave,
    place: &str,
) {
    let frame = u64::from(wave.frame_bytes).max(1);
    let mut bytes = 0_u32;
    let function = stream.table().SetNotificationFreq;
    let parameters = (stream.this(), INTERVAL_MS, &raw mut bytes);
    let name = "IMiniportWaveCyclicStream::SetNotificationFreq";
    // SAFETY: the stream's table; the variable lives here. The answer is ignored, as in all current releases.
    unsafe { call::driver(name, function, parameters) };
    // At most rates that is no whole number of frames, and a driver may say either neighbour.
    let frames = u64::from(wave.rate) * u64::from(INTERVAL_MS);
    let (least, most) = (frames / 1000 * frame, (frames.div_ceil(1000) + 1) * frame);
    if !(least..=most).contains(&u64::from(bytes)) {
        let text = format!(
            "{place}: SetNotificationFreq({INTERVAL_MS}) says {bytes} bytes; {least} are played in that time",
        );
        finding::raise(&rules::CYCLIC_FRAMING, text);
    }
}

/// A second's bytes are a second. That PortCls asks this for clocks and position events is inferred; nobody enables one here.
pub(super) fn normalize(stream: &Ref<IMiniportWaveCyclicStream>, wave: &Wave, place: &str) {
    const SECOND: i64 = 10_000_000;
    let frame = u64::from(wave.frame_bytes).max(1);
    let bytes = i64::from(wave.rate) * frame.cast_signed();
    let mut position = bytes;
    let function = stream.table().NormalizePhysicalPosition;
    let name = "IMiniportWaveCyclicStream::NormalizePhysicalPosition";
    // SAFETY: the stream's table; the variable lives here.
    let status = unsafe { call::driver(name, function, (stream.this(), &raw mut position)) };
    // Whole units of a frame's bytes may be lost in the division.
    if status < 0 || (position - SECOND).abs() > SECOND / 1000 {
        let text = format!(
            "{place}: {bytes} bytes, a second, were answered with {status:#010x} and {position} of {SECOND} units",
        );
        finding::raise(&rules::CYCLIC_NORMALIZE, text);
    }
}

/// Calls `NewStream`.
pub(super) fn make(
    miniport: &Ref<IMiniportWaveCyclic>,
    pin: u32,
    place: &str,
    format: &[u8],
) -> Result<Made, NTSTATUS> {
    let format = Scratch::new(format);
    let (mut stream, mut channel, mut group) = (
        std::ptr::null_mut(),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    );
    let parameters = (
        miniport.this(),
        &raw mut stream,
        std::ptr::null_mut(),
        NonPagedPool,
        pin,
        0_u8,
        format.place().cast::<KSDATAFORMAT>(),
        &raw mut channel,
        &raw mut group,
    );
    let function = miniport.table().NewStream;
    // SAFETY: the miniport's table; the format and the variables live until the call returns.
    let status = unsafe { call::driver("IMiniportWaveCyclic::NewStream", function, parameters) };
    if status < 0 {
        return Err(status);
    }
    let text = format!("{place}: success, with {stream:p}, {channel:p} and {group:p}");
    let made = (
        Ref::own(stream),
        Channel::own(channel.cast()),
        com::take_over::<ServiceGroup>(group.cast()),
    );
    match made {
        (Some(stream), Some(channel), Some(group)) => Ok((stream, channel, group)),
        _ => {
            finding::raise(&rules::CYCLIC_STREAM, text);
            Err(STATUS_UNSUCCESSFUL)
        }
    }
}
