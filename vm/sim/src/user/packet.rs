//! The packet client: what the audio engine does with a low-latency stream. Notified, it asks for the packet count, writes the next
//! packet, and declares it (`KSPROPERTY_RTAUDIO_SETWRITEPACKET`).

use super::UserError;
use super::client::Playing;
use super::processor::Lapse;
use super::task;
use crate::time::{Hns, QPC_FREQUENCY, Qpc};

/// `KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM` (ks.h).
const END_OF_STREAM: u32 = 0x200;

/// Writes the first packet before the stream runs, and the second one as soon as it does; gives the moment of the start.
pub(super) fn start(playing: &mut Playing) -> Result<Qpc, UserError> {
    let packet = playing.stream.packet_frames;
    if packet == 0 {
        return Err(UserError("the buffer is too small for two packets".into()));
    }
    playing.stream.prepare()?;
    playing.stream.packet_count()?;
    playing.write(0, packet);
    playing.stream.declare(0, 0, 0);
    let start = playing.stream.go()?;
    playing.stream.packet_count()?;
    playing.write(packet, 2 * packet);
    playing.stream.declare(1, 0, 0);
    Ok(start)
}

/// Plays until everything was heard.
pub(super) async fn play(playing: &mut Playing, end_of_stream: bool) -> Result<(), UserError> {
    let packet = playing.stream.packet_frames;
    let mut ended = false;
    loop {
        playing.stream.wait().await?;
        playing.stream.stall().await?;
        if playing.stream.must_end() {
            return Ok(());
        }
        let mut count = playing.stream.packet_count()?;
        let position = playing.stream.position()?;
        playing.stream.presentation()?;
        if playing.heard(position) {
            return Ok(());
        }
        if ended {
            // Nothing may follow the last packet.
            playing.stream.declare(count + 1, 0, 0);
            continue;
        }
        match playing.stream.lapse() {
            Some(Lapse::Wrong) => wrong(playing, count),
            Some(Lapse::Late) => count = late(playing, count).await?,
            None => {}
        }
        // The packet that plays now is lost to the writer.
        let next = count + 1;
        if !playing.write(next * packet, (next + 1) * packet) {
            continue;
        }
        let end = playing.feed.end();
        match end.filter(|end| end_of_stream && *end <= (next + 1) * packet) {
            Some(end) => {
                playing.spoil(end, (next + 1) * packet);
                let bytes = (end - next * packet) * playing.stream.frame_bytes as u64;
                playing.stream.declare(next, END_OF_STREAM, bytes);
                ended = true;
            }
            None => playing.stream.declare(next, 0, 0),
        }
    }
}

/// Declares what may not be declared when `count` packets are complete, and was not written.
fn wrong(playing: &Playing, count: u64) {
    let stream = &playing.stream;
    let bytes = stream.packet_frames * stream.frame_bytes as u64;
    stream.declare(count + 2, 0, 0);
    stream.declare(count + 1, 1, 0);
    stream.declare(count + 1, END_OF_STREAM, bytes + 1);
    if let Some(played) = count.checked_sub(1) {
        stream.declare(played, 0, 0);
    }
}

/// Sleeps into the middle of the next packet, then writes and declares it; gives the count that the driver then tells.
async fn late(playing: &mut Playing, count: u64) -> Result<u64, UserError> {
    let packet = playing.stream.packet_frames;
    let rate = u64::from(playing.stream.rate());
    task::sleep(Hns(packet * 3 / 2 * QPC_FREQUENCY / rate)).await;
    playing.stream.packet_count()?;
    let next = count + 1;
    playing.write(next * packet, (next + 1) * packet);
    playing.stream.declare(next, 0, 0);
    playing.stream.packet_count()
}
