//! Samples of the tap as samples of the stream. Nothing is dithered, scaled or mixed: what fits is sent bit for bit, of what is wider the
//! upper bits are, and a float's full scale is that of integers (1.0 is 2^23, clipped to 2^23 − 1), so that 24-bit audio that came
//! through Windows' engine as floats comes out as it went in.

use waverig_tap::SampleKind;

use crate::media::Encoding;

/// A sample in the upper bits of 32; too few bytes are silence.
fn wide(kind: SampleKind, bytes: &[u8]) -> i32 {
    match (kind, bytes) {
        (SampleKind::Pcm16, &[a, b, ..]) => i32::from_le_bytes([0, 0, a, b]),
        (SampleKind::Pcm24, &[a, b, c, ..]) => i32::from_le_bytes([0, a, b, c]),
        (SampleKind::Pcm24In32 | SampleKind::Pcm32, &[a, b, c, d, ..]) => {
            i32::from_le_bytes([a, b, c, d])
        }
        _ => 0,
    }
}

/// Puts frames of the tap behind `out`, most significant bytes first. A stream that has more channels than the tap gets silence in those,
/// one that has fewer gets the first ones.
pub fn convert(
    kind: SampleKind,
    from: u16,
    encoding: Encoding,
    to: u16,
    frames: &[u8],
    out: &mut Vec<u8>,
) {
    let size = usize::from(kind.bytes());
    let (from, to) = (usize::from(from), usize::from(to));
    for frame in frames.chunks_exact((size * from).max(1)) {
        for channel in 0..to {
            let at = channel * size;
            let sample = match frame.get(at..at + size) {
                Some(bytes) if kind == SampleKind::Float32 => float(bytes, encoding),
                Some(bytes) => wide(kind, bytes),
                None => 0,
            };
            out.extend_from_slice(&sample.to_be_bytes()[..encoding.bytes()]);
        }
    }
}

/// Rounded to the nearest of the encoding's steps, what is beyond full scale is clipped, what is no number is silence.
fn float(bytes: &[u8], encoding: Encoding) -> i32 {
    let Ok(bytes) = bytes.try_into() else {
        return 0;
    };
    let bits = 8 * encoding.bytes() as u32;
    let full = 2f64.powi(bits as i32 - 1);
    let level = (f64::from(f32::from_le_bytes(bytes)) * full).round_ties_even();
    // `as` makes no number 0 and saturates.
    (level.clamp(-full, full - 1.0) as i32) << (32 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: SampleKind, bytes: &[u8], l16: &[u8], l24: &[u8]) {
        for (encoding, expect) in [(Encoding::L16, l16), (Encoding::L24, l24)] {
            let mut out = Vec::new();
            convert(kind, 1, encoding, 1, bytes, &mut out);
            assert_eq!(out, expect, "{kind:?} {bytes:x?} {encoding:?}");
        }
    }

    #[test]
    fn every_kind_has_its_conversion() {
        use SampleKind::*;
        check(Pcm16, &[0x34, 0x12], &[0x12, 0x34], &[0x12, 0x34, 0]);
        check(Pcm16, &[0x00, 0x80], &[0x80, 0], &[0x80, 0, 0]);
        check(
            Pcm24,
            &[0x56, 0x34, 0x92],
            &[0x92, 0x34],
            &[0x92, 0x34, 0x56],
        );
        check(
            Pcm24In32,
            &[0, 0x56, 0x34, 0x12],
            &[0x12, 0x34],
            &[0x12, 0x34, 0x56],
        );
        check(
            Pcm32,
            &[0xFF, 0x56, 0x34, 0x12],
            &[0x12, 0x34],
            &[0x12, 0x34, 0x56],
        );
        let float = |level: f32, l16: &[u8], l24: &[u8]| {
            check(Float32, &level.to_le_bytes(), l16, l24);
        };
        float(0.0, &[0, 0], &[0, 0, 0]);
        float(0.5, &[0x40, 0], &[0x40, 0, 0]);
        float(-1.0, &[0x80, 0], &[0x80, 0, 0]);
        float(1.0, &[0x7F, 0xFF], &[0x7F, 0xFF, 0xFF]);
        float(7.0, &[0x7F, 0xFF], &[0x7F, 0xFF, 0xFF]);
        float(f32::NEG_INFINITY, &[0x80, 0], &[0x80, 0, 0]);
        float(f32::NAN, &[0, 0], &[0, 0, 0]);
    }

    /// All of them: a 24-bit sample that became a float is itself again.
    #[test]
    fn floats_of_integers_come_out_as_they_went_in() {
        let mut out = Vec::new();
        for level in (-(1i32 << 23)..1 << 23).step_by(251).chain([(1 << 23) - 1]) {
            out.clear();
            let float = level as f32 / (1 << 23) as f32;
            convert(
                SampleKind::Float32,
                1,
                Encoding::L24,
                1,
                &float.to_le_bytes(),
                &mut out,
            );
            assert_eq!(out, &(level << 8).to_be_bytes()[..3], "{level}");
        }
    }

    #[test]
    fn channels_are_taken_from_the_first_on_and_filled_with_silence() {
        let frames = [1, 0, 2, 0, 3, 0, 4, 0];
        let check = |from, to, expect: &[u8]| {
            let mut out = Vec::new();
            convert(
                SampleKind::Pcm16,
                from,
                Encoding::L16,
                to,
                &frames,
                &mut out,
            );
            assert_eq!(out, expect, "{from} to {to}");
        };
        check(2, 2, &[0, 1, 0, 2, 0, 3, 0, 4]);
        check(2, 1, &[0, 1, 0, 3]);
        check(2, 3, &[0, 1, 0, 2, 0, 0, 0, 3, 0, 4, 0, 0]);
        check(4, 2, &[0, 1, 0, 2]);
    }
}
