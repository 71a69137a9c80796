//! Finds the runs of clear (all-zero) frames in a piece of audio.

/// Bytes that are looked at as one, but at least so many frames: audio is seldom clear for a single frame.
const BLOCK: usize = 512;
const BLOCK_FRAMES: usize = 16;

/// Calls `emit(first, count, clear)` for each maximal run of frames of one kind, in order. `first` counts from the start of
/// `bytes`; bytes behind the last whole frame are left out.
///
/// Of a block in which no word is zero no frame can be clear, and of one that is all zero every frame is; both are seen without
/// looking at frames, by whole machine words. A frame that is clear has a zero word of 8, 4 or 2 bytes, counted from the
/// block's start, when words fill frames, or when the frame is long enough to hold one wherever it starts.
pub(crate) fn runs(bytes: &[u8], frame_bytes: usize, emit: impl FnMut(u64, u64, bool)) {
    let holds = |word: usize| {
        frame_bytes.is_multiple_of(word) || frame_bytes >= word.saturating_mul(2).saturating_sub(1)
    };
    match frame_bytes {
        0 => {}
        1 => by_blocks::<1>(bytes, frame_bytes, emit),
        _ if holds(8) => by_blocks::<8>(bytes, frame_bytes, emit),
        _ if holds(4) => by_blocks::<4>(bytes, frame_bytes, emit),
        _ => by_blocks::<2>(bytes, frame_bytes, emit),
    }
}

fn by_blocks<const WORD: usize>(
    bytes: &[u8],
    frame_bytes: usize,
    emit: impl FnMut(u64, u64, bool),
) {
    // The only divisions: two in a call, however long the audio is.
    let frames = BLOCK.checked_div(frame_bytes).unwrap_or(1);
    let frames = frames.max(BLOCK_FRAMES);
    let mut left = bytes.len().checked_div(frame_bytes).unwrap_or(0);
    let mut runs = Runs {
        kind: None,
        first: 0,
        next: 0,
        emit,
    };
    for block in bytes.chunks(frames.saturating_mul(frame_bytes)) {
        // The last block may be shorter; its last bytes may be no frame.
        let count = left.min(frames) as u64;
        left = left.saturating_sub(frames);
        if !any_zero_word::<WORD>(block) {
            runs.push(count, false);
        } else if block.iter().fold(0, |all, byte| all | byte) == 0 {
            runs.push(count, true);
        } else {
            let mut rest = block;
            while let Some((frame, behind)) = rest.split_at_checked(frame_bytes) {
                runs.push(1, is_zero(frame));
                rest = behind;
            }
        }
    }
    runs.end();
}

/// Whether a whole word of the block is zero. No early exit, so that many words are compared at once.
fn any_zero_word<const WORD: usize>(block: &[u8]) -> bool {
    let (words, _) = block.as_chunks::<WORD>();
    words
        .iter()
        .fold(false, |any, word| any | (*word == [0; WORD]))
}

/// Whether a frame of any size is all zero, eight bytes at a time.
fn is_zero(frame: &[u8]) -> bool {
    let (words, rest) = frame.as_chunks::<8>();
    words.iter().all(|word| *word == [0; 8]) && rest.iter().all(|byte| *byte == 0)
}

/// The run in progress.
struct Runs<F> {
    kind: Option<bool>,
    first: u64,
    next: u64,
    emit: F,
}

impl<F: FnMut(u64, u64, bool)> Runs<F> {
    fn push(&mut self, count: u64, clear: bool) {
        if count > 0 && self.kind != Some(clear) {
            self.end();
            (self.kind, self.first) = (Some(clear), self.next);
        }
        self.next = self.next.saturating_add(count);
    }

    fn end(&mut self) {
        if let Some(clear) = self.kind {
            (self.emit)(self.first, self.next.saturating_sub(self.first), clear);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn found(bytes: &[u8], frame_bytes: usize) -> Vec<(u64, u64, bool)> {
        let mut all = Vec::new();
        runs(bytes, frame_bytes, |first, count, clear| {
            all.push((first, count, clear))
        });
        all
    }

    #[test]
    fn one_set_byte_makes_a_frame_written() {
        // Miri gets a sample.
        for frame_bytes in (1..=64).step_by(if cfg!(miri) { 21 } else { 1 }) {
            for set in 0..frame_bytes {
                let mut bytes = std::vec![0; frame_bytes * 4];
                bytes[frame_bytes + set] = 1;
                let expect = [(0, 1, true), (1, 1, false), (2, 2, true)];
                assert_eq!(
                    found(&bytes, frame_bytes),
                    expect,
                    "byte {set} of {frame_bytes}"
                );
            }
        }
        assert_eq!(found(&[], 4), []);
        assert_eq!(found(&[1, 2, 3], 4), []);
        assert_eq!(found(&[0; 5], 4), [(0, 1, true)]);
        assert_eq!(found(&[0; 5], 0), []);
    }

    proptest! {
        #![proptest_config(crate::stream::tests::config(200))]
        #[test]
        fn runs_are_what_each_frame_says(
            frame_bytes in 1usize..70,
            stretches in proptest::collection::vec((any::<bool>(), 1usize..400), 0..12),
        ) {
            let stretch = if cfg!(miri) { 9 } else { 400 };
            let kinds: Vec<bool> = stretches.iter()
                .flat_map(|&(clear, frames)| (0..frames % stretch).map(move |_| clear))
                .collect();
            let bytes: Vec<u8> = kinds.iter()
                .flat_map(|&clear| (0..frame_bytes).map(move |at| u8::from(!clear && at == frame_bytes - 1)))
                .collect();
            let mut each = Vec::new();
            let mut last = None;
            for (first, count, clear) in found(&bytes, frame_bytes) {
                prop_assert_eq!(first, each.len() as u64);
                prop_assert_ne!(last.replace(clear), Some(clear), "run is not maximal");
                each.extend((0..count).map(|_| clear));
            }
            prop_assert_eq!(each, kinds);
        }
    }
}
