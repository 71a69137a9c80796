//! A scenario's format as KS structures, in bytes.

use waverig_portcls::Guid;
use waverig_portcls::id::{
    AUDIO_SIGNALPROCESSINGMODE_DEFAULT, AUDIO_SIGNALPROCESSINGMODE_RAW,
    KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE, KSDATAFORMAT_SPECIFIER_WAVEFORMATEX,
    KSDATAFORMAT_SUBTYPE_IEEE_FLOAT, KSDATAFORMAT_SUBTYPE_PCM, KSDATAFORMAT_TYPE_AUDIO,
};
use waverig_portcls::{KSAUDIO_SPEAKER_STEREO, KSDATAFORMAT_ATTRIBUTES, WAVE_FORMAT_EXTENSIBLE};
use waverig_protocol::scenario::{Format, Mode, Sample};

/// A GUID in memory order.
pub(crate) fn guid(guid: &Guid) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&guid.Data1.to_le_bytes());
    bytes[4..6].copy_from_slice(&guid.Data2.to_le_bytes());
    bytes[6..8].copy_from_slice(&guid.Data3.to_le_bytes());
    bytes[8..].copy_from_slice(&guid.Data4);
    bytes
}

fn sub_format(format: &Format) -> Guid {
    if format.sample == Sample::Float32 {
        KSDATAFORMAT_SUBTYPE_IEEE_FLOAT
    } else {
        KSDATAFORMAT_SUBTYPE_PCM
    }
}

/// The 64 bytes that data formats and data ranges begin with.
fn head(format: &Format, size: u32, sample_size: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = [size, 0, sample_size, 0]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    for one in [
        KSDATAFORMAT_TYPE_AUDIO,
        sub_format(format),
        KSDATAFORMAT_SPECIFIER_WAVEFORMATEX,
    ] {
        bytes.extend(guid(&one));
    }
    bytes
}

fn container_bits(format: &Format) -> u32 {
    format.sample.bytes() as u32 * 8
}

/// A KSDATARANGE_AUDIO that holds just this format.
pub(crate) fn range(format: &Format) -> Vec<u8> {
    let mut bytes = head(format, 88, 0);
    let bits = container_bits(format);
    for word in [
        u32::from(format.channels),
        bits,
        bits,
        format.rate,
        format.rate,
    ] {
        bytes.extend(word.to_le_bytes());
    }
    // KSDATARANGE_AUDIO ends with padding to a multiple of 8.
    bytes.resize(88, 0);
    bytes
}

/// The speakers that Windows means by a number of channels (ksmedia.h: KSAUDIO_SPEAKER_MONO, _STEREO, _QUAD, _5POINT1_SURROUND,
/// _7POINT1_SURROUND); for other numbers it names none.
fn speakers(channels: u16) -> u32 {
    match channels {
        1 => 0x4,
        2 => KSAUDIO_SPEAKER_STEREO,
        4 => 0x33,
        6 => 0x60F,
        8 => 0x63F,
        _ => 0,
    }
}

/// A KSDATAFORMAT with a WAVEFORMATEXTENSIBLE, as Windows' audio engine sends it.
pub(crate) fn data_format(format: &Format) -> Vec<u8> {
    let frame = format.frame_bytes() as u32;
    let mut bytes = head(format, 104, frame);
    let mask = speakers(format.channels);
    bytes.extend(WAVE_FORMAT_EXTENSIBLE.to_le_bytes());
    bytes.extend(format.channels.to_le_bytes());
    bytes.extend(format.rate.to_le_bytes());
    bytes.extend((format.rate * frame).to_le_bytes());
    bytes.extend((frame as u16).to_le_bytes());
    bytes.extend((container_bits(format) as u16).to_le_bytes());
    bytes.extend(22_u16.to_le_bytes());
    bytes.extend(format.sample.valid_bits().to_le_bytes());
    bytes.extend(mask.to_le_bytes());
    bytes.extend(guid(&sub_format(format)));
    bytes
}

/// The same for a mode, which follows as an attribute: a KSMULTIPLE_ITEM and one KSATTRIBUTE_AUDIOSIGNALPROCESSING_MODE (ks.h,
/// ksmedia.h).
pub(crate) fn data_format_in(format: &Format, mode: Option<Mode>) -> Vec<u8> {
    let mut bytes = data_format(format);
    if let Some(mode) = mode {
        bytes[4..8].copy_from_slice(&KSDATAFORMAT_ATTRIBUTES.to_le_bytes());
        bytes.extend([48_u32, 1, 40, 0].map(u32::to_le_bytes).concat());
        bytes.extend(guid(&KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE));
        bytes.extend(guid(match mode {
            Mode::Raw => &AUDIO_SIGNALPROCESSINGMODE_RAW,
            Mode::Default => &AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
        }));
    }
    bytes
}

/// The format in a KSDATAFORMAT with a WAVEFORMATEXTENSIBLE; `None` for any other.
pub(crate) fn read(bytes: &[u8]) -> Option<Format> {
    let word = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let (low, high) = (word(68)?, word(70)?);
    let float = *bytes.get(88..104)? == guid(&KSDATAFORMAT_SUBTYPE_IEEE_FLOAT);
    // Bits of the container, and those of them that count.
    let sample = Sample::of(float, word(78)?, word(82)?)?;
    (word(64)? == WAVE_FORMAT_EXTENSIBLE).then_some(Format {
        rate: u32::from(high) << 16 | u32::from(low),
        channels: word(66)?,
        sample,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_sizes_of_the_headers() {
        for sample in Sample::ALL {
            let format = Format {
                rate: 48_000,
                channels: 2,
                sample,
            };
            assert_eq!(
                range(&format).len(),
                size_of::<waverig_portcls::KSDATARANGE_AUDIO>(),
                "{sample:?}"
            );
            let bytes = data_format(&format);
            assert_eq!(
                bytes.len(),
                size_of::<waverig_portcls::KSDATAFORMAT_WAVEFORMATEXTENSIBLE>(),
                "{sample:?}"
            );
            assert_eq!(bytes[..4], 104_u32.to_le_bytes());
            assert_eq!(read(&bytes), Some(format), "it is read as it was written");
            assert_eq!(read(&bytes[..103]), None);
        }
    }
}
