//! A program's stream: a pin with a buffer of two packets, the event that tells of each, and the signal that it writes.

use std::cell::Cell;
use std::rc::Rc;

use waverig_portcls::id::{KSPROPSETID_Audio, KSPROPSETID_Connection, KSPROPSETID_RtAudio};
use waverig_portcls::{
    KSPROPERTY_AUDIO_POSITION, KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION,
    KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT,
    KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET,
};

use crate::nt::event::{self, EventKind};
use crate::nt::layout::KEvent;
use crate::nt::object::{self, HandleOwner};
use crate::nt::status::NtStatus;
use crate::user::format::data_format;
use crate::user::ks::{Handle, property};
use crate::user::pin::{Interface, connect, write_stream};
use crate::user::{Place, Usual};

/// Packets in the buffer, or requests under way.
pub(super) const PACKETS: usize = 2;
/// `KSPROPERTY_CONNECTION_STATE` (ks.h).
const CONNECTION_STATE: u32 = 0;

/// An open pin.
pub(super) struct Stream {
    filter: Handle,
    pin: Handle,
    usual: Usual,
    /// It was prepared.
    ready: Cell<bool>,
    buffer: Cell<Option<*mut u8>>,
    /// Requests that were played and have not been noticed.
    played: Rc<Cell<usize>>,
    event: *mut KEvent,
    /// The program's handle of the event.
    handle: usize,
    open: Cell<bool>,
    /// Packets that were written.
    pub(super) written: Cell<usize>,
    /// Notifications that came.
    pub(super) told: Cell<usize>,
}

impl Stream {
    /// Opens the filter and its pin.
    pub(super) fn open(place: &Place, usual: &Usual) -> Result<Self, NtStatus> {
        let filter = Handle::open(&place.wave)?;
        let format = data_format(&usual.format);
        let request = connect(Interface::of(usual.requests), place.pin, &format);
        let pin = match filter.open_pin(&request) {
            Ok(pin) => pin,
            Err(status) => {
                filter.close();
                return Err(status);
            }
        };
        let event = event::create(EventKind::Synchronization, false);
        let handle = object::open(event, HandleOwner::User);
        // From here on the handle keeps the event.
        object::dereference(event);
        Ok(Self {
            filter,
            pin,
            usual: *usual,
            ready: Cell::new(false),
            buffer: Cell::new(None),
            played: Rc::default(),
            event,
            handle,
            open: Cell::new(true),
            written: Cell::new(0),
            told: Cell::new(0),
        })
    }

    /// Gets its buffer and has its event signalled.
    pub(super) fn prepare(&self) -> Result<(), NtStatus> {
        if self.usual.requests {
            self.ready.set(true);
            return Ok(());
        }
        let mut question = property(
            &KSPROPSETID_RtAudio,
            KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION,
            KSPROPERTY_TYPE_GET,
        );
        question.extend(0_u64.to_le_bytes());
        let bytes = (PACKETS * self.packet_bytes()) as u32;
        question.extend([bytes, PACKETS as u32].map(u32::to_le_bytes).concat());
        let mut answer = [0; 16];
        self.pin.exchange(&question, &mut answer)?;
        let address = u64::from_le_bytes(answer[..8].try_into().expect("eight bytes"));
        self.buffer.set(Some(address as *mut u8));
        self.ready.set(true);
        self.ask_event(KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT)
    }

    fn packet_bytes(&self) -> usize {
        self.usual.packet_frames as usize * self.usual.format.frame_bytes()
    }

    /// Undoes the second half of [`Self::prepare`].
    pub(super) fn forget_event(&self) -> Result<(), NtStatus> {
        if self.usual.requests {
            return Ok(());
        }
        self.ask_event(KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT)
    }

    fn ask_event(&self, id: u32) -> Result<(), NtStatus> {
        let mut input = property(&KSPROPSETID_RtAudio, id, KSPROPERTY_TYPE_GET);
        input.extend((self.handle as u64).to_le_bytes());
        self.pin.exchange(&input, &mut [])
    }

    /// Writes the next packet of `signal` where it belongs.
    pub(super) fn write(&self, signal: &[u8]) {
        let packet = self.written.replace(self.written.get() + 1);
        let length = self.packet_bytes();
        let from = signal.get(packet * length..(packet + 1) * length);
        if let (true, Some(from), true) = (self.usual.requests, from, self.open.get()) {
            let played = Rc::clone(&self.played);
            write_stream(&self.pin, from.into(), move |status| {
                played.set(played.get() + usize::from(status.is_ok()));
            });
            return;
        }
        let (Some(buffer), Some(from), true) = (self.buffer.get(), from, self.open.get()) else {
            return;
        };
        // SAFETY: the mapping has all packets until the pin is closed, which `shut` notes before it asks for it.
        unsafe {
            buffer
                .add(packet % PACKETS * length)
                .copy_from_nonoverlapping(from.as_ptr(), length);
        }
    }

    pub(super) fn set_state(&self, state: i32) -> Result<(), NtStatus> {
        let input = property(
            &KSPROPSETID_Connection,
            CONNECTION_STATE,
            KSPROPERTY_TYPE_SET,
        );
        self.pin.set(&input, &state.to_le_bytes())
    }

    /// Asks where it is.
    pub(super) fn position(&self) -> Result<u64, NtStatus> {
        let question = property(
            &KSPROPSETID_Audio,
            KSPROPERTY_AUDIO_POSITION,
            KSPROPERTY_TYPE_GET,
        );
        let mut answer = [0; 16];
        self.pin.exchange(&question, &mut answer)?;
        Ok(u64::from_le_bytes(
            answer[..8].try_into().expect("eight bytes"),
        ))
    }

    /// Whether its event was set since it was asked last.
    pub(super) fn is_told(&self) -> bool {
        let told = if self.usual.requests {
            let played = self.played.get();
            self.played.set(played.saturating_sub(1));
            played > 0
        } else {
            event::try_consume(self.event)
        };
        self.told.set(self.told.get() + usize::from(told));
        told
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Whether it can be asked where it is.
    pub(super) fn has_buffer(&self) -> bool {
        self.open.get() && self.ready.get()
    }

    /// Closes its handles, whatever other threads do with them.
    pub(super) fn shut(&self) {
        if self.open.replace(false) {
            self.pin.shut();
            self.filter.shut();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shut();
        object::close(self.handle);
    }
}
