//! What the host wants of the agent: a file on the payload disk.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::places::{ORDER, PAYLOAD};
use crate::sabotage::Sabotage;

/// `agent.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The simulator on the payload disk, and what it is told.
    pub(crate) simulator: Vec<String>,
    /// The serial port with the host at its other end; without it the virtio port of that name is taken.
    #[serde(default)]
    pub(crate) line: Option<PathBuf>,
    /// A file on the payload disk that stands for the dump of the crash that is to come.
    #[serde(default)]
    pub(crate) dump: Option<String>,
    /// What is to go wrong on purpose.
    #[serde(default)]
    pub(crate) sabotage: Option<Sabotage>,
}

impl Order {
    /// Reads it.
    ///
    /// # Errors
    /// When the disk lacks it or it says what nobody understands.
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(ORDER).with_context(|| format!("cannot read {ORDER}"))?;
        serde_json::from_str(&text).with_context(|| format!("{ORDER} is no order"))
    }

    /// The simulator's file.
    ///
    /// # Errors
    /// When none is named.
    pub(crate) fn program(&self) -> Result<String> {
        let name = self.simulator.first();
        let name = name.with_context(|| format!("{ORDER} names no simulator"))?;
        Ok(format!("{PAYLOAD}/{name}"))
    }
}
