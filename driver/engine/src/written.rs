//! Which frames a client has said it wrote, and so what can be known about frames that were found clear.
//!
//! A client that names its packets (`SetWritePacket`) or its write position declares frames before they are due. From the first
//! frame so declared on, every frame is either declared in time or known not to have been.

use core::num::NonZeroU64;
use core::ops::Range;

use crate::units::Frames;

/// Stretches that can be declared and not due: the one in progress and one ahead.
const STRETCHES: usize = 2;

/// What is known about a frame that was clear when it fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// The client does not say what it writes, or did not yet: not written in time, or written as digital silence.
    Unknown,
    /// Nobody declared it in time.
    Missed,
    /// The client wrote silence, or the stream had ended.
    Silence,
}

/// What a client has declared since the stream left STOP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The first frame that was ever declared.
    known_from: Option<u64>,
    /// Declared and, when they were declared, not due; in order, apart from each other. Empty ones are free.
    declared: [Range<u64>; STRETCHES],
    /// The stream's last frame lies before this one.
    ended: Option<u64>,
    /// The write position told last, in frames from the buffer's start, and the frame of the stream that it is.
    position: u64,
    end_told: u64,
}

impl Written {
    /// From this frame on it is known of every frame whether it was written in time.
    #[must_use]
    pub fn known_from(&self) -> Option<Frames> {
        self.known_from.map(Frames)
    }

    /// The client said which packet is its last one.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The frames of `frames` that are not due at `due` are written.
    pub(crate) fn declare(&mut self, frames: Range<u64>, due: Frames) {
        let mut new = frames.start.max(due.0)..frames.end;
        self.known_from.get_or_insert(new.start);
        if new.is_empty() {
            return;
        }
        for old in &mut self.declared {
            if old.end <= due.0 {
                *old = 0..0;
            } else if old.start <= new.end && new.start <= old.end {
                // They meet: one stretch.
                new = old.start.min(new.start)..old.end.max(new.end);
                *old = 0..0;
            }
        }
        let [first, second] = &mut self.declared;
        if first.is_empty() {
            core::mem::swap(first, second);
        }
        if first.is_empty() {
            *first = new;
        } else if second.is_empty() && first.start < new.start {
            *second = new;
        } else if second.is_empty() {
            *second = core::mem::replace(first, new);
        } else {
            // A third stretch cannot come from packets, of which two are ahead, nor from a position, which moves on. Of one
            // all the same nothing is claimed.
        }
    }

    /// The stream has no frames from `end` on.
    pub(crate) fn end(&mut self, end: Frames) {
        self.ended.get_or_insert(end.0);
    }

    /// The client tells its write position, in frames from the start of a buffer of `lap` frames: which frames it has written
    /// since the one before (WDK: `KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION`). The same position twice is a glitch of the
    /// client, and tells nothing.
    ///
    /// They follow those before, unless the client has fallen behind `due`; then they are the latest that lie in these places
    /// and are at most a lap ahead (inferred: the page says how many bytes were written, not where in the stream they lie).
    pub(crate) fn move_position(
        &mut self,
        to: u64,
        lap: NonZeroU64,
        due: Frames,
    ) -> Option<Range<u64>> {
        let before = core::mem::replace(&mut self.position, to);
        let new = to
            .checked_sub(before)
            .unwrap_or_else(|| to.saturating_add(lap.get().saturating_sub(before)));
        if new == 0 {
            return None;
        }
        let farthest = due.0.saturating_add(lap.get());
        let mut end = self.end_told.saturating_add(new);
        if end < due.0 || end > farthest {
            let ahead = to.saturating_add(lap.get()).saturating_sub(due.0 % lap);
            end = due.0.saturating_add(ahead % lap);
        }
        self.end_told = end;
        Some(end.saturating_sub(new)..end)
    }

    /// Splits `count` clear frames from `first` by what is known about them, in order.
    pub(crate) fn split(&self, first: Frames, count: u64, mut emit: impl FnMut(Clear, Range<u64>)) {
        let end = first.0.saturating_add(count);
        let mut at = first.0;
        let mut to = |until: u64, clear| {
            let until = until.min(end);
            if until > at {
                emit(clear, at..until);
                at = until;
            }
        };
        to(self.known_from.unwrap_or(u64::MAX), Clear::Unknown);
        let ended = self.ended.unwrap_or(u64::MAX);
        for declared in &self.declared {
            to(declared.start.min(ended), Clear::Missed);
            to(declared.end, Clear::Silence);
        }
        to(ended, Clear::Missed);
        to(u64::MAX, Clear::Silence);
    }

    /// Calls `visit` for each stretch of `frames` that is not declared.
    pub(crate) fn undeclared(&self, frames: Range<u64>, mut visit: impl FnMut(Range<u64>)) {
        let mut at = frames.start;
        for declared in &self.declared {
            let until = declared.start.min(frames.end);
            if until > at {
                visit(at..until);
            }
            at = at.max(declared.end);
        }
        if frames.end > at {
            visit(at..frames.end);
        }
    }
}

#[cfg(test)]
mod tests;
