//! What happens to the device while programs use it, and how programs learn of it.
//!
//! A program that has a handle hears when the device is to go or has gone (`CM_Register_Notification`), and closes it. The
//! audio service does that for its streams; what a program sees then are requests that fail.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::{DeviceChange, Event};

use super::journal::Journal;
use super::task::Bell;
use crate::finding;
use crate::kernel::kernel;
use crate::pnp::node::{Node, Watch};
use crate::pnp::rules;
use crate::sched;
use crate::time::{Hns, Qpc};

/// Whether everything that was arranged has come to its end.
pub(super) fn settled() -> bool {
    OPEN.get() == 0
}

/// Counts as long as a change is not over.
struct Token;

impl Token {
    fn new() -> Rc<Self> {
        OPEN.set(OPEN.get() + 1);
        Rc::new(Self)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        OPEN.set(OPEN.get() - 1);
    }
}

/// How long the device slept.
#[derive(Clone, Copy, Default)]
struct Slept {
    before: Hns,
    since: Option<Qpc>,
}

thread_local! {
    /// Changes that are still to come or on their way.
    static OPEN: Cell<u32> = const { Cell::new(0) };
    static SLEPT: Cell<Slept> = const { Cell::new(Slept { before: Hns(0), since: None }) };
}

/// The moment, less the time that the device slept: what a program that hears of power goes by.
pub(super) fn time_awake() -> Qpc {
    let Slept { before, since } = SLEPT.get();
    let now = since.unwrap_or(kernel().now());
    Qpc(now.0.saturating_sub(before.0))
}

fn asleep() {
    let Slept { before, .. } = SLEPT.get();
    SLEPT.set(Slept {
        before,
        since: Some(kernel().now()),
    });
}

fn awake() {
    let Slept { before, since } = SLEPT.get();
    let slept = since.map_or(Hns(0), |since| kernel().now() - since);
    SLEPT.set(Slept {
        before: Hns(before.0 + slept.0),
        since: None,
    });
}

/// A program's ear for the end of the device. While the program has it, a removal waits for it.
#[derive(Clone, Default)]
pub(super) struct Ear {
    going: Rc<Cell<bool>>,
    watch: Rc<RefCell<Option<Rc<Watch>>>>,
}

impl Ear {
    /// Listens for `node` and rings `bell`, unless nobody is told in this run.
    pub(super) fn open(node: Option<&Rc<Node>>, disturbances: &[Disturbance], bell: Bell) -> Self {
        let ear = Self::default();
        if let Some(node) = node
            && disturbances.iter().any(tells_programs)
        {
            let going = Rc::clone(&ear.going);
            let watch = node.watch(move |_| {
                going.set(true);
                bell.ring();
            });
            *ear.watch.borrow_mut() = Some(watch);
        }
        ear
    }

    /// Whether the program is to close its handle.
    pub(super) fn is_told(&self) -> bool {
        self.going.get()
    }

    /// The program has closed its handle.
    pub(super) fn close(&self) {
        let watch = self.watch.take();
        drop(watch);
    }
}

/// Whether programs are told, and close their handles. A removal that is prevented is one of which they were not told.
fn tells_programs(disturbance: &Disturbance) -> bool {
    matches!(
        disturbance,
        Disturbance::SurpriseRemoval { .. }
            | Disturbance::Restart { .. }
            | Disturbance::DriverUpdate { .. }
    )
}

/// Whether requests may be refused from some moment on.
pub(super) fn ends_the_device(disturbances: &[Disturbance]) -> bool {
    disturbances.iter().any(|disturbance| {
        tells_programs(disturbance) || matches!(disturbance, Disturbance::StopDevice { .. })
    })
}

/// Arranges what happens to the device among `disturbances` of the main player, whose stream starts at `start`.
pub(super) fn arrange(
    disturbances: &[Disturbance],
    node: Option<&Rc<Node>>,
    journal: &Journal,
    start: Qpc,
) {
    let Some(node) = node else { return };
    for disturbance in disturbances {
        let disturbance = *disturbance;
        let Some(at_ms) = moment(&disturbance) else {
            continue;
        };
        let change = Change {
            node: Rc::clone(node),
            journal: journal.clone(),
            _open: Token::new(),
        };
        sched::at(
            start + Hns::from_millis(at_ms.into()),
            "something happens to the device",
            move || change.happen(&disturbance),
        );
    }
}

fn moment(disturbance: &Disturbance) -> Option<u32> {
    match *disturbance {
        Disturbance::ClientStall { .. }
        | Disturbance::TimerStall { .. }
        | Disturbance::Pause { .. }
        | Disturbance::Protect { .. }
        | Disturbance::LatePacket { .. }
        | Disturbance::WrongPackets { .. } => None,
        Disturbance::Sleep { at_ms, .. }
        | Disturbance::PowerDown { at_ms, .. }
        | Disturbance::StopDevice { at_ms, .. }
        | Disturbance::QueryRemove { at_ms }
        | Disturbance::SurpriseRemoval { at_ms }
        | Disturbance::Restart { at_ms, .. }
        | Disturbance::DriverUpdate { at_ms, .. } => Some(at_ms),
    }
}

/// What happens, and who writes it down.
#[derive(Clone)]
struct Change {
    node: Rc<Node>,
    journal: Journal,
    _open: Rc<Token>,
}

impl Change {
    fn note(&self, change: DeviceChange) {
        self.journal.note(Event::Device { change });
    }

    fn later(self, for_ms: u32, then: impl FnOnce(Self) + 'static) {
        sched::after(
            Hns::from_millis(for_ms.into()),
            "the device comes back",
            move || then(self),
        );
    }

    fn start(self) {
        match self.node.start() {
            Ok(()) => self.note(DeviceChange::Started),
            Err(error) => finding::raise(&rules::MUST_SUCCEED, error),
        }
    }

    fn happen(self, disturbance: &Disturbance) {
        match *disturbance {
            Disturbance::ClientStall { .. }
            | Disturbance::TimerStall { .. }
            | Disturbance::Pause { .. }
            | Disturbance::Protect { .. }
            | Disturbance::LatePacket { .. }
            | Disturbance::WrongPackets { .. } => {}
            Disturbance::Sleep { for_ms, .. } => {
                if !self.node.sleep() {
                    self.note(DeviceChange::StaysAwake);
                    return;
                }
                asleep();
                self.note(DeviceChange::Asleep);
                // Nothing runs until the system is back; what fell due meanwhile runs late.
                let back = kernel().now() + Hns::from_millis(for_ms.into());
                kernel().clock.advance_to(back);
                self.node.wake();
                awake();
                self.note(DeviceChange::Awake);
            }
            Disturbance::PowerDown { for_ms, .. } => {
                self.node.power_device(false);
                asleep();
                self.note(DeviceChange::Asleep);
                self.later(for_ms, |change| {
                    change.node.power_device(true);
                    awake();
                    change.note(DeviceChange::Awake);
                });
            }
            Disturbance::StopDevice { for_ms, .. } => {
                if self.node.stop() {
                    self.note(DeviceChange::Stopped);
                    self.later(for_ms, Self::start);
                } else {
                    self.note(DeviceChange::StopRefused);
                }
            }
            Disturbance::QueryRemove { .. } => {
                let node = Rc::clone(&self.node);
                node.query_remove(move |free| {
                    self.note(if free {
                        DeviceChange::Removed
                    } else {
                        DeviceChange::RemovalPrevented
                    });
                });
            }
            Disturbance::SurpriseRemoval { .. } => {
                let (node, after) = (Rc::clone(&self.node), self.clone());
                node.surprise_remove(move || after.note(DeviceChange::Removed));
                self.note(DeviceChange::Gone);
            }
            Disturbance::Restart { for_ms, .. } => self.remove_and(for_ms, |_| {}),
            Disturbance::DriverUpdate { for_ms, .. } => self.remove_and(for_ms, Self::update),
        }
    }

    /// An orderly removal, and a start after `for_ms`.
    fn remove_and(self, for_ms: u32, between: impl FnOnce(&Self) + 'static) {
        let node = Rc::clone(&self.node);
        node.query_remove(move |free| {
            if !free {
                self.note(DeviceChange::RemovalPrevented);
                return;
            }
            match self.node.remove() {
                Ok(()) => self.note(DeviceChange::Removed),
                Err(error) => finding::raise(&rules::MUST_SUCCEED, error),
            }
            between(&self);
            self.later(for_ms, Self::start);
        });
    }

    /// The next start loads another file: the same image, as it lies in the folder of another package.
    fn update(&self) {
        let before = self.node.image();
        match copied(&before) {
            Ok(image) => self.node.set_image(image),
            Err(error) => finding::raise(
                &rules::MUST_SUCCEED,
                format!("{}: {error}", before.display()),
            ),
        }
    }
}

fn copied(image: &Path) -> std::io::Result<PathBuf> {
    let folder = image.parent().unwrap_or(Path::new("."));
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push("_update");
    let target = folder.with_file_name(name);
    std::fs::create_dir_all(&target)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        std::fs::copy(entry.path(), target.join(entry.file_name()))?;
    }
    Ok(target.join(image.file_name().unwrap_or_default()))
}
