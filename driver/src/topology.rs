//! The topology filters: bridge → volume → mute → speaker, and line → volume → mute → bridge.

mod controls;
mod filter;
mod jack;
mod level;
mod miniport;

pub(crate) use controls::Controls;

use crate::cable::{Direction, SharedCable};
use crate::names::NameOf;
use crate::registration::{Name, Names, name_of, numbered};
use miniport::Topology;
use waverig_interface::CableNumber;
use waverig_portcls::NTSTATUS;
use waverig_portcls::com::{Object, Shared};

/// The reference strings; the INF uses the same.
static RENDER_NAMES: Names<16> = numbered("TopologyRender");
static CAPTURE_NAMES: Names<17> = numbered("TopologyCapture");

/// The reference string of a cable's filter.
pub(crate) fn name(cable: CableNumber, direction: Direction) -> Name {
    match direction {
        Direction::Render => name_of(&RENDER_NAMES, cable),
        Direction::Capture => name_of(&CAPTURE_NAMES, cable),
    }
}

/// The pin that the wave filter is connected to.
pub(crate) const fn bridge_pin(direction: Direction) -> u32 {
    match direction {
        Direction::Render => filter::PIN_IN,
        Direction::Capture => filter::PIN_OUT,
    }
}

/// PASSIVE_LEVEL.
pub(crate) fn miniport(
    cable: SharedCable,
    direction: Direction,
    name: NameOf,
) -> Result<Shared<Topology, 1>, NTSTATUS> {
    Object::create(Topology::new(cable, direction, name))
}
