//! Formats from hostile bytes, and what two ranges have in common.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::capability::{Capability, RATES};
use crate::stream::tests::config;

fn format(rate: u32, channels: u16, sample: SampleFormat) -> Format {
    Format {
        rate: FrameRate::new(rate).unwrap(),
        channels,
        sample,
        channel_mask: default_mask(channels),
    }
}

/// The extensible form with some bytes replaced.
fn doctored(edits: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = format(48_000, 2, SampleFormat::Pcm24In32).to_ks().to_vec();
    for (at, with) in edits {
        bytes[*at..*at + with.len()].copy_from_slice(with);
    }
    bytes
}

#[test]
fn written_formats_are_read_back() {
    for sample in SampleFormat::ALL {
        for channels in [1, 2, 16] {
            for rate in [8_000, 44_100, 192_000] {
                let format = format(rate, channels, sample);
                assert_eq!(Format::parse(&format.to_ks()), Ok(format));
            }
        }
    }
}

#[test]
fn the_extensible_form_has_its_fields_where_the_headers_say() {
    let bytes = format(44_100, 2, SampleFormat::Pcm24).to_ks();
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
    // FormatSize, SampleSize, MajorFormat.Data1, SubFormat.Data1, Specifier.Data1.
    assert_eq!(
        [0, 8, 16, 32, 48].map(u32_at),
        [104, 6, 0x7364_7561, 1, 0x0558_9F81]
    );
    // wFormatTag, nChannels; nSamplesPerSec, nAvgBytesPerSec; nBlockAlign, wBitsPerSample, cbSize, wValidBitsPerSample.
    assert_eq!([64, 66].map(u16_at), [0xFFFE, 2]);
    assert_eq!([68, 72].map(u32_at), [44_100, 264_600]);
    assert_eq!([76, 78, 80, 82].map(u16_at), [6, 24, 22, 24]);
    // dwChannelMask, SubFormat.Data1.
    assert_eq!([84, 88].map(u32_at), [3, 1]);
    assert_eq!(
        bytes[92..104],
        [0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
    );
}

#[test]
fn the_short_form_is_taken() {
    for (tag, bits, sub, expect) in [
        (1u16, 16u16, 1u8, Ok(SampleFormat::Pcm16)),
        (1, 24, 1, Ok(SampleFormat::Pcm24)),
        (1, 32, 1, Ok(SampleFormat::Pcm32)),
        (3, 32, 3, Ok(SampleFormat::Float32)),
        (1, 32, 3, Err(FormatError::SubFormatMismatch)),
        (1, 8, 1, Err(FormatError::UnsupportedSample)),
        (3, 64, 3, Err(FormatError::UnsupportedSample)),
        (2, 16, 2, Err(FormatError::UnsupportedSample)),
    ] {
        let align = bits / 4;
        let mut bytes = doctored(&[
            (0, &82u32.to_le_bytes()),
            (32, &[sub]),
            (64, &tag.to_le_bytes()),
            (72, &(48_000 * u32::from(align)).to_le_bytes()),
            (76, &align.to_le_bytes()),
            (78, &bits.to_le_bytes()),
            // cbSize of a format without an extension says nothing.
            (80, &0xFFFFu16.to_le_bytes()),
        ]);
        bytes.truncate(82);
        let got = Format::parse(&bytes);
        assert_eq!(got.map(|f| f.sample), expect, "tag {tag}, {bits} bits");
        assert_eq!(got.map_or(0, |f| f.channel_mask), 0);
    }
}

#[test]
fn each_inconsistency_has_its_error() {
    use FormatError::*;
    for (edits, expect) in [
        (&[(0usize, &103u32.to_le_bytes()[..])][..], TooShort),
        (&[(0, &u32::MAX.to_le_bytes())], TooShort),
        (&[(0, &0u32.to_le_bytes())], TooShort),
        (&[(16, &[0])], NotAudio),
        (&[(48, &[0])], NotWave),
        (&[(32, &[3])], SubFormatMismatch),
        (&[(88, &[3])], SubFormatMismatch),
        (&[(32, &[7]), (88, &[7])], UnsupportedSample),
        (&[(64, &[2, 0])], UnsupportedSample),
        (&[(66, &[0, 0])], BadChannels),
        (&[(66, &[65, 0])], BadChannels),
        (&[(66, &[3, 0])], BadBlockAlign),
        (&[(76, &[7, 0])], BadBlockAlign),
        (&[(78, &[24, 0])], BadBlockAlign),
        (&[(68, &[0; 4])], BadRate),
        (&[(68, &[0xFF; 4])], BadRate),
        (&[(68, &44_100u32.to_le_bytes())], BadBytesPerSecond),
        (&[(72, &[1])], BadBytesPerSecond),
        (&[(80, &[21, 0])], TooShort),
        (&[(80, &[23, 0])], TooShort),
        (&[(82, &[0, 0])], BadValidBits),
        (&[(82, &[33, 0])], BadValidBits),
        (&[(82, &[20, 0])], UnsupportedSample),
        (&[(86, &[4])], BadChannelMask),
    ] {
        assert_eq!(Format::parse(&doctored(edits)), Err(expect), "{edits:?}");
    }
}

#[test]
fn what_follows_a_format_is_left_alone() {
    let mut bytes = doctored(&[]);
    bytes.extend([0xAA; 24]);
    assert!(Format::parse(&bytes).is_ok());
    // A longer extension than ours is as well.
    bytes[0] = 128;
    bytes[80] = 46;
    assert!(Format::parse(&bytes).is_ok());
    bytes[80] = 47;
    assert_eq!(Format::parse(&bytes), Err(FormatError::TooShort));
}

#[test]
fn a_device_takes_every_rate_and_sample_format_with_up_to_its_channels() {
    for most in [1, 2, 16] {
        let device = Capability::usual(most);
        let mut taken = 0;
        // Miri gets a sample.
        let step = if cfg!(miri) { 48_000 } else { 25 };
        for rate in (0..=200_000).step_by(step).chain([192_001, 1_000_000]) {
            for (channels, sample) in
                (1..=17).flat_map(|n| SampleFormat::ALL.map(|sample| (n, sample)))
            {
                let Some(rate) = FrameRate::new(rate) else {
                    continue;
                };
                let format = Format {
                    rate,
                    channels,
                    sample,
                    channel_mask: 0,
                };
                let expect = if !RATES.contains(&rate) {
                    Err(FormatError::UnsupportedRate)
                } else if channels > most {
                    Err(FormatError::UnsupportedChannels)
                } else {
                    taken += 1;
                    Ok(())
                };
                assert_eq!(device.accepts(&format), expect, "{format:?}");
            }
        }
        if !cfg!(miri) {
            assert_eq!(taken, 11 * 5 * most);
        }
    }
}

#[test]
fn what_a_device_is_given_out_of_range_becomes_something_usual() {
    for (channels, rate, expect) in [
        (0, 48_000, (1, 48_000)),
        (2, 44_100, (2, 44_100)),
        (17, 192_000, (16, 192_000)),
        (u16::MAX, 0, (16, 48_000)),
        (8, 12_345, (8, 48_000)),
        (8, u32::MAX, (8, 48_000)),
    ] {
        let device = Capability::new(channels, rate, SampleFormat::Pcm16);
        let preferred = device.preferred();
        assert_eq!((preferred.channels, preferred.rate.hertz()), expect);
        assert_eq!(preferred.sample, SampleFormat::Pcm16);
        assert_eq!(preferred.channel_mask, default_mask(preferred.channels));
        assert_eq!(device.accepts(&preferred), Ok(()));
    }
}

#[test]
fn the_largest_format_fits_where_room_is_made_for_it() {
    let device = Capability::usual(16);
    assert_eq!(device.frame_bytes(), 64);
    assert_eq!(device.second_bytes(), 64 * 192_000);
    assert_eq!(device.ranges().count(), Capability::RANGES);
}

fn range(sub: u8, max_channels: u32, bits: (u32, u32), rates: (u32, u32)) -> Vec<u8> {
    let mut bytes = doctored(&[(0, &84u32.to_le_bytes()), (32, &[sub])]);
    if sub == 0 {
        bytes[32..48].fill(0);
    }
    bytes.truncate(64);
    for field in [max_channels, bits.0, bits.1, rates.0, rates.1] {
        bytes.extend(field.to_le_bytes());
    }
    bytes
}

#[test]
fn intersections() {
    use SampleFormat::*;
    let device = Capability::new(8, 44_100, Pcm24);
    let ours = AudioRange::parse(&range(0, 8, (16, 32), (8_000, 192_000))).unwrap();
    let any = (0, u32::MAX);
    for (client, expect) in [
        (range(1, u32::MAX, any, any), Some((44_100, 8, Pcm24))),
        (range(0, 2, any, any), Some((44_100, 2, Pcm24))),
        (
            range(1, 16, any, (48_000, 96_000)),
            Some((96_000, 8, Pcm24)),
        ),
        (range(1, 1, (32, 32), any), Some((44_100, 1, Pcm32))),
        (
            range(1, 2, (8, 16), (48_000, 48_000)),
            Some((48_000, 2, Pcm16)),
        ),
        (range(3, 6, any, (0, 8_000)), Some((8_000, 6, Float32))),
        (range(0, 6, (32, 32), (0, 8_000)), Some((8_000, 6, Pcm32))),
        (range(3, 2, (16, 24), any), None),
        (range(1, 0, any, any), None),
        (range(1, 2, (8, 15), any), None),
        (range(1, 2, (17, 23), any), None),
        (range(1, 2, any, (44_101, 47_999)), None),
    ] {
        let client = AudioRange::parse(&client).unwrap();
        let got = intersect(&client, &ours, &device);
        let expect = expect.map(|(rate, channels, sample)| format(rate, channels, sample));
        assert_eq!(got, expect, "{client:?}");
    }
    let float = AudioRange::parse(&range(3, 2, (32, 32), (48_000, 48_000))).unwrap();
    let client = AudioRange::parse(&range(0, 4, any, any)).unwrap();
    assert_eq!(
        intersect(&client, &float, &device),
        Some(format(48_000, 2, Float32))
    );
}

#[test]
fn ranges_are_checked() {
    let good = range(1, 2, (16, 32), (48_000, 48_000));
    for (at, with, expect) in [
        (0, 83, FormatError::TooShort),
        (0, 85, FormatError::TooShort),
        (16, 1, FormatError::NotAudio),
        (48, 1, FormatError::NotWave),
        (32, 2, FormatError::UnsupportedSample),
        (68, 33, FormatError::EmptyRange),
        (78, 1, FormatError::EmptyRange),
    ] {
        let mut bytes = good.clone();
        bytes[at] = with;
        assert_eq!(AudioRange::parse(&bytes), Err(expect), "byte {at} = {with}");
    }
}

proptest! {
    #![proptest_config(config(3_000))]
    /// No bytes make the parser panic, and what it takes is consistent.
    #[test]
    fn hostile_bytes(
        len in 0usize..130,
        edits in proptest::collection::vec((0usize..130, any::<u8>()), 0..4),
        tail in any::<u8>(),
    ) {
        let mut bytes = doctored(&[]);
        bytes.resize(len, tail);
        for (at, with) in edits {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = with;
            }
        }
        if let Ok(format) = Format::parse(&bytes) {
            prop_assert!(bytes.len() >= 82);
            prop_assert!(format.channels > 0 && format.frame_bytes() > 0);
            prop_assert_eq!(u16::from_le_bytes([bytes[76], bytes[77]]), format.frame_bytes());
            prop_assert_eq!(Format::parse(&format.to_ks()), Ok(format));
        }
        let _ = AudioRange::parse(&bytes);
    }

    /// Whatever a client asks for, what an intersection gives it is taken and lies in both ranges; and when some range of ours
    /// has a format for it, so does the intersection with that range.
    #[test]
    fn intersections_are_taken(
        most in 1_u16..=16,
        preferred in proptest::sample::select(&RATES[..]),
        sample in proptest::sample::select(&SampleFormat::ALL[..]),
        kinds in proptest::sample::select(&[(true, false), (false, true), (true, true)][..]),
        max_channels in prop_oneof![Just(u32::MAX), 0_u32..20],
        bits in (0_u32..40, 0_u32..40),
        rates in (0_u32..250_000, 0_u32..250_000),
    ) {
        let device = Capability::new(most, preferred.hertz(), sample);
        let client = AudioRange { pcm: kinds.0, float: kinds.1, max_channels, bits, rates };
        for ours in device.ranges() {
            let got = intersect(&client, &ours, &device);
            if let Some(format) = got {
                prop_assert_eq!(device.accepts(&format), Ok(()));
                prop_assert!(client.contains(&format) && ours.contains(&format));
                prop_assert_eq!(Format::parse(&format.to_ks()), Ok(format));
            }
            let common = SampleFormat::ALL.into_iter().any(|sample| {
                let one = Format { rate: FrameRate::new(ours.rates.0).unwrap(), channels: 1, sample, channel_mask: 0 };
                client.contains(&one) && ours.contains(&one)
            });
            prop_assert_eq!(got.is_some(), common);
        }
    }

    /// A format is taken exactly when one of the ranges holds it.
    #[test]
    fn ranges_say_what_is_taken(
        most in 1_u16..=16,
        rate in prop_oneof![proptest::sample::select(&RATES[..]).prop_map(FrameRate::hertz), 1_u32..200_000],
        channels in 1_u16..=17,
        sample in proptest::sample::select(&SampleFormat::ALL[..]),
    ) {
        let device = Capability::usual(most);
        let format = Format { rate: FrameRate::new(rate).unwrap(), channels, sample, channel_mask: 0 };
        let held = device.ranges().filter(|range| range.contains(&format)).count();
        prop_assert_eq!(held, usize::from(device.accepts(&format).is_ok()));
    }
}
