//! The wave filter: the streaming pin that the audio engine opens, bridged to the topology filter.

mod buffer;
mod filter;
mod format;
mod miniport;
mod propose;
mod stream;
mod stream_table;

use crate::cable::SharedCable;
use crate::registration::{InterfaceLink, Name, utf16};
use miniport::Wave;
use waverig_portcls::com::{Object, Shared};
use waverig_portcls::{
    DEVPKEY_KsAudio_PacketSize_Constraints2, Guid, KSAUDIO_PACKETSIZE_CONSTRAINTS2,
    KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT, NTSTATUS, id,
};

/// The reference string; the INF uses the same.
pub(crate) const NAME: Name = &utf16::<11>("WaveRender");

/// The pin that is connected to the topology filter.
pub(crate) const BRIDGE_PIN: u32 = filter::PIN_BRIDGE;

/// Signal-processing modes of the streaming pin. Windows opens one instance of the pin per mode in use (inferred from the
/// public samples), and there is one instance.
const MODES: [Guid; 1] = [id::AUDIO_SIGNALPROCESSINGMODE_DEFAULT];

/// Periods down to 2 ms. Without an entry for a mode whose duration lies above the minimum the engine ignores the constraints and
/// stays at 10 ms (measured by others on Windows).
const PACKET_CONSTRAINTS: KSAUDIO_PACKETSIZE_CONSTRAINTS2<1> = KSAUDIO_PACKETSIZE_CONSTRAINTS2 {
    MinPacketPeriodInHns: 20_000,
    PacketSizeFileAlignment: 0,
    MaxPacketSizeInBytes: 0,
    NumProcessingModeConstraints: 1,
    ProcessingModeConstraints: [KSAUDIO_PACKETSIZE_PROCESSINGMODE_CONSTRAINT {
        ProcessingMode: id::AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
        SamplesPerProcessingPacket: 0,
        ProcessingPacketDurationInHns: 30_000,
    }],
};

/// PASSIVE_LEVEL.
pub(crate) fn miniport(cable: SharedCable) -> Result<Shared<Wave, 2>, NTSTATUS> {
    Object::create(Wave::new(cable))
}

/// Tells the audio engine which periods the filter serves. PASSIVE_LEVEL.
pub(crate) fn set_packet_constraints(link: &InterfaceLink) -> Result<(), NTSTATUS> {
    link.set_property(
        &DEVPKEY_KsAudio_PacketSize_Constraints2,
        &PACKET_CONSTRAINTS,
    )
}
