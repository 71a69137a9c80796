//! Charts as inline SVG: lines and dots over two axes. No script, nothing from elsewhere; colours are the page's.

use std::fmt::Write as _;

/// A chart.
pub(crate) struct Chart {
    /// What it shows.
    pub(crate) title: String,
    /// Name and unit of what goes to the right.
    pub(crate) x: &'static str,
    /// Whether it goes by octaves.
    pub(crate) octaves: bool,
    /// Name and unit of what goes up.
    pub(crate) y: &'static str,
    /// What is drawn, the first below the others.
    pub(crate) series: Vec<Series>,
    /// Between these everything is right.
    pub(crate) limits: Option<(f64, f64)>,
}

/// One thing in a chart.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
    /// Dots, where nothing is known between two points; else a line.
    pub(crate) dots: bool,
}

/// The drawing's size, and where the axes are.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 632.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 158.0;
/// More points than columns show nothing more.
const COLUMNS: usize = 200;

impl Chart {
    /// The drawing; `None` when there is nothing to draw.
    pub(crate) fn svg(&self) -> Option<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let right = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let xs = range(points().filter(right).map(|point| self.along(point.0)))?;
        let limits = self.limits.map(|(low, high)| [low, high]);
        let ys = points().filter(right).map(|point| point.1);
        let ys = range(ys.chain(limits.into_iter().flatten()))?;
        let (xs, ys) = (wide(xs), padded(wide(ys)));
        let at_x = |x: f64| LEFT + (self.along(x) - xs.0) / (xs.1 - xs.0) * (RIGHT - LEFT);
        let at_y = |y: f64| BOTTOM - (y - ys.0) / (ys.1 - ys.0) * (BOTTOM - TOP);
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title>",
            self.title
        );
        // Writing to a string cannot fail.
        for y in ticks(ys) {
            let at = at_y(y);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/><text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                number(y)
            );
        }
        let marks = if self.octaves {
            decades((xs.0.exp2(), xs.1.exp2()))
        } else {
            ticks(xs)
        };
        for x in marks {
            let at = at_x(x);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/><text class=\"middle\" x=\"{at:.1}\" y=\"{}\">{}</text>",
                BOTTOM + 16.0,
                number(x)
            );
        }
        if let Some((low, high)) = self.limits {
            for y in [low, high] {
                let _ = write!(
                    out,
                    "<path class=\"limit\" d=\"M{LEFT} {:.1}H{RIGHT}\"/>",
                    at_y(y)
                );
            }
        }
        for (index, series) in self.series.iter().enumerate() {
            let points = series.points.iter().filter(right);
            let places = points.map(|point| (at_x(point.0), at_y(point.1)));
            let places = thinned(&places.collect::<Vec<_>>());
            let mut path = String::new();
            for (x, y) in &places {
                // A dot is a line without length, with round ends.
                let _ = match (series.dots, path.is_empty()) {
                    (true, _) => write!(path, "M{x:.1} {y:.1}h0"),
                    (false, true) => write!(path, "M{x:.1} {y:.1}L"),
                    (false, false) => write!(path, "{x:.1} {y:.1} "),
                };
            }
            let class = if series.dots { "dots" } else { "line" };
            let _ = write!(
                out,
                "<path class=\"{class} s{index}\" d=\"{}\"/>",
                path.trim_end()
            );
        }
        let mut x = RIGHT;
        if self.series.len() > 1 {
            for (index, series) in self.series.iter().enumerate().rev() {
                let _ = write!(
                    out,
                    "<text class=\"end t{index}\" x=\"{x}\" y=\"14\">{}</text>",
                    series.name
                );
                x -= 12.0 + 7.0 * series.name.len() as f64;
            }
        }
        let _ = write!(
            out,
            "<text x=\"4\" y=\"14\">{}</text><text class=\"middle\" x=\"{}\" y=\"{}\">{}</text></svg>",
            self.y,
            f64::midpoint(LEFT, RIGHT),
            HEIGHT - 6.0,
            self.x
        );
        Some(out)
    }

    fn along(&self, x: f64) -> f64 {
        if self.octaves { x.log2() } else { x }
    }
}

/// The least and the most.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |so_far, value| match so_far {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// One with something between its ends.
fn wide((low, high): (f64, f64)) -> (f64, f64) {
    match high - low {
        0.0 => (low - 1.0, high + 1.0),
        _ => (low, high),
    }
}

/// So that what is at an end is not on the frame.
fn padded((low, high): (f64, f64)) -> (f64, f64) {
    let more = (high - low) * 0.06;
    (low - more, high + more)
}

/// Round numbers within a range, three to seven.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    let step = step
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// 1, 2 and 5 of each decade in a range.
fn decades((low, high): (f64, f64)) -> Vec<f64> {
    let marks = (0..7).flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * 10_f64.powi(power)));
    marks.filter(|mark| (low..=high).contains(mark)).collect()
}

/// A number without digits that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

/// The lowest and the highest of each column, in the order in which they came.
fn thinned(places: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if places.len() <= 2 * COLUMNS {
        return places.to_vec();
    }
    let column = |place: &(f64, f64)| {
        let share = (place.0 - LEFT) / (RIGHT - LEFT);
        (share * COLUMNS as f64) as usize
    };
    let mut kept = Vec::new();
    for stretch in places.chunk_by(|one, two| column(one) == column(two)) {
        let by =
            |one: &(usize, &(f64, f64)), two: &(usize, &(f64, f64))| one.1.1.total_cmp(&two.1.1);
        let lowest = stretch.iter().enumerate().min_by(by);
        let highest = stretch.iter().enumerate().max_by(by);
        let mut both: Vec<_> = lowest.into_iter().chain(highest).collect();
        both.sort_by_key(|(index, _)| *index);
        both.dedup_by_key(|(index, _)| *index);
        kept.extend(both.into_iter().map(|(_, place)| *place));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        Chart {
            title: "t".into(),
            x: "time, s",
            octaves: false,
            y: "error, frames",
            series: vec![Series {
                name: "told",
                points,
                dots: false,
            }],
            limits: None,
        }
    }

    #[test]
    fn the_ends_of_a_line_are_the_ends_of_the_axes() {
        let svg = chart(vec![(0.0, 0.0), (10.0, 5.0)])
            .svg()
            .expect("two points");
        // 6 % of the height are left free below and above.
        assert!(svg.contains("d=\"M72.0 150.7L632.0 29.3\""), "{svg}");
        for tick in [">0<", ">10<", ">4<", "time, s", "error, frames"] {
            assert!(svg.contains(tick), "{tick}: {svg}");
        }
        assert!(chart(Vec::new()).svg().is_none());
        assert!(chart(vec![(f64::NAN, 1.0)]).svg().is_none());
        assert!(chart(vec![(1.0, 1.0)]).svg().is_some(), "a single point");
    }

    #[test]
    fn axes_have_round_numbers() {
        let check = |low, high, expect: &[f64]| assert_eq!(ticks((low, high)), expect);
        check(0.0, 1.0, &[0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        check(-3.0, 3.0, &[-2.0, 0.0, 2.0]);
        check(0.1, 95.0, &[20.0, 40.0, 60.0, 80.0]);
        assert_eq!(
            decades((20.0, 1200.0)),
            [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
        );
        assert_eq!(number(0.6000000000000001), "0.6");
        assert_eq!(number(-0.0000001), "0");
    }

    #[test]
    fn the_one_point_that_is_off_survives_thinning() {
        let off = |index: usize| if index == 54_321 { 1.0 } else { 0.0 };
        let places: Vec<(f64, f64)> = (0..100_000_usize)
            .map(|index| (LEFT + index as f64 / 100_000.0 * (RIGHT - LEFT), off(index)))
            .collect();
        let thin = thinned(&places);
        assert!(thin.len() <= 2 * COLUMNS + 2, "{}", thin.len());
        assert!(thin.iter().any(|place| place.1 == 1.0));
    }
}
