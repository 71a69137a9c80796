//! What a stream is made of: encoding, rate, channels, packet time; and the media clock that its time stamps count.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};

/// Most bytes of audio in a packet: AES67-2018, 6.3; with RTP, UDP and IPv4 headers that is an Ethernet frame with room to spare.
pub const MAX_PAYLOAD: usize = 1440;

/// How a sample is sent, most significant byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 16 bits: RFC 3551, 4.5.11.
    L16,
    /// 24 bits: RFC 3190, 4.
    L24,
}

impl Encoding {
    /// Bytes of a sample.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::L16 => 2,
            Self::L24 => 3,
        }
    }
}

/// `L24/48000/2`, as `rtpmap` of SDP writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// How a sample is sent.
    pub encoding: Encoding,
    /// Frames per second.
    pub rate: u32,
    /// Samples of a frame; not 0.
    pub channels: u16,
}

impl Format {
    /// Bytes of a frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.encoding.bytes() * usize::from(self.channels)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}/{}", self.encoding, self.rate, self.channels)
    }
}

impl FromStr for Format {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        const SHAPE: &str = "a format is written like L24/48000/2";
        let mut parts = text.split('/');
        let mut part = || parts.next().with_context(|| format!("{text:?}: {SHAPE}"));
        let encoding = match part()? {
            "L16" => Encoding::L16,
            "L24" => Encoding::L24,
            other => bail!("{text:?}: AES67 knows the encodings L16 and L24, not {other:?}"),
        };
        let rate = match part()?.parse() {
            Ok(rate @ (44_100 | 48_000 | 96_000)) => rate,
            _ => bail!("{text:?}: AES67 knows the rates 44100, 48000 and 96000; {SHAPE}"),
        };
        let channels = part()?
            .parse()
            .with_context(|| format!("{text:?}: {SHAPE}"))?;
        ensure!(channels > 0, "{text:?}: no channels; {SHAPE}");
        ensure!(parts.next().is_none(), "{text:?}: {SHAPE}");
        Ok(Self {
            encoding,
            rate,
            channels,
        })
    }
}

/// The packet times of AES67-2018, 7.2. At 44.1 kHz a packet has as many frames as at 48 kHz, and takes a little longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketTime {
    /// 125 µs.
    Us125,
    /// 250 µs.
    Us250,
    /// 333 µs.
    Us333,
    /// 1 ms, which every receiver takes.
    Ms1,
    /// 4 ms.
    Ms4,
}

impl PacketTime {
    /// Frames of a packet.
    #[must_use]
    pub const fn frames(self, rate: u32) -> u32 {
        let at_48 = match self {
            Self::Us125 => 6,
            Self::Us250 => 12,
            Self::Us333 => 16,
            Self::Ms1 => 48,
            Self::Ms4 => 192,
        };
        if rate > 48_000 { at_48 * 2 } else { at_48 }
    }
}

impl FromStr for PacketTime {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "125us" => Self::Us125,
            "250us" => Self::Us250,
            "333us" => Self::Us333,
            "1ms" => Self::Ms1,
            "4ms" => Self::Ms4,
            _ => {
                bail!(
                    "{text:?} is no packet time of AES67; there are 125us, 250us, 333us, 1ms, 4ms"
                )
            }
        })
    }
}

/// Format and packet time that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What a frame is.
    pub format: Format,
    /// Frames of a packet.
    pub packet_frames: u32,
}

impl Shape {
    /// # Errors
    /// When a packet would have more than [`MAX_PAYLOAD`] bytes of audio.
    pub fn new(format: Format, time: PacketTime) -> Result<Self> {
        let packet_frames = time.frames(format.rate);
        let frame = packet_frames as usize * format.encoding.bytes();
        let shape = Self {
            format,
            packet_frames,
        };
        ensure!(
            shape.payload_bytes() <= MAX_PAYLOAD,
            "{format}: packets of {packet_frames} frames have {} bytes of audio, AES67 allows {MAX_PAYLOAD}: take at most {} channels, or a \
             shorter packet time",
            shape.payload_bytes(),
            MAX_PAYLOAD / frame,
        );
        Ok(shape)
    }

    /// Bytes of audio in a packet.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.packet_frames as usize * self.format.frame_bytes()
    }

    /// How long a packet lasts, in milliseconds.
    #[must_use]
    pub fn packet_ms(&self) -> f64 {
        f64::from(self.packet_frames) * 1e3 / f64::from(self.format.rate)
    }
}

/// Frames since PTP's epoch at this PTP time (in ns), as far as they are over: AES67-2018, 6.2, with the stream's offset 0.
#[must_use]
pub fn frames_at(ptp_ns: i64, rate: u32) -> i64 {
    let frames = (i128::from(ptp_ns) * i128::from(rate)).div_euclid(1_000_000_000);
    i64::try_from(frames).unwrap_or(i64::MAX)
}

/// The frame nearest to a PTP time.
#[must_use]
pub fn nearest_frame(ptp_ns: i64, rate: u32) -> i64 {
    frames_at(ptp_ns.saturating_add(500_000_000 / i64::from(rate)), rate)
}

/// The first nanosecond of a frame since PTP's epoch.
#[must_use]
pub fn time_of(frame: i64, rate: u32) -> i64 {
    let rate = i128::from(rate);
    let ns = (i128::from(frame) * 1_000_000_000 + rate - 1).div_euclid(rate);
    i64::try_from(ns).unwrap_or(i64::MAX)
}

/// The RTP time stamp of a frame: RFC 3550 has 32 bits for it.
#[must_use]
pub fn timestamp(frame: i64) -> u32 {
    (frame & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_or_refused() {
        let check = |text: &str, expect: &str| {
            let got = match text.parse::<Format>() {
                Ok(format) => format.to_string(),
                Err(error) => format!("{error:#}"),
            };
            assert!(got.contains(expect), "{text}: {got}");
        };
        check("L24/48000/2", "L24/48000/2");
        check("L16/44100/1", "L16/44100/1");
        check("L24/96000/5", "L24/96000/5");
        check("L20/48000/2", "not \"L20\"");
        check("L24/32000/2", "44100, 48000 and 96000");
        check("L24/48000/0", "no channels");
        check("L24/48000", "written like");
        check("L24/48000/2/2", "written like");
        check("L24/48000/x", "written like");
        check("", "not \"\"");
    }

    /// AES67-2018, table 3, and the packet's limit.
    #[test]
    fn packets_have_the_frames_of_aes67_and_fit() {
        let check = |format: &str, time: &str, frames: u32, most: u16| {
            let mut format: Format = format.parse().expect("a format");
            let time: PacketTime = time.parse().expect("a packet time");
            format.channels = most;
            assert_eq!(
                Shape::new(format, time).expect("fits").packet_frames,
                frames
            );
            format.channels += 1;
            let refused = Shape::new(format, time).expect_err("too large").to_string();
            assert!(
                refused.contains(&format!("at most {most} channels")),
                "{refused}"
            );
        };
        check("L24/48000/1", "125us", 6, 80);
        check("L24/48000/1", "250us", 12, 40);
        check("L24/48000/1", "333us", 16, 30);
        check("L24/48000/1", "1ms", 48, 10);
        check("L24/48000/1", "4ms", 192, 2);
        check("L16/44100/1", "1ms", 48, 15);
        check("L16/96000/1", "4ms", 384, 1);
        check("L24/96000/1", "1ms", 96, 5);
        assert!("2ms".parse::<PacketTime>().is_err());
    }

    #[test]
    fn the_media_clock_counts_from_the_epoch_and_wraps() {
        assert_eq!(frames_at(1_000_000_000, 48_000), 48_000);
        assert_eq!(frames_at(999_999_999, 48_000), 47_999);
        assert_eq!(nearest_frame(999_999_999, 48_000), 48_000);
        assert_eq!(time_of(48_001, 48_000), 1_000_020_834);
        assert_eq!(frames_at(time_of(48_001, 48_000), 48_000), 48_001);
        // A date of today, at every rate: frame → time → frame.
        for rate in [44_100, 48_000, 96_000] {
            let frame = frames_at(1_790_000_000_123_456_789, rate);
            for frame in frame..frame + 1000 {
                let ns = time_of(frame, rate);
                assert_eq!(frames_at(ns, rate), frame);
                assert_eq!(frames_at(ns - 1, rate), frame - 1);
            }
        }
        assert_eq!(timestamp(0x1_0000_0002), 2);
        assert_eq!(timestamp(-1), u32::MAX);
    }
}
