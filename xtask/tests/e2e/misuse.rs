//! Wrong use and hosts that lack something: one clear error each, and the right exit code.

use std::fs;

use crate::rig::{self, Rig, run, xtask};

#[test]
fn an_unknown_scenario_is_wrong_use() {
    Rig::with_package("misuse-scenario")
        .xtask(&["vm-test", "--filter", "no-such-scenario"])
        .expect(2, &["no-such-scenario", "sine-16bit-event"]);
}

#[test]
fn an_unknown_machine_is_wrong_use() {
    Rig::with_package("misuse-machine")
        .xtask(&["vm-test", "--machine", "vax"])
        .expect(2, &["vax", "sim"]);
}

#[test]
fn driver_verifier_without_a_windows_is_wrong_use_before_anything_is_built() {
    Rig::new("misuse-verifier")
        .xtask(&["ci", "--machine", "sim", "--verifier"])
        .expect(2, &["the machine sim is none of", "--image FILE"]);
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let rig = Rig::new("misuse-out");
    let file = rig.folder.join("a-file");
    fs::write(&file, "not a folder").expect("the test's own folder");
    let out = file.join("below");
    run(xtask().args(["ci", "--out"]).arg(&out)).expect(1, &["cannot write", "a-file", "--out"]);
}

#[test]
fn a_host_without_a_tool_says_what_adds_it() {
    // No libclang anywhere it is looked for, and neither root's rights nor a package manager to add it.
    let rig = Rig::new("misuse-tool");
    let run = run(xtask()
        .args(["build", "--out"])
        .arg(&rig.folder)
        .env("WAVERIG_NO_INSTALL", "1")
        .env("LIBCLANG_PATH", rig.folder.join("nowhere")))
    .expect(3, &["libclang"]);
    assert_eq!(
        run.err.matches("error:").count(),
        1,
        "one error:\n{}",
        run.err
    );
}

#[test]
fn a_corrupt_golden_is_an_error_of_its_own() {
    // Goldens are read from the workspace; a copy of the scenario folder with one damaged golden stands in for it.
    let rig = Rig::with_package("misuse-golden");
    let goldens = rig.folder.join("golden");
    let name = "sine-16bit-event";
    rig::copy(
        &rig::root().join("ci/golden").join(name),
        &goldens.join(name),
    );
    for file in fs::read_dir(goldens.join(name)).expect("the copy can be listed") {
        let path = file.expect("the copy can be listed").path();
        fs::write(path, "= not a golden").expect("the test's own folder");
    }
    rig.xtask(&[
        "vm-test",
        "--filter",
        name,
        "--goldens",
        &goldens.display().to_string(),
    ])
    .expect(1, &["golden", "cargo xtask bless"]);
}

#[test]
fn two_runs_on_one_folder_do_not_meet() {
    let rig = Rig::new("misuse-lock");
    let lock = fs::File::create(rig.folder.join(".lock")).expect("the test's own folder");
    lock.lock().expect("nobody else has it");
    rig.xtask(&["ci"]).expect(1, &["another run"]);
}
