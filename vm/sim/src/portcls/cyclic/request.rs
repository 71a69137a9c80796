//! `IOCTL_KS_WRITE_STREAM`: a client's data on its way through the port.
//!
//! The headers lie in the output buffer, where public clients (PortAudio) put them, or in the input buffer, of which the control code's
//! page speaks. What KsProbeStreamIrp does is done here by a copy into kernel memory: on Windows the port sees the client's own pages.

use waverig_portcls::status::{
    STATUS_CANCELLED, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};
use waverig_portcls::{KSSTREAM_HEADER, NTSTATUS};

use super::super::dispatch;
use super::super::pin::Pin;
use super::super::property::Scratch;
use super::Stream;
use crate::nt::irp;
use crate::nt::layout::{DeviceObject, IoStackLocation, IoStatus, Irp};
use crate::nt::status::NtStatus;

/// `IOCTL_KS_WRITE_STREAM` (ks.h): device type 0x2F, function 4, METHOD_NEITHER, write access.
pub(crate) const IOCTL_KS_WRITE_STREAM: u32 = 0x002F_8013;

/// A request's data, until it is completed.
pub(super) struct Packet {
    irp: *mut Irp,
    memory: Scratch,
    bytes: u64,
}

impl Packet {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The address of a byte of it.
    pub(super) fn at(&self, offset: u64) -> *mut u8 {
        self.memory.place().wrapping_add(offset as usize)
    }

    /// Ends the request.
    pub(super) fn complete(self, status: NTSTATUS, bytes: usize) {
        // SAFETY: the IRP is the port's until it is completed, here.
        unsafe {
            (*self.irp).cancel_routine = None;
            (*self.irp).io_status = IoStatus {
                status: NtStatus(status),
                information: bytes,
            };
        }
        irp::complete(self.irp);
    }
}

/// Answers the request, or keeps it until its data was played.
pub(in super::super) fn write(pin: &Pin, request: *mut Irp, stack: &IoStackLocation) -> NtStatus {
    let packet = pin
        .cyclic()
        .ok_or(STATUS_INVALID_DEVICE_REQUEST)
        .and_then(|stream| Ok((parse(&stream, pin.frame_bytes(), request, stack)?, stream)));
    match packet {
        Err(status) => dispatch::finish(request, status, 0),
        Ok((packet, _)) if packet.bytes == 0 => dispatch::finish(request, STATUS_SUCCESS, 0),
        Ok((packet, stream)) => {
            irp::mark_pending(request);
            // SAFETY: the IRP is the port's until it is completed.
            unsafe { (*request).cancel_routine = Some(cancel) };
            stream.give(packet);
            NtStatus(STATUS_PENDING)
        }
    }
}

fn parse(
    stream: &Stream,
    frame: u32,
    request: *mut Irp,
    stack: &IoStackLocation,
) -> Result<Packet, NTSTATUS> {
    if !stream.takes_data() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let [output_length, input_length, _, input] = stack.parameters;
    // SAFETY: METHOD_NEITHER: the client's own buffers, with the lengths it gave.
    let headers = unsafe {
        let output = (*request).user_buffer.cast_const().cast::<u8>();
        match (output_length as u32 as usize, input_length as u32 as usize) {
            (0, length) => dispatch::slice(input as *const u8, length),
            (length, _) => dispatch::slice(output, length),
        }
    };
    const HEADER: usize = size_of::<KSSTREAM_HEADER>();
    if headers.is_empty() || !headers.len().is_multiple_of(HEADER) {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    let mut data = Vec::new();
    for bytes in headers.chunks_exact(HEADER) {
        // SAFETY: there are enough bytes, and every pattern is a header.
        let header = unsafe { bytes.as_ptr().cast::<KSSTREAM_HEADER>().read_unaligned() };
        if (header.Size as usize) != HEADER || header.DataUsed > header.FrameExtent {
            return Err(STATUS_INVALID_PARAMETER);
        }
        // Parts of frames would be played as noise; that PortCls refuses them is inferred.
        if !header.DataUsed.is_multiple_of(frame.max(1)) {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        // SAFETY: the client's memory, with the length it gave; it is there until completion.
        data.extend_from_slice(unsafe {
            dispatch::slice(header.Data.cast_const().cast(), header.DataUsed as usize)
        });
    }
    Ok(Packet {
        irp: request,
        bytes: data.len() as u64,
        memory: Scratch::new(&data),
    })
}

/// A request whose data is being played already ends when it was played.
unsafe extern "win64" fn cancel(_device: *mut DeviceObject, request: *mut Irp) {
    // SAFETY: the I/O manager's call, with its lock held.
    let file = unsafe {
        irp::release_cancel_lock((*request).cancel_irql);
        (*irp::current_stack(request)).file_object
    };
    let stream = dispatch::pin_of(file).and_then(|pin| pin.cyclic());
    let packet = stream.and_then(|stream| stream.take_back(|packet| packet.irp == request));
    if let Some(packet) = packet {
        packet.complete(STATUS_CANCELLED, 0);
    }
}
