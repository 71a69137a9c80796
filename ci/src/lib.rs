//! What is checked: scenarios, goldens, limits, verdicts, reports.
//!
//! A [`scenario::ScenarioFile`] says what is played and within which limits, [`Evidence`] is what a machine observed,
//! [`judge`] compares the two and a [`golden::Golden`], check by check ([`check::CHECKS`]), and [`report`] writes it
//! down. What should have come out of the tap is worked out from what the client wrote and when ([`expected`]); how it
//! differs is said in words ([`explain`]). [`follow()`] tells of one frame which way it went.

mod chart;
pub mod check;
pub mod clock;
pub mod coverage;
pub mod digest;
mod evidence;
pub mod expected;
pub mod explain;
pub mod faults;
mod follow;
pub mod golden;
pub mod interleave;
mod limits;
mod recorded;
pub mod report;
pub mod scenario;
mod speakers;
mod spectrum;
pub mod steered;
pub mod steering;
pub mod stream;
pub mod sweep;
pub mod timing;
pub mod units;
mod verdict;
mod written;

#[cfg(test)]
mod model;

pub use evidence::{Evidence, Fault, Piece};
pub use follow::follow;
pub use limits::Limits;
pub use verdict::{CheckResult, Picture, RunInfo, ScenarioReport, Verdict, judge};
