//! The program's verbs.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::alone::{self, USAGE};
use crate::kernel::{Kernel, Options};
use crate::nt::driver;
use crate::report;
use crate::session::Setup;

/// Runs the verb that the arguments name.
///
/// # Errors
/// On wrong use, or when the driver cannot be loaded or unloaded.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let told = || report::set_replay(&command(arguments));
    match arguments.split_first() {
        Some((verb, rest)) if verb == "load" => {
            told();
            load(rest)
        }
        Some((verb, rest)) if verb == "session" => {
            let setup = Setup::from(rest).map_err(|what| anyhow!("{what}\n{USAGE}"))?;
            Ok(crate::session::main_stdio(&setup))
        }
        Some((word, _)) if word == "--help" || word == "-h" => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Some(_) => {
            told();
            alone::run(arguments)
        }
        None => bail!("{USAGE}"),
    }
}

/// This program with these words, as a shell takes them.
fn command(words: &[String]) -> String {
    let plain = |letter: char| {
        letter.is_alphanumeric() || "-_./:=,+@%".contains(letter) || cfg!(windows) && letter == '\\'
    };
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else if cfg!(windows) {
            format!("\"{word}\"")
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    let all: Vec<String> = ["waverig-sim".to_owned()]
        .into_iter()
        .chain(quoted)
        .collect();
    all.join(" ")
}

/// Loads a driver, calls DriverEntry, unloads it again, and prints what was found.
fn load(arguments: &[String]) -> Result<ExitCode> {
    let (path, options) = arguments.split_first().context(USAGE)?;
    let kernel = start(options_from(options)?)?;
    let driver = driver::load(Path::new(path), "waverig")?;
    for import in &driver.image.missing {
        println!("missing import: {import}");
    }
    driver::unload(driver)?;
    for (at, line) in crate::nt::debug::printed() {
        println!("{at}: {}", line.trim_end());
    }
    let findings = report::symbolised(kernel.findings.all());
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn options_from(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value\n{USAGE}"))?;
        let number: u64 = value
            .parse()
            .with_context(|| format!("{word} needs a number, not {value}\n{USAGE}"))?;
        match word.as_str() {
            "--runaway-ms" => options.runaway_after = Duration::from_millis(number),
            "--seed" => options.seed = number,
            _ => bail!("there is no option {word}\n{USAGE}"),
        }
    }
    Ok(options)
}

/// Boots the machine of this process on this thread: from here on every fault, panic and runaway ends in a report.
///
/// # Errors
/// When the host refuses what that needs.
pub fn start(options: Options) -> Result<&'static Kernel> {
    let runaway_after = options.runaway_after;
    let kernel = Kernel::boot(options);
    report::install(runaway_after).context("the host refuses signal handlers or their stacks")?;
    Ok(kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(windows))]
    fn a_command_is_what_a_shell_takes_apart_into_the_same_words() {
        let check = |words: &[&str], expect: &str| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(command(&words), expect);
        };
        check(
            &["a.sys", "--inf", "b/c.inf"],
            "waverig-sim a.sys --inf b/c.inf",
        );
        check(&["my driver.sys", ""], "waverig-sim 'my driver.sys' ''");
        check(&["it's.sys", "$x"], r"waverig-sim 'it'\''s.sys' '$x'");
        check(&[r"Root\desk"], r"waverig-sim 'Root\desk'");
    }
}
