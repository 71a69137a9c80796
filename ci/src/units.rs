//! Quantities of limits, written with their unit: `"0 frames"`, `"500 us"`, `"2 ppm"`, `"0.01 dB"`.

use std::fmt;

use serde::Deserialize;
use waverig_protocol::noise::Hns;

/// A count of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Frames(pub u64);

/// A span of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Nanos(pub i64);

/// A ratio in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "String")]
pub struct Ppm(pub f64);

/// A ratio of levels in decibels.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "String")]
pub struct Decibels(pub f64);

impl From<Hns> for Nanos {
    fn from(hns: Hns) -> Self {
        Self(i64::try_from(hns.0).unwrap_or(i64::MAX).saturating_mul(100))
    }
}

impl TryFrom<String> for Frames {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        split(&text)
            .filter(|(_, unit)| matches!(*unit, "frame" | "frames"))
            .and_then(|(number, _)| number.parse().ok())
            .map(Self)
            .ok_or_else(|| wrong(&text, "a count such as \"0 frames\""))
    }
}

impl TryFrom<String> for Nanos {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        split(&text)
            .and_then(|(number, unit)| {
                let scale = match unit {
                    "ns" => 1,
                    "us" => 1_000,
                    "ms" => 1_000_000,
                    "s" => 1_000_000_000,
                    _ => return None,
                };
                u32::try_from(number.parse::<u64>().ok()?)
                    .ok()
                    .map(|number| Self(i64::from(number) * scale))
            })
            .ok_or_else(|| wrong(&text, "a time such as \"500 us\" (whole ns, us, ms or s)"))
    }
}

impl TryFrom<String> for Ppm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        real(&text, "ppm")
            .map(Self)
            .ok_or_else(|| wrong(&text, "a ratio such as \"2 ppm\""))
    }
}

impl TryFrom<String> for Decibels {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        real(&text, "dB")
            .map(Self)
            .ok_or_else(|| wrong(&text, "a level such as \"0.01 dB\""))
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once(' ')
}

/// A number ≥ 0 with this unit.
fn real(text: &str, unit: &str) -> Option<f64> {
    let number: f64 = split(text).filter(|(_, of)| *of == unit)?.0.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

fn wrong(text: &str, expect: &str) -> String {
    format!("{text:?} is not {expect}")
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            self.0,
            if self.0 == 1 { "frame" } else { "frames" }
        )
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            whole if whole % 1_000_000 == 0 => write!(f, "{} ms", whole / 1_000_000),
            whole if whole % 1_000 == 0 => write!(f, "{} us", whole / 1_000),
            part => write!(f, "{:.1} us", part as f64 / 1_000.0),
        }
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppm", self.0)
    }
}

impl fmt::Display for Decibels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dB", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: TryFrom<String, Error = String> + fmt::Display>(text: &str, expect: &str) {
        let got = match T::try_from(text.to_owned()) {
            Ok(value) => value.to_string(),
            Err(error) => error,
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn values_carry_their_unit() {
        check::<Frames>("0 frames", "0 frames");
        check::<Frames>("1 frame", "1 frame");
        check::<Frames>("1", "\"1\" is not a count such as \"0 frames\"");
        check::<Frames>(
            "-1 frames",
            "\"-1 frames\" is not a count such as \"0 frames\"",
        );
        check::<Nanos>("500 us", "500 us");
        check::<Nanos>("20 ms", "20 ms");
        check::<Nanos>("1 s", "1000 ms");
        check::<Nanos>("1500 ns", "1.5 us");
        check::<Nanos>(
            "5 min",
            "\"5 min\" is not a time such as \"500 us\" (whole ns, us, ms or s)",
        );
        check::<Nanos>(
            "99999999999 s",
            "\"99999999999 s\" is not a time such as \"500 us\" (whole ns, us, ms or s)",
        );
        check::<Ppm>("2.5 ppm", "2.5 ppm");
        check::<Ppm>("NaN ppm", "\"NaN ppm\" is not a ratio such as \"2 ppm\"");
        check::<Decibels>("0.01 dB", "0.01 dB");
        check::<Decibels>("3 ppm", "\"3 ppm\" is not a level such as \"0.01 dB\"");
    }
}
