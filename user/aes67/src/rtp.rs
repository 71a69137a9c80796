//! RTP packets (RFC 3550, 5.1): twelve bytes in front of the audio.

use rand::Rng;

use crate::media::{Shape, timestamp};

/// Bytes in front of the audio.
pub const HEADER_BYTES: usize = 12;

/// Puts frames into packets of one size. Each packet's time stamp is that of its first frame.
#[derive(Debug)]
pub struct Packets {
    shape: Shape,
    payload_type: u8,
    sequence: u16,
    source: u32,
    /// The packet that is being filled: its header's room and what is there of its audio.
    packet: Vec<u8>,
    /// The first frame of that packet since PTP's epoch.
    first: i64,
    /// Packets that went out.
    sent: u64,
}

impl Packets {
    /// Sequence numbers and the source begin at random, as RFC 3550 wants it. `first` is the first frame that will be put in.
    pub fn new(shape: Shape, payload_type: u8, first: i64, rng: &mut impl Rng) -> Self {
        Self {
            shape,
            payload_type: payload_type & 0x7F,
            sequence: rng.r#gen(),
            source: rng.r#gen(),
            packet: vec![0; HEADER_BYTES],
            first,
            sent: 0,
        }
    }

    /// The frame that would be put in next.
    #[must_use]
    pub fn next_frame(&self) -> i64 {
        let bytes = self.packet.len() - HEADER_BYTES;
        self.first + (bytes / self.shape.format.frame_bytes()) as i64
    }

    /// Packets that went out.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Puts whole frames in, as they are sent; each packet that is full goes to `out`.
    pub fn push(&mut self, mut frames: &[u8], out: &mut impl FnMut(&[u8])) {
        let full = HEADER_BYTES + self.shape.payload_bytes();
        while !frames.is_empty() {
            let (now, later) = frames.split_at(frames.len().min(full - self.packet.len()));
            self.packet.extend_from_slice(now);
            frames = later;
            if self.packet.len() == full {
                self.send(out);
            }
        }
    }

    /// Puts so many silent frames in.
    pub fn silence(&mut self, frames: u64, out: &mut impl FnMut(&[u8])) {
        let frame = self.shape.format.frame_bytes();
        let zeros = vec![0; self.shape.payload_bytes()];
        let mut left = frames;
        while left > 0 {
            let now = left.min(self.shape.packet_frames.into());
            self.push(&zeros[..now as usize * frame], out);
            left -= now;
        }
    }

    /// Fills a packet that has begun with silence, and goes on with another frame.
    pub fn restart(&mut self, first: i64, out: &mut impl FnMut(&[u8])) {
        self.fill(out);
        self.first = first;
    }

    /// Fills a packet that has begun with silence.
    pub fn fill(&mut self, out: &mut impl FnMut(&[u8])) {
        let frames = self.next_frame() - self.first;
        if frames > 0 {
            self.silence(u64::from(self.shape.packet_frames) - frames as u64, out);
        }
    }

    fn send(&mut self, out: &mut impl FnMut(&[u8])) {
        // Version 2, neither padding nor extension nor contributors; no marker: audio without talk spurts (RFC 3551, 4.1).
        self.packet[0] = 2 << 6;
        self.packet[1] = self.payload_type;
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        self.packet[4..8].copy_from_slice(&timestamp(self.first).to_be_bytes());
        self.packet[8..12].copy_from_slice(&self.source.to_be_bytes());
        out(&self.packet);
        self.packet.truncate(HEADER_BYTES);
        self.sequence = self.sequence.wrapping_add(1);
        self.first += i64::from(self.shape.packet_frames);
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use rtp_types::RtpPacket;

    use super::*;
    use crate::media::PacketTime;

    fn shape() -> Shape {
        Shape::new("L16/48000/1".parse().expect("a format"), PacketTime::Us125).expect("fits")
    }

    /// Time stamp and audio of each packet, as another implementation of RTP reads them; sequence and source are looked at here.
    fn read(packets: &[Vec<u8>]) -> Vec<(u32, Vec<u8>)> {
        let mut before: Option<(u16, u32)> = None;
        let one = |bytes: &Vec<u8>| {
            let packet = RtpPacket::parse(bytes).expect("RTP");
            assert_eq!((packet.version(), packet.payload_type()), (2, 98));
            assert!(!packet.marker_bit() && !packet.extension_bit() && packet.n_csrcs() == 0);
            assert_eq!(packet.padding(), None);
            if let Some((sequence, source)) = before {
                assert_eq!(packet.sequence_number(), sequence.wrapping_add(1));
                assert_eq!(packet.ssrc(), source);
            }
            before = Some((packet.sequence_number(), packet.ssrc()));
            (packet.timestamp(), packet.payload().to_vec())
        };
        packets.iter().map(one).collect()
    }

    proptest! {
        /// Whatever the portions: all frames in order, each packet full and stamped with its first frame.
        #[test]
        fn frames_come_in_packets(portions in prop::collection::vec(0usize..40, 0..20), first in any::<i64>(), seed in any::<u64>()) {
            let first = first / 2;
            let mut packets = Packets::new(shape(), 98, first, &mut StdRng::seed_from_u64(seed));
            let mut out = Vec::new();
            let mut sent = Vec::new();
            for portion in portions {
                let frames: Vec<u8> = (0..portion).flat_map(|at| ((sent.len() / 2 + at) as u16).to_be_bytes()).collect();
                packets.push(&frames, &mut |packet| out.push(packet.to_vec()));
                sent.extend(frames);
                prop_assert_eq!(packets.next_frame(), first + sent.len() as i64 / 2);
            }
            let begun = sent.len() % 12;
            packets.fill(&mut |packet| out.push(packet.to_vec()));
            if begun > 0 {
                sent.resize(sent.len() + 12 - begun, 0);
            }
            prop_assert_eq!(packets.sent(), out.len() as u64);
            let mut joined = Vec::new();
            for (at, (stamp, audio)) in read(&out).into_iter().enumerate() {
                prop_assert_eq!(stamp, timestamp(first + 6 * at as i64));
                prop_assert_eq!(audio.len(), 12);
                joined.extend(audio);
            }
            prop_assert_eq!(joined, sent);
        }
    }

    #[test]
    fn a_restart_fills_the_packet_and_stamps_the_next_one_anew() {
        let mut packets = Packets::new(shape(), 98, 0xFFFF_FFFA, &mut StdRng::seed_from_u64(1));
        let mut out = Vec::new();
        let mut sink = |packet: &[u8]| out.push(packet.to_vec());
        packets.push(&[1, 1, 2, 2], &mut sink);
        packets.restart(1000, &mut sink);
        packets.silence(13, &mut sink);
        packets.restart(1000, &mut sink);
        let mut first = vec![1, 1, 2, 2];
        first.resize(12, 0);
        let zeros = vec![0; 12];
        assert_eq!(
            read(&out),
            [
                (0xFFFF_FFFA, first),
                (1000, zeros.clone()),
                (1006, zeros.clone()),
                (1012, zeros)
            ]
        );
    }

    #[test]
    fn two_streams_begin_elsewhere() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut begin = || {
            let mut packet = Vec::new();
            Packets::new(shape(), 98, 0, &mut rng).silence(6, &mut |out| packet = out.to_vec());
            packet
        };
        let (a, b) = (begin(), begin());
        assert_ne!(a[2..4], b[2..4]);
        assert_ne!(a[8..12], b[8..12]);
    }
}
