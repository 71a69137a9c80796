//! Samples of all formats to and from one: 32-bit fixed point, full scale ±2^31.
//!
//! Widening is exact. Narrowing rounds to the nearest, ties towards +∞, and saturates; no dither is added, so that the same
//! audio always gives the same bytes.

use super::float;
use super::route::Mean;
use crate::format::SampleFormat;

/// A sample format whose samples take `N` bytes.
pub(super) trait Sample<const N: usize> {
    /// The value of a sample, full scale ±2^31.
    fn decode(bytes: [u8; N]) -> i32;
    /// The nearest sample.
    fn encode(value: i32) -> [u8; N];
}

pub(super) struct Pcm16;
pub(super) struct Pcm24;
pub(super) struct Pcm24In32;
pub(super) struct Pcm32;
pub(super) struct Float32;

impl Sample<2> for Pcm16 {
    fn decode([low, high]: [u8; 2]) -> i32 {
        i32::from_le_bytes([0, 0, low, high])
    }

    fn encode(value: i32) -> [u8; 2] {
        let [_, _, low, high] = nearest::<16>(value).to_le_bytes();
        [low, high]
    }
}

impl Sample<3> for Pcm24 {
    fn decode([low, middle, high]: [u8; 3]) -> i32 {
        i32::from_le_bytes([0, low, middle, high])
    }

    fn encode(value: i32) -> [u8; 3] {
        let [_, low, middle, high] = nearest::<8>(value).to_le_bytes();
        [low, middle, high]
    }
}

impl Sample<4> for Pcm24In32 {
    /// The lowest byte carries no sound (`wValidBitsPerSample` is 24), whatever is in it.
    fn decode([_, low, middle, high]: [u8; 4]) -> i32 {
        i32::from_le_bytes([0, low, middle, high])
    }

    fn encode(value: i32) -> [u8; 4] {
        let [_, low, middle, high] = nearest::<8>(value).to_le_bytes();
        [0, low, middle, high]
    }
}

impl Sample<4> for Pcm32 {
    fn decode(bytes: [u8; 4]) -> i32 {
        i32::from_le_bytes(bytes)
    }

    fn encode(value: i32) -> [u8; 4] {
        value.to_le_bytes()
    }
}

impl Sample<4> for Float32 {
    fn decode(bytes: [u8; 4]) -> i32 {
        float::to_fixed(u32::from_le_bytes(bytes))
    }

    fn encode(value: i32) -> [u8; 4] {
        float::from_fixed(value).to_le_bytes()
    }
}

/// `value` rounded to the nearest multiple of `2^BITS`, in its upper bits; the lower bits are left as they fall.
fn nearest<const BITS: u32>(value: i32) -> i32 {
    value.saturating_add(const { 1 << BITS >> 1 })
}

/// Evaluates `$body` with `$kind` standing for the type and `$bytes` for the size of the samples of a [`SampleFormat`].
macro_rules! with_sample {
    ($sample:expr, |$kind:ident, $bytes:ident| $body:expr) => {
        match $sample {
            SampleFormat::Pcm16 => with_sample!(@ $kind Pcm16, $bytes 2, $body),
            SampleFormat::Pcm24 => with_sample!(@ $kind Pcm24, $bytes 3, $body),
            SampleFormat::Pcm24In32 => with_sample!(@ $kind Pcm24In32, $bytes 4, $body),
            SampleFormat::Pcm32 => with_sample!(@ $kind Pcm32, $bytes 4, $body),
            SampleFormat::Float32 => with_sample!(@ $kind Float32, $bytes 4, $body),
        }
    };
    (@ $kind:ident $type:ident, $bytes:ident $size:literal, $body:expr) => {{
        type $kind = $type;
        const $bytes: usize = $size;
        $body
    }};
}

/// Converts samples that lie one behind the other, as many as there are on both sides.
pub(super) fn convert_all(from: SampleFormat, input: &[u8], to: SampleFormat, out: &mut [u8]) {
    with_sample!(from, |From, A| with_sample!(to, |To, B| {
        let (input, out) = (input.as_chunks::<A>().0, out.as_chunks_mut::<B>().0);
        for (out, sample) in out.iter_mut().zip(input) {
            *out = <To as Sample<B>>::encode(<From as Sample<A>>::decode(*sample));
        }
    }));
}

/// Converts one sample of each frame: the one at the start of each so many bytes. Samples of one format are copied.
pub(super) fn convert_each(
    (from, input, input_frame): (SampleFormat, &[u8], usize),
    (to, out, out_frame): (SampleFormat, &mut [u8], usize),
) {
    with_sample!(from, |From, A| {
        let samples = input
            .chunks(input_frame)
            .filter_map(<[u8]>::first_chunk::<A>);
        if from == to {
            let places = out
                .chunks_mut(out_frame)
                .filter_map(<[u8]>::first_chunk_mut::<A>);
            for (place, sample) in places.zip(samples) {
                *place = *sample;
            }
        } else {
            let values = samples.map(|sample| <From as Sample<A>>::decode(*sample));
            encode_each(to, values, out, out_frame);
        }
    });
}

/// Decodes one sample of each frame, the one at the start of each `frame_bytes` of `input`.
pub(super) fn decode_each(from: SampleFormat, input: &[u8], frame_bytes: usize, out: &mut [i32]) {
    with_sample!(from, |From, A| {
        let samples = input
            .chunks(frame_bytes)
            .filter_map(<[u8]>::first_chunk::<A>);
        for (out, sample) in out.iter_mut().zip(samples) {
            *out = <From as Sample<A>>::decode(*sample);
        }
    });
}

/// The mean of some of the channels of a frame.
pub(super) fn mean(from: SampleFormat, frame: &[u8], mean: Mean) -> i32 {
    let sum = with_sample!(from, |From, A| {
        let samples = frame.as_chunks::<A>().0.iter().enumerate();
        samples
            .filter(|(channel, _)| mean.channels.unbounded_shr(*channel as u32) & 1 == 1)
            .fold(0i64, |sum, (_, sample)| {
                sum.wrapping_add(<From as Sample<A>>::decode(*sample).into())
            })
    });
    mean.round(sum)
}

/// Encodes `values` into the samples at the start of each `frame_bytes` of `out`.
pub(super) fn encode_each(
    to: SampleFormat,
    values: impl Iterator<Item = i32>,
    out: &mut [u8],
    frame_bytes: usize,
) {
    with_sample!(to, |To, B| {
        let places = out
            .chunks_mut(frame_bytes)
            .filter_map(<[u8]>::first_chunk_mut::<B>);
        for (place, value) in places.zip(values) {
            *place = <To as Sample<B>>::encode(value);
        }
    });
}
