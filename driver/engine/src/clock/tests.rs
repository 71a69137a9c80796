//! A stream's clock by its definition, over 100 days, at every rate.

use proptest::prelude::*;

use super::*;
use crate::stream::tests::config;

const FREQUENCIES: [i64; 4] = [10_000_000, 3_579_545, 24_000_000, 1_000_000_000];
const RATES: [u32; 11] = [
    8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000,
];
const DAYS_100: i64 = 100 * 86_400;

/// Device time of an unsteered clock.
fn ticks(ticks: i64) -> DeviceTime {
    DeviceTime(i128::from(ticks) * 1_000_000_000)
}

fn timeline(rate: u32, frequency: i64, at: i64, frame: u64) -> Timeline {
    Timeline {
        frame: Frames(frame),
        at: ticks(at),
        rate: FrameRate::new(rate).unwrap(),
        frequency: QpcFrequency::new(frequency).unwrap(),
    }
}

/// The position and its inverse, checked by their definitions rather than by the same formula.
fn check_exact(timeline: &Timeline, at: DeviceTime) {
    let rate = i128::from(timeline.rate.hertz());
    let second = i128::from(timeline.frequency.ticks()) * 1_000_000_000;
    let units = at.0 - timeline.at.0;
    let played = i128::from(timeline.position(at).0) - i128::from(timeline.frame.0);
    // floor(x) = n  ⇔  n ≤ x < n + 1, without a division.
    assert!(
        played * second <= units * rate,
        "{timeline:?} {at:?}: ahead"
    );
    assert!(
        units * rate < (played + 1) * second,
        "{timeline:?} {at:?}: behind"
    );

    let frame = timeline.position(at);
    let first = timeline.time_of(frame);
    assert!(
        first <= at && timeline.position(first) == frame,
        "{timeline:?} {at:?}"
    );
    if first > timeline.at {
        assert!(
            timeline.position(DeviceTime(first.0 - 1)) < frame,
            "{timeline:?} {at:?}: not the first time"
        );
    }
    let next = timeline.time_of(Frames(frame.0 + 1));
    assert!(
        next > at && timeline.position(next) > frame,
        "{timeline:?} {at:?}"
    );
}

#[test]
fn exact_at_every_rate_at_the_edges_of_100_days() {
    // Miri needs not see every rate.
    for rate in RATES.into_iter().step_by(if cfg!(miri) { 5 } else { 1 }) {
        for frequency in FREQUENCIES {
            for start in [0, 1, -7, i64::MAX / 4] {
                let timeline = timeline(rate, frequency, start, 12_345);
                for second in [0, 1, DAYS_100 - 1, DAYS_100] {
                    for tick in [0, 1, frequency / 3, frequency - 1] {
                        check_exact(&timeline, ticks(start + second * frequency + tick));
                    }
                }
                let end = ticks(start + DAYS_100 * frequency);
                let expect = 12_345 + DAYS_100 as u64 * u64::from(rate);
                assert_eq!(
                    timeline.position(end),
                    Frames(expect),
                    "no drift in 100 days"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]
    #[test]
    fn exact_anywhere_in_100_days(
        rate in prop_oneof![8_000u32..=192_000, proptest::sample::select(&RATES[..])],
        frequency in prop_oneof![1_000i64..=4_000_000_000, proptest::sample::select(&FREQUENCIES[..])],
        start in -1_000_000_000i64..1_000_000_000_000,
        frame in 0u64..=1_658_880_000_000,
        second in 0..DAYS_100,
        part in 0.0f64..1.0,
        unit in 0i128..1_000_000_000,
    ) {
        let tick = (frequency as f64 * part) as i64;
        let at = ticks(start + second * frequency + tick);
        check_exact(&timeline(rate, frequency, start, frame), DeviceTime(at.0 + unit));
    }

    /// Any sequence of states and readings, `at` going back now and then, against a model that adds up exact spans.
    #[test]
    fn states_freeze_resume_and_zero(
        rate in proptest::sample::select(&RATES[..]),
        frequency in proptest::sample::select(&FREQUENCIES[..]),
        steps in proptest::collection::vec((0u32..8, prop_oneof![-9_000i64..9_000, 0i64..30_000_000]), 1..40),
    ) {
        let mut clock = Clock::new(FrameRate::new(rate).unwrap(), QpcFrequency::new(frequency).unwrap());
        let (mut now, mut base, mut started, mut told) = (1i64 << 40, 0i128, None, 0i128);
        for (action, span) in steps {
            now += span;
            let run = started.map_or(0, |started| {
                i128::from(now - started).max(0) * i128::from(rate) / i128::from(frequency)
            });
            told = told.max(base + run);
            if let Some(state) = State::from_ks(action) {
                clock.set_state(state, ticks(now));
                match state {
                    State::Run => {
                        if started.is_none() {
                            (base, started) = (told, Some(now));
                        }
                    }
                    State::Stop => (base, started, told) = (0, None, 0),
                    State::Acquire | State::Pause => (base, started) = (told, None),
                }
                prop_assert_eq!(clock.state(), state);
            }
            prop_assert_eq!(i128::from(clock.position(ticks(now)).0), told);
            prop_assert_eq!(i128::from(clock.reported().0), told);
            prop_assert_eq!(clock.timeline().is_some(), started.is_some());
        }
    }
}

#[test]
fn extremes_saturate() {
    let timeline = timeline(192_000, 1, i64::MIN, u64::MAX - 1);
    assert_eq!(timeline.position(ticks(i64::MAX)), Frames(u64::MAX));
    assert_eq!(timeline.position(ticks(i64::MIN)), Frames(u64::MAX - 1));
    let slow = Timeline {
        rate: FrameRate::new(1).unwrap(),
        frame: Frames::ZERO,
        at: DeviceTime(i128::MAX),
        ..timeline
    };
    assert_eq!(slow.time_of(Frames(u64::MAX)), DeviceTime(i128::MAX));
}
