//! Programs that capture: they look at their buffer when the driver signals, or at intervals, or ask for packets, and take out
//! what has been recorded since.

use waverig_protocol::scenario::{Client, Opening};
use waverig_protocol::timeline::Event;

use super::stream::{Setup, Stream};
use super::{Place, UserError, task};
use crate::kernel::kernel;
use crate::time::{Hns, Qpc};

/// A recorder with its stream open.
struct Recording {
    stream: Stream,
    /// The first frame that was not read.
    next: u64,
    scratch: Vec<u8>,
}

/// One program that records, from when to when its stream runs.
pub(super) struct Life {
    pub(super) setup: Setup,
    pub(super) start: Qpc,
    pub(super) stop: Qpc,
}

/// Opens a stream, captures until `stop`, and stops; then does the same for each of the programs that go on with the pin; then
/// closes it.
pub(super) async fn run(
    opening: Opening,
    place: Place,
    life: Life,
    next: Vec<Life>,
) -> Result<(), UserError> {
    let Some(stream) = Stream::open_as(opening, &place, &life.setup).await? else {
        return Ok(());
    };
    let mut recording = Recording {
        stream,
        next: 0,
        scratch: Vec::new(),
    };
    let mut run = recording.record(&life).await;
    for life in next {
        if run.is_err() || recording.stream.is_told() {
            break;
        }
        run = match recording.go_on(&life).await {
            Ok(()) => recording.record(&life).await,
            Err(error) => Err(error),
        };
    }
    recording.stream.finish(run)
}

impl Recording {
    /// Stops, waits, and is the next program on this pin.
    async fn go_on(&mut self, life: &Life) -> Result<(), UserError> {
        self.stream.rest()?;
        task::sleep_until(life.start).await;
        self.stream.hand_over(&life.setup);
        self.next = 0;
        Ok(())
    }

    async fn record(&mut self, life: &Life) -> Result<(), UserError> {
        self.stream.start()?;
        match life.setup.client {
            Client::EventDriven { .. } => self.event_driven(life.stop).await,
            Client::Polling { interval_ms, .. } => self.polling(interval_ms, life.stop).await,
            Client::Packet { .. } => self.packets(life.stop).await,
            Client::Shared { .. } | Client::Requests { .. } => Err(UserError(
                "a recorder is event-driven, in packet mode or polls; this client plays".into(),
            )),
        }
    }

    /// Reads each packet once the driver has signalled that it is there; at the end what there is of the last one.
    async fn event_driven(&mut self, stop: Qpc) -> Result<(), UserError> {
        let packet = self.stream.packet_frames;
        if packet == 0 {
            return Err(UserError("the buffer is too small for two packets".into()));
        }
        while self.stream.wait_until(stop).await? {
            self.stream.stall().await?;
            if self.stream.must_end() {
                return Ok(());
            }
            let position = self.stream.position()?;
            self.read(packet, position, position / packet * packet);
        }
        let position = self.stream.position()?;
        self.read(1, position, position);
        Ok(())
    }

    /// Asks for packets until there is none, each time the driver has signalled (`KSPROPERTY_RTAUDIO_GETREADPACKET`). What there
    /// is of the last one at the end is lost to such a client.
    async fn packets(&mut self, stop: Qpc) -> Result<(), UserError> {
        let packet = self.stream.packet_frames;
        if packet == 0 {
            return Err(UserError("the buffer is too small for two packets".into()));
        }
        // Nothing has been recorded.
        self.stream.read_packet();
        while self.stream.wait_until(stop).await? {
            self.stream.stall().await?;
            if self.stream.must_end() {
                return Ok(());
            }
            self.stream.position()?;
            while let Some((number, more)) = self.stream.read_packet() {
                let number = u64::from(number);
                // A number that was given before, or lies where nothing is, is the judge's to find.
                self.next = number * packet;
                self.read(packet, self.next + packet, self.next + packet);
                if !more {
                    break;
                }
            }
        }
        self.stream.read_packet();
        self.stream.position()?;
        Ok(())
    }

    /// Reads everything up to the position at intervals.
    async fn polling(&mut self, interval_ms: u32, stop: Qpc) -> Result<(), UserError> {
        if interval_ms == 0 {
            return Err(UserError(
                "a polling interval of 0 ms never lets time pass; give at least 1".into(),
            ));
        }
        loop {
            let next = kernel().now() + Hns::from_millis(interval_ms.into());
            task::sleep_until(next.min(stop)).await;
            self.stream.stall().await?;
            if self.stream.must_end() {
                return Ok(());
            }
            let position = self.stream.position()?;
            self.read(1, position, position);
            if kernel().now() >= stop {
                return Ok(());
            }
        }
    }

    /// Reads up to frame `limit`, in units of `unit` frames; what is more than a buffer before `position` has been recorded
    /// over.
    fn read(&mut self, unit: u64, position: u64, limit: u64) {
        let oldest = position.saturating_sub(self.stream.buffer_frames);
        let first = self.next.max(oldest.next_multiple_of(unit));
        if first >= limit {
            return;
        }
        let frames = limit - first;
        self.scratch.clear();
        self.scratch
            .resize(frames as usize * self.stream.frame_bytes, 0);
        let at = self.stream.offset(first);
        self.stream.buffer.read(at, &mut self.scratch);
        let journal = &self.stream.journal;
        journal.note(Event::Read {
            stream_frame: first,
            frames,
        });
        journal.capture(first, frames, &self.scratch);
        self.next = limit;
    }
}
