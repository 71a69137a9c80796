//! Opening and closing tap handles, and which cable a handle is of. All at PASSIVE_LEVEL.
//!
//! A file object has two words for the driver that opens it (wdm.h: `FsContext`, `FsContext2`). A tap handle holds a reference on
//! its cable in the first; the second says that it is one, because PortCls and KS have something of their own in the first.

use super::client::Client;
use crate::cable::{Cable, SharedCable};
use crate::device::Extension;
use crate::fault::{self, Deliberate};
use crate::irp::Irp;
use crate::trace;
use core::ffi::c_void;
use waverig_interface::{CableNumber, EventKind};
use waverig_portcls::com::{Object, Shared};
use waverig_portcls::status::{
    STATUS_CANCELLED, STATUS_DEVICE_NOT_CONNECTED, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
    STATUS_TOO_MANY_SESSIONS,
};
use wdk_sys::{NTSTATUS, PFILE_OBJECT, UNICODE_STRING};

/// No other driver has its address.
static MARK: u8 = 0;

fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

/// The cable of a tap handle; `None` for any other.
///
/// # Safety
/// `file` is a file object of this driver's device that stays open for `'a`.
pub(super) unsafe fn cable<'a>(file: PFILE_OBJECT) -> Option<&'a Cable> {
    // SAFETY: a file object; the mark says that its other word holds a reference on a cable, which stays while it is open.
    unsafe {
        let marked = (*file).FsContext2 == mark();
        marked.then(|| Object::<Cable, 1>::value((*file).FsContext))
    }
}

/// Opens a tap if that is what the file's name says.
pub(super) fn create(extension: &Extension, irp: Irp) -> Option<NTSTATUS> {
    let file = irp.file();
    // SAFETY: the file object of a create request is the I/O manager's and lives as long as the request; one that it is opened
    // relative to is open.
    let (related, number) = unsafe {
        let related = (*file).RelatedFileObject;
        let related = !related.is_null() && cable(related).is_some();
        (related, tap_number(file))
    };
    if related {
        // PortCls opens pins relative to filters; there is nothing to open relative to a tap handle.
        return Some(irp.complete(STATUS_OBJECT_NAME_NOT_FOUND, 0));
    }
    let number = number?;
    let cable = extension
        .adapter()
        .and_then(|adapter| adapter.cable(fault::tapped(number)).cloned());
    let status = cable.map_or(STATUS_OBJECT_NAME_NOT_FOUND, |cable| {
        open(cable, file).err().unwrap_or(STATUS_SUCCESS)
    });
    Some(irp.complete(status, 0))
}

fn open(cable: SharedCable, file: PFILE_OBJECT) -> Result<(), NTSTATUS> {
    // The client is made before the lock is taken, and freed after it when there is no use for it.
    let client = Client::new(file)?;
    // It reads what is rendered from this moment on.
    let (added, clients) = cable.at_now(|state, _, _| {
        let added = if state.present {
            let cursor = state.tap.open();
            let added = state.clients.add(client, cursor);
            added.map_err(|client| (client, STATUS_TOO_MANY_SESSIONS))
        } else {
            Err((client, STATUS_DEVICE_NOT_CONNECTED))
        };
        (added, state.clients.count())
    });
    let (kind, value) = match &added {
        Ok(number) => (EventKind::ClientOpened, *number),
        Err((_, status)) => (EventKind::ClientRefused, trace::status(*status)),
    };
    trace::note(cable.source, kind, [value, clients.into(), 0]);
    added.map_err(|(_, status)| status)?;
    // SAFETY: the file object is being opened by this driver, whose words these are.
    unsafe {
        (*file).FsContext = cable.into_raw();
        (*file).FsContext2 = mark();
    }
    Ok(())
}

/// The cable whose tap a file's name means: behind the interface's symbolic link a backslash and the reference string. Names
/// relative to another file mean none.
///
/// # Safety
/// `file` is the file object of a create request.
unsafe fn tap_number(file: PFILE_OBJECT) -> Option<CableNumber> {
    // SAFETY: says the caller; the name is a counted string of the I/O manager.
    let name = unsafe {
        let UNICODE_STRING { Length, Buffer, .. } = (*file).FileName;
        if Buffer.is_null() || !(*file).RelatedFileObject.is_null() {
            return None;
        }
        core::slice::from_raw_parts(Buffer, usize::from(Length) / size_of::<u16>())
    };
    match name {
        [first, reference @ ..] if *first == u16::from(b'\\') => {
            CableNumber::of_tap_reference(reference.iter().copied())
        }
        _ => None,
    }
}

/// The last handle of a file is closed: its pended reads are given back, and the clock goes back to nominal if it steered it.
pub(super) fn cleanup(cable: &Cable, irp: Irp) -> NTSTATUS {
    cable.at_now(|state, now, done| {
        if !fault::is(Deliberate::KeepRate) {
            state
                .owner
                .release(irp.file(), cable.source, &mut state.clock, now);
        }
        if let Some(client) = state.clients.find(irp.file())
            && !fault::is(Deliberate::KeepClosed)
        {
            client.close(cable.source, STATUS_CANCELLED, done);
        }
    });
    irp.complete(STATUS_SUCCESS, 0)
}

/// Nothing refers to the file any more.
///
/// # Safety
/// The request closes a tap handle.
pub(super) unsafe fn close(irp: Irp) -> NTSTATUS {
    let file = irp.file();
    // SAFETY: the reference is the handle's, which ends here.
    let cable: SharedCable = unsafe {
        (*file).FsContext2 = core::ptr::null_mut();
        Shared::from_raw(core::mem::replace(
            &mut (*file).FsContext,
            core::ptr::null_mut(),
        ))
    };
    let client = cable.state(|state| state.clients.remove(file));
    if let Some(client) = &client {
        client.note_closed(cable.source);
    }
    drop(client);
    drop(cable);
    irp.complete(STATUS_SUCCESS, 0)
}
