//! The record of recent events: a ring of fixed size that never refuses and never waits; what is old gives way.
//!
//! Events that differ only in their time and come one directly after the other are one entry with a count, so that whoever
//! repeats the same thing pushes nothing else out.

use crate::units::Qpc;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened, or happened first.
    pub at: Qpc,
    /// What happened: a number of the caller's.
    pub kind: u16,
    /// To which device and cable: numbers of the caller's.
    pub source: [u8; 2],
    /// How often, one directly after the other; at least 1.
    pub count: u32,
    /// What the kind says.
    pub values: [u64; 3],
}

/// The last `N` entries. `N` is a power of two.
#[derive(Debug)]
pub struct Trace<const N: usize> {
    entries: [Entry; N],
    /// Sequence number of the next entry.
    next: u64,
}

impl<const N: usize> Trace<N> {
    const EMPTY: Entry = Entry {
        at: Qpc(0),
        kind: 0,
        source: [0; 2],
        count: 0,
        values: [0; 3],
    };

    /// An empty record.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N.is_power_of_two()) };
        Self {
            entries: [Self::EMPTY; N],
            next: 0,
        }
    }

    /// Notes an event.
    pub fn note(&mut self, at: Qpc, kind: u16, source: [u8; 2], values: [u64; 3]) {
        if let Some(number) = self.next.checked_sub(1)
            && let Some(last) = self.place(number)
            && (last.kind, last.source, last.values) == (kind, source, values)
        {
            last.count = last.count.saturating_add(1);
            return;
        }
        if let Some(place) = self.place(self.next) {
            *place = Entry {
                at,
                kind,
                source,
                count: 1,
                values,
            };
        }
        self.next = self.next.saturating_add(1);
    }

    /// Sequence number of the next entry.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Sequence number of the oldest entry that is still there; the next one's when there is none.
    #[must_use]
    pub const fn oldest(&self) -> u64 {
        self.next.saturating_sub(N as u64)
    }

    /// The entry with this sequence number, if it is there.
    #[must_use]
    pub fn get(&self, sequence: u64) -> Option<&Entry> {
        if sequence < self.oldest() || sequence >= self.next {
            return None;
        }
        self.entries.get(index::<N>(sequence))
    }

    fn place(&mut self, sequence: u64) -> Option<&mut Entry> {
        self.entries.get_mut(index::<N>(sequence))
    }
}

impl<const N: usize> Default for Trace<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The remainder by a power of two.
const fn index<const N: usize>(sequence: u64) -> usize {
    sequence as usize & N.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::tests::config;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #![proptest_config(config(400))]
        #[test]
        fn the_last_entries_are_there_and_repeated_ones_are_counted(
            kinds in proptest::collection::vec(0u16..3, 0..40),
        ) {
            let mut trace = Trace::<8>::new();
            let mut model: Vec<Entry> = Vec::new();
            for (at, &kind) in kinds.iter().enumerate() {
                let entry = Entry {
                    at: Qpc(at as i64),
                    kind,
                    source: [1, 2],
                    count: 1,
                    values: [kind.into(), 0, 0],
                };
                trace.note(entry.at, entry.kind, entry.source, entry.values);
                match model.last_mut() {
                    Some(last) if last.kind == kind => last.count += 1,
                    _ => model.push(entry),
                }
                let oldest = model.len().saturating_sub(8);
                prop_assert_eq!((trace.oldest(), trace.next()), (oldest as u64, model.len() as u64));
                for sequence in 0..model.len() + 2 {
                    let expect = model.get(sequence).filter(|_| sequence >= oldest);
                    prop_assert_eq!(trace.get(sequence as u64), expect);
                }
            }
        }
    }

    #[test]
    fn what_differs_in_anything_but_time_is_another_event() {
        let mut trace = Trace::<4>::new();
        let same = (1, [1, 1], [1, 2, 3]);
        for (kind, source, values) in [
            same,
            same,
            (2, same.1, same.2),
            (2, [1, 2], same.2),
            (2, [1, 2], [1, 2, 4]),
        ] {
            trace.note(Qpc(0), kind, source, values);
        }
        let counts: Vec<u32> = (0..4)
            .filter_map(|n| trace.get(n))
            .map(|e| e.count)
            .collect();
        assert_eq!(counts, [2, 1, 1, 1]);
    }
}
