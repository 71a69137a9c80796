//! The table of decisions.

use super::*;

const NAME: &str = "Card";

fn release(test_signed: bool) -> Release {
    Release {
        name: NAME.into(),
        version: Version([1, 2, 0, 0]),
        hardware_id: r"Root\card".into(),
        inf: "card.inf".into(),
        arch: Arch::X64,
        min_build: 19_041,
        certificate: test_signed.then(|| "card.der".into()),
    }
}

const GOOD: Machine = Machine {
    elevated: true,
    arch: Some(Arch::X64),
    build: 19_045,
    test_signing: true,
    secure_boot: Some(false),
};

/// A machine with a node of a version, `-` for one without, `!` behind it when it does not work; nothing: no node.
fn found(text: &str) -> Found {
    let broken = text.ends_with('!');
    let text = text.trim_end_matches('!');
    let node = Node {
        instance: r"ROOT\MEDIA\0000".into(),
        service: None,
        version: text.parse().ok(),
        trouble: broken.then(|| "problem code 10".into()),
    };
    Found {
        nodes: if text.is_empty() {
            Vec::new()
        } else {
            vec![node]
        },
        ..Found::default()
    }
}

/// What is decided, in a word, with its reasons.
fn decided(verb: Verb, words: &str, release: &Release, machine: &Machine, found: &Found) -> String {
    let allowed = Allowed {
        silent: words.contains("silent"),
        force: words.contains("force"),
        trust: words.contains("trust"),
    };
    match decide(verb, allowed, release, machine, found) {
        Decision::Nothing(why) => format!("nothing: {why}"),
        Decision::Install { trust } => format!("install, {trust:?}"),
        Decision::Remove => "remove".into(),
        Decision::Refuse(reasons) => format!("refuse {}: {}", reasons.len(), reasons.join("; ")),
    }
}

#[track_caller]
fn check(got: &str, expect: &[&str]) {
    for expect in expect {
        assert!(got.contains(expect), "{got:?} lacks {expect:?}");
    }
}

#[test]
fn the_version_that_is_here_decides() {
    use Verb::{Install, Update};
    for (verb, words, here, expect) in [
        (Install, "", "", "install, Needless"),
        (Install, "", "1.1", "install, Needless"),
        (
            Install,
            "",
            "1.2",
            "nothing: Card 1.2.0.0 is installed and works",
        ),
        (Install, "", "1.2!", "install, Needless"),
        (Install, "force", "1.2", "install, Needless"),
        (
            Install,
            "",
            "1.10",
            "refuse 1: version 1.10.0.0 is installed and this program has 1.2.0.0: --force",
        ),
        (Install, "", "1.10!", "refuse 1: version 1.10.0.0"),
        (Install, "force", "1.10", "install, Needless"),
        // A node that nobody drives yet.
        (Install, "", "-", "install, Needless"),
        (Update, "", "", "refuse 1: there is no Card to update"),
        (Update, "force", "", "refuse 1: there is no Card to update"),
        (Update, "", "1.1", "install, Needless"),
        (Update, "", "1.2", "nothing: "),
        (Update, "", "1.3", "refuse 1: version 1.3.0.0"),
        (Update, "silent force", "1.3", "install, Needless"),
    ] {
        let got = decided(verb, words, &release(false), &GOOD, &found(here));
        assert!(
            got.starts_with(expect),
            "{verb:?} {words:?} with {here:?}: {got:?}"
        );
    }
    // A node that tells no version: that of the package counts.
    let mut machine = found("-");
    machine.stored.push(Stored {
        name: "oem1.inf".into(),
        version: Some(Version([2, 0, 0, 0])),
    });
    let got = decided(Install, "", &release(false), &GOOD, &machine);
    check(&got, &["version 2.0.0.0 is installed"]);
    // A package without a node is no device.
    machine.nodes.clear();
    let got = decided(Install, "", &release(false), &GOOD, &machine);
    check(&got, &["install, Needless"]);
}

#[test]
fn whatever_hinders_is_told_at_once() {
    let bad = Machine {
        elevated: false,
        arch: Some(Arch::Arm64),
        build: 17_763,
        test_signing: false,
        secure_boot: Some(true),
    };
    let got = decided(Verb::Update, "silent", &release(true), &bad, &found(""));
    let words = [
        "refuse 6",
        "is for x64 and the machine is Arm64",
        "build 19041 or later and this is 17763",
        "no Card to update",
        "administrator",
        "Secure Boot is on",
        "bcdedit /set testsigning on",
        "--trust-certificate",
    ];
    check(&got, &words);
    type Change = fn(&mut Machine);
    let alone: [(Change, &str); 4] = [
        (|it| it.elevated = false, "administrator"),
        (|it| it.build = 19_040, "update Windows"),
        (|it| it.arch = None, "another"),
        (|it| it.test_signing = false, "off on this machine: bcdedit"),
    ];
    for (change, expect) in alone {
        let mut machine = GOOD;
        change(&mut machine);
        let got = decided(Verb::Install, "trust", &release(true), &machine, &found(""));
        check(&got, &["refuse 1", expect]);
    }
    // Windows trusts the package by itself: test signing is no question.
    let machine = Machine {
        test_signing: false,
        ..GOOD
    };
    let got = decided(
        Verb::Install,
        "silent",
        &release(false),
        &machine,
        &found(""),
    );
    check(&got, &["install, Needless"]);
    // The same version is no reason to ask for rights; on a machine it is not for, it is no good news either.
    let user = Machine {
        elevated: false,
        ..GOOD
    };
    let same = found("1.2");
    check(
        &decided(Verb::Install, "", &release(false), &user, &same),
        &["nothing"],
    );
    check(
        &decided(Verb::Install, "", &release(false), &bad, &same),
        &["refuse 3"],
    );
}

#[test]
fn a_test_certificate_is_trusted_by_consent_only() {
    let check = |words, trusted, expect: &str| {
        let found = Found {
            trusted,
            ..found("")
        };
        let got = decided(Verb::Install, words, &release(true), &GOOD, &found);
        check(&got, &[expect]);
    };
    check("", false, "install, Ask");
    check("trust", false, "install, Allowed");
    check("silent trust", false, "install, Allowed");
    check("silent", false, "refuse 1: the package is test-signed");
    check(
        "silent force",
        false,
        "refuse 1: the package is test-signed",
    );
    check("silent", true, "install, Needless");
    check("", true, "install, Needless");
}

#[test]
fn what_is_here_can_be_removed_by_an_administrator() {
    let user = Machine {
        elevated: false,
        build: 1,
        arch: None,
        ..GOOD
    };
    let check = |found: &Found, machine: &Machine, expect: &str| {
        let got = decided(Verb::Remove, "silent", &release(true), machine, found);
        check(&got, &[expect]);
    };
    check(&found(""), &user, "nothing: nothing of Card is installed");
    check(&found("1.2!"), &GOOD, "remove");
    check(
        &found("1.2"),
        &user,
        "refuse 1: this needs an administrator's rights",
    );
    // A certificate alone is something.
    let certificate = Found {
        trusted_by_us: vec!["00".into()],
        ..Found::default()
    };
    check(&certificate, &GOOD, "remove");
    let package = Found {
        stored: vec![Stored {
            name: "oem1.inf".into(),
            version: None,
        }],
        ..Found::default()
    };
    check(&package, &GOOD, "remove");
}

#[test]
fn a_person_who_says_nothing_is_offered_what_is_next() {
    let check = |here, expect| assert_eq!(offer(&release(false), &found(here)), expect, "{here}");
    check("", Verb::Install);
    check("-", Verb::Install);
    check("1.1", Verb::Update);
    check("1.1!", Verb::Update);
    check("1.2", Verb::Remove);
    check("1.2!", Verb::Install);
    check("1.3", Verb::Remove);
}
