//! Which of a scenario's programs an observation is of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A program of a scenario. In text `main`, or its table's name and its place among those tables: `recorder-1`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum Program {
    /// The scenario's own player, and its own reader of the tap.
    #[default]
    Main,
    /// A `[[player]]`, counted from 1.
    Player(u8),
    /// A `[[recorder]]`, counted from 1.
    Recorder(u8),
    /// A `[[tap-client]]`, counted from 1.
    TapClient(u8),
}

impl Program {
    /// Whether it is [`Self::Main`]: what is left out where that is meant.
    pub fn is_main(&self) -> bool {
        *self == Self::Main
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.write_str("main"),
            Self::Player(number) => write!(f, "player-{number}"),
            Self::Recorder(number) => write!(f, "recorder-{number}"),
            Self::TapClient(number) => write!(f, "tap-client-{number}"),
        }
    }
}

impl From<Program> for String {
    fn from(program: Program) -> Self {
        program.to_string()
    }
}

impl TryFrom<String> for Program {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let numbered = || {
            let (kind, number) = text.rsplit_once('-')?;
            let number = number.parse::<u8>().ok().filter(|number| *number > 0)?;
            Some(match kind {
                "player" => Self::Player(number),
                "recorder" => Self::Recorder(number),
                "tap-client" => Self::TapClient(number),
                _ => return None,
            })
        };
        match text.as_str() {
            "main" => Ok(Self::Main),
            _ => numbered().ok_or_else(|| {
                format!("{text:?} is no program; allowed: \"main\", \"player-1\", \"recorder-1\", \"tap-client-1\", …")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for program in [
            Program::Main,
            Program::Player(1),
            Program::Recorder(2),
            Program::TapClient(255),
        ] {
            assert_eq!(Program::try_from(program.to_string()), Ok(program));
        }
        for text in [
            "",
            "recorder",
            "recorder-0",
            "recorder-256",
            "tap-1",
            "Main",
        ] {
            assert!(Program::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
