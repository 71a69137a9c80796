//! Open pins: streams that play as clients play, and requests among them that no client would make.

use std::cell::Cell;
use std::rc::Rc;

use waverig_portcls::id::{KSPROPSETID_Audio, KSPROPSETID_Connection, KSPROPSETID_RtAudio};
use waverig_portcls::{
    Guid, KSPROPERTY_AUDIO_POSITION, KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION,
    KSPROPERTY_RTAUDIO_BUFFER, KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION,
    KSPROPERTY_RTAUDIO_GETREADPACKET, KSPROPERTY_RTAUDIO_PACKETCOUNT,
    KSPROPERTY_RTAUDIO_PRESENTATION_POSITION, KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT,
    KSPROPERTY_RTAUDIO_SETWRITEPACKET, KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT,
    KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET,
};

use super::dice::Dice;
use super::{format, note};
use crate::nt::event::{self, EventKind};
use crate::nt::object::{self, HandleOwner};
use crate::user::Usual;
use crate::user::ks::{Handle, property};
use crate::user::pin::{Interface, connect, write_stream};
use waverig_protocol::scenario::Format;

/// `KSPROPERTY_CONNECTION_STATE` (ks.h).
const CONNECTION_STATE: u32 = 0;
/// Pins that are open at a time, refused ones not counted.
const MOST: usize = 4;
/// Requests with audio that a pin has at a time.
const MOST_REQUESTS: u32 = 6;
/// Sizes of buffers that clients ask for, and some that no client does.
const SIZES: [u32; 16] = [
    0,
    1,
    2,
    63,
    64,
    1_000,
    4_095,
    4_096,
    4_097,
    7_680,
    65_536,
    100_001,
    1 << 20,
    (16 << 20) + 1,
    1 << 31,
    u32::MAX,
];

/// What clients of packet mode ask for, and how.
const PACKETS: [(Guid, u32, u32); 6] = [
    (
        KSPROPSETID_RtAudio,
        KSPROPERTY_RTAUDIO_SETWRITEPACKET,
        KSPROPERTY_TYPE_SET,
    ),
    (
        KSPROPSETID_RtAudio,
        KSPROPERTY_RTAUDIO_GETREADPACKET,
        KSPROPERTY_TYPE_GET,
    ),
    (
        KSPROPSETID_RtAudio,
        KSPROPERTY_RTAUDIO_PACKETCOUNT,
        KSPROPERTY_TYPE_GET,
    ),
    (
        KSPROPSETID_RtAudio,
        KSPROPERTY_RTAUDIO_PRESENTATION_POSITION,
        KSPROPERTY_TYPE_GET,
    ),
    (
        KSPROPSETID_Audio,
        KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION,
        KSPROPERTY_TYPE_SET,
    ),
    (
        KSPROPSETID_Audio,
        KSPROPERTY_AUDIO_POSITION,
        KSPROPERTY_TYPE_GET,
    ),
];

/// A pin that is open.
pub(super) struct OpenPin {
    pub(super) handle: Handle,
    /// Its mapping in the client, once it has a buffer.
    buffer: Option<(*mut u8, usize)>,
    /// Handles of its notification events.
    events: Vec<usize>,
    /// Requests with audio that have not ended.
    under_way: Rc<Cell<u32>>,
}

/// All of them.
pub(super) struct Pins {
    pub(super) open: Vec<OpenPin>,
    usual: Usual,
    /// The device takes every format that is drawn; of another one little more than what it is usually played is known.
    own: bool,
}

impl Pins {
    /// None yet, of a device that is usually played to like this.
    pub(super) fn new(usual: Usual, own: bool) -> Self {
        Self {
            open: Vec::new(),
            usual,
            own,
        }
    }

    /// A format that clients open the device with.
    fn format(&self, dice: &Dice, most_channels: usize) -> Format {
        if self.own || dice.once_in(4) {
            format::good(dice, most_channels)
        } else {
            self.usual.format
        }
    }

    /// A request for a pin.
    fn connect(&self, pin: u32, format: &[u8]) -> Vec<u8> {
        connect(Interface::of(self.usual.requests), pin, format)
    }

    /// One thing that clients do with pins.
    pub(super) fn legal(&mut self, dice: &Dice, filters: &[Handle]) {
        if self.open.len() < MOST && (self.open.is_empty() || dice.once_in(60)) {
            let format = self.format(dice, 16);
            let bytes = format::good_bytes(dice, &format);
            // Render filters have their client's pin first, capture filters second.
            let request = self.connect(dice.below(2) as u32, &bytes);
            self.open_on(dice, filters, &request);
            return;
        }
        if self.open.is_empty() {
            return;
        }
        let index = dice.below(self.open.len());
        let requests = self.usual.requests;
        let pin = &mut self.open[index];
        match dice.below(24) {
            0 => self.open.swap_remove(index).close(),
            1 | 2 if pin.buffer.is_none() => pin.allocate(dice, *dice.of(&SIZES[9..13])),
            3..8 => pin.set_state(*dice.of(&[3, 3, 3, 2, 1, 0])),
            8 => pin.register(),
            9 => pin.unregister(dice),
            10..12 => pin.packet(dice),
            _ if requests => pin.send(dice),
            _ => pin.write(dice),
        }
    }

    /// Opens a pin with a damaged request, or asks an open one for what it must refuse.
    pub(super) fn hostile(&mut self, dice: &Dice, filters: &[Handle]) {
        if self.open.is_empty() || dice.once_in(2) {
            let format = if dice.once_in(4) {
                format::good_bytes(dice, &self.format(dice, 20))
            } else {
                format::bad_bytes(dice)
            };
            let pin = if dice.once_in(8) {
                dice.word()
            } else {
                dice.below(3) as u32
            };
            let mut request = self.connect(pin, &format);
            if dice.once_in(6) {
                dice.damage(&mut request);
            }
            note("opens a pin", 0, &request, 0);
            if self.open.len() < MOST {
                self.open_on(dice, filters, &request);
            } else if let Ok(handle) = dice.of(filters).open_pin(&request) {
                handle.close();
            }
            return;
        }
        let index = dice.below(self.open.len());
        let pin = &mut self.open[index];
        let (input, output) = match dice.below(6) {
            0 => {
                let size = *dice.of(&SIZES);
                let id = *dice.of(&[
                    KSPROPERTY_RTAUDIO_BUFFER,
                    KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION,
                ]);
                let mut input = property(&KSPROPSETID_RtAudio, id, KSPROPERTY_TYPE_GET);
                input.extend(dice.bytes(8));
                input.extend([size, dice.word()].map(u32::to_le_bytes).concat());
                (input, vec![0; *dice.of(&[0, 8, 15, 16, 17])])
            }
            1 => {
                let id = *dice.of(&[
                    KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT,
                    KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT,
                ]);
                let mut input = property(&KSPROPSETID_RtAudio, id, KSPROPERTY_TYPE_GET);
                // No handle of this machine lies there.
                input.extend(
                    [dice.word(), dice.word() | 1 << 31]
                        .map(u32::to_le_bytes)
                        .concat(),
                );
                (input, Vec::new())
            }
            2 | 3 => {
                let (set, id, verb) = *dice.of(&PACKETS);
                let words = std::iter::repeat_with(|| dice.word().to_le_bytes());
                let value = words.take(dice.below(8)).flatten().collect();
                (property(&set, id, verb), value)
            }
            4 => {
                let input = property(
                    &KSPROPSETID_Connection,
                    CONNECTION_STATE,
                    KSPROPERTY_TYPE_SET,
                );
                (input, dice.word().to_le_bytes().to_vec())
            }
            _ => {
                // KSPROPERTY_CONNECTION_DATAFORMAT (ks.h): another format for the pin that is open.
                let input = property(&KSPROPSETID_Connection, 2, KSPROPERTY_TYPE_SET);
                let format = if dice.once_in(2) {
                    format::good_bytes(dice, &format::good(dice, 16))
                } else {
                    format::bad_bytes(dice)
                };
                (input, format)
            }
        };
        note("asks a pin", index, &input, output.len());
        pin.handle.ask(&input, &mut output.clone());
    }

    fn open_on(&mut self, dice: &Dice, filters: &[Handle], request: &[u8]) {
        if let Ok(handle) = dice.of(filters).open_pin(request) {
            self.open.push(OpenPin {
                handle,
                buffer: None,
                events: Vec::new(),
                under_way: Rc::default(),
            });
        }
    }

    /// Closes everything.
    pub(super) fn close(&mut self) {
        for pin in self.open.drain(..) {
            pin.close();
        }
    }
}

impl OpenPin {
    /// A driver may refuse any of these; what it then does wrong is found by rules.
    fn allocate(&mut self, dice: &Dice, size: u32) {
        let count = dice.below(3) as u32;
        let id = if count == 0 {
            KSPROPERTY_RTAUDIO_BUFFER
        } else {
            KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION
        };
        let mut input = property(&KSPROPSETID_RtAudio, id, KSPROPERTY_TYPE_GET);
        input.extend(0_u64.to_le_bytes());
        input.extend([size, count].map(u32::to_le_bytes).concat());
        let mut answer = [0; 16];
        if self.handle.exchange(&input, &mut answer).is_ok() {
            let [address, bytes] = [0, 8]
                .map(|at| u64::from_le_bytes(answer[at..at + 8].try_into().expect("eight bytes")));
            self.buffer = Some((address as *mut u8, bytes as u32 as usize));
        }
    }

    /// What clients of packet mode do.
    fn packet(&self, dice: &Dice) {
        let (set, id, verb) = *dice.of(&PACKETS);
        let mut value = [0; 24];
        // Mostly a packet that may come next, without flags.
        value[0] = dice.below(4) as u8;
        // Refused when it is not the next one, or the pin goes the other way.
        let _ = self.handle.ask(&property(&set, id, verb), &mut value);
    }

    fn set_state(&self, state: i32) {
        let input = property(
            &KSPROPSETID_Connection,
            CONNECTION_STATE,
            KSPROPERTY_TYPE_SET,
        );
        // Refused when another stream has the cable.
        let _ = self.handle.set(&input, &state.to_le_bytes());
    }

    fn register(&mut self) {
        let event = event::create(EventKind::Synchronization, false);
        let handle = object::open(event, HandleOwner::User);
        object::dereference(event);
        self.ask_event(KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT, handle);
        self.events.push(handle);
    }

    fn unregister(&mut self, dice: &Dice) {
        if self.events.is_empty() {
            return;
        }
        let handle = self.events.swap_remove(dice.below(self.events.len()));
        self.ask_event(KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT, handle);
        object::close(handle);
    }

    fn ask_event(&self, id: u32, handle: usize) {
        let mut input = property(&KSPROPSETID_RtAudio, id, KSPROPERTY_TYPE_GET);
        input.extend((handle as u64).to_le_bytes());
        // Refused without a buffer.
        let _ = self.handle.exchange(&input, &mut []);
    }

    /// Writes somewhere into the buffer.
    fn write(&self, dice: &Dice) {
        let Some((address, length)) = self.buffer else {
            return;
        };
        let bytes = dice.bytes(dice.below(length.min(512) + 1));
        let at = dice.below(length - bytes.len() + 1);
        // SAFETY: the mapping has that many bytes until the pin is closed, which takes this value.
        unsafe { address.add(at).copy_from(bytes.as_ptr(), bytes.len()) };
    }

    /// Hands some audio over; what is under way ends with the pin.
    fn send(&self, dice: &Dice) {
        if self.under_way.get() < MOST_REQUESTS {
            self.under_way.set(self.under_way.get() + 1);
            let data = dice.bytes(4 * dice.below(2_000)).into_boxed_slice();
            let under_way = Rc::clone(&self.under_way);
            write_stream(&self.handle, data, move |_| {
                under_way.set(under_way.get() - 1);
            });
        }
    }

    fn close(self) {
        self.handle.close();
        for event in self.events {
            object::close(event);
        }
    }
}
