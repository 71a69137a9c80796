//! The mock's volume node: two channels.

use waverig_portcls::{
    KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, NTSTATUS,
    PCPROPERTY_REQUEST, VT_I4, id, status,
};

use super::{Quirk, has};
use crate::user::format;

/// What basic support answers: KSPROPERTY_DESCRIPTION, a list of two members, a range for each channel.
fn description() -> Vec<u8> {
    let verbs = KSPROPERTY_TYPE_BASICSUPPORT | KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET;
    let range = [1, 0, 0, 1_u32];
    let members = if has(Quirk::NoChannels) {
        vec![3, 0, 0, 2]
    } else if has(Quirk::OneVolume) {
        [[2, 16, 1, 2], range].concat()
    } else {
        [[2, 16, 2, 2], range, range].concat()
    };
    let mut bytes = [verbs, 40 + 4 * members.len() as u32]
        .map(u32::to_le_bytes)
        .concat();
    bytes.extend(format::guid(&id::KSPROPTYPESETID_General));
    bytes.extend([VT_I4, 0, 1, 0].map(u32::to_le_bytes).concat());
    bytes.extend(members.into_iter().flat_map(u32::to_le_bytes));
    bytes
}

/// As much of the description as there is room for in one of the three documented sizes.
fn support(room: usize) -> Result<Vec<u8>, NTSTATUS> {
    let mut bytes = description();
    if has(Quirk::VerbsOnly) {
        let verbs = KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET;
        return Ok(verbs.to_le_bytes().to_vec());
    }
    bytes.truncate(match room {
        4 => 4,
        40 if !has(Quirk::DescriptionAtOnce) => 40,
        room if room >= bytes.len() => bytes.len(),
        _ => return Err(status::STATUS_BUFFER_TOO_SMALL),
    });
    Ok(bytes)
}

/// Answers with the channel that was asked for, so that tests see where instance data begins.
pub(super) unsafe extern "efiapi" fn handler(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS {
    // SAFETY: PortCls's request; the sizes are checked before the pointers are followed.
    unsafe {
        if (*request).InstanceSize < 8 || (*request).Node != 0 {
            return status::STATUS_INVALID_PARAMETER;
        }
        if (*request).Verb == KSPROPERTY_TYPE_BASICSUPPORT {
            let bytes = match support((*request).ValueSize as usize) {
                Ok(bytes) => bytes,
                Err(status) => return status,
            };
            (*request)
                .Value
                .cast::<u8>()
                .copy_from(bytes.as_ptr(), bytes.len());
            (*request).ValueSize = bytes.len() as u32;
            return status::STATUS_SUCCESS;
        }
        if (*request).ValueSize == 0 {
            (*request).ValueSize = 4;
            return status::STATUS_BUFFER_OVERFLOW;
        }
        if (*request).ValueSize < 4 {
            return status::STATUS_BUFFER_TOO_SMALL;
        }
        if has(Quirk::PendsProperty) {
            return status::STATUS_PENDING;
        }
        let channel = (*request).Instance.cast::<i32>().read();
        if (*request).Verb == KSPROPERTY_TYPE_GET {
            (*request).Value.cast::<i32>().write(channel);
            (*request).ValueSize = if has(Quirk::WritesTooMuch) { 64 } else { 4 };
        }
    }
    status::STATUS_SUCCESS
}
