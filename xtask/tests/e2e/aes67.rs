//! The sender among others: linuxptp's `ptp4l` as its grandmaster, `ffmpeg` as its receiver, in networks of the test's own. Where a host lets
//! nobody have those, the tests say that they did not run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::rig::{Rig, root, run};

mod lab;
mod stream;

use lab::{DOMAIN, HERE, Lab, MASTER};

/// The sender, built as the tests are, and what receives for them.
fn built() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let words = ["build", "--quiet", "--locked", "--package", "waverig-aes67"];
        let what = ["--bins", "--examples"];
        run(Command::new("cargo")
            .args(words)
            .args(what)
            .current_dir(root()))
        .expect(0, &[]);
        root().join("target/debug")
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
    let mut ptp = lab.here(program());
    ptp.args(["ptp", "--interface", HERE, "--domain", DOMAIN]);
    let mut ptp = lab::Told::start(&mut ptp);
    let line = ptp.wait_for("locked: ");
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
