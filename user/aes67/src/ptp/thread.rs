//! The follower's sockets and threads.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::port::{Port, instance};
use super::{Known, State};
use crate::clock::{self, Local};
use crate::net::{self, Stamped};
use crate::sdp::ClockIdentity;

/// Where PTP is spoken: IEEE 1588-2008, annex D.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 129);
/// Messages with times.
pub const EVENT_PORT: u16 = 319;
/// All others.
pub const GENERAL_PORT: u16 = 320;
/// Expedited forwarding, which AES67-2018, 6.5 gives to PTP's event messages.
const EVENT_DSCP: u8 = 46;
/// AES67 takes switches for granted, not routers.
const TTL: u8 = 1;
/// A request whose leaving took longer than this is no measure, in ns.
const SLOW_NS: i64 = 500_000;
/// How soon threads see that they are no longer wanted.
const LOOK: Duration = Duration::from_millis(200);

/// A message that came.
struct Came {
    data: Vec<u8>,
    /// For the event port's.
    at: Option<Local>,
}

#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
    changed: Condvar,
    stop: AtomicBool,
}

/// A follower that runs until it is dropped.
pub struct Follower {
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Follower {
    /// Begins to listen on the interface with this address.
    ///
    /// # Errors
    /// What the system says of the address or the ports.
    pub fn start(interface: Ipv4Addr, domain: u8) -> Result<Self> {
        let event = net::listen(interface, GROUP, EVENT_PORT)?;
        let general = net::listen(interface, GROUP, GENERAL_PORT)?;
        net::dscp(&event, EVENT_DSCP);
        for socket in [&event, &general] {
            socket
                .set_multicast_ttl_v4(TTL.into())
                .context("a socket takes no time to live")?;
            socket.set_read_timeout(Some(LOOK))?;
        }
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = channel();
        let stamped = Stamped::new(event.try_clone()?);
        let mut threads = Vec::new();
        let (its, to) = (shared.clone(), sender.clone());
        threads.push(spawn("ptp event", move || {
            hear_events(&its, &stamped, &to)
        })?);
        let its = shared.clone();
        let socket = general.try_clone()?;
        threads.push(spawn("ptp general", move || hear(&its, &socket, &sender))?);
        let its = shared.clone();
        threads.push(spawn("ptp", move || {
            follow(&its, domain, &event, &general, &receiver);
        })?);
        Ok(Self { shared, threads })
    }

    /// What is known now.
    #[must_use]
    pub fn known(&self) -> Known {
        let mut known = *self.lock();
        if let Some(estimate) = known.estimate {
            known.error_ns = estimate.error_at(clock::now());
        }
        known
    }

    /// Waits until the master's time is known, or for so long; what is known then.
    #[must_use]
    pub fn wait_locked(&self, most: Duration) -> Known {
        let end = Instant::now() + most;
        let mut known = self.lock();
        while known.state != State::Locked {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.changed.wait_timeout(known, left);
            known = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *known
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.shared
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<thread::JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.into());
    thread
        .spawn(run)
        .with_context(|| format!("no thread for {name}"))
}

fn hear_events(shared: &Shared, socket: &Stamped, to: &Sender<Came>) {
    let mut buffer = [0; 2048];
    while !shared.stop.load(Ordering::Acquire) {
        match socket.receive(&mut buffer) {
            Ok((length, at)) => {
                let data = buffer[..length].to_vec();
                let _ = to.send(Came { data, at: Some(at) });
            }
            Err(error) => rest(&error),
        }
    }
}

/// Nothing within the time limit is no error; another one may be over the next time, and the state tells that nothing is heard.
fn rest(error: &io::Error) {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    if !matches!(error.kind(), Interrupted | TimedOut | WouldBlock) {
        thread::sleep(LOOK);
    }
}

fn hear(shared: &Shared, socket: &UdpSocket, to: &Sender<Came>) {
    let mut buffer = [0; 2048];
    while !shared.stop.load(Ordering::Acquire) {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let data = buffer[..length].to_vec();
                let _ = to.send(Came { data, at: None });
            }
            Err(error) => rest(&error),
        }
    }
}

fn follow(
    shared: &Shared,
    domain: u8,
    event: &UdpSocket,
    general: &UdpSocket,
    came: &Receiver<Came>,
) {
    let mut rng = StdRng::from_entropy();
    let instance = instance(ClockIdentity(rng.r#gen()), domain);
    let mut port = Port::new(&instance, rng, clock::now());
    while !shared.stop.load(Ordering::Acquire) {
        let left = u64::try_from(port.next() - clock::now()).unwrap_or(0);
        match came.recv_timeout(Duration::from_nanos(left).min(LOOK)) {
            Ok(Came { data, at: Some(at) }) => port.event(&data, at),
            Ok(Came { data, at: None }) => port.general(&data, clock::now()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        port.tick(clock::now());
        for out in port.take() {
            // What cannot be sent is not answered: the state tells it.
            let Some(context) = out.context else {
                let _ = general.send_to(&out.data, SocketAddrV4::new(GROUP, GENERAL_PORT));
                continue;
            };
            let before = clock::now();
            let sent = event.send_to(&out.data, SocketAddrV4::new(GROUP, EVENT_PORT));
            let after = clock::now();
            if sent.is_ok() && after - before < SLOW_NS {
                port.sent(context, before + (after - before) / 2);
            }
        }
        let known = port.known(clock::now());
        *shared.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        shared.changed.notify_all();
    }
}
