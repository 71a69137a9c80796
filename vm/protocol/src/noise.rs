//! How late a machine's own timers wake whoever waits for them, while nothing plays: what its times are worth.

use serde::{Deserialize, Serialize};

/// Whose time a machine measures in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Time {
    /// The machine's own: it moves only when nothing is runnable, and is exact.
    #[default]
    Virtual,
    /// Everybody's: whatever else the machine does takes some of it.
    Real,
}

/// 100-nanosecond units, as Windows counts time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hns(pub u64);

/// How long each wait is to last.
pub const PERIOD: Hns = Hns(10_000);

/// What waiting again and again for [`PERIOD`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    /// How many waits.
    pub waits: u32,
    /// 99 of 100 ended at most so late.
    pub high: Hns,
    /// All of them did.
    pub most: Hns,
}

impl Noise {
    /// Of how late each wait ended; `None` without any.
    #[must_use]
    pub fn of(mut late: Vec<Hns>) -> Option<Self> {
        late.sort_unstable();
        let most = *late.last()?;
        // The rank that is reached by 99 of 100, counted from 1.
        let rank = (late.len() * 99).div_ceil(100);
        Some(Self {
            waits: u32::try_from(late.len()).unwrap_or(u32::MAX),
            high: late[rank.max(1) - 1],
            most,
        })
    }
}

impl std::fmt::Display for Noise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |hns: Hns| hns.0 as f64 / 10_000.0;
        write!(
            f,
            "of {} waits of {} ms without a stream, 99 % ended at most {:.3} ms late, all at most {:.3} ms",
            self.waits,
            ms(PERIOD),
            ms(self.high),
            ms(self.most)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_wait_and_the_99th_of_100_are_told() {
        let check = |late: Vec<u64>, expect: Option<(u32, u64, u64)>| {
            let noise = Noise::of(late.into_iter().map(Hns).collect());
            let told = noise.map(|it| (it.waits, it.high.0, it.most.0));
            assert_eq!(told, expect);
        };
        check(vec![], None);
        check(vec![7], Some((1, 7, 7)));
        check((1..=100).rev().collect(), Some((100, 99, 100)));
        check((1..=1000).collect(), Some((1000, 990, 1000)));
        let noise = Noise::of(vec![Hns(12_345)]).expect("there is one");
        assert!(
            noise.to_string().ends_with("all at most 1.234 ms"),
            "{noise}"
        );
    }
}
