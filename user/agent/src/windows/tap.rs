//! The driver's tap: its requests are carried out here, `waverig-tap` makes and reads their bytes. The sender shares [`Tap`].

use std::collections::VecDeque;
use std::fs::File;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::plan::Reader as Wanted;
use anyhow::{Context as _, Result, bail};
use waverig_protocol::timeline::Event;
use waverig_tap::told::{self, Records};
use waverig_tap::{Block, BlockFlags, Reader, Session, ioctl, request, status};
use windows::Win32::Foundation::{ERROR_IO_PENDING, HANDLE, WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows::Win32::Storage::FileSystem::FILE_FLAG_OVERLAPPED;
use windows::Win32::System::IO::{CancelIoEx, DeviceIoControl, GetOverlappedResult, OVERLAPPED};
use windows::Win32::System::Threading::{CreateEventW, WaitForSingleObject};
use windows::core::Owned;

use super::journal::Journal;

/// Bytes that a reply to HELLO, STATUS or EVENTS may have.
const ROOM: usize = 16 << 10;
/// A read has room for this many times the frames it waits for, so that one that comes late takes all there is.
const TIMES: usize = 8;
/// How often the reader looks whether the run is over, in milliseconds.
const LOOK_MS: u32 = 50;
/// How long the last block may take after everything has stopped.
const LAST: Duration = Duration::from_secs(2);

/// A handle of the tap's.
pub struct Tap(File);

/// A request that the driver has. What it points to stays where it is until the request has ended.
pub struct Pended<'a> {
    tap: &'a Tap,
    input: Box<[u8]>,
    output: Box<[u8]>,
    event: Owned<HANDLE>,
    overlapped: Box<OVERLAPPED>,
    ended: bool,
}

impl Tap {
    /// Opens the tap behind the symbolic link of its interface.
    ///
    /// # Errors
    /// What Windows or the driver refused.
    pub fn open(link: &str) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(FILE_FLAG_OVERLAPPED.0)
            .open(link)
            .with_context(|| format!("the tap {link} does not open"))?;
        Ok(Self(file))
    }

    fn handle(&self) -> HANDLE {
        HANDLE(self.0.as_raw_handle())
    }

    /// Sends a request, whose answer may have `room` bytes.
    ///
    /// # Errors
    /// What Windows or the driver refused at once.
    pub fn send(&self, code: u32, input: &[u8], room: usize) -> Result<Pended<'_>> {
        // SAFETY: no pointers are passed; the handle is owned at once.
        let event = unsafe { Owned::new(CreateEventW(None, true, false, None)?) };
        let mut pended = Pended {
            tap: self,
            input: input.into(),
            output: vec![0; room].into(),
            overlapped: Box::new(OVERLAPPED {
                hEvent: *event,
                ..OVERLAPPED::default()
            }),
            event,
            ended: true,
        };
        // SAFETY: the boxes stay where they are when `Pended` moves, and its drop waits for the request's end.
        let sent = unsafe {
            DeviceIoControl(
                self.handle(),
                code,
                Some(pended.input.as_ptr().cast()),
                u32::try_from(pended.input.len())?,
                Some(pended.output.as_mut_ptr().cast()),
                u32::try_from(pended.output.len())?,
                None,
                Some(&mut *pended.overlapped),
            )
        };
        match sent {
            Ok(()) => {}
            Err(error) if error == ERROR_IO_PENDING.into() => pended.ended = false,
            Err(error) => return Err(error.into()),
        }
        Ok(pended)
    }

    /// Carries out a request that the driver answers at once.
    ///
    /// # Errors
    /// What Windows or the driver refused, with the request's name.
    pub fn ask(&self, name: &str, code: u32, input: &[u8]) -> Result<Vec<u8>> {
        let what = || format!("the tap's {name}");
        let pended = self.send(code, input, ROOM).with_context(what)?;
        pended.answer().with_context(what)
    }
}

impl Pended<'_> {
    /// Waits for its end for a while; whether it has ended.
    ///
    /// # Errors
    /// When Windows does not wait.
    pub fn wait(&self, ms: u32) -> Result<bool> {
        // SAFETY: the handle is the request's.
        match unsafe { WaitForSingleObject(*self.event, ms) } {
            WAIT_OBJECT_0 => Ok(true),
            WAIT_TIMEOUT => Ok(false),
            other => bail!("the tap cannot be waited for ({other:?})"),
        }
    }

    /// Waits for its end: what the driver answered.
    ///
    /// # Errors
    /// What the driver refused.
    pub fn answer(mut self) -> Result<Vec<u8>> {
        let mut done = 0;
        // SAFETY: both are the request's; this returns when it has ended.
        let result =
            unsafe { GetOverlappedResult(self.tap.handle(), &*self.overlapped, &mut done, true) };
        self.ended = true;
        result?;
        let mut bytes = std::mem::take(&mut self.output).into_vec();
        bytes.truncate(done as usize);
        Ok(bytes)
    }
}

impl Drop for Pended<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut done = 0;
        // SAFETY: both are the request's, and it has ended when the second call returns: nothing is written to its memory any more.
        unsafe {
            let _ = CancelIoEx(self.tap.handle(), Some(&*self.overlapped));
            let _ = GetOverlappedResult(self.tap.handle(), &*self.overlapped, &mut done, true);
        }
    }
}

/// Reads a tap until the last block of a stream, when all that plays has stopped (`over`).
///
/// # Errors
/// What the driver refused, or how a block breaks the tap's promises.
pub(super) fn read(
    link: &str,
    wanted: &Wanted,
    frame_bytes: usize,
    over: &AtomicBool,
    opened: impl FnOnce(),
    journal: &mut Journal,
) -> Result<()> {
    let tap = Tap::open(link)?;
    let hello = tap.ask("HELLO", ioctl::HELLO, &request::hello())?;
    let session = Session::decode(&hello)?;
    journal.note(Event::TapOpened {
        keeps_frames: session.ring_frames.into(),
    });
    let input = request::read(wanted.read_frames, 0);
    let room = session.header_bytes + TIMES * (wanted.read_frames as usize).max(48) * frame_bytes;
    let send = || {
        tap.send(ioctl::READ, &input, room)
            .context("the tap's READ")
    };
    let mut requests = 1;
    let mut pended = VecDeque::new();
    for _ in 0..wanted.reads {
        pended.push_back(send()?);
        requests += 1;
    }
    opened();
    let mut reader = Reader::new(session.qpc_frequency);
    let mut woken = 0;
    let mut since: Option<Instant> = None;
    // The driver answers reads in the order in which they came.
    while let Some(oldest) = pended.pop_front() {
        if !oldest.wait(LOOK_MS)? {
            if over.load(Ordering::Acquire) {
                let since = since.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST {
                    bail!(
                        "the tap delivered no last block within {LAST:?} after everything stopped"
                    );
                }
            }
            pended.push_front(oldest);
            continue;
        }
        woken += 1;
        let bytes = oldest.answer().context("the tap's READ")?;
        let block = Block::decode(&bytes).context("the tap breaks its promise")?;
        reader
            .accept(&block)
            .context("the tap breaks its promise")?;
        journal.note(told::block(&block));
        if block.count > 0 {
            let frames = block.frames.to_vec();
            journal
                .captured
                .push((block.first_frame, frames, block.count.into()));
        }
        if block.is(BlockFlags::LAST) && over.load(Ordering::Acquire) {
            break;
        }
        pended.push_back(send()?);
        requests += 1;
    }
    drop(pended);
    let counted = tap.ask("STATUS", ioctl::STATUS, &[])?;
    journal.note(told::starved(&status(&counted)?));
    drop(tap);
    journal.note(Event::TapClosed {
        requests: requests + 1,
        woken,
        refused: 0,
    });
    Ok(())
}

/// What the driver recorded, from a sequence number on.
///
/// # Errors
/// What the driver refused.
pub(super) fn recorded(link: &str, from: u64) -> Result<Records> {
    let tap = Tap::open(link)?;
    tap.ask("HELLO", ioctl::HELLO, &request::hello())?;
    told::records(from, |input| tap.ask("EVENTS", ioctl::EVENTS, input))
}
