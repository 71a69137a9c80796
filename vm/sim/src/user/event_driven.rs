//! The event-driven client: two packets, and each notification says that one of them is free.

use super::UserError;
use super::client::Playing;

/// Plays until everything was heard, then stops and closes.
pub(super) fn run(mut playing: Playing) -> Result<(), UserError> {
    let run = packets(&mut playing);
    playing.finish(run)
}

fn packets(playing: &mut Playing) -> Result<(), UserError> {
    let packet = playing.packet_frames;
    if packet == 0 {
        return Err(UserError("the buffer is too small for two packets".into()));
    }
    playing.start()?;
    loop {
        playing.wait()?;
        playing.stall();
        let position = playing.position()?;
        if playing.feed.end().is_some_and(|end| position >= end) {
            return Ok(());
        }
        // The packet that plays now is lost to the writer; the next one is the first that can still be made.
        let next = position / packet + 1;
        playing.write(next * packet, (next + 1) * packet);
    }
}
