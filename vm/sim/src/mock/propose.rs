//! The mock's proposals: 48 kHz stereo of 16 bits, in its one mode.

use waverig_portcls::{
    KSPROPERTY_PIN_PROPOSEDATAFORMAT2, NTSTATUS, PCPROPERTY_REQUEST, id, status,
};
use waverig_protocol::scenario::{Format, Sample};

use super::{Quirk, has};
use crate::user::format::{data_format, guid};

/// Bytes of a KSDATAFORMAT_WAVEFORMATEXTENSIBLE.
const LONG_FORM: u32 = 104;

/// Both properties of the wave filter.
pub(super) unsafe extern "efiapi" fn handler(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: PortCls's request; sizes are checked before the pointers are followed.
    unsafe {
        if (*(*request).PropertyItem).Id != KSPROPERTY_PIN_PROPOSEDATAFORMAT2 {
            return if has(Quirk::RefusesItsFormats) {
                status::STATUS_NO_MATCH
            } else if has(Quirk::TakesLongForms) && (*request).ValueSize < LONG_FORM {
                status::STATUS_BUFFER_TOO_SMALL
            } else {
                status::STATUS_SUCCESS
            };
        }
        // The instance: pin and reserved field, then the list of one attribute, whose mode stands at its end.
        if (*request).InstanceSize != 56 {
            return status::STATUS_INVALID_PARAMETER;
        }
        let instance = std::slice::from_raw_parts((*request).Instance.cast::<u8>(), 56);
        let known = guid(&id::AUDIO_SIGNALPROCESSINGMODE_DEFAULT);
        if instance[40..] != known[..] && !has(Quirk::ProposesForAnyMode) {
            return status::STATUS_NOT_SUPPORTED;
        }
        let answer = answer(&instance[8..]);
        let room = (*request).ValueSize as usize;
        (*request).ValueSize = answer.len() as u32;
        if room == 0 && has(Quirk::ProposesWithoutSize) {
            (*request).ValueSize = 0;
            return status::STATUS_SUCCESS;
        }
        if room == 0 {
            return status::STATUS_BUFFER_OVERFLOW;
        }
        if room < answer.len() {
            if has(Quirk::ProposesWithoutRoom) {
                (*request).ValueSize = 0;
                return status::STATUS_SUCCESS;
            }
            return status::STATUS_BUFFER_TOO_SMALL;
        }
        (*request)
            .Value
            .cast::<u8>()
            .copy_from(answer.as_ptr(), answer.len());
    }
    status::STATUS_SUCCESS
}

fn answer(list: &[u8]) -> Vec<u8> {
    let rate = if has(Quirk::ProposesOutOfRange) {
        96_000
    } else {
        48_000
    };
    let mut bytes = data_format(&Format {
        rate,
        channels: 2,
        sample: Sample::Pcm16,
    });
    if !has(Quirk::ProposesWithoutAttributes) {
        bytes[4] = 2;
    }
    bytes.extend(list);
    bytes
}
