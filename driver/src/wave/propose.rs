//! `KSPROPERTY_PIN_PROPOSEDATAFORMAT`: whether the pin would take a format; `_PROPOSEDATAFORMAT2`: which one it would have.
//! PASSIVE_LEVEL.

use super::filter::{PIN_BRIDGE, PIN_STREAM};
use super::format::{accept, modes};
use super::miniport::Wave;
use crate::property::{Request, Verb, status};
use waverig_engine::{Capability, KS_EXTENSIBLE_BYTES, check_attribute_list};
use waverig_portcls::com::Object;
use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
};
use waverig_portcls::{
    KSDATAFORMAT_ATTRIBUTES, KSDATAFORMAT_WAVEFORMATEX, NTSTATUS, PCPROPERTY_REQUEST, VT_ILLEGAL,
};

/// Bytes of a `KSP_PIN` behind its `KSPROPERTY`: pin and reserved field.
const PIN_BYTES: usize = 8;

pub(super) unsafe extern "efiapi" fn format(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    let (request, capability) = unsafe { target(request) };
    status(propose(request, capability))
}

pub(super) unsafe extern "efiapi" fn preferred(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    let (request, capability) = unsafe { target(request) };
    status(answer_preferred(request, capability))
}

/// The request, and what the device it is for takes.
///
/// # Safety
/// `request` is what PortCls gave to a handler of this filter.
unsafe fn target<'a>(request: *mut PCPROPERTY_REQUEST) -> (Request<'a>, &'a Capability) {
    // SAFETY: the major target of a request is the miniport, here the wave miniport, alive while the handler runs.
    unsafe {
        let request = Request::new(request);
        let capability = Object::<Wave, 2>::value(request.miniport()).capability();
        (request, capability)
    }
}

/// Only the streaming pin has formats.
fn check_pin(request: &Request<'_>) -> Result<(), NTSTATUS> {
    match request.instance::<u32>() {
        Some(PIN_STREAM) => Ok(()),
        Some(PIN_BRIDGE) => Err(STATUS_NOT_SUPPORTED),
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

fn propose(mut request: Request<'_>, capability: &Capability) -> Result<(), NTSTATUS> {
    check_pin(&request)?;
    match request.verb()? {
        Verb::BasicSupport => request.basic_support(VT_ILLEGAL, &[]),
        // Asks for the size.
        Verb::Set if request.value().is_empty() => request.answer(&[&[0; KS_EXTENSIBLE_BYTES]]),
        Verb::Set if request.value().len() < size_of::<KSDATAFORMAT_WAVEFORMATEX>() => {
            Err(STATUS_BUFFER_TOO_SMALL)
        }
        Verb::Set => accept(request.value(), capability).map(|_| ()),
        Verb::Get => Err(STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// The instance data goes on with a list of attributes, which says for which mode; the format comes back with the same list
/// behind it (ksproperty-pin-proposedataformat2; that the list is repeated is the public samples' doing). In every mode it is the
/// same format.
fn answer_preferred(mut request: Request<'_>, capability: &Capability) -> Result<(), NTSTATUS> {
    check_pin(&request)?;
    match request.verb()? {
        Verb::BasicSupport => request.basic_support(VT_ILLEGAL, &[]),
        Verb::Get => {
            let list = request.instance_from(PIN_BYTES);
            let list = check_attribute_list(list, &modes()).map_err(|error| {
                if error.is_unsupported() {
                    STATUS_NOT_SUPPORTED
                } else {
                    STATUS_INVALID_PARAMETER
                }
            })?;
            let format = capability.preferred().to_ks();
            let [size, rest] = [0..4, 8..KS_EXTENSIBLE_BYTES].map(|part| &format[part]);
            request.answer(&[size, &KSDATAFORMAT_ATTRIBUTES.to_le_bytes(), rest, list])
        }
        Verb::Set => Err(STATUS_INVALID_DEVICE_REQUEST),
    }
}
