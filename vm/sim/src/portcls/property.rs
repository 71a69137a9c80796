//! A property request as it arrives: its parts, and the buffers a handler gets.

use std::ffi::c_void;

use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use waverig_portcls::{KSPROPERTY, KSPROPERTY_TYPE_TOPOLOGY, NTSTATUS};

use super::automation::{Automation, Request};
use crate::nt::pool::{self, Owner};

/// `IOCTL_KS_PROPERTY` (ks.h): device type 0x2F, function 0, METHOD_NEITHER, any access.
pub(crate) const IOCTL_KS_PROPERTY: u32 = 0x002F_0003;

/// Kernel memory of an exact size between guard pages, so that a handler that runs over its end faults.
pub(super) struct Scratch {
    place: *mut u8,
    length: usize,
}

impl Scratch {
    pub(super) fn new(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self {
                place: std::ptr::null_mut(),
                length: 0,
            };
        }
        let place = pool::allocate(bytes.len(), *b"KsPr", Owner::System);
        // SAFETY: the pool gave that many bytes.
        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Self {
            place,
            length: bytes.len(),
        }
    }

    pub(super) fn place(&self) -> *mut u8 {
        self.place
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: the memory has that many bytes and belongs to this value.
        unsafe { std::slice::from_raw_parts_mut(self.place, self.length) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.length > 0 {
            pool::free(self.place);
        }
    }
}

/// A property request: what the client sent and how much it will take back.
pub(super) struct Incoming<'a> {
    pub(super) head: KSPROPERTY,
    /// All of the input, the head included.
    pub(super) input: &'a [u8],
    /// The client's output buffer: a value for SET, room for GET.
    pub(super) output: &'a mut [u8],
    pub(super) irp: *mut c_void,
}

/// How a request ended: the status and the bytes written or needed.
pub(super) type Answer = (NTSTATUS, usize);

impl<'a> Incoming<'a> {
    /// Takes a request apart.
    pub(super) fn parse(
        input: &'a [u8],
        output: &'a mut [u8],
        irp: *mut c_void,
    ) -> Result<Self, NTSTATUS> {
        if input.len() < size_of::<KSPROPERTY>() {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        // SAFETY: there are enough bytes, and every pattern is a KSPROPERTY.
        let head = unsafe { input.as_ptr().cast::<KSPROPERTY>().read_unaligned() };
        Ok(Self {
            head,
            input,
            output,
            irp,
        })
    }

    /// The verb alone.
    pub(super) fn verb(&self) -> u32 {
        self.head.Flags & !KSPROPERTY_TYPE_TOPOLOGY
    }

    /// The node of a request for a node.
    pub(super) fn node(&self) -> Option<Result<u32, NTSTATUS>> {
        (self.head.Flags & KSPROPERTY_TYPE_TOPOLOGY != 0)
            .then(|| self.word(size_of::<KSPROPERTY>()))
    }

    /// A 32-bit word of the input.
    pub(super) fn word(&self, at: usize) -> Result<u32, NTSTATUS> {
        let bytes = self
            .input
            .get(at..at + 4)
            .ok_or(STATUS_INVALID_BUFFER_SIZE)?;
        Ok(u32::from_le_bytes(
            bytes.try_into().map_err(|_| STATUS_INVALID_PARAMETER)?,
        ))
    }

    /// Answers with a value of fixed size, as KS does: no room asks for the size, too little is refused.
    pub(super) fn value(&mut self, value: &[u8]) -> Answer {
        if self.output.is_empty() {
            return (STATUS_BUFFER_OVERFLOW, value.len());
        }
        match self.output.get_mut(..value.len()) {
            Some(room) => {
                room.copy_from_slice(value);
                (STATUS_SUCCESS, value.len())
            }
            None => (STATUS_BUFFER_TOO_SMALL, 0),
        }
    }

    /// Lets an automation table answer. `None` when it does not have the property.
    pub(super) fn automate(
        &mut self,
        table: &Automation,
        miniport: *mut c_void,
        stream: *mut c_void,
        node: u32,
    ) -> Option<Answer> {
        if !table.has(&self.head.Set, self.head.Id) {
            return None;
        }
        // Instance data begins behind the KSPROPERTY, or behind the KSNODEPROPERTY of a request for a node.
        let front = if node == u32::MAX {
            size_of::<KSPROPERTY>()
        } else {
            size_of::<waverig_portcls::KSNODEPROPERTY>()
        };
        let Some(instance) = self.input.get(front..) else {
            return Some((STATUS_INVALID_BUFFER_SIZE, 0));
        };
        let mut instance = Scratch::new(instance);
        let mut value = Scratch::new(self.output);
        let (status, size) = table.dispatch(Request {
            set: self.head.Set,
            id: self.head.Id,
            verb: self.verb(),
            miniport,
            stream,
            node,
            instance: instance.bytes(),
            value: value.place(),
            value_size: self.output.len() as u32,
            irp: self.irp,
        })?;
        self.output.copy_from_slice(value.bytes());
        Some((status, size as usize))
    }
}
