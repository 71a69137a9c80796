//! Machines that end, hang or talk nonsense: each gives an outcome that says so, within its deadline, and leaves no
//! process behind. The machines are shell one-liners.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use waverig_protocol::device::Device;
use waverig_vm::Sim;
use waverig_vm::run::{self, Ending};

/// A folder of this test's own with an empty package in it.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("waverig-vm-{}-{name}", std::process::id()));
    fs::create_dir_all(folder.join("package")).expect("the temporary folder is writable");
    folder
}

fn run_script(name: &str, script: &str, deadline: Duration) -> Ending {
    let folder = folder(name);
    let script = script.replace("PIDFILE", &folder.join("pid").display().to_string());
    let (package, device) = (folder.join("package"), Device::default());
    let job = run::Job::new(&package, ("x.inf", "x"), &[], &device, deadline);
    run::run(
        &Sim::new("sh", ["-c", &script]),
        &job,
        &folder,
        &mut |_, _, _| {},
    )
    .expect("the package can be read")
}

#[track_caller]
fn expect_broken(ending: Ending, expect: &str) {
    let Ending::Broken { step, reason, .. } = ending else {
        panic!("a machine like this has no good end");
    };
    assert_eq!(step, "boot");
    assert!(
        reason.contains(expect),
        "{reason:?} does not say {expect:?}"
    );
}

fn check(name: &str, script: &str, expect: &str) {
    // Long enough for a shell to start on a busy host; only the hanging machine waits for it.
    let deadline = Duration::from_secs(if script.contains("sleep") { 1 } else { 30 });
    expect_broken(run_script(name, script, deadline), expect);
    fs::remove_dir_all(folder(name)).expect("the test's own folder");
}

#[test]
fn a_machine_that_ends_is_told_with_its_status() {
    check("ends", "exit 3", "exit status: 3");
    check("killed", "kill -SEGV $$", "signal: 11");
}

#[test]
fn a_machine_that_talks_nonsense_is_given_up() {
    check(
        "nonsense",
        "echo this is not a frame at all; cat > /dev/null",
        "damaged frame",
    );
}

#[test]
fn a_machine_that_says_half_a_frame_is_given_up() {
    check("half", "printf WVRG", "failed inside a frame");
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let folder = folder("missing");
    let (package, device) = (folder.join("package"), Device::default());
    let job = run::Job::new(
        &package,
        ("x.inf", "x"),
        &[],
        &device,
        Duration::from_secs(30),
    );
    let machine = Sim::new("/nonexistent/simulator", [""; 0]);
    let ending =
        run::run(&machine, &job, &folder, &mut |_, _, _| {}).expect("the package can be read");
    expect_broken(ending, "/nonexistent/simulator");
    fs::remove_dir_all(folder).expect("the test's own folder");
}

#[test]
fn a_machine_that_hangs_is_ended_and_gone() {
    let name = "hangs";
    let ending = run_script(
        name,
        "echo $$ > PIDFILE; exec sleep 1000",
        Duration::from_secs(1),
    );
    expect_broken(ending, "no answer within 1 s");
    let pid = fs::read_to_string(folder(name).join("pid")).expect("the script wrote it");
    let process = Path::new("/proc").join(pid.trim());
    assert!(!process.exists(), "process {} is still there", pid.trim());
    fs::remove_dir_all(folder(name)).expect("the test's own folder");
}
