//! What each small mistake in a good INF is called.

use super::tests::{GOOD, REQUIREMENTS, STAMP, parse};
use super::*;

/// Replaces `from` by `to` in the good INF; the first finding of `rule` must contain `part`. Says what is there instead.
fn broken(from: &str, to: &str, rule: &str, part: &str) -> Option<String> {
    assert!(GOOD.contains(from), "{from:?} is not in the INF");
    let findings = check(&parse(&GOOD.replace(from, to)).unwrap(), &REQUIREMENTS);
    let found = findings.iter().find(|finding| finding.rule.id == rule);
    let good = found.is_some_and(|found| found.to_string().contains(part));
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    (!good).then(|| format!("{from:?} -> {to:?}: no {rule} with {part:?} in {all:#?}"))
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
        (
            "%Us%\nPnp",
            "\"Microsoft Us\"\nPnp",
            "provider",
            "Microsoft Us",
        ),
        (
            "Class = MEDIA",
            "Class = Sample",
            "class",
            "Class is \"Sample\"",
        ),
        (
            "NT$ARCH$.10.0...19041",
            "NT$ARCH$.10.0.1..19041",
            "models",
            "is for a product or a suite",
        ),
        (
            "[Strings]",
            "[Strings]\nOld = \"x\"",
            "unused-string",
            "%Old%",
        ),
        (
            "[Strings]",
            "[Strings.0407]\nUs = \"wir\"\nCard = \"Karte\"\n[Strings]",
            "languages",
            "key is in one of",
        ),
        (
            "[Strings]",
            "[Files]\n[Strings]",
            "section-once",
            "[Files] stands at line",
        ),
        (
            "CopyFiles = @card.sys",
            "CopyFiles = Hardware, @card.sys",
            "section-kind",
            "[Hardware] is used by CopyFiles, and by AddReg",
        ),
        (
            "[Strings]",
            "[KS.Registration]\n[Strings]",
            "section-name",
            "[KS.Registration]",
        ),
        (
            "[Strings]",
            "[Files.Security]\n[Strings]",
            "security-section",
            "[Files.Security]",
        ),
        (
            "CopyFiles = Files",
            "CopyFiles = ",
            "value-missing",
            "CopyFiles in [Card.NT]",
        ),
        (
            "[Files]\ncard.sys",
            "[Files]\n,card.sys",
            "value-missing",
            "a file in [Files]",
        ),
        (
            "PnpLockdown = 1",
            "PnpLockdown = 1, 2",
            "value-extra",
            "PnpLockdown has 2",
        ),
        (
            "[Files]\ncard.sys",
            "[Files]\ncard.sys,,,,x",
            "value-extra",
            "card.sys has 5",
        ),
        (
            "StartType = 3",
            "StartType = 3\nStartType = 3",
            "directive-once",
            "StartType in [Service]",
        ),
        (
            "card.sys = 1",
            "card.sys = 1\nCARD.sys = 1",
            "duplicate",
            "CARD.sys in [SourceDisksFiles]",
        ),
        (
            "Card, Root\\card",
            "Card, Root\\card, ROOT\\card",
            "duplicate",
            "ROOT\\card in [Models",
        ),
        (
            "[Wave]",
            "AddInterface = {6994AD04-93EF-11D0-A3CC-00A0C9223196}, wave, Wave\n[Wave]",
            "duplicate",
            "wave in [Card.NT.Interfaces]",
        ),
        ("= Models", "= ", "follows", "names no models section"),
        (
            "Card, Root",
            ", Root",
            "follows",
            "a device without an install section",
        ),
        (
            "[Strings]",
            "[Card.NT.Filters]\n[Strings]",
            "follows",
            "[Card.NT.Filters] is not known here",
        ),
        (
            "AddReg = Hardware",
            "AddReg = Hardware\nInclude = ks.inf\nNeeds = KS.Registration",
            "needs-kind",
            "[Card.NT.HW] needs KS.Registration",
        ),
        (
            "card.sys = 1",
            "card.sys = 1\ncard.cat = 1",
            "source-files",
            "card.cat is a catalog",
        ),
        (
            "card.sys = 1",
            "card.sys = 1\ncard.sy_ = 1",
            "source-files",
            "compressed",
        ),
        (
            "card.sys = 1",
            "card.sys = one",
            "source-files",
            "has no disk's number",
        ),
        (
            "[Files]\ncard.sys",
            "[Files]\ncard.sys,,,2",
            "copy-flags",
            "card.sys has flags 2",
        ),
        (
            "card, 2, Service",
            "card, 0x802, Service",
            "service-flags",
            "card has flags 0x802",
        ),
        (
            "[Service]",
            "AddService = , 2, Service\n[Service]",
            "service-name",
            "[Service] is of no service",
        ),
        (
            "%13%\\card.sys",
            "%13%\\card.sys\nAddReg = Values\n[Values]\nHKR,,Level,,1",
            "service-key",
            "\"Level\" below \"\"",
        ),
        (
            "[Card11.NT.Services]\nAddService = card, 2, Service",
            "[Card11.NT.Services]\nAddService = card, 2, Service11\n[Service11]\nServiceType = 1\nStartType = 3\n\
             ErrorControl = 0\nServiceBinary = %13%\\card.sys",
            "same-everywhere",
            "service card is another one at line",
        ),
        (
            "CopyFiles = @card.sys",
            "CopyFiles = Files11\n[Files11]\ncard.sys, other.sys",
            "same-everywhere",
            "card.sys is card.sys and other.sys",
        ),
        (
            "HKR,,Driver,,card.sys",
            "HKR,,CoInstallers32,0x00010000,\"x.dll,Entry\"",
            "legacy",
            "the value CoInstallers32",
        ),
        (
            "[Strings]",
            "[Card.NT.FactDef]\n[Strings]",
            "legacy",
            "[Card.NT.FactDef]",
        ),
        (
            "HKR,,Driver,,card.sys",
            "HKR,,UpperFilters,0x00010000,card",
            "filters",
            "UpperFilters",
        ),
        (
            "HKR,,DeviceType,0x10001,0x1D",
            "HKR,,DeviceType,,29",
            "value-type",
            "DeviceType is Sz",
        ),
        (
            "HKR,,Driver,,card.sys",
            "HKR,,Help,,%11%\\card.chm",
            "path",
            "%11%",
        ),
        (
            "HKR,,Driver,,card.sys",
            "HKR,,Help,,\"C:\\card.chm\"",
            "path",
            "C:",
        ),
        (
            "HKR,EP\\0,%Key%,,x",
            "HKR,FX\\0,%Key%,,x",
            "effects",
            "below FX\\0",
        ),
    ];
    let mut seen: Vec<&str> = Vec::new();
    let mut wrong: Vec<String> = Vec::new();
    for (from, to, rule, part) in cases {
        if from == "MEDIA" {
            // A class that is not known here is not held against its GUID.
            assert_eq!(
                check(&parse(&GOOD.replace(from, to)).unwrap(), &REQUIREMENTS),
                []
            );
            continue;
        }
        wrong.extend(broken(from, to, rule, part));
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
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for rule in rules::ALL {
        assert!(seen.contains(&rule.id), "no case breaks {}", rule.id);
    }
}

/// `docs/infverif.md` lists every rule with its numbers, and no number both as covered and as not.
#[test]
fn the_page_about_infverif_says_what_the_rules_say() {
    let page = include_str!("../../../../docs/infverif.md");
    let (rules, rest) = page.split_once("## Not covered").unwrap();
    for rule in rules::ALL {
        let codes: Vec<String> = rule.infverif.iter().map(u16::to_string).collect();
        let row = format!(
            "| `{}` | {} | {} |",
            rule.id,
            codes.join(" "),
            rule.requires
        );
        assert!(rules.contains(&row), "docs/infverif.md lacks {row}");
    }
    let rows = rules.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(
        rows,
        rules::ALL.len(),
        "docs/infverif.md has a rule too many"
    );
    let codes = |text: &str| -> Vec<u16> {
        let rows = text.lines().filter(|line| line.starts_with('|'));
        let words = rows.flat_map(|row| row.split(['|', ' ']));
        words
            .filter_map(|word| word.parse().ok())
            .filter(|code| *code >= 1000)
            .collect()
    };
    let mut uncovered = codes(rest);
    for code in codes(rules) {
        assert!(!uncovered.contains(&code), "{code} is covered");
    }
    let count = uncovered.len();
    uncovered.sort();
    uncovered.dedup();
    assert_eq!(
        uncovered.len(),
        count,
        "a number stands twice among those not covered"
    );
}
