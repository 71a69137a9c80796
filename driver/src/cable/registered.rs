//! What a start registers for one cable; dropped from the top. All at PASSIVE_LEVEL, no lock held.

use super::SharedCable;
use crate::registration::{Connection, InterfaceLink, Start, Subdevice};
use crate::{names, tap, topology, wave};
use waverig_engine::Settings;
use waverig_portcls::{NTSTATUS, id};

/// A cable's filters and its tap, as long as they are registered.
pub(crate) struct Registered {
    _tap: tap::Registered,
    _connection: Connection,
    _topology: Subdevice,
    _wave: Subdevice,
}

impl Registered {
    /// Registers everything; what is registered when a step fails is undone.
    pub(crate) fn register(
        start: &Start,
        settings: &Settings,
        cable: &SharedCable,
    ) -> Result<Self, NTSTATUS> {
        let name = wave::name(cable.number);
        let miniport = wave::miniport(cable.clone(), wave::Direction::Render)?;
        let port = start.new_port(&id::CLSID_PortWaveRT, miniport.unknown())?;
        // The property must be there before the interface is enabled (ksmedia.h: KSAUDIO_PACKETSIZE_CONSTRAINTS2).
        let link = InterfaceLink::register(start.physical, &id::KSCATEGORY_AUDIO, name)?;
        wave::set_packet_constraints(&link)?;
        let wave = Subdevice::register(start, name, port)?;

        let name = names::leave(
            start.physical,
            &names::RENDER_SET,
            cable.number,
            settings.render_name.as_ref(),
        );
        let miniport = topology::miniport(cable.clone(), name)?;
        let port = start.new_port(&id::CLSID_PortTopology, miniport.unknown())?;
        let topology = Subdevice::register(start, topology::name(cable.number), port)?;

        let connection = Connection::register(
            start,
            (&wave, wave::BRIDGE_PIN),
            (&topology, topology::BRIDGE_PIN),
        )?;
        let tap = tap::Registered::register(start.physical, cable.clone())?;
        Ok(Self {
            _tap: tap,
            _connection: connection,
            _topology: topology,
            _wave: wave,
        })
    }
}
