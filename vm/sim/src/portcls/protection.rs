//! Content protection: the property by which the kernel tells a pin what its stream carries, and what becomes of it.

use waverig_portcls::id::KSPROPSETID_DrmAudioStream;
use waverig_portcls::status::{
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_FOUND,
    STATUS_NOT_IMPLEMENTED,
};
use waverig_portcls::{
    DRMRIGHTS, IDrmAudioStream, KSDRMAUDIOSTREAM_CONTENTID, KSPROPERTY,
    KSPROPERTY_DRMAUDIOSTREAM_CONTENTID, KSPROPERTY_TYPE_SET, NTSTATUS,
};

use super::content;
use super::pin::Pin;
use super::property::{Answer, IOCTL_KS_PROPERTY, Incoming};
use crate::call;
use crate::nt::io::{self, File};
use crate::nt::layout::Irp;
use crate::nt::status::NtStatus;

/// `KSP_DRMAUDIOSTREAM_CONTENTID` (ksmedia.h): a KSPROPERTY, a context, and the addresses of seven functions of DRMK.
const REQUEST_BYTES: usize = size_of::<KSPROPERTY>() + size_of::<[u64; 8]>();

/// What DRMK does when protected content is about to come through a pin, and when it no longer does: it sets the property, from
/// kernel mode (`DrmForwardContentToFileObject`). Of the context and the functions nobody here makes use.
pub(crate) fn set_content(pin: &File, content: KSDRMAUDIOSTREAM_CONTENTID) -> NtStatus {
    io::kernel_request(pin, IOCTL_KS_PROPERTY, &request(), &value(content))
}

/// The property's request.
pub(crate) fn request() -> Vec<u8> {
    let set = crate::user::ks::property(
        &KSPROPSETID_DrmAudioStream,
        KSPROPERTY_DRMAUDIOSTREAM_CONTENTID,
        KSPROPERTY_TYPE_SET,
    );
    let mut request = set;
    request.resize(REQUEST_BYTES, 0);
    request
}

/// The property's value.
pub(crate) fn value(content: KSDRMAUDIOSTREAM_CONTENTID) -> Vec<u8> {
    let rights = content.DrmRights;
    let words = [
        content.ContentId,
        rights.CopyProtect.cast_unsigned(),
        rights.Reserved,
        rights.DigitalOutputDisable.cast_unsigned(),
    ];
    words.map(u32::to_le_bytes).concat()
}

impl Pin {
    /// Answers the property: only the kernel may set it, and a stream that cannot honour it does not implement it
    /// ("KSPROPERTY_DRMAUDIOSTREAM_CONTENTID"). That PortCls asks a WaveRT stream for IDrmAudioStream, as the pages say of the
    /// older ports, is inferred from Microsoft's samples, which implement it there.
    pub(super) fn content(&self, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
        let is_it = request.head.Id == KSPROPERTY_DRMAUDIOSTREAM_CONTENTID;
        if !is_it || request.verb() != KSPROPERTY_TYPE_SET {
            return Err(STATUS_NOT_FOUND);
        }
        // SAFETY: the request is being handled.
        if unsafe { (*request.irp.cast::<Irp>()).requestor_mode } != 0 {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        let value = request
            .output
            .get(..size_of::<KSDRMAUDIOSTREAM_CONTENTID>());
        let value = value.filter(|_| request.input.len() >= REQUEST_BYTES);
        let value = value.ok_or(STATUS_INVALID_BUFFER_SIZE)?;
        let word = |at: usize| {
            let bytes = value[4 * at..].first_chunk();
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let rights = DRMRIGHTS {
            CopyProtect: word(1).cast_signed(),
            Reserved: word(2),
            DigitalOutputDisable: word(3).cast_signed(),
        };
        content::note(word(0), rights);
        let stream = self.stream()?;
        let stream = stream.query::<IDrmAudioStream>();
        let stream = stream.ok_or(STATUS_NOT_IMPLEMENTED)?;
        let function = stream.table().SetContentId;
        let parameters = (stream.this(), word(0), &raw const rights);
        // SAFETY: the stream's table; the rights live until the call returns.
        let status = unsafe { call::driver("IDrmAudioStream::SetContentId", function, parameters) };
        Ok((status, 0))
    }
}
