//! What the first processor does in a life, step by step; whatever the second does meanwhile, it goes on as programs do.

use std::rc::Rc;

use super::stream::Stream;
use super::tap::Tap;
use super::world::World;
use crate::kernel::kernel;
use crate::pnp::node::State;
use crate::random::Random;
use crate::sched;
use crate::time::Hns;

/// Packets that are played.
const PLAYED: usize = 4;
/// What a program waits for a packet, for a stream's last block, and for a device that is on its way.
const PATIENCE: Hns = Hns::from_millis(20);
/// What it waits for a request that it handed over, of which a port copies 40 ms ahead.
const PATIENCE_OF_REQUESTS: Hns = Hns::from_millis(60);

impl World {
    /// Opens the tap and sends two reads.
    fn listen(self: &Rc<Self>) {
        let Some(link) = &self.link else { return };
        if let Some(tap) = self.check("opening the tap", Tap::open(link)) {
            self.tap.replace(Some(Rc::clone(&tap)));
            self.taps.borrow_mut().push(Rc::clone(&tap));
            for _ in 0..2 {
                tap.read();
            }
        }
    }

    /// Opens a stream and lets it run.
    fn play(&self) {
        let Some(stream) = self.check("opening the pin", Stream::open(&self.render, &self.usual))
        else {
            return;
        };
        let stream = Rc::new(stream);
        self.stream.replace(Some(Rc::clone(&stream)));
        if self
            .check("preparing the stream", stream.prepare())
            .is_none()
        {
            return;
        }
        // A pin takes requests once it has left STOP.
        let (before, after): (&[i32], &[i32]) = if self.usual.requests {
            (&[1, 2], &[3])
        } else {
            (&[], &[1, 2, 3])
        };
        for state in before {
            self.set_state(&stream, *state);
        }
        for _ in 0..self.usual.ahead() {
            stream.write(&self.signal);
        }
        for state in after {
            self.set_state(&stream, *state);
        }
    }

    fn set_state(&self, stream: &Stream, state: i32) {
        if stream.is_open() {
            self.check("setting a state", stream.set_state(state));
        }
    }

    /// Plays some packets, each when the driver asks for it.
    fn go_on(&self, packets: usize) {
        let Some(stream) = self.stream() else { return };
        for _ in 0..packets {
            let patience = if self.usual.requests {
                PATIENCE_OF_REQUESTS
            } else {
                PATIENCE
            };
            let deadline = kernel().now() + patience;
            sched::run_until(|| !stream.is_open() || stream.is_told(), Some(deadline));
            if !stream.is_open() {
                return;
            }
            self.check("asking for the position", stream.position());
            stream.write(&self.signal);
        }
    }

    /// Stops the stream and closes it.
    fn stop(&self) {
        let Some(stream) = self.stream.take() else {
            return;
        };
        for state in [2, 1, 0] {
            self.set_state(&stream, state);
        }
        self.told.set(stream.told.get());
        if stream.is_open() {
            self.check("taking the event back", stream.forget_event());
        }
        stream.shut();
    }

    /// Takes a read back.
    fn cancel(&self) {
        if let Some(pending) = self.tap().and_then(|tap| tap.pended()) {
            pending.cancel();
        }
    }

    /// Waits for the end of the stream, and closes the tap.
    fn hang_up(&self) {
        let Some(tap) = self.tap.take() else { return };
        if tap.is_open() {
            if !tap.is_waiting() {
                tap.read();
            }
            let deadline = kernel().now() + PATIENCE;
            sched::run_until(|| tap.has_end() || !tap.is_open(), Some(deadline));
        }
        tap.shut();
    }

    /// A change of the device, unless another one is on its way.
    fn changes(self: &Rc<Self>, change: impl FnOnce(&Rc<Self>)) {
        let deadline = kernel().now() + PATIENCE;
        sched::run_until(|| !self.changing.get(), Some(deadline));
        if self.node.state() == State::Started && !self.changing.replace(true) {
            change(self);
        }
    }
}

/// A stream plays and is read.
pub(super) fn stream(world: &Rc<World>) {
    world.listen();
    world.play();
    world.go_on(PLAYED / 2);
    world.cancel();
    if let Some(tap) = world.tap() {
        tap.read();
    }
    world.go_on(PLAYED - PLAYED / 2);
    world.stop();
    world.hang_up();
}

/// Things happen to the device while a stream plays and is read, and while nothing is open.
pub(super) fn device(world: &Rc<World>) {
    world.late.set(true);
    world.listen();
    world.play();
    world.go_on(1);
    world.changes(|world| {
        world.node.power_device(false);
        world.node.power_device(true);
        world.changing.set(false);
    });
    world.go_on(1);
    // Refused: there are handles.
    world.changes(World::query_remove);
    world.excused.set(true);
    world.changes(|world| world.rebalance());
    world.stop();
    world.hang_up();
    world.changes(World::query_remove);
    world.listen();
    world.hang_up();
}

/// What a seed says, `steps` of it.
pub(super) fn long(world: &Rc<World>, random: &Random, steps: u32) {
    // A stream may be stopped and its device changed in the middle of anything.
    world.late.set(true);
    world.excused.set(true);
    world.behind.set(true);
    for _ in 0..steps {
        match random.up_to(19) {
            0 | 1 if world.tap().is_none() => world.listen(),
            2..=4 if world.stream().is_none() => world.play(),
            5..=9 => world.go_on(1),
            10 => world.cancel(),
            11 | 12 => {
                if let Some(tap) = world.tap() {
                    tap.read();
                }
            }
            13 => world.stop(),
            14 => world.hang_up(),
            15 => world.changes(|world| {
                world.node.power_device(false);
                world.node.power_device(true);
                world.changing.set(false);
            }),
            16 => world.changes(|world| world.rebalance()),
            17 => world.changes(World::query_remove),
            _ => {
                if let Some(stream) = world.stream() {
                    world.check("asking for the position", stream.position());
                }
            }
        }
    }
    world.stop();
    world.hang_up();
}
