//! Jack descriptions of the endpoint's pin. PASSIVE_LEVEL.

use super::filter::{PIN_IN, PIN_OUT};
use super::miniport::Topology;
use crate::cable::Direction;
use crate::fault::{self, Deliberate};
use crate::property::{Plain, Request, Verb, bytes_of, status};
use waverig_engine::default_mask;
use waverig_portcls::status::{
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
};
use waverig_portcls::{
    KSJACK_DESCRIPTION, KSJACK_DESCRIPTION2, KSMULTIPLE_ITEM, NTSTATUS, PCPROPERTY_REQUEST,
    VT_ILLEGAL, eConnTypeUnknown, eGenLocOther, eGeoLocNotApplicable, ePortConnUnknown,
};

/// A cable is no jack: nothing to see, always connected. Its channels are those of the format that the device proposes.
const fn describe(channels: u16) -> KSJACK_DESCRIPTION {
    KSJACK_DESCRIPTION {
        ChannelMapping: default_mask(channels),
        Color: 0,
        ConnectionType: eConnTypeUnknown,
        GeoLocation: eGeoLocNotApplicable,
        GenLocation: eGenLocOther,
        PortConnection: ePortConnUnknown,
        IsConnected: 1,
    }
}

const DESCRIPTION_2: KSJACK_DESCRIPTION2 = KSJACK_DESCRIPTION2 {
    DeviceStateInfo: 0,
    JackCapabilities: 0,
};

// SAFETY: integers only.
unsafe impl Plain for KSJACK_DESCRIPTION {}
// SAFETY: as above.
unsafe impl Plain for KSJACK_DESCRIPTION2 {}
// SAFETY: as above.
unsafe impl Plain for KSMULTIPLE_ITEM {}

/// `KSPROPERTY_JACK_DESCRIPTION`.
pub(super) unsafe extern "efiapi" fn description(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    let (request, topology) = unsafe { Topology::target(request) };
    let channels = match topology.capability().preferred().channels {
        _ if fault::is(Deliberate::MonoJack) => 1,
        channels => channels,
    };
    let description = describe(channels);
    status(answer(request, topology, &description))
}

/// `KSPROPERTY_JACK_DESCRIPTION2`.
pub(super) unsafe extern "efiapi" fn description_2(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    let (request, topology) = unsafe { Topology::target(request) };
    status(answer(request, topology, &DESCRIPTION_2))
}

/// One item behind a header that says so.
fn answer<T: Plain>(
    mut request: Request<'_>,
    topology: &Topology,
    item: &T,
) -> Result<(), NTSTATUS> {
    let endpoint = match topology.direction() {
        Direction::Render => PIN_OUT,
        Direction::Capture => PIN_IN,
    };
    match request.verb()? {
        Verb::BasicSupport => request.basic_support(VT_ILLEGAL, &[]),
        Verb::Get => match request.instance::<u32>() {
            Some(pin) if pin == endpoint => {
                let bytes = size_of::<KSMULTIPLE_ITEM>() + size_of::<T>();
                let header = KSMULTIPLE_ITEM {
                    Size: bytes as u32,
                    Count: 1 + u32::from(fault::is(Deliberate::JackCount)),
                };
                request.answer(&[bytes_of(&header), bytes_of(item)])
            }
            Some(PIN_IN | PIN_OUT) => Err(STATUS_NOT_SUPPORTED),
            _ => Err(STATUS_INVALID_PARAMETER),
        },
        Verb::Set => Err(STATUS_INVALID_DEVICE_REQUEST),
    }
}
