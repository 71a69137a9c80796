//! The topology filter: bridge in → volume → mute → speaker.

mod controls;
mod filter;
mod jack;
mod level;
mod miniport;

pub(crate) use controls::Controls;

use crate::cable::SharedCable;
use crate::names::NameOf;
use crate::registration::{Name, Names, name_of, numbered};
use miniport::Topology;
use waverig_interface::CableNumber;
use waverig_portcls::NTSTATUS;
use waverig_portcls::com::{Object, Shared};

/// The reference strings; the INF uses the same.
static NAMES: Names<16> = numbered("TopologyRender");

/// The reference string of a cable's filter.
pub(crate) fn name(cable: CableNumber) -> Name {
    name_of(&NAMES, cable)
}

/// The pin that the wave filter is connected to.
pub(crate) const BRIDGE_PIN: u32 = filter::PIN_BRIDGE;

/// PASSIVE_LEVEL.
pub(crate) fn miniport(cable: SharedCable, name: NameOf) -> Result<Shared<Topology, 1>, NTSTATUS> {
    Object::create(Topology::new(cable, name))
}
