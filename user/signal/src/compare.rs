//! Bit-exact comparison of two captures.

use waverig_protocol::scenario::Format;

/// The first sample in which two captures differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Frame, counted from the start of both captures.
    pub frame: u64,
    /// Channel, from 0.
    pub channel: u16,
    /// The expected sample's bytes.
    pub expected: Vec<u8>,
    /// The bytes that are there instead.
    pub got: Vec<u8>,
}

/// The first sample that differs within the length of the shorter capture; `None` when there is none. Lengths are the
/// caller's to compare.
pub fn first_difference(expected: &[u8], got: &[u8], format: Format) -> Option<Difference> {
    let at = expected.iter().zip(got).position(|(a, b)| a != b)?;
    let sample = at / format.sample.bytes();
    let channels = usize::from(format.channels);
    let part = |bytes: &[u8]| {
        let start = sample * format.sample.bytes();
        bytes[start..bytes.len().min(start + format.sample.bytes())].to_vec()
    };
    Some(Difference {
        frame: (sample / channels) as u64,
        // A channel index is below the channel count, a u16.
        channel: (sample % channels) as u16,
        expected: part(expected),
        got: part(got),
    })
}

#[cfg(test)]
mod tests {
    use waverig_protocol::scenario::Sample;

    use super::*;

    #[test]
    fn the_sample_is_named() {
        let format = Format {
            rate: 48_000,
            channels: 2,
            sample: Sample::Pcm24,
        };
        let expected = vec![7; 60];
        assert_eq!(first_difference(&expected, &expected, format), None);
        let mut got = expected.clone();
        got[35] = 8;
        let difference = first_difference(&expected, &got, format).expect("one byte differs");
        let expect = Difference {
            frame: 5,
            channel: 1,
            expected: vec![7, 7, 7],
            got: vec![7, 7, 8],
        };
        assert_eq!(difference, expect);
    }
}
