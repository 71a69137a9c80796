//! Faulty drivers and packages: the rig rejects each and says why; no ordinary build can contain one.

use std::fs;

use waverig_package::{Arch, pe};

use crate::rig::Rig;

#[test]
fn every_mutant_is_killed_for_the_expected_reason() {
    let rig = Rig::new("mutants");
    let run = rig.xtask(&["mutants"]).expect(0, &["passed: "]);
    let table = fs::read_to_string(rig.folder.join("mutants.md")).expect("the table is written");
    // A row each, below two lines of heading.
    let killed = format!("passed: {0} of {0} mutants", table.lines().count() - 2);
    assert!(run.out.contains(&killed), "{killed}:\n{}", run.out);
}

#[test]
fn unknown_names_are_wrong_use() {
    let rig = Rig::new("mutants-names");
    rig.xtask(&["mutants", "--filter", "none-such"])
        .expect(2, &["none-such", "drop-period"]);
    rig.xtask(&["build", "--fault", "none-such"])
        .expect(2, &["none-such", "drop-period"]);
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
        violations(&["--fault", "leak-pool"], mark),
        ["forbidden-bytes"]
    );
    assert_eq!(violations(&["--fault", "leak-pool"], &[]), [""; 0]);
}
