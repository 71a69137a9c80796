//! The machine's state: one `Kernel` per thread, reached through `kernel()`.
//!
//! Each topic owns its part behind interior mutability and borrows it only for the length of one access: a call into
//! the driver can come back through any import.

use std::cell::Cell;
use std::time::Duration;

use crate::call::Calls;
use crate::finding::Findings;
use crate::imports::ImportState;
use crate::nt::NtState;
use crate::processor::Processors;
use crate::random::Random;
use crate::sched::Schedule;
use crate::time::{Clock, Hns, Qpc};

/// What can be chosen about a machine before it starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of everything that is left to chance.
    pub seed: u64,
    /// A timer expires up to this much after its due time, by a seeded amount, so that nothing relies on exact ticks.
    pub timer_lateness: Hns,
    /// Processor time that driver code may take without returning or an event passing before it counts as a runaway.
    pub runaway_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            timer_lateness: Hns::from_micros(400),
            runaway_after: Duration::from_secs(5),
        }
    }
}

/// The simulated machine.
#[derive(Debug)]
pub struct Kernel {
    /// How it was started.
    pub options: Options,
    /// Virtual time.
    pub clock: Clock,
    /// Chance, by seed.
    pub random: Random,
    /// Rules that were broken so far.
    pub findings: Findings,
    pub(crate) schedule: Schedule,
    pub(crate) imports: ImportState,
    pub(crate) calls: Calls,
    pub(crate) nt: NtState,
    pub(crate) processors: Processors,
    pub(crate) exceptions: crate::seh::State,
    pub(crate) threads: crate::threads::Threads,
}

thread_local! {
    static KERNEL: Cell<Option<&'static Kernel>> = const { Cell::new(None) };
}

/// The machine of this thread.
///
/// # Panics
/// When no machine was booted on this thread.
#[inline]
pub fn kernel() -> &'static Kernel {
    KERNEL
        .get()
        .expect("no machine on this thread: Kernel::boot first")
}

/// The machine of this thread, if there is one.
#[inline]
pub fn try_kernel() -> Option<&'static Kernel> {
    KERNEL.get()
}

impl Kernel {
    /// Starts a machine on this thread, replacing the one before it. A machine lives as long as its process: driver
    /// code and host code hold its addresses.
    pub fn boot(options: Options) -> &'static Kernel {
        let machine: &'static Kernel = Box::leak(Box::new(Kernel {
            random: Random::new(options.seed),
            clock: Clock::new(),
            findings: Findings::default(),
            schedule: Schedule::default(),
            imports: ImportState::default(),
            calls: Calls::default(),
            nt: NtState::default(),
            processors: Processors::default(),
            exceptions: crate::seh::State::default(),
            threads: crate::threads::Threads::default(),
            options,
        }));
        KERNEL.set(Some(machine));
        machine
    }

    /// The present moment of virtual time.
    #[inline]
    pub fn now(&self) -> Qpc {
        self.clock.now()
    }
}
