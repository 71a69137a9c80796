//! Every command that docs/windows-audio.md tells people to try works.

use std::fs;

use crate::rig::{Rig, root};

/// Commands that take longer: `ci` has tests of its own, `bench` is for people.
const ELSEWHERE: &[&str] = &["ci", "bench"];

/// The words behind `cargo xtask` of each command in a page's fenced blocks.
fn commands(page: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(page)).expect("the page is there");
    let mut fenced = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let command = line.split(" #").next().unwrap_or_default().trim();
        if let Some(words) = command.strip_prefix("cargo xtask ").filter(|_| fenced) {
            commands.push(words.split_whitespace().map(str::to_owned).collect());
        }
    }
    commands
}

#[test]
fn the_commands_of_windows_audio_work() {
    let commands = commands("docs/windows-audio.md");
    assert!(commands.len() >= 6, "few commands were found: {commands:?}");
    let rig = Rig::with_package("docs");
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if !ELSEWHERE.contains(&words[0]) {
            rig.xtask(&words).expect(0, &[]);
        }
    }
}
