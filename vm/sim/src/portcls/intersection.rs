//! The port's own data-intersection handler, for miniports that leave it to the port with STATUS_NOT_IMPLEMENTED ("Default
//! Data-Intersection Handlers"): PCM alone, mono or stereo, and of everything the highest value.

use waverig_portcls::KSDATARANGE_AUDIO;
use waverig_portcls::id::{
    KSDATAFORMAT_SPECIFIER_WAVEFORMATEX, KSDATAFORMAT_SUBTYPE_PCM, KSDATAFORMAT_TYPE_AUDIO,
};

/// Bytes of a KSDATAFORMAT and of the WAVEFORMATEX behind it.
const HEAD: usize = 64;
const WAVE: usize = 18;
/// WAVE_FORMAT_PCM (mmreg.h).
const PCM: u16 = 1;
/// Sizes of samples that the handler picks from: containers of PCM in WAVEFORMATEX (inferred: the page speaks of 8, 16 and 32).
const BITS: [u32; 4] = [32, 24, 16, 8];

/// A KSDATAFORMAT_WAVEFORMATEX of both ranges; `None` when they have none in common that the handler knows.
pub(super) fn default(client: &KSDATARANGE_AUDIO, own: &KSDATARANGE_AUDIO) -> Option<Vec<u8>> {
    let pcm = |range: &KSDATARANGE_AUDIO| range.DataRange.SubFormat == KSDATAFORMAT_SUBTYPE_PCM;
    if !pcm(own) || !(pcm(client) || client.DataRange.SubFormat == waverig_portcls::Guid::default())
    {
        return None;
    }
    let channels = client.MaximumChannels.min(own.MaximumChannels).min(2);
    let least = client.MinimumBitsPerSample.max(own.MinimumBitsPerSample);
    let most = client.MaximumBitsPerSample.min(own.MaximumBitsPerSample);
    let bits = BITS
        .into_iter()
        .find(|bits| (least..=most).contains(bits))?;
    let slowest = client
        .MinimumSampleFrequency
        .max(own.MinimumSampleFrequency);
    let rate = client
        .MaximumSampleFrequency
        .min(own.MaximumSampleFrequency);
    if channels == 0 || rate < slowest || rate == 0 {
        return None;
    }
    let (channels, bits) = (channels as u16, bits as u16);
    let frame = channels * (bits / 8);
    let mut bytes = Vec::with_capacity(HEAD + WAVE);
    bytes.extend(((HEAD + WAVE) as u32).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(u32::from(frame).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    for guid in [
        KSDATAFORMAT_TYPE_AUDIO,
        KSDATAFORMAT_SUBTYPE_PCM,
        KSDATAFORMAT_SPECIFIER_WAVEFORMATEX,
    ] {
        bytes.extend(guid.to_bytes());
    }
    bytes.extend(PCM.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(frame)).to_le_bytes());
    bytes.extend(frame.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(channels: u32, bits: (u32, u32), rates: (u32, u32)) -> KSDATARANGE_AUDIO {
        // SAFETY: a structure of integers.
        let mut range: KSDATARANGE_AUDIO = unsafe { std::mem::zeroed() };
        range.DataRange.SubFormat = KSDATAFORMAT_SUBTYPE_PCM;
        range.MaximumChannels = channels;
        (range.MinimumBitsPerSample, range.MaximumBitsPerSample) = bits;
        (range.MinimumSampleFrequency, range.MaximumSampleFrequency) = rates;
        range
    }

    fn check(client: &KSDATARANGE_AUDIO, expect: Option<(u16, u16, u32)>) {
        let own = range(8, (16, 24), (44_100, 96_000));
        let found = default(client, &own).map(|bytes| {
            let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let rate = u32::from(word(HEAD + 4)) | u32::from(word(HEAD + 6)) << 16;
            (word(HEAD + 2), word(HEAD + 14), rate)
        });
        assert_eq!(found, expect);
    }

    #[test]
    fn the_highest_of_everything_is_picked() {
        check(
            &range(u32::MAX, (8, 32), (8_000, 192_000)),
            Some((2, 24, 96_000)),
        );
        check(&range(1, (16, 16), (48_000, 48_000)), Some((1, 16, 48_000)));
        check(&range(2, (32, 32), (48_000, 48_000)), None);
        check(&range(2, (16, 16), (8_000, 22_050)), None);
        check(&range(0, (16, 16), (48_000, 48_000)), None);
    }
}
