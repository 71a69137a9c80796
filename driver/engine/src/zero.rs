//! Finds the runs of clear (all-zero) frames in a piece of audio.

/// Calls `emit(first, count, clear)` for each maximal run of frames of one kind, in order. `first` counts from the start of
/// `bytes`; bytes behind the last whole frame are left out.
pub(crate) fn runs(bytes: &[u8], frame_bytes: usize, emit: impl FnMut(u64, u64, bool)) {
    // The sizes of stereo and mono frames compare as one or two machine words.
    match frame_bytes {
        2 => fixed::<2>(bytes, emit),
        3 => fixed::<3>(bytes, emit),
        4 => fixed::<4>(bytes, emit),
        6 => fixed::<6>(bytes, emit),
        8 => fixed::<8>(bytes, emit),
        0 => {}
        _ => split(bytes.chunks_exact(frame_bytes).map(is_zero), emit),
    }
}

fn fixed<const N: usize>(bytes: &[u8], emit: impl FnMut(u64, u64, bool)) {
    let (frames, _) = bytes.as_chunks::<N>();
    split(frames.iter().map(|frame| *frame == [0; N]), emit);
}

/// Whether a frame of any size is all zero, eight bytes at a time.
fn is_zero(frame: &[u8]) -> bool {
    let (words, rest) = frame.as_chunks::<8>();
    words.iter().all(|word| *word == [0; 8]) && rest.iter().all(|byte| *byte == 0)
}

fn split(mut clear: impl Iterator<Item = bool>, mut emit: impl FnMut(u64, u64, bool)) {
    let Some(mut kind) = clear.next() else {
        return;
    };
    let (mut first, mut next) = (0u64, 1u64);
    for this in clear {
        if this != kind {
            emit(first, next.saturating_sub(first), kind);
            (first, kind) = (next, this);
        }
        next = next.saturating_add(1);
    }
    emit(first, next.saturating_sub(first), kind);
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
        for frame_bytes in (1..=64).step_by(if cfg!(miri) { 9 } else { 1 }) {
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
            kinds in proptest::collection::vec(any::<bool>(), 0..40),
        ) {
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
