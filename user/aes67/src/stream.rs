//! From blocks of frames to packets: everything that is decided about a stream's audio.

use rand::rngs::StdRng;
use waverig_tap::SampleKind;

use crate::media::Shape;
use crate::rtp::Packets;
use crate::sample::convert;
use crate::timeline::{Place, Timeline};

/// Frames of one stream of Windows', or of whatever else is sent.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Which stream; any other number is another one.
    pub generation: u32,
    /// Index of the first frame in it.
    pub index: u64,
    /// Frames lost in front of it.
    pub lost: u64,
    /// How a sample is stored.
    pub kind: SampleKind,
    /// Samples of a frame.
    pub channels: u16,
    /// The frames, whole ones.
    pub frames: &'a [u8],
    /// PTP time at which the first frame was due, in ns.
    pub ptp_ns: i64,
}

impl Input<'_> {
    fn count(&self) -> u64 {
        let frame = usize::from(self.kind.bytes()) * usize::from(self.channels);
        (self.frames.len() / frame.max(1)) as u64
    }
}

/// What became of the frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Packets that went out.
    pub packets: u64,
    /// Frames that were put into them as they came.
    pub frames: u64,
    /// Frames of silence that were put between them.
    pub silence: u64,
    /// Frames that were lost on the way from the driver; they are silence, too.
    pub lost: u64,
    /// Frames that were not sent, since their time was over.
    pub dropped: u64,
    /// How often frames and time had come apart.
    pub slips: u64,
    /// How often the time stamps went on elsewhere.
    pub gaps: u64,
}

/// A stream.
pub struct Stream {
    shape: Shape,
    timeline: Timeline,
    packets: Packets,
    converted: Vec<u8>,
    counted: Counted,
}

impl Stream {
    /// Nothing was sent.
    #[must_use]
    pub fn new(shape: Shape, payload_type: u8, rng: &mut StdRng) -> Self {
        Self {
            shape,
            timeline: Timeline::new(shape.format.rate),
            packets: Packets::new(shape, payload_type, 0, rng),
            converted: Vec::new(),
            counted: Counted::default(),
        }
    }

    /// Takes a block; each packet that is full goes to `out`. Gives where it went.
    pub fn block(&mut self, input: &Input<'_>, out: &mut impl FnMut(&[u8])) -> Place {
        let count = input.count();
        let place = self
            .timeline
            .place(input.generation, input.index, count, input.ptp_ns);
        if place.restart {
            self.packets.restart(place.first, out);
            self.counted.gaps += u64::from(self.counted.packets > 0);
        }
        self.packets.silence(place.silence, out);
        let frame = usize::from(input.kind.bytes()) * usize::from(input.channels);
        // No more than all of them: the time line says so.
        let sent = input
            .frames
            .get(place.skip as usize * frame..)
            .unwrap_or(&[]);
        self.converted.clear();
        let format = self.shape.format;
        convert(
            input.kind,
            input.channels,
            format.encoding,
            format.channels,
            sent,
            &mut self.converted,
        );
        self.packets.push(&self.converted, out);
        self.counted.frames += count - place.skip;
        self.counted.silence += place.silence;
        self.counted.dropped += place.skip;
        self.counted.lost += input.lost;
        self.counted.slips += u64::from(place.slipped);
        self.counted.packets = self.packets.sent();
        place
    }

    /// The stream of Windows' is over: a packet that has begun is filled with silence and goes out.
    pub fn end(&mut self, out: &mut impl FnMut(&[u8])) {
        if self.timeline.next().is_some() {
            self.packets.fill(out);
            self.timeline.filled(self.packets.next_frame());
            self.counted.packets = self.packets.sent();
        }
    }

    /// There is no stream: silence up to this frame of the media clock.
    pub fn idle(&mut self, until: i64, out: &mut impl FnMut(&[u8])) {
        if self.timeline.next().is_none() {
            self.packets.restart(until, out);
            self.timeline.filled(until);
        }
        let frames = self.timeline.idle(until);
        self.packets.silence(frames, out);
        self.counted.silence += frames;
        self.counted.packets = self.packets.sent();
    }

    /// What became of the frames so far.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rtp_types::RtpPacket;

    use super::*;
    use crate::media::{PacketTime, nearest_frame, timestamp};

    const T0: i64 = 1_790_000_000_000_000_000;

    struct Sent(Vec<(u32, Vec<u8>)>);

    impl Sent {
        fn take(&mut self) -> impl FnMut(&[u8]) + '_ {
            |bytes| {
                let packet = RtpPacket::parse(bytes).expect("RTP");
                self.0.push((packet.timestamp(), packet.payload().to_vec()));
            }
        }

        /// The samples, and that each packet follows the one before.
        fn samples(&self) -> Vec<u16> {
            for pair in self.0.windows(2) {
                assert_eq!(pair[1].0, pair[0].0.wrapping_add(6));
            }
            let bytes: Vec<u8> = self.0.iter().flat_map(|(_, audio)| audio.clone()).collect();
            bytes
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect()
        }
    }

    fn stream() -> Stream {
        let shape = Shape::new("L16/48000/1".parse().expect("a format"), PacketTime::Us125);
        Stream::new(shape.expect("fits"), 98, &mut StdRng::seed_from_u64(1))
    }

    /// Frames whose sample is their index and one.
    fn block(
        stream: &mut Stream,
        sent: &mut Sent,
        generation: u32,
        index: u64,
        lost: u64,
        count: u16,
        at: i64,
    ) -> Place {
        let frames: Vec<u8> = (0..count)
            .flat_map(|n| (index as u16 + n + 1).to_le_bytes())
            .collect();
        let input = Input {
            generation,
            index,
            lost,
            kind: SampleKind::Pcm16,
            channels: 1,
            frames: &frames,
            ptp_ns: T0 + at * 125_000,
        };
        stream.block(&input, &mut sent.take())
    }

    #[test]
    fn frames_lost_ended_and_begun_have_their_places() {
        let (mut stream, mut sent) = (stream(), Sent(Vec::new()));
        block(&mut stream, &mut sent, 1, 0, 0, 8, 0);
        // Four were lost.
        block(&mut stream, &mut sent, 1, 12, 4, 3, 2);
        stream.end(&mut sent.take());
        stream.end(&mut sent.take());
        // Windows plays nothing, then again.
        let now = nearest_frame(T0, 48_000) + 30;
        stream.idle(now, &mut sent.take());
        block(&mut stream, &mut sent, 2, 0, 0, 6, 6);
        assert_eq!(sent.0[0].0, timestamp(nearest_frame(T0, 48_000)));
        let mut expect: Vec<u16> = (1..=8).collect();
        expect.extend([0; 4]);
        expect.extend(13..=15);
        expect.extend([0; 21]);
        expect.extend(1..=6);
        assert_eq!(sent.samples(), expect);
        let counted = Counted {
            packets: 7,
            frames: 17,
            silence: 4 + 12 + 6,
            lost: 4,
            ..Counted::default()
        };
        assert_eq!(stream.counted(), counted);
    }

    #[test]
    fn silence_before_the_first_stream_is_stamped_with_its_time() {
        let (mut stream, mut sent) = (stream(), Sent(Vec::new()));
        let now = nearest_frame(T0, 48_000);
        stream.idle(now - 6, &mut sent.take());
        stream.idle(now + 2, &mut sent.take());
        block(&mut stream, &mut sent, 1, 0, 0, 4, 1);
        assert_eq!(sent.0[0].0, timestamp(now - 6));
        assert_eq!(
            sent.samples(),
            [[0; 12], [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]].concat()[..12]
        );
        assert_eq!(stream.counted().gaps, 0);
    }

    #[test]
    fn frames_whose_time_is_over_are_dropped() {
        let (mut stream, mut sent) = (stream(), Sent(Vec::new()));
        block(&mut stream, &mut sent, 1, 0, 0, 12, 0);
        block(&mut stream, &mut sent, 2, 0, 0, 12, 1);
        let expect: Vec<u16> = (1..=12).chain(7..=12).collect();
        assert_eq!(sent.samples(), expect);
        assert_eq!((stream.counted().dropped, stream.counted().gaps), (6, 0));
    }

    #[test]
    fn after_a_long_pause_time_stamps_say_how_long_it_was() {
        let (mut stream, mut sent) = (stream(), Sent(Vec::new()));
        block(&mut stream, &mut sent, 1, 0, 0, 8, 0);
        let place = block(&mut stream, &mut sent, 2, 0, 0, 6, 80_000);
        assert!(place.restart);
        let stamps: Vec<u32> = sent.0.iter().map(|(stamp, _)| *stamp).collect();
        let first = timestamp(nearest_frame(T0, 48_000));
        assert_eq!(stamps, [first, first + 6, first + 480_000]);
        assert_eq!(sent.0[1].1, [0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(stream.counted().gaps, 1);
    }
}
