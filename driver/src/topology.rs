//! The topology filter: bridge in → volume → mute → speaker.

mod controls;
mod filter;
mod jack;
mod level;
mod miniport;

pub(crate) use controls::Controls;

use crate::cable::SharedCable;
use crate::registration::{Name, utf16};
use miniport::Topology;
use waverig_portcls::NTSTATUS;
use waverig_portcls::com::{Object, Shared};

/// The reference string; the INF uses the same.
pub(crate) const NAME: Name = &utf16::<15>("TopologyRender");

/// The pin that the wave filter is connected to.
pub(crate) const BRIDGE_PIN: u32 = filter::PIN_BRIDGE;

/// PASSIVE_LEVEL.
pub(crate) fn miniport(cable: SharedCable) -> Result<Shared<Topology, 1>, NTSTATUS> {
    Object::create(Topology::new(cable))
}
