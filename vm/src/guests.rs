//! What is known of guests that came up, for reports.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use waverig_protocol::Condition;
use waverig_protocol::noise::Noise;

use crate::{Link, LinkError};

/// Those of one machine.
#[derive(Default)]
pub(crate) struct Guests(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// How long each took until its agent was up.
    boots: Vec<Duration>,
    /// What the last one said of itself.
    conditions: Vec<Condition>,
    /// How late the latest timers were.
    noise: Option<Noise>,
}

/// Waits that say how late a guest's timers are: a tenth of a second.
const WAITS: u32 = 100;

impl Guests {
    /// Takes note of one that is up, which began to be made at that moment, and asks what it fulfils, and how late its timers are.
    ///
    /// # Errors
    /// When it does not say within `deadline`.
    pub(crate) fn greet(
        &self,
        link: &mut Link,
        began: Instant,
        deadline: Duration,
    ) -> Result<(), LinkError> {
        let conditions = link.check(deadline)?;
        let noise = link.noise(WAITS, deadline)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.boots.push(began.elapsed());
        known.conditions = conditions;
        known.noise = known
            .noise
            .into_iter()
            .chain(noise)
            .max_by_key(|noise| noise.most);
        Ok(())
    }

    /// What the last one said of itself.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.conditions.clone()
    }

    /// Lines of a report; `from` is what the times begin with.
    pub(crate) fn remarks(&self, from: &str) -> Vec<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut remarks = Vec::new();
        if let (Some(least), Some(most)) = (known.boots.iter().min(), known.boots.iter().max()) {
            remarks.push(format!(
                "guests that came up: {}, in {:.2} to {:.2} s from {from} to the agent",
                known.boots.len(),
                least.as_secs_f32(),
                most.as_secs_f32()
            ));
        }
        remarks.extend(
            known
                .noise
                .map(|noise| format!("the guests' own timers: {noise}")),
        );
        remarks.extend(known.conditions.iter().map(crate::condition_in_words));
        remarks
    }
}
