//! The client of shared mode: once per period, woken by the driver or by its own timer, it writes ahead and tells how far it has
//! written (`KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION`).

use super::UserError;
use super::client::Playing;
use crate::time::{Hns, QPC_FREQUENCY};

/// Writes up to `limit` and tells it.
pub(super) fn write(playing: &mut Playing, earliest: u64, limit: u64) -> Result<(), UserError> {
    if playing.write(earliest, limit) {
        playing.stream.tell_written(limit)?;
    }
    Ok(())
}

/// Plays until everything was heard, woken at the end of each period.
pub(super) async fn notified(playing: &mut Playing) -> Result<(), UserError> {
    let period = playing.stream.packet_frames;
    if period == 0 {
        return Err(UserError("the buffer is too small for two periods".into()));
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
        let next = position / period + 1;
        write(playing, next * period, (next + 1) * period)?;
    }
}

/// Plays until everything was heard, three periods ahead in a buffer of four.
pub(super) async fn timed(playing: &mut Playing, period: u64) -> Result<(), UserError> {
    let rate = u64::from(playing.stream.rate());
    loop {
        playing
            .stream
            .sleep(Hns(period * QPC_FREQUENCY / rate))
            .await;
        playing.stream.stall().await?;
        if playing.stream.must_end() {
            return Ok(());
        }
        let position = playing.stream.position()?;
        if playing.heard(position) {
            return Ok(());
        }
        write(playing, position, (position / period + 3) * period)?;
    }
}
