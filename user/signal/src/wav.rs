//! WAVE files: frames go in and come out unchanged, byte for byte.
//!
//! Layout after "Multiple Channel Audio Data and WAVE Files" (Microsoft): `WAVE_FORMAT_PCM` where 16 bits and two
//! channels are enough, else `WAVE_FORMAT_EXTENSIBLE`, which alone can say how many bits of a container are valid.

use std::fmt;
use std::io::{self, Write};

use waverig_protocol::scenario::{Format, Sample};

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;
/// What follows the format tag in `KSDATAFORMAT_SUBTYPE_PCM` and `_IEEE_FLOAT` (ksmedia.h).
const SUBTYPE_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// Why a file is no WAVE file that this module reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WavError(String);

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a readable WAVE file: {}", self.0)
    }
}

impl std::error::Error for WavError {}

/// Writes a whole file.
///
/// # Errors
/// `InvalidInput` when `frames` holds no whole frames or the file would exceed 4 GiB, which RIFF cannot express; else
/// what `out` says.
pub fn write(out: &mut impl Write, format: Format, frames: &[u8]) -> io::Result<()> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    if format.frame_bytes() == 0 || !frames.len().is_multiple_of(format.frame_bytes()) {
        return Err(invalid(format!(
            "{} bytes are no whole frames of {} bytes",
            frames.len(),
            format.frame_bytes()
        )));
    }
    let fmt = format_chunk(format);
    // A fact chunk is due in every file that is not plain PCM.
    let fact = (fmt.len() > 16).then(|| (frames.len() / format.frame_bytes()) as u32);
    let pad = frames.len() % 2;
    let riff = 4 + 8 + fmt.len() + fact.map_or(0, |_| 12) + 8 + frames.len() + pad;
    let riff = u32::try_from(riff).map_err(|_| {
        invalid(format!(
            "{} bytes of audio exceed the 4 GiB of a WAVE file",
            frames.len()
        ))
    })?;
    out.write_all(b"RIFF")?;
    out.write_all(&riff.to_le_bytes())?;
    out.write_all(b"WAVEfmt ")?;
    out.write_all(&(fmt.len() as u32).to_le_bytes())?;
    out.write_all(&fmt)?;
    if let Some(count) = fact {
        out.write_all(b"fact\x04\0\0\0")?;
        out.write_all(&count.to_le_bytes())?;
    }
    out.write_all(b"data")?;
    // Smaller than `riff`, which fits.
    out.write_all(&(frames.len() as u32).to_le_bytes())?;
    out.write_all(frames)?;
    out.write_all(&[0][..pad])
}

fn format_chunk(format: Format) -> Vec<u8> {
    let tag = if format.sample == Sample::Float32 {
        FLOAT
    } else {
        PCM
    };
    let plain = format.sample == Sample::Pcm16 && format.channels <= 2;
    // Frames are far smaller than 64 KiB: a u16 of channels times four bytes is bounded by real formats.
    let frame_bytes = format.frame_bytes() as u16;
    let container_bits = format.sample.bytes() as u16 * 8;
    let mut chunk = Vec::new();
    chunk.extend((if plain { PCM } else { EXTENSIBLE }).to_le_bytes());
    chunk.extend(format.channels.to_le_bytes());
    chunk.extend(format.rate.to_le_bytes());
    chunk.extend((format.rate.wrapping_mul(u32::from(frame_bytes))).to_le_bytes());
    chunk.extend(frame_bytes.to_le_bytes());
    chunk.extend(container_bits.to_le_bytes());
    if !plain {
        chunk.extend(22_u16.to_le_bytes());
        chunk.extend(format.sample.valid_bits().to_le_bytes());
        chunk.extend(channel_mask(format.channels).to_le_bytes());
        chunk.extend(tag.to_le_bytes());
        chunk.extend(SUBTYPE_TAIL);
    }
    chunk
}

/// `KSAUDIO_SPEAKER_MONO`, `_STEREO` (ksmedia.h); 0 leaves the speakers of other counts unsaid.
fn channel_mask(channels: u16) -> u32 {
    match channels {
        1 => 4,
        2 => 3,
        _ => 0,
    }
}

/// Reads a whole file: its format and its frames.
///
/// # Errors
/// When the file is damaged, or holds samples that are none of [`Sample`].
pub fn read(file: &[u8]) -> Result<(Format, &[u8]), WavError> {
    let error = |text: String| Err(WavError(text));
    if file.len() < 12 || &file[..4] != b"RIFF" || &file[8..12] != b"WAVE" {
        return error("it does not start with RIFF and WAVE".into());
    }
    let mut rest = &file[12..];
    let mut format = None;
    while rest.len() >= 8 {
        let id = &rest[..4];
        let length = le32(rest, 4) as usize;
        let Some(body) = rest[8..].get(..length) else {
            return error(format!(
                "its {:?} chunk claims {length} bytes, {} are left",
                String::from_utf8_lossy(id),
                rest.len() - 8
            ));
        };
        match (id, format) {
            (b"fmt ", _) => format = Some(read_format(body)?),
            (b"data", None) => return error("its data comes before its format".into()),
            (b"data", Some(format)) if length.is_multiple_of(format.frame_bytes()) => {
                return Ok((format, body));
            }
            (b"data", Some(format)) => {
                return error(format!(
                    "its data of {length} bytes is no whole frames of {} bytes",
                    format.frame_bytes()
                ));
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        rest = rest.get(8 + length + length % 2..).unwrap_or(&[]);
    }
    error("it has no data".into())
}

fn read_format(chunk: &[u8]) -> Result<Format, WavError> {
    if chunk.len() < 16 {
        return Err(WavError(format!(
            "its format has {} bytes, at least 16 are needed",
            chunk.len()
        )));
    }
    let mut tag = le16(chunk, 0);
    let (channels, rate, bits) = (le16(chunk, 2), le32(chunk, 4), le16(chunk, 14));
    let mut valid = bits;
    if tag == EXTENSIBLE {
        if chunk.len() < 40 || chunk[26..40] != SUBTYPE_TAIL {
            return Err(WavError(
                "its extensible format has no known subtype".into(),
            ));
        }
        (valid, tag) = (le16(chunk, 18), le16(chunk, 24));
    }
    let sample = match (tag, bits, valid) {
        (PCM, 16, 16) => Sample::Pcm16,
        (PCM, 24, 24) => Sample::Pcm24,
        (PCM, 32, 24) => Sample::Pcm24In32,
        (PCM, 32, 32) => Sample::Pcm32,
        (FLOAT, 32, 32) => Sample::Float32,
        _ => {
            return Err(WavError(format!(
                "samples with tag {tag}, {valid} valid of {bits} bits; known: 16, 24, 24 in 32, 32 and float 32"
            )));
        }
    };
    if channels == 0 || rate == 0 {
        return Err(WavError(format!("{channels} channels at {rate} Hz")));
    }
    Ok(Format {
        rate,
        channels,
        sample,
    })
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests;
