//! The command line of an agent on Windows.

use std::path::PathBuf;

/// Where the host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// A serial port, `COM1`.
    Serial(String),
    /// The process that started this one, at the other ends of standard input and output.
    Stdio,
    /// A socket, `HOST:PORT`.
    Socket(String),
}

/// The words of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the host is.
    pub line: Where,
    /// Folder for what must outlive the agent; `%ProgramData%\waverig` when it is left out.
    pub home: Option<PathBuf>,
    /// Play here when no package is installed: the name of any endpoint that renders.
    pub play_on: Option<String>,
    /// Record from there: the name of any endpoint that captures.
    pub record_from: Option<String>,
}

/// What the words may be.
pub const USAGE: &str = "waverig-agent (--serial COM1 | --stdio | --connect HOST:PORT) [--home FOLDER] \
     [--play-on ENDPOINT] [--record-from ENDPOINT]";

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// A sentence with the word that means nothing, or what is missing.
    pub fn from(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut line = None;
        let (mut home, mut play_on, mut record_from) = (None, None, None);
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next();
                value.ok_or_else(|| format!("{word} lacks its value; allowed: {USAGE}"))
            };
            let before = match word.as_str() {
                "--serial" => line.replace(Where::Serial(value()?)).is_some(),
                "--stdio" => line.replace(Where::Stdio).is_some(),
                "--connect" => line.replace(Where::Socket(value()?)).is_some(),
                "--home" => home.replace(PathBuf::from(value()?)).is_some(),
                "--play-on" => play_on.replace(value()?).is_some(),
                "--record-from" => record_from.replace(value()?).is_some(),
                _ => return Err(format!("{word} means nothing here; allowed: {USAGE}")),
            };
            if before {
                return Err(format!(
                    "{word} says for a second time what may be said once"
                ));
            }
        }
        let line = line.ok_or_else(|| format!("where is the host? allowed: {USAGE}"))?;
        Ok(Self {
            line,
            home,
            play_on,
            record_from,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expect: &str) {
        let got = match Options::from(words.split_whitespace().map(str::to_owned)) {
            Ok(options) => format!("{options:?}"),
            Err(error) => error,
        };
        assert!(
            got.contains(expect),
            "{words:?} gives {got:?}, not {expect:?}"
        );
    }

    #[test]
    fn the_line_is_named_once() {
        check("--serial COM1", "Serial(\"COM1\")");
        check("--stdio --home x", "Stdio, home: Some(\"x\")");
        check("--connect 10.0.0.1:7", "Socket(\"10.0.0.1:7\")");
        check("", "where is the host?");
        check("--stdio --serial COM1", "--serial says for a second time");
        check("--serial", "--serial lacks its value");
        check("--usb", "--usb means nothing");
    }
}
