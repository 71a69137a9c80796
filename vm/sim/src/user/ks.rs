//! Handles of a program: opening, KS properties, I/O controls.

use std::cell::Cell;
use std::rc::Rc;

use waverig_portcls::Guid;

use super::format;
use crate::nt::io::{self, File, Memory, Pending};
use crate::nt::layout::{IoStatus, UnicodeString};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{NtStatus, STATUS_BUFFER_OVERFLOW};
use crate::nt::{device, irp, object};
use crate::portcls::{IOCTL_KS_PROPERTY, PIN_NAME};
use crate::sched;

/// A handle that a program holds.
pub(crate) struct Handle {
    file: File,
    /// The name of a pin, which is no text; it lives as long as the file object.
    name: Cell<Option<UnicodeString>>,
    /// I/O controls that were sent through it.
    sent: Cell<u32>,
    /// Those of them that the driver refused.
    refused: Cell<u32>,
}

/// The 24 bytes of a KSPROPERTY.
pub(crate) fn property(set: &Guid, id: u32, verb: u32) -> Vec<u8> {
    let mut bytes = format::guid(set).to_vec();
    bytes.extend(id.to_le_bytes());
    bytes.extend(verb.to_le_bytes());
    bytes
}

impl Handle {
    /// Opens what a symbolic link leads to.
    pub(crate) fn open(link: &str) -> Result<Self, NtStatus> {
        Ok(Self {
            file: io::open(link)?,
            name: Cell::new(None),
            sent: Cell::new(0),
            refused: Cell::new(0),
        })
    }

    /// Opens a pin of this filter, as `KsCreatePin` does: `request` is a KSPIN_CONNECT and a data format.
    pub(crate) fn open_pin(&self, request: &[u8]) -> Result<Self, NtStatus> {
        let mut name: Vec<u16> = PIN_NAME.encode_utf16().collect();
        // A name is made of 16-bit units; KS rounds an odd length up the same way.
        name.extend(
            request
                .chunks(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])),
        );
        let name = UnicodeString::copy_of(&name, Owner::System);
        let filter = self.file.object();
        let opened = io::open_with(self.file.device(), "", |stack| {
            // SAFETY: the file object that is being opened, before the driver sees it; the filter's lives longer.
            unsafe {
                (*stack.file_object).related_file_object = filter;
                (*stack.file_object).file_name = name;
            }
        });
        match opened {
            Ok(file) => Ok(Self {
                file,
                name: Cell::new(Some(name)),
                sent: Cell::new(0),
                refused: Cell::new(0),
            }),
            Err(status) => {
                pool::free(name.buffer.cast());
                Err(status)
            }
        }
    }

    /// A property request: the status and the bytes written or needed.
    pub(crate) fn ask(&self, input: &[u8], output: &mut [u8]) -> (NtStatus, usize) {
        let (file, device) = (self.file.object(), self.file.device());
        // SAFETY: an open file keeps its device alive.
        let locations = unsafe { (*device::top_of_stack(device)).stack_size };
        let request = irp::allocate(locations, Owner::System);
        // SAFETY: a fresh IRP with a location for each device; the buffers live until it is completed, which is waited
        // for below.
        unsafe {
            (*request).user_buffer = output.as_mut_ptr().cast();
            (*request).requestor_mode = 1;
            (*request).original_file_object = file;
            let stack = irp::next_stack(request);
            (*stack).major_function = irp::MJ_DEVICE_CONTROL;
            (*stack).file_object = file;
            // METHOD_NEITHER: lengths, code and the input where the program has it.
            (*stack).parameters = [
                output.len() as u64,
                input.len() as u64,
                IOCTL_KS_PROPERTY.into(),
                input.as_ptr() as u64,
            ];
        }
        let done = Rc::new(Cell::new(None));
        let later = Rc::clone(&done);
        let _in_use = self.file.in_use();
        irp::dispatch(device, request, move |status: IoStatus| {
            later.set(Some(status))
        });
        sched::must("a property request", || done.get().is_some());
        done.get().map_or((NtStatus(0), 0), |status| {
            (status.status, status.information)
        })
    }

    /// A property request whose answer fills `output`.
    pub(crate) fn exchange(&self, input: &[u8], output: &mut [u8]) -> Result<(), NtStatus> {
        match self.ask(input, output) {
            (status, _) if status.is_ok() => Ok(()),
            (status, _) => Err(status),
        }
    }

    /// A value of a size that the driver says.
    pub(crate) fn get(&self, input: &[u8]) -> Result<Vec<u8>, NtStatus> {
        let (status, needed) = self.ask(input, &mut []);
        if status != STATUS_BUFFER_OVERFLOW {
            return if status.is_ok() {
                Ok(Vec::new())
            } else {
                Err(status)
            };
        }
        let mut output = vec![0; needed];
        self.exchange(input, &mut output)?;
        Ok(output)
    }

    /// Sets a value.
    pub(crate) fn set(&self, input: &[u8], value: &[u8]) -> Result<(), NtStatus> {
        self.exchange(input, &mut value.to_vec())
    }

    /// A number for the handle's file object, as the process's table of handles has it; closed by `object::close`.
    pub(super) fn as_number(&self) -> usize {
        object::open(self.file.object(), object::HandleOwner::User)
    }

    /// An I/O control that is answered at once.
    pub(super) fn control(
        &self,
        code: u32,
        input: &[u8],
        room: usize,
    ) -> Result<Vec<u8>, NtStatus> {
        self.count();
        match io::device_control_now(&self.file, code, input, room) {
            (status, output) if status.status.is_ok() => Ok(output),
            (status, _) => {
                self.count_refused();
                Err(status.status)
            }
        }
    }

    /// An I/O control that is answered later.
    pub(super) fn control_later(
        &self,
        code: u32,
        input: &[u8],
        room: usize,
        done: impl FnOnce(NtStatus, Vec<u8>) + 'static,
    ) -> Pending {
        self.count();
        let answer = Rc::new(Cell::new(None));
        let inside = Rc::clone(&answer);
        let pending = io::device_control(&self.file, code, input, room, move |status, output| {
            inside.set(Some(status.status));
            done(status.status, output)
        });
        // What is answered with an error while it is being sent was refused; what is given back later was not.
        if answer.get().is_some_and(|status: NtStatus| !status.is_ok()) {
            self.count_refused();
        }
        pending
    }

    /// An I/O control that another thread of the program cancels before the driver has it; its status, if it ends at once.
    pub(super) fn control_cancelled(
        &self,
        code: u32,
        input: &[u8],
        room: usize,
    ) -> Option<NtStatus> {
        self.count();
        let answer = Rc::new(Cell::new(None));
        let inside = Rc::clone(&answer);
        io::device_control_cancelled(&self.file, code, input, room, move |status| {
            inside.set(Some(status.status));
        });
        answer.get()
    }

    /// An I/O control whose output is memory of the program's that it looks into meanwhile.
    pub(super) fn control_in(
        &self,
        code: u32,
        input: &[u8],
        memory: &Memory,
        done: impl FnOnce(NtStatus) + 'static,
    ) -> Pending {
        self.count();
        io::device_control_in(&self.file, code, input, memory, move |status| {
            done(status.status)
        })
    }

    fn count_refused(&self) {
        self.refused.set(self.refused.get().saturating_add(1));
    }

    /// Those of them that the driver refused.
    pub(super) fn refused(&self) -> u32 {
        self.refused.get()
    }

    /// The file that it is a handle of.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    fn count(&self) {
        self.sent.set(self.sent.get().saturating_add(1));
    }

    /// I/O controls that were sent through it so far.
    pub(super) fn sent(&self) -> u32 {
        self.sent.get()
    }

    /// Closes the handle: requests that are pended on it are to end.
    pub(crate) fn close(self) {
        self.shut();
    }

    /// As [`Self::close`], while other threads of the program may be in requests.
    pub(crate) fn shut(&self) {
        self.file.shut();
        if let Some(name) = self.name.take() {
            pool::free(name.buffer.cast());
        }
    }
}
