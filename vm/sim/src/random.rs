//! The seeded generator behind everything that real machines leave open: same seed, same run.

use std::cell::Cell;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
pub struct Random {
    seed: Cell<u64>,
    state: Cell<u64>,
}

impl Random {
    /// A generator that starts from `seed`; every seed is as good as any other.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed: Cell::new(seed),
            state: Cell::new(seed),
        }
    }

    /// Starts anew from `seed`.
    pub fn reseed(&self, seed: u64) {
        self.seed.set(seed);
        self.state.set(seed);
    }

    /// What it last started from.
    pub fn seed(&self) -> u64 {
        self.seed.get()
    }

    /// The next 64 bits.
    pub fn bits(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..=limit`.
    pub fn up_to(&self, limit: u64) -> u64 {
        // 128-bit multiply instead of a remainder: no bias that matters, no division.
        let span = u128::from(limit) + 1;
        u64::try_from((u128::from(self.bits()) * span) >> 64).expect("at most the limit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_the_same_numbers() {
        let take = |seed| {
            let random = Random::new(seed);
            (0..8).map(|_| random.bits()).collect::<Vec<_>>()
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
    }

    #[test]
    fn a_number_stays_within_its_limit_and_reaches_it() {
        let random = Random::new(1);
        let numbers: Vec<u64> = (0..200).map(|_| random.up_to(3)).collect();
        assert!(numbers.iter().all(|number| *number <= 3));
        assert!(
            (0..=3).all(|wanted| numbers.contains(&wanted)),
            "{numbers:?}"
        );
        assert_eq!(random.up_to(0), 0);
    }
}
