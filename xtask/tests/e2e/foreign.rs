//! The simulator by itself over a driver and an INF that lie about: ours without its catalog stands for anybody's.

use std::fs;
use std::path::PathBuf;

use crate::rig::{Rig, Run, good_package, root, run, xtask};

/// A folder with the image, and the INF after `edit`.
fn lying_about(name: &str, edit: fn(&str) -> String) -> (Rig, [PathBuf; 2]) {
    let rig = Rig::new(name);
    let [image, inf] = ["waverig.sys", "waverig.inf"].map(|file| {
        let bytes = fs::read(good_package().join("package").join(file));
        (rig.folder.join(file), bytes.expect("the package has it"))
    });
    let text = String::from_utf8(inf.1).expect("the INF is ASCII");
    fs::write(&image.0, image.1).expect("the test's own folder");
    fs::write(&inf.0, edit(&text)).expect("the test's own folder");
    (rig, [image.0, inf.0])
}

fn inspect(files: &[PathBuf; 2], more: &[&str]) -> Run {
    let [image, inf] = files;
    let mut command = xtask();
    command.args(["inspect", "--driver"]).arg(image);
    run(command.arg("--inf").arg(inf).args(more))
}

#[test]
fn an_unsigned_driver_is_inspected_and_plays() {
    let (rig, files) = lying_about("foreign", str::to_owned);
    inspect(&files, &[]).expect(
        0,
        &[
            "signature and its catalog were not looked at",
            "WaveRender1 (wave port)",
            "passed",
        ],
    );
    let json = inspect(&files, &["--json"]).expect(0, &["hardware_id"]);
    assert!(json.out.starts_with('{') && json.out.trim_end().ends_with('}'));
    let out = rig.folder.join("out");
    let scenario = root().join("ci/scenarios/again-event.toml");
    let mut command = xtask();
    command
        .arg("__simulator")
        .arg(&files[0])
        .arg("--inf")
        .arg(&files[1]);
    command
        .arg("--scenario")
        .arg(scenario)
        .arg("--out")
        .arg(&out);
    run(&mut command).expect(
        0,
        &["played: again-event", "timing: main", "jitter", "passed"],
    );
    let timeline = fs::read_to_string(out.join("timeline.jsonl")).expect("it was kept");
    assert!(timeline.contains("\"event\":\"notified\""));
}

#[test]
fn a_wrong_reference_string_is_told_with_its_line() {
    // One string stands for the name in three AddInterface lines; the first registers KSCATEGORY_AUDIO.
    let (_rig, files) = lying_about("foreign-reference", |inf| {
        inf.replace("\"WaveRender1\"", "\"WaveRendr1\"")
    });
    let text = fs::read_to_string(&files[1]).expect("just written");
    let line = 1 + text
        .lines()
        .take_while(|line| !(line.starts_with("AddInterface") && line.contains("%Wave.Render1%")))
        .count();
    let place = format!("waverig.inf:{line}: AddInterface is for \"WaveRendr1\"");
    inspect(&files, &[]).expect(1, &["endpoint-interface", &place]);
}

#[test]
fn what_cannot_be_installed_is_an_error_with_its_line() {
    let check = |name, edit, expect: &str| {
        let (_rig, files) = lying_about(name, edit);
        inspect(&files, &[]).expect(1, &[expect]);
    };
    check(
        "foreign-section",
        |inf| inf.replace("[Manufacturer]", "[Manufacturers]"),
        "section [Manufacturer] is missing",
    );
    check(
        "foreign-syntax",
        |inf| format!("stray\r\n{inf}"),
        "waverig.inf:1: an entry before the first [section]",
    );
}
