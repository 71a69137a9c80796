//! The tap's control codes. All at PASSIVE_LEVEL.

use super::client::Client;
use super::reads::Read;
use super::share::Sharing;
use super::{steer, wire};
use crate::cable::Cable;
use crate::fault::{self, Deliberate};
use crate::irp::Irp;
use crate::trace;
use waverig_interface::wire::Wire;
use waverig_interface::{
    Block, EventKind, EventsRequest, Hello, HelloReply, ReadRequest, ShareRequest, Status,
    TapFormat, VERSION_MAX, VERSION_MIN, ioctl,
};
use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_DEVICE_NOT_CONNECTED, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_PENDING,
    STATUS_REVISION_MISMATCH, STATUS_SUCCESS,
};
use wdk_sys::NTSTATUS;

/// Handles a device control on a tap handle.
pub(super) fn dispatch(cable: &Cable, mut irp: Irp) -> NTSTATUS {
    let answer = match irp.control_code() {
        ioctl::HELLO => hello(cable, &irp).and_then(|reply| put(&mut irp, &reply)),
        ioctl::STATUS => status(cable, &irp).and_then(|status| put(&mut irp, &status)),
        ioctl::EVENTS => events(cable, &mut irp),
        ioctl::CLOCK => steer::clock(cable, &irp).and_then(|clock| put(&mut irp, &clock)),
        ioctl::STEER => steer::steer(cable, &mut irp).and_then(|clock| put(&mut irp, &clock)),
        ioctl::READ => match read(cable, irp) {
            Ok(()) => return STATUS_PENDING,
            Err(status) => Err(status),
        },
        ioctl::SHARE => match share(cable, irp) {
            Ok(()) => return STATUS_PENDING,
            Err(status) => Err(status),
        },
        _ => Err(STATUS_INVALID_DEVICE_REQUEST),
    };
    match answer {
        Ok(bytes) => irp.complete(STATUS_SUCCESS, bytes),
        Err(status) => {
            note_refusal(cable, &irp, status);
            irp.complete(status, 0)
        }
    }
}

/// Notes the first few refusals of each handle: whoever goes on asking for what he does not get drives nothing else out of
/// the record.
fn note_refusal(cable: &Cable, irp: &Irp, status: NTSTATUS) {
    let client = cable.state(|state| state.clients.find(irp.file()).and_then(Client::refuse));
    if let Some(number) = client {
        let values = [number, irp.control_code().into(), trace::status(status)];
        trace::note(cable.source, EventKind::RequestRefused, values);
    }
}

fn events(cable: &Cable, irp: &mut Irp) -> Result<usize, NTSTATUS> {
    let request = EventsRequest::from_wire(irp.input()).ok_or(STATUS_BUFFER_TOO_SMALL)?;
    cable.state(|state| {
        let client = state.clients.find(irp.file());
        let client = client.ok_or(STATUS_INVALID_HANDLE)?;
        client.version.ok_or(STATUS_INVALID_DEVICE_STATE)
    })?;
    trace::read(request, irp.output())
}

/// Writes a buffered reply and tells its length.
fn put<T: Wire>(irp: &mut Irp, reply: &T) -> Result<usize, NTSTATUS> {
    reply.to_wire(irp.output()).ok_or(STATUS_BUFFER_TOO_SMALL)?;
    Ok(T::BYTES)
}

fn hello(cable: &Cable, irp: &Irp) -> Result<HelloReply, NTSTATUS> {
    let hello = Hello::from_wire(irp.input()).ok_or(STATUS_BUFFER_TOO_SMALL)?;
    if hello.reserved != 0 || hello.version_min > hello.version_max {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let version = hello.version_max.min(VERSION_MAX);
    if version < hello.version_min.max(VERSION_MIN) {
        return Err(STATUS_REVISION_MISMATCH);
    }
    cable.state(|state| {
        let ring_frames = state.tap.least_frames(state.max_frame_bytes);
        let client = state
            .clients
            .find(irp.file())
            .ok_or(STATUS_INVALID_HANDLE)?;
        client.version = Some(version);
        Ok(HelloReply {
            version,
            reserved: 0,
            block_header_bytes: Block::BYTES as u32,
            qpc_frequency: cable.frequency.ticks(),
            ring_frames,
            reserved2: [0; 3],
        })
    })
}

fn status(cable: &Cable, irp: &Irp) -> Result<Status, NTSTATUS> {
    cable.at_now(|state, now, _| {
        let client = state
            .clients
            .find(irp.file())
            .ok_or(STATUS_INVALID_HANDLE)?;
        client.version.ok_or(STATUS_INVALID_DEVICE_STATE)?;
        let lost = client.lost();
        Ok(wire::status(state, irp.file(), now, lost))
    })
}

/// On success the request is pending.
fn read(cable: &Cable, irp: Irp) -> Result<(), NTSTATUS> {
    let request = ReadRequest::from_wire(irp.input()).ok_or(STATUS_INVALID_PARAMETER)?;
    let output = irp.direct_output()?;
    irp.set_owner(core::ptr::from_ref(cable).cast());
    let seen = fault::is(Deliberate::UnlockedState) && cable.state(|state| state.present);
    cable.at_now(|state, _, done| {
        if !state.present && !seen {
            return Err(STATUS_DEVICE_NOT_CONNECTED);
        }
        let client = state
            .clients
            .find(irp.file())
            .ok_or(STATUS_INVALID_HANDLE)?;
        client.version.ok_or(STATUS_INVALID_DEVICE_STATE)?;
        // The format of a stream that is closed says nothing of the one that a client waits for.
        let format = match state.playing {
            Some(_) => state.format,
            None => TapFormat::default(),
        };
        client.pend(Read::new(irp, output, request, format)?, done)
    })
}

/// On success the request is pending.
fn share(cable: &Cable, irp: Irp) -> Result<(), NTSTATUS> {
    let request = ShareRequest::from_wire(irp.input()).ok_or(STATUS_INVALID_PARAMETER)?;
    let (cursor, format) = cable.at_now(|state, _, _| (state.tap.open(), state.format));
    let sharing = Sharing::new(irp, request, cursor, format, cable.frequency)?;
    irp.set_owner(core::ptr::from_ref(cable).cast());
    // What is not taken is let go of behind the lock.
    let mut sharing = Some(sharing);
    cable.at_now(|state, _, done| {
        if !state.present {
            return Err(STATUS_DEVICE_NOT_CONNECTED);
        }
        let client = state.clients.find(irp.file());
        let client = client.ok_or(STATUS_INVALID_HANDLE)?;
        client.share(cable.source, &mut sharing, done)
    })
}
