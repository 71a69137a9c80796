//! Device control requests of clients, with every way of passing buffers.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{File, KERNEL_MODE, USER_MODE, last, stack_size};
use crate::finding;
use crate::host::memory::{SharedPages, View};
use crate::host::{Protection, pages};
use crate::kernel::kernel;
use crate::nt::irp;
use crate::nt::layout::{IoStatus, Irp, Mdl};
use crate::nt::mdl;
use crate::nt::pool::{self, Owner};
use crate::nt::status::{NtStatus, STATUS_BUFFER_OVERFLOW};
use crate::rules;
use crate::sched;
use crate::time::Hns;
use std::sync::atomic::AtomicU64;

// Methods of control codes (wdm.h, METHOD_…): the low two bits.
const METHOD_BUFFERED: u32 = 0;
const METHOD_NEITHER: u32 = 3;

/// A client's buffer: pages that the kernel can map once more.
struct Buffer {
    pages: Rc<SharedPages>,
    view: View,
    /// Bytes at its beginning that may hold something.
    used: usize,
}

/// Buffers that wait to be used again.
const SPARE: usize = 32;
/// The same in long runs: they stay in the processor's cache.
const SPARE_IN_LONG_RUNS: usize = 2;

thread_local! {
    /// Buffers of direct requests that are over. The driver reached them through a mapping of its own, which is gone,
    /// so a late access still faults; making them anew for each request would take most of a run's time.
    static SPARES: RefCell<VecDeque<Buffer>> = const { RefCell::new(VecDeque::new()) };
    /// Memory of the last output that its client has done with.
    static GIVEN_BACK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Buffer {
    fn new(length: usize, content: &[u8]) -> Self {
        let pages = SharedPages::create(length.max(1)).expect("memory for a client's buffer");
        let view = pages
            .map(Protection::ReadWrite)
            .expect("address space for a client's buffer");
        let mut buffer = Self {
            pages: Rc::new(pages),
            view,
            used: 0,
        };
        buffer.fill(content);
        buffer
    }

    /// One that was used before, when there are enough of them, or a new one.
    fn spare(length: usize, content: &[u8]) -> Self {
        let waiting = if kernel().nt.pool.is_long_run() {
            SPARE_IN_LONG_RUNS
        } else {
            SPARE
        };
        let found = SPARES.with_borrow_mut(|spares| {
            let fits = |spare: &Self| spare.view.length() == pages(length.max(1));
            let index = (spares.len() >= waiting)
                .then(|| spares.iter().position(fits))
                .flatten()?;
            spares.remove(index)
        });
        let Some(mut buffer) = found else {
            return Self::new(length, content);
        };
        buffer.fill(content);
        buffer
    }

    /// Keeps it for later. In long runs the driver is believed to have written the `written` bytes that it says, elsewhere nothing is.
    fn retire(mut self, written: usize) {
        self.used = if kernel().nt.pool.is_long_run() {
            self.used.max(written.min(self.view.length()))
        } else {
            self.view.length()
        };
        SPARES.with_borrow_mut(|spares| {
            if spares.len() == 2 * SPARE {
                spares.pop_front();
            }
            spares.push_back(self);
        });
    }

    /// The content, and zeros behind it.
    fn fill(&mut self, content: &[u8]) {
        assert!(
            content.len() <= self.view.length(),
            "the buffer is as long as its content"
        );
        let rest = self.used.saturating_sub(content.len());
        self.used = content.len();
        // SAFETY: the view is live and as long as both parts.
        unsafe {
            self.view
                .address()
                .copy_from(content.as_ptr(), content.len());
            self.view.address().add(content.len()).write_bytes(0, rest);
        }
    }

    fn bytes(&self, length: usize) -> Vec<u8> {
        let length = length.min(self.view.length());
        // SAFETY: the view is live and at least as long.
        collect(unsafe { std::slice::from_raw_parts(self.view.address(), length) })
    }
}

/// A request on its way.
#[derive(Debug, Clone)]
pub struct Pending {
    irp: Rc<Cell<*mut Irp>>,
    /// The client's own view of its output buffer, which lives as long as the request.
    output: Option<(*mut u8, usize)>,
}

impl Pending {
    /// Whether it is still with the driver.
    pub fn is_pending(&self) -> bool {
        !self.irp.get().is_null()
    }

    /// Writes into the output buffer as far as it reaches, as the client that owns the memory can while the driver has it.
    pub fn scribble(&self, at: usize, bytes: &[u8]) {
        if let Some((address, length)) = self.output.filter(|_| self.is_pending()) {
            let count = bytes.len().min(length.saturating_sub(at));
            if count > 0 {
                // SAFETY: the view is live while the request is pending, and has `length` bytes.
                unsafe { address.add(at).copy_from(bytes.as_ptr(), count) };
            }
        }
    }

    /// Another processor cancels it, and is held up before it calls the driver's cancel routine, which runs `late` behind. `true` when
    /// there is a routine.
    pub fn cancel_slowly(&self, late: Hns) -> bool {
        let routine = if self.is_pending() {
            irp::begin_cancel(self.irp.get())
        } else {
            None
        };
        let Some(routine) = routine else { return false };
        let irp = self.irp.get();
        sched::after(late, "another processor's cancel routine", move || {
            irp::end_cancel(irp, routine);
        });
        true
    }

    /// Cancels it; `true` when the driver had a cancel routine for it, which was called.
    pub fn cancel(&self) -> bool {
        self.is_pending() && irp::cancel(self.irp.get())
    }
}

/// What a request carries.
struct Buffers {
    /// Buffered: input and output share it.
    system: Option<(*mut u8, usize)>,
    /// Direct and neither: the client's output, or its second input.
    output: Option<Buffer>,
    input: Option<Buffer>,
    mdl: Option<*mut Mdl>,
}

/// Sends a control request; `on_done` gets status and output when it ends, now or later. It may run inside a call of the
/// driver: it must not call the driver itself, but may `sched::soon` it.
pub fn device_control(
    file: &File,
    code: u32,
    input: &[u8],
    output_length: usize,
    on_done: impl FnOnce(IoStatus, Vec<u8>) + 'static,
) -> Pending {
    let buffers = prepare(code & 3, input, &[], output_length);
    send(
        file,
        Origin::USER,
        code,
        (input.len(), output_length),
        buffers,
        on_done,
    )
}

/// Memory of a program's.
#[derive(Clone)]
pub struct Memory {
    pages: Rc<SharedPages>,
    view: Rc<View>,
    length: usize,
}

impl Memory {
    /// `length` bytes of zeros.
    ///
    /// # Panics
    /// Without memory.
    #[must_use]
    pub fn new(length: usize) -> Self {
        let Buffer { pages, view, .. } = Buffer::new(length, &[]);
        Self {
            pages,
            view: Rc::new(view),
            length,
        }
    }

    /// The words of it.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the view is live as long as this value, page-aligned and at least as long; whoever else writes it does so
        // through another mapping, and atomics may be written by others.
        unsafe { std::slice::from_raw_parts(self.view.address().cast(), self.length / 8) }
    }
}

/// Like [`device_control`] with a direct method; the output is `memory`, which the program sees meanwhile.
pub fn device_control_in(
    file: &File,
    code: u32,
    input: &[u8],
    memory: &Memory,
    on_done: impl FnOnce(IoStatus) + 'static,
) -> Pending {
    let described = mdl::describe_pages(Rc::clone(&memory.pages), memory.length, Owner::System);
    let system = (!input.is_empty()).then(|| {
        let address = pool::allocate(input.len(), *b"IoSB", Owner::System);
        // SAFETY: the block was just allocated and is as long as the input.
        unsafe { address.copy_from(input.as_ptr(), input.len()) };
        (address, input.len())
    });
    let buffers = Buffers {
        system,
        output: None,
        input: None,
        mdl: Some(described),
    };
    send(
        file,
        Origin::USER,
        code,
        (input.len(), memory.length),
        buffers,
        move |result, _| on_done(result),
    )
}

/// Like [`device_control`], with content in the output buffer: drivers may read it.
pub fn request(
    file: &File,
    code: u32,
    input: &[u8],
    output: &[u8],
    on_done: impl FnOnce(IoStatus, Vec<u8>) + 'static,
) -> Pending {
    let buffers = prepare(code & 3, input, output, output.len());
    send(
        file,
        Origin::USER,
        code,
        (input.len(), output.len()),
        buffers,
        on_done,
    )
}

/// Like [`device_control`], cancelled by another thread before the driver has seen the request.
pub fn device_control_cancelled(
    file: &File,
    code: u32,
    input: &[u8],
    output_length: usize,
    on_done: impl FnOnce(IoStatus) + 'static,
) -> Pending {
    let buffers = prepare(code & 3, input, &[], output_length);
    let origin = Origin {
        cancelled: true,
        ..Origin::USER
    };
    let lengths = (input.len(), output_length);
    send(file, origin, code, lengths, buffers, move |result, _| {
        on_done(result)
    })
}

/// A control request of the kernel's own, with content in the output buffer, which is answered at once.
///
/// # Panics
/// When it is not.
pub fn kernel_request(file: &File, code: u32, input: &[u8], output: &[u8]) -> NtStatus {
    let answer = Rc::new(Cell::new(None));
    let inside = Rc::clone(&answer);
    let buffers = prepare(code & 3, input, output, output.len());
    send(
        file,
        Origin {
            mode: KERNEL_MODE,
            ..Origin::USER
        },
        code,
        (input.len(), output.len()),
        buffers,
        move |result, _| inside.set(Some(result.status)),
    );
    sched::must("a request of the kernel's", || answer.get().is_some());
    answer.get().expect("the wait ended")
}

/// Who sends a request.
#[derive(Clone, Copy)]
struct Origin {
    mode: i8,
    /// It is cancelled already.
    cancelled: bool,
}

impl Origin {
    const USER: Self = Self {
        mode: USER_MODE,
        cancelled: false,
    };
}

/// Sends a control request with its buffers.
fn send(
    file: &File,
    origin: Origin,
    code: u32,
    (input_length, output_length): (usize, usize),
    buffers: Buffers,
    on_done: impl FnOnce(IoStatus, Vec<u8>) + 'static,
) -> Pending {
    let irp = irp::allocate(stack_size(file.device()), Owner::System);
    let stack = irp::next_stack(irp);
    // SAFETY: the IRP was just made with room for this location.
    unsafe {
        (*irp).requestor_mode = origin.mode;
        (*irp).cancel = u8::from(origin.cancelled);
        if let Some((address, _)) = buffers.system {
            (*irp).system_buffer = address.cast();
        }
        if let Some(described) = buffers.mdl {
            (*irp).mdl_address = described;
        } else if let Some(output) = &buffers.output {
            (*irp).user_buffer = output.view.address().cast();
        }
        (*stack).major_function = irp::MJ_DEVICE_CONTROL;
        (*stack).file_object = file.object();
        let type3 = buffers
            .input
            .as_ref()
            .map_or(0, |buffer| buffer.view.address() as u64);
        (*stack).parameters = [
            output_length as u64,
            input_length as u64,
            u64::from(code),
            type3,
        ];
    }
    let pending = Pending {
        irp: Rc::new(Cell::new(irp)),
        output: buffers
            .output
            .as_ref()
            .map(|buffer| (buffer.view.address(), buffer.view.length())),
    };
    let inside = Rc::clone(&pending.irp);
    let object = file.object();
    let _in_use = file.in_use();
    last::hold(object);
    irp::dispatch(file.device(), irp, move |result| {
        inside.set(std::ptr::null_mut());
        last::let_go(object);
        if code & 3 == METHOD_BUFFERED {
            check_information(result, output_length);
        }
        let bytes = take(buffers, result, output_length);
        on_done(result, bytes);
    });
    pending
}

/// The buffers of a request: its input, and room for `room` bytes of output, which hold `output` and zeros behind it.
fn prepare(method: u32, input: &[u8], output: &[u8], room: usize) -> Buffers {
    let mut buffers = Buffers {
        system: None,
        output: None,
        input: None,
        mdl: None,
    };
    let system = |length: usize| {
        let address = pool::allocate(length.max(1), *b"IoSB", Owner::System);
        // SAFETY: the block was just allocated and is at least as long as the input.
        unsafe { address.copy_from(input.as_ptr(), input.len()) };
        (address, length)
    };
    match method {
        METHOD_BUFFERED => {
            let length = input.len().max(room);
            buffers.system = (length > 0).then(|| system(length));
        }
        METHOD_NEITHER => {
            buffers.input = (!input.is_empty()).then(|| Buffer::new(input.len(), input));
            buffers.output = (room > 0).then(|| Buffer::new(room, output));
        }
        _ => {
            buffers.system = (!input.is_empty()).then(|| system(input.len()));
            if room > 0 {
                let buffer = Buffer::spare(room, output);
                let pages = Rc::clone(&buffer.pages);
                buffers.mdl = Some(mdl::describe_pages(pages, room, Owner::System));
                buffers.output = Some(buffer);
            }
        }
    }
    buffers
}

/// As many bytes as the driver says are copied from the system buffer to the client's, unless the status is an error.
fn check_information(result: IoStatus, length: usize) {
    let copied = result.status.is_ok() || result.status == STATUS_BUFFER_OVERFLOW;
    if copied && result.information > length {
        let text = format!(
            "a request with room for {length} bytes is completed with {} bytes",
            result.information
        );
        finding::raise(&rules::IRP_INFORMATION, text);
    }
}

/// A copy of `bytes`, in memory that was given back if there is such.
fn collect(bytes: &[u8]) -> Vec<u8> {
    let mut copy = GIVEN_BACK.take();
    copy.clear();
    copy.extend_from_slice(bytes);
    copy
}

/// Takes the output of a request back, whose memory the next one uses.
pub(crate) fn give_back(output: Vec<u8>) {
    GIVEN_BACK.set(output);
}

/// The output of a finished request; frees what it used.
fn take(buffers: Buffers, result: IoStatus, length: usize) -> Vec<u8> {
    let length = result.information.min(length);
    // Errors carry no data back; warnings such as a buffer overflow do.
    let carries = result.status.is_ok() || result.status == STATUS_BUFFER_OVERFLOW;
    let bytes = match (&buffers.output, buffers.system) {
        _ if !carries => Vec::new(),
        (Some(output), _) => output.bytes(length),
        (None, Some((address, size))) => {
            // SAFETY: the block is live until below and at least as long as the output.
            collect(unsafe { std::slice::from_raw_parts(address, length.min(size)) })
        }
        (None, None) => Vec::new(),
    };
    if let Some(described) = buffers.mdl {
        mdl::release(described);
        if let Some(output) = buffers.output {
            output.retire(result.information);
        }
    }
    if let Some((address, _)) = buffers.system {
        pool::free(address);
    }
    bytes
}

/// Sends a control request and waits for its end in virtual time.
pub fn device_control_now(
    file: &File,
    code: u32,
    input: &[u8],
    output_length: usize,
) -> (IoStatus, Vec<u8>) {
    let result = Rc::new(RefCell::new(None));
    let inside = Rc::clone(&result);
    device_control(file, code, input, output_length, move |status, bytes| {
        *inside.borrow_mut() = Some((status, bytes))
    });
    sched::must("a control request", || result.borrow().is_some());
    result.take().expect("the wait ended")
}
