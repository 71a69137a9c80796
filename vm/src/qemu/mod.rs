//! A virtual machine under QEMU, with a Linux guest that runs the simulator: everything of a real machine but Windows.
//!
//! A guest serves one session after the other, each with a simulator of its own; as many guests live as sessions run side by side. One
//! in which something went wrong is never used again. Everything that a guest has (sockets, disks, logs) lies in a folder of its own
//! below [`Config::machines`], which goes with it.

mod accel;
mod attendant;
mod command;
mod guest;
mod hold;
mod image;
mod keeper;
pub mod leftovers;
mod medium;
mod qmp;
mod socket;
mod watch;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use waverig_protocol::{Request, frame};

pub use accel::Accel;
pub use command::LINUX;
pub use hold::{ADAPTER, CONSOLE, GATEWAY, GDB, HUMAN, Held, Hold, SCREEN};
pub use image::{Firmware, Image, ResultDisk};
pub use medium::{Controller, Medium};

use crate::disk::Layout;
use crate::dump::Own;
use crate::guests::Guests;
use crate::idle::Idle;
use crate::line::{Line, Noise};
use crate::payload::Payload;
use crate::{Link, LinkError, Machine, interrupt};
use attendant::Attendant;
use guest::Guest;
use qmp::Qmp;
use socket::Awaited;
use watch::Watch;

/// How long QEMU may take until it has opened its sockets.
const START: Duration = Duration::from_secs(30);
/// How long an idle guest may take to end.
const POWER_OFF: Duration = Duration::from_secs(30);
/// The program on the payload disk.
const SIMULATOR: &str = "simulator";
/// The dump on the payload disk, and on the one that goes home.
const DUMP: &str = "memory.dmp";
/// The file on the payload disk that says what the agent is to do.
const ORDER: &str = "agent.json";

/// What a guest starts.
#[derive(Clone, Debug)]
pub enum System {
    /// A Linux kernel, which QEMU loads itself.
    Linux {
        /// Its image.
        kernel: PathBuf,
        /// The initramfs with the agent.
        initramfs: PathBuf,
    },
    /// Whatever is on a disk: the firmware starts it, and its agent is on the first serial port.
    Image(Image),
    /// Nothing yet: a medium installs it.
    Setup(Medium),
}

/// Which QEMU, which guest, where.
#[derive(Clone, Debug)]
pub struct Config {
    /// The program.
    pub qemu: String,
    /// What executes guests.
    pub accel: Accel,
    /// What it starts.
    pub system: System,
    /// The program on the payload disk that is the simulator, and what it is told.
    pub simulator: (PathBuf, Vec<String>),
    /// Folder whose files the payload disk gets, too: a serial line need not carry those of a package.
    pub held: Option<PathBuf>,
    /// What the agent is to do wrong, and at which request (`user/agent/src/sabotage.rs`).
    pub sabotage: Option<(String, String)>,
    /// The dump that a guest leaves that is to crash.
    pub dump: Option<PathBuf>,
    /// Drivers that Driver Verifier looks at: each guest starts anew with it on before its first session. It goes with the guest's disk.
    pub verified: Vec<String>,
    /// The driver that dumps are searched for.
    pub own: Option<Own>,
    /// Folder for the machines' own folders; nobody else uses it meanwhile.
    pub machines: PathBuf,
    /// Where guests that ended well leave their logs.
    pub logs: PathBuf,
    /// How long a guest may take until its agent is up.
    pub boot: Duration,
    /// Whether the operating system starts anew before each session but the first.
    pub restart: bool,
    /// Who looks at guests whose sessions are over; they have what [`Held`] tells of.
    pub hold: Option<Hold>,
    /// Whether those have a network adapter for a kernel debugger ([`crate::kdnet`]) and a screen: Windows needs both.
    pub network: bool,
}

/// The machine.
pub struct Qemu {
    config: Config,
    /// The payload disk, which all guests have, and what is on it.
    disk: PathBuf,
    payload: Arc<Payload>,
    idle: Arc<Idle<Guest>>,
    started: AtomicU32,
    guests: Guests,
}

impl Qemu {
    /// Makes the disk that goes into every guest; starts none.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn new(config: Config) -> io::Result<Self> {
        fs::create_dir_all(&config.machines)?;
        let folder = config.machines.join("payload");
        fs::create_dir_all(&folder)?;
        let order = folder.join(ORDER);
        let (program, args) = &config.simulator;
        let sabotage = config.sabotage.as_ref();
        let sabotage = sabotage.map(|(what, at)| json!({ "what": what, "at": at }));
        let mut words = vec![SIMULATOR.to_owned()];
        words.extend(args.iter().cloned());
        let line = match &config.system {
            System::Linux { .. } => None,
            System::Image(_) | System::Setup(_) => Some("/dev/ttyS0"),
        };
        let dump = config.dump.as_ref().map(|_| DUMP);
        let text = json!({ "simulator": words, "sabotage": sabotage, "dump": dump, "line": line });
        let text = text.to_string();
        fs::write(&order, text)?;
        let disk = folder.join("payload.img");
        let mut files = vec![(SIMULATOR, &**program), (ORDER, &*order)];
        files.extend(config.dump.iter().map(|dump| (DUMP, &**dump)));
        // A Windows mounts no other for certain; the agent for Linux finds out which it is.
        let layout = match &config.system {
            System::Linux { .. } => Layout::Whole,
            System::Image(_) | System::Setup(_) => Layout::Partition,
        };
        let made = Payload::of(config.held.as_deref()).and_then(|payload| {
            payload.disk(layout, &disk, &files)?;
            Ok(payload)
        });
        let payload = match made {
            Ok(payload) => Arc::new(payload),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                return Err(error);
            }
        };
        Ok(Self {
            config,
            disk,
            payload,
            idle: Arc::default(),
            started: AtomicU32::new(0),
            guests: Guests::default(),
        })
    }

    /// Lets somebody look at every guest whose session ended well.
    pub fn hold(&self, why: &str) {
        self.idle.each(|guest| guest.hold(why));
    }

    /// Starts a guest and waits for its agent.
    fn start(&self, evidence: &Path) -> Result<Link, LinkError> {
        if interrupt::pending() {
            return Err(LinkError(
                "the run was interrupted before the machine started".into(),
            ));
        }
        let began = Instant::now();
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let folder = self.config.machines.join(format!("{}", number + 1));
        let failed = |what: &str, error: io::Error| {
            let _ = fs::remove_dir_all(&folder);
            LinkError(format!("{what} in {}: {error}", folder.display()))
        };
        let result = folder.join(guest::RESULT);
        fs::create_dir_all(&folder)
            .and_then(|()| match &self.config.system {
                System::Linux { .. } => ResultDisk::Small.make(&result),
                System::Image(image) => image.result.make(&result).and(image.overlay(&folder)),
                System::Setup(medium) => medium.prepare(&folder, &result),
            })
            .map_err(|e| failed("cannot make the machine's disks", e))?;
        let (qmp, line) = Awaited::bind(&folder, command::MONITOR)
            .and_then(|qmp| Ok((qmp, Awaited::bind(&folder, command::LINE)?)))
            .map_err(|e| failed("cannot bind the machine's sockets", e))?;
        let output = File::create(folder.join("qemu.log"))
            .map_err(|e| failed("cannot write qemu.log", e))?;
        let mut command = command::line(&self.config, &self.disk);
        command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output);
        let child = keeper::spawn(command)
            .map_err(|e| failed(&format!("cannot start {}", self.config.qemu), e))?;
        // From here on the guest owns the process and the folder.
        let mut guest = Guest::new(child, &folder, evidence, &self.config, &self.idle);
        let watch: Arc<Watch> = Arc::clone(guest.watch());
        let connected =
            fs::write(folder.join(leftovers::PID), guest.pid().to_string()).and_then(|()| {
                let stream = line.accept(START)?;
                let line = Line::noisy(stream.try_clone()?, stream, Noise::to(&folder)?);
                Ok((qmp.accept(START)?, line))
            });
        let (qmp, line) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let text = format!("QEMU did not start: {error}; {}", guest.complaint());
                return Err(LinkError(text));
            }
        };
        let arrivals = line.arrivals();
        let told = Arc::clone(&watch);
        let monitor = match Qmp::open(qmp, move |event| told.event(event, &arrivals)) {
            Ok(monitor) => guest.set_monitor(monitor),
            Err(error) => {
                let text = format!("QEMU's monitor: {error}; {}", guest.complaint());
                // Before the line, whose threads end with the process.
                drop(guest);
                return Err(LinkError(text));
            }
        };
        let attendant = match &self.config.system {
            System::Setup(medium) => Some(Attendant::begin(monitor, &watch, &medium.tell)),
            _ => None,
        };
        let mut link = Link::new(line, Box::new(guest)).holding(&self.payload);
        link.up(self.config.boot)?;
        watch.is_up();
        drop(attendant);
        if !self.config.verified.is_empty() {
            link.verify(&self.config.verified, self.config.boot)?;
            watch.is_up();
        }
        self.guests.greet(&mut link, began, self.config.boot)?;
        Ok(link)
    }
}

impl Machine for Qemu {
    fn kind(&self) -> &'static str {
        "qemu"
    }

    fn cannot_prove(&self) -> &'static str {
        "how Windows' own PortCls, audio engine, Plug and Play and Driver Verifier treat the driver: the guest is Linux, with the simulator in it"
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![format!(
            "guests were executed by {} ({})",
            self.config.accel.name.to_uppercase(),
            self.config.accel.why
        )];
        remarks.extend(self.guests.remarks("the start of QEMU"));
        remarks.extend(self.payload.remarks());
        remarks
    }

    fn boot(&self, evidence: &Path) -> Result<Link, LinkError> {
        match self.idle.take() {
            Some((line, mut guest)) => {
                guest.begin(evidence);
                let watch = Arc::clone(guest.watch());
                let mut link = Link::new(line, guest).holding(&self.payload);
                if self.config.restart {
                    link.restart(self.config.boot)?;
                    watch.is_up();
                }
                Ok(link)
            }
            None => self.start(evidence),
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        while let Some((line, guest)) = self.idle.take() {
            let mut bytes = Vec::new();
            // Memory takes everything.
            let _ = frame::write(&mut bytes, &Request::PowerOff, &[]);
            guest.watch().expect_end();
            line.send(bytes);
            guest.power_off(line, POWER_OFF);
        }
        let _ = fs::remove_dir_all(self.config.machines.join("payload"));
    }
}
