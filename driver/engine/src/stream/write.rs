//! What a client says that it has written: packets by their numbers, or a write position.

use core::ops::Range;

use crate::clock::State;
use crate::device_clock::DeviceClock;
use crate::memory::CyclicMemory;
use crate::packet::{self, PacketError, WritePacket};
use crate::tap::Tap;
use crate::units::{Frames, Qpc};

use super::{Advance, Stream};

/// Why a write position was refused: it lies outside of the buffer or inside a frame, or there is no buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPosition;

impl Stream {
    /// The client has written a packet (WDK: `IMiniportWaveRTOutputStream::SetWritePacket`).
    ///
    /// A packet that is late is refused, and played from the first frame on that is not due yet. With the stream's last packet
    /// the places behind its audio become silence, whatever the client left there.
    ///
    /// # Errors
    /// In this order: [`PacketError::NoPackets`], [`PacketError::Invalid`], [`PacketError::Ended`], [`PacketError::Late`] or
    /// [`PacketError::Overrun`]. What was due has been consumed all the same.
    pub fn set_write_packet<M, S>(
        &mut self,
        write: WritePacket,
        at: Qpc,
        clock: &DeviceClock,
        memory: &mut M,
        tap: &mut Tap<S>,
    ) -> (Advance, Result<(), PacketError>)
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let advance = self.advance(at, clock, memory, tap);
        (advance, self.take_packet(write, memory))
    }

    fn take_packet<M>(&mut self, write: WritePacket, memory: &mut M) -> Result<(), PacketError>
    where
        M: CyclicMemory + ?Sized,
    {
        let geometry = self.geometry.ok_or(PacketError::NoPackets)?;
        let packet = geometry.packet().ok_or(PacketError::NoPackets)?;
        let last = write.last_frames(packet, geometry.frame_bytes())?;
        if self.starvation.written.has_ended() {
            return Err(PacketError::Ended);
        }
        let frames = |number| {
            let first = packet::start(number, packet);
            first.0..first.0.saturating_add(packet.get())
        };
        let count = packet::count(self.position(), packet);
        let running = self.state() == State::Run;
        match packet::check_write(write.number, count, running) {
            Ok(number) => {
                let frames = frames(number);
                self.written(frames.clone(), memory);
                if let Some(last) = last {
                    let end = frames.start.saturating_add(last);
                    self.clear(end..frames.end, memory);
                    self.starvation.written.end(Frames(end));
                }
                Ok(())
            }
            Err(PacketError::Late) => {
                if let Some(number) = packet::latest(write.number, count) {
                    self.written(frames(number), memory);
                }
                Err(PacketError::Late)
            }
            Err(error) => Err(error),
        }
    }

    /// The client has written up to `bytes` from the buffer's start (WDK: `KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION`, where
    /// it is said how many bytes that are): the latest that can still be heard, at most a lap ahead of the position.
    ///
    /// # Errors
    /// [`BadPosition`]. What was due has been consumed all the same.
    pub fn set_write_position<M, S>(
        &mut self,
        bytes: u32,
        at: Qpc,
        clock: &DeviceClock,
        memory: &mut M,
        tap: &mut Tap<S>,
    ) -> (Advance, Result<(), BadPosition>)
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let advance = self.advance(at, clock, memory, tap);
        (advance, self.take_position(bytes, memory))
    }

    fn take_position<M>(&mut self, bytes: u32, memory: &mut M) -> Result<(), BadPosition>
    where
        M: CyclicMemory + ?Sized,
    {
        let geometry = self.geometry.ok_or(BadPosition)?;
        let to = geometry.whole_frames(bytes).ok_or(BadPosition)?;
        let (lap, due) = (geometry.lap(), self.position());
        if let Some(frames) = self.starvation.written.move_position(to, lap, due) {
            self.written(frames, memory);
        }
        Ok(())
    }

    /// The client wrote these frames. Those that are not due are declared; in the places of the others lies audio that would
    /// be heard a lap later, unless something else has been declared for them since.
    fn written<M>(&mut self, frames: Range<u64>, memory: &mut M)
    where
        M: CyclicMemory + ?Sized,
    {
        let due = self.position();
        if let Some(geometry) = self.geometry {
            let lap = geometry.frames();
            let late = frames.start..frames.end.min(due.0);
            // Where those places are due next: from the lap in progress on, and then from the one after it.
            let behind = due.0.saturating_sub(late.start);
            let laps = behind.checked_div(lap).unwrap_or(0).saturating_mul(lap);
            for laps in [laps, laps.saturating_add(lap)] {
                let next = late.start.saturating_add(laps).max(due.0)
                    ..late.end.saturating_add(laps).min(due.0.saturating_add(lap));
                self.starvation.written.undeclared(next, |frames| {
                    for span in geometry.spans(
                        Frames(frames.start),
                        frames.end.saturating_sub(frames.start),
                    ) {
                        memory.clear(span.offset as usize, span.bytes as usize);
                    }
                });
            }
        }
        self.starvation.declare(frames, due);
    }

    /// Silences places of frames that are not due.
    fn clear<M>(&mut self, frames: Range<u64>, memory: &mut M)
    where
        M: CyclicMemory + ?Sized,
    {
        let Some(geometry) = self.geometry else {
            return;
        };
        let first = frames.start.max(self.position().0);
        let count = frames.end.saturating_sub(first);
        for span in geometry.spans(Frames(first), count) {
            memory.clear(span.offset as usize, span.bytes as usize);
        }
    }
}

#[cfg(test)]
mod tests;
