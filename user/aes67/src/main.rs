//! The sender: `waverig-aes67`. What it decides is in the library beside it.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use waverig_aes67::ptp::{Follower, State};
use waverig_aes67::session::{NoMaster, Session};
use waverig_aes67::source::Source;
use waverig_aes67::stream::Stream;
use waverig_aes67::words::{self, Ptp, Send, USAGE, Words};
use waverig_aes67::{paced, told};

const FAILED: u8 = 1;
const USAGE_CODE: u8 = 2;
const NO_MASTER: u8 = 3;
/// Longest sleep: somebody may want an end.
const NAP: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1);
    let words = match words::read(words.map(|word| word.to_string_lossy().into_owned())) {
        Ok(words) => words,
        Err(error) => {
            eprintln!("waverig-aes67: {error}\n\n{USAGE}");
            return ExitCode::from(USAGE_CODE);
        }
    };
    let ended = match words {
        Words::Help => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Words::Ptp(ptp) => tell(&ptp),
        Words::Send(send) => stream(&send),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("waverig-aes67: {error:#}");
        ExitCode::from(if error.is::<NoMaster>() {
            NO_MASTER
        } else {
            FAILED
        })
    })
}

/// Set when the person wants an end.
fn interrupted() -> Result<Arc<AtomicBool>> {
    let end = Arc::new(AtomicBool::new(false));
    let its = end.clone();
    ctrlc::set_handler(move || its.store(true, Ordering::Release))
        .context("Ctrl-C cannot be waited for")?;
    Ok(end)
}

/// What sends by itself, or the tap.
enum Origin {
    Paced(Source),
    #[cfg(windows)]
    Tap(String),
}

/// Whatever is wrong with the source is said before anything is waited for.
fn origin(words: &Send) -> Result<Origin> {
    let format = words.shape.format;
    Ok(match &words.source {
        #[cfg(windows)]
        words::Source::Tap => Origin::Tap(waverig_aes67::tap::find(words)?),
        #[cfg(not(windows))]
        words::Source::Tap => anyhow::bail!(
            "the tap is the driver's, which runs on Windows; --source tone and wav:FILE are for any host"
        ),
        words::Source::Tone(hz) => Origin::Paced(Source::tone(*hz, format)),
        words::Source::Wav(path) => Origin::Paced(Source::wav(path, format)?),
    })
}

/// Sends a stream.
fn stream(words: &Send) -> Result<ExitCode> {
    let mut origin = origin(words)?;
    let end = interrupted()?;
    let mut session = Session::open(words, &end)?;
    let mut stream = Stream::new(words.shape, words.payload_type, &mut StdRng::from_entropy());
    let ended = match &mut origin {
        Origin::Paced(source) => {
            paced::run(words, source, &mut session, &mut stream, &end).map(|()| None)
        }
        #[cfg(windows)]
        Origin::Tap(link) => waverig_aes67::tap::run(link, words, &mut session, &mut stream, &end),
    };
    let steered = *ended.as_ref().unwrap_or(&None);
    session.close(stream.counted(), steered);
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// Tells of the master once a second.
fn tell(ptp: &Ptp) -> Result<ExitCode> {
    let end = interrupted()?;
    let follower = Follower::start(ptp.interface, ptp.domain)?;
    let begin = Instant::now();
    let mut told = 0;
    let mut last = State::NoMaster;
    while ptp.count.is_none_or(|count| told < count) {
        told += 1;
        let next = begin + Duration::from_secs(told);
        while Instant::now() < next && !end.load(Ordering::Acquire) {
            thread::sleep(next.saturating_duration_since(Instant::now()).min(NAP));
        }
        if end.load(Ordering::Acquire) {
            break;
        }
        let known = follower.known();
        last = known.state;
        // Whoever read it has gone.
        if writeln!(stdout(), "{}", told::ptp(&known, ptp.domain)).is_err() {
            break;
        }
    }
    Ok(match last {
        State::Locked | State::Holdover => ExitCode::SUCCESS,
        State::Acquiring | State::NoMaster => {
            let state = told::state(last, stderr().is_terminal());
            eprintln!(
                "{state}: on {} nothing told its time in domain {}; is a PTPv2 master in this network, and may UDP ports 319 and 320 come in?",
                ptp.interface, ptp.domain
            );
            ExitCode::from(NO_MASTER)
        }
    })
}
