//! A stream on the network, from the first description to the last packet: sockets, announcements, the master's state, and what is told of it.

use std::fmt;
use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};

use crate::clock;
use crate::net;
use crate::ptp::{Follower, Known, Mapping, State};
use crate::sap::{self, Announcer};
use crate::sdp::{Description, Reference};
use crate::stream::Counted;
use crate::told;
use crate::words::{Send, WithoutMaster};

/// How often the master's state is told while nothing happens.
const TELL: Duration = Duration::from_secs(10);
/// How often the master's state and announcements are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// No master, and the person wants an end then.
#[derive(Debug)]
pub struct NoMaster(pub Ipv4Addr, pub u8, pub Duration);

impl fmt::Display for NoMaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(interface, domain, within) = self;
        write!(
            f,
            "no PTP master was heard on {interface} in domain {domain} within {within:?}; is one in this network, and may UDP ports 319 and 320 \
             come in? `waverig-aes67 ptp --interface {interface} --domain {domain}` tells more; --without-master go sends in this host's own time"
        )
    }
}

impl std::error::Error for NoMaster {}

/// How long the master was in which state.
#[derive(Default)]
struct Times {
    spent: [Duration; 4],
    last: Option<(State, Instant)>,
}

impl Times {
    fn add(&mut self, state: State) {
        let now = Instant::now();
        if let Some((before, since)) = self.last.replace((state, now)) {
            self.spent[before as usize] += now - since;
        }
    }
}

/// The stream's side that faces the network.
pub struct Session {
    follower: Follower,
    /// In whose time, when there is no master.
    own: Option<Mapping>,
    known: Known,
    description: Description,
    sdp: Option<std::path::PathBuf>,
    audio: UdpSocket,
    announcements: Option<(UdpSocket, Announcer)>,
    begin: Instant,
    looked: Option<Instant>,
    told: Instant,
    times: Times,
    unsent: u64,
    coloured: bool,
}

impl Session {
    /// Waits for the master and describes the stream.
    ///
    /// # Errors
    /// [`NoMaster`]; when somebody wants an `end` before there is one; what the system says of addresses, ports and files.
    pub fn open(words: &Send, end: &AtomicBool) -> Result<Self> {
        let coloured = stderr().is_terminal();
        let to = SocketAddrV4::new(words.group, words.port);
        let audio = net::sender(words.interface, to, words.ttl, words.dscp)?;
        let follower = Follower::start(words.interface, words.domain)?;
        let begin = Instant::now();
        let mut known;
        loop {
            let left = words.wait.saturating_sub(begin.elapsed());
            known = follower.wait_locked(left.min(LOOK));
            ensure!(
                !end.load(Ordering::Acquire),
                "ended while no PTP master was known"
            );
            if known.state == State::Locked || left.is_zero() {
                break;
            }
        }
        let own = match (known.estimate, words.without_master) {
            (Some(_), _) => None,
            (None, WithoutMaster::Go) => Some(own_time()?),
            (None, WithoutMaster::End) => {
                bail!(NoMaster(words.interface, words.domain, words.wait))
            }
        };
        if own.is_some() {
            eprintln!(
                "{}: nothing told its time on {} in domain {} within {:?}; this stream goes on in this host's own time",
                told::state(known.state, coloured),
                words.interface,
                words.domain,
                words.wait
            );
        }
        let announcements = match words.sap {
            true => {
                let to = SocketAddrV4::new(sap::group(words.group), sap::PORT);
                let socket = net::sender(words.interface, to, sap::TTL, 0)?;
                Some((socket, Announcer::new(words.interface)))
            }
            false => None,
        };
        let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let session = day.map_or(1, |day| day.as_secs());
        let mut this = Self {
            follower,
            own,
            known,
            description: Description {
                session,
                version: session,
                origin: words.interface,
                name: words.name.clone(),
                group: words.group,
                port: words.port,
                ttl: words.ttl,
                payload_type: words.payload_type,
                shape: words.shape,
                reference: Reference::Local,
            },
            sdp: words.sdp.clone(),
            audio,
            announcements,
            begin: Instant::now(),
            looked: None,
            told: Instant::now(),
            times: Times::default(),
            unsent: 0,
            coloured,
        };
        this.refer(&known, words.domain);
        this.describe()?;
        this.times.add(known.state);
        eprintln!("{}", told::ptp(&known, words.domain));
        eprintln!(
            "sending {} in packets of {} frames to {to} from {}",
            words.shape.format, words.shape.packet_frames, words.interface
        );
        Ok(this)
    }

    /// PTP time over this host's.
    #[must_use]
    pub fn mapping(&self) -> Mapping {
        let line = self.known.estimate.map(|estimate| estimate.mapping);
        // One of them is there from the beginning on.
        self.own.or(line).unwrap_or(Mapping {
            local: 0,
            ptp: 0,
            rate: 0.0,
        })
    }

    /// Counts how often PTP time has jumped.
    #[must_use]
    pub fn jumps(&self) -> u64 {
        match self.own {
            Some(_) => 0,
            None => self.known.jumps,
        }
    }

    /// Sends a packet. What the system does not take is counted, told, and gone: its time is now.
    pub fn send(&mut self, packet: &[u8]) {
        if let Err(error) = self.audio.send(packet) {
            if self.unsent == 0 {
                eprintln!("a packet could not be sent: {error}; others are counted");
            }
            self.unsent += 1;
        }
    }

    /// Looks after everything but the audio; to be called often.
    ///
    /// # Errors
    /// When the description cannot be written.
    pub fn tend(&mut self, domain: u8) -> Result<()> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let before = self.known;
        self.known = self.follower.known();
        self.times.add(self.known.state);
        let changed = before.state != self.known.state || before.jumps != self.known.jumps;
        if changed || self.told.elapsed() >= TELL {
            self.told = Instant::now();
            let line = told::ptp(&self.known, domain);
            let name = self.known.state.name();
            let rest = line.strip_prefix(name).unwrap_or(&line);
            eprintln!("{}{rest}", told::state(self.known.state, self.coloured));
        }
        let known = self.known;
        if self.own.is_none() && self.refer(&known, domain) {
            self.description.version += 1;
            self.describe()?;
        }
        if let Some((socket, announcer)) = &mut self.announcements
            && let Some(packet) = announcer.due(self.begin.elapsed())
        {
            // The next one comes in half a minute.
            let _ = socket.send(&packet);
        }
        Ok(())
    }

    /// Takes the announcement back and tells what was.
    pub fn close(mut self, counted: Counted, steered: Option<(i32, i32)>) {
        if let Some((socket, announcer)) = &mut self.announcements
            && let Some(packet) = announcer.delete()
        {
            // Listeners forget it by themselves, later.
            let _ = socket.send(&packet);
        }
        self.times.add(self.known.state);
        let Counted {
            packets,
            frames,
            silence,
            lost,
            dropped,
            slips,
            gaps,
        } = counted;
        let mut line = format!(
            "sent {packets} packets: {frames} frames, {silence} of silence between them, {lost} lost before, {dropped} dropped as late; \
             {slips} slips, {gaps} gaps, {} packets refused by the system",
            self.unsent
        );
        if let Some((least, most)) = steered {
            line += &format!("; steered {least:+} to {most:+} ppb");
        }
        let states = [
            State::Locked,
            State::Holdover,
            State::Acquiring,
            State::NoMaster,
        ];
        for state in states {
            let spent = self.times.spent[state as usize];
            if !spent.is_zero() {
                line += &format!("; {} {:.1} s", state.name(), spent.as_secs_f64());
            }
        }
        eprintln!("{line}");
    }

    /// The description names the grandmaster whose time is told; whether that is another one. One that has fallen silent stays named.
    fn refer(&mut self, known: &Known, domain: u8) -> bool {
        let (State::Locked, Some(clock)) = (known.state, known.grandmaster) else {
            return false;
        };
        let reference = Reference::Ptp(clock, domain);
        let changed = self.description.reference != reference;
        self.description.reference = reference;
        changed
    }

    fn describe(&mut self) -> Result<()> {
        let text = self.description.text();
        if let Some(path) = &self.sdp {
            // At once or not at all: a receiver may be waiting for it.
            let part = path.with_extension("part");
            fs::write(&part, &text)
                .and_then(|()| fs::rename(&part, path))
                .with_context(|| format!("{} cannot be written", path.display()))?;
            eprintln!("described in {}", path.display());
        }
        if let Some((socket, announcer)) = &mut self.announcements
            && let Some(deletion) = announcer.describe(&text)
        {
            // Listeners forget it by themselves, later.
            let _ = socket.send(&deletion);
        }
        Ok(())
    }
}

/// This host's time of day, once, and from there on its monotonic clock.
fn own_time() -> Result<Mapping> {
    let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let ptp = day
        .context("this host's time of day lies before 1970")?
        .as_nanos();
    Ok(Mapping {
        local: clock::now(),
        ptp: i64::try_from(ptp).context("this host's time of day is far away")?,
        rate: 0.0,
    })
}
