//! A run of a scenario: its programs side by side, each on a thread of its own, until the last has ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;
use std::time::Instant;

use crate::plan::{Plan, Stream, plan};
use anyhow::{Context as _, Result, anyhow, bail};
use waverig_protocol::scenario::Scenario;
use waverig_protocol::timeline::{Event, Stamped};
use waverig_protocol::{Finding, Program, Reply, Severity};

use super::client::{self, Cable};
use super::endpoint::{self, Com, Found};
use super::journal::Journal;
use super::line::Host;
use super::serve::Agent;
use super::{device, tap};

/// Observations in a message.
const EVENTS: usize = 4096;
/// Least bytes of audio in a message, but for the last.
const AUDIO: usize = 1 << 20;

/// Where the programs of a run play, record and read.
struct Target {
    /// Cables and their endpoints.
    endpoints: Vec<(u8, Found)>,
    /// The links of the taps, the first cable's first.
    taps: Vec<String>,
}

/// How a program ended, and what it saw.
type Ended = (Journal, Result<()>);

impl Agent {
    /// Plays a scenario and tells all that was seen.
    ///
    /// # Errors
    /// Why nothing was played. What a program could not do is a finding.
    pub(super) fn run(&mut self, scenario: &Scenario) -> Result<()> {
        let mut plan = plan(scenario).map_err(|why| anyhow!("{}: {why}", scenario.name))?;
        let target = self.target()?;
        if target.taps.is_empty() {
            // An endpoint that is not this driver's.
            plan.readers.clear();
        }
        let ended = play(scenario, &plan, &target)?;
        let mut wrong = Vec::new();
        let mut journals = Vec::new();
        for (journal, result) in ended {
            if let Err(error) = result {
                wrong.push(format!("{}: {error:#}", journal.program()));
            }
            journals.push(journal);
        }
        tell(&self.host, journals)?;
        if let Some(link) = target.taps.first() {
            match tap::recorded(link, self.recorded) {
                Ok(read) => {
                    self.recorded = read.next;
                    let (records, lost) = (read.records, read.lost);
                    self.host.send(&Reply::Recorded { records, lost }, &[])?;
                }
                Err(error) => wrong.push(format!("the driver's record cannot be read: {error:#}")),
            }
        }
        for text in wrong {
            let finding = Finding {
                rule: "client".into(),
                severity: Severity::Error,
                text,
                place: None,
                source: "user/agent/src/windows".into(),
                shown: String::new(),
            };
            self.host.send(&Reply::Finding(finding), &[])?;
        }
        Ok(())
    }

    /// The installed device, else the endpoints that the command line names.
    fn target(&self) -> Result<Target> {
        let com = Com::start()?;
        let all = endpoint::list(&com)?;
        let nodes = &self.kept.get().nodes;
        if !nodes.is_empty() {
            let mut taps = Vec::new();
            for node in nodes {
                taps.extend(device::links(node, &device::TAP)?);
            }
            return Ok(Target {
                endpoints: endpoint::of_nodes(&all, nodes),
                taps,
            });
        }
        let mut endpoints = Vec::new();
        for (name, render) in [
            (&self.options.play_on, true),
            (&self.options.record_from, false),
        ] {
            if let Some(name) = name {
                endpoints.push((1, endpoint::named(&all, name, render)?));
            }
        }
        if endpoints.is_empty() {
            bail!(
                "nothing can be played before a package is installed; or name endpoints on the agent's command line"
            );
        }
        Ok(Target {
            endpoints,
            taps: Vec::new(),
        })
    }
}

/// All programs, from the moment that every tap and every stream is open: however long that takes here, the scenario's time begins after it.
fn play(scenario: &Scenario, plan: &Plan, target: &Target) -> Result<Vec<Ended>> {
    let mut places = Vec::new();
    let mut cables: BTreeMap<u8, (usize, Vec<(Program, u32)>)> = BTreeMap::new();
    for stream in &plan.streams {
        let render = stream.signal.is_some();
        let (players, recorders) = cables.entry(stream.cable).or_default();
        match render {
            true => *players += 1,
            false => recorders.push((stream.program, stream.start_ms)),
        }
        let is = |(cable, one): &&(u8, Found)| *cable == stream.cable && one.render == render;
        let place = target.endpoints.iter().find(is);
        let place = place.with_context(|| {
            let what = if render { "plays" } else { "records" };
            format!("cable {} has no endpoint that {what}", stream.cable)
        })?;
        places.push((stream, place.1.id.as_str()));
    }
    let cables: BTreeMap<u8, Cable> = cables
        .into_iter()
        .map(|(cable, (players, recorders))| (cable, Cable::new(players, recorders)))
        .collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut readers = Vec::new();
        let (opened, open) = channel();
        for reader in &plan.readers {
            let link = target.taps.get(usize::from(reader.cable) - 1);
            let link = link.with_context(|| format!("cable {} has no tap", reader.cable))?;
            let played = scenario.player_on(reader.cable);
            let format = played.and_then(|player| scenario.format_of(player));
            let frame_bytes = format.map_or(0, |format| format.frame_bytes());
            let (opened, over) = (opened.clone(), &over);
            readers.push(scope.spawn(move || {
                let mut journal = Journal::new(reader.program);
                let is_open = move || drop(opened);
                let read = tap::read(link, reader, frame_bytes, over, is_open, &mut journal);
                (journal, read)
            }));
        }
        drop(opened);
        until_dropped(&open);
        let mut streams = Vec::new();
        let mut begins = Vec::new();
        let (opened, open) = channel();
        for (stream, id) in places {
            let (begin, begins_at) = sync_channel(1);
            begins.push(begin);
            let (opened, cable) = (opened.clone(), &cables[&stream.cable]);
            streams.push(scope.spawn(move || program(stream, id, cable, opened, &begins_at)));
        }
        drop(opened);
        until_dropped(&open);
        let begin = Instant::now();
        for one in begins {
            // Whoever could not open has ended.
            let _ = one.send(begin);
        }
        let mut ended: Vec<_> = streams.into_iter().map(|one| one.join()).collect();
        over.store(true, Ordering::Release);
        ended.extend(readers.into_iter().map(|one| one.join()));
        let panicked = |_| anyhow!("a program of the agent's panicked");
        ended.into_iter().map(|one| one.map_err(panicked)).collect()
    })
}

/// What a program drops when it has opened, or could not: however it ends, nobody waits for it any longer.
type Opening = Sender<()>;

fn until_dropped(open: &Receiver<()>) {
    while open.recv().is_ok() {}
}

/// Says that a program has ended, however it does.
struct Ends<'a>(&'a Cable, &'a Stream);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        match self.1.signal {
            Some(_) => self.0.ended(),
            None => self.0.hears(self.1.program),
        }
    }
}

/// A program that plays or records, on a thread of its own.
fn program(
    stream: &Stream,
    endpoint: &str,
    cable: &Cable,
    opening: Opening,
    begins_at: &Receiver<Instant>,
) -> Ended {
    let _ends = Ends(cable, stream);
    let mut journal = Journal::new(stream.program);
    let run = || {
        let com = Com::start()?;
        let device = endpoint::open(&com, endpoint)?;
        let open = client::open(&device, stream, &mut journal)?;
        drop(opening);
        let begin = begins_at.recv().context("the run was given up")?;
        match stream.signal {
            Some(_) => client::play(&open, stream, cable, begin, &mut journal)?,
            None => client::record(&open, stream, cable, begin, &mut journal)?,
        }
        drop(open);
        journal.note(Event::Closed);
        Ok(())
    };
    let result = run();
    (journal, result)
}

/// Sends what was seen, in order of time, and what was given, program by program.
fn tell(host: &Host, journals: Vec<Journal>) -> Result<()> {
    let mut events: Vec<Stamped> = Vec::new();
    let mut captured = Vec::new();
    for mut journal in journals {
        events.append(&mut journal.events);
        captured.push((journal.program(), journal.captured));
    }
    events.sort_by_key(|event| event.qpc);
    for events in events.chunks(EVENTS) {
        let events = events.to_vec();
        host.send(&Reply::Events { events }, &[])?;
    }
    for (program, pieces) in captured {
        let mut gathered: Option<(u64, u64, Vec<u8>)> = None;
        for (first, bytes, frames) in pieces {
            // Pieces that follow each other travel together.
            match &mut gathered {
                Some((_, next, all)) if *next == first && all.len() < AUDIO => {
                    all.extend(bytes);
                    *next += frames;
                }
                _ => {
                    send_audio(
                        host,
                        program,
                        gathered.replace((first, first + frames, bytes)),
                    )?;
                }
            }
        }
        send_audio(host, program, gathered)?;
    }
    Ok(())
}

fn send_audio(host: &Host, program: Program, audio: Option<(u64, u64, Vec<u8>)>) -> Result<()> {
    let Some((first_frame, _, bytes)) = audio else {
        return Ok(());
    };
    let reply = Reply::Capture {
        program,
        first_frame,
    };
    host.send(&reply, &bytes)
}
