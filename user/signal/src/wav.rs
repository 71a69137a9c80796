//! WAVE files: frames go in unchanged, byte for byte.
//!
//! Layout after "Multiple Channel Audio Data and WAVE Files" (Microsoft): `WAVE_FORMAT_PCM` where 16 bits and two
//! channels are enough, else `WAVE_FORMAT_EXTENSIBLE`, which alone can say how many bits of a container are valid.

use std::io::{self, Write};

use waverig_protocol::scenario::{Format, Sample};

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;
/// What follows the format tag in `KSDATAFORMAT_SUBTYPE_PCM` and `_IEEE_FLOAT` (ksmedia.h).
const SUBTYPE_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

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

#[cfg(test)]
mod tests;
