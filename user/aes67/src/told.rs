//! What people read on the way.

use std::time::SystemTime;

use crate::clock;
use crate::ptp::{Known, State};

/// One line about the master.
#[must_use]
pub fn ptp(known: &Known, domain: u8) -> String {
    let mut line = match known.grandmaster {
        Some(clock) => format!(
            "{}: grandmaster {clock}, domain {domain}",
            known.state.name()
        ),
        None => format!("{}: domain {domain}", known.state.name()),
    };
    let Some(estimate) = known.estimate else {
        return line;
    };
    let us = |ns: i64| ns as f64 / 1e3;
    // This clock's against the master's, not the other way round.
    let ppb = (1.0 / (1.0 + estimate.mapping.rate) - 1.0) * 1e9;
    line += &format!(
        ", path delay {:.1} us, jitter {:.1} us, known to {:.1} us; this host's clock runs {ppb:+.0} ppb",
        us(estimate.delay_ns),
        us(estimate.jitter_ns),
        us(known.error_ns),
    );
    // Nothing between the two: what takes time there is told as a difference.
    let (day, local) = (SystemTime::now(), clock::now());
    if let Ok(day) = day.duration_since(SystemTime::UNIX_EPOCH) {
        let ahead = i128::from(estimate.mapping.ptp_at(local)) - day.as_nanos() as i128;
        // PTP counts TAI, which is 37 s ahead of UTC since 2017, unless the master keeps another time.
        line += &format!(
            ", PTP is {:+.6} s ahead of its time of day",
            ahead as f64 / 1e9
        );
    }
    if known.jumps > 0 {
        line += &format!("; jumps of PTP time: {}", known.jumps);
    }
    line
}

/// Colours, where a person reads.
#[must_use]
pub fn state(state: State, coloured: bool) -> String {
    let colour = match state {
        State::Locked => 32,
        State::Acquiring | State::Holdover => 33,
        State::NoMaster => 31,
    };
    match coloured {
        true => format!("\x1b[{colour}m{}\x1b[0m", state.name()),
        false => state.name().into(),
    }
}
