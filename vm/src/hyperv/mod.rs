//! A virtual machine under Hyper-V: generation 2, Secure Boot off, a differencing disk over an untouched base image, a named pipe as its
//! COM port. What the guest is, its base image decides: Windows with the agent, test signing on.
//!
//! Everything is asked of PowerShell, through one [`Executor`]; [`transcript`] is one that plays what a file says. As under QEMU, a guest
//! serves one session after the other, and one in which anything went wrong is removed. What a guest has lies in a folder of its own below
//! [`Config::machines`].
//!
//! The package goes to the guest on a disk, and over the line where the guest does not find it there: a COM port of 115200 bit/s would take 90 s
//! for a megabyte; how fast Hyper-V's emulated one is is not documented and not seen. Another disk comes home ([`disks`]).

mod answer;
pub mod cmdlet;
mod disks;
mod executor;
mod guest;
mod hold;
mod leftovers;
mod literal;
mod medium;
mod owner;
#[cfg(windows)]
mod pipe;
pub mod powershell;
pub mod record;
mod screen;
pub mod transcript;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use answer::{Complaint, Refused};
pub use cmdlet::Bytes;
pub use executor::{Executor, Failure};
pub use hold::{DEBUGGER, Held, Hold};
pub use medium::Medium;

use crate::dump::Own;
use crate::guests::Guests;
use crate::idle::Idle;
use crate::payload::Payload;
use crate::turn::{Turn, Turns};
use crate::{Ends, Link, LinkError, Machine, interrupt};
use cmdlet::{Call, VmId};
use guest::Guest;
use owner::{Owner, PREFIX};

/// The state of a machine that runs (the enumeration VMState).
const RUNNING: &str = "Running";
/// The only format that a machine of generation 2 takes (learn.microsoft.com, "Should I create a generation 1 or 2 virtual machine").
const FORMAT: &str = "VHDX";
/// Number of the COM port.
const PORT: u8 = 1;

/// Which base image, how large a machine, where.
#[derive(Clone, Debug)]
pub struct Config {
    /// The base image, which is not written to; or what is made, when `medium` is there.
    pub image: PathBuf,
    /// What makes it.
    pub medium: Option<Medium>,
    /// Folder for the machines' own folders; nobody else uses it meanwhile.
    pub machines: PathBuf,
    /// What tells this run's machines from those of others: part of their names, and of their pipes'.
    pub run: String,
    /// Each guest's memory.
    pub memory: Bytes,
    /// Each guest's processors.
    pub processors: u32,
    /// How many guests are there at a time, at most.
    pub guests: usize,
    /// How long a cmdlet may take.
    pub cmdlet: Duration,
    /// How long a guest may take until its agent is up.
    pub boot: Duration,
    /// How long a guest that the host crashes may take to show that.
    pub crash: Duration,
    /// How often it is asked meanwhile whether the guest only starts anew again and again.
    pub look: Duration,
    /// How long the screen of a crashed guest is to stay the same for its dump to be whole, and how long that is waited for.
    pub dumped: (Duration, Duration),
    /// Folder whose files each guest gets on a disk: the line need not carry those of a package.
    pub held: Option<PathBuf>,
    /// Drivers that Driver Verifier looks at: each guest starts anew with it on before its first session. It goes with the guest's disk.
    pub verified: Vec<String>,
    /// The driver that dumps are searched for.
    pub own: Option<Own>,
    /// Whether the operating system starts anew before each session but the first.
    pub restart: bool,
    /// Who looks at guests whose sessions are over; they have what [`Held`] tells of.
    pub hold: Option<Hold>,
}

/// The host, with the times that it is given.
struct Host {
    executor: Box<dyn Executor>,
    cmdlet: Duration,
    crash: Duration,
    dumped: (Duration, Duration),
    hold: Option<Hold>,
}

impl Host {
    fn ask<T>(&self, call: &Call<T>) -> Result<T, Refused> {
        call.on(&*self.executor, self.cmdlet)
    }
}

/// The machine.
pub struct HyperV {
    config: Config,
    host: Arc<Host>,
    owner: Owner,
    payload: Arc<Payload>,
    idle: Arc<Idle<Guest>>,
    turns: Arc<Turns>,
    started: AtomicU32,
    guests: Guests,
}

/// Whether this host has Hyper-V and this user may use it: its name, or what to do.
///
/// # Errors
/// Why not.
pub fn probe(executor: &dyn Executor, deadline: Duration) -> Result<String, Refused> {
    Ok(cmdlet::get_vm_host().on(executor, deadline)?.name)
}

impl HyperV {
    /// Looks at host and base image, and removes what killed runs have left, which it says; starts no machine.
    ///
    /// # Errors
    /// What is missing, and the next step.
    pub fn new(
        config: Config,
        executor: Box<dyn Executor>,
    ) -> Result<(Self, Vec<String>), LinkError> {
        let image = &config.image;
        match fs::metadata(image) {
            _ if config.medium.is_some() => {}
            Ok(data) if data.is_file() => {}
            Ok(_) => {
                return Err(LinkError(format!(
                    "--image {}: is no file",
                    image.display()
                )));
            }
            Err(error) => {
                return Err(LinkError(format!(
                    "--image {}: {error}; give the VHDX of a Windows with test signing on and the agent in it (docs/machines.md)",
                    image.display()
                )));
            }
        }
        let host = Arc::new(Host {
            executor,
            cmdlet: config.cmdlet,
            crash: config.crash,
            dumped: config.dumped,
            hold: config.hold.clone(),
        });
        host.ask(&cmdlet::get_vm_host())?;
        let owner = Owner::take(&config.machines).map_err(|error| {
            LinkError(format!(
                "the folder {} cannot be used: {error}; choose another with --out",
                config.machines.display()
            ))
        })?;
        let found = leftovers::remove(&host, &owner).map_err(LinkError)?;
        if config.medium.is_none() {
            let disk = host.ask(&cmdlet::get_vhd(&image.display().to_string()))?;
            if disk.format != FORMAT {
                return Err(LinkError(format!(
                    "--image {}: is {}, and a machine of generation 2 takes {FORMAT} only; Convert-VHD makes one of it",
                    image.display(),
                    disk.format
                )));
            }
        }
        let payload = Payload::of(config.held.as_deref())
            .map_err(|error| LinkError(format!("cannot read what guests are to get: {error}")))?;
        let turns = Turns::new(config.guests);
        let machine = Self {
            config,
            host,
            owner,
            payload: Arc::new(payload),
            idle: Arc::default(),
            turns,
            started: AtomicU32::new(0),
            guests: Guests::default(),
        };
        Ok((machine, found))
    }

    /// Lets somebody look at every guest whose session ended well.
    pub fn hold(&self, why: &str) {
        self.idle.each(|guest| guest.hold(why));
    }

    /// Makes a machine, starts it, and waits for its agent.
    fn start(&self, evidence: &Path, turn: Turn) -> Result<Link, LinkError> {
        let began = Instant::now();
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{PREFIX}{}-{number}", self.config.run);
        let pipe = format!(r"\\.\pipe\{name}");
        let folder = self.config.machines.join(number.to_string());
        let (mut guest, disks) = self.make(&name, &folder)?;
        guest.begin(evidence, turn);
        let line = self
            .produce(guest.id(), (&name, &pipe), &disks, began)
            .and_then(|ends| guest.line(ends));
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                let left = guest.discard().map(|left| format!("; {left}"));
                return Err(LinkError(format!("{error}{}", left.unwrap_or_default())));
            }
        };
        let (host, id) = (Arc::clone(&self.host), guest.id().clone());
        let most = match self.config.medium {
            Some(_) => guest::STARTS_OF_SETUP,
            None => guest::STARTS,
        };
        let mut link = Link::new(line, Box::new(guest)).holding(&self.payload);
        link.up_unless(self.config.boot, self.config.look, || {
            guest::boot_loop(&guest::events(&host, &id), most)
        })?;
        if !self.config.verified.is_empty() {
            link.verify(&self.config.verified, self.config.boot)?;
        }
        self.guests.greet(&mut link, began, self.config.boot)?;
        Ok(link)
    }

    /// A machine that exists, which its guest removes from here on, and the files of disks that it is to get.
    fn make(&self, name: &str, folder: &Path) -> Result<(Guest, Vec<String>), LinkError> {
        let Self { config, host, .. } = self;
        // As Windows writes them, on whatever host a transcript is played.
        let number = folder.file_name().unwrap_or_default().display();
        let text = format!(r"{}\{number}", config.machines.display());
        let image = config.image.display().to_string();
        let (disk, make) = match &config.medium {
            None => {
                let disk = format!(r"{text}\disk.vhdx");
                let make = cmdlet::new_vhd_differencing(&disk, &image);
                (disk, make)
            }
            Some(medium) => {
                let make = cmdlet::new_vhd_dynamic(&image, medium.disk);
                (image, make)
            }
        };
        // On Windows the host's disk has their whole size from now on: what does not fit is told before there is a machine.
        let payload = config.held.is_some().then_some(&*self.payload);
        let disks = fs::create_dir_all(folder).and_then(|()| disks::make(folder, payload));
        let disks = disks.map_err(|error| {
            let _ = fs::remove_dir_all(folder);
            LinkError(format!(
                "cannot make the machine's disks in {}: {error}; make room, or choose another place with --out",
                folder.display()
            ))
        })?;
        let disks = disks.iter().map(|disk| format!(r"{text}\{disk}"));
        let made = host
            .ask(&make)
            .and_then(|()| host.ask(&cmdlet::new_vm(name, config.memory, &disk, &text)));
        match made {
            Ok(vm) => {
                let own = config.own.clone();
                let guest = Guest::new(host, (vm.id, name), folder, own, &self.idle);
                Ok((guest, disks.collect()))
            }
            Err(error) => {
                let mut text = error.to_string();
                // When PowerShell gave no answer, the machine may be there all the same.
                if let Err(left) = leftovers::end_named(host, name) {
                    text = format!(
                        "{text}; whether {name} is there is not known ({left}), and the next run looks again"
                    );
                }
                let _ = fs::remove_dir_all(folder);
                Err(LinkError(text))
            }
        }
    }

    /// Sets a machine up, starts it, and opens its line.
    fn produce(
        &self,
        id: &VmId,
        (name, pipe): (&str, &str),
        disks: &[String],
        began: Instant,
    ) -> Result<Ends, LinkError> {
        let note = self.owner.note(process::id(), &self.config.machines);
        let mut calls = vec![
            cmdlet::set_vm(id, self.config.processors, &note),
            cmdlet::set_vm_firmware_without_secure_boot(id),
            cmdlet::set_vm_com_port(id, PORT, pipe),
            cmdlet::remove_vm_network_adapter(id),
        ];
        // Before it starts, since a port cannot be added later.
        let debugger = self.config.hold.as_ref().map(|_| hold::pipe(name));
        calls.extend(debugger.map(|pipe| cmdlet::set_vm_com_port(id, DEBUGGER, &pipe)));
        let medium = self.config.medium.as_ref();
        calls.extend(medium.into_iter().flat_map(|it| it.inserted(id)));
        // Behind the system's, which Windows numbers first then (inferred), and behind what the firmware is to start from.
        let disks = disks.iter();
        calls.extend(disks.map(|disk| cmdlet::add_vm_hard_disk_drive(id, disk)));
        calls.push(cmdlet::start_vm(id));
        for call in calls {
            if interrupt::pending() {
                return Err(interrupt::before_start());
            }
            self.host.ask(&call)?;
        }
        let ends = self.connect(id, pipe, began)?;
        if let Some(medium) = medium {
            self.host.ask(&medium.key(id))?;
        }
        Ok(ends)
    }

    /// Opens the pipe, which is there when the machine runs. `WaitNamedPipe` waits for a pipe that is busy, not for one to appear, so the
    /// machine's state is what is asked between two attempts: it says whether there is anything to wait for, and takes its time.
    fn connect(&self, id: &VmId, pipe: &str, began: Instant) -> Result<Ends, LinkError> {
        loop {
            let error = match self.host.executor.connect(pipe) {
                Ok(ends) => return Ok(ends),
                Err(error) => error,
            };
            if error.kind() != io::ErrorKind::NotFound {
                return Err(LinkError(format!(
                    "the machine's line {pipe} cannot be opened: {error}; only this program may have it open"
                )));
            }
            let state = self.host.ask(&cmdlet::get_vm(id))?.state;
            if state != RUNNING {
                return Err(LinkError(format!(
                    "the machine was started and is {state} before its line {pipe} was there; look at it in Hyper-V Manager with this base image"
                )));
            }
            if interrupt::pending() {
                return Err(interrupt::before_start());
            }
            if began.elapsed() > self.config.boot {
                return Err(LinkError(format!(
                    "the machine runs, but its line {pipe} was not there within {} s",
                    self.config.boot.as_secs_f32()
                )));
            }
        }
    }
}

impl Machine for HyperV {
    fn kind(&self) -> &'static str {
        "hyperv"
    }

    fn cannot_prove(&self) -> &'static str {
        if self.host.executor.remark().is_some() {
            return "anything about Hyper-V or Windows: neither was there";
        }
        "what a physical machine does: its timers, its power management, other audio devices; and how other builds of Windows than the guest's treat the driver"
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.host.executor.remark().into_iter().collect();
        remarks.extend(self.guests.remarks("New-VHD"));
        remarks.extend(self.payload.remarks());
        remarks
    }

    fn boot(&self, evidence: &Path) -> Result<Link, LinkError> {
        if interrupt::pending() {
            return Err(interrupt::before_start());
        }
        let turn = self.turns.take()?;
        match self.idle.take() {
            Some((line, mut guest)) => {
                guest.begin(evidence, turn);
                let mut link = Link::new(line, guest).holding(&self.payload);
                if self.config.restart {
                    link.restart(self.config.boot)?;
                }
                Ok(link)
            }
            None => self.start(evidence, turn),
        }
    }
}

impl Drop for HyperV {
    fn drop(&mut self) {
        while let Some((line, guest)) = self.idle.take() {
            // Nothing is on its disk that anybody wants, so nobody waits for a shut-down.
            if let Some(left) = guest.discard() {
                eprintln!("hyperv: {left}");
            }
            drop(line);
        }
    }
}

impl From<Refused> for LinkError {
    fn from(refused: Refused) -> Self {
        Self(refused.to_string())
    }
}
