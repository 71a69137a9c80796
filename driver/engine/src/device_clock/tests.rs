//! The cable's clock against one that goes cell by cell of the grid, for 100 days, at every rate.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::clock::Timeline;
use crate::stream::tests::{config, steps_up_to};
use crate::units::{FrameRate, Frames};

const FREQUENCIES: [i64; 4] = [10_000_000, 3_579_545, 24_000_000, 1_000_000_000];
const RATES: [u32; 11] = [
    8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000,
];
const BILLION: i128 = 1_000_000_000;

/// The definition: in each cell of the grid the slope is that of the cell before, moved towards what was wanted when the
/// cell began. Remembers everything.
pub(crate) struct Model {
    grid: i128,
    /// Start, device time there, and slope of each stretch.
    stretches: Vec<(i128, i128, i128)>,
    pub(crate) wanted: i128,
}

impl Model {
    pub(crate) fn new(frequency: i64, start: i64) -> Self {
        Self {
            grid: (i128::from(frequency) * 4 + 99) / 100,
            stretches: std::vec![(start.into(), i128::from(start) * BILLION, 0)],
            wanted: 0,
        }
    }

    /// Goes on to `at`, cell by cell while the slope moves.
    pub(crate) fn go(&mut self, from: i128, at: i128) {
        let mut cell = from.div_euclid(self.grid) + 1;
        loop {
            let &(start, device, slope) = self.stretches.last().unwrap();
            if cell * self.grid > at || slope == self.wanted {
                return;
            }
            let moved = slope + (self.wanted - slope).clamp(-20_000, 20_000);
            let device = device + (cell * self.grid - start) * (BILLION + slope);
            self.stretches.push((cell * self.grid, device, moved));
            cell += 1;
        }
    }

    pub(crate) fn device(&self, at: i128) -> i128 {
        let before = self.stretches.partition_point(|&(start, ..)| start <= at);
        let (start, device, slope) = self.stretches[before.max(1) - 1];
        device + (at - start) * (BILLION + slope)
    }
}

/// Times and wanted rates; the clock is then asked behind each, and the model says what is right.
fn check(frequency: i64, start: i64, rate: u32, frame: u64, steps: &[(i64, i32)]) {
    let scale = QpcFrequency::new(frequency).unwrap();
    let mut clock = DeviceClock::new(scale).unwrap();
    let mut model = Model::new(frequency, start);
    let timeline = Timeline {
        frame: Frames(frame),
        at: DeviceTime(i128::from(start) * BILLION),
        rate: FrameRate::new(rate).unwrap(),
        frequency: scale,
    };
    let mut now = start;
    let mut told = DeviceTime(i128::MIN);
    for &(ticks, wanted) in steps {
        let before = now;
        now += ticks;
        // What is foreseen is what comes.
        let foreseen = clock.at(Qpc(now));
        model.go(before.into(), now.into());
        clock.pass(Qpc(now));
        let device = DeviceTime(model.device(now.into()));
        assert_eq!((foreseen, clock.at(Qpc(now))), (device, device));
        assert!(device >= told, "device time went back");
        told = device;
        assert_eq!(
            i128::from(clock.piece().slope.0),
            model.stretches.last().unwrap().2
        );

        // The position, by its definition, and the times of the frames around it.
        let second = i128::from(frequency) * BILLION;
        let position = timeline.position(device);
        let played = i128::from(position.0 - frame);
        let due = |frames: i128| frames * second;
        let run = (device.0 - timeline.at.0) * i128::from(rate);
        assert!(due(played) <= run && run < due(played + 1), "at {now}");
        for ahead in [0, 1, 2, u64::from(rate) / 10, u64::from(rate)] {
            let back = ahead.min(position.0 - frame);
            for wanted in [position.0 - back, position.0 + ahead] {
                let frames = i128::from(wanted - frame);
                let at = clock.when(timeline.time_of(Frames(wanted)));
                let mut future = Model {
                    stretches: model.stretches[model.stretches.len().saturating_sub(60)..].to_vec(),
                    ..model
                };
                future.go(now.into(), at.0.into());
                let run = |at: i64| (future.device(at.into()) - timeline.at.0) * i128::from(rate);
                assert!(
                    run(at.0) >= due(frames),
                    "frame {wanted} at {now}: too early"
                );
                if at.0 > start {
                    assert!(
                        run(at.0 - 1) < due(frames),
                        "frame {wanted} at {now}: too late"
                    );
                }
            }
        }
        if clock.steer(Ppb(wanted), Qpc(now)).is_ok() {
            model.wanted = wanted.into();
        }
        assert_eq!(clock.at(Qpc(now)), device, "steering is no jump");
    }
}

/// Spans between two commands: some cells, a fraction of one, days; as a fraction of the frequency.
fn span() -> impl Strategy<Value = (i64, i64)> {
    prop_oneof![
        4 => (0i64..400).prop_map(|ms| (ms, 1_000)),
        2 => (0i64..3_000_000).prop_map(|us| (us, 1_000_000)),
        1 => (0i64..20 * 86_400).prop_map(|seconds| (seconds, 1)),
        1 => Just((0, 1)),
    ]
}

fn wanted() -> impl Strategy<Value = i32> {
    prop_oneof![
        4 => -1_000_000..=1_000_000,
        2 => -100..=100,
        1 => Just(0),
        1 => any::<i32>(),
    ]
}

proptest! {
    #![proptest_config(config(1_000))]
    #[test]
    fn the_clock_is_what_the_model_says(
        frequency in prop_oneof![2 => proptest::sample::select(&FREQUENCIES[..]), 1 => 1_000i64..4_000_000_000],
        rate in proptest::sample::select(&RATES[..]),
        start in prop_oneof![0i64..1_000_000_000_000, -1_000_000_000i64..0],
        frame in 0u64..=1_658_880_000_000,
        steps in proptest::collection::vec((span(), wanted()), steps_up_to(40)),
    ) {
        let steps: Vec<(i64, i32)> = steps
            .into_iter()
            .map(|((span, per), wanted)| ((i128::from(span) * i128::from(frequency) / i128::from(per)) as i64, wanted))
            .collect();
        check(frequency, start, rate, frame, &steps);
    }
}

/// A hundred days in steps of odd lengths, with commands all the way, for every rate and counter.
#[test]
fn exact_for_100_days_at_every_rate() {
    // Miri needs not see every rate.
    for rate in RATES.into_iter().step_by(if cfg!(miri) { 10 } else { 1 }) {
        for frequency in FREQUENCIES
            .into_iter()
            .step_by(if cfg!(miri) { 3 } else { 1 })
        {
            for wanted in [0, 1, -1, 100_000, -1_000_000] {
                let looks = if cfg!(miri) { 3 } else { 300 };
                let step = 100 * 86_400 * frequency / looks + 7;
                let steps: Vec<_> = (0..=looks)
                    .map(|look| (step, if look % 3 == 2 { 0 } else { wanted }))
                    .collect();
                check(frequency, 12_345, rate, 0, &steps);
            }
        }
    }
}

#[test]
fn the_slope_moves_in_small_steps_on_the_grid() {
    let mut clock = DeviceClock::new(QpcFrequency::new(1_000).unwrap()).unwrap();
    let mut seen = Vec::new();
    for (at, wanted) in [
        (10, Some(50_000)),
        (50, None),
        (130, Some(-7)),
        (199, None),
        (400, None),
    ] {
        clock.pass(Qpc(at));
        if let Some(wanted) = wanted {
            clock.steer(Ppb(wanted), Qpc(at)).unwrap();
        }
        seen.push((clock.piece().qpc.0, clock.piece().slope.0));
    }
    // Steps at 40, 80, 120; then at 160, 200, 240 and no more.
    assert_eq!(
        seen[1..],
        [(40, 20_000), (120, 50_000), (160, 30_000), (240, -7)]
    );
}

#[test]
fn beyond_the_bound_nothing_changes() {
    let mut clock = DeviceClock::new(QpcFrequency::new(10_000_000).unwrap()).unwrap();
    for (wanted, expect, target) in [
        (1_000_000, Ok(()), 1_000_000),
        (1_000_001, Err(OutOfBound), 1_000_000),
        (i32::MAX, Err(OutOfBound), 1_000_000),
        (-1_000_000, Ok(()), -1_000_000),
        (-1_000_001, Err(OutOfBound), -1_000_000),
        (i32::MIN, Err(OutOfBound), -1_000_000),
    ] {
        assert_eq!(clock.steer(Ppb(wanted), Qpc(0)), expect, "{wanted}");
        assert_eq!(clock.target(), Ppb(target));
    }
}

#[test]
fn a_time_before_an_earlier_one_changes_nothing_that_was_told() {
    let second = 10_000_000;
    let mut clock = DeviceClock::new(QpcFrequency::new(second).unwrap()).unwrap();
    clock.steer(Ppb(1_000_000), Qpc(0)).unwrap();
    clock.pass(Qpc(second));
    let told = [0, 5, 700_000, second].map(|at| clock.at(Qpc(at)));
    // A command that took the counter before somebody else passed a later time.
    clock.steer(Ppb(-1_000_000), Qpc(300_000)).unwrap();
    clock.pass(Qpc(5));
    assert_eq!(told, [0, 5, 700_000, second].map(|at| clock.at(Qpc(at))));
}

#[test]
fn the_ends_of_the_counter_saturate() {
    for frequency in [1, 10_000_000, i64::MAX] {
        let mut clock = DeviceClock::new(QpcFrequency::new(frequency).unwrap()).unwrap();
        for at in [i64::MIN, 0, i64::MAX] {
            clock.steer(Ppb(1_000_000), Qpc(at)).unwrap();
            let device = clock.at(Qpc(at));
            assert!(clock.when(device) <= Qpc(at));
        }
        assert_eq!(clock.when(DeviceTime(i128::MAX)), Qpc(i64::MAX));
        assert_eq!(clock.when(DeviceTime(i128::MIN)), Qpc(i64::MIN));
    }
}
