//! Audio that is paced by the media clock itself: a tone, and a file.

use std::f64::consts::TAU;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hound::{SampleFormat, WavReader};
use waverig_tap::SampleKind;

use crate::media::Format;

/// A tenth of full scale: −20 dBFS.
const LEVEL: f64 = 0.1;

/// The samples of a file, one after the other.
type Samples<T> = Box<dyn Iterator<Item = hound::Result<T>> + Send>;

/// What is sent.
pub enum Source {
    /// A sine in every channel, for ever.
    Tone {
        /// Its frequency, in parts of the rate.
        turn: f64,
        /// Samples of a frame.
        channels: u16,
        /// The next frame.
        frame: u64,
    },
    /// A file of integers, once.
    Integers {
        /// Its samples.
        samples: Samples<i32>,
        /// Bits that they lack of 32.
        shift: u32,
        /// Samples of a frame.
        channels: u16,
    },
    /// A file of floats, once.
    Floats {
        /// Its samples.
        samples: Samples<f32>,
        /// Samples of a frame.
        channels: u16,
    },
}

impl Source {
    /// A tone for a stream.
    #[must_use]
    pub fn tone(hz: f64, format: Format) -> Self {
        Self::Tone {
            turn: hz / f64::from(format.rate),
            channels: format.channels,
            frame: 0,
        }
    }

    /// A file for a stream.
    ///
    /// # Errors
    /// When it is none, or has another rate: nothing is converted here.
    pub fn wav(path: &Path, format: Format) -> Result<Self> {
        let file = || format!("{} is no WAV file that can be read", path.display());
        let reader = WavReader::open(path).with_context(file)?;
        Self::of(reader, format).with_context(|| path.display().to_string())
    }

    fn of(reader: WavReader<impl Read + Send + 'static>, format: Format) -> Result<Self> {
        let spec = reader.spec();
        ensure!(
            spec.sample_rate == format.rate,
            "the file has {} frames a second, the stream {}: take --format {:?}/{}/{}, or convert the file",
            spec.sample_rate,
            format.rate,
            format.encoding,
            spec.sample_rate,
            format.channels,
        );
        let channels = spec.channels;
        ensure!(channels > 0, "the file has no channels");
        Ok(match spec.sample_format {
            SampleFormat::Int => Self::Integers {
                samples: Box::new(reader.into_samples()),
                shift: 32u32.saturating_sub(spec.bits_per_sample.into()),
                channels,
            },
            SampleFormat::Float => Self::Floats {
                samples: Box::new(reader.into_samples()),
                channels,
            },
        })
    }

    /// How its samples are given.
    #[must_use]
    pub fn kind(&self) -> SampleKind {
        match self {
            Self::Tone { .. } | Self::Integers { .. } => SampleKind::Pcm32,
            Self::Floats { .. } => SampleKind::Float32,
        }
    }

    /// Samples of a frame.
    #[must_use]
    pub fn channels(&self) -> u16 {
        match self {
            Self::Tone { channels, .. }
            | Self::Integers { channels, .. }
            | Self::Floats { channels, .. } => *channels,
        }
    }

    /// Puts so many frames into `out`, or as many as there are.
    ///
    /// # Errors
    /// When the file cannot be read to its end.
    pub fn read(&mut self, frames: u32, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let wanted = frames as usize * usize::from(self.channels());
        let broken = "the WAV file cannot be read to its end";
        match self {
            Self::Tone {
                turn,
                channels,
                frame,
            } => {
                for _ in 0..frames {
                    // The fraction first: the sine of a large number is not exact.
                    let level = (TAU * (*frame as f64 * *turn).fract()).sin() * LEVEL;
                    let sample = ((level * f64::from(1 << 23)).round() as i32) << 8;
                    for _ in 0..*channels {
                        out.extend(sample.to_le_bytes());
                    }
                    *frame += 1;
                }
            }
            Self::Integers { samples, shift, .. } => {
                for sample in samples.take(wanted) {
                    let sample = sample.context(broken)?;
                    out.extend(sample.wrapping_shl(*shift).to_le_bytes());
                }
            }
            Self::Floats { samples, .. } => {
                for sample in samples.take(wanted) {
                    out.extend(sample.context(broken)?.to_le_bytes());
                }
            }
        }
        let frame = usize::from(self.channels()) * 4;
        out.truncate(out.len() / frame * frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{WavSpec, WavWriter};

    use super::*;

    /// A file of three frames.
    fn file(bits: u16, kind: SampleFormat, rate: u32) -> Vec<u8> {
        let spec = WavSpec {
            channels: 2,
            sample_rate: rate,
            bits_per_sample: bits,
            sample_format: kind,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).expect("writable");
        for level in [1, -2, 3, -4, 5, -6] {
            match kind {
                SampleFormat::Int => writer.write_sample(level),
                SampleFormat::Float => writer.write_sample(level as f32),
            }
            .expect("writable");
        }
        writer.finalize().expect("writable");
        bytes.into_inner()
    }

    fn open(bytes: Vec<u8>) -> Result<Source> {
        let reader = WavReader::new(Cursor::new(bytes))?;
        Source::of(reader, "L24/48000/2".parse()?)
    }

    /// Everything, two frames at a time.
    fn read(source: &mut Source) -> Result<Vec<u8>> {
        let (mut all, mut part) = (Vec::new(), Vec::new());
        loop {
            source.read(2, &mut part)?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend(&part);
        }
    }

    #[test]
    fn files_are_read_bit_for_bit() {
        let check = |bits: u16| {
            let mut source = open(file(bits, SampleFormat::Int, 48_000)).expect("a file");
            assert_eq!((source.kind(), source.channels()), (SampleKind::Pcm32, 2));
            let expect = [1i32, -2, 3, -4, 5, -6].map(|level| (level << (32 - bits)).to_le_bytes());
            assert_eq!(
                read(&mut source).expect("readable"),
                expect.concat(),
                "{bits} bits"
            );
        };
        check(8);
        check(16);
        check(24);
        check(32);
        let mut source = open(file(32, SampleFormat::Float, 48_000)).expect("a file");
        assert_eq!(source.kind(), SampleKind::Float32);
        let expect = [1f32, -2.0, 3.0, -4.0, 5.0, -6.0].map(f32::to_le_bytes);
        assert_eq!(read(&mut source).expect("readable"), expect.concat());
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let mut cut = file(24, SampleFormat::Int, 48_000);
        cut.truncate(cut.len() - 4);
        let ended = open(cut).and_then(|mut source| read(&mut source));
        assert!(ended.is_err());
        assert!(open(b"RIFF".to_vec()).is_err());
        let other = open(file(24, SampleFormat::Int, 44_100))
            .err()
            .expect("refused");
        assert!(
            other.to_string().contains("--format L24/44100/2"),
            "{other}"
        );
        let none = Source::wav(
            Path::new("none.wav"),
            "L16/48000/2".parse().expect("a format"),
        );
        let none = format!("{:#}", none.err().expect("refused"));
        assert!(none.contains("none.wav is no WAV file"), "{none}");
    }

    #[test]
    fn a_tone_goes_on_where_it_was() {
        let mut source = Source::tone(12_000.0, "L24/48000/1".parse().expect("a format"));
        let (mut all, mut part) = (Vec::new(), Vec::new());
        for frames in [1, 3, 4] {
            source.read(frames, &mut part).expect("a tone");
            all.extend(
                part.chunks(4)
                    .map(|s| i32::from_le_bytes([s[0], s[1], s[2], s[3]]) >> 8),
            );
        }
        let peak = (1 << 23) / 10 + 1;
        assert_eq!(all, [0, peak, 0, -peak, 0, peak, 0, -peak]);
    }
}
