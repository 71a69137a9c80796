//! Services that fail: a good driver refuses cleanly or goes on, and one that forgets to undo, or does not look, is told where.

use crate::rig::Rig;

fn check(fault: &str, rule: &str, place: &str) {
    let rig = Rig::new(&format!("faults-{fault}"));
    rig.xtask(&["package", "--fault", fault]).expect(0, &[]);
    let only = ["faults", "--filter", "faults-shared", "--count", "0"];
    let first = rig.xtask(&only).expect(
        1,
        &[
            "IPortWaveRTStream::MapAllocatedPages, failed, called at ",
            "driver/src/wave/buffer.rs",
            rule,
            place,
            "next: cargo xtask faults --filter faults-shared --replay ",
        ],
    );
    let replay = first
        .out
        .lines()
        .find_map(|line| line.split("--replay ").nth(1)?.split_whitespace().next());
    let replay = replay.expect("it says how to play it again");
    rig.xtask(&["faults", "--filter", "faults-shared", "--replay", replay])
        .expect(
            1,
            &[
                rule,
                "failed: 1 lives in which services failed, 1 broke a rule",
            ],
        );
}

#[test]
fn a_good_driver_refuses_cleanly_or_goes_on() {
    let rig = Rig::with_package("faults-good");
    let words = ["faults", "--filter", "faults-shared", "--count", "20"];
    let first = rig.xtask(&words).expect(
        0,
        &[
            "ExAllocatePool2",
            "IPortWaveRTStream::AllocatePagesForMdl",
            "0 broke a rule",
            "20 of two",
        ],
    );
    let counts = |out: &str| {
        let lines = out
            .lines()
            .map(|line| line.split(" in ").take(2).collect::<String>());
        lines.collect::<Vec<_>>()
    };
    let again = rig.xtask(&words).expect(0, &[]);
    assert_eq!(
        counts(&first.out),
        counts(&again.out),
        "the same seed, the same counts"
    );
}

#[test]
fn the_life_after_a_failure_is_judged_whole() {
    let rig = Rig::new("faults-judged");
    // What comes out is right with this clock; only the times are not.
    rig.xtask(&["package", "--fault", "millisecond-clock"])
        .expect(0, &[]);
    rig.xtask(&["faults", "--filter", "faults-event", "--replay", "60"])
        .expect(
            1,
            &[
                "in the next run, in which nothing failed: position-clock: ",
                "failed: 1 lives in which services failed, 1 broke a rule",
            ],
        );
}

#[test]
fn pages_that_are_forgotten_when_they_cannot_be_mapped_are_found() {
    check("forget-unwind", "were not freed", "buffer-leak");
}

#[test]
fn pages_that_are_used_without_being_mapped_are_found() {
    check(
        "unchecked-mapping",
        "access-violation",
        "driver/src/wave/buffer.rs",
    );
}

#[test]
fn wrong_use_is_told() {
    let rig = Rig::new("faults-usage");
    rig.xtask(&["faults", "--filter", "nothing"])
        .expect(2, &["there are faults-event, faults-packet, faults-shared"]);
    rig.xtask(&["faults", "--replay", "1"])
        .expect(2, &["--filter NAME"]);
}
