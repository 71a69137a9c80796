//! The driver's tap as a source: its requests, by reads. Four are pended, each for a packet: docs/tap.md tells what shared memory would save, and
//! that it wants memory that stays locked; a program that sends a thousand packets a second has as many system calls anyhow.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use waverig_agent::windows::device;
use waverig_agent::windows::tap::{Pended, Tap};
use waverig_tap::{Format, Session as Hello, clock as clock_of, ioctl, request};

use crate::clock;
use crate::feed::Feed;
use crate::media::frames_at;
use crate::session::Session;
use crate::stream::Stream;
use crate::words::{Idle, Send};

/// The devices that the driver makes (waverig.inx).
const HARDWARE_ID: &str = r"Root\waverig";
/// Reads that the driver has at a time.
const READS: usize = 4;
/// A read has room for so many packets, so that one that comes late takes all there is…
const PACKETS: usize = 8;
/// …of frames of so many bytes: 16 channels of 32 bits.
const MOST_FRAME_BYTES: usize = 64;
/// How often the end is looked for while nothing comes.
const LOOK_MS: u32 = 20;
/// Windows plays nothing when nothing has come for so long…
const QUIET: Duration = Duration::from_millis(100);
/// …and then silence is sent up to so many ns ago, before which no frame is due any more that comes yet.
const BEHIND_NS: i64 = 50_000_000;

/// The link of the tap that is meant.
///
/// # Errors
/// When there is none, with what there is.
pub fn find(words: &Send) -> Result<String> {
    let devices = device::list(HARDWARE_ID)?;
    let Some(found) = devices.get(words.device - 1) else {
        bail!(
            "this machine has {} waverig devices, --device {} is none of them; `waverig-setup list` tells what is here, `waverig-setup install` makes one",
            devices.len(),
            words.device
        );
    };
    if let Some(trouble) = &found.trouble {
        bail!("the device {} does not run: {trouble}", found.instance);
    }
    let links = device::links(&found.instance, &device::TAP)?;
    links
        .get(words.cable as usize - 1)
        .cloned()
        .with_context(|| {
            format!(
                "the device {} has {} cables, --cable {} is none of them",
                found.instance,
                links.len(),
                words.cable
            )
        })
}

/// Sends what the tap gives until the time is over, or somebody wants an end. Gives how far the device's clock was steered.
///
/// # Errors
/// What the driver refuses, also when the device goes; when the description cannot be written.
pub fn run(
    link: &str,
    words: &Send,
    session: &mut Session,
    stream: &mut Stream,
    end: &AtomicBool,
) -> Result<Option<(i32, i32)>> {
    let tap = Tap::open(link)?;
    let hello = Hello::decode(&tap.ask("HELLO", ioctl::HELLO, &request::hello())?)?;
    let shape = words.shape;
    let mut feed = Feed::new(hello.qpc_frequency, shape.format.rate, bound(&tap)?);
    let input = request::read(shape.packet_frames, 0);
    let room =
        hello.header_bytes + PACKETS * shape.packet_frames.max(48) as usize * MOST_FRAME_BYTES;
    let send = || {
        tap.send(ioctl::READ, &input, room)
            .context("the tap's READ")
    };
    let mut pended: VecDeque<Pended<'_>> = VecDeque::new();
    for _ in 0..READS {
        pended.push_back(send()?);
    }
    let begin = Instant::now();
    let mut sent: Option<Instant> = None;
    // The driver answers reads in the order in which they came.
    while let Some(oldest) = pended.pop_front() {
        if end.load(Ordering::Acquire) || words.lasts.is_some_and(|lasts| begin.elapsed() >= lasts)
        {
            break;
        }
        session.tend(words.domain)?;
        let line = (session.mapping(), session.jumps());
        let quiet = sent.is_none_or(|sent| sent.elapsed() >= QUIET);
        if quiet && words.idle == Idle::Silence {
            let until = frames_at(line.0.ptp_at(clock::now()) - BEHIND_NS, shape.format.rate);
            stream.idle(until, &mut |packet| session.send(packet));
        }
        if !oldest.wait(LOOK_MS)? {
            pended.push_front(oldest);
            continue;
        }
        let reply = oldest
            .answer()
            .context("the tap's READ; when the device was removed or updated, start again")?;
        pended.push_back(send()?);
        let step = feed.take(&reply, clock::of_ticks, line, stream, &mut |packet| {
            session.send(packet)
        })?;
        if let Some(format) = step.began {
            begun(format, words);
        }
        if step.ended {
            eprintln!("Windows stopped playing");
        }
        if step.sent {
            sent = Some(Instant::now());
        }
        if let Some(ppb) = step.steer
            && let Err(error) = tap.ask("STEER", ioctl::STEER, &request::steer(ppb))
        {
            eprintln!(
                "the device's clock is not steered from here: {error:#}; frames are moved when they and PTP time come apart"
            );
            feed.let_go();
        }
    }
    stream.end(&mut |packet| session.send(packet));
    // Closing the handle gives the clock back.
    Ok(feed.steered())
}

/// How far the device's clock may be steered.
fn bound(tap: &Tap) -> Result<Option<u32>> {
    let state = clock_of(&tap.ask("CLOCK", ioctl::CLOCK, &[])?).context("the tap's CLOCK")?;
    Ok(Some(state.bound_ppb))
}

fn begun(format: Format, words: &Send) {
    let wanted = words.shape.format;
    let Format {
        rate,
        channels,
        sample,
        ..
    } = format;
    eprintln!("Windows plays {rate} Hz, {channels} channels, {sample:?}");
    if rate != wanted.rate {
        eprintln!(
            "the stream has {} Hz, so this is not sent: choose {} Hz as the device's default format in Windows' sound settings, or send --format {:?}/{rate}/{}",
            wanted.rate, wanted.rate, wanted.encoding, wanted.channels
        );
    } else if channels != wanted.channels {
        eprintln!(
            "the stream has {} channels: the first ones are sent, those that lack are silent",
            wanted.channels
        );
    }
}
