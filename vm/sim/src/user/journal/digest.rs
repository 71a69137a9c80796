//! Folds what the main player of a long run sees into a digest of every so many frames.

use waverig_protocol::timeline::{Digest, Event};

use crate::time::QPC_FREQUENCY;

/// The stretch of the stream that is folded now.
pub(crate) struct Digester {
    /// Frames after which a digest is told.
    every: u64,
    rate: i64,
    /// Ticks times rate in a packet.
    packet: i64,
    start: i64,
    /// The next frame of the signal, and of the stream, to be written.
    next: (u64, u64),
    digest: Digest,
    crc: crc32fast::Hasher,
}

impl Digester {
    pub(crate) fn new(every: u64, rate: u32) -> Self {
        Self {
            every,
            rate: rate.into(),
            packet: 0,
            start: 0,
            next: (0, 0),
            digest: Digest::default(),
            crc: crc32fast::Hasher::new(),
        }
    }

    /// Folds what happens now; gives what is to be told of it: the digest of a stretch that is complete, and what is told by itself.
    pub(super) fn fold(&mut self, qpc: i64, event: Event) -> [Option<Event>; 2] {
        let digest = self.ends_with(&event);
        let digest = digest.map(|digest| Event::Digest { digest });
        let folded = self.take(qpc, &event);
        [digest, (!folded).then_some(event)]
    }

    /// The digest that is complete before `event` is taken: a stretch ends with the block that fills it, the last with the
    /// tap, which is read until the stream's last block.
    fn ends_with(&mut self, event: &Event) -> Option<Box<Digest>> {
        let full = matches!(event, Event::Block { .. }) && self.digest.frames >= self.every;
        if !full && !matches!(event, Event::TapClosed { .. }) {
            return None;
        }
        let mut digest = std::mem::take(&mut self.digest);
        digest.crc32 = std::mem::take(&mut self.crc).finalize();
        Some(Box::new(digest))
    }

    /// Folds an observation; `false` when it is of a kind that is told by itself.
    fn take(&mut self, qpc: i64, event: &Event) -> bool {
        let since = |qpc: i64| (qpc - self.start) * self.rate;
        match event {
            Event::Notified if self.packet > 0 => {
                let behind = since(qpc) % self.packet;
                self.digest.notifications.add(behind);
            }
            Event::Position { frames } => {
                let behind = since(qpc) - in_ticks(*frames);
                self.digest.positions.add(behind);
            }
            Event::Wrote {
                stream_frame,
                signal_frame,
                frames,
            } => {
                self.digest.writes += 1;
                self.digest.misplaced += u64::from(self.next != (*signal_frame, *stream_frame));
                self.next = (signal_frame + frames, stream_frame + frames);
            }
            Event::Block {
                first_frame,
                frames,
                first_qpc,
                lost,
                clear,
                missed,
                ..
            } => {
                if *frames > 0 {
                    let behind = since(*first_qpc) - in_ticks(*first_frame);
                    self.digest.blocks.add(behind);
                }
                self.digest.lost += lost;
                self.digest.clear += clear;
                self.digest.missed += missed;
            }
            Event::Opened { packet_frames, .. } => {
                self.packet = in_ticks(*packet_frames);
                return false;
            }
            Event::State { state } if state == "run" => {
                self.start = qpc;
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Folds captured frames. A gap shows in the number of frames.
    pub(super) fn capture(&mut self, first: u64, frames: u64, bytes: &[u8]) {
        if self.digest.frames == 0 {
            self.digest.first_frame = first;
        }
        self.digest.frames += frames;
        self.crc.update(bytes);
    }
}

/// Frames as ticks times rate: a day of them fits 4000 times.
fn in_ticks(frames: u64) -> i64 {
    (frames * QPC_FREQUENCY).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use waverig_protocol::timeline::Times;

    fn block(first_frame: u64, frames: u64, first_qpc: i64) -> Event {
        Event::Block {
            generation: 1,
            first_frame,
            frames,
            first_qpc,
            flags: 0,
            lost: 0,
            clear: 2,
            missed: 1,
        }
    }

    fn times(count: u64, least: i64, most: i64) -> Times {
        Times { count, least, most }
    }

    #[test]
    fn a_stretch_is_folded_and_what_is_rare_is_told() {
        let mut digester = Digester::new(960, 48_000);
        let opened = Event::Opened {
            buffer_frames: 960,
            packet_frames: 480,
        };
        assert!(!digester.take(0, &opened));
        let run = Event::State {
            state: "run".into(),
        };
        assert!(!digester.take(5_000, &run));
        let wrote = |stream_frame, signal_frame| Event::Wrote {
            stream_frame,
            signal_frame,
            frames: 480,
        };
        for (qpc, event) in [
            (5_000, wrote(0, 0)),
            (105_000, Event::Notified),
            (105_001, Event::Position { frames: 480 }),
            (105_001, wrote(480, 480)),
            (205_003, Event::Notified),
            (205_003, wrote(1_440, 960)),
            (205_003, block(0, 480, 5_000)),
            (205_003, block(480, 480, 105_001)),
        ] {
            assert!(digester.ends_with(&event).is_none() && digester.take(qpc, &event));
        }
        digester.capture(0, 480, b"some");
        digester.capture(480, 480, b"thing");
        let digest = digester.ends_with(&block(960, 1, 0)).expect("it is full");
        assert_eq!(
            *digest,
            Digest {
                first_frame: 0,
                frames: 960,
                crc32: crc32fast::hash(b"something"),
                blocks: times(2, 0, 48_000),
                lost: 0,
                clear: 4,
                missed: 2,
                positions: times(1, 48_000, 48_000),
                notifications: times(2, 0, 3 * 48_000),
                writes: 3,
                misplaced: 1,
            }
        );
        let closed = Event::TapClosed {
            requests: 1,
            woken: 1,
            refused: 0,
        };
        let rest = digester.ends_with(&closed).expect("it ends");
        assert_eq!((rest.frames, rest.crc32), (0, 0));
    }
}
