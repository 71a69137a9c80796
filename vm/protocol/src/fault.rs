//! Lives of a device in which services of the kernel fail on purpose, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;

/// Lives to be lived, one after the other on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lives {
    /// What is played in each.
    pub scenario: Scenario,
    /// Seeds whatever the machine may choose freely, anew in each life.
    pub seed: u64,
    /// For each life, which of the services that may fail do, counted from 0 at the start of the driver.
    pub plans: Vec<Vec<u64>>,
    /// The host judges the life after each, in which nothing fails: it is told what was seen and recorded in it, as in a run of the scenario.
    /// Otherwise the machine compares what came out with what was played.
    pub judged: bool,
}

/// A service that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// How many that may fail came before.
    pub number: u64,
    /// Its name.
    pub service: String,
    /// What it was asked for; may be empty.
    pub detail: String,
    /// The driver's code that called it.
    pub place: Option<String>,
}

/// What a driver made of services that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// None of them was used.
    Unused,
    /// A start, a program or the removal was refused.
    Refused,
    /// Everything went on, and what was played came out right.
    Absorbed,
}

/// A life that broke no rule, and after which the next one was as if nothing had been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Which services were to fail.
    pub plan: Vec<u64>,
    /// Those that did.
    pub failed: Vec<Failed>,
    /// What came of it.
    pub outcome: Outcome,
    /// What was refused, in words, in order.
    pub refusals: Vec<String>,
    /// How many services were used that may fail, by name.
    pub used: BTreeMap<String, u64>,
}
