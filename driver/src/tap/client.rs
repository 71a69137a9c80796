//! The clients: one node per open handle, found by its file object. Under the cable lock.

use super::reads::{Read, Reads};
use crate::cable::Ring;
use crate::irp::{Completions, Irp};
use crate::pool::PoolBox;
use waverig_engine::{Cursor, Frames};
use waverig_interface::TapFormat;
use waverig_portcls::status::{STATUS_CANCELLED, STATUS_INVALID_DEVICE_STATE};
use wdk_sys::{NTSTATUS, PFILE_OBJECT};

/// One open handle.
pub(crate) struct Client {
    file: PFILE_OBJECT,
    /// Where it stands in the ring; `None` until it is in the list.
    cursor: Option<Cursor>,
    /// Version agreed on.
    pub(super) version: Option<u16>,
    /// The handle is closed; what is still on its way is refused.
    closing: bool,
    reads: Reads,
}

// SAFETY: the file object only serves as a key.
unsafe impl Send for Client {}

impl Client {
    const fn new(file: PFILE_OBJECT) -> Self {
        Self {
            file,
            cursor: None,
            version: None,
            closing: false,
            reads: Reads::new(),
        }
    }

    /// Frames lost since the handle was opened.
    pub(super) fn lost(&self) -> u64 {
        self.cursor.map_or(0, |cursor| cursor.lost())
    }

    /// Pends a read.
    ///
    /// # Errors
    /// A status with which the caller completes the request, which was not touched. On success the request is pending and not the
    /// caller's any more.
    pub(super) fn pend(&mut self, read: Read, done: &mut Completions) -> Result<(), NTSTATUS> {
        match self.version {
            _ if self.closing => Err(STATUS_CANCELLED),
            None => Err(STATUS_INVALID_DEVICE_STATE),
            Some(_) => self.reads.pend(read, done),
        }
    }

    /// Gives all reads back and takes no more.
    pub(super) fn close(&mut self, status: NTSTATUS, done: &mut Completions) {
        self.closing = true;
        self.reads.give_back(status, done);
    }
}

/// A client's place in the list, made before the lock is taken and freed after it is released.
pub(super) struct Node {
    client: Client,
    next: Option<PoolBox<Node>>,
}

impl Node {
    /// IRQL ≤ DISPATCH_LEVEL.
    pub(super) fn new(file: PFILE_OBJECT) -> Result<PoolBox<Self>, NTSTATUS> {
        PoolBox::new(Self {
            client: Client::new(file),
            next: None,
        })
    }
}

/// The list.
pub(crate) struct Clients {
    first: Option<PoolBox<Node>>,
}

impl Clients {
    pub(crate) const fn new() -> Self {
        Self { first: None }
    }

    /// The client reads what is rendered from now on.
    pub(super) fn add(&mut self, mut node: PoolBox<Node>, cursor: Cursor) {
        node.client.cursor = Some(cursor);
        node.next = self.first.take();
        self.first = Some(node);
    }

    /// Takes the client out of the list.
    pub(super) fn remove(&mut self, file: PFILE_OBJECT) -> Option<PoolBox<Node>> {
        let mut place = &mut self.first;
        while place.as_ref().is_some_and(|node| node.client.file != file) {
            place = &mut place.as_mut()?.next;
        }
        let mut node = place.take()?;
        *place = node.next.take();
        Some(node)
    }

    pub(super) fn find(&mut self, file: PFILE_OBJECT) -> Option<&mut Client> {
        self.iter_mut().find(|client| client.file == file)
    }

    pub(super) fn count(&mut self) -> u32 {
        self.iter_mut()
            .fold(0, |count: u32, _| count.saturating_add(1))
    }

    fn iter_mut(&mut self) -> IterMut<'_> {
        IterMut(self.first.as_deref_mut())
    }

    /// Answers every read whose frames are there, in the order in which each client sent them.
    pub(crate) fn answer(&mut self, tap: &Ring, format: TapFormat, done: &mut Completions) {
        for client in self.iter_mut() {
            if let Some(cursor) = &mut client.cursor {
                client.reads.answer(tap, cursor, format, done);
            }
        }
    }

    /// After how many more frames the first read can be answered; `None` when none is pended.
    pub(crate) fn frames_missing(&mut self, tap: &Ring, format: TapFormat) -> Option<Frames> {
        self.iter_mut()
            .filter_map(|client| {
                client
                    .reads
                    .frames_missing(tap, client.cursor.as_ref()?, format)
            })
            .min()
    }

    /// Completes every pended read with `status`.
    pub(super) fn give_back_reads(&mut self, status: NTSTATUS, done: &mut Completions) {
        for client in self.iter_mut() {
            client.reads.give_back(status, done);
        }
    }

    /// The cancel routine completes this request: whoever has it pended forgets it.
    pub(super) fn forget(&mut self, irp: Irp) {
        for client in self.iter_mut() {
            client.reads.forget(irp);
        }
    }
}

/// Every client once.
struct IterMut<'a>(Option<&'a mut Node>);

impl<'a> Iterator for IterMut<'a> {
    type Item = &'a mut Client;

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.0.take()?;
        self.0 = node.next.as_deref_mut();
        Some(&mut node.client)
    }
}
