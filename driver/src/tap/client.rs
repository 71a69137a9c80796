//! The clients: one for each open handle, found by its file object. Under the cable lock.

use super::reads::{Read, Reads};
use super::share::Sharing;
use crate::cable::Ring;
use crate::fault::{self, Deliberate};
use crate::irp::{Completions, Irp};
use crate::pool::PoolBox;
use crate::trace::{self, Source};
use waverig_engine::{Cursor, Frames};
use waverig_interface::ioctl::{MAX_BLOCK_BYTES, MAX_CLIENTS};
use waverig_interface::{EventKind, TapFormat};
use waverig_portcls::status::{
    STATUS_CANCELLED, STATUS_INVALID_DEVICE_STATE, STATUS_SHARING_VIOLATION,
};
use wdk_sys::{NTSTATUS, PFILE_OBJECT};

/// Bytes that are copied for clients while the lock is held once, but for the last block: what a stalled client has to
/// catch up with does not hold the others up, nor the processor.
const PORTION: usize = MAX_BLOCK_BYTES;

/// Refused requests of a handle that are noted.
const NOTED_REFUSALS: u64 = 8;

/// One open handle.
pub(crate) struct Client {
    file: PFILE_OBJECT,
    /// Its number in the record of events.
    number: u64,
    /// Where it stands in the ring; `None` until it is in the list.
    cursor: Option<Cursor>,
    /// Version agreed on.
    pub(super) version: Option<u16>,
    /// The handle is closed; what is still on its way is refused.
    closing: bool,
    reads: Reads,
    /// Memory that is shared.
    sharing: Option<Sharing>,
    /// Requests that were refused.
    refused: u64,
}

// SAFETY: the file object only serves as a key.
unsafe impl Send for Client {}

impl Client {
    /// Made before the lock is taken. IRQL ≤ DISPATCH_LEVEL.
    pub(super) fn new(file: PFILE_OBJECT) -> Result<PoolBox<Self>, NTSTATUS> {
        PoolBox::new(Self {
            file,
            number: 0,
            cursor: None,
            version: None,
            closing: false,
            reads: Reads::new(),
            sharing: None,
            refused: 0,
        })
    }

    /// Frames its reads have lost since the handle was opened.
    pub(super) fn lost(&self) -> u64 {
        self.cursor.map_or(0, |cursor| cursor.lost())
    }

    /// Counts a refused request; gives the client's number if it is to be noted.
    pub(super) fn refuse(&mut self) -> Option<u64> {
        self.refused = self.refused.saturating_add(1);
        (self.refused <= NOTED_REFUSALS).then_some(self.number)
    }

    /// Whether the handle may ask for more than a version.
    ///
    /// # Errors
    /// `STATUS_CANCELLED` when it is closed, `STATUS_INVALID_DEVICE_STATE` before HELLO.
    pub(super) fn greeted(&self) -> Result<(), NTSTATUS> {
        match self.version {
            _ if self.closing => Err(STATUS_CANCELLED),
            None => Err(STATUS_INVALID_DEVICE_STATE),
            Some(_) => Ok(()),
        }
    }

    /// Pends a read.
    ///
    /// # Errors
    /// A status with which the caller completes the request, which was not touched. On success the request is pending and not the
    /// caller's any more.
    pub(super) fn pend(&mut self, read: Read, done: &mut Completions) -> Result<(), NTSTATUS> {
        self.greeted()?;
        self.reads.pend(read, done)
    }

    /// Pends a request that shares memory.
    ///
    /// # Errors
    /// As [`Client::pend`]; `sharing` is then the caller's as before.
    pub(super) fn share(
        &mut self,
        source: Source,
        sharing: &mut Option<Sharing>,
        done: &mut Completions,
    ) -> Result<(), NTSTATUS> {
        match self.version {
            _ if self.closing => return Err(STATUS_CANCELLED),
            None => return Err(STATUS_INVALID_DEVICE_STATE),
            Some(_) if self.sharing.is_some() => return Err(STATUS_SHARING_VIOLATION),
            Some(_) => {}
        }
        let Some(sharing) = sharing.take() else {
            return Err(STATUS_INVALID_DEVICE_STATE);
        };
        sharing.note(source, self.number);
        sharing.pend();
        if sharing.is_cancelled() {
            sharing.note_end(source, self.number, STATUS_CANCELLED);
            sharing.complete(STATUS_CANCELLED, done);
        } else {
            self.sharing = Some(sharing);
        }
        Ok(())
    }

    /// Gives all requests back and takes no more.
    pub(super) fn close(&mut self, source: Source, status: NTSTATUS, done: &mut Completions) {
        self.closing = true;
        self.give_back(source, status, done);
    }

    fn give_back(&mut self, source: Source, status: NTSTATUS, done: &mut Completions) {
        self.reads.give_back(status, done);
        if self.sharing.as_mut().is_some_and(Sharing::end)
            && let Some(sharing) = self.sharing.take()
        {
            sharing.note_end(source, self.number, status);
            sharing.complete(status, done);
        }
    }

    /// See [`Clients::forget`].
    fn forget(&mut self, source: Source, irp: Irp) -> Option<Sharing> {
        self.reads.forget(irp);
        let mut sharing = self
            .sharing
            .take_if(|sharing| sharing.is_of(irp) && !fault::is(Deliberate::ShareOutlives))?;
        sharing.end();
        sharing.note_end(source, self.number, STATUS_CANCELLED);
        Some(sharing)
    }

    /// Notes that the client is gone.
    pub(super) fn note_closed(&self, source: Source) {
        let values = [self.number, self.lost(), self.refused];
        trace::note(source, EventKind::ClientClosed, values);
    }

    /// Answers what can be answered while `budget`, in bytes, lasts.
    fn answer(
        &mut self,
        source: Source,
        tap: &Ring,
        format: TapFormat,
        budget: &mut usize,
        done: &mut Completions,
    ) {
        let Some(cursor) = &mut self.cursor else {
            return;
        };
        let shared_lost = |sharing: &Option<Sharing>| sharing.as_ref().map_or(0, Sharing::lost);
        let lost = cursor.lost().saturating_add(shared_lost(&self.sharing));
        self.reads.answer(tap, cursor, format, budget, done);
        if let Some(sharing) = &mut self.sharing {
            sharing.write(tap, format, budget);
        }
        let lost = cursor
            .lost()
            .saturating_add(shared_lost(&self.sharing))
            .saturating_sub(lost);
        if lost > 0 {
            let values = [self.number, lost, tap.generation().into()];
            trace::note(source, EventKind::ClientLost, values);
        }
    }
}

/// All of them. A place is a pointer: what is in it is made and freed without the lock.
pub(crate) struct Clients {
    places: [Option<PoolBox<Client>>; MAX_CLIENTS],
    /// Clients there have been.
    numbers: u64,
    /// The place that is served first next time.
    turn: usize,
}

impl Clients {
    pub(crate) const fn new() -> Self {
        Self {
            places: [const { None }; MAX_CLIENTS],
            numbers: 0,
            turn: 0,
        }
    }

    /// The client reads what is rendered from now on; gives its number.
    ///
    /// # Errors
    /// Gives the client back when all places are taken.
    pub(super) fn add(
        &mut self,
        mut client: PoolBox<Client>,
        cursor: Cursor,
    ) -> Result<u64, PoolBox<Client>> {
        let Some(place) = self.places.iter_mut().find(|place| place.is_none()) else {
            return Err(client);
        };
        self.numbers = self.numbers.saturating_add(1);
        client.number = self.numbers;
        client.cursor = Some(cursor);
        *place = Some(client);
        Ok(self.numbers)
    }

    /// Takes the client out of its place.
    pub(super) fn remove(&mut self, file: PFILE_OBJECT) -> Option<PoolBox<Client>> {
        self.places
            .iter_mut()
            .find(|place| place.as_ref().is_some_and(|client| client.file == file))?
            .take()
    }

    pub(super) fn find(&mut self, file: PFILE_OBJECT) -> Option<&mut Client> {
        self.iter_mut().find(|client| client.file == file)
    }

    pub(super) fn count(&self) -> u32 {
        self.places
            .iter()
            .flatten()
            .fold(0, |count: u32, _| count.saturating_add(1))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.places.iter_mut().flatten().map(|client| &mut **client)
    }

    /// Answers reads whose frames are there, in the order in which each client sent them, up to a portion; `false` when there
    /// may be more to answer. The client that used the portion up is served last next time.
    pub(crate) fn answer(
        &mut self,
        source: Source,
        tap: &Ring,
        format: TapFormat,
        done: &mut Completions,
    ) -> bool {
        let mut budget = PORTION;
        let (before, from) = self.places.split_at_mut(self.turn.min(MAX_CLIENTS));
        let places = from.iter_mut().chain(before);
        for (served, place) in (1..).zip(places) {
            let Some(client) = place else { continue };
            client.answer(source, tap, format, &mut budget, done);
            if budget == 0 {
                self.turn = (self.turn + served) % MAX_CLIENTS;
                return false;
            }
        }
        true
    }

    /// After how many more frames there is something to do for a client; `None` when none waits.
    pub(crate) fn frames_missing(&self, tap: &Ring, format: TapFormat) -> Option<Frames> {
        let missing = |client: &PoolBox<Client>| {
            let cursor = client.cursor.as_ref()?;
            let read = client.reads.frames_missing(tap, cursor, format);
            let shared = client.sharing.as_ref();
            let shared = shared.map(|sharing| sharing.frames_missing(tap, format));
            read.into_iter().chain(shared).min()
        };
        self.places.iter().flatten().filter_map(missing).min()
    }

    /// Completes every pended request with `status`.
    pub(crate) fn give_back(&mut self, source: Source, status: NTSTATUS, done: &mut Completions) {
        for client in self.iter_mut() {
            client.give_back(source, status, done);
        }
    }

    /// The cancel routine completes this request: whoever has it pended forgets it. Memory that it brought is the caller's, to
    /// be let go of when no lock is held.
    pub(super) fn forget(&mut self, source: Source, irp: Irp) -> Option<Sharing> {
        self.iter_mut()
            .find_map(|client| client.forget(source, irp))
    }
}
