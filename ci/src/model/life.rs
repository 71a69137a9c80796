//! What the perfect machine does when something happens to its device.

use waverig_protocol::Program;
use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::{DeviceChange, Event, Stamped};

use super::Machine;

/// `STATUS_DEVICE_NOT_CONNECTED` (ntstatus.h).
const NOT_CONNECTED: u32 = 0xC000_009D;

fn ms(ms: u32) -> i64 {
    i64::from(ms) * 10_000
}

/// A stretch in which a stream that starts at `start` stands.
fn standing(start: i64, disturbance: &Disturbance) -> Option<(i64, i64)> {
    match *disturbance {
        Disturbance::Sleep { at_ms, for_ms } | Disturbance::PowerDown { at_ms, for_ms } => {
            Some((start + ms(at_ms), start + ms(at_ms) + ms(for_ms)))
        }
        _ => None,
    }
}

impl Machine<'_> {
    /// Stretches in which the stream runs: when from, from which frame, and until when.
    fn stretches(&self) -> Vec<(i64, u64, i64)> {
        let mut stretches = Vec::new();
        let (mut start, mut base) = (self.start, 0);
        let all = &self.file.scenario.disturbances;
        for (from, to) in all.iter().filter_map(|each| standing(self.start, each)) {
            stretches.push((start, base, from));
            base += self.played(from - start);
            start = to;
        }
        stretches.push((start, base, self.end().unwrap_or(i64::MAX)));
        stretches
    }

    fn played(&self, ticks: i64) -> u64 {
        ticks.max(0) as u64 * u64::from(self.file.scenario.format.rate) / super::FREQUENCY as u64
    }

    /// The position at a time.
    pub(super) fn position(&self, qpc: i64) -> u64 {
        let stretches = self.stretches();
        let found = stretches.iter().rev().find(|(start, ..)| *start <= qpc);
        found.map_or(0, |(start, base, end)| {
            base + self.played(qpc.min(*end) - start)
        })
    }

    /// When the position is first at a frame.
    pub(super) fn time(&self, frame: u64) -> i64 {
        self.time_in(frame, |position| position >= frame)
    }

    /// When a frame begins to be played.
    pub(super) fn begins(&self, frame: u64) -> i64 {
        self.time_in(frame, |position| position > frame)
    }

    fn time_in(&self, frame: u64, fits: impl Fn(u64) -> bool) -> i64 {
        let rate = u64::from(self.file.scenario.format.rate);
        let stretches = self.stretches();
        let reaches = |(start, base, end): &&(i64, u64, i64)| {
            *end == i64::MAX || fits(base + self.played(end - start))
        };
        let (start, base, _) = stretches
            .iter()
            .find(reaches)
            .or(stretches.last())
            .expect("there is one");
        let ticks = (frame.saturating_sub(*base) * super::FREQUENCY as u64).div_ceil(rate);
        start + ticks as i64
    }

    /// When the streams are over because the device is.
    pub(super) fn end(&self) -> Option<i64> {
        let all = &self.file.scenario.disturbances;
        let ends = all.iter().find(|each| each.ends_streams())?;
        Some(self.start + ms(ends.span_ms().0))
    }

    /// Whether a program runs at a time: not while the system sleeps. If not, when it goes on.
    pub(super) fn goes_on(&self, qpc: i64) -> i64 {
        let all = &self.file.scenario.disturbances;
        let asleep = all.iter().find_map(|each| match each {
            Disturbance::Sleep { .. } => {
                standing(self.start, each).filter(|(from, to)| (*from..*to).contains(&qpc))
            }
            _ => None,
        });
        asleep.map_or(qpc, |(_, to)| to)
    }

    /// What is due just before the stream stands is done when it stops.
    pub(super) fn before_standing(&self, due: i64, late: i64) -> i64 {
        let all = &self.file.scenario.disturbances;
        let cut = all
            .iter()
            .filter_map(|each| standing(self.start, each))
            .find(|(from, _)| due <= *from && *from < late);
        cut.map_or(late, |(from, _)| from)
    }

    /// What is told of the device.
    pub(super) fn changes(&mut self) {
        use DeviceChange::{Asleep, Awake, Gone, RemovalPrevented, Removed, Started, Stopped};
        for each in self.file.scenario.disturbances.clone() {
            let (at, after) = each.span_ms();
            let (at, after) = (self.start + ms(at), self.start + ms(at) + ms(after));
            let told = match each {
                Disturbance::ClientStall { .. } | Disturbance::TimerStall { .. } => Vec::new(),
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
