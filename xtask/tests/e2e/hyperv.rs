//! Machines that need a Windows host: a whole run against a transcript, and what a host that cannot have them says.

use std::fs;
#[cfg(unix)]
use std::process::Command;
use std::process::Stdio;

use crate::rig::{Rig, root, run, xtask};

const SCENARIO: &str = "sine-16bit-event";

/// The words that play it with Hyper-V's part taken by a file.
pub(crate) const BY_TRANSCRIPT: &[&str] = &[
    "vm-test",
    "--machine",
    "hyperv",
    "--transcript",
    "vm/tests/hyperv/good.toml",
    "--filter",
    SCENARIO,
];

#[test]
fn a_scenario_passes_over_the_pipe_of_a_transcript() {
    let rig = Rig::with_package("hyperv-good");
    let ended = run(xtask()
        .args(BY_TRANSCRIPT)
        .arg("--out")
        .arg(&rig.folder)
        .current_dir(root()));
    let expect = [
        "1 of 1 scenarios passed on hyperv",
        "guests that came up: 1",
        "package files came from the payload disk",
    ];
    let ended = ended.expect(0, &expect);
    assert!(!ended.err.contains("transcript:"), "{}", ended.err);
    let summary = fs::read_to_string(rig.folder.join("summary.md")).expect("a report is written");
    assert!(summary.contains("NOTHING OF THIS WAS HYPER-V"), "{summary}");
    let here = Rig::with_package("hyperv-here");
    here.xtask(&["vm-test", "--machine", "sim", "--filter", SCENARIO])
        .expect(0, &["1 of 1"]);
    let capture = |rig: &Rig, machine: &str| {
        let path = rig.folder.join("runs").join(machine).join(SCENARIO);
        fs::read(path.join("capture.wav")).expect("a run writes its evidence")
    };
    assert!(capture(&rig, "hyperv") == capture(&here, "sim"));
}

#[test]
fn a_failure_of_hyperv_is_a_verdict_and_one_before_the_run_a_lack() {
    let check = |name: &str, code: i32, expect: &[&str]| {
        let rig = Rig::with_package(&format!("hyperv-{name}"));
        let transcript = format!("vm/tests/hyperv/{name}.toml");
        let words = [
            "vm-test",
            "--machine",
            "hyperv",
            "--transcript",
            &transcript,
        ];
        let ended = run(xtask()
            .args(words)
            .args(["--filter", SCENARIO, "--out"])
            .arg(&rig.folder)
            .current_dir(root()));
        let ended = ended.expect(code, expect);
        assert!(!ended.err.contains("transcript:"), "{}", ended.err);
    };
    check("no-rights", 3, &["Hyper-V Administrators"]);
    check(
        "out-of-memory",
        1,
        &["Not enough memory", "stop another one"],
    );
}

/// The words that leave a guest of it up.
pub(crate) const LOOK_AT: &[&str] = &[
    "debug",
    "--machine",
    "hyperv",
    "--transcript",
    "vm/tests/hyperv-debug/good.toml",
    "--filter",
    SCENARIO,
];

#[test]
fn a_guest_stays_up_for_whoever_debugs_its_kernel() {
    let rig = Rig::with_package("hyperv-debug");
    let ended = run(xtask()
        .args(LOOK_AT)
        .arg("--out")
        .arg(&rig.folder)
        .stdin(Stdio::null())
        .current_dir(root()));
    let expect = [
        "(the verdict is above), and its machine waverig-t-1 stays up",
        r"windbg -k com:pipe,port=\\.\pipe\waverig-t-1-debugger,resets=0,reconnect",
        "bcdedit /dbgsettings serial debugport:2 baudrate:115200",
        "the machine is ended",
    ];
    let ended = ended.expect(0, &expect);
    assert!(!ended.err.contains("transcript:"), "{}", ended.err);
}

#[test]
fn a_guest_that_does_not_find_its_package_on_a_disk_gets_it_over_the_line() {
    let rig = Rig::with_package("hyperv-line");
    let words = BY_TRANSCRIPT.iter();
    let words = words.map(|word| word.replace("good.toml", "pipe-later.toml"));
    let ended = run(xtask()
        .args(words)
        .arg("--out")
        .arg(&rig.folder)
        .current_dir(root()));
    let expect = [
        "1 of 1 scenarios passed on hyperv",
        "package files came over the line, in sessions: 2",
        "no volume has the label PAYLOAD",
    ];
    let ended = ended.expect(0, &expect);
    assert!(!ended.err.contains("transcript:"), "{}", ended.err);
}

#[test]
#[cfg(unix)]
fn a_host_without_room_for_disks_says_so_before_there_is_a_machine() {
    let rig = Rig::with_package("hyperv-space");
    // Files may have 24 MiB, too few for the disk that goes home.
    let script = "trap '' XFSZ; ulimit -f 24576; exec \"$0\" \"$@\"";
    let ended = run(Command::new("bash")
        .args(["-c", script])
        .arg(xtask().get_program())
        .args(BY_TRANSCRIPT)
        .arg("--out")
        .arg(&rig.folder)
        .current_dir(root()));
    let expect = [
        "cannot make the machine's disks",
        "result.vhdx",
        "File too large",
        "--out",
    ];
    ended.expect(1, &expect);
    assert!(!rig.folder.join("hyperv/1").exists(), "its folder is left");
}

#[test]
#[cfg(not(windows))]
fn a_host_without_windows_says_so() {
    let rig = Rig::with_package("hyperv-lacks");
    let check = |words: &[&str], code: i32, expect: &[&str]| {
        let words = [&["vm-test", "--filter", SCENARIO], words].concat();
        rig.xtask(&words).expect(code, expect);
    };
    check(
        &["--machine", "hyperv"],
        3,
        &["needs a Windows host", "--transcript"],
    );
    check(
        &["--machine", "runner", "--disposable"],
        3,
        &["this is none"],
    );
    check(
        &["--machine", "auto"],
        0,
        &[
            "hyperv not taken: it needs a Windows host",
            "runner not taken: it needs a Windows host",
            "qemu not taken: proves no more about Windows than sim",
            "passed on sim",
        ],
    );
}
