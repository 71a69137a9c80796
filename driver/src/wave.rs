//! The wave filter: the streaming pin that the audio engine opens, bridged to the topology filter.

mod buffer;
mod filter;
mod format;
mod miniport;
mod propose;
mod stream;
mod stream_table;
mod write_position;

use crate::cable::{Direction, SharedCable};
use crate::fault;
use crate::registration::{InterfaceLink, Name, Names, name_of, numbered};
use miniport::Wave;
use waverig_interface::CableNumber;
use waverig_portcls::com::{Object, Shared};
use waverig_portcls::{
    DEVPKEY_KsAudio_PacketSize_Constraints2, Guid, KSAUDIO_PACKETSIZE_CONSTRAINTS2,
    KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT, NTSTATUS, id,
};
use wdk_sys::PDEVICE_OBJECT;

/// The reference strings; the INF uses the same.
static RENDER_NAMES: Names<12> = numbered("WaveRender");
static CAPTURE_NAMES: Names<13> = numbered("WaveCapture");

/// The reference string of a cable's filter.
pub(crate) fn name(cable: CableNumber, direction: Direction) -> Name {
    match direction {
        Direction::Render => name_of(&RENDER_NAMES, cable),
        Direction::Capture => name_of(&CAPTURE_NAMES, cable),
    }
}

/// The port of the filters.
pub(crate) const PORT: &Guid = &id::CLSID_PortWaveRT;

/// There is a filter to record through beside the one to play through.
pub(crate) const CAPTURES: bool = true;

/// The pin that is connected to the topology filter.
pub(crate) const BRIDGE_PIN: u32 = filter::PIN_BRIDGE;

/// Signal-processing modes of the streaming pin. Nothing is processed in either, so they are the same.
const MODES: [Guid; 2] = [
    id::AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
    id::AUDIO_SIGNALPROCESSINGMODE_RAW,
];

/// Packets of 1 ms and more.
///
/// Each mode has an entry, with a duration above the least period: without, the engine ignores the constraints and stays at
/// 10 ms (measured by others on Windows). The least period is a tenth less than a packet of 1 ms, because at rates of which
/// a millisecond is no whole number of frames a packet may be a part of a frame shorter: 11 frames at 11.025 kHz last
/// 0.998 ms (inferred: no page says how the engine rounds).
const PACKET_CONSTRAINTS: KSAUDIO_PACKETSIZE_CONSTRAINTS2<{ MODES.len() }> =
    KSAUDIO_PACKETSIZE_CONSTRAINTS2 {
        MinPacketPeriodInHns: 9_000,
        PacketSizeFileAlignment: 0,
        MaxPacketSizeInBytes: 0,
        NumProcessingModeConstraints: MODES.len() as u32,
        ProcessingModeConstraints: {
            let mut modes = [KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT {
                ProcessingMode: MODES[0],
                SamplesPerProcessingPacket: 0,
                ProcessingPacketDurationInHns: 10_000,
            }; MODES.len()];
            let mut at = 0;
            while at < MODES.len() {
                modes[at].ProcessingMode = MODES[at];
                at += 1;
            }
            modes
        },
    };

/// The miniport of a cable's wave filter. PASSIVE_LEVEL.
pub(crate) fn miniport(
    cable: SharedCable,
    direction: Direction,
) -> Result<Shared<Wave, 2>, NTSTATUS> {
    Object::create(Wave::new(cable, direction)?)
}

/// Tells the audio engine which periods the filter serves, before its interface is enabled (ksmedia.h:
/// KSAUDIO_PACKETSIZE_CONSTRAINTS2). PASSIVE_LEVEL.
pub(crate) fn prepare(physical: PDEVICE_OBJECT, name: Name) -> Result<(), NTSTATUS> {
    let link = InterfaceLink::register(physical, &id::KSCATEGORY_AUDIO, name)?;
    link.set_property(
        &DEVPKEY_KsAudio_PacketSize_Constraints2,
        &fault::constraints(PACKET_CONSTRAINTS),
    )
}
