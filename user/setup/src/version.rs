//! Versions of driver packages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `w.x.y.z`, each up to 65535 ("INF DriverVer Directive").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(pub [u16; 4]);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no version such as 1.2.3.4");
        let mut parts = [0; 4];
        let mut given = text.trim().split('.');
        for part in &mut parts {
            // What is left out at the end is 0.
            let Some(text) = given.next() else { break };
            *part = text.parse().map_err(|_| wrong())?;
        }
        match given.next() {
            None => Ok(Self(parts)),
            Some(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [w, x, y, z] = self.0;
        write!(f, "{w}.{x}.{y}.{z}")
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// The version that `DriverVer` in an INF's `[Version]` states; `None` when it states none.
pub fn of_inf(text: &str) -> Option<Version> {
    let mut inside = false;
    for line in text.lines() {
        let line = line.split(';').next().unwrap_or("").trim();
        if let Some(section) = line.strip_prefix('[') {
            let name = section.split(']').next().unwrap_or("").trim();
            inside = name.eq_ignore_ascii_case("Version");
        } else if let Some((key, value)) = line.split_once('=')
            && inside
            && key.trim().eq_ignore_ascii_case("DriverVer")
        {
            return value.split(',').nth(1)?.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_not_by_letter() {
        let version = |text: &str| text.parse::<Version>();
        assert!(version("1.10.0.0") > version("1.9.65535.0"));
        assert_eq!(version("1.2"), Ok(Version([1, 2, 0, 0])));
        for wrong in ["", "1.2.3.4.5", "1.x", "65536", "-1", "1..2"] {
            assert!(version(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_inf_states_its_version_in_one_place() {
        let check = |text: &str, expect: Option<[u16; 4]>| {
            assert_eq!(of_inf(text), expect.map(Version), "{text:?}");
        };
        check(
            "[Version]\r\nDriverVer = 11/20/2026,0.1.0.7\r\n",
            Some([0, 1, 0, 7]),
        );
        check(
            "[ version ]\ndriverver=11/20/2026, 2.0 ; x",
            Some([2, 0, 0, 0]),
        );
        check("[Other]\nDriverVer = 11/20/2026,1.0.0.0", None);
        check("[Version]\n;DriverVer = 11/20/2026,1.0.0.0", None);
        check("[Version]\nDriverVer = 11/20/2026", None);
        check(
            "[Version\nDriverVer = 11/20/2026,1.2.3.4",
            Some([1, 2, 3, 4]),
        );
        check("", None);
    }
}
