//! Memory: the cyclic buffer that user mode shares with the driver, which the kernel crate implements, and tables.

use alloc::vec::Vec;

/// A table of `len` equal entries, on the heap because a kernel stack is small; `None` without memory.
pub(crate) fn table<T: Clone>(len: usize, entry: T) -> Option<Vec<T>> {
    let mut table = Vec::new();
    table.try_reserve_exact(len).ok()?;
    table.resize(len, entry);
    Some(table)
}

/// The bytes of a stream's cyclic buffer.
///
/// User mode may write any of them at any time, so they are no Rust slice: they are copied once, and whatever is decided is
/// decided on the copy.
pub trait CyclicMemory {
    /// Copies `out.len()` bytes from `offset` into `out`, reading each once, then sets them to zero in the buffer.
    ///
    /// The range lies inside the geometry the stream was given. An implementation that has less memory than that, or
    /// none, fills the rest of `out` with zeros.
    fn take(&mut self, offset: usize, out: &mut [u8]);

    /// Copies `from` to `offset`, writing each byte once, as far as there is memory.
    fn put(&mut self, offset: usize, from: &[u8]);

    /// Sets `len` bytes from `offset` to zero, as far as they exist.
    fn clear(&mut self, offset: usize, len: usize);
}

/// Private memory, for tests and for whoever has exclusive access.
impl CyclicMemory for [u8] {
    fn take(&mut self, offset: usize, out: &mut [u8]) {
        let there = self.get_mut(offset..).unwrap_or_default();
        let count = there.len().min(out.len());
        let (head, tail) = out.split_at_mut(count);
        let (from, _) = there.split_at_mut(count);
        head.copy_from_slice(from);
        tail.fill(0);
        from.fill(0);
    }

    fn put(&mut self, offset: usize, from: &[u8]) {
        let there = self.get_mut(offset..).unwrap_or_default();
        for (place, byte) in there.iter_mut().zip(from) {
            *place = *byte;
        }
    }

    fn clear(&mut self, offset: usize, len: usize) {
        let there = self.get_mut(offset..).unwrap_or_default();
        let count = there.len().min(len);
        there.split_at_mut(count).0.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_clears_and_tolerates_any_range() {
        let mut memory = [1u8, 2, 3, 4];
        let mut out = [9u8; 3];
        memory.take(1, &mut out);
        assert_eq!((memory, out), ([1, 0, 0, 0], [2, 3, 4]));
        memory.take(3, &mut out);
        assert_eq!(out, [0, 0, 0]);
        out = [9; 3];
        memory.take(usize::MAX, &mut out);
        assert_eq!(out, [0, 0, 0]);
        memory.clear(0, usize::MAX);
        memory.clear(usize::MAX, 1);
        assert_eq!(memory, [0; 4]);
        memory.put(2, &[7, 8, 9]);
        memory.put(usize::MAX, &[1]);
        assert_eq!(memory, [0, 0, 7, 8]);
    }
}
