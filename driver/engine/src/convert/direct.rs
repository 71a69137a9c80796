//! Conversion at equal rates: from the source's bytes straight into the output's.

use super::route::{Pick, Route};
use super::{Piece, Source, sample};
use crate::format::Format;

/// Fills `out` with the frames from `next` on, and moves `next` behind them.
pub(super) fn convert<S: Source + ?Sized>(
    from: &Format,
    to: &Format,
    route: &Route,
    source: &S,
    next: &mut i64,
    out: &mut [u8],
) {
    let frame_bytes = usize::from(to.frame_bytes());
    let whole = out.chunks_exact(frame_bytes).len();
    let mut out = out;
    let mut left = whole as u64;
    while left > 0 {
        let (audio, frames) = frames(source, from, *next, left);
        // Fits: at most what `out` holds.
        let bytes = (frames as usize).saturating_mul(frame_bytes);
        let Some((place, rest)) = out.split_at_mut_checked(bytes) else {
            return;
        };
        match audio {
            Some(audio) => piece(from, to, route, audio, place),
            None => place.fill(0),
        }
        out = rest;
        left = left.saturating_sub(frames);
        *next = next.wrapping_add_unsigned(frames);
    }
}

/// The next piece of a source, exactly whole frames: the bytes (`None` for silence) and how many frames, 1…`most`.
pub(super) fn frames<'a, S: Source + ?Sized>(
    source: &'a S,
    format: &Format,
    first: i64,
    most: u64,
) -> (Option<&'a [u8]>, u64) {
    match source.frames(first, most) {
        Piece::Audio(bytes) => {
            let frame_bytes = usize::from(format.frame_bytes());
            let frames = (bytes.chunks_exact(frame_bytes).len() as u64).min(most);
            match bytes.get(..(frames as usize).saturating_mul(frame_bytes)) {
                Some(bytes) if frames > 0 => (Some(bytes), frames),
                _ => (None, most),
            }
        }
        Piece::Silence(frames) if frames > 0 => (None, frames.min(most)),
        Piece::Silence(_) => (None, most),
    }
}

/// As many frames of `out` as of `input`.
fn piece(from: &Format, to: &Format, route: &Route, input: &[u8], out: &mut [u8]) {
    if route.is_identity() {
        if from.sample == to.sample {
            for (out, input) in out.iter_mut().zip(input) {
                *out = *input;
            }
        } else {
            sample::convert_all(from.sample, input, to.sample, out);
        }
        return;
    }
    let size = usize::from(to.sample.bytes());
    let offsets = (0..).step_by(size);
    for (pick, offset) in route.picks().zip(offsets) {
        let out = out.get_mut(offset..).unwrap_or_default();
        let frame = usize::from(to.frame_bytes());
        match pick {
            Pick::Silence => {
                for place in out.chunks_mut(frame) {
                    place.split_at_mut(size.min(place.len())).0.fill(0);
                }
            }
            Pick::Copy(channel) => {
                let at = usize::from(channel.saturating_mul(from.sample.bytes()));
                let input = input.get(at..).unwrap_or_default();
                sample::convert_each(
                    (from.sample, input, from.frame_bytes().into()),
                    (to.sample, out, frame),
                );
            }
            Pick::Mean(mean) => {
                let frames = input.chunks_exact(from.frame_bytes().into());
                let means = frames.map(|frame| sample::mean(from.sample, frame, mean));
                sample::encode_each(to.sample, means, out, frame);
            }
        }
    }
}
