//! The polling client: looks at the position at intervals and keeps the whole buffer filled ahead of it.

use super::UserError;
use super::client::Playing;
use crate::sched;
use crate::time::Hns;

/// Plays until everything was heard, then stops and closes.
pub(super) fn run(mut playing: Playing, interval_ms: u32) -> Result<(), UserError> {
    let run = intervals(&mut playing, interval_ms);
    playing.finish(run)
}

fn intervals(playing: &mut Playing, interval_ms: u32) -> Result<(), UserError> {
    if interval_ms == 0 {
        return Err(UserError(
            "a polling interval of 0 ms never lets time pass; give at least 1".into(),
        ));
    }
    playing.start()?;
    loop {
        sched::run_for(Hns::from_millis(interval_ms.into()));
        playing.stall();
        let position = playing.position()?;
        if playing.feed.end().is_some_and(|end| position >= end) {
            return Ok(());
        }
        let limit = position + playing.buffer_frames;
        playing.write(position, limit);
    }
}
