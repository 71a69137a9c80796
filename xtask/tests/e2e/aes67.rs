//! The sender among others: linuxptp's `ptp4l` as its grandmaster, `ffmpeg` as its receiver, in networks of the test's own. Where a host lets
//! nobody have those, the tests say that they did not run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::rig::{Rig, root, run};

pub(crate) mod lab;
mod stream;

use lab::{DOMAIN, HERE, Lab, MASTER};

/// The sender, built as the tests are, and what receives for them.
fn built() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // As xtask is built, and beside it.
        let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
        let folder = xtask.parent().expect("it lies in a target folder");
        let target = folder.parent().expect("of a profile");
        let words = ["build", "--quiet", "--locked", "--package", "waverig-aes67"];
        run(Command::new("cargo")
            .args(words)
            .args(["--bins", "--examples", "--target-dir"])
            .arg(target)
            .current_dir(root()))
        .expect(0, &[]);
        folder.to_owned()
    })
}

fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built().join("waverig-aes67"))
}

fn example() -> &'static PathBuf {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| built().join("examples/receive"))
}

/// What `ptp` tells of a real grandmaster.
#[test]
fn a_grandmaster_is_followed() {
    let rig = Rig::new("aes67-ptp");
    let Some(lab) = Lab::new() else { return };
    let _master = lab.grandmaster(&rig.folder);
    // Another daemon listens to the same ports.
    let mut daemon = lab.here("ptp4l".as_ref());
    daemon.args(["-m", "-s", "-i", "here", "-f", "daemon.conf"]);
    let config = format!(
        "[global]\ntime_stamping software\nfree_running 1\ndomainNumber {DOMAIN}\nuds_address daemon.socket\n"
    );
    fs::write(rig.folder.join("daemon.conf"), config).expect("the test's own folder");
    let mut daemon = lab::Told::start(daemon.current_dir(&rig.folder));
    let mut ptp = lab.here(program());
    ptp.args(["ptp", "--interface", HERE, "--domain", DOMAIN]);
    let mut ptp = lab::Told::start(&mut ptp);
    let line = ptp.wait_for("locked: ");
    daemon.wait_for("UNCALIBRATED");
    assert!(
        line.contains(&format!("grandmaster {MASTER}, domain {DOMAIN}")),
        "{line}"
    );
    let number = |before: &str, after: &str| -> f64 {
        let text = line
            .split(before)
            .nth(1)
            .and_then(|rest| rest.split(after).next());
        let text = text.unwrap_or_else(|| panic!("no {before:?} in {line}"));
        text.trim()
            .parse()
            .unwrap_or_else(|_| panic!("{text:?} in {line}"))
    };
    // Both have the same kernel's clocks: the master tells the time of day, and the monotonic clock runs as that does, to what is known after
    // a second.
    let known = number("known to ", " us") / 1e6;
    let ahead = number("PTP is ", " s ahead");
    assert!(known < 0.01, "{line}");
    assert!(ahead.abs() <= known + 2e-6, "{line}");
    assert!(number("path delay ", " us") < 5_000.0, "{line}");
}

/// In a network where nobody tells the time, so each ends at once, for a reason that is not its words.
#[test]
fn the_commands_of_the_page_about_it_are_ones() {
    let Some(lab) = Lab::new() else { return };
    let commands = crate::docs::commands("docs/aes67.md", "waverig-aes67 ");
    assert!(commands.len() >= 6, "few commands were found: {commands:?}");
    for words in commands {
        let mut command = lab.here(program());
        command.args(&words);
        let expect = match (words[0].as_str(), words.get(2).map(String::as_str)) {
            ("ptp", _) => (3, "no master: "),
            ("send", Some("tap")) => (1, "the tap is the driver's, which runs on Windows"),
            ("send", Some("wav:music.wav")) => (1, "music.wav is no WAV file that can be read"),
            ("send", _) => (3, "no PTP master"),
            _ => (0, "usage: waverig-aes67"),
        };
        match words[0].as_str() {
            "ptp" => command.args(["--count", "0"]),
            "send" => command.args(["--wait", "0"]),
            _ => &mut command,
        };
        run(&mut command).expect(expect.0, &[expect.1]);
    }
}

#[test]
fn what_is_missing_is_named() {
    let Some(lab) = Lab::new() else { return };
    let send = |words: &[&str]| {
        let mut send = lab.here(program());
        send.args(["send", "--source", "tone", "--group", "239.69.1.2"]);
        run(send.args(words))
    };
    send(&["--interface", "192.0.2.77"]).expect(
        1,
        &[
            "no interface of this host has the address 192.0.2.77",
            "`ip -4 address`",
        ],
    );
    let waits = ["--interface", HERE, "--wait", "0.3"];
    send(&waits).expect(3, &["no PTP master", "domain 0", "--without-master go"]);
    let mut ptp = lab.here(program());
    run(ptp.args(["ptp", "--interface", HERE, "--count", "1"])).expect(3, &["no master: "]);
}
