//! What is known of guests that came up, for reports.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use waverig_protocol::Condition;

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
}

impl Guests {
    /// Takes note of one that is up, which began to be made at that moment, and asks what it fulfils.
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
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.boots.push(began.elapsed());
        known.conditions = conditions;
        Ok(())
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
        remarks.extend(known.conditions.iter().map(crate::condition_in_words));
        remarks
    }
}
