//! One bit per frame of the ring and kind of mark.

use core::ops::Range;

/// Sets `count` bits from `start` to `value`, as far as they exist.
pub(super) fn set(bits: &mut [u8], start: u64, count: u64, value: bool) {
    let (whole, edges) = split(bits.len(), start, count);
    let all = if value { 0xFF } else { 0 };
    if !whole.is_empty() {
        // A call of the kernel's memset.
        bits.get_mut(whole).unwrap_or_default().fill(all);
    }
    for (start, count) in edges {
        edit(bits.len(), start, count, |at, mask| {
            if let Some(byte) = bits.get_mut(at) {
                *byte = if value { *byte | mask } else { *byte & !mask };
            }
        });
    }
}

/// How many of `count` bits from `start` are set.
pub(super) fn ones(bits: &[u8], start: u64, count: u64) -> u32 {
    let (whole, edges) = split(bits.len(), start, count);
    let (words, rest) = bits.get(whole).unwrap_or_default().as_chunks();
    let words = words
        .iter()
        .map(|word| u64::from_ne_bytes(*word).count_ones());
    let rest = rest.iter().map(|byte| byte.count_ones());
    let mut sum: u32 = words.chain(rest).sum();
    for (start, count) in edges {
        edit(bits.len(), start, count, |at, mask| {
            if let Some(byte) = bits.get(at) {
                sum = sum.saturating_add((byte & mask).count_ones());
            }
        });
    }
    sum
}

/// The bytes of which all bits are meant, and first bit and count of what is left: a part of a byte on either side.
fn split(len: usize, start: u64, count: u64) -> (Range<usize>, [(u64, u64); 2]) {
    let end = start.saturating_add(count);
    let whole = start.div_ceil(8)..end >> 3;
    if whole.is_empty() {
        return (0..0, [(start, count), (0, 0)]);
    }
    let (first, last) = (whole.start as usize, whole.end as usize);
    let (before, behind) = (whole.start.saturating_mul(8), whole.end.saturating_mul(8));
    let edges = [
        (start, before.saturating_sub(start)),
        (behind, end.saturating_sub(behind)),
    ];
    (first.min(len)..last.min(len), edges)
}

/// Number of the bit that belongs to the frame with this ordinal, in `len` bytes; 0 when there are none.
pub(super) fn index(len: usize, ordinal: u64) -> u64 {
    ordinal.checked_rem(bits(len)).unwrap_or(0)
}

/// Where the bits of `count` frames lie in `len` bytes, counted from bit `start`, which may be up to a lap too high: up to
/// their end, then from their start. At most all of them. No division, because it is called for each run of frames.
pub(super) fn ranges(len: usize, start: u64, count: u64) -> [(u64, u64); 2] {
    let bits = bits(len);
    let start = start.checked_sub(bits).unwrap_or(start);
    let count = count.min(bits);
    let before_end = count.min(bits.saturating_sub(start));
    [(start, before_end), (0, count.saturating_sub(before_end))]
}

fn bits(len: usize) -> u64 {
    (len as u64).saturating_mul(8)
}

/// Calls `visit(byte, mask)` for each byte that holds some of the bits.
fn edit(len: usize, start: u64, count: u64, mut visit: impl FnMut(usize, u8)) {
    let end = start.saturating_add(count).min(bits(len));
    let mut at = start;
    while at < end {
        let stop = (at | 7).saturating_add(1).min(end);
        let below = (0xFFu8).unbounded_shl((at & 7) as u32);
        let above =
            (0xFFu8).unbounded_shr(8u32.saturating_sub((stop.saturating_sub(at & !7)) as u32));
        visit((at >> 3) as usize, below & above);
        at = stop;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_by_words_where_that_goes() {
        // Every bit of which the number is a multiple of 3.
        let mut bits = [0; 29];
        for bit in (0..232).step_by(3) {
            set(&mut bits, bit, 1, true);
        }
        for start in 0..9 {
            for count in [0, 7, 8, 9, 63, 64, 65, 200, 223] {
                let expect = (start..start + count).filter(|bit| bit % 3 == 0).count();
                assert_eq!(
                    ones(&bits, start, count) as usize,
                    expect,
                    "{start}+{count}"
                );
            }
        }
    }

    #[test]
    fn every_range_of_three_bytes() {
        // Miri gets a sample.
        let step = if cfg!(miri) { 7 } else { 1 };
        for start in (0..30u64).step_by(step) {
            for count in (0..30u64).step_by(step) {
                for value in [false, true] {
                    let mut bits = [if value { 0 } else { 0xFF }; 3];
                    set(&mut bits, start, count, value);
                    for bit in 0..24 {
                        let inside = (start..start + count).contains(&bit);
                        let is = bits[bit as usize / 8] >> (bit % 8) & 1 == 1;
                        assert_eq!(
                            is,
                            inside == value,
                            "bit {bit} after {start}+{count}={value}"
                        );
                        assert_eq!(ones(&bits, bit, 1), u32::from(is));
                    }
                    let inside = count.min(24u64.saturating_sub(start)) as u32;
                    let expect = if value { inside } else { 0 };
                    assert_eq!(ones(&bits, start, count), expect);
                }
            }
        }
    }
}
