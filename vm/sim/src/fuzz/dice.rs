//! Choices of the fuzzer, from a generator of its own: the machine's stays what it is.

use crate::random::Random;

/// Numbers at which lengths, counts and sizes go wrong.
const EDGES: [u32; 20] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    24,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    u32::MAX,
];

/// Seeded choices.
pub(super) struct Dice(Random);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A number below `end`, which is at least 1.
    pub(super) fn below(&self, end: usize) -> usize {
        self.0.up_to(end as u64 - 1) as usize
    }

    /// True once in `times`.
    pub(super) fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub(super) fn of<'a, T>(&self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Any 32 bits, more often an edge or a small number.
    pub(super) fn word(&self) -> u32 {
        match self.below(4) {
            0 => *self.of(&EDGES),
            1 => self.below(20) as u32,
            2 => self
                .of(&EDGES)
                .wrapping_add(self.below(5) as u32)
                .wrapping_sub(2),
            _ => self.0.bits() as u32,
        }
    }

    /// So many bytes: zeros, ones, or anything.
    pub(super) fn bytes(&self, count: usize) -> Vec<u8> {
        match self.below(4) {
            0 => vec![0; count],
            1 => vec![0xFF; count],
            _ => {
                let words = std::iter::repeat_with(|| self.0.bits().to_le_bytes());
                let mut bytes: Vec<u8> = words.take(count.div_ceil(8)).flatten().collect();
                bytes.truncate(count);
                bytes
            }
        }
    }

    /// Damages something well formed: single bits, bytes or words of it, its end, or what follows it.
    pub(super) fn damage(&self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(6) {
                0 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
                1 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.0.bits() as u8;
                    }
                }
                2 | 3 => {
                    let at = at & !3;
                    if let Some(word) = bytes.get_mut(at..at + 4) {
                        word.copy_from_slice(&self.word().to_le_bytes());
                    }
                }
                4 => bytes.truncate(at),
                _ => {
                    let more = self.bytes(self.below(48));
                    bytes.extend(more);
                }
            }
        }
    }
}
