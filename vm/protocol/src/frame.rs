//! Frames: a JSON header and an optional payload, with lengths and a checksum.
//!
//! On the line: magic `WVRG`, header length (u32), payload length (u32), CRC-32 of header and payload (u32), header,
//! payload; integers little-endian. The limits keep a garbled length from asking for all of memory.

use std::fmt;
use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

const MAGIC: [u8; 4] = *b"WVRG";
/// Most bytes a header may have.
pub const HEADER_LIMIT: usize = 16 << 20;
/// Most bytes a payload may have.
pub const PAYLOAD_LIMIT: usize = 256 << 20;

/// Why no frame could be read.
#[derive(Debug)]
pub enum FrameError {
    /// The line ended between two frames: the other side closed it.
    Closed,
    /// The line ended or failed inside a frame.
    Io(io::Error),
    /// What arrived is not a frame; the text says which part is wrong.
    Damaged(String),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other side closed the line"),
            Self::Io(error) => write!(f, "the line failed inside a frame: {error}"),
            Self::Damaged(what) => write!(f, "damaged frame: {what}"),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Closed | Self::Damaged(_) => None,
        }
    }
}

/// Writes one frame and flushes the line.
///
/// # Errors
/// `InvalidInput` when header or payload exceed their limits, else what the line says.
pub fn write(line: &mut impl Write, message: &impl Serialize, payload: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(message)?;
    if header.len() > HEADER_LIMIT || payload.len() > PAYLOAD_LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "a frame of {} + {} bytes exceeds the limits of {HEADER_LIMIT} + {PAYLOAD_LIMIT}",
                header.len(),
                payload.len()
            ),
        ));
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header);
    crc.update(payload);
    line.write_all(&MAGIC)?;
    // Both lengths are below their limits, which fit.
    line.write_all(&(header.len() as u32).to_le_bytes())?;
    line.write_all(&(payload.len() as u32).to_le_bytes())?;
    line.write_all(&crc.finalize().to_le_bytes())?;
    line.write_all(&header)?;
    line.write_all(payload)?;
    line.flush()
}

/// Reads one frame: its message and its payload.
///
/// # Errors
/// See [`FrameError`]. After `Damaged` the line is out of step and must be given up.
pub fn read<M: DeserializeOwned>(line: &mut impl Read) -> Result<(M, Vec<u8>), FrameError> {
    let mut prefix = [0; 16];
    fill(line, &mut prefix, 0)?;
    if prefix[..4] != MAGIC {
        return Err(FrameError::Damaged(format!(
            "it starts with {:02x?} instead of the magic {:02x?}",
            &prefix[..4],
            MAGIC
        )));
    }
    rest(line, &prefix)
}

/// Reads one frame from a line on which others may have written before it, as firmware and a booting kernel do on a serial port:
/// what is no frame goes to `noise`, byte by byte, so that it is there when nothing follows. Noise that cannot be kept is lost.
///
/// # Errors
/// See [`FrameError`]; what looks like the start of a frame and is none is `Damaged`.
pub fn read_past_noise<M: DeserializeOwned>(
    line: &mut impl Read,
    noise: &mut impl Write,
) -> Result<(M, Vec<u8>), FrameError> {
    let mut prefix = [0; 16];
    let mut known = 0;
    // Byte by byte, so that nothing behind a frame is taken; give it a line that is buffered.
    while known < MAGIC.len() {
        fill(line, &mut prefix[..=known], known)?;
        known += 1;
        // The longest end of what is there that a magic may start with.
        while prefix[..known] != MAGIC[..known] {
            let _ = noise.write_all(&prefix[..1]);
            prefix.copy_within(1..known, 0);
            known -= 1;
        }
    }
    fill(line, &mut prefix, known)?;
    rest(line, &prefix)
}

/// Fills `bytes` from `got` on.
fn fill(line: &mut impl Read, bytes: &mut [u8], mut got: usize) -> Result<(), FrameError> {
    while got < bytes.len() {
        match line.read(&mut bytes[got..]) {
            Ok(0) if got == 0 => return Err(FrameError::Closed),
            Ok(0) => return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(())
}

/// What follows a frame's first 16 bytes.
fn rest<M: DeserializeOwned>(
    line: &mut impl Read,
    prefix: &[u8; 16],
) -> Result<(M, Vec<u8>), FrameError> {
    let field = |at: usize| {
        u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]])
    };
    let header = body(line, field(4), HEADER_LIMIT, "header")?;
    let payload = body(line, field(8), PAYLOAD_LIMIT, "payload")?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header);
    crc.update(&payload);
    let (want, have) = (field(12), crc.finalize());
    if want != have {
        return Err(FrameError::Damaged(format!(
            "its checksum is {have:08x}, it says {want:08x}"
        )));
    }
    let message = serde_json::from_slice(&header).map_err(|error| {
        FrameError::Damaged(format!("its header is not a known message: {error}"))
    })?;
    Ok((message, payload))
}

fn body(
    line: &mut impl Read,
    length: u32,
    limit: usize,
    what: &str,
) -> Result<Vec<u8>, FrameError> {
    let length = length as usize;
    if length > limit {
        return Err(FrameError::Damaged(format!(
            "its {what} claims {length} bytes, at most {limit} are allowed"
        )));
    }
    // Read through `take` so that a claimed length costs no memory until the bytes arrive.
    let mut bytes = Vec::new();
    line.take(length as u64)
        .read_to_end(&mut bytes)
        .map_err(FrameError::Io)?;
    if bytes.len() < length {
        return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Vec<u8> {
        let mut line = Vec::new();
        write(&mut line, &"hello", b"payload").expect("memory takes it");
        line
    }

    fn check(line: &[u8], expect: &str) {
        let got = match read::<String>(&mut &line[..]) {
            Ok((message, payload)) => format!("{message} {}", String::from_utf8_lossy(&payload)),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expect), "{got:?} does not say {expect:?}");
    }

    #[test]
    fn a_frame_survives_the_line() {
        check(&line(), "hello payload");
        check(&[], "closed the line");
    }

    #[test]
    fn a_truncated_frame_is_an_error_at_every_length() {
        let line = line();
        for cut in 1..line.len() {
            check(&line[..cut], "failed inside a frame");
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_an_error() {
        let line = line();
        for at in 0..line.len() * 8 {
            let mut bad = line.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(read::<String>(&mut &bad[..]).is_err(), "bit {at}");
        }
    }

    #[test]
    fn noise_before_a_frame_is_set_aside() {
        let check = |noise: &[u8]| {
            let all = [noise, &line(), noise, &line()].concat();
            let mut rest = &all[..];
            for _ in 0..2 {
                let mut heard = Vec::new();
                let (message, payload) = read_past_noise::<String>(&mut rest, &mut heard)
                    .expect("a whole frame is there");
                assert_eq!((message.as_str(), &payload[..]), ("hello", &b"payload"[..]));
                assert_eq!(heard, noise);
            }
            let end = read_past_noise::<String>(&mut rest, &mut Vec::new());
            assert!(matches!(end, Err(FrameError::Closed)));
        };
        check(b"");
        check(b"SeaBIOS (version 1.16)\r\n");
        check(b"WVR");
        check(b"WWVWVRW\0");
    }

    #[test]
    fn a_huge_length_is_refused_before_memory_is_asked_for() {
        let mut line = line();
        line[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        check(&line, "header claims 4294967295 bytes");
    }

    #[test]
    fn an_unknown_message_is_named() {
        let mut line = Vec::new();
        write(&mut line, &42, b"").expect("memory takes it");
        check(&line, "not a known message");
    }
}
