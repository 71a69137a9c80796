//! Every command that the pages below docs/ tell people to try works, or fails where the page says so.

use std::fs;

use crate::rig::{Rig, root, run, xtask};

/// Commands that take longer or change the checkout: `ci`, `compare` and `bless` have tests of their own, `bench` is for people.
const ELSEWHERE: &[&str] = &["ci", "compare", "bench", "bless"];

/// The words behind `program` of each command in a page's fenced blocks.
pub(crate) fn commands(page: &str, program: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(page)).expect("the page is there");
    let mut fenced = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let command = line.split(" #").next().unwrap_or_default().trim();
        if let Some(words) = command.strip_prefix(program).filter(|_| fenced) {
            commands.push(words.split_whitespace().map(str::to_owned).collect());
        }
    }
    commands
}

#[test]
fn the_commands_of_windows_audio_work() {
    let commands = commands("docs/windows-audio.md", "cargo xtask ");
    assert!(commands.len() >= 6, "few commands were found: {commands:?}");
    let rig = Rig::with_package("docs");
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if !ELSEWHERE.contains(&words[0]) {
            rig.xtask(&words).expect(0, &[]);
        }
    }
}

/// Whatever a page tells people to type, the program takes: verbs and options of every page, those of verbs that take hours too.
#[test]
fn every_command_of_every_page_is_one() {
    let mut pages: Vec<String> = ["README.md", "CONTRIBUTING.md", "ci/README.md"]
        .map(str::to_owned)
        .into();
    let docs = fs::read_dir(root().join("docs")).expect("the folder is there");
    pages.extend(docs.map(|entry| {
        let name = entry.expect("the folder can be listed").file_name();
        format!("docs/{}", name.to_string_lossy())
    }));
    let mut checked = 0;
    for page in pages {
        for words in commands(&page, "cargo xtask ") {
            // `build | package` names two.
            let words = words.iter().take_while(|word| *word != "|");
            let asked = run(xtask().args(words).arg("--help"));
            assert!(asked.out.starts_with("usage: "), "{page}: {}", asked.err);
            checked += 1;
        }
    }
    assert!(checked > 60, "few commands were found: {checked}");
}

/// In the page's order, in one folder, as a newcomer would.
#[test]
fn the_commands_of_a_first_change_work_and_fail_where_the_page_says_so() {
    const PAGE: &str = "docs/first-change.md";
    let text = fs::read_to_string(root().join(PAGE)).expect("the page is there");
    let commands = commands(PAGE, "cargo xtask ");
    assert!(commands.len() >= 8, "few commands were found: {commands:?}");
    let lines = text.lines().filter(|line| line.starts_with("cargo xtask "));
    let fails: Vec<bool> = lines.map(|line| line.ends_with("# fails")).collect();
    assert_eq!(fails.len(), commands.len());
    let rig = Rig::new("docs-first-change");
    for (command, fails) in commands.iter().zip(fails) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if ELSEWHERE.contains(&words[0]) {
            continue;
        }
        let said = rig.xtask(&words).expect(i32::from(fails), &[]);
        if fails {
            // The page quotes it.
            let quoted = "lost 1 frames at frame 24000 (0.500000 s, packet 50 + 0); from there on everything comes 1 frames early";
            assert!(
                said.out.contains(quoted) && text.contains(quoted),
                "{}",
                said.out
            );
        }
    }
}

/// The scenario that the page shows is one, and plays; its commands name it.
#[test]
fn the_scenario_of_the_page_about_scenarios_plays() {
    const PAGE: &str = "docs/adding-a-scenario.md";
    let rig = Rig::with_package("docs-scenario");
    let text = fs::read_to_string(root().join(PAGE)).expect("the page is there");
    let toml = text
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let toml = toml.expect("a scenario is shown").replace("\n   ", "\n");
    let scenario = rig.folder.join("shown.toml");
    fs::write(&scenario, toml).expect("the test's own folder");
    run(xtask()
        .arg("__simulator")
        .arg(rig.package().join("waverig.sys"))
        .arg("--inf")
        .arg(rig.package().join("waverig.inf"))
        .arg("--scenario")
        .arg(&scenario))
    .expect(0, &["passed"]);
    let named = [
        ["vm-test", "--filter", "NAME"],
        ["bless", "--filter", "NAME"],
    ];
    assert_eq!(
        commands(PAGE, "cargo xtask "),
        named.map(|words| words.to_vec())
    );
}

/// Two builds take their time: the test of `clean_clone.rs` does what these do.
#[test]
fn the_commands_of_releasing_are_those_that_a_test_runs() {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let known = crate::clean_clone::COMMANDS.map(words);
    assert_eq!(commands("docs/releasing.md", "cargo xtask "), known);
}

/// Guests take their time to boot: the tests of `qemu.rs` and `hyperv.rs` run these very commands.
#[test]
#[cfg(target_os = "linux")]
fn the_commands_of_machines_are_those_that_tests_run() {
    let commands = commands("docs/machines.md", "cargo xtask ");
    // The image's own name stands for the test's.
    let image = ["--image", "base.vhdx"];
    let of_image = |words: &[&'static str]| [words, &image].concat();
    let (build, start) = (
        of_image(crate::qemu::BUILD_IMAGE),
        of_image(crate::qemu::IN_GUEST),
    );
    let run = [
        crate::qemu::IN_GUEST,
        crate::qemu::MAKE_MEDIUM,
        &build,
        &start,
        crate::qemu::SABOTAGE,
        crate::qemu::LOOK_AT,
        crate::hyperv::BY_TRANSCRIPT,
    ];
    assert_eq!(commands, run.map(<[&str]>::to_vec));
}

/// The page's own names stand for the driver in C++ of these tests.
#[test]
#[cfg(target_os = "linux")]
fn the_commands_of_your_driver_work() {
    const PAGE: &str = "docs/your-driver.md";
    let rig = Rig::new("docs-your-driver");
    let image = crate::cpp::desk();
    let scenario = rig.folder.join("smallest.toml");
    let text = fs::read_to_string(root().join(PAGE)).expect("the page is there");
    let toml = text
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    fs::write(&scenario, toml.expect("a scenario is shown")).expect("the test's own folder");
    let names = [
        ("X.sys", image),
        ("X.inf", crate::cpp::of_desk("desk.inf")),
        ("FILE.toml", scenario),
        ("seen", rig.folder.join("seen")),
    ];
    let said = |word: &String| {
        let named = names.iter().find(|(name, _)| name == word);
        named.map_or_else(|| word.into(), |(_, path)| path.clone().into_os_string())
    };
    let alone = commands(PAGE, "waverig-sim ");
    let (inspected, harder): (Vec<_>, Vec<_>) = commands(PAGE, "cargo xtask ")
        .into_iter()
        .partition(|words| words[0] == "inspect");
    assert!(
        alone.len() >= 3 && inspected.len() == 1 && harder.len() == 3,
        "{alone:?} {inspected:?} {harder:?}"
    );
    // `others` runs them, with fewer lives and requests.
    for words in harder {
        assert_eq!(words[1..], ["--driver", "X.sys", "--inf", "X.inf"]);
    }
    for words in alone {
        run(xtask().arg("__simulator").args(words.iter().map(said))).expect(0, &["passed"]);
    }
    for words in inspected {
        run(xtask().args(words.iter().map(said))).expect(0, &["WaveSpeaker (wave port)"]);
    }
}
