//! `KSPROPERTY_PIN_PROPOSEDATAFORMAT`: whether the pin would take a format. PASSIVE_LEVEL.

use super::filter::{PIN_BRIDGE, PIN_STREAM};
use super::format::accept;
use crate::property::{Request, Verb, status};
use waverig_engine::KS_EXTENSIBLE_BYTES;
use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
};
use waverig_portcls::{KSDATAFORMAT_WAVEFORMATEX, NTSTATUS, PCPROPERTY_REQUEST, VT_ILLEGAL};

pub(super) unsafe extern "efiapi" fn format(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    status(answer(unsafe { Request::new(request) }))
}

fn answer(mut request: Request<'_>) -> Result<(), NTSTATUS> {
    match request.instance::<u32>() {
        Some(PIN_STREAM) => {}
        Some(PIN_BRIDGE) => return Err(STATUS_NOT_SUPPORTED),
        _ => return Err(STATUS_INVALID_PARAMETER),
    }
    match request.verb()? {
        Verb::BasicSupport => request.basic_support(VT_ILLEGAL, &[]),
        // Asks for the size.
        Verb::Set if request.value().is_empty() => request.answer(&[&[0; KS_EXTENSIBLE_BYTES]]),
        Verb::Set if request.value().len() < size_of::<KSDATAFORMAT_WAVEFORMATEX>() => {
            Err(STATUS_BUFFER_TOO_SMALL)
        }
        Verb::Set => accept(request.value()).map(|_| ()),
        Verb::Get => Err(STATUS_INVALID_DEVICE_REQUEST),
    }
}
