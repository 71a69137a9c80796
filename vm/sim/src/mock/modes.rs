//! The mock's IMiniportAudioSignalProcessing: pin 0 has one mode, pin 1 is a bridge.

use std::ffi::c_void;

use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use waverig_portcls::{Guid, IMiniportAudioSignalProcessingVtbl, NTSTATUS, id};

use super::miniport::{UNKNOWN, make};
use super::{Quirk, has};

/// `AUDIO_SIGNALPROCESSINGMODE_COMMUNICATIONS` (ksmedia.h).
const COMMUNICATIONS: Guid = Guid::new(0x98951333_B9CD_48B1_A0A3_FF40682D73F7);

static TABLE: IMiniportAudioSignalProcessingVtbl = IMiniportAudioSignalProcessingVtbl {
    base: UNKNOWN,
    GetModes: get_modes,
};

/// An object with one reference.
pub(super) fn create() -> *mut c_void {
    make(
        (&raw const TABLE).cast(),
        &[id::IID_IMiniportAudioSignalProcessing],
    )
}

unsafe extern "efiapi" fn get_modes(
    _: *mut c_void,
    pin: u32,
    modes: *mut Guid,
    count: *mut u32,
) -> NTSTATUS {
    match pin {
        0 => {}
        1 if has(Quirk::ModesOfBridge) => {}
        2.. if !has(Quirk::ModesOfNoPin) => return STATUS_INVALID_PARAMETER,
        _ => return STATUS_NOT_SUPPORTED,
    }
    let list: &[Guid] = if has(Quirk::NeitherRawNorDefault) {
        &[COMMUNICATIONS]
    } else if has(Quirk::TwoModes) {
        &[id::AUDIO_SIGNALPROCESSINGMODE_DEFAULT, COMMUNICATIONS]
    } else {
        &[id::AUDIO_SIGNALPROCESSINGMODE_DEFAULT]
    };
    // SAFETY: PortCls's variable, and as many GUIDs as it says.
    unsafe {
        let room = *count as usize;
        *count = list.len() as u32;
        if modes.is_null() {
            return STATUS_SUCCESS;
        }
        if room < list.len() {
            return if has(Quirk::ModesWithoutRoom) {
                STATUS_SUCCESS
            } else {
                STATUS_BUFFER_TOO_SMALL
            };
        }
        modes.copy_from(list.as_ptr(), list.len());
    }
    STATUS_SUCCESS
}
