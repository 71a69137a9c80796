//! The polling client: looks at the position at intervals and keeps the whole buffer filled ahead of it.

use super::UserError;
use super::client::Playing;
use crate::time::Hns;

/// Plays until everything was heard.
pub(super) async fn play(playing: &mut Playing, interval_ms: u32) -> Result<(), UserError> {
    if interval_ms == 0 {
        return Err(UserError(
            "a polling interval of 0 ms never lets time pass; give at least 1".into(),
        ));
    }
    loop {
        let interval = Hns::from_millis(interval_ms.into());
        playing.stream.sleep(interval).await;
        playing.stream.stall().await?;
        if playing.stream.must_end() {
            return Ok(());
        }
        let position = playing.stream.position()?;
        if playing.heard(position) {
            return Ok(());
        }
        let limit = position + playing.stream.buffer_frames;
        playing.write(position, limit);
    }
}
