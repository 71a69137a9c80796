//! The programs of a run that play and record.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Stream as Wanted;
use anyhow::{Context as _, Result, bail};
use waverig_protocol::Program;
use waverig_protocol::timeline::Event;
use waverig_signal::Generator;
use windows::Win32::Media::Audio::{
    AUDCLNT_BUFFERFLAGS_SILENT, IAudioCaptureClient, IAudioRenderClient, IMMDevice,
};

use super::journal::Journal;
use super::stream::Stream;

/// What stops by itself must have done so this long after it should have.
const OVERTIME: Duration = Duration::from_secs(10);

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

/// Stalls that are still to come.
struct Stalls<'a> {
    started: Instant,
    left: &'a [(u32, u32)],
}

impl Stalls<'_> {
    /// Does nothing for as long as is due.
    fn pass(&mut self, journal: &mut Journal) {
        while let [(at_ms, for_ms), rest @ ..] = self.left
            && self.started.elapsed() >= ms(*at_ms)
        {
            journal.note(Event::Stalled { for_ms: *for_ms });
            std::thread::sleep(ms(*for_ms));
            self.left = rest;
        }
    }
}

/// Who plays on a cable, for those that record there until after that; and who records, for those that play while that is under way.
pub(super) struct Cable {
    playing: AtomicUsize,
    /// When the last one ended.
    silent: OnceLock<Instant>,
    /// The recorders that have read nothing yet, and when each is to start, in milliseconds.
    deaf: Mutex<Vec<(Program, u32)>>,
    reads: Condvar,
}

impl Cable {
    pub(super) fn new(players: usize, recorders: Vec<(Program, u32)>) -> Self {
        Self {
            playing: AtomicUsize::new(players),
            silent: OnceLock::new(),
            deaf: Mutex::new(recorders),
            reads: Condvar::new(),
        }
    }

    /// A recorder has read something, or has ended.
    pub(super) fn hears(&self, recorder: Program) {
        let mut deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
        deaf.retain(|(one, _)| *one != recorder);
        self.reads.notify_all();
    }

    /// Waits until all have read that were to start before `start_ms`: a stream that has started may be given its first packet much later, and
    /// would have missed what was played meanwhile.
    fn until_heard(&self, start_ms: u32) {
        let deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
        let waits =
            |deaf: &mut Vec<(Program, u32)>| deaf.iter().any(|(_, start)| *start < start_ms);
        // Whoever never reads says so himself.
        drop(self.reads.wait_timeout_while(deaf, OVERTIME, waits));
    }

    /// One has ended, however.
    pub(super) fn ended(&self) {
        if self.playing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.silent.get_or_init(Instant::now);
        }
    }

    fn silent_for(&self, time: Duration) -> bool {
        self.silent.get().is_some_and(|at| at.elapsed() >= time)
    }
}

/// Opens a stream.
///
/// # Errors
/// With what was refused.
pub(super) fn open(device: &IMMDevice, wanted: &Wanted, journal: &mut Journal) -> Result<Stream> {
    let stream = Stream::open(device, wanted)?;
    journal.note(Event::Opened {
        buffer_frames: stream.buffer_frames.into(),
        packet_frames: stream.packet_frames.into(),
    });
    Ok(stream)
}

/// Starts an open stream at its time.
fn start(
    stream: &Stream,
    wanted: &Wanted,
    begin: Instant,
    journal: &mut Journal,
) -> Result<Instant> {
    std::thread::sleep(ms(wanted.start_ms).saturating_sub(begin.elapsed()));
    // SAFETY: takes nothing.
    unsafe { stream.client.Start() }.context("the stream does not start")?;
    journal.state("run");
    Ok(Instant::now())
}

/// Waits for the stream, notes that it spoke, and where it is.
fn look(stream: &Stream, journal: &mut Journal) -> Result<u64> {
    stream.wait()?;
    if stream.notifies() {
        journal.note(Event::Notified);
    }
    let (frames, qpc) = stream.position()?;
    journal.note_at(qpc, Event::Position { frames });
    Ok(frames)
}

/// Plays the signal to its end.
///
/// # Errors
/// With what was refused; everything until then is in the journal.
pub(super) fn play(
    stream: &Stream,
    wanted: &Wanted,
    cable: &Cable,
    begin: Instant,
    journal: &mut Journal,
) -> Result<()> {
    let (signal, total) = wanted.signal.as_ref().context("nothing is to be played")?;
    let total = *total;
    let generator = Generator::new(signal, wanted.format).map_err(anyhow::Error::msg)?;
    // SAFETY: gives a reference.
    let render: IAudioRenderClient = unsafe { stream.client.GetService() }?;
    let frame_bytes = wanted.format.frame_bytes();
    let mut written = 0;
    let mut write = |frames: u32, journal: &mut Journal| -> Result<()> {
        if frames == 0 {
            return Ok(());
        }
        let signalled = (total - total.min(written)).min(frames.into());
        // SAFETY: the buffer has so many frames of the stream's format, and is the program's until it is released.
        unsafe {
            let to = render
                .GetBuffer(frames)
                .context("the buffer is not given")?;
            let to = std::slice::from_raw_parts_mut(to, frames as usize * frame_bytes);
            let (sound, silence) = to.split_at_mut(signalled as usize * frame_bytes);
            generator.fill(written, sound);
            silence.fill(0);
            render
                .ReleaseBuffer(frames, 0)
                .context("the buffer is not taken")?;
        }
        if signalled > 0 {
            journal.note(Event::Wrote {
                stream_frame: written,
                signal_frame: written,
                frames: signalled,
            });
        }
        written += u64::from(frames);
        Ok(())
    };
    // What the engine or the device finds when it starts ("Rendering a Stream").
    write(stream.buffer_frames, journal)?;
    cable.until_heard(wanted.start_ms);
    let started = start(stream, wanted, begin, journal)?;
    let mut stalls = Stalls {
        started,
        left: &wanted.stalls,
    };
    let longest =
        ms(u32::try_from(total * 1_000 / u64::from(wanted.format.rate)).unwrap_or(u32::MAX));
    loop {
        let position = look(stream, journal)?;
        stalls.pass(journal);
        let stops = wanted.stop_ms.is_some_and(|at| begin.elapsed() >= ms(at));
        if position >= total || stops {
            break;
        }
        if started.elapsed() > longest + OVERTIME {
            bail!(
                "after {:?} only {position} of {total} frames were played",
                started.elapsed()
            );
        }
        let free = if stream.whole {
            stream.buffer_frames
        } else {
            // SAFETY: asks only.
            stream.buffer_frames - unsafe { stream.client.GetCurrentPadding() }?
        };
        write(free, journal)?;
    }
    // SAFETY: takes nothing.
    unsafe { stream.client.Stop() }.context("the stream does not stop")?;
    journal.state("stop");
    Ok(())
}

/// Records until its time is over, and until those that it is to outlast have ended.
///
/// # Errors
/// As [`play`].
pub(super) fn record(
    stream: &Stream,
    wanted: &Wanted,
    cable: &Cable,
    begin: Instant,
    journal: &mut Journal,
) -> Result<()> {
    let stop = ms(wanted.stop_ms.context("a recorder that never stops")?);
    let outlasted = |after: u32| cable.silent_for(ms(after));
    // SAFETY: gives a reference.
    let capture: IAudioCaptureClient = unsafe { stream.client.GetService() }?;
    let frame_bytes = wanted.format.frame_bytes();
    let started = start(stream, wanted, begin, journal)?;
    let mut stalls = Stalls {
        started,
        left: &wanted.stalls,
    };
    let mut read = 0;
    while begin.elapsed() < stop || !wanted.outlasts_ms.is_none_or(outlasted) {
        look(stream, journal)?;
        stalls.pass(journal);
        // Of an exclusive stream the size of the next packet is not told ("IAudioCaptureClient::GetNextPacketSize").
        // SAFETY: asks only.
        while stream.exclusive || unsafe { capture.GetNextPacketSize() }? > 0 {
            let (mut from, mut frames, mut flags) = (std::ptr::null_mut(), 0, 0);
            // SAFETY: the results are local variables; the packet has so many frames and is the program's until it is released.
            let bytes = unsafe {
                capture
                    .GetBuffer(&mut from, &mut frames, &mut flags, None, None)
                    .context("the packet is not given")?;
                let size = frames as usize * frame_bytes;
                let silent = flags & AUDCLNT_BUFFERFLAGS_SILENT.0.cast_unsigned() != 0;
                let bytes = if silent || from.is_null() {
                    vec![0; size]
                } else {
                    std::slice::from_raw_parts(from, size).to_vec()
                };
                capture
                    .ReleaseBuffer(frames)
                    .context("the packet is not taken back")?;
                bytes
            };
            if frames == 0 {
                break;
            }
            journal.note(Event::Read {
                stream_frame: read,
                frames: frames.into(),
            });
            journal.captured.push((read, bytes, frames.into()));
            if read == 0 {
                cable.hears(wanted.program);
            }
            read += u64::from(frames);
            if stream.whole {
                break;
            }
        }
    }
    // SAFETY: takes nothing.
    unsafe { stream.client.Stop() }.context("the stream does not stop")?;
    journal.state("stop");
    Ok(())
}
