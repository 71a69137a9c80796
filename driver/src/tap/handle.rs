//! Opening and closing tap handles. All at PASSIVE_LEVEL.

use super::client::Client;
use super::{REFERENCE, is_tap_handle};
use crate::cable::Cable;
use crate::irp::{Completions, Irp};
use crate::trace;
use waverig_interface::EventKind;
use waverig_portcls::status::{
    STATUS_CANCELLED, STATUS_DEVICE_NOT_CONNECTED, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
    STATUS_TOO_MANY_SESSIONS,
};
use wdk_sys::{NTSTATUS, PFILE_OBJECT, UNICODE_STRING};

/// Opens the tap if that is what the file's name says.
pub(super) fn create(cable: &Cable, irp: Irp) -> Option<NTSTATUS> {
    let file = irp.file();
    // SAFETY: the file object of a create request is the I/O manager's and lives as long as the request.
    let (related, named) = unsafe { ((*file).RelatedFileObject, is_tap_name(&(*file).FileName)) };
    if !related.is_null() {
        // PortCls opens pins relative to filters; there is nothing to open relative to a tap handle.
        return is_tap_handle(cable, related)
            .then(|| irp.complete(STATUS_OBJECT_NAME_NOT_FOUND, 0));
    }
    named.then(|| {
        let status = open(cable, file).err().unwrap_or(STATUS_SUCCESS);
        irp.complete(status, 0)
    })
}

fn open(cable: &Cable, file: PFILE_OBJECT) -> Result<(), NTSTATUS> {
    // The client is made before the lock is taken, and freed after it when there is no use for it.
    let client = Client::new(file)?;
    let (added, clients) = cable.state(|state| {
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
    added.map(|_| ()).map_err(|(_, status)| status)
}

/// The name behind the interface's symbolic link: a backslash, then the reference string in any case.
fn is_tap_name(name: &UNICODE_STRING) -> bool {
    let len = usize::from(name.Length) / size_of::<u16>();
    if name.Buffer.is_null() {
        return false;
    }
    // SAFETY: a counted string of the I/O manager.
    let name = unsafe { core::slice::from_raw_parts(name.Buffer, len) };
    let [reference @ .., _terminator] = REFERENCE else {
        return false;
    };
    let lower =
        |unit: &u16| u8::try_from(*unit).map_or(*unit, |ascii| ascii.to_ascii_lowercase().into());
    match name {
        [first, name @ ..] => {
            *first == u16::from(b'\\') && name.iter().map(lower).eq(reference.iter().map(lower))
        }
        [] => false,
    }
}

/// The last handle of a file is closed: its pended reads are given back.
pub(super) fn cleanup(cable: &Cable, irp: Irp) -> NTSTATUS {
    let mut done = Completions::default();
    cable.state(|state| {
        if let Some(client) = state.clients.find(irp.file()) {
            client.close(STATUS_CANCELLED, &mut done);
        }
    });
    done.finish();
    irp.complete(STATUS_SUCCESS, 0)
}

/// Nothing refers to the file any more.
pub(super) fn close(cable: &Cable, irp: Irp) -> NTSTATUS {
    let client = cable.state(|state| state.clients.remove(irp.file()));
    if let Some(client) = &client {
        client.note_closed(cable.source);
    }
    drop(client);
    irp.complete(STATUS_SUCCESS, 0)
}
