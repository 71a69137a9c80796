//! Drivers with a deliberate fault: the rig rejects each and says why; no ordinary build can contain one.

use crate::rig::Rig;

/// Packages the driver with `fault` and plays `scenario`: rejected by a check that says `expect`.
fn check(fault: &str, scenario: &str, expect: &[&str]) {
    let rig = Rig::new(fault);
    rig.xtask(&["package", "--fault", fault]).expect(0, &[]);
    rig.xtask(&["vm-test", "--filter", scenario])
        .expect(1, expect);
}

#[test]
fn a_driver_that_drops_a_period_is_rejected() {
    check(
        "fault-drop-period",
        "counter-24bit-event",
        &["capture-exact failed: 480 frames of silence where the signal was due"],
    );
}

#[test]
fn a_driver_that_slips_a_frame_is_rejected() {
    check(
        "fault-slip-frame",
        "counter-24bit-event",
        &["capture-exact failed", "slip"],
    );
}

#[test]
fn a_driver_that_leaks_pool_is_rejected() {
    check(
        "fault-leak-pool",
        "sine-16bit-event",
        &["no-findings failed", "pool-leak"],
    );
}
