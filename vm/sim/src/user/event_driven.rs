//! The event-driven client: two packets, and each notification says that one of them is free.

use super::UserError;
use super::client::Playing;

/// Plays until everything was heard.
pub(super) async fn play(playing: &mut Playing) -> Result<(), UserError> {
    let packet = playing.stream.packet_frames;
    if packet == 0 {
        return Err(UserError("the buffer is too small for two packets".into()));
    }
    loop {
        playing.stream.wait().await?;
        playing.stream.stall().await?;
        if playing.stream.must_end() {
            return Ok(());
        }
        let position = playing.stream.position()?;
        if playing.heard(position) {
            return Ok(());
        }
        // The packet that plays now is lost to the writer; the next one is the first that can still be made.
        let next = position / packet + 1;
        playing.write(next * packet, (next + 1) * packet);
    }
}
