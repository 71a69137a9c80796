//! What a perfect machine's tap hands to its clients: those that stay, and those that come and go, and sleep.

use waverig_protocol::Program;
use waverig_protocol::scenario::{TapClient, TapDisturbance};
use waverig_protocol::timeline::{Event, Stamped};

use super::Machine;

/// Frames that the tap keeps for a client that does not read.
pub(super) const KEEPS: u64 = 192_000;

/// A client is there.
pub(super) const OPENED: Event = Event::TapOpened {
    keeps_frames: KEEPS,
};

/// A client is gone; how often it asked and ran is not told.
pub(super) const CLOSED: Event = Event::TapClosed {
    requests: 0,
    woken: 0,
    refused: 0,
};

impl Machine<'_> {
    /// The main program's blocks.
    pub(super) fn blocks(&mut self, end: i64, program: Program, read: u32) {
        self.tap_event(0, program, OPENED);
        let total = self.position(end);
        self.stretch(program, read.into(), 0..total, end, |due| due.min(end));
        self.tap_event(end, program, CLOSED);
    }

    /// The blocks of a client that comes and goes, and sleeps.
    pub(super) fn tap_client(&mut self, end: i64, program: Program, client: &TapClient) {
        let read = u64::from(client.read_frames);
        let ticks = |ms: u32| i64::from(ms) * 10_000;
        let open = ticks(client.open_ms);
        let (together, keeps_frames) = client.share.map_or((1, KEEPS), |share| {
            let slots = u64::from(share.slots);
            (u64::from(share.wake_blocks), slots * read)
        });
        self.tap_event(open, program, Event::TapOpened { keeps_frames });
        let mut gone = client.close_ms.map_or(end, ticks).min(end);
        let mut next = self.position(open);
        for each in &client.disturbances {
            let at = ticks(each.at_ms());
            match *each {
                TapDisturbance::TapSlow { for_ms, .. } => {
                    let until = self.position(at) / read * read;
                    next = self.stretch(program, read, next..until, end, |due| due.min(at));
                    self.tap_event(at, program, Event::TapSlept { for_ms });
                    let awake = at + ticks(for_ms);
                    let played = self.position(awake);
                    let from = next.max(played.saturating_sub(keeps_frames));
                    self.lost = from - next;
                    next = self.stretch(program, read, from..played, end, |_| awake);
                }
                TapDisturbance::TapCancel { .. } if client.share.is_some() => gone = at,
                TapDisturbance::TapCancel { .. } | TapDisturbance::TapRace { .. } => {
                    self.tap_event(
                        at,
                        program,
                        Event::TapCancelled {
                            requests: client.reads,
                        },
                    );
                }
                TapDisturbance::TapKill { .. } => gone = at,
            }
        }
        let mut until = self.position(gone);
        if gone < end {
            until -= (until - next) % (read * together);
        }
        let group = move |due: i64| due.min(gone);
        self.stretch(program, read, next..until, end, group);
        self.tap_event(gone, program, CLOSED);
    }

    fn tap_event(&mut self, qpc: i64, program: Program, event: Event) {
        self.timeline.push(Stamped {
            program,
            ..Stamped::new(qpc, event)
        });
    }

    /// The blocks of some frames, worked out afterwards from what was played; `taken` says when one that is due at a time is taken.
    fn stretch(
        &mut self,
        program: Program,
        read: u64,
        frames: std::ops::Range<u64>,
        end: i64,
        taken: impl Fn(i64) -> i64,
    ) -> u64 {
        let frame_bytes = self.file.scenario.format.frame_bytes();
        let total = self.position(end);
        let mut first_frame = frames.start;
        while first_frame < frames.end {
            let most = first_frame + read.min(frames.end - first_frame);
            let alike = self.alike(first_frame..most);
            let frames = alike.end - first_frame;
            let muted = self.is_muted(first_frame);
            let bytes =
                &self.out[first_frame as usize * frame_bytes..][..frames as usize * frame_bytes];
            let clear = bytes
                .chunks(frame_bytes)
                .filter(|frame| frame.iter().all(|byte| *byte == 0))
                .count() as u64;
            let piece = match muted {
                true => vec![0; bytes.len()],
                false => bytes.to_vec(),
            };
            let last = first_frame + frames == total;
            let lost = std::mem::take(&mut self.lost);
            let mut flags = u32::from(first_frame == 0);
            flags |= u32::from(lost > 0) << 1;
            flags |= u32::from(clear == frames) << 2;
            flags |= u32::from(muted) << 3;
            flags |= u32::from(last) << 4;
            let known = self.known_from.is_some_and(|from| from <= first_frame);
            flags |= u32::from(known) << 5;
            let missed = (first_frame..)
                .zip(bytes.chunks(frame_bytes))
                .filter(|(frame, bytes)| {
                    bytes.iter().all(|byte| *byte == 0) && self.is_missed(*frame)
                })
                .count() as u64;
            let due = self.callback(self.time(first_frame + frames));
            let event = Event::Block {
                generation: 1,
                first_frame,
                frames,
                first_qpc: self.begins(first_frame),
                flags,
                lost,
                clear,
                missed,
            };
            self.tap_event(taken(due), program, event);
            self.captured.push((program, first_frame, piece));
            first_frame += frames;
        }
        frames.end.max(frames.start)
    }
}
