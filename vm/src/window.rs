//! The host's side of a window (`waverig_protocol::window`): what is written waits until the machine takes it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What a machine takes.
#[derive(Clone, Default)]
pub(crate) struct Window(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    /// Bytes in all that may be sent; without a number, any.
    most: Option<u64>,
    sent: u64,
    closed: bool,
}

impl Window {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine takes so many bytes in all.
    pub(crate) fn open(&self, begin: bool, bytes: u64) {
        let mut state = self.state();
        if begin {
            state.sent = 0;
        }
        state.most = Some(bytes);
        self.0.1.notify_all();
    }

    /// Nothing will be taken any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.0.1.notify_all();
    }

    /// Waits until at least one of `wanted` bytes is taken, and takes note of those that are; none when nothing will be.
    fn take(&self, wanted: usize) -> usize {
        let room = |state: &State| match state.most {
            None => wanted,
            Some(most) => usize::try_from(most.saturating_sub(state.sent))
                .map_or(wanted, |room| room.min(wanted)),
        };
        let waited = self
            .0
            .1
            .wait_while(self.state(), |state| !state.closed && room(state) == 0);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return 0;
        }
        let count = room(&state);
        state.sent += count as u64;
        count
    }

    /// Writes all of a frame, piece by piece as it is taken.
    pub(crate) fn write(&self, output: &mut impl Write, mut frame: &[u8]) -> io::Result<()> {
        while !frame.is_empty() {
            let count = self.take(frame.len());
            if count == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let (piece, rest) = frame.split_at(count);
            output.write_all(piece)?;
            output.flush()?;
            frame = rest;
        }
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use std::io::Read as _;

    use super::*;

    #[test]
    fn no_more_is_sent_than_is_taken() {
        let window = Window::default();
        window.open(true, 3);
        let (mut ours, mut theirs) = UnixStream::pair().expect("sockets exist");
        let writing = window.clone();
        let writer = thread::spawn(move || writing.write(&mut ours, b"abcdefgh"));
        let mut read = |count: usize| {
            let mut piece = vec![0; count];
            theirs.read_exact(&mut piece).expect("it is sent");
            theirs.set_nonblocking(true).expect("a socket can");
            let more = theirs.read(&mut [0]).is_ok_and(|count| count > 0);
            theirs.set_nonblocking(false).expect("a socket can");
            (piece, more)
        };
        assert_eq!(read(3), (b"abc".to_vec(), false));
        window.open(false, 7);
        assert_eq!(read(4), (b"defg".to_vec(), false));
        // An agent that begins anew counts from nothing.
        window.open(true, 1);
        assert_eq!(read(1), (b"h".to_vec(), false));
        assert!(writer.join().expect("it ends").is_ok());
    }

    #[test]
    fn whoever_waits_is_let_go_when_the_line_ends() {
        let window = Window::default();
        window.open(true, 0);
        let writing = window.clone();
        let writer = thread::spawn(move || writing.write(&mut io::sink(), b"a"));
        window.close();
        assert!(writer.join().expect("it ends").is_err());
    }
}
