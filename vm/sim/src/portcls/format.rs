//! Data formats: whether one is whole and lies in a pin's range.

use waverig_portcls::id::{
    KSDATAFORMAT_SPECIFIER_WAVEFORMATEX, KSDATAFORMAT_SUBTYPE_IEEE_FLOAT, KSDATAFORMAT_SUBTYPE_PCM,
};
use waverig_portcls::status::STATUS_INVALID_BUFFER_SIZE;
use waverig_portcls::{
    KSDATAFORMAT, KSDATAFORMAT_ATTRIBUTES, KSDATAFORMAT_WAVEFORMATEX, KSMULTIPLE_ITEM, NTSTATUS,
    WAVE_FORMAT_EXTENSIBLE, WAVE_FORMAT_IEEE_FLOAT, WAVE_FORMAT_PCM, WAVEFORMATEX,
    WAVEFORMATEXTENSIBLE,
};

use super::description::read;
use super::ranges::Range;

/// The wave format inside a data format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wave {
    pub(crate) rate: u32,
    pub(crate) channels: u16,
    pub(crate) bits: u16,
    pub(crate) frame_bytes: u16,
}

/// The head and the wave format of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<(KSDATAFORMAT, Wave), String> {
    if bytes.len() < size_of::<KSDATAFORMAT_WAVEFORMATEX>() {
        return Err(format!(
            "a format of {} bytes, less than a KSDATAFORMAT_WAVEFORMATEX",
            bytes.len()
        ));
    }
    let head: KSDATAFORMAT = read(bytes.as_ptr().cast());
    let size = head.FormatSize as usize;
    if size < size_of::<KSDATAFORMAT_WAVEFORMATEX>() || size > bytes.len() {
        return Err(format!("FormatSize {size} of {} bytes", bytes.len()));
    }
    if head.Specifier != KSDATAFORMAT_SPECIFIER_WAVEFORMATEX {
        return Err(format!("the specifier {}", head.Specifier));
    }
    let wave: WAVEFORMATEX = read(bytes[size_of::<KSDATAFORMAT>()..].as_ptr().cast());
    // Fields of a packed structure are copied before they are looked at.
    let WAVEFORMATEX {
        wFormatTag,
        nChannels,
        nSamplesPerSec,
        nAvgBytesPerSec,
        nBlockAlign,
        wBitsPerSample,
        cbSize,
    } = wave;
    let needed = size_of::<KSDATAFORMAT_WAVEFORMATEX>() + usize::from(cbSize);
    if wFormatTag != WAVE_FORMAT_PCM && needed > size {
        return Err(format!("cbSize {cbSize} in a format of {size} bytes"));
    }
    if wFormatTag == WAVE_FORMAT_EXTENSIBLE {
        if cbSize < 22 {
            return Err(format!("cbSize {cbSize} of a WAVEFORMATEXTENSIBLE"));
        }
        let extensible: WAVEFORMATEXTENSIBLE =
            read(bytes[size_of::<KSDATAFORMAT>()..].as_ptr().cast());
        let (sub_format, valid) = (extensible.SubFormat, extensible.wValidBitsPerSample);
        if sub_format != head.SubFormat {
            return Err(format!(
                "the sub-formats {} outside and {sub_format} inside",
                head.SubFormat
            ));
        }
        if valid > wBitsPerSample {
            return Err(format!("{valid} valid bits in {wBitsPerSample}"));
        }
    }
    let frame = u32::from(nChannels) * u32::from(wBitsPerSample) / 8;
    if frame != u32::from(nBlockAlign)
        || u64::from(nAvgBytesPerSec) != u64::from(frame) * u64::from(nSamplesPerSec)
    {
        return Err(format!(
            "{nChannels} channels of {wBitsPerSample} bits at {nSamplesPerSec} Hz with nBlockAlign {nBlockAlign} and \
             nAvgBytesPerSec {nAvgBytesPerSec}"
        ));
    }
    Ok((
        head,
        Wave {
            rate: nSamplesPerSec,
            channels: nChannels,
            bits: wBitsPerSample,
            frame_bytes: nBlockAlign,
        },
    ))
}

/// Whether the list of attributes that a format announces lies within the bytes that the client sent. A miniport gets no length with
/// a format, so KS must see to that (inferred: no page says so).
pub(super) fn check_attributes(bytes: &[u8]) -> Result<(), NTSTATUS> {
    let word = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        four.map(|four| u32::from_le_bytes(four) as usize)
            .ok_or(STATUS_INVALID_BUFFER_SIZE)
    };
    if word(4)? & KSDATAFORMAT_ATTRIBUTES as usize == 0 {
        return Ok(());
    }
    let list = word(0)?.next_multiple_of(8);
    let (size, _count) = (word(list)?, word(list + 4)?);
    if size < size_of::<KSMULTIPLE_ITEM>() || bytes.len() - list < size {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    Ok(())
}

/// Whether a format that the driver gave is whole and in its range.
pub(super) fn check(bytes: &[u8], range: &Range) -> Result<(), String> {
    let (head, wave) = parse(bytes)?;
    let Some(audio) = range.audio else {
        return Ok(());
    };
    let inside = wave.rate >= audio.MinimumSampleFrequency
        && wave.rate <= audio.MaximumSampleFrequency
        && u32::from(wave.bits) >= audio.MinimumBitsPerSample
        && u32::from(wave.bits) <= audio.MaximumBitsPerSample
        && u32::from(wave.channels) <= audio.MaximumChannels;
    if !inside {
        return Err(format!("{wave:?} lies outside of the range {audio:?}"));
    }
    let tag = read::<u16>(bytes[size_of::<KSDATAFORMAT>()..].as_ptr().cast());
    let agrees = match tag {
        WAVE_FORMAT_PCM => head.SubFormat == KSDATAFORMAT_SUBTYPE_PCM,
        WAVE_FORMAT_IEEE_FLOAT => head.SubFormat == KSDATAFORMAT_SUBTYPE_IEEE_FLOAT,
        _ => true,
    };
    if agrees {
        Ok(())
    } else {
        Err(format!(
            "format tag {tag} under the sub-format {}",
            head.SubFormat
        ))
    }
}
