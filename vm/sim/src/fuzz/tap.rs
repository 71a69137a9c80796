//! Handles of the tap: reads as clients send them, and control codes, sizes and orders that none would.

use waverig_interface::ioctl::{CLOCK, EVENTS, HELLO, READ, SHARE, STATUS, STEER};
use waverig_tap::request;

use super::dice::Dice;
use super::note;
use crate::nt::event::{self, EventKind};
use crate::nt::io::{self, File, Pending};
use crate::nt::irp;
use crate::nt::object::{self, HandleOwner};
use crate::sched;

/// Handles that are open at a time.
const MOST: usize = 6;
/// Requests of a handle that are remembered, to be cancelled.
const REMEMBERED: usize = 20;
/// Room that callers give: none, a header more or less, a frame more or less, and plenty.
const ROOMS: [usize; 16] = [
    0, 1, 31, 32, 47, 63, 64, 71, 72, 80, 81, 96, 1_536, 4_096, 16_384, 65_536,
];

/// All open handles.
#[derive(Default)]
pub(super) struct Taps {
    open: Vec<OpenTap>,
}

struct OpenTap {
    file: File,
    pending: Vec<Pending>,
    /// Handle of the event that shared memory is told by, when it has one.
    event: Option<usize>,
}

impl Drop for OpenTap {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            object::close(event);
        }
    }
}

impl OpenTap {
    fn send(&mut self, code: u32, input: &[u8], output: &[u8]) {
        let pending = io::request(&self.file, code, input, output, |_, _| {});
        if pending.is_pending() {
            self.pending.retain(Pending::is_pending);
            if self.pending.len() < REMEMBERED {
                self.pending.push(pending);
            }
        }
    }
}

impl OpenTap {
    /// Handle of its event.
    fn event(&mut self) -> u64 {
        let handle = self.event.get_or_insert_with(|| {
            let event = event::create(EventKind::Synchronization, false);
            let handle = object::open(event, HandleOwner::User);
            // From here on the handle keeps the event.
            object::dereference(event);
            handle
        });
        *handle as u64
    }

    /// What goes with a code, often damaged.
    fn input(&mut self, dice: &Dice, code: u32) -> Vec<u8> {
        let mut bytes = match code {
            HELLO => request::hello().to_vec(),
            READ => request::read(dice.word(), dice.word()).to_vec(),
            STEER => request::steer(dice.word().cast_signed()).to_vec(),
            EVENTS => request::events(u64::from(dice.word()) << (32 * dice.below(2))).to_vec(),
            SHARE => {
                let event = match dice.below(4) {
                    0 => 0,
                    // No handle of this machine.
                    1 => u64::from(dice.word()) << 32 | 1 << 31,
                    _ => self.event(),
                };
                let slot = match dice.below(3) {
                    0 => dice.word(),
                    _ => 64 * dice.below(64) as u32,
                };
                let blocks = dice.below(8) as u32;
                request::share(dice.word(), blocks, slot, event).to_vec()
            }
            _ => dice.bytes(dice.below(40)),
        };
        if dice.once_in(2) {
            dice.damage(&mut bytes);
        }
        bytes
    }
}

impl Taps {
    /// One thing that clients do with the tap.
    pub(super) fn legal(&mut self, dice: &Dice, links: &[String]) {
        if self.open.len() < MOST && (self.open.is_empty() || dice.once_in(40)) {
            self.open_one(dice, links);
            return;
        }
        let Some(tap) = pick(&mut self.open, dice) else {
            return;
        };
        match dice.below(12) {
            0 | 1 => tap.send(HELLO, &request::hello(), &[0; 64]),
            2 => tap.send(STATUS, &[], &[0; 1_024]),
            3 => tap.send(CLOCK, &[], &[0; 128]),
            4 => tap.send(EVENTS, &request::events(dice.word().into()), &[0; 4_096]),
            5 => {
                let ppb = dice.below(2_000_001) as i32 - 1_000_000;
                tap.send(STEER, &request::steer(ppb), &[0; 128]);
            }
            6 => tap.send(STEER, &request::release(), &[0; 128]),
            7 => {
                let event = tap.event();
                let slot = request::slot_bytes(48, 64) as u32;
                let blocks = 1 + dice.below(4) as u32;
                tap.send(
                    SHARE,
                    &request::share(48, blocks, slot, event),
                    &[0; 65_536],
                );
            }
            _ => {
                let frames = dice.below(200) as u32;
                tap.send(READ, &request::read(frames, 0), &[0; 16_384]);
            }
        }
    }

    /// One thing that a client must not do.
    pub(super) fn hostile(&mut self, dice: &Dice, links: &[String]) {
        if self.open.is_empty() {
            self.open_one(dice, links);
        }
        let index = dice.below(self.open.len().max(1));
        let Some(tap) = self.open.get_mut(index) else {
            return;
        };
        match dice.below(16) {
            0 => {
                note("closes a tap with its reads pending", index, &[], 0);
                drop(self.open.swap_remove(index));
            }
            1 => {
                note("cancels a tap's read", index, &[], 0);
                if !tap.pending.is_empty() {
                    let at = dice.below(tap.pending.len());
                    tap.pending.swap_remove(at).cancel();
                }
            }
            2 => {
                // Memory that is shared may be written by the program at any time.
                if let Some(pending) = tap.pending.get(dice.below(tap.pending.len().max(1))) {
                    note("writes into memory that it gave to a tap", index, &[], 0);
                    let at = dice.below(65_536);
                    pending.scribble(at, &dice.bytes(dice.below(512)));
                }
            }
            3 => {
                // Functions that a handle can be asked for but that the tap does not have.
                let major = *dice.of(&[irp::MJ_READ, irp::MJ_WRITE, 0x05, 0x09]);
                note(
                    "sends a tap a function it does not have",
                    index,
                    &[major],
                    0,
                );
                let (device, file) = (tap.file.device(), tap.file.object());
                io::send(device, file, major, 0, io::USER_MODE, |_| {});
            }
            _ => {
                let code = code(dice);
                let input = tap.input(dice, code);
                let output = dice.bytes(*dice.of(&ROOMS));
                note("asks the tap", code as usize, &input, output.len());
                tap.send(code, &input, &output);
            }
        }
    }

    fn open_one(&mut self, dice: &Dice, links: &[String]) {
        if links.is_empty() {
            return;
        }
        if let Ok(file) = io::open(dice.of::<String>(links)) {
            self.open.push(OpenTap {
                file,
                pending: Vec::new(),
                event: None,
            });
        }
    }

    /// Closes everything; requests that are pended end with it.
    pub(super) fn close(&mut self) {
        self.open.clear();
        sched::settle();
    }
}

fn pick<'a>(open: &'a mut [OpenTap], dice: &Dice) -> Option<&'a mut OpenTap> {
    if open.is_empty() {
        return None;
    }
    let index = dice.below(open.len());
    open.get_mut(index)
}

/// Every code of the tap; those that are pended more often.
const CODES: [u32; 10] = [
    HELLO, READ, READ, STATUS, CLOCK, STEER, EVENTS, SHARE, SHARE, SHARE,
];

/// The tap's codes, the same functions with other methods and access, neighbours, and anything.
fn code(dice: &Dice) -> u32 {
    match dice.below(8) {
        0..5 => *dice.of(&CODES),
        5 => *dice.of(&CODES) ^ dice.below(4) as u32,
        6 => {
            let function = 0x7F8 + dice.below(0x20) as u32;
            let access = dice.below(4) as u32;
            0x22 << 16 | access << 14 | function << 2 | dice.below(4) as u32
        }
        _ => dice.word(),
    }
}
