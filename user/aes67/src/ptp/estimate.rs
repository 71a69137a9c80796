//! From time stamps to a line: the master's time over this host's monotonic time.
//!
//! A Sync says `offset + delay` (received here less sent there), a delay request `offset − delay`; the network and both hosts add what they
//! like, never less than nothing. So a line is fitted to the Syncs of half a minute, once through all and once through the lower half; its
//! height is that of the quickest quarter of the Syncs and of the quickest quarter of the requests, half way between.

use std::collections::VecDeque;

use super::{Known, Mapping, State};
use crate::clock::Local;

/// Syncs that are remembered, at most…
const SYNCS: usize = 256;
/// …and requests.
const DELAYS: usize = 128;
/// How long they count.
const WINDOW_NS: i64 = 32_000_000_000;
/// How many there must be before anything is said.
const LEAST_SYNCS: usize = 8;
const LEAST_DELAYS: usize = 3;
/// So far from the line, or twenty times the jitter, a Sync is odd…
const ODD_NS: f64 = 1_000_000.0;
const ODD_JITTERS: f64 = 20.0;
/// …and when so many are in a row, it is the master that has jumped.
const ODD_ROW: usize = 8;
/// …and when so many are, nobody knows.
const ODD_DOUBT: usize = 3;
/// A new line that is so far from the old one is a jump, for those who rely on it.
const JUMP_NS: i64 = 1_000_000;
/// No clock is further off; IEEE 1588 asks for 100 ppm.
const MAX_RATE: f64 = 500e-6;
/// What a crystal may wander while nobody looks: 0.2 ppm.
const WANDER: f64 = 2e-7;

/// A time stamp: when by the local clock, and what that is ahead of the master's.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    at: Local,
    offset: i64,
}

/// The line, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The line.
    pub mapping: Mapping,
    /// One way from the master to here or back, in ns.
    pub delay_ns: i64,
    /// Half of the Syncs are closer to the line than this, in ns.
    pub jitter_ns: i64,
    /// How far the line may have been off when it was fitted, in ns.
    pub error_ns: i64,
    /// How far its rate may be off.
    pub rate_error: f64,
    /// The last Sync that it rests on.
    pub at: Local,
    /// How often the master tells its time, in ns.
    pub interval_ns: i64,
}

impl Estimate {
    /// How far it may be off at a moment, in ns.
    #[must_use]
    pub fn error_at(&self, local: Local) -> i64 {
        let age = local.saturating_sub(self.at).max(0) as f64;
        self.error_ns + (age * (self.rate_error + WANDER)) as i64
    }

    /// From when on the master is silent.
    fn silent_from(&self) -> Local {
        self.at + (4 * self.interval_ns).max(1_000_000_000)
    }
}

/// Remembers time stamps and fits the line.
#[derive(Debug, Default)]
pub struct Estimator {
    syncs: VecDeque<Stamp>,
    delays: VecDeque<Stamp>,
    odd: usize,
    /// Of these stamps.
    fitted: Option<Estimate>,
    /// The last one of former stamps, while these are too few.
    held: Option<Estimate>,
    jumps: u64,
}

impl Estimator {
    /// A Sync came at `at`, `offset` ns after it was sent by the master's clock.
    pub fn sync(&mut self, at: Local, offset: i64) {
        if let Some(fit) = &self.fitted {
            let line = at - fit.mapping.ptp_at(at) + fit.delay_ns;
            let far = (offset - line).unsigned_abs() as f64;
            if far > ODD_NS.max(ODD_JITTERS * fit.jitter_ns as f64) {
                self.odd += 1;
                if self.odd < ODD_ROW {
                    return;
                }
                self.restart();
            }
        }
        self.odd = 0;
        push(&mut self.syncs, SYNCS, Stamp { at, offset });
        self.fit();
    }

    /// A request left at `at`, which was `offset` ns after its arrival by the master's clock; below that, as a rule.
    pub fn delay(&mut self, at: Local, offset: i64) {
        push(&mut self.delays, DELAYS, Stamp { at, offset });
    }

    /// The master went, or another one came: what it said is no measure for what will be said. The line goes on until there is a new one.
    pub fn restart(&mut self) {
        self.syncs.clear();
        self.delays.clear();
        self.odd = 0;
        self.held = self.fitted.take().or(self.held);
    }

    /// What is known at a moment; whether a master is there is asked elsewhere.
    #[must_use]
    pub fn known(&self, now: Local) -> Known {
        let state = match (&self.fitted, &self.held) {
            (Some(fit), _) if now < fit.silent_from() && self.odd < ODD_DOUBT => State::Locked,
            (Some(_), _) | (_, Some(_)) => State::Holdover,
            (None, None) => State::Acquiring,
        };
        let estimate = self.fitted.or(self.held);
        Known {
            state,
            grandmaster: None,
            estimate,
            error_ns: estimate.map_or(0, |estimate| estimate.error_at(now)),
            jumps: self.jumps,
        }
    }

    fn fit(&mut self) {
        let Some(fit) = fit(&self.syncs, &self.delays) else {
            return;
        };
        if let Some(held) = self.held.take() {
            let (old, new) = (held.mapping.ptp_at(fit.at), fit.mapping.ptp_at(fit.at));
            if (new - old).abs() > JUMP_NS {
                self.jumps += 1;
            }
        }
        self.fitted = Some(fit);
    }
}

fn push(stamps: &mut VecDeque<Stamp>, most: usize, stamp: Stamp) {
    let old = |first: &Stamp| stamp.at.saturating_sub(first.at) > WINDOW_NS;
    while stamps.len() >= most || stamps.front().is_some_and(old) {
        stamps.pop_front();
    }
    stamps.push_back(stamp);
}

fn fit(syncs: &VecDeque<Stamp>, delays: &VecDeque<Stamp>) -> Option<Estimate> {
    if syncs.len() < LEAST_SYNCS || delays.len() < LEAST_DELAYS {
        return None;
    }
    let (first, last) = (syncs.front()?, syncs.back()?);
    // From here on relative to the first one: offsets are as large as PTP time, and a float has 53 bits.
    let point = |stamp: &Stamp| {
        let at = stamp.at - first.at;
        (at as f64, (stamp.offset - first.offset) as f64)
    };
    let all: Vec<(f64, f64)> = syncs.iter().map(point).collect();
    let rough = slope(&all);
    let middle = median(&mut over(&all, rough));
    let low: Vec<(f64, f64)> = all
        .iter()
        .copied()
        .filter(|(at, offset)| offset - rough * at <= middle)
        .collect();
    let slope = slope(&low).clamp(-MAX_RATE, MAX_RATE);

    let mut heights = over(&all, slope);
    let asked: Vec<(f64, f64)> = delays.iter().map(point).collect();
    // Above: the quickest are the highest.
    let mut depths: Vec<f64> = over(&asked, slope).iter().map(|height| -height).collect();
    let (high, deep) = (quickest(&mut heights), -quickest(&mut depths));
    let (offset, delay) = ((high + deep) / 2.0, (high - deep) / 2.0);

    let jitter = spread(&mut heights).max(spread(&mut depths));
    let span = (last.at - first.at).max(1) as f64;
    // Four times what chance makes of them, at the end of the line; its slope counts there, too.
    let (many, few) = ((syncs.len() as f64).sqrt(), (delays.len() as f64).sqrt());
    // Of few the jitter itself is not well known.
    let unsure = 4.0 / delays.len() as f64 + 4.0 / syncs.len() as f64;
    let at = last.at;
    let ahead = first.offset + (offset + slope * (at - first.at) as f64).round() as i64;
    Some(Estimate {
        mapping: Mapping {
            local: at,
            ptp: at - ahead,
            rate: -slope,
        },
        delay_ns: delay.round() as i64,
        jitter_ns: jitter.round() as i64,
        error_ns: (jitter * (8.0 / many + 6.0 / few) * (1.0 + unsure)).ceil() as i64 + 100,
        rate_error: 16.0 * (1.0 + unsure) * jitter / (many * span),
        at,
        interval_ns: (last.at - first.at) / (syncs.len() as i64 - 1),
    })
}

/// Of the line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        let dx = point.0 - x;
        (above + dx * (point.1 - y), below + dx * dx)
    });
    if below > 0.0 { above / below } else { 0.0 }
}

/// How high each lies over a line through the origin.
fn over(points: &[(f64, f64)], slope: f64) -> Vec<f64> {
    points
        .iter()
        .map(|(at, offset)| offset - slope * at)
        .collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The mean of the lowest quarter.
fn quickest(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let quarter = values.len().div_ceil(4);
    values[..quarter].iter().sum::<f64>() / quarter as f64
}

/// Half of them are no further from the middle.
fn spread(values: &mut [f64]) -> f64 {
    let middle = median(values);
    let mut far: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&mut far)
}

#[cfg(test)]
mod tests;
