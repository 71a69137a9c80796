use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

/// A master and a way to it, both made up.
struct World {
    rng: StdRng,
    /// Master's time over local time.
    truth: Mapping,
    delay: i64,
    /// Most that is added to a delay.
    jitter: i64,
    now: Local,
    estimator: Estimator,
}

impl World {
    fn new(seed: u64, ppm: f64, jitter: i64) -> Self {
        let truth = Mapping {
            local: 0,
            ptp: 1_790_000_000_000_000_000,
            rate: ppm * 1e-6,
        };
        Self {
            rng: StdRng::seed_from_u64(seed),
            truth,
            delay: 20_000,
            jitter,
            now: 5_000_000_000,
            estimator: Estimator::default(),
        }
    }

    fn late(&mut self) -> i64 {
        self.delay + self.rng.gen_range(0..=self.jitter)
    }

    /// One eighth of a second: a Sync, and every other time a request.
    fn step(&mut self, count: usize) {
        self.now += 125_000_000;
        let came = self.now + self.late();
        self.estimator
            .sync(came, came - self.truth.ptp_at(self.now));
        if count.is_multiple_of(2) {
            let left = self.now + 40_000_000;
            let late = self.late();
            self.estimator
                .delay(left, left - self.truth.ptp_at(left + late));
        }
    }

    fn off(&self) -> i64 {
        let known = self.estimator.known(self.now);
        let line = known.estimate.expect("there is a line").mapping;
        line.ptp_at(self.now) - self.truth.ptp_at(self.now)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        // What chance makes has tails.
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The true time lies within what the estimate says of itself, from the first moment on; after half a minute that is a sixth of the
    /// jitter.
    #[test]
    fn the_line_is_as_good_as_it_says(seed in any::<u64>(), ppm in -100.0..100.0, jitter in 1i64..100_000) {
        let mut world = World::new(seed, ppm, jitter);
        let mut locked = 0;
        for count in 0..400 {
            world.step(count);
            let known = world.estimator.known(world.now);
            if known.state == State::Locked {
                locked += 1;
                prop_assert!(world.off().abs() <= known.error_ns, "{} of {} after {count}", world.off(), known.error_ns);
            }
        }
        prop_assert!(locked > 380, "{locked}");
        prop_assert!(world.off().abs() < jitter / 6 + 100, "{} of {jitter}", world.off());
        let estimate = world.estimator.known(world.now).estimate.expect("a line");
        prop_assert!((estimate.mapping.rate * 1e6 - ppm).abs() < 1.0, "{} ppm, not {ppm}", estimate.mapping.rate * 1e6);
        prop_assert!((estimate.delay_ns - 20_000 - jitter / 8).abs() < jitter / 8 + 100, "{}", estimate.delay_ns);
        prop_assert_eq!(world.estimator.known(world.now).jumps, 0);
    }

    /// A line can be walked both ways.
    #[test]
    fn a_mapping_is_its_own_inverse(local in any::<i32>(), ptp in any::<i32>(), ppm in -500.0..500.0, at in any::<i32>()) {
        let line = Mapping { local: local.into(), ptp: ptp.into(), rate: ppm * 1e-6 };
        let there = line.ptp_at(at.into());
        prop_assert!((line.local_at(there) - i64::from(at)).abs() <= 1);
    }
}

#[test]
fn a_jump_of_the_master_is_told_and_followed() {
    let mut world = World::new(1, 30.0, 20_000);
    (0..100).for_each(|count| world.step(count));
    assert_eq!(world.estimator.known(world.now).state, State::Locked);
    world.truth.ptp += 5_000_000;
    (0..3).for_each(|count| world.step(count));
    let known = world.estimator.known(world.now);
    assert_eq!((known.state, known.jumps), (State::Holdover, 0));
    (3..40).for_each(|count| world.step(count));
    let known = world.estimator.known(world.now);
    assert_eq!((known.state, known.jumps), (State::Locked, 1));
    assert!(world.off().abs() < 20_000, "{}", world.off());
}

#[test]
fn one_late_packet_is_no_jump() {
    let mut world = World::new(2, -50.0, 20_000);
    (0..100).for_each(|count| world.step(count));
    for _ in 0..5 {
        world.delay = 30_000_000;
        world.step(1);
        world.delay = 20_000;
        world.step(0);
        let known = world.estimator.known(world.now);
        assert_eq!((known.state, known.jumps), (State::Locked, 0));
        assert!(world.off().abs() < 10_000, "{}", world.off());
    }
}

#[test]
fn silence_is_holdover_and_the_error_grows() {
    let mut world = World::new(3, 80.0, 20_000);
    (0..300).for_each(|count| world.step(count));
    let before = world.estimator.known(world.now);
    assert_eq!(before.state, State::Locked);
    world.now += 60_000_000_000;
    let after = world.estimator.known(world.now);
    assert_eq!(after.state, State::Holdover);
    assert!(after.error_ns > before.error_ns + 10_000);
    assert!(
        world.off().abs() <= after.error_ns,
        "{} of {}",
        world.off(),
        after.error_ns
    );
    // Back again, as it was: no jump.
    world.estimator.restart();
    (0..40).for_each(|count| world.step(count));
    let back = world.estimator.known(world.now);
    assert_eq!((back.state, back.jumps), (State::Locked, 0));
}

#[test]
fn nothing_is_said_too_early() {
    let mut world = World::new(4, 0.0, 1_000);
    assert_eq!(world.estimator.known(0).state, State::Acquiring);
    (0..7).for_each(|count| world.step(count));
    let known = world.estimator.known(world.now);
    assert_eq!((known.state, known.estimate), (State::Acquiring, None));
    world.step(7);
    assert_eq!(world.estimator.known(world.now).state, State::Locked);
}
