//! `KSDATAFORMAT` with `WAVEFORMATEX` or `WAVEFORMATEXTENSIBLE` (ks.h, ksmedia.h): from bytes and to bytes.
//!
//! `KSDATAFORMAT` is 64 bytes: FormatSize, Flags, SampleSize, Reserved (32 bits each), then the GUIDs MajorFormat, SubFormat,
//! Specifier. `WAVEFORMATEX` follows with 18 bytes, and in the extensible form 22 more.

use crate::units::FrameRate;

use super::{Format, FormatError, KS_EXTENSIBLE_BYTES, SampleFormat, channels};

/// A GUID as it lies in memory.
pub(super) type Guid = [u8; 16];

/// The GUIDs that carry a format tag have the tag in their first two bytes and this behind it (`DEFINE_WAVEFORMATEX_GUID`).
const fn tagged(tag: u32) -> Guid {
    let [a, b, c, d] = tag.to_le_bytes();
    [
        a, b, c, d, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
    ]
}

/// `KSDATAFORMAT_TYPE_AUDIO`: its first group spells "auds".
pub(super) const TYPE_AUDIO: Guid = tagged(0x7364_7561);
/// `KSDATAFORMAT_SUBTYPE_PCM`.
pub(super) const SUBTYPE_PCM: Guid = tagged(WAVE_FORMAT_PCM as u32);
/// `KSDATAFORMAT_SUBTYPE_IEEE_FLOAT`.
pub(super) const SUBTYPE_FLOAT: Guid = tagged(WAVE_FORMAT_IEEE_FLOAT as u32);
/// `KSDATAFORMAT_SPECIFIER_WAVEFORMATEX`, 05589F81-C356-11CE-BF01-00AA0055595A.
pub(super) const SPECIFIER_WAVEFORMATEX: Guid = [
    0x81, 0x9F, 0x58, 0x05, 0x56, 0xC3, 0xCE, 0x11, 0xBF, 0x01, 0x00, 0xAA, 0x00, 0x55, 0x59, 0x5A,
];

const WAVE_FORMAT_PCM: u16 = 1;
const WAVE_FORMAT_IEEE_FLOAT: u16 = 3;
const WAVE_FORMAT_EXTENSIBLE: u16 = 0xFFFE;
/// `cbSize` of an extensible format.
const EXTENSION_BYTES: u16 = 22;

/// Takes fields from the front of some bytes.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(FormatError::TooShort)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(super) fn u16(&mut self) -> Result<u16, FormatError> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, FormatError> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn guid(&mut self) -> Result<Guid, FormatError> {
        self.take()
    }
}

/// The head that formats and ranges share, and what follows it within `FormatSize`.
pub(super) struct Head<'a> {
    pub(super) major: Guid,
    pub(super) sub: Guid,
    pub(super) specifier: Guid,
    pub(super) rest: Fields<'a>,
}

impl<'a> Head<'a> {
    /// `bytes` may go on behind `FormatSize` (attributes do), but must not end before it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let size = Fields(bytes).u32()?;
        let size = usize::try_from(size).map_err(|_| FormatError::TooShort)?;
        let mut rest = Fields(bytes.get(..size).ok_or(FormatError::TooShort)?);
        for _size_flags_sample_size_reserved in 0..4 {
            rest.u32()?;
        }
        Ok(Self {
            major: rest.guid()?,
            sub: rest.guid()?,
            specifier: rest.guid()?,
            rest,
        })
    }
}

impl Format {
    /// Reads a `KSDATAFORMAT_WAVEFORMATEX` or its extensible form from bytes that a client sent.
    ///
    /// `bytes` are all that may be read; what follows the format (attributes) is left alone.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let Head {
            major,
            sub,
            specifier,
            mut rest,
        } = Head::parse(bytes)?;
        if major != TYPE_AUDIO {
            return Err(FormatError::NotAudio);
        }
        if specifier != SPECIFIER_WAVEFORMATEX {
            return Err(FormatError::NotWave);
        }
        let tag = rest.u16()?;
        let channels = rest.u16()?;
        let rate = rest.u32()?;
        let bytes_per_second = rest.u32()?;
        let block_align = rest.u16()?;
        let container = rest.u16()?;
        let extension = rest.u16()?;
        let (wave_sub, valid, channel_mask) = match tag {
            // `cbSize` says nothing for PCM (WDK: WAVEFORMATEX); for float there is nothing to say either.
            WAVE_FORMAT_PCM | WAVE_FORMAT_IEEE_FLOAT => (tagged(tag.into()), container, 0),
            WAVE_FORMAT_EXTENSIBLE if extension < EXTENSION_BYTES => {
                return Err(FormatError::TooShort);
            }
            WAVE_FORMAT_EXTENSIBLE => {
                if rest.0.len() < usize::from(extension) {
                    return Err(FormatError::TooShort);
                }
                let valid = rest.u16()?;
                let mask = rest.u32()?;
                (rest.guid()?, valid, mask)
            }
            _ => return Err(FormatError::UnsupportedSample),
        };
        if wave_sub != sub {
            return Err(FormatError::SubFormatMismatch);
        }
        let float = match sub {
            SUBTYPE_PCM => false,
            SUBTYPE_FLOAT => true,
            _ => return Err(FormatError::UnsupportedSample),
        };
        if channels == 0 || channels > Self::MAX_CHANNELS {
            return Err(FormatError::BadChannels);
        }
        let frame_rate = FrameRate::new(rate).ok_or(FormatError::BadRate)?;
        if u32::from(block_align).checked_mul(8)
            != u32::from(channels).checked_mul(container.into())
        {
            return Err(FormatError::BadBlockAlign);
        }
        if rate.checked_mul(block_align.into()) != Some(bytes_per_second) {
            return Err(FormatError::BadBytesPerSecond);
        }
        if valid == 0 || valid > container {
            return Err(FormatError::BadValidBits);
        }
        let channel_mask = channels::mask_of(channel_mask, channels)?;
        let sample = SampleFormat::from_bits(float, container, valid)
            .ok_or(FormatError::UnsupportedSample)?;
        Ok(Self {
            rate: frame_rate,
            channels,
            sample,
            channel_mask,
        })
    }

    /// The format as a `KSDATAFORMAT_WAVEFORMATEXTENSIBLE`, which [`Self::parse`] reads back unchanged.
    #[must_use]
    pub fn to_ks(&self) -> [u8; KS_EXTENSIBLE_BYTES] {
        let frame = self.frame_bytes();
        let rate = self.rate.hertz();
        let sub = if self.sample.is_float() {
            SUBTYPE_FLOAT
        } else {
            SUBTYPE_PCM
        };
        let fields: [&[u8]; 17] = [
            &(KS_EXTENSIBLE_BYTES as u32).to_le_bytes(),
            &0u32.to_le_bytes(),
            &u32::from(frame).to_le_bytes(),
            &0u32.to_le_bytes(),
            &TYPE_AUDIO,
            &sub,
            &SPECIFIER_WAVEFORMATEX,
            &WAVE_FORMAT_EXTENSIBLE.to_le_bytes(),
            &self.channels.to_le_bytes(),
            &rate.to_le_bytes(),
            &rate.saturating_mul(frame.into()).to_le_bytes(),
            &frame.to_le_bytes(),
            &self.sample.container_bits().to_le_bytes(),
            &EXTENSION_BYTES.to_le_bytes(),
            &self.sample.valid_bits().to_le_bytes(),
            &self.channel_mask.to_le_bytes(),
            &sub,
        ];
        let mut out = [0; KS_EXTENSIBLE_BYTES];
        for (to, from) in out.iter_mut().zip(fields.iter().copied().flatten()) {
            *to = *from;
        }
        out
    }
}
