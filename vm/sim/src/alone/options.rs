//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// How it is used.
pub const USAGE: &str = "\
usage: waverig-sim DRIVER.sys --inf DRIVER.inf [--scenario FILE.toml] [--inspect | --json] [--hardware-id ID] [--seed N] [--out FOLDER]
                   [--sources PREFIX=FOLDER]
       waverig-sim load DRIVER.sys [--runaway-ms N] [--seed N]
       waverig-sim session [--coverage FOLDER] [--sources PREFIX=FOLDER] [--debugger FOLDER]

Installs a WaveRT or WaveCyclic driver in the simulator, shows what it offers (--inspect: all of it, as a tree; --json: for programs), plays a
scenario through its endpoints and tells what it found. --out keeps the timeline, what was recorded and the files the driver wrote.
--sources says where the sources are that the PDB names below PREFIX, so that reports show their lines.
exit codes: 0 nothing was found; 1 something was; 2 wrong use, or the driver cannot be installed";

/// What was asked for.
pub(super) struct Options {
    pub(super) driver: PathBuf,
    pub(super) inf: PathBuf,
    pub(super) scenario: Option<PathBuf>,
    pub(super) hardware_id: Option<String>,
    pub(super) out: Option<PathBuf>,
    pub(super) inspect: bool,
    pub(super) json: bool,
    pub(super) seed: u64,
    /// What the PDB calls a folder of sources, and where that is.
    pub(super) sources: Option<(String, PathBuf)>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut driver = None;
        let mut inf = None;
        let mut options = Self {
            driver: PathBuf::new(),
            inf: PathBuf::new(),
            scenario: None,
            hardware_id: None,
            out: None,
            inspect: false,
            json: false,
            seed: 0,
            sources: None,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next();
                value.with_context(|| format!("{word} needs a value\n{USAGE}"))
            };
            match word.as_str() {
                "--inf" => inf = Some(PathBuf::from(value()?)),
                "--scenario" => options.scenario = Some(value()?.into()),
                "--hardware-id" => options.hardware_id = Some(value()?.clone()),
                "--out" => options.out = Some(value()?.into()),
                "--sources" => {
                    let words = value()?;
                    let pair = words.split_once('=').with_context(|| {
                        format!("--sources needs PREFIX=FOLDER, not {words}\n{USAGE}")
                    })?;
                    options.sources = Some((pair.0.to_owned(), pair.1.into()));
                }
                "--inspect" => options.inspect = true,
                "--json" => options.json = true,
                "--seed" => {
                    let number = value()?;
                    options.seed = number
                        .parse()
                        .with_context(|| format!("--seed needs a number, not {number}\n{USAGE}"))?;
                }
                word if word.starts_with('-') => bail!("there is no option {word}\n{USAGE}"),
                word if driver.is_none() => driver = Some(PathBuf::from(word)),
                word => bail!("{word} is one file too many\n{USAGE}"),
            }
        }
        options.driver = driver.with_context(|| format!("no driver is named\n{USAGE}"))?;
        options.inf = inf.with_context(|| format!("no INF is named (--inf)\n{USAGE}"))?;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], expect: &str) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let text = match Options::parse(&words) {
            Ok(options) => format!(
                "{} {} {:?} {}",
                options.driver.display(),
                options.inf.display(),
                options.scenario,
                options.seed
            ),
            Err(error) => error.to_string(),
        };
        assert!(text.contains(expect), "{words:?}: {text}");
    }

    #[test]
    fn wrong_use_is_told_with_what_is_right() {
        let right = ["a.sys", "--inf", "a.inf", "--seed", "3"];
        check(&right, "a.sys a.inf None 3");
        check(&["a.sys"], "--inf");
        check(&["--inf", "a.inf"], "no driver");
        check(&["a.sys", "b.sys"], "one file too many");
        check(&["a.sys", "--frobnicate"], "no option --frobnicate");
        check(&["a.sys", "--seed"], "--seed needs a value");
        check(&["a.sys", "--seed", "x"], "not x");
        check(&["a.sys", "--sources", "x"], "PREFIX=FOLDER");
    }
}
