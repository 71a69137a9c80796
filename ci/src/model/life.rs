//! What the perfect machine does when something happens to its device.

use waverig_protocol::Program;
use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::{DeviceChange, Event, Stamped};

use super::{FREQUENCY, Machine, moment};
use crate::clock::Clock;

/// `STATUS_DEVICE_NOT_CONNECTED` (ntstatus.h).
const NOT_CONNECTED: u32 = 0xC000_009D;

/// Later than anything.
pub(super) const NEVER: i64 = i64::MAX / 4;

fn ms(ms: u32) -> i64 {
    i64::from(ms) * 10_000
}

impl Machine<'_> {
    /// A stretch in which the stream stands.
    fn standing(&self, disturbance: &Disturbance) -> Option<(i64, i64)> {
        let from = match disturbance.is_of_the_machine() {
            true => self.main,
            false => self.start,
        };
        match *disturbance {
            Disturbance::Sleep { at_ms, for_ms }
            | Disturbance::PowerDown { at_ms, for_ms }
            | Disturbance::Pause { at_ms, for_ms } => {
                Some((from + ms(at_ms), from + ms(at_ms) + ms(for_ms)))
            }
            _ => None,
        }
    }

    /// Stretches in which every stream stands.
    pub(super) fn stands(&self) -> Vec<(i64, i64)> {
        let all = self.file.scenario.disturbances.iter();
        let all = all.filter(|each| each.is_of_the_machine());
        all.filter_map(|each| self.standing(each)).collect()
    }

    /// When the client stops, if that is in the middle of its signal.
    pub(super) fn stops(&self, qpc: i64) -> Option<i64> {
        let stop = moment(self.file.scenario.stop_ms?);
        (qpc >= stop).then_some(stop)
    }
}

impl Machine<'_> {
    /// Lets the clock run from the start on, as long as the device is there and but for where the stream stands.
    pub(super) fn start_clock(&mut self) {
        self.run_clock(NEVER);
    }

    /// The stream ended: what happens later is none of it.
    pub(super) fn end_clock(&mut self, end: i64) {
        let (rate, device) = (self.clock.rate(), self.clock.device().clone());
        self.clock = Clock::of_device(rate, FREQUENCY, device).expect("a clock");
        self.run_clock(end);
        self.clock.halt(end);
    }

    fn run_clock(&mut self, until: i64) {
        self.clock.run(self.start);
        let all = self.file.scenario.disturbances.iter();
        let all: Vec<_> = all.filter_map(|each| self.standing(each)).collect();
        let whole = self.start..until;
        for (from, to) in all.into_iter().filter(|(from, _)| whole.contains(from)) {
            self.clock.halt(from);
            self.clock.run(to);
        }
        if let Some(end) = self.end() {
            self.clock.halt(end);
        }
    }

    /// The position at a time.
    pub(super) fn position(&self, qpc: i64) -> u64 {
        self.clock.position(qpc)
    }

    /// When the position is first at a frame; never when the stream ends before.
    pub(super) fn time(&self, frame: u64) -> i64 {
        self.clock.time_of(frame).unwrap_or(NEVER)
    }

    /// When a frame begins to be played.
    pub(super) fn begins(&self, frame: u64) -> i64 {
        self.clock.begin_of(frame).unwrap_or(NEVER)
    }

    /// When the streams are over because the device is.
    pub(super) fn end(&self) -> Option<i64> {
        let all = &self.file.scenario.disturbances;
        let ends = all.iter().find(|each| each.ends_streams())?;
        Some(self.main + ms(ends.span_ms().0))
    }

    /// Whether a program runs at a time: not while the system sleeps. If not, when it goes on.
    pub(super) fn goes_on(&self, qpc: i64) -> i64 {
        let all = &self.file.scenario.disturbances;
        let asleep = all.iter().find_map(|each| match each {
            Disturbance::Sleep { .. } => self
                .standing(each)
                .filter(|(from, to)| (*from..*to).contains(&qpc)),
            _ => None,
        });
        asleep.map_or(qpc, |(_, to)| to)
    }

    /// What is due just before the stream stands is done when it stops.
    pub(super) fn before_standing(&self, due: i64, late: i64) -> i64 {
        let all = &self.file.scenario.disturbances;
        let cut = all
            .iter()
            .filter_map(|each| self.standing(each))
            .find(|(from, _)| due <= *from && *from < late);
        cut.map_or(late, |(from, _)| from)
    }

    /// What is told of the device.
    pub(super) fn changes(&mut self) {
        use DeviceChange::{Asleep, Awake, Gone, RemovalPrevented, Removed, Started, Stopped};
        for each in self.file.scenario.disturbances.clone() {
            let (at, after) = each.span_ms();
            let (at, after) = (self.main + ms(at), self.main + ms(at) + ms(after));
            let told = match each {
                Disturbance::ClientStall { .. }
                | Disturbance::TimerStall { .. }
                | Disturbance::Pause { .. }
                | Disturbance::Protect { .. }
                | Disturbance::LatePacket { .. }
                | Disturbance::WrongPackets { .. } => Vec::new(),
                Disturbance::Sleep { .. } | Disturbance::PowerDown { .. } => {
                    vec![(at, Asleep), (after, Awake)]
                }
                Disturbance::StopDevice { .. } => vec![(at, Stopped), (after, Started)],
                Disturbance::QueryRemove { .. } => vec![(at, RemovalPrevented)],
                Disturbance::SurpriseRemoval { .. } => vec![(at, Gone), (at + 100, Removed)],
                Disturbance::Restart { .. } | Disturbance::DriverUpdate { .. } => {
                    vec![(at + 100, Removed), (after + 100, Started)]
                }
            };
            for (qpc, change) in told {
                self.event(qpc, Event::Device { change });
            }
            let refuses = matches!(
                each,
                Disturbance::SurpriseRemoval { .. } | Disturbance::StopDevice { .. }
            );
            let readers = (1..).zip(&self.file.scenario.tap_clients);
            let mut readers: Vec<Program> = readers
                .map(|(number, _)| Program::TapClient(number))
                .collect();
            readers.push(Program::Main);
            for program in readers.into_iter().filter(|_| refuses) {
                let event = Event::Refused {
                    request: "tap-read".into(),
                    status: NOT_CONNECTED,
                };
                self.timeline.push(Stamped {
                    program,
                    ..Stamped::new(at, event)
                });
            }
        }
    }
}
