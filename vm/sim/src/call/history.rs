//! The last calls between the kernel and the driver, which reports show.

use std::cell::{Cell, RefCell};

use crate::kernel::kernel;
use crate::nt::irql::Irql;
use crate::processor::Side;
use crate::time::Qpc;

/// Calls that a report shows.
pub(super) const REMEMBERED: usize = 160;

/// One event of the ring that reports show.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Call {
        name: &'static str,
        target: usize,
        arguments: [u64; 4],
    },
    Return {
        name: &'static str,
        result: u64,
    },
    Import {
        import: u32,
        arguments: [u64; 4],
    },
    ImportReturn {
        import: u32,
        result: u64,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) at: Qpc,
    pub(super) irql: Irql,
    pub(super) depth: usize,
    pub(super) side: Side,
    pub(super) event: Event,
}

/// The last records.
#[derive(Debug, Default)]
pub(super) struct Ring {
    records: RefCell<Vec<Record>>,
    /// Where the next one goes: the oldest is there once there are as many as are remembered.
    next: Cell<usize>,
}

impl Ring {
    #[inline(always)]
    pub(super) fn add(&self, record: Record) {
        let mut records = self.records.borrow_mut();
        let next = self.next.get();
        match records.get_mut(next) {
            Some(oldest) => *oldest = record,
            None => records.push(record),
        }
        self.next
            .set(if next + 1 == REMEMBERED { 0 } else { next + 1 });
    }

    /// So many of the last lines, oldest first; an import that called nothing takes one line with its result.
    pub(super) fn last(&self, most: usize) -> Vec<String> {
        let records = self.records.borrow();
        let (newest, oldest) = records.split_at(self.next.get());
        let mut lines: Vec<String> = Vec::new();
        let mut before = None;
        // A line takes two records at most.
        let skipped = records.len().saturating_sub(2 * most);
        for record in oldest.iter().chain(newest).skip(skipped) {
            match (before, record.event, lines.last_mut()) {
                (
                    Some(Event::Import { import, .. }),
                    Event::ImportReturn {
                        import: same,
                        result,
                    },
                    Some(line),
                ) if import == same => {
                    line.push_str(&format!(" = {result:#x}"));
                }
                _ => lines.push(record_line(record)),
            }
            before = Some(record.event);
        }
        lines.drain(..lines.len().saturating_sub(most));
        lines
    }
}

fn record_line(record: &Record) -> String {
    let indent = "  ".repeat(record.depth);
    let four = |arguments: &[u64; 4]| arguments.map(|value| format!("{value:#x}")).join(", ");
    let what = match &record.event {
        Event::Call {
            name,
            target,
            arguments,
        } => {
            format!(
                "> {name}({}) at {}",
                four(arguments),
                crate::image::offset_name(*target)
            )
        }
        Event::Return { name, result } => format!("< {name} = {result:#x}"),
        Event::Import { import, arguments } => {
            format!("{}({}, …)", kernel().imports.name(*import), four(arguments))
        }
        Event::ImportReturn { import, result } => {
            format!("{} = {result:#x}", kernel().imports.name(*import))
        }
    };
    let side = match record.side {
        Side::First => "",
        Side::Second => " second processor",
    };
    format!("{} irql {}{side} {indent}{what}", record.at, record.irql.0)
}
