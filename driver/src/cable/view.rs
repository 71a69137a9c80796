//! The shared buffer's bytes. User mode may use them while the driver does.

use crate::fault::Fault;
use core::ptr::null_mut;
use waverig_engine::{CyclicMemory, Geometry};

/// A word of the copy loops.
type Word = u64;

/// A mapped buffer, or none.
pub(crate) struct View {
    base: *mut u8,
    len: usize,
    fault: Fault,
}

// SAFETY: system addresses are the same everywhere.
unsafe impl Send for View {}

impl View {
    /// No buffer: everything taken is silence.
    pub(super) const fn none() -> Self {
        Self {
            base: null_mut(),
            len: 0,
            fault: Fault::none(),
        }
    }

    /// The mapping of a buffer, which stays until the stream is detached.
    pub(super) fn new(base: *mut u8, geometry: Geometry) -> Self {
        Self {
            base,
            len: geometry.bytes() as usize,
            fault: Fault::new(&geometry),
        }
    }

    /// The part of `offset..offset + len` that exists.
    fn part(&self, offset: usize, len: usize) -> (*mut u8, usize) {
        match self.len.checked_sub(offset) {
            // SAFETY: the offset lies within the mapping.
            Some(there) => (unsafe { self.base.add(offset) }, len.min(there)),
            None => (null_mut(), 0),
        }
    }
}

impl CyclicMemory for View {
    fn take(&mut self, offset: usize, out: &mut [u8]) {
        self.fault.strike(self.base, self.len);
        let from = self.fault.place(offset, self.len);
        let (base, len) = self.part(from, out.len());
        let (there, beyond) = out.split_at_mut(len.min(out.len()));
        // SAFETY: `part` gives a part of the mapping.
        unsafe { read(base, there) };
        self.fault.wrap(beyond, |beyond| {
            let (base, len) = self.part(0, beyond.len());
            // SAFETY: as above.
            unsafe { read(base, beyond.split_at_mut(len.min(beyond.len())).0) };
        });
        self.fault.taken(out);
        if !self.fault.stays() {
            self.clear(offset, out.len());
        }
    }

    fn put(&mut self, offset: usize, from: &[u8]) {
        let (base, len) = self.part(offset, from.len());
        // SAFETY: `part` gives a part of the mapping.
        unsafe { write(base, from.split_at(len.min(from.len())).0) };
    }

    fn clear(&mut self, offset: usize, len: usize) {
        let (base, len) = self.part(offset, len);
        // SAFETY: `part` gives a part of the mapping.
        unsafe { clear(base, len) };
    }
}

/// Reads each byte once: volatile, because another processor may write it at the same time.
///
/// # Safety
/// `from` is mapped for as many bytes as `out` has.
unsafe fn read(from: *const u8, out: &mut [u8]) {
    let edge = from.align_offset(align_of::<Word>()).min(out.len());
    let (head, rest) = out.split_at_mut(edge);
    let (words, tail) = rest.as_chunks_mut::<{ size_of::<Word>() }>();
    // SAFETY: within the range, and the words are aligned.
    unsafe {
        let body = from.add(edge);
        for (at, byte) in head.iter_mut().enumerate() {
            *byte = from.add(at).read_volatile();
        }
        for (at, word) in words.iter_mut().enumerate() {
            *word = body.cast::<Word>().add(at).read_volatile().to_ne_bytes();
        }
        let behind = body.add(size_of_val(words));
        for (at, byte) in tail.iter_mut().enumerate() {
            *byte = behind.add(at).read_volatile();
        }
    }
}

/// Writes each byte once: volatile, because another processor may read it at the same time.
///
/// # Safety
/// `to` is mapped for as many bytes as `from` has.
unsafe fn write(to: *mut u8, from: &[u8]) {
    let edge = to.align_offset(align_of::<Word>()).min(from.len());
    let (head, rest) = from.split_at(edge);
    let (words, tail) = rest.as_chunks::<{ size_of::<Word>() }>();
    // SAFETY: within the range, and the words are aligned.
    unsafe {
        let body = to.add(edge);
        for (at, byte) in head.iter().enumerate() {
            to.add(at).write_volatile(*byte);
        }
        for (at, word) in words.iter().enumerate() {
            let word = Word::from_ne_bytes(*word);
            body.cast::<Word>().add(at).write_volatile(word);
        }
        let behind = body.add(size_of_val(words));
        for (at, byte) in tail.iter().enumerate() {
            behind.add(at).write_volatile(*byte);
        }
    }
}

/// Writes zeros.
///
/// # Safety
/// `base` is mapped for `len` bytes.
unsafe fn clear(base: *mut u8, len: usize) {
    let edge = base.align_offset(align_of::<Word>()).min(len);
    let words = (len - edge) / size_of::<Word>();
    let behind = edge + words * size_of::<Word>();
    // SAFETY: within the range, and the words are aligned.
    unsafe {
        for at in (0..edge).chain(behind..len) {
            base.add(at).write_volatile(0);
        }
        for at in 0..words {
            base.add(edge).cast::<Word>().add(at).write_volatile(0);
        }
    }
}
