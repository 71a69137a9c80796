//! Conversion as a whole: what must be exact is compared exactly, what is filtered is measured in floating point.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::format::SampleFormat;
use crate::stream::tests::config;

const RATES: [u32; 11] = [
    8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000,
];

// Nothing but floating point around it, which takes Miri many minutes.
#[cfg(not(miri))]
mod quality;

fn format(rate: u32, channels: u16, sample: SampleFormat) -> Format {
    Format {
        rate: FrameRate::new(rate).unwrap(),
        channels,
        sample,
        channel_mask: 0,
    }
}

/// Frames 0… in pieces of at most `piece`; silence before and behind them.
struct Frames0 {
    bytes: Vec<u8>,
    frame_bytes: usize,
    piece: u64,
}

impl Source for Frames0 {
    fn frames(&self, first: i64, most: u64) -> Piece<'_> {
        let total = (self.bytes.len() / self.frame_bytes) as i64;
        if first < 0 {
            return Piece::Silence(first.unsigned_abs());
        }
        if first >= total {
            return Piece::Silence(most);
        }
        let count = most.min(self.piece).min((total - first) as u64) as usize;
        let start = first as usize * self.frame_bytes;
        Piece::Audio(&self.bytes[start..start + count * self.frame_bytes])
    }
}

fn source(format: &Format, bytes: Vec<u8>, piece: u64) -> Frames0 {
    Frames0 {
        bytes,
        frame_bytes: format.frame_bytes().into(),
        piece,
    }
}

/// `count` frames from the converter, asked for in steps.
fn run(
    converter: &mut Converter,
    source: &dyn Source,
    count: usize,
    steps: impl IntoIterator<Item = usize>,
) -> Vec<u8> {
    let mut storage = vec![0x5555_5555; storage_samples(converter.to())];
    let frame = usize::from(converter.to().frame_bytes());
    let mut out = vec![0xCC; count * frame];
    let mut steps = steps.into_iter();
    let mut done = 0;
    while done < count {
        let step = steps.next().unwrap_or(count).min(count - done);
        let place = &mut out[done * frame..(done + step) * frame];
        converter.convert(source, &mut storage, place);
        done += step;
    }
    out
}

/// Every two rates that differ; Miri gets a sample.
fn pairs() -> impl Iterator<Item = (u32, u32)> {
    all_pairs()
        .into_iter()
        .step_by(if cfg!(miri) { 40 } else { 1 })
}

#[test]
fn every_sample_format_becomes_every_other() {
    // Miri gets a sample.
    let step = if cfg!(miri) { 4 } else { 1 };
    let full = [
        0,
        1,
        -1,
        127,
        128,
        -128,
        0x7FFF,
        0x1234_5678,
        i32::MAX,
        i32::MIN,
        -0x1234_5678,
    ];
    for from in SampleFormat::ALL.into_iter().step_by(step) {
        for to in SampleFormat::ALL.into_iter().step_by(step) {
            let (from, to) = (format(48_000, 1, from), format(48_000, 1, to));
            for value in full {
                let mut input = vec![0; from.frame_bytes().into()];
                sample::encode_each(from.sample, [value].into_iter(), &mut input, 4);
                let mut exact = [0];
                sample::decode_each(from.sample, &input, 4, &mut exact);
                let mut converter = Converter::new(&from, &to).unwrap();
                let out = run(&mut converter, &source(&from, input.clone(), 9), 1, []);
                let mut got = [0];
                sample::decode_each(to.sample, &out, 4, &mut got);
                let bits = match to.sample {
                    SampleFormat::Pcm16 => 16,
                    SampleFormat::Pcm32 => 32,
                    _ => 24,
                };
                let step = 1i64 << (32 - bits);
                let (exact, got) = (i64::from(exact[0]), i64::from(got[0]));
                let what = std::format!("{value:x} from {:?} to {:?}", from.sample, to.sample);
                // Half a step, or a whole one where it saturates.
                let near_top = exact > i64::from(i32::MAX) - step;
                assert!(
                    (exact - got).abs() <= if near_top { step } else { step / 2 },
                    "{what}"
                );
                if !from.sample.is_float() && from.sample.valid_bits() <= bits {
                    assert_eq!(exact, got, "{what}: widening is exact");
                }
                if from.sample == to.sample {
                    assert_eq!(out, input, "{what}");
                }
            }
        }
    }
}

/// Any format at 48 kHz.
fn any_format() -> impl Strategy<Value = Format> {
    (1..=MOST_CHANNELS, 0usize..5, any::<u32>(), any::<bool>()).prop_map(
        |(channels, sample, mask, none)| Format {
            channel_mask: if none { 0 } else { mask & 0x3FFFF },
            ..format(48_000, channels, SampleFormat::ALL[sample])
        },
    )
}

proptest! {
    #![proptest_config(config(300))]
    #[test]
    fn the_same_format_is_the_same_bytes(
        format in any_format(), bytes in proptest::collection::vec(any::<u8>(), 0..if cfg!(miri) { 99 } else { 2_000 }), piece in 1u64..20,
        from in -20i64..20,
    ) {
        let format = Format { channel_mask: 0, ..format };
        let mut converter = Converter::new(&format, &format).unwrap();
        prop_assert!(converter.is_exact() && converter.latency() == Frames::ZERO);
        converter.seek(Place { frame: from, part: 0 });
        let frame = usize::from(format.frame_bytes());
        let frames = source(&format, bytes.clone(), piece);
        let out = run(&mut converter, &frames, if cfg!(miri) { 22 } else { 60 }, [7, 1, 13]);
        for (at, got) in (from..).zip(out.chunks(frame)) {
            let there = usize::try_from(at).ok().and_then(|at| bytes.chunks_exact(frame).nth(at));
            let silence = vec![0; frame];
            prop_assert_eq!(got, there.unwrap_or(&silence), "frame {}", at);
        }
    }

    /// Whatever the formats, each output sample is what its channel's pick says, converted on its own.
    #[test]
    fn channels_and_samples_convert_one_by_one(
        from in any_format(), to in any_format(), bytes in proptest::collection::vec(any::<u8>(), 0..if cfg!(miri) { 99 } else { 3_000 }),
    ) {
        let frames = if cfg!(miri) { 2 } else { 20 };
        let mut converter = Converter::new(&from, &to).unwrap();
        let out = run(&mut converter, &source(&from, bytes.clone(), 11), frames, [3]);
        let (size, frame) = (usize::from(from.sample.bytes()), usize::from(from.frame_bytes()));
        let out_size = usize::from(to.sample.bytes());
        for at in 0..frames {
            let input = bytes.chunks_exact(frame).nth(at);
            for (channel, pick) in Route::new(&from, &to).picks().enumerate() {
                let start = at * usize::from(to.frame_bytes()) + channel * out_size;
                let got = &out[start..start + out_size];
                let decoded = |channel: u16| {
                    let mut value = [0];
                    let at = usize::from(channel) * size;
                    if let Some(input) = input {
                        sample::decode_each(from.sample, &input[at..at + size], size, &mut value);
                    }
                    value[0]
                };
                let value = match pick {
                    route::Pick::Silence => 0,
                    route::Pick::Copy(channel) if from.sample == to.sample => {
                        let at = usize::from(channel) * size;
                        let zeros = vec![0; frame];
                        prop_assert_eq!(got, &input.unwrap_or(&zeros)[at..at + size]);
                        continue;
                    }
                    route::Pick::Copy(channel) => decoded(channel),
                    route::Pick::Mean(mean) => {
                        let of = (0..from.channels).filter(|channel| mean.channels >> channel & 1 == 1);
                        mean.round(of.map(|channel| i64::from(decoded(channel))).sum())
                    }
                };
                let mut expect = vec![0; out_size];
                sample::encode_each(to.sample, [value].into_iter(), &mut expect, out_size);
                prop_assert_eq!(got, expect);
            }
        }
    }

    /// How output is asked for, in how many pieces input comes, and how many channels there are changes nothing; and input is
    /// never asked for before it sounds.
    #[test]
    fn resampling_does_not_depend_on_the_steps(
        pair in 0usize..110, seed: u32, steps in proptest::collection::vec(1usize..90, 1..20), piece in 1u64..50,
        origin in -5_000i64..5_000,
    ) {
        // Miri gets the shortest filter.
        let (from, to) = if cfg!(miri) { (44_100, 48_000) } else { all_pairs()[pair] };
        let from = format(from, 3, SampleFormat::Pcm24);
        let to = format(to, 3, SampleFormat::Float32);
        let inputs = if cfg!(miri) { 100 } else { 4_000 };
        let mut noise = seed;
        let bytes: Vec<u8> = (0..inputs * 9)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        let mut one = Converter::new(&from, &to).unwrap();
        let origin = Place { frame: origin, part: seed % one.parts() };
        one.seek(origin);
        let mut other = one.clone();
        let whole = source(&from, bytes.clone(), u64::MAX);
        let count = if cfg!(miri) { 5 } else { 400 };
        let at_once = run(&mut one, &whole, count, []);
        let frame = usize::from(to.frame_bytes());
        let mut storage = vec![0; storage_samples(&to)];
        let mut done = 0;
        for step in steps.iter().copied().cycle() {
            let step = step.min(count - done);
            if step == 0 {
                break;
            }
            let place = other.place_after(origin, Frames((done + step) as u64));
            // All input that has been heard completely when the last of these frames ends.
            let heard = usize::try_from(place.frame).unwrap_or(0).min(inputs) * 9;
            let so_far = source(&from, bytes[..heard].to_vec(), piece);
            let mut out = vec![0; step * frame];
            other.convert(&so_far, &mut storage, &mut out);
            prop_assert_eq!(&out[..], &at_once[done * frame..(done + step) * frame], "from {}", done);
            done += step;
        }
    }
}

fn all_pairs() -> Vec<(u32, u32)> {
    let all = RATES
        .into_iter()
        .flat_map(|from| RATES.map(|to| (from, to)));
    all.filter(|(from, to)| from != to).collect()
}

#[test]
fn a_hundred_days_do_not_drift() {
    for (from, to) in pairs() {
        let converter = Converter::new(
            &format(from, 2, SampleFormat::Pcm16),
            &format(to, 2, SampleFormat::Pcm16),
        );
        let converter = converter.unwrap();
        let origin = Place {
            frame: -7,
            part: converter.parts() - 1,
        };
        let days = 100 * 86_400;
        let place = converter.place_after(origin, Frames(days * u64::from(to)));
        assert_eq!(
            place,
            origin.moved(days * u64::from(from)),
            "{from} to {to}"
        );
        // Frame by frame and at once are the same.
        let Rate::Other(resampler) = &converter.rate else {
            panic!("{from} to {to}");
        };
        let mut step = origin;
        for count in 1..500 {
            step = resampler.next_place(step);
            assert_eq!(step, converter.place_after(origin, Frames(count)));
        }
    }
}

#[test]
fn what_cannot_be_converted_is_refused_or_silent() {
    let good = format(48_000, 2, SampleFormat::Pcm16);
    for bad in [
        format(48_000, 0, SampleFormat::Pcm16),
        format(48_000, MOST_CHANNELS + 1, SampleFormat::Pcm16),
        format(1_000, 2, SampleFormat::Pcm16),
        format(1_000_000, 2, SampleFormat::Pcm16),
    ] {
        let taken = bad.rate.hertz() == 1_000_000;
        assert_eq!(Converter::new(&bad, &good).is_some(), taken, "{bad:?}");
        assert_eq!(Converter::new(&good, &bad).is_some(), taken, "{bad:?}");
    }
    // Too little storage, and a source that answers nothing.
    struct Nothing;
    impl Source for Nothing {
        fn frames(&self, _: i64, _: u64) -> Piece<'_> {
            Piece::Audio(&[1])
        }
    }
    let low = format(8_000, 2, SampleFormat::Pcm16);
    for storage in [0, 1, 63, 64, 65, 3_000] {
        let mut converter = Converter::new(&good, &low).unwrap();
        let mut out = [0xCC; 41];
        converter.convert(&Nothing, &mut vec![1; storage], &mut out);
        assert_eq!(out[..40], [0; 40], "{storage}");
        assert_eq!(out[40], 0xCC);
    }
    let mut converter = Converter::new(&good, &good).unwrap();
    let mut out = [0xCC; 41];
    converter.convert(&Nothing, &mut [], &mut out);
    assert_eq!((&out[..40], out[40]), (&[0; 40][..], 0xCC));
}
