//! A byte stream to a machine, with a thread for each direction: a machine that neither reads nor writes must not hold the host.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use waverig_protocol::Reply;
use waverig_protocol::frame::{self, FrameError};

use crate::window::Window;

/// What comes from a machine.
pub(crate) enum Arrival {
    /// A reply and its payload.
    Reply(Box<Reply>, Vec<u8>),
    /// The line gives no more.
    Lost(FrameError),
    /// Something else than the line says that the machine is of no more use: it crashed, or started anew by itself.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only QEMU tells")
    )]
    Broken(String),
}

/// Replies that may wait in memory before the machine has to.
const BACKLOG: usize = 64;

/// The host's ends of a line. Reading, writing and closing happen at the same time, in three threads.
pub struct Ends {
    /// What the machine says.
    pub input: Box<dyn Read + Send>,
    /// What it is told.
    pub output: Box<dyn Write + Send>,
    /// Ends whoever waits for either, for good, and says how the machine ended when that is known.
    pub close: Box<dyn Fn() -> String + Send>,
}

/// The file with [`Noise`].
pub(crate) const NOISE: &str = "noise.log";

/// What came over a line and is no frame goes to a file, until somebody closes that: Windows removes no folder with an open file in it.
#[derive(Clone)]
pub(crate) struct Noise(Arc<Mutex<Option<File>>>);

impl Noise {
    /// To [`NOISE`] in `folder`.
    ///
    /// # Errors
    /// When that cannot be made.
    pub(crate) fn to(folder: &Path) -> io::Result<Self> {
        let file = File::create(folder.join(NOISE))?;
        Ok(Self(Arc::new(Mutex::new(Some(file)))))
    }

    /// What comes from now on is lost.
    pub(crate) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Write for Noise {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_mut()
            .map_or(Ok(bytes.len()), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both directions.
pub(crate) struct Line {
    /// Frames for the writer; `None` ends it.
    to_machine: Option<Sender<Vec<u8>>>,
    from_machine: Receiver<Arrival>,
    /// For whoever else learns something of the machine.
    arrived: SyncSender<Arrival>,
    threads: Vec<JoinHandle<()>>,
}

impl Line {
    /// Reads whole frames by `next`, writes them to `output`.
    pub(crate) fn open(
        mut next: impl FnMut() -> Result<(Reply, Vec<u8>), FrameError> + Send + 'static,
        mut output: impl Write + Send + 'static,
    ) -> Self {
        let (arrived, from_machine) = sync_channel(BACKLOG);
        let arrivals = arrived.clone();
        let window = Window::default();
        let told = window.clone();
        let reader = std::thread::spawn(move || {
            loop {
                let arrival = match next() {
                    Ok((Reply::Window { begin, bytes }, _)) => {
                        told.open(begin, bytes);
                        continue;
                    }
                    Ok((reply, payload)) => Arrival::Reply(Box::new(reply), payload),
                    Err(error) => Arrival::Lost(error),
                };
                let last = matches!(arrival, Arrival::Lost(_));
                if arrivals.send(arrival).is_err() || last {
                    told.close();
                    return;
                }
            }
        });
        let (to_machine, frames) = channel::<Vec<u8>>();
        // A line that takes no more is told by the machine's silence, with its exit status.
        let writer = std::thread::spawn(move || {
            for frame in frames {
                if window.write(&mut output, &frame).is_err() {
                    return;
                }
            }
        });
        Self {
            to_machine: Some(to_machine),
            from_machine,
            arrived,
            threads: vec![reader, writer],
        }
    }

    /// A line on which nobody else writes.
    pub(crate) fn strict(
        mut input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> Self {
        Self::open(move || frame::read(&mut input), output)
    }

    /// A line on which firmware and a booting kernel may write, too.
    pub(crate) fn noisy(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        mut noise: Noise,
    ) -> Self {
        let mut input = BufReader::with_capacity(1 << 16, input);
        Self::open(
            move || frame::read_past_noise(&mut input, &mut noise),
            output,
        )
    }

    /// Where to put what else is learnt of the machine.
    #[cfg(target_os = "linux")]
    pub(crate) fn arrivals(&self) -> SyncSender<Arrival> {
        self.arrived.clone()
    }

    /// Hands a frame to the writer. When that is gone, so is the machine, and its silence tells.
    pub(crate) fn send(&self, frame: Vec<u8>) {
        if let Some(to_machine) = &self.to_machine {
            let _ = to_machine.send(frame);
        }
    }

    /// The next arrival.
    pub(crate) fn next(&self, within: Duration) -> Result<Arrival, RecvTimeoutError> {
        self.from_machine.recv_timeout(within)
    }

    /// Waits until nothing more can come, or `deadline` has passed; what comes until then is of no use to anybody.
    pub(crate) fn until_closed(&self, deadline: Duration) {
        let end = Instant::now() + deadline;
        while let Ok(Arrival::Reply(..)) = self.next(end.saturating_duration_since(Instant::now()))
        {
        }
    }

    /// Sends nothing more, and throws away what waits.
    pub(crate) fn close(&mut self) {
        self.to_machine = None;
        while self.from_machine.try_recv().is_ok() {}
    }
}

impl Drop for Line {
    /// The other end must be closed by then: both threads end with it.
    fn drop(&mut self) {
        self.to_machine = None;
        // The reader may be waiting for room in the channel: give it somebody who throws everything away.
        let (nobody_sends, nobody) = sync_channel(0);
        drop(std::mem::replace(&mut self.from_machine, nobody));
        self.arrived = nobody_sends;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
