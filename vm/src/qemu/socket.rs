//! Sockets on which the host waits for QEMU: bound before QEMU starts, so that nobody has to look again and again.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// A socket that QEMU is to connect to.
pub(super) struct Awaited {
    arrived: Receiver<io::Result<UnixStream>>,
    /// To unblock whoever waits, when nobody comes.
    address: PathBuf,
    _folder: File,
}

impl Awaited {
    /// Binds `name` in `folder`. A socket's whole name may have 107 bytes (unix(7)), so it is reached through the open folder.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub(super) fn bind(folder: &Path, name: &str) -> io::Result<Self> {
        let open = File::open(folder)?;
        let address = PathBuf::from(format!("/proc/self/fd/{}/{name}", open.as_raw_fd()));
        let listener = UnixListener::bind(&address)?;
        let (arrive, arrived) = channel();
        thread::spawn(move || {
            let _ = arrive.send(listener.accept().map(|(stream, _)| stream));
        });
        Ok(Self {
            arrived,
            address,
            _folder: open,
        })
    }

    /// The connection, when QEMU makes it in time.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn accept(&self, within: Duration) -> io::Result<UnixStream> {
        self.arrived
            .recv_timeout(within)
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // Ends the thread, if it still waits.
        let _ = UnixStream::connect(&self.address);
    }
}
