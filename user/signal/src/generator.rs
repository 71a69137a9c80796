//! Signals as bytes: any range of frames, the same bits on every host.

use std::fmt;
use std::ops::Range;

use waverig_protocol::scenario::{Format, Signal};

use crate::counter::Counter;
use crate::sine::Sine;

/// Why a signal cannot be generated in a format; the text names the value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalError(String);

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SignalError {}

/// A reference signal in a format. Frame 0 is the signal's first; there is no last one.
#[derive(Clone, Copy, Debug)]
pub struct Generator {
    format: Format,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sine(Sine),
    Counter(Counter),
    /// The same, for so many frames, then so many of silence.
    Intermittent(Counter, u64, u64),
}

impl Generator {
    /// Prepares a signal in a format.
    ///
    /// # Errors
    /// When the format has no rate or no channels, a sine's frequency is not between 0 and half the rate, or its level
    /// is above 0 dB.
    pub fn new(signal: &Signal, format: Format) -> Result<Self, SignalError> {
        if format.rate == 0 || format.channels == 0 {
            return Err(SignalError(format!(
                "a format of {} Hz and {} channels has no frames; both must be at least 1",
                format.rate, format.channels
            )));
        }
        let kind = match *signal {
            Signal::Counter => Kind::Counter(Counter::new(format)),
            Signal::Intermittent { on_ms, off_ms } => {
                let frames = |ms: u32| u64::from(ms) * u64::from(format.rate) / 1000;
                if frames(on_ms) == 0 || frames(off_ms) == 0 {
                    return Err(SignalError(format!(
                        "an intermittent signal of {on_ms} ms and {off_ms} ms of silence lacks one of them at {} Hz",
                        format.rate
                    )));
                }
                Kind::Intermittent(Counter::new(format), frames(on_ms), frames(off_ms))
            }
            Signal::Sine {
                frequency,
                level_db,
            } => {
                let limit = f64::from(format.rate) / 2.0;
                if !(frequency > 0.0 && frequency < limit) {
                    return Err(SignalError(format!(
                        "a sine of {frequency} Hz does not fit a rate of {} Hz; allowed: above 0, below {limit} Hz",
                        format.rate
                    )));
                }
                if !(level_db <= 0.0 && level_db.is_finite()) {
                    return Err(SignalError(format!(
                        "a sine's level of {level_db} dB is not allowed; full scale is 0 dB, lower levels are negative"
                    )));
                }
                Kind::Sine(Sine::new(frequency, level_db, format))
            }
        };
        Ok(Self { format, kind })
    }

    /// The format of the bytes.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Fills `out` with the signal from frame `first` on; bytes that make no whole frame stay as they are.
    pub fn fill(&self, first: u64, out: &mut [u8]) {
        match &self.kind {
            Kind::Sine(sine) => sine.put(first, out),
            Kind::Counter(counter) => counter.fill(first, out),
            Kind::Intermittent(counter, on, off) => {
                let frames = out.chunks_exact_mut(self.format.frame_bytes());
                for (frame, out) in (first..).zip(frames) {
                    if frame % (on + off) < *on {
                        counter.put(frame, out);
                    } else {
                        out.fill(0);
                    }
                }
            }
        }
    }

    /// The bytes of a range of frames.
    pub fn bytes(&self, frames: Range<u64>) -> Vec<u8> {
        let count = frames.end.saturating_sub(frames.start) as usize;
        let mut out = vec![0; count * self.format.frame_bytes()];
        self.fill(frames.start, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use waverig_protocol::scenario::Sample;

    use super::*;

    fn format(sample: Sample) -> Format {
        Format {
            rate: 48_000,
            channels: 2,
            sample,
        }
    }

    fn check(signal: Signal, format: Format, expect: &str) {
        let error = Generator::new(&signal, format).expect_err("refused");
        assert!(error.to_string().contains(expect), "{error}");
    }

    #[test]
    fn impossible_signals_are_refused() {
        let sine = |frequency, level_db| Signal::Sine {
            frequency,
            level_db,
        };
        let good = format(Sample::Pcm16);
        check(sine(24_000.0, 0.0), good, "below 24000 Hz");
        check(sine(0.0, 0.0), good, "above 0");
        check(sine(f64::NAN, 0.0), good, "NaN Hz");
        check(sine(1000.0, 0.1), good, "full scale is 0 dB");
        check(Signal::Counter, Format { rate: 0, ..good }, "0 Hz");
        let silent = Format {
            channels: 0,
            ..good
        };
        check(Signal::Counter, silent, "0 channels");
    }

    proptest! {
        #[test]
        fn any_part_equals_the_part_of_the_whole(start in 0_u64..5000, frames in 0_u64..100, sine: bool) {
            let signal = if sine {
                Signal::Sine { frequency: 997.3, level_db: -3.0 }
            } else {
                Signal::Counter
            };
            for sample in [Sample::Pcm16, Sample::Pcm24, Sample::Float32] {
                let generator = Generator::new(&signal, format(sample)).expect("a good signal");
                let whole = generator.bytes(0..start + frames);
                let at = start as usize * generator.format().frame_bytes();
                prop_assert_eq!(&whole[at..], &generator.bytes(start..start + frames)[..]);
            }
        }
    }
}
