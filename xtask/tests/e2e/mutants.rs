//! Drivers with a deliberate fault: the rig rejects each and says why; no ordinary build can contain one.

use std::fs;

use waverig_package::{Arch, pe};

use crate::rig::Rig;

/// Packages the driver with `fault` and plays `scenario`: rejected by a check that says `expect`.
fn check(fault: &str, scenario: &str, expect: &[&str]) {
    // Two tests may be of one fault; each has a folder of its own.
    let rig = Rig::new(&format!("{fault}-{scenario}"));
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
fn a_driver_that_counts_packets_per_tick_is_rejected() {
    check(
        "fault-count-ticks",
        "packet-stall-163ms",
        &[
            "packet-count failed",
            "packets were told when",
            "packet-count",
        ],
    );
}

#[test]
fn a_driver_that_takes_any_packet_is_rejected() {
    check(
        "fault-any-packet",
        "packet-late",
        &["set-write-packet failed", "instead of \"overrun\""],
    );
}

#[test]
fn a_driver_that_tells_the_end_of_a_packet_to_read_is_rejected() {
    check(
        "fault-packet-end",
        "record-packet",
        &[
            "record-packets of recorder-1 failed",
            "10 ms after the clock's",
        ],
    );
}

#[test]
fn a_driver_that_plays_a_stale_lap_is_rejected() {
    check(
        "fault-stale-lap",
        "packet-silence",
        &["capture-exact failed", "where silence was due"],
    );
}

#[test]
fn a_driver_that_goes_on_after_a_stop_is_rejected() {
    check(
        "fault-stop-pauses",
        "again-event",
        &["position-clock failed: 240 frames were told after the stream had been stopped"],
    );
}

#[test]
fn a_driver_that_goes_on_recording_after_a_stop_is_rejected() {
    check(
        "fault-stop-pauses",
        "record-again",
        &[
            "position-clock of recorder-1 failed",
            "frames were told after the stream had been stopped",
        ],
    );
}

#[test]
fn a_driver_that_mixes_its_cables_up_is_rejected() {
    check(
        "fault-crossed-taps",
        "cables-four-formats",
        &["capture-exact failed"],
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

#[test]
fn a_driver_that_counts_milliseconds_is_rejected() {
    check(
        "fault-millisecond-clock",
        "pause",
        &["position-clock failed: the position told was -"],
    );
}

#[test]
fn a_driver_whose_time_has_32_bits_is_rejected() {
    check(
        "fault-32-bit-clock",
        "soak-100-days/8000-2-pcm16",
        &["formats failed: 8000-2-pcm16 failed: position-clock: the position told was -"],
    );
}

#[test]
fn a_driver_that_jumps_when_it_is_steered_is_rejected() {
    check(
        "fault-steer-jump",
        "steer",
        &["position-clock failed: the position told was +48 frames off"],
    );
}

#[test]
fn a_driver_whose_pause_does_not_freeze_is_rejected() {
    check(
        "fault-run-through-pause",
        "pause",
        &["position-clock failed: the position told was +312 frames off at frame 24240"],
    );
}

#[test]
fn a_driver_that_keeps_the_rate_of_a_client_that_is_gone_is_rejected() {
    check(
        "fault-keep-rate",
        "steer",
        &[
            "steering failed: the slope at",
            "0 ppb was wanted",
            "who steers was told as 2",
        ],
    );
}

#[test]
fn a_driver_that_keeps_reads_when_its_device_is_gone_is_rejected() {
    check(
        "fault-keep-reads",
        "surprise-removal",
        &[
            "no-findings failed: pnp-pended-when-gone",
            "IRP_MJ_DEVICE_CONTROL",
        ],
    );
}

#[test]
fn a_driver_that_keeps_a_timer_when_its_device_is_gone_is_rejected() {
    check("fault-keep-timer", "surprise-removal", &["timer-leak"]);
}

#[test]
fn a_driver_whose_position_goes_on_while_the_system_sleeps_is_rejected() {
    check(
        "fault-run-through-pause",
        "sleep-event",
        &[
            "no-findings failed: position-paused",
            "position-clock failed",
        ],
    );
}

#[test]
fn a_driver_that_opens_a_device_whose_removal_was_agreed_to_is_rejected() {
    check(
        "fault-open-always",
        "query-remove",
        &["pnp-open-while-pending"],
    );
}

#[test]
fn a_driver_that_lets_protected_content_into_the_tap_is_rejected() {
    check(
        "fault-copy-all",
        "protect",
        &[
            "protection failed: the block at",
            "is protected and lacks the flag PROTECTED",
            "record-exact of recorder-1 failed",
        ],
    );
}

#[test]
fn a_driver_that_keeps_requests_of_a_closed_handle_is_rejected() {
    check(
        "fault-keep-closed",
        "tap-come-and-go",
        &[
            "complete failed",
            "were not completed when the tap's handle was closed",
        ],
    );
}

#[test]
fn a_driver_that_completes_a_read_that_is_being_cancelled_is_rejected() {
    check(
        "fault-lose-race",
        "tap-come-and-go",
        &["no-fault failed", "a cancel routine with"],
    );
}

#[test]
fn a_driver_that_pends_a_cancelled_request_is_rejected() {
    check(
        "fault-late-cancel",
        "tap-hostile",
        &["a read that was cancelled on its way stays with the driver"],
    );
}

#[test]
fn a_driver_that_writes_into_memory_that_was_given_back_is_rejected() {
    check(
        "fault-share-outlives",
        "tap-come-and-go",
        &["no-fault failed", "access-violation"],
    );
}

#[test]
fn a_driver_that_records_a_frame_late_is_rejected() {
    check(
        "fault-record-late",
        "record-event",
        &["record-exact of recorder-1 failed"],
    );
}

#[test]
fn a_driver_that_gathers_audio_before_it_records_it_is_rejected() {
    check(
        "fault-record-gather",
        "record-event",
        &["record-exact of recorder-1 failed", "480 frames late"],
    );
}

#[test]
fn a_driver_that_records_stale_audio_where_nothing_plays_is_rejected() {
    check(
        "fault-record-stale",
        "record-around-player",
        &["record-exact of recorder-1 failed", "where silence was due"],
    );
}

/// A driver that ends the machine: the report names the rule and the place in the driver's sources.
fn check_crash(fault: &str, rule: &str, place: &str) {
    let rig = Rig::new(fault);
    rig.xtask(&["package", "--fault", fault]).expect(0, &[]);
    rig.xtask(&["vm-test", "--filter", "sine-16bit-event"])
        .expect(1, &["no-fault failed", rule, place]);
    let report = rig.folder.join("runs/sim/sine-16bit-event/report.txt");
    let report = fs::read_to_string(report).expect("a crash leaves a report");
    for words in [
        rule,
        "Fault::strike",
        "driver/src/fault.rs:",
        "timer_fired",
        "last calls",
    ] {
        assert!(
            report.contains(words),
            "the report does not say {words:?}:\n{report}"
        );
    }
}

#[test]
fn a_driver_that_writes_past_the_buffer_is_caught_in_the_act() {
    check_crash(
        "fault-wild-write",
        "access-violation",
        "driver/src/fault.rs:",
    );
}

#[test]
fn a_driver_that_panics_is_a_bug_check() {
    check_crash("fault-panic", "bug-check", "driver/src/panic.rs:");
}

#[test]
fn a_driver_that_never_returns_is_ended() {
    check_crash("fault-endless-loop", "runaway", "driver/src/fault.rs:");
}

#[test]
fn an_ordinary_package_cannot_contain_a_deliberate_fault() {
    let rig = Rig::new("fault-mark");
    let rules = |forbidden| pe::Rules {
        arch: Arch::Amd64,
        imports: &["ntoskrnl.exe", "hal.dll", "portcls.sys"],
        exports: &[],
        forbidden,
    };
    let violations = |fault: &[&str], forbidden| {
        let words: Vec<_> = ["build"].iter().chain(fault).copied().collect();
        rig.xtask(&words).expect(0, &[]);
        let linked = fs::read(rig.folder.join("linked/waverig.sys")).expect("it was built");
        let sealed = pe::seal(linked).expect("it is an image");
        let image = pe::Image::parse(&sealed).expect("it is an image");
        let found = pe::check(&image, &rules(forbidden));
        found
            .into_iter()
            .map(|violation| violation.rule.id)
            .collect::<Vec<_>>()
    };
    // What xtask forbids, spelled out here so that the two cannot drift apart unseen.
    let mark: &[&[u8]] = &[b"WAVERIG-DELIBERATE-FAULT"];
    assert_eq!(violations(&[], mark), [""; 0]);
    assert_eq!(
        violations(&["--fault", "fault-leak-pool"], mark),
        ["forbidden-bytes"]
    );
    assert_eq!(violations(&["--fault", "fault-leak-pool"], &[]), [""; 0]);
}
