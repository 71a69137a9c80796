//! What each small mistake in a good INF is called.

use super::tests::{GOOD, REQUIREMENTS, STAMP, parse};
use super::*;

/// Replaces `from` by `to` in the good INF and expects the first finding of `rule` to contain `part`.
fn broken(from: &str, to: &str, rule: &str, part: &str) {
    assert!(GOOD.contains(from), "{from:?} is not in the INF");
    let findings = check(&parse(&GOOD.replace(from, to)).unwrap(), &REQUIREMENTS);
    let found = findings.iter().find(|finding| finding.rule.id == rule);
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let text = found
        .unwrap_or_else(|| panic!("{from:?} → {to:?}: no finding of {rule} in {all:#?}"))
        .to_string();
    assert!(text.contains(part), "{text}");
}

#[test]
fn every_rule_can_break() {
    let cases = [
        (
            "\"$Windows NT$\"",
            "\"$Chicago$\"",
            "signature",
            "$Chicago$",
        ),
        ("A card", "Ä card", "encoding", "UTF-8"),
        (
            "%Us%\nPnp",
            "Microsoft\nPnp",
            "provider",
            "card.inf:8: Provider is \"Microsoft\"",
        ),
        ("MEDIA", "Net", "unused", ""),
        ("4d36e96c", "4d36e96d", "class", "ClassGuid is"),
        ("PnpLockdown = 1", "", "pnp-lockdown", "lacks PnpLockdown"),
        (
            "[Strings]",
            "[DefaultInstall]\n[Strings]",
            "no-default-install",
            "[DefaultInstall]",
        ),
        (
            "[Strings]",
            "[ClassInstall32]\n[Strings]",
            "no-class-install",
            "[ClassInstall32]",
        ),
        (
            "NT$ARCH$.10.0...19041",
            "NT$ARCH$.10.0...17763",
            "models",
            "admits builds before 19041",
        ),
        (
            "NT$ARCH$.10.0...19041",
            "NT$ARCH$.10.0...20000",
            "models",
            "no models section for amd64 build 19041",
        ),
        (
            "NT$ARCH$.10.0...19041",
            "NT.10.0...19041",
            "models",
            "names no architecture",
        ),
        ("NT$ARCH$", "NTarm64", "models", "no device for amd64"),
        (
            "CopyFiles = Files",
            "CopyFiles = Filez",
            "follows",
            "section [Filez] does not exist",
        ),
        (
            "Include = ks.inf",
            "Include = usb.inf",
            "follows",
            "Include of usb.inf",
        ),
        (
            "Include = ks.inf",
            "",
            "follows",
            "Needs of KS.Registration without Include=ks.inf",
        ),
        (
            "Needs = KS.Registration",
            "Needs = KS.Other",
            "follows",
            "Needs of KS.Other",
        ),
        (
            "HKR,,Driver,,card.sys",
            "HKLM,Software,a,,b",
            "follows",
            "registry root HKLM",
        ),
        ("HKR,,Driver,,card.sys", "HKR,,a,4", "follows", "flags 0x4"),
        (
            "0x00010001,0x12",
            "0x00010001,zz",
            "follows",
            "\"zz\" is not a number",
        ),
        ("{6994AD04-", "{6994AD0-", "follows", "is not a GUID"),
        ("ServiceType = 1", "", "follows", "lacks ServiceType"),
        (
            "Dir = 13",
            "Dir = 12",
            "driver-store",
            "card.sys goes to %12%",
        ),
        ("%13%", "%12%", "driver-store", "runs from %12%"),
        (
            "card.sys = 1",
            "other.sys = 1",
            "source-files",
            "card.sys is not in [SourceDisksFiles]",
        ),
        ("card.sys = 1", "card.sys = 2", "source-files", "disk 2"),
        (
            "[Files]\ncard.sys",
            "[Files]\nnew.sys,card.sys",
            "renamed",
            "card.sys becomes new.sys",
        ),
        (
            "card, 2, Service",
            "card, 0, Service",
            "service",
            "0 function drivers",
        ),
        ("StartType = 3", "StartType = 2", "service", "start 2"),
        (
            "%13%\\card.sys",
            "%13%\\other.sys",
            "service",
            "other.sys of service card is not copied",
        ),
        (
            "[Card.NT.Services]",
            "[Card.NT.CoInstallers]",
            "legacy",
            "[Card.NT.CoInstallers]",
        ),
        (
            "AddReg = Driver",
            "DelReg = Driver",
            "legacy",
            "DelReg in [Card.NT]",
        ),
        (
            "HKR,,Security",
            "HKR,,Safety",
            "media-security",
            "[Card.NT.HW]",
        ),
        ("AddReg = Wave.Values", "", "unused", "[Wave.Values]"),
    ];
    let mut seen: Vec<&str> = Vec::new();
    for (from, to, rule, part) in cases {
        if from == "MEDIA" {
            // A class that is not known here is not held against its GUID.
            assert_eq!(
                check(&parse(&GOOD.replace(from, to)).unwrap(), &REQUIREMENTS),
                []
            );
            continue;
        }
        broken(from, to, rule, part);
        seen.push(rule);
    }
    // These two are set by stamping, so they break on the stamped text.
    let stamped = String::from_utf8(stamp("card.inf", GOOD.as_bytes(), &STAMP).unwrap()).unwrap();
    for (from, to, rule) in [
        ("CatalogFile = card.cat", "", "catalog-file"),
        ("01/02/2026", "2026-01-02", "driver-ver"),
    ] {
        let inf = Inf::parse("card.inf", stamped.replace(from, to).as_bytes()).unwrap();
        assert!(
            check(&inf, &REQUIREMENTS)
                .iter()
                .any(|finding| finding.rule.id == rule),
            "{rule}"
        );
        seen.push(rule);
    }
    for rule in rules::ALL {
        assert!(seen.contains(&rule.id), "no case breaks {}", rule.id);
    }
}
