//! The installer on Windows: from the command line to the exit code.

mod console;
mod here;
mod list;
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
mod load;
mod trusted;

use anyhow::{Context as _, Result};
use waverig_setup::decide::{self, Allowed, Decision, Found, Trust};
use waverig_setup::parcel;
use waverig_setup::words::{self, USAGE, Verb, Words};
use waverig_setup::{Exit, steps};

use console::Console;
use here::Here;

/// Runs it.
pub(crate) fn run() -> Exit {
    let words = std::env::args_os().skip(1);
    let words = match words::read(words.map(|word| word.to_string_lossy().into_owned())) {
        Ok(words) => words,
        Err(error) => {
            eprintln!("waverig-setup: {error}\n\n{USAGE}");
            return Exit::Usage;
        }
    };
    let mut console = match Console::new(&words) {
        Ok(console) => console,
        Err(error) => {
            eprintln!("waverig-setup: {error:#}");
            return Exit::Failed;
        }
    };
    let exit = carry_out(&words, &mut console).unwrap_or_else(|error| {
        console.say(&format!("failed: {error:#}"));
        Exit::Failed
    });
    if exit == Exit::Restart {
        console.say("restart Windows to finish this");
    }
    console.end();
    exit
}

fn carry_out(words: &Words, console: &mut Console) -> Result<Exit> {
    if words.verb == Some(Verb::Help) {
        console.say(USAGE);
        return Ok(Exit::Done);
    }
    let program = std::env::current_exe().context("this program does not find its own file")?;
    let program =
        std::fs::read(&program).with_context(|| format!("{} cannot be read", program.display()))?;
    let parcel = parcel::read(&program)?;
    let mut here = Here::new(parcel, console);
    let found = here.found()?;
    let verb = match words.verb {
        Some(verb) => verb,
        None => {
            if here.console.is_own() && !here::machine()?.elevated && console::elevate() {
                here.console.leave();
                return Ok(Exit::Done);
            }
            match ask(&mut here, &found)? {
                Some(verb) => verb,
                None => return Ok(Exit::Refused),
            }
        }
    };
    if verb == Verb::List {
        list::list(&mut here, &found)?;
        return Ok(Exit::Done);
    }
    let allowed = Allowed {
        silent: words.silent,
        force: words.force,
        trust: words.trust_certificate,
    };
    let machine = here::machine()?;
    match decide::decide(verb, allowed, here.release(), &machine, &found) {
        Decision::Nothing(why) => {
            here.console.say(&why);
            Ok(Exit::Done)
        }
        Decision::Refuse(reasons) => {
            for reason in reasons {
                here.console.say(&format!("refused: {reason}"));
            }
            here.console.say("nothing was changed");
            Ok(Exit::Refused)
        }
        Decision::Install { trust } => install(&mut here, &found, trust),
        Decision::Remove => {
            let restart = steps::remove(&mut here, &found)?;
            here.forget_notes()?;
            let left = here.found()?;
            if !left.is_nothing() && !restart {
                list::list(&mut here, &left)?;
                anyhow::bail!("the above is left");
            }
            let name = here.release().name.clone();
            here.console.say(&format!("{name} is removed"));
            Ok(finished(restart))
        }
    }
}

fn finished(restart: bool) -> Exit {
    match restart {
        true => Exit::Restart,
        false => Exit::Done,
    }
}

/// What a person wants who said nothing.
fn ask(here: &mut Here, found: &Found) -> Result<Option<Verb>> {
    list::list(here, found)?;
    let verb = decide::offer(here.release(), found);
    let what = match verb {
        Verb::Update => format!("update to version {}", here.release().version),
        Verb::Remove => format!("remove {}", here.release().name),
        _ => format!("install {} {}", here.release().name, here.release().version),
    };
    Ok(here.console.ask(&what).then_some(verb))
}

fn install(here: &mut Here, found: &Found, trust: Trust) -> Result<Exit> {
    if trust == Trust::Ask {
        let hash = here.certificate_hash().unwrap_or_default();
        here.console.say(&format!(
            "This package is signed with a test certificate that this machine does not trust:\n  SHA-256 {hash}\n\
             To install it, the certificate is put into the machine's stores Root and TrustedPublisher. From then on Windows\n\
             believes every program, driver and web site that is signed with it, whoever has its key.\n\
             `waverig-setup remove` takes it out again."
        ));
        if !here.console.ask("let this machine trust it") {
            here.console.say("nothing was changed");
            return Ok(Exit::Refused);
        }
    }
    let restart = steps::install(here, found, trust != Trust::Needless)?;
    let release = here.release();
    let text = format!("{} {} is installed", release.name, release.version);
    here.console.say(&text);
    if !restart {
        // It works; that its endpoints cannot be told is no failure.
        match list::endpoints(here) {
            Ok(lines) => lines.iter().for_each(|line| here.console.say(line)),
            Err(error) => here
                .console
                .say(&format!("its endpoints cannot be listed: {error:#}")),
        }
    }
    Ok(finished(restart))
}
