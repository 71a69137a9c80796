//! What a host asks an agent outside of a session: its machine's state, what is left on it, what was written there, how late its timers are.

use std::time::Duration;

use waverig_protocol::noise::Noise;
use waverig_protocol::{Condition, Reply, Request};

use super::{Link, LinkError};
use crate::collect::{Collected, Keep};

impl Link {
    /// What the machine fulfils of what a run needs.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub(crate) fn check(&mut self, deadline: Duration) -> Result<Vec<Condition>, LinkError> {
        let mut fulfilled = Vec::new();
        self.request(&Request::Check, &[], deadline, |reply, _| {
            if let Reply::Checked { conditions } = reply {
                fulfilled = conditions;
            }
        })?;
        Ok(fulfilled)
    }

    /// Has the agent send what its operating system wrote about what happened; what came, in words, whatever became of it. Nothing of a
    /// machine that was ended.
    pub(crate) fn collect(&mut self, deadline: Duration) -> Vec<String> {
        if let Some(told) = self.behind.as_mut().and_then(|behind| behind.collect()) {
            return told;
        }
        let keep = self.behind.as_ref().and_then(|behind| behind.keep());
        keep.map_or_else(Vec::new, |keep| self.collect_to(&keep, deadline))
    }

    /// The same, to there.
    pub(crate) fn collect_to(&mut self, keep: &Keep, deadline: Duration) -> Vec<String> {
        let mut collected = Collected::default();
        let ended = self.request(&Request::Collect, &[], deadline, |reply, payload| {
            collected.take(&keep.folder, &reply, &payload);
        });
        let mut told = collected.told(keep);
        told.extend(
            ended
                .err()
                .map(|error| format!("not everything is collected: {error}")),
        );
        told
    }

    /// What is there of a driver with this hardware id.
    ///
    /// # Errors
    /// As [`Self::request`], and when the agent does not say.
    pub(crate) fn left(
        &mut self,
        hardware_id: &str,
        deadline: Duration,
    ) -> Result<Vec<String>, LinkError> {
        if let Some(left) = self.behind.as_mut().and_then(|behind| behind.left()) {
            return left;
        }
        let request = Request::Leftovers {
            hardware_id: hardware_id.into(),
        };
        let mut left = Err(LinkError("the agent does not say what is left here".into()));
        self.request(&request, &[], deadline, |reply, _| match reply {
            Reply::Left { items } => left = Ok(items),
            Reply::Refused(refusal) => left = Err(LinkError(refusal.reason)),
            _ => {}
        })?;
        left
    }

    /// Has the operating system start anew with Driver Verifier on for these drivers.
    ///
    /// # Errors
    /// As [`Self::request`], and why it is refused.
    pub(crate) fn verify(
        &mut self,
        drivers: &[String],
        deadline: Duration,
    ) -> Result<(), LinkError> {
        let request = Request::Verify {
            drivers: drivers.to_vec(),
        };
        let mut done = Ok(());
        self.request(&request, &[], deadline, |reply, _| {
            if let Reply::Refused(refusal) = reply {
                let text = format!("Driver Verifier is not turned on: {}", refusal.reason);
                done = Err(LinkError(text));
            }
        })?;
        done?;
        self.restart(deadline).map(drop)
    }

    /// How late the machine's timers are, by so many waits; `None` when it does not say.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub(crate) fn noise(
        &mut self,
        waits: u32,
        deadline: Duration,
    ) -> Result<Option<Noise>, LinkError> {
        let mut told = None;
        self.request(&Request::Noise { waits }, &[], deadline, |reply, _| {
            if let Reply::Noise(noise) = reply {
                told = Some(noise);
            }
        })?;
        Ok(told)
    }
}
