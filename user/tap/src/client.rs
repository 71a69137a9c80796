//! A client that does one ioctl at a time over any transport.

use std::fmt;

use crate::{Block, Error, Reader, Session, Status, Step, ioctl, request, status};

/// A way to the tap's device: an open handle.
pub trait Transport {
    /// Why an ioctl failed.
    type Error;

    /// Sends `input` with an I/O control code, waits for the answer, and puts it into `output`. Gives the bytes answered.
    fn ioctl(&mut self, code: u32, input: &[u8], output: &mut [u8]) -> Result<usize, Self::Error>;
}

/// Why a client's call failed.
#[derive(Debug)]
pub enum ClientError<E> {
    /// The ioctl failed.
    Transport(E),
    /// The reply is not what the interface allows.
    Reply(Error),
}

impl<E: fmt::Display> fmt::Display for ClientError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "the tap's ioctl failed: {error}"),
            Self::Reply(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for ClientError<E> {}

impl<E> From<Error> for ClientError<E> {
    fn from(error: Error) -> Self {
        Self::Reply(error)
    }
}

/// A handle on which versions have been agreed.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
    session: Session,
    reader: Reader,
    buffer: Vec<u8>,
}

impl<T: Transport> Client<T> {
    /// Says hello. `block_bytes` is the most audio that one read can return, in bytes.
    pub fn open(mut transport: T, block_bytes: usize) -> Result<Self, ClientError<T::Error>> {
        let mut reply = [0; 64];
        let reply = exchange(&mut transport, ioctl::HELLO, &request::hello(), &mut reply)?;
        let session = Session::decode(reply)?;
        Ok(Self {
            transport,
            session,
            reader: Reader::new(session.qpc_frequency),
            buffer: vec![0; session.header_bytes.saturating_add(block_bytes)],
        })
    }

    /// What was agreed on.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The next block, when `min_frames` are there (0: at once), with at most `max_frames` (0: as many as fit).
    pub fn read(
        &mut self,
        min_frames: u32,
        max_frames: u32,
    ) -> Result<(Block<'_>, Step), ClientError<T::Error>> {
        let input = request::read(min_frames, max_frames);
        let reply = exchange(&mut self.transport, ioctl::READ, &input, &mut self.buffer)?;
        let block = Block::decode(reply)?;
        let step = self.reader.accept(&block)?;
        Ok((block, step))
    }

    /// A snapshot of the stream and of this client.
    pub fn status(&mut self) -> Result<Status, ClientError<T::Error>> {
        let mut reply = [0; 128];
        let reply = exchange(&mut self.transport, ioctl::STATUS, &[], &mut reply)?;
        Ok(status(reply)?)
    }
}

/// One ioctl; gives the part of `output` that was answered.
fn exchange<'a, T: Transport>(
    transport: &mut T,
    code: u32,
    input: &[u8],
    output: &'a mut [u8],
) -> Result<&'a [u8], ClientError<T::Error>> {
    let answered = transport
        .ioctl(code, input, output)
        .map_err(ClientError::Transport)?;
    let got = output.len();
    Ok(output.get(..answered).ok_or(Error::Long {
        need: got,
        got: answered,
    })?)
}
