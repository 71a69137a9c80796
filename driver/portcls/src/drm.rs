//! Content protection (drmk.h).

use crate::unknown::interfaces;
use crate::{IUnknownVtbl, NTSTATUS};
use core::ffi::c_void;

/// `DRMRIGHTS`: what may be done with the content. 12 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct DRMRIGHTS {
    /// Not 0: the content must not be stored or passed on.
    pub CopyProtect: i32,
    /// Always 0.
    pub Reserved: u32,
    /// Not 0: the content must not leave through a digital output.
    pub DigitalOutputDisable: i32,
}

/// `KSPROPERTY_DRMAUDIOSTREAM_CONTENTID` (ksmedia.h), of `KSPROPSETID_DrmAudioStream`: set by the kernel alone, on a pin.
pub const KSPROPERTY_DRMAUDIOSTREAM_CONTENTID: u32 = 0;

/// `KSDRMAUDIOSTREAM_CONTENTID`: the value of that property. 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSDRMAUDIOSTREAM_CONTENTID {
    /// The content that the stream carries.
    pub ContentId: u32,
    /// What may be done with it.
    pub DrmRights: DRMRIGHTS,
}

/// Table of [`IDrmAudioStream`]. 4 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IDrmAudioStreamVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, ContentId, DrmRights)`: from now on the stream carries this content. PASSIVE_LEVEL.
    pub SetContentId: unsafe extern "efiapi" fn(
        this: *mut c_void,
        content: u32,
        rights: *const DRMRIGHTS,
    ) -> NTSTATUS,
}

interfaces! {
    pub IDrmAudioStream: IDrmAudioStreamVtbl, IID_IDrmAudioStream, "A stream that honours content protection.";
}
