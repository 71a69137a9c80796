//! The line to the host: standard input and output, a socket, or a serial port.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::sync::{Arc, Mutex, PoisonError};

use crate::options::Where;
use anyhow::{Context as _, Result};
use waverig_protocol::window::Windowed;
use waverig_protocol::{Reply, frame};
use windows::Win32::Devices::Communication::{
    COMMTIMEOUTS, DCB, GetCommState, NOPARITY, ONESTOPBIT, SetCommState, SetCommTimeouts,
};
use windows::Win32::Foundation::{ERROR_IO_PENDING, HANDLE};
use windows::Win32::Storage::FileSystem::{FILE_FLAG_OVERLAPPED, ReadFile, WriteFile};
use windows::Win32::System::IO::{GetOverlappedResult, OVERLAPPED};
use windows::Win32::System::Threading::CreateEventW;

/// What comes from the host.
pub(super) type Input = Box<dyn Read + Send>;

/// What goes to the host, from any thread, a whole frame at a time.
#[derive(Clone)]
pub(super) struct Host(Arc<Mutex<Box<dyn Write + Send>>>);

impl Host {
    /// Sends a reply.
    pub(super) fn send(&self, reply: &Reply, payload: &[u8]) -> Result<()> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame::write(&mut *line, reply, payload).context("the host's line takes no more")
    }
}

/// Opens both directions. Of a serial port the host learns how much it takes, since Windows drops what its buffer has no room for.
pub(super) fn open(place: &Where) -> Result<(Input, Host)> {
    let (input, output): (Input, Box<dyn Write + Send>) = match place {
        Where::Stdio => (Box::new(io::stdin()), Box::new(io::stdout())),
        Where::Socket(address) => {
            let socket = TcpStream::connect(address)
                .with_context(|| format!("nobody listens at {address}"))?;
            (Box::new(socket.try_clone()?), Box::new(socket))
        }
        Where::Serial(name) => {
            let port = Port::open(name)
                .with_context(|| format!("the serial port {name} cannot be opened"))?;
            (Box::new(port.clone()), Box::new(port))
        }
    };
    let host = Host(Arc::new(Mutex::new(output)));
    if !matches!(place, Where::Serial(_)) {
        return Ok((input, host));
    }
    let told = host.clone();
    let tell = move |window: &Reply| told.send(window, &[]).map_err(io::Error::other);
    Ok((Box::new(Windowed::begin(input, tell)?), host))
}

/// A serial port. Overlapped, because of a handle that is not, Windows serves one request at a time: a read that waits for the host would
/// hold up what is to be written ("Synchronous and Asynchronous I/O").
#[derive(Clone)]
struct Port(Arc<File>);

impl Port {
    fn open(name: &str) -> io::Result<Self> {
        // The prefix serves COM10 and later ("Naming Files, Paths, and Namespaces").
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(FILE_FLAG_OVERLAPPED.0)
            .open(format!(r"\\.\{name}"))?;
        let port = HANDLE(file.as_raw_handle());
        let mut state = DCB {
            DCBlength: size_of::<DCB>() as u32,
            ..DCB::default()
        };
        // A read waits for its first byte as long as it takes, and ends when a millisecond brings no other (COMMTIMEOUTS).
        let timeouts = COMMTIMEOUTS {
            ReadIntervalTimeout: 1,
            ..COMMTIMEOUTS::default()
        };
        // SAFETY: the handle is the open file's, the structures outlive the calls.
        unsafe {
            GetCommState(port, &mut state)?;
            // Raw bytes without flow control; of the flags only fBinary, which Windows demands (DCB).
            state.BaudRate = 115_200;
            state._bitfield = 1;
            state.ByteSize = 8;
            state.Parity = NOPARITY;
            state.StopBits = ONESTOPBIT;
            SetCommState(port, &state)?;
            SetCommTimeouts(port, &timeouts)?;
        }
        Ok(Self(Arc::new(file)))
    }

    /// Carries out one request and waits for its end: how many bytes.
    fn transfer(
        &self,
        begin: impl FnOnce(HANDLE, *mut OVERLAPPED) -> windows::core::Result<()>,
    ) -> io::Result<usize> {
        let port = HANDLE(self.0.as_raw_handle());
        // SAFETY: no pointers are passed; the handle is owned from here on.
        let event = unsafe { CreateEventW(None, true, false, None) }?;
        // SAFETY: it was just made and nobody else has it.
        let event = unsafe { windows::core::Owned::new(event) };
        let mut overlapped = OVERLAPPED {
            hEvent: *event,
            ..OVERLAPPED::default()
        };
        match begin(port, &mut overlapped) {
            Ok(()) => {}
            Err(error) if error == ERROR_IO_PENDING.into() => {}
            Err(error) => return Err(error.into()),
        }
        let mut done = 0;
        // SAFETY: the structure is that of the request, which has ended when this returns: both stay where they are until then.
        unsafe { GetOverlappedResult(port, &overlapped, &mut done, true) }?;
        Ok(done as usize)
    }
}

impl Read for Port {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            // SAFETY: `transfer` waits for the request's end, and `bytes` is there as long.
            let done = self.transfer(|port, overlapped| unsafe {
                ReadFile(port, Some(bytes), None, Some(overlapped))
            })?;
            // None: something else than a byte ended the request.
            if done > 0 || bytes.is_empty() {
                return Ok(done);
            }
        }
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: as in `read`.
        self.transfer(|port, overlapped| unsafe {
            WriteFile(port, Some(bytes), None, Some(overlapped))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
