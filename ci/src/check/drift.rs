//! Whether the position keeps the nominal rate, and whether the audio is in its place at the end, after whatever
//! happened in between.

use super::{Context, Judgement, Outcome};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let comparison = context.comparison()?;
    let limit = context.file.limits.drift;
    let start = stream.clock.start().ok_or("the stream never ran")?;
    let points: Vec<(f64, f64)> = stream
        .positions
        .iter()
        .filter(|(qpc, _)| *qpc >= start)
        .map(|(qpc, told)| {
            let exact = stream.clock.exact_position(*qpc);
            (exact, *told as f64 - exact)
        })
        .collect();
    let slope = slope(&points).ok_or("the client asked for fewer than three positions")?;
    let drift = slope * 1e6;
    let (mut wrong, mut late) = (Vec::new(), Vec::new());
    // Positions are whole frames: a slope that makes less than one of the whole run is their rounding.
    let first = points.first().map_or(0.0, |point| point.0);
    let last = points.last().map_or(0.0, |point| point.0);
    if drift.abs() > limit.0 && (slope * (last - first)).abs() >= 1.0 {
        late.push(format!(
            "the position drifts by {drift:+.2} ppm against the clock"
        ));
    }
    if comparison.displacement != 0 {
        let by = comparison.displacement;
        let direction = if by > 0 { "early" } else { "late" };
        wrong.push(format!(
            "at the end the audio comes {} frames {direction}",
            by.abs()
        ));
    }
    Outcome::of_time(
        format!("{limit}, 0 frames out of place"),
        format!(
            "{:.2} ppm, {} frames out of place",
            drift.abs(),
            comparison.displacement.abs()
        ),
        wrong,
        late,
    )
}

/// Slope of the least-squares line through the points; `None` for fewer than three or when all are at one place.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (sx, sy) = points
        .iter()
        .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (mx, my) = (sx / count, sy / count);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in points {
        xx += (x - mx) * (x - mx);
        xy += (x - mx) * (y - my);
    }
    (points.len() >= 3 && xx > 0.0).then(|| xy / xx)
}
