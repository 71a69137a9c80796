//! The device's own clock as the host works it out from what was steered and when.
//!
//! The rule is the tap interface's: the slope goes to the wanted one in steps of at most 20 ppm, at every multiple of 40 ms of
//! the counter behind the command; between two steps the clock is a straight line.

/// Furthest that the slope moves at once, in parts per billion.
const STEP: i64 = 20_000;
/// Units of device time in a tick at the nominal rate.
const UNITS: i64 = 1_000_000_000;

/// Device time, in 1e-9 ticks, against the performance counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steered {
    /// Ticks in 40 ms, rounded up.
    grid: i64,
    /// In order of time; the first one reaches back to its start.
    lines: Vec<Line>,
}

/// A stretch of one slope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    start: i64,
    /// In parts per billion.
    slope: i64,
    /// Device time at its start.
    passed: i128,
}

impl Steered {
    /// A clock that nobody has steered.
    pub fn new(frequency: i64) -> Self {
        Self {
            grid: ((i128::from(frequency) * 40 + 999) / 1_000).max(1) as i64,
            lines: vec![Line {
                start: i64::MIN,
                slope: 0,
                passed: 0,
            }],
        }
    }

    /// From `qpc` on the slope goes to `ppb`. Commands come in order of time.
    pub fn steer(&mut self, qpc: i64, ppb: i32) {
        // What was still to come is not any more.
        self.lines.retain(|line| line.start <= qpc);
        let target = i64::from(ppb);
        let mut slope = self.slope(qpc);
        let mut start = qpc.div_euclid(self.grid) * self.grid;
        while slope != target {
            start += self.grid;
            slope += (target - slope).clamp(-STEP, STEP);
            self.lines.push(Line {
                start,
                slope,
                passed: self.passed(start),
            });
        }
    }

    /// The slope at a time, in parts per billion above nominal.
    pub fn slope(&self, qpc: i64) -> i64 {
        self.line(qpc).slope
    }

    /// Device time that passes from one time to another, in 1e-9 ticks; below 0 when that is earlier.
    pub fn between(&self, from: i64, to: i64) -> i128 {
        self.passed(to) - self.passed(from)
    }

    fn line(&self, qpc: i64) -> Line {
        let after = self.lines.partition_point(|line| line.start <= qpc);
        self.lines[after.max(1) - 1]
    }

    fn passed(&self, qpc: i64) -> i128 {
        let line = self.line(qpc);
        line.passed + (i128::from(qpc) - i128::from(line.start)) * i128::from(UNITS + line.slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_goes_in_steps() {
        let mut clock = Steered::new(1_000);
        clock.steer(10, 50_000);
        clock.steer(130, -7);
        for (qpc, slope) in [
            (0, 0),
            (39, 0),
            (40, 20_000),
            (80, 40_000),
            (120, 50_000),
            (159, 50_000),
            (160, 30_000),
            (200, 10_000),
            (240, -7),
            (1_000_000, -7),
        ] {
            assert_eq!(clock.slope(qpc), slope, "at {qpc}");
        }
        assert_eq!(clock.between(0, 40), 40 * 1_000_000_000);
        assert_eq!(
            clock.between(30, 81),
            10 * 1_000_000_000 + 40 * 1_000_020_000 + 1_000_040_000
        );
    }

    #[test]
    fn a_command_on_a_step_moves_the_next_one() {
        let mut clock = Steered::new(1_000);
        clock.steer(0, 40_000);
        clock.steer(40, 0);
        assert_eq!(
            [39, 40, 79, 80].map(|qpc| clock.slope(qpc)),
            [0, 20_000, 20_000, 0]
        );
    }
}
