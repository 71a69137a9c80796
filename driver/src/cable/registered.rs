//! What a start registers for one cable; dropped from the top. All at PASSIVE_LEVEL, no lock held.

use super::{Direction, SharedCable};
use crate::registration::{Connection, Start, Subdevice};
use crate::{names, tap, topology, wave};
use waverig_engine::Settings;
use waverig_portcls::{NTSTATUS, id};

/// A cable's filters and its tap, as long as they are registered.
pub(crate) struct Registered {
    _tap: tap::Registered,
    _capture: Option<Filters>,
    _render: Filters,
}

impl Registered {
    /// Registers everything; what is registered when a step fails is undone.
    pub(crate) fn register(
        start: &Start,
        settings: &Settings,
        cable: &SharedCable,
    ) -> Result<Self, NTSTATUS> {
        Ok(Self {
            _render: Filters::register(start, settings, cable, Direction::Render)?,
            _capture: if wave::CAPTURES {
                let filters = Filters::register(start, settings, cable, Direction::Capture)?;
                Some(filters)
            } else {
                None
            },
            _tap: tap::Registered::register(start.physical, cable.clone())?,
        })
    }
}

/// The two filters of an endpoint.
struct Filters {
    _connection: Connection,
    _topology: Subdevice,
    _wave: Subdevice,
}

impl Filters {
    fn register(
        start: &Start,
        settings: &Settings,
        cable: &SharedCable,
        direction: Direction,
    ) -> Result<Self, NTSTATUS> {
        let name = wave::name(cable.number, direction);
        let miniport = wave::miniport(cable.clone(), direction)?;
        let port = start.new_port(wave::PORT, miniport.unknown())?;
        wave::prepare(start.physical, name)?;
        let wave = Subdevice::register(start, name, port)?;

        let (set, wanted) = match direction {
            Direction::Render => (&names::RENDER_SET, &settings.render_name),
            Direction::Capture => (&names::CAPTURE_SET, &settings.capture_name),
        };
        let name = names::leave(start.physical, set, cable.number, wanted.as_ref());
        let miniport = topology::miniport(cable.clone(), direction, name)?;
        let port = start.new_port(&id::CLSID_PortTopology, miniport.unknown())?;
        let name = topology::name(cable.number, direction);
        let topology = Subdevice::register(start, name, port)?;

        let wave_end = (&wave, wave::BRIDGE_PIN);
        let topology_end = (&topology, topology::bridge_pin(direction));
        let (from, to) = match direction {
            Direction::Render => (wave_end, topology_end),
            Direction::Capture => (topology_end, wave_end),
        };
        Ok(Self {
            _connection: Connection::register(start, from, to)?,
            _topology: topology,
            _wave: wave,
        })
    }
}
