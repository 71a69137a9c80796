//! Hostile programs: a good driver survives a small bounded run of them, a fragile one does not, and what they found can be played
//! again.

use crate::rig::Rig;

/// Some seconds' worth.
const COUNT: &str = "40000";

#[test]
fn a_good_driver_survives() {
    let rig = Rig::with_package("fuzz-good");
    rig.xtask(&["fuzz", "--count", COUNT, "--seed", "1"])
        .expect(
            0,
            &["passed: 40000 hostile requests on 8 machines broke no rule"],
        );
}

#[test]
fn a_driver_that_trusts_a_length_is_caught_and_the_same_request_catches_it_again() {
    let rig = Rig::new("fuzz-trust-length");
    rig.xtask(&["package", "--fault", "trust-length"])
        .expect(0, &[]);
    // Pins are asked for such values too; of both, the stack of a filter's names the line.
    let only = ["--filter", "property"];
    let first = rig
        .xtask(&[&["fuzz", "--count", COUNT, "--seed", "1"][..], &only].concat())
        .expect(
            1,
            &[
                "failed: request ",
                "asks a filter or a pin",
                "access-violation",
                "driver/src/property.rs",
                "next: cargo xtask fuzz --seed 1 --replay ",
            ],
        );
    let request = |out: &str| {
        let line = out.lines().find(|line| line.starts_with("failed: "));
        line.expect("it says what failed").to_owned()
    };
    let replay = first
        .out
        .lines()
        .find_map(|line| line.split("--replay ").nth(1)?.split_whitespace().next());
    let replay = replay.expect("it says how to play it again");
    let again = rig
        .xtask(&[&["fuzz", "--seed", "1", "--replay", replay][..], &only].concat())
        .expect(1, &["access-violation", "driver/src/property.rs"]);
    assert_eq!(request(&first.out), request(&again.out));
}

#[test]
fn wrong_use_is_told() {
    let rig = Rig::new("fuzz-usage");
    rig.xtask(&["fuzz", "--filter", "nothing"])
        .expect(2, &["there are property, pin, tap"]);
}
