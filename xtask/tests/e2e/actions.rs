//! What runs in GitHub Actions, run here: the action for other projects' drivers as it is written, and what the workflows call.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rig::{Rig, Run, root, run, xtask};

/// A program that stands where the simulator would be built.
fn simulator(rig: &Rig, script: &str) -> PathBuf {
    let path = rig.folder.join("simulator");
    fs::write(&path, format!("#!/bin/sh\n{script}")).expect("the test's own folder");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&path, executable).expect("the test's own file");
    path
}

/// What the action's last step does on a runner, and what it wrote onto the job's page.
fn act(rig: &Rig, simulator: &Path, scenarios: &[&Path]) -> (Run, String) {
    let package = rig.package();
    let page = rig.folder.join("page.md");
    let scenarios: Vec<_> = scenarios
        .iter()
        .map(|path| path.to_string_lossy())
        .collect();
    let ended = run(Command::new("bash")
        .arg(root().join("ci/action.sh"))
        .arg(simulator)
        .env("RUNNER_TEMP", &rig.folder)
        .env("GITHUB_WORKSPACE", root())
        .env("GITHUB_OUTPUT", rig.folder.join("outputs"))
        .env("GITHUB_STEP_SUMMARY", &page)
        .env("DRIVER", package.join("waverig.sys"))
        .env("INF", package.join("waverig.inf"))
        .env("SOURCES", "")
        .env("SCENARIOS", scenarios.join("\n")));
    (ended, fs::read_to_string(page).unwrap_or_default())
}

#[test]
fn the_action_plays_scenarios_and_keeps_what_was_seen() {
    let rig = Rig::with_package("action");
    let program = xtask().get_program().to_string_lossy().into_owned();
    let simulator = simulator(&rig, &format!("exec '{program}' __simulator \"$@\"\n"));
    let scenario = root().join("ci/scenarios/again-event.toml");
    let (ended, page) = act(&rig, &simulator, &[&scenario]);
    ended.expect(0, &["played: again-event", "1 of 1 passed"]);
    assert_eq!(page, "- again-event: passed\n");
    let outputs = fs::read_to_string(rig.folder.join("outputs")).expect("it was written");
    let seen = rig.folder.join("waverig-seen");
    assert_eq!(outputs, format!("seen={}\n", seen.display()));
    assert!(seen.join("again-event/timeline.jsonl").is_file());

    // A scenario that cannot be read fails the job, and the other one is played all the same.
    let missing = rig.folder.join("nothing.toml");
    let (ended, page) = act(&rig, &simulator, &[&missing, &scenario]);
    let words = [
        "::error title=waverig::cannot read the scenario",
        "1 of 2 passed",
    ];
    ended.expect(1, &words);
    assert!(page.contains("- **nothing: "), "{page}");
    assert!(page.ends_with("- again-event: passed\n"), "{page}");

    // Without any the driver is installed and looked at.
    let (ended, _) = act(&rig, &simulator, &[]);
    ended.expect(0, &["endpoint: waverig output", "1 of 1 passed"]);
}

#[test]
fn findings_of_the_action_stand_on_their_lines() {
    let rig = Rig::with_package("action-findings");
    let report = format!(
        "cat <<'END'\n\
         error[irql-ceiling]: called at DISPATCH_LEVEL, 100% wrong: yes\n \
         --> Save::Write, {}/desk/save.cpp:131\n  |\n  = rule: a rule\n\
         error[leak]: 3 bytes\n  |\n\
         warning[timing]: late\n --> desk/a,b.cpp:7\n\
         END\nexit 1\n",
        root().display()
    );
    let simulator = simulator(&rig, &report);
    let (ended, page) = act(&rig, &simulator, &[Path::new("one.toml")]);
    ended.expect(
        1,
        &[
            "::error title=irql-ceiling,file=desk/save.cpp,line=131::called at DISPATCH_LEVEL, 100%25 wrong: yes\n",
            "::error title=leak::3 bytes\n",
            "::warning title=timing,file=desk/a%2Cb.cpp,line=7::late\n",
            "0 of 1 passed",
        ],
    );
    assert!(page.contains("error[leak]: 3 bytes"), "{page}");
}

/// Every file that Actions reads, by name.
fn workflows() -> BTreeMap<String, String> {
    let folder = root().join(".github/workflows");
    let files = fs::read_dir(folder).expect("it can be listed");
    let files = files.map(|entry| entry.expect("it can be listed").path());
    files
        .chain([root().join("action.yml")])
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a workflow is text");
            (path.display().to_string(), text)
        })
        .collect()
}

/// A tag can be moved to other code; a commit cannot.
#[test]
fn actions_are_pinned_to_commits() {
    let mut pinned = 0;
    for (name, text) in workflows() {
        for line in text.lines() {
            let Some((_, used)) = line.split_once("uses: ") else {
                continue;
            };
            let commit = used.split(['@', ' ']).nth(1).unwrap_or_default();
            let is = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is, "{name}: {used:?} is not pinned to a commit");
            pinned += 1;
        }
    }
    assert!(pinned >= 6, "only {pinned} were found");
}

#[test]
fn the_verbs_that_workflows_call_exist_with_these_options() {
    let mut called = 0;
    for (name, text) in workflows() {
        // The lines that call the program, and the list of what the nightly jobs give it.
        let mut list = false;
        for line in text.lines().map(str::trim) {
            list = line == "verb:" || list && line.starts_with("- ");
            let direct = line.split_once("cargo xtask ").map(|(_, words)| words);
            let words = direct.or_else(|| line.strip_prefix("- ").filter(|_| list));
            let Some(words) = words.filter(|words| !words.starts_with(['"', '`'])) else {
                continue;
            };
            let mut words = words.split_whitespace();
            let verb = words.next().expect("a verb");
            if !verb
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            {
                continue;
            }
            let help = run(xtask().args([verb, "--help"]))
                .expect(0, &["usage: "])
                .out;
            for option in words.filter(|word| word.starts_with("--")) {
                assert!(help.contains(option), "{name}: {verb} has no {option}");
            }
            called += 1;
        }
    }
    assert!(called >= 10, "only {called} were found");
}
