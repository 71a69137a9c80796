//! How a stream keeps time, for drivers of which nothing is known but what every WaveRT driver shows: positions and notifications
//! against the performance counter.
//!
//! The limits of positions are those of the Hardware Lab Kit's test SamplePositionAccuracy ("Position Accuracy" in its documentation):
//! 1 ms of bias, 1 % of skew, 1 ms of jitter. Nothing states how late a notification may be; here it may be late by less than its
//! packet (inferred: after that the client has no time left to write the next one) and early by 1 ms.

use std::collections::BTreeMap;
use std::fmt;

use waverig_protocol::Program;
use waverig_protocol::timeline::{Event, Stamped};

/// Milliseconds of bias and of jitter, and milliseconds by which a notification may be early.
const BIAS_MS: f64 = 1.0;
const JITTER_MS: f64 = 1.0;
/// Per cent.
const SKEW: f64 = 1.0;
/// A run that shows less than this many positions, or lasts no longer, says nothing about skew.
const FEWEST: usize = 4;
const SHORTEST_MS: f64 = 100.0;

/// What one run of a stream, from RUN to the next state, showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Whose stream.
    pub program: Program,
    /// When it began to run, in milliseconds after the first observation.
    pub begin_ms: f64,
    /// How positions kept to the counter; `None` when there were too few.
    pub positions: Option<Positions>,
    /// How notifications did; `None` without any.
    pub notifications: Option<Notifications>,
}

/// Positions against the counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Positions {
    /// How many.
    pub count: usize,
    /// The mean of how far they were ahead, in milliseconds. Only the first run of a stream has one: it begins at frame 0.
    pub bias_ms: Option<f64>,
    /// How much too fast they ran, in per cent.
    pub skew: f64,
    /// How far they were at most from the straight line, in milliseconds.
    pub jitter_ms: f64,
}

/// Notifications against the boundaries of packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Notifications {
    /// How many.
    pub count: usize,
    /// The packet, in milliseconds.
    pub packet_ms: f64,
    /// The one that was earliest after its boundary (or before it, when negative), and the latest, in milliseconds.
    pub after_ms: (f64, f64),
}

impl Timing {
    /// Whether everything is within its limits.
    pub fn is_good(&self) -> bool {
        let positions = self.positions.is_none_or(|one| {
            one.bias_ms.is_none_or(|bias| bias.abs() <= BIAS_MS)
                && one.skew.abs() <= SKEW
                && one.jitter_ms <= JITTER_MS
        });
        let notifications = self
            .notifications
            .is_none_or(|one| one.after_ms.0 >= -BIAS_MS && one.after_ms.1 < one.packet_ms);
        positions && notifications
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {:.1} ms: ", self.program, self.begin_ms)?;
        match &self.positions {
            None => f.write_str("too few positions to say anything")?,
            Some(one) => {
                write!(f, "{} positions, ", one.count)?;
                if let Some(bias) = one.bias_ms {
                    write!(f, "bias {bias:+.3} ms, ")?;
                }
                write!(
                    f,
                    "skew {:+.4} %, jitter {:.3} ms (limits {BIAS_MS} ms, {SKEW} %, {JITTER_MS} ms)",
                    one.skew, one.jitter_ms
                )?;
            }
        }
        if let Some(one) = &self.notifications {
            write!(
                f,
                "; {} notifications of {:.3} ms, {:+.3} to {:+.3} ms after their packets' ends",
                one.count, one.packet_ms, one.after_ms.0, one.after_ms.1
            )?;
        }
        Ok(())
    }
}

/// What is collected of a run.
struct Run {
    begin: i64,
    first: bool,
    positions: Vec<(i64, u64)>,
    notified: Vec<i64>,
}

/// Every run of every stream in `events`. `rate` knows the rate of a program's stream, `frequency` is the counter's.
pub fn measure(
    events: &[Stamped],
    frequency: i64,
    rate: impl Fn(Program) -> Option<u32>,
) -> Vec<Timing> {
    let zero = events.first().map_or(0, |event| event.qpc);
    let ms = |ticks: i64| ticks as f64 * 1000.0 / frequency as f64;
    let mut packets: BTreeMap<Program, u64> = BTreeMap::new();
    let mut before: BTreeMap<Program, usize> = BTreeMap::new();
    let mut open: BTreeMap<Program, Run> = BTreeMap::new();
    let mut done = Vec::new();
    for one in events {
        match &one.event {
            Event::Opened { packet_frames, .. } => {
                packets.insert(one.program, *packet_frames);
                before.remove(&one.program);
            }
            Event::State { state } => {
                if let Some(run) = open.remove(&one.program) {
                    done.push((one.program, run));
                }
                if state == "run" {
                    let runs = before.entry(one.program).or_default();
                    *runs += 1;
                    let run = Run {
                        begin: one.qpc,
                        first: *runs == 1,
                        positions: Vec::new(),
                        notified: Vec::new(),
                    };
                    open.insert(one.program, run);
                }
            }
            Event::Position { frames } => {
                if let Some(run) = open.get_mut(&one.program) {
                    run.positions.push((one.qpc, *frames));
                }
            }
            Event::Notified => {
                if let Some(run) = open.get_mut(&one.program) {
                    run.notified.push(one.qpc);
                }
            }
            _ => {}
        }
    }
    done.extend(open);
    done.sort_by_key(|(_, run)| run.begin);
    let timing = |(program, run): (Program, Run)| {
        let rate = f64::from(rate(program)?);
        let packet = packets.get(&program).copied().unwrap_or(0) as f64 * 1000.0 / rate;
        let elapsed = |qpc: i64| ms(qpc - run.begin);
        let ahead: Vec<(f64, f64)> = run
            .positions
            .iter()
            .map(|(qpc, frames)| {
                (
                    elapsed(*qpc),
                    *frames as f64 * 1000.0 / rate - elapsed(*qpc),
                )
            })
            .collect();
        // A run that goes on after a pause has its boundaries wherever the pause left them.
        let after: Vec<f64> = (1..)
            .zip(&run.notified)
            .map(|(number, qpc)| elapsed(*qpc) - f64::from(number) * packet)
            .collect();
        let least = after.iter().copied().reduce(f64::min);
        let most = after.iter().copied().reduce(f64::max);
        let notifications = least.zip(most).filter(|_| run.first && packet > 0.0);
        Some(Timing {
            program,
            begin_ms: ms(run.begin - zero),
            positions: positions(&ahead, run.first),
            notifications: notifications.map(|after_ms| Notifications {
                count: after.len(),
                packet_ms: packet,
                after_ms,
            }),
        })
    };
    done.into_iter().filter_map(timing).collect()
}

/// `ahead`: times, and how far positions were ahead of them.
fn positions(ahead: &[(f64, f64)], first: bool) -> Option<Positions> {
    let (begin, end) = (ahead.first()?.0, ahead.last()?.0);
    if ahead.len() < FEWEST || end - begin < SHORTEST_MS {
        return None;
    }
    let count = ahead.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| ahead.iter().map(of).sum::<f64>() / count;
    let (time, bias) = (mean(|one| one.0), mean(|one| one.1));
    let both = |(t, a): &(f64, f64)| (t - time) * (a - bias);
    let square = |(t, _): &(f64, f64)| (t - time) * (t - time);
    let slope = ahead.iter().map(both).sum::<f64>() / ahead.iter().map(square).sum::<f64>();
    let off = |(t, a): &(f64, f64)| (a - bias - slope * (t - time)).abs();
    Some(Positions {
        count: ahead.len(),
        bias_ms: first.then_some(bias),
        skew: slope * 100.0,
        jitter_ms: ahead.iter().map(off).fold(0.0, f64::max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream at 48 kHz with packets of 10 ms, whose positions and notifications the closures bend.
    fn check(position: fn(i64) -> i64, notified: fn(i64) -> i64, good: bool, says: &str) {
        let mut events = vec![Stamped::new(
            0,
            Event::Opened {
                buffer_frames: 960,
                packet_frames: 480,
            },
        )];
        let state = "run".to_owned();
        events.push(Stamped::new(1_000, Event::State { state }));
        for packet in 1..=100_i64 {
            let due = packet * 100_000;
            let at = 1_000 + notified(due);
            events.push(Stamped::new(at, Event::Notified));
            let frames = position(at - 1_000).cast_unsigned() * 48 / 10_000;
            events.push(Stamped::new(at, Event::Position { frames }));
        }
        let timing = measure(&events, 10_000_000, |_| Some(48_000));
        let [one] = &timing[..] else {
            panic!("{timing:?}")
        };
        assert_eq!(one.is_good(), good, "{one}");
        assert!(one.to_string().contains(says), "{one}");
    }

    #[test]
    fn what_keeps_time_is_good_and_what_does_not_is_not() {
        check(
            |t| t,
            |t| t,
            true,
            "bias +0.000 ms, skew +0.0000 %, jitter 0.0",
        );
        check(|t| t, |t| t + 4_000, true, "+0.400 to +0.400 ms after");
        check(|t| t - 11_000, |t| t, false, "bias -1.1");
        check(|t| t + t / 50, |t| t, false, "skew +2.0");
        check(|t| t / 30_000 * 30_000, |t| t, false, "jitter");
        check(|t| t, |t| t + 100_000, false, "+10.000 to +10.000");
        check(|t| t, |t| t - 11_000, false, "-1.100 to -1.100");
    }
}
