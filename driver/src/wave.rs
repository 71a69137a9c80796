//! The wave filter: the streaming pin that the audio engine opens, bridged to the topology filter.

mod buffer;
mod filter;
mod format;
mod miniport;
mod propose;
mod stream;
mod stream_table;

use crate::cable::SharedCable;
use crate::registration::{InterfaceLink, Name, Names, name_of, numbered};
use miniport::Wave;
use waverig_interface::CableNumber;
use waverig_portcls::com::{Object, Shared};
use waverig_portcls::{
    DEVPKEY_KsAudio_PacketSize_Constraints2, Guid, KSAUDIO_PACKETSIZE_CONSTRAINTS2,
    KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT, NTSTATUS, id,
};

/// The reference strings; the INF uses the same.
static NAMES: Names<12> = numbered("WaveRender");

/// The reference string of a cable's filter.
pub(crate) fn name(cable: CableNumber) -> Name {
    name_of(&NAMES, cable)
}

/// The pin that is connected to the topology filter.
pub(crate) const BRIDGE_PIN: u32 = filter::PIN_BRIDGE;

/// Which way audio goes through a wave filter, seen from its clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Clients play to it.
    Render,
    /// Clients record from it.
    Capture,
}

/// Signal-processing modes of the streaming pin. Nothing is processed in either, so they are the same.
const MODES: [Guid; 2] = [
    id::AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
    id::AUDIO_SIGNALPROCESSINGMODE_RAW,
];

/// Periods down to 2 ms. Without an entry for a mode whose duration lies above the minimum the engine ignores the constraints and
/// stays at 10 ms (measured by others on Windows).
const PACKET_CONSTRAINTS: KSAUDIO_PACKETSIZE_CONSTRAINTS2<{ MODES.len() }> =
    KSAUDIO_PACKETSIZE_CONSTRAINTS2 {
        MinPacketPeriodInHns: 20_000,
        PacketSizeFileAlignment: 0,
        MaxPacketSizeInBytes: 0,
        NumProcessingModeConstraints: MODES.len() as u32,
        ProcessingModeConstraints: [constraint(MODES[0]), constraint(MODES[1])],
    };

const fn constraint(mode: Guid) -> KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT {
    KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT {
        ProcessingMode: mode,
        SamplesPerProcessingPacket: 0,
        ProcessingPacketDurationInHns: 30_000,
    }
}

/// The miniport of a cable's wave filter. PASSIVE_LEVEL.
pub(crate) fn miniport(
    cable: SharedCable,
    direction: Direction,
) -> Result<Shared<Wave, 2>, NTSTATUS> {
    Object::create(Wave::new(cable, direction)?)
}

/// Tells the audio engine which periods the filter serves. PASSIVE_LEVEL.
pub(crate) fn set_packet_constraints(link: &InterfaceLink) -> Result<(), NTSTATUS> {
    link.set_property(
        &DEVPKEY_KsAudio_PacketSize_Constraints2,
        &PACKET_CONSTRAINTS,
    )
}
