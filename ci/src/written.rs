//! What the client said that it has written, and so what the driver can know of every frame: worked out from the timeline alone.
//!
//! A packet that is declared counts for its frames that are not due at that moment, whether the driver must take it or refuse it as
//! late: the client has written it. From the first frame so declared on, a frame that was silent when it fell due was
//! *missed* if it was not declared; before that, nobody knows. Nothing is missed behind the end of the stream.
//!
//! A declared frame that is due already was written too late, and the driver knows: its place must not be heard a lap later, unless
//! the frame that is due there next has been declared as well.

use std::ops::Range;

/// `KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM` (ks.h).
const END_OF_STREAM: u32 = 0x200;

/// What the client said, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub qpc: i64,
    /// How many of the stream's writes came before it.
    pub after_writes: usize,
    /// Whether the stream was running.
    pub running: bool,
    /// What.
    pub what: What,
}

/// What the client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It has written a packet (`SetWritePacket`).
    Packet {
        /// The packet's number.
        number: u32,
        /// Its flags.
        flags: u32,
        /// Bytes in the stream's last packet.
        last_bytes: u32,
        /// What the driver answered.
        answer: String,
    },
    /// It has written up to this frame of the buffer.
    Position(u64),
}

/// The sizes that count here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Frames in the buffer.
    pub buffer: u64,
    /// Frames in a packet, 0 without notifications.
    pub packet: u64,
    /// Bytes in a frame.
    pub frame_bytes: u64,
}

/// What is known about a frame that was silent when it fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Unknown,
    /// It was not written in time.
    Missed,
    /// The client wrote silence, or the stream had ended.
    Silence,
}

/// What the client has declared so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    declared: Vec<bool>,
    /// The first frame that was ever declared.
    pub known_from: Option<u64>,
    ended: Option<u64>,
    /// The write position told last: frame of the buffer, frame of the stream.
    told: (u64, u64),
}

impl Written {
    /// Of a stream that played `total` frames.
    pub fn new(total: u64) -> Self {
        Self {
            declared: vec![false; total as usize],
            ..Self::default()
        }
    }

    /// Takes in what the client said when the position was `due`. Gives what the driver must have answered, and calls `drop` for
    /// each frame whose place must be silent from now on.
    pub fn take(
        &mut self,
        said: &Said,
        due: u64,
        sizes: Sizes,
        mut drop: impl FnMut(u64),
    ) -> &'static str {
        match said.what {
            What::Packet {
                number,
                flags,
                last_bytes,
                ..
            } => {
                let Some(count) = due.checked_div(sizes.packet) else {
                    return "unsupported";
                };
                let most = sizes.packet * sizes.frame_bytes;
                let last = match flags {
                    0 => None,
                    END_OF_STREAM if u64::from(last_bytes) <= most => {
                        Some(u64::from(last_bytes) / sizes.frame_bytes)
                    }
                    _ => return "invalid",
                };
                if self.ended.is_some() {
                    return "ended";
                }
                let expected = count + u64::from(said.running);
                let number = u64::from(number);
                if number > expected {
                    return "overrun";
                }
                let first = number * sizes.packet;
                self.declare(first..first + sizes.packet, due, sizes.buffer, &mut drop);
                if number < expected {
                    return "late";
                }
                self.ended = last.map(|last| first + last);
                "taken"
            }
            What::Position(to) => {
                let (before, end) = self.told;
                let new = if to < before {
                    to + sizes.buffer - before
                } else {
                    to - before
                };
                let mut end = end + new;
                if new == 0 {
                    return "taken";
                }
                if end < due || end > due + sizes.buffer {
                    // Fallen behind: the next frame from the position on that lies in this place.
                    end = (due..)
                        .find(|frame| frame % sizes.buffer == to % sizes.buffer)
                        .unwrap_or(due);
                }
                self.told = (to, end);
                self.declare(end.saturating_sub(new)..end, due, sizes.buffer, &mut drop);
                "taken"
            }
        }
    }

    fn declare(&mut self, frames: Range<u64>, due: u64, buffer: u64, drop: &mut impl FnMut(u64)) {
        self.known_from.get_or_insert(frames.start.max(due));
        for frame in frames.start..frames.end.min(due) {
            let next = due + (frame + buffer - due % buffer) % buffer;
            if !self.is_declared(next) {
                drop(next);
            }
        }
        for frame in frames.start.max(due)..frames.end {
            if let Some(declared) = self.declared.get_mut(frame as usize) {
                *declared = true;
            }
        }
    }

    fn is_declared(&self, frame: u64) -> bool {
        self.declared
            .get(frame as usize)
            .is_some_and(|declared| *declared)
    }

    /// What is known about a frame, if it was silent.
    pub fn known(&self, frame: u64) -> Known {
        match () {
            () if self.known_from.is_none_or(|from| frame < from) => Known::Unknown,
            () if self.is_declared(frame) || self.ended.is_some_and(|end| frame >= end) => {
                Known::Silence
            }
            () => Known::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes {
        buffer: 20,
        packet: 10,
        frame_bytes: 4,
    };

    fn packet(number: u32, flags: u32, last_bytes: u32, running: bool) -> Said {
        Said {
            qpc: 0,
            after_writes: 0,
            running,
            what: What::Packet {
                number,
                flags,
                last_bytes,
                answer: String::new(),
            },
        }
    }

    #[test]
    fn packets_are_answered_and_remembered() {
        let mut written = Written::new(60);
        for (due, said, answer, dropped) in [
            (0, packet(1, 0, 0, false), "overrun", 0..0),
            (0, packet(0, 1, 0, false), "invalid", 0..0),
            (0, packet(0, 0, 0, false), "taken", 0..0),
            (0, packet(1, 0, 0, true), "taken", 0..0),
            // Packet 2 is declared at frame 24: frames 20 to 23 would be heard again as 40 to 43.
            (24, packet(2, 0, 0, true), "late", 40..44),
            (24, packet(3, 0x200, 41, true), "invalid", 0..0),
            (24, packet(3, 0x200, 18, true), "taken", 0..0),
            (24, packet(4, 0, 0, true), "ended", 0..0),
        ] {
            let mut seen = Vec::new();
            assert_eq!(
                written.take(&said, due, SIZES, |frame| seen.push(frame)),
                answer,
                "{said:?}"
            );
            assert_eq!(seen, dropped.collect::<Vec<_>>(), "{said:?}");
        }
        let missed: Vec<_> = (0..60)
            .filter(|frame| written.known(*frame) == Known::Missed)
            .collect();
        assert_eq!(missed, (20..24).collect::<Vec<_>>());
        assert_eq!(written.known(50), Known::Silence);
        let none = Sizes { packet: 0, ..SIZES };
        assert_eq!(
            written.take(&packet(0, 0, 0, false), 0, none, |_| {}),
            "unsupported"
        );
    }

    #[test]
    fn a_write_position_declares_what_is_new() {
        let mut written = Written::new(100);
        for (due, to, expect) in [
            (0, 10, 0..10),
            (4, 20, 10..20),
            (12, 5, 20..25),
            (12, 5, 25..25),
            (70, 15, 65..75),
        ] {
            let said = Said {
                qpc: 0,
                after_writes: 0,
                running: true,
                what: What::Position(to),
            };
            written.take(&said, due, SIZES, |_| {});
            for frame in expect {
                assert_eq!(
                    written.known(frame) == Known::Silence,
                    frame >= due,
                    "frame {frame} at {due}"
                );
            }
        }
        assert_eq!(
            (written.known(30), written.known(80)),
            (Known::Missed, Known::Missed)
        );
    }
}
