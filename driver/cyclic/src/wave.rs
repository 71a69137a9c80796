//! The wave filter of a WaveCyclic port: one streaming pin for playback, bridged to the topology filter.

mod filter;
#[path = "../../src/wave/format.rs"]
mod format;
mod miniport;
mod notifier;
mod portcls;
mod stream;
mod stream_table;

use crate::cable::{Direction, SharedCable};
use crate::registration::{Name, Names, name_of, numbered};
use miniport::Wave;
use waverig_interface::CableNumber;
use waverig_portcls::com::{Object, Shared};
use waverig_portcls::{Guid, NTSTATUS, id};
use wdk_sys::PDEVICE_OBJECT;

/// The port of the filter.
pub(crate) const PORT: &Guid = &id::CLSID_PortWaveCyclic;

/// There is no filter to record through.
pub(crate) const CAPTURES: bool = false;

/// The pin that is connected to the topology filter.
pub(crate) const BRIDGE_PIN: u32 = filter::PIN_BRIDGE;

/// The pin knows no signal-processing modes: they came with WaveRT.
const MODES: [Guid; 0] = [];

/// The reference strings; the INF uses the same.
static NAMES: Names<12> = numbered("WaveRender");

/// The reference string of a cable's filter.
pub(crate) fn name(cable: CableNumber, _: Direction) -> Name {
    name_of(&NAMES, cable)
}

/// The miniport of a cable's wave filter. PASSIVE_LEVEL.
pub(crate) fn miniport(cable: SharedCable, _: Direction) -> Result<Shared<Wave, 1>, NTSTATUS> {
    Object::create(Wave::new(cable)?)
}

/// Packet sizes are WaveRT's: there is nothing to tell before the filter is registered.
pub(crate) fn prepare(_: PDEVICE_OBJECT, _: Name) -> Result<(), NTSTATUS> {
    Ok(())
}
