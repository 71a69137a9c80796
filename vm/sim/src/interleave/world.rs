//! What a life has open, and what activities do with it.
//!
//! An activity runs on the second processor while the first may be in the middle of a request on the same handle, so everything here is
//! shared and looked at for a moment at a time. What Windows does one at a time stays so: Plug and Play and power requests of a
//! device (a device node has one at a time on its way; that power's and Plug and Play's exclude each other is inferred), and a handle that was
//! closed sends nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waverig_interface::ioctl::{CLOCK, EVENTS, SHARE, STATUS, STEER};
use waverig_protocol::interleave::Activity;
use waverig_tap::request;

use super::stream::Stream;
use super::tap::Tap;
use crate::kernel::kernel;
use crate::nt::io;
use crate::nt::status::NtStatus;
use crate::pnp::node::{Node, State};
use crate::sched;
use crate::time::Hns;
use crate::user::{Place, Target, Usual};

/// How far ahead a timer may be that expires now.
const AHEAD: Hns = Hns::from_millis(20);
/// Reads that are with the driver at a time.
const MOST_READS: u32 = 4;

/// What a life has open.
pub(super) struct World {
    pub(super) node: Rc<Node>,
    pub(super) render: Place,
    pub(super) capture: Option<Place>,
    /// The tap's link; drivers of other projects have none.
    pub(super) link: Option<String>,
    pub(super) usual: Usual,
    /// What is played.
    pub(super) signal: Vec<u8>,
    pub(super) tap: RefCell<Option<Rc<Tap>>>,
    pub(super) stream: RefCell<Option<Rc<Stream>>>,
    /// Every tap that the life's own program opened: what they heard is compared in the end.
    pub(super) taps: RefCell<Vec<Rc<Tap>>>,
    /// A Plug and Play or power request is on its way.
    pub(super) changing: Cell<bool>,
    /// Requests may be refused: a handle was closed by another thread, or something happened to the device.
    pub(super) excused: Cell<bool>,
    /// Programs may come too late: time passed in the middle of something.
    pub(super) late: Cell<bool>,
    /// The stream's program may write whole laps too late: it does other things while the stream runs.
    pub(super) behind: Cell<bool>,
    /// Requests that were refused; whether they may be is known in the end.
    pub(super) refusals: RefCell<Vec<String>>,
    /// What went wrong whatever happened.
    pub(super) wrong: RefCell<Vec<String>>,
    /// Notifications that the stream gave.
    pub(super) told: Cell<usize>,
    /// Reads that the second processor sent.
    extra: Cell<u32>,
}

impl World {
    /// Nothing is open.
    ///
    /// # Errors
    /// When the device lacks something.
    pub(super) fn new(
        node: &Rc<Node>,
        target: &Target,
        signal: Vec<u8>,
    ) -> Result<Rc<Self>, String> {
        let cable = target.cables.get(&1);
        let render = cable.and_then(|cable| cable.render.clone());
        Ok(Rc::new(Self {
            node: Rc::clone(node),
            render: render.ok_or("the device has no render endpoint to play to")?,
            capture: cable.and_then(|cable| cable.capture.clone()),
            link: cable.and_then(|cable| cable.tap.clone()),
            usual: target.usual,
            signal,
            tap: RefCell::default(),
            stream: RefCell::default(),
            taps: RefCell::default(),
            changing: Cell::new(false),
            excused: Cell::new(false),
            late: Cell::new(false),
            behind: Cell::new(false),
            refusals: RefCell::default(),
            wrong: RefCell::default(),
            told: Cell::new(0),
            extra: Cell::new(0),
        }))
    }

    /// The tap, if its handle is open.
    pub(super) fn tap(&self) -> Option<Rc<Tap>> {
        self.tap.borrow().clone().filter(|tap| tap.is_open())
    }

    /// The stream, if its handle is open.
    pub(super) fn stream(&self) -> Option<Rc<Stream>> {
        self.stream
            .borrow()
            .clone()
            .filter(|stream| stream.is_open())
    }

    fn refused(&self, what: &str, status: NtStatus) {
        self.refusals
            .borrow_mut()
            .push(format!("{what} failed with {status}"));
    }

    pub(super) fn check<T>(&self, what: &str, result: Result<T, NtStatus>) -> Option<T> {
        result.map_err(|status| self.refused(what, status)).ok()
    }

    /// Whether `activity` is possible now.
    pub(super) fn is_possible(&self, activity: Activity) -> bool {
        let started = self.node.state() == State::Started;
        let playing = || self.stream().is_some_and(|stream| stream.has_buffer());
        match activity {
            Activity::Timer => sched::is_scheduled("ExTimer", kernel().now() + AHEAD),
            Activity::Read => self.tap().is_some() && self.extra.get() < MOST_READS,
            Activity::Cancel => self.tap().is_some_and(|tap| tap.is_waiting()),
            Activity::CloseTap => self.tap().is_some(),
            Activity::Position | Activity::State => playing(),
            Activity::ClosePin => self.stream().is_some(),
            Activity::Ask | Activity::Share | Activity::OpenTap => started && self.link.is_some(),
            Activity::OpenPin => started,
            Activity::Record => started && self.capture.is_some(),
            Activity::Sleep
            | Activity::Rebalance
            | Activity::QueryRemove
            | Activity::SurpriseRemoval => started && !self.changing.get(),
        }
    }

    /// What `activity` does on the second processor now; `None` when it is not possible.
    pub(super) fn activity(self: &Rc<Self>, activity: Activity) -> Option<Box<dyn FnOnce()>> {
        if !self.is_possible(activity) {
            return None;
        }
        let world = Rc::clone(self);
        Some(match activity {
            Activity::Timer => {
                let expire = sched::take("ExTimer", kernel().now() + AHEAD)?;
                self.late.set(true);
                expire
            }
            Activity::Read => {
                let tap = self.tap()?;
                self.extra.set(self.extra.get() + 1);
                Box::new(move || tap.read())
            }
            Activity::Cancel => {
                let tap = self.tap()?;
                let pending = tap.pended()?;
                Box::new(move || {
                    pending.cancel();
                })
            }
            Activity::Ask => Box::new(move || world.ask()),
            Activity::Share => Box::new(move || world.share()),
            Activity::OpenTap => Box::new(move || {
                if let Some(tap) = world.open_tap() {
                    tap.shut();
                }
            }),
            Activity::CloseTap => {
                let tap = self.tap()?;
                self.excused.set(true);
                Box::new(move || tap.shut())
            }
            Activity::Position => {
                let stream = self.stream()?;
                Box::new(move || {
                    world.check("asking for the position", stream.position());
                })
            }
            Activity::State => {
                let stream = self.stream()?;
                Box::new(move || {
                    // Whatever state it is in, these are steps that it can take and go back.
                    if stream.told.get() > 0 {
                        for state in [2, 3] {
                            world.check("setting a state", stream.set_state(state));
                        }
                    }
                })
            }
            Activity::OpenPin => Box::new(move || {
                // Refused while there is a stream.
                if let Ok(stream) = Stream::open(&world.render, &world.usual) {
                    stream.shut();
                }
            }),
            Activity::ClosePin => {
                let stream = self.stream()?;
                self.excused.set(true);
                Box::new(move || stream.shut())
            }
            Activity::Record => Box::new(move || world.record()),
            Activity::Sleep => {
                self.changing.set(true);
                self.late.set(true);
                Box::new(move || {
                    world.node.power_device(false);
                    world.node.power_device(true);
                    world.changing.set(false);
                })
            }
            Activity::Rebalance => {
                self.changing.set(true);
                self.excused.set(true);
                Box::new(move || world.rebalance())
            }
            Activity::QueryRemove => {
                self.changing.set(true);
                self.excused.set(true);
                Box::new(move || world.query_remove())
            }
            Activity::SurpriseRemoval => {
                self.changing.set(true);
                self.excused.set(true);
                Box::new(move || {
                    // From here on nothing else happens to the device in this life.
                    let gone = Rc::clone(&world);
                    world.node.surprise_remove(move || gone.changing.set(false));
                })
            }
        })
    }

    /// Another program's handle of the tap.
    fn open_tap(&self) -> Option<Rc<Tap>> {
        Tap::open(self.link.as_ref()?).ok()
    }

    /// Another program asks the tap this and that.
    fn ask(&self) {
        let Some(tap) = self.open_tap() else {
            return;
        };
        let requests: [(u32, Vec<u8>, usize); 5] = [
            (STATUS, Vec::new(), 1_024),
            (CLOCK, Vec::new(), 128),
            (STEER, request::steer(1_000).to_vec(), 128),
            (STEER, request::release().to_vec(), 128),
            (EVENTS, request::events(0).to_vec(), 4_096),
        ];
        for (code, input, room) in requests {
            io::device_control_now(&tap.file, code, &input, room);
        }
        tap.shut();
    }

    /// Another program shares memory for a moment.
    fn share(&self) {
        let Some(tap) = self.open_tap() else {
            return;
        };
        let slot = request::slot_bytes(48, super::tap::FRAME) as u32;
        let input = request::share(48, 4, slot, 0);
        let room = request::share_bytes(4, slot as usize);
        let pending = io::device_control(&tap.file, SHARE, &input, room, |_, _| {});
        pending.cancel();
        tap.shut();
    }

    /// Another program records for a moment.
    fn record(&self) {
        let Some(Ok(stream)) = self
            .capture
            .as_ref()
            .map(|capture| Stream::open(capture, &self.usual))
        else {
            return;
        };
        if stream.prepare().is_ok() {
            for state in [1, 2, 3, 2, 1, 0] {
                // Refused when the device went.
                let _ = stream.set_state(state);
            }
        }
        stream.shut();
    }

    /// The device is stopped and started again.
    pub(super) fn rebalance(&self) {
        if self.node.stop()
            && let Err(error) = self.node.start()
        {
            self.wrong.borrow_mut().push(error);
        }
        self.changing.set(false);
    }

    /// The device is asked to go; if no handle is open it does, and comes back.
    pub(super) fn query_remove(self: &Rc<Self>) {
        let world = Rc::clone(self);
        self.node.query_remove(move |free| {
            if free {
                let gone = world.node.remove().and_then(|()| world.node.start());
                if let Err(error) = gone {
                    world.wrong.borrow_mut().push(error);
                }
            }
            world.changing.set(false);
        });
    }
}
