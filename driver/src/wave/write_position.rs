//! `KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION` of an open render pin: how far its client has written. PASSIVE_LEVEL.
//!
//! By its page the property belongs to the audio engine node of an offload pin. A client that sets it on a pin without such a node
//! means the pin's own buffer (inferred); one that does not is none the worse for it.

use super::stream_table;
use crate::property::{Request, Verb, status};
use waverig_portcls::status::{STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER};
use waverig_portcls::{NTSTATUS, PCPROPERTY_REQUEST, VT_UI4};

pub(super) unsafe extern "efiapi" fn position(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: called by PortCls.
    status(answer(unsafe { Request::new(request) }))
}

fn answer(mut request: Request<'_>) -> Result<(), NTSTATUS> {
    match request.verb()? {
        Verb::BasicSupport => request.basic_support(VT_UI4, &[]),
        Verb::Set => {
            let bytes = request.plain_value::<u32>()?;
            let stream = request.stream();
            if stream.is_null() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            // SAFETY: the table that led here is the render pin's, whose streams are of this class; PortCls keeps the stream
            // while the pin is open.
            unsafe { stream_table::render(stream) }.set_write_position(bytes)
        }
        Verb::Get => Err(STATUS_INVALID_DEVICE_REQUEST),
    }
}
