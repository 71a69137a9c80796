//! Sends what is paced by the media clock itself ([`Source`]): each packet leaves when its last frame is over, as live audio does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::clock;
use crate::media::{frames_at, time_of};
use crate::session::Session;
use crate::source::Source;
use crate::stream::{Input, Stream};
use crate::words::Send;

/// The first packet begins so much later than the program is ready.
const LEAD_NS: i64 = 20_000_000;
/// Later than this, in ns, and the time between is left out: the host slept.
const ASLEEP_NS: i64 = 1_000_000_000;
/// Longest sleep: somebody may want an end.
const NAP: Duration = Duration::from_millis(20);

/// Sends until the source or the time is over, or somebody wants an end.
///
/// # Errors
/// When the source cannot be read, or the description not be written.
pub fn run(
    words: &Send,
    source: &mut Source,
    session: &mut Session,
    stream: &mut Stream,
    end: &AtomicBool,
) -> Result<()> {
    let rate = words.shape.format.rate;
    let frames = words.shape.packet_frames;
    let begin = Instant::now();
    let over =
        || end.load(Ordering::Acquire) || words.lasts.is_some_and(|lasts| begin.elapsed() >= lasts);
    let mut bytes = Vec::new();
    let mut generation = 0;
    let mut jumps = 0;
    // Where the stream's first frame lies on the media clock, and the next one in the stream.
    let (mut origin, mut index) = (None, 0);
    loop {
        let now = session.mapping().ptp_at(clock::now());
        let from = match origin {
            Some(origin)
                if jumps == session.jumps() && now - time_of(origin + index, rate) < ASLEEP_NS =>
            {
                origin
            }
            _ => {
                generation += 1;
                jumps = session.jumps();
                index = 0;
                let first = frames_at(now + LEAD_NS, rate);
                // Packets of streams that are in step begin in the same moment.
                *origin.insert(
                    first.div_euclid(i64::from(frames)) * i64::from(frames) + i64::from(frames),
                )
            }
        };
        let first = from + index;
        loop {
            session.tend(words.domain)?;
            let due = session
                .mapping()
                .local_at(time_of(first + i64::from(frames), rate));
            let left = u64::try_from(due - clock::now()).unwrap_or(0);
            if left == 0 || over() {
                break;
            }
            thread::sleep(Duration::from_nanos(left).min(NAP));
        }
        if over() {
            break;
        }
        source.read(frames, &mut bytes)?;
        if bytes.is_empty() {
            break;
        }
        let input = Input {
            generation,
            index: index.unsigned_abs(),
            lost: 0,
            kind: source.kind(),
            channels: source.channels(),
            frames: &bytes,
            ptp_ns: time_of(first, rate),
        };
        stream.block(&input, &mut |packet| session.send(packet));
        index += i64::from(frames);
    }
    stream.end(&mut |packet| session.send(packet));
    Ok(())
}
