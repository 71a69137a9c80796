//! What a person sees while a verb works: one line per step, with its time; colours only on a terminal.

use std::io::{IsTerminal, stderr, stdout};
use std::time::Instant;

use anyhow::Result;

/// Says what happens on standard error; results go to standard output.
pub(crate) struct Ui {
    colour_err: bool,
    colour_out: bool,
}

impl Ui {
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour_err: wanted && stderr().is_terminal(),
            colour_out: wanted && stdout().is_terminal(),
        }
    }

    /// Whether results may be coloured.
    pub(crate) fn colour(&self) -> bool {
        self.colour_out
    }

    /// Runs one step: says what it is, then how long it took or that it failed.
    pub(crate) fn step<T>(
        &self,
        verb: &str,
        what: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.say(verb, what);
        let start = Instant::now();
        let result = work();
        let seconds = start.elapsed().as_secs_f32();
        match &result {
            Ok(_) if seconds >= 1.0 => self.say("", &format!("{seconds:.1} s")),
            Ok(_) => {}
            Err(_) => self.say(verb, &format!("{what}: failed after {seconds:.1} s")),
        }
        result
    }

    /// One line.
    pub(crate) fn say(&self, verb: &str, what: &str) {
        if self.colour_err {
            eprintln!("\x1b[1;36m{verb:>10}\x1b[0m {what}");
        } else {
            eprintln!("{verb:>10} {what}");
        }
    }
}
