//! The controller on the driver's own clock, in simulated time: the device counts frames by it, the master's time is known as well as an
//! [`Estimator`] knows it through a network that trembles.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use waverig_engine::{DeviceClock, DeviceTime, Ppb, Qpc, QpcFrequency};

use super::*;
use crate::ptp::Mapping;
use crate::ptp::estimate::Estimator;
use crate::timeline::Timeline;

const RATE: u32 = 48_000;
/// A tick of the performance counter, in ns.
const TICK: i64 = 100;
/// A packet: a millisecond.
const PACKET: i64 = 10_000;

struct World {
    rng: StdRng,
    /// Ticks.
    now: i64,
    truth: Mapping,
    jitter: i64,
    device: DeviceClock,
    /// Device time of frame 0, in 1e-9 ticks.
    begin: i128,
    frame: u64,
    estimator: Estimator,
    timeline: Timeline,
    steer: Steer,
    /// What was asked for, at its furthest.
    furthest: i32,
    slips: u32,
    /// True lateness of the last packet, in ns.
    late: i64,
}

impl World {
    fn new(seed: u64, ppm: f64, jitter: i64) -> Self {
        let frequency = QpcFrequency::new(10_000_000).expect("above 0");
        Self {
            rng: StdRng::seed_from_u64(seed),
            now: 0,
            truth: Mapping {
                local: 0,
                ptp: 1_790_000_000_000_000_000,
                rate: ppm * 1e-6,
            },
            jitter,
            device: DeviceClock::new(frequency).expect("memory"),
            begin: 0,
            frame: 0,
            estimator: Estimator::default(),
            timeline: Timeline::new(RATE),
            steer: Steer::new(DeviceClock::BOUND.0.unsigned_abs()),
            furthest: 0,
            slips: 0,
            late: 0,
        }
    }

    /// Two milliseconds in eighths of a second: PTP's messages.
    fn message(&mut self, number: i64) {
        let now = self.now * TICK;
        let mut late = || 20_000 + self.rng.gen_range(0..=self.jitter);
        let (there, back) = (now + late(), late());
        self.estimator.sync(there, there - self.truth.ptp_at(now));
        if number % 2 == 0 {
            self.estimator
                .delay(now, now - self.truth.ptp_at(now + back));
        }
    }

    /// A millisecond of the device's: a packet falls due, is placed, and the clock is steered.
    fn packet(&mut self) {
        // When its first frame is due: frames are 1e9 * 1e7 / 48000 units of device time apart.
        let device =
            self.begin + i128::from(self.frame) * 10_000_000 * 1_000_000_000 / i128::from(RATE);
        let due = self.device.when(DeviceTime(device)).0;
        self.now = self.now.max(due + PACKET);
        self.device.pass(Qpc(self.now));
        let local = due * TICK;
        if let Some(estimate) = self.estimator.known(local).estimate {
            let place = self
                .timeline
                .place(1, self.frame, 48, estimate.mapping.ptp_at(local));
            self.slips += u32::from(place.slipped);
            self.late = self.truth.ptp_at(local) - crate::media::time_of(place.first, RATE);
            if place.slipped {
                self.steer.moved();
            }
            if let Some(ppb) = self.steer.late(local, place.late_ns) {
                self.furthest = self.furthest.max(ppb.abs());
                self.device
                    .steer(Ppb(ppb), Qpc(self.now))
                    .expect("within the driver's bound");
            }
        }
        self.frame += 48;
    }

    /// So many seconds; gives the furthest that a packet's first frame was from its true time, in ns.
    fn run(&mut self, seconds: i64) -> i64 {
        let mut worst = 0;
        let end = self.now + seconds * 10_000_000;
        let mut next = self.now;
        let mut number = 0;
        while self.now < end {
            if self.now >= next {
                self.message(number);
                number += 1;
                next += 1_250_000;
            }
            self.packet();
            worst = worst.max(self.late.abs());
        }
        worst
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        // What chance makes has tails.
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Crystals that are up to 100 ppm off either way, a network that adds up to 100 µs: after 20 s every packet is within 60 µs of the
    /// master's time, what is asked stays within 300 ppm, and no frame was moved.
    #[test]
    fn the_device_keeps_the_masters_time(seed in any::<u64>(), ppm in -100.0..100.0, jitter in 1i64..100_000) {
        let mut world = World::new(seed, ppm, jitter);
        world.run(20);
        let worst = world.run(20);
        prop_assert!(worst < 60_000, "{worst} ns at {ppm} ppm with {jitter} ns");
        prop_assert!(world.furthest < 300_000, "{} ppb", world.furthest);
        prop_assert_eq!(world.slips, 0);
        let off = f64::from(world.steer.asked()) - ppm * 1e3;
        prop_assert!(off.abs() < 20_000.0, "{} ppb for {ppm} ppm", world.steer.asked());
    }

    /// The master's time jumps: frames are moved once, nothing beyond the driver's bound is asked, and all is well again after 20 s.
    #[test]
    fn a_jump_of_the_master_is_followed(seed in any::<u64>(), ppm in -100.0..100.0, jump_us in prop_oneof![-40_000i64..-2_000, 2_000i64..40_000]) {
        let mut world = World::new(seed, ppm, 50_000);
        world.run(15);
        world.truth.ptp += jump_us * 1_000;
        world.run(20);
        let worst = world.run(10);
        prop_assert!(worst < 60_000, "{worst} ns after {jump_us} µs");
        prop_assert!(world.furthest <= DeviceClock::BOUND.0);
        prop_assert_eq!(world.slips, 1);
    }

    /// Whatever is late: never beyond the bound.
    #[test]
    fn nothing_beyond_the_bound_is_asked(bound in 0u32..2_000_000, lates in prop::collection::vec((0i64..200_000_000, any::<i64>()), 1..200)) {
        let mut steer = Steer::new(bound);
        let mut now = 0;
        for (later, late) in lates {
            now += later;
            let asked = steer.late(now, late);
            prop_assert!(asked.is_none_or(|ppb| ppb.unsigned_abs() <= bound));
        }
    }
}

#[test]
fn after_a_stay_at_the_bound_the_rate_comes_back_at_once() {
    let mut steer = Steer::new(100_000);
    let mut now = 0;
    let mut late = |ns: i64, times: i64| {
        for _ in 0..times {
            now += PERIOD_NS;
            steer.late(now, ns);
        }
        steer.asked()
    };
    assert_eq!(late(10_000_000, 2_000), 100_000);
    // Nothing was learnt there.
    assert_eq!(late(0, 1), 0);
}
