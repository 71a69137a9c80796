//! Interleavings: a good driver keeps every rule with a second processor in it, and one with a race is told where, and with what plays
//! it again.

use crate::rig::Rig;

fn check(fault: &str, activity: &str, words: &[&str]) {
    let rig = Rig::new(&format!("interleave-{fault}"));
    rig.xtask(&["package", "--fault", fault]).expect(0, &[]);
    let told = [words, &["next: cargo xtask interleave --replay "]].concat();
    let first = rig
        .xtask(&["interleave", "--filter", activity])
        .expect(1, &told);
    let replay = first
        .out
        .lines()
        .rev()
        .find_map(|line| line.split("--replay ").nth(1)?.split_whitespace().next());
    let replay = replay.expect("it says how to play it again");
    rig.xtask(&["interleave", "--replay", replay])
        .expect(1, &[words, &["failed: 1 interleavings"]].concat());
}

#[test]
fn a_good_driver_keeps_every_rule() {
    let rig = Rig::with_package("interleave-good");
    let words = ["interleave", "--replay", "long:3"];
    let first = rig.xtask(&words).expect(0, &["passed: 1 interleavings"]);
    let again = rig.xtask(&words).expect(0, &[]);
    let line = |out: &str| out.split(" in ").next().map(str::to_owned);
    assert_eq!(line(&first.out), line(&again.out));
}

#[test]
fn state_that_is_looked_at_before_the_lock_is_found() {
    check(
        "unlocked-state",
        "surprise-removal",
        &[
            "the second processor began surprise-removal while the first was in ",
            "pnp-pended-when-gone",
            "IRP_MJ_DEVICE_CONTROL",
        ],
    );
}

#[test]
fn a_read_that_is_completed_while_it_is_cancelled_is_found() {
    check(
        "lose-race",
        "cancel",
        &["the second processor began cancel while the first was in "],
    );
}

#[test]
fn wrong_use_is_told() {
    let rig = Rig::new("interleave-usage");
    rig.xtask(&["interleave", "--filter", "nothing"])
        .expect(2, &["there are timer, read, cancel"]);
    rig.xtask(&["interleave", "--replay", "17"])
        .expect(2, &["is no schedule"]);
}
