//! An INF as it should be: reading, stamping, planning.

use super::*;
use crate::{Arch, Date, OsBuild};

/// A package like the ones this crate is for. `$ARCH$` is left in, so that stamping is part of every test.
pub(super) const GOOD: &str = r#"
[Version]
Signature = "$Windows NT$"
Class = MEDIA
ClassGuid = {4d36e96c-e325-11ce-bfc1-08002be10318}
Provider = %Us%
PnpLockdown = 1
[SourceDisksNames]
1 = "Disk"
[SourceDisksFiles]
card.sys = 1
[DestinationDirs]
DefaultDestDir = 13
[Manufacturer]
%Us% = Models, NT$ARCH$.10.0...19041, NT$ARCH$.10.0...22000
[Models.NT$ARCH$.10.0...19041]
%Card% = Card, Root\card
[Models.NT$ARCH$.10.0...22000]
%Card% = Card11, Root\card
[Card.NT]
Include = ks.inf
Needs = KS.Registration
CopyFiles = Files
AddReg = Driver
[Files]
card.sys
[Driver]
HKR,,Driver,,card.sys
HKR,Sub,Dword,0x00010001,0x12
HKR,Sub,Bytes,3,1,2,ff
HKR,Sub,Multi,0x00010000,a,"b,c"
HKR,Sub,Expand,0x00020000,"%%SystemRoot%%\x"
HKR,Sub,Qword,0x000B0001,0x100000000
HKR,KeyOnly,,0x10
[Card.NT.HW]
AddReg = Hardware
[Hardware]
HKR,,DeviceType,0x10001,0x1D
HKR,,Security,,"D:P(A;;GA;;;SY)"
[Card.NT.Services]
AddService = card, 2, Service
[Service]
ServiceType = 1
StartType = 3
ErrorControl = 1
ServiceBinary = %13%\card.sys
[Card.NT.Interfaces]
AddInterface = {6994AD04-93EF-11D0-A3CC-00A0C9223196}, Wave, Wave
[Wave]
AddReg = Wave.Values
[Wave.Values]
HKR,EP\0,%Key%,,x
[Card11.NT]
CopyFiles = @card.sys
[Card11.NT.HW]
AddReg = Hardware
[Card11.NT.Services]
AddService = card, 2, Service
[Strings]
Us = "us"
Card = "A card"
Key = "{1DA5D803-D492-4EDD-8C23-E0C0FFEE7F0E},2"
"#;

pub(super) const STAMP: Stamp = Stamp {
    date: Date {
        year: 2026,
        month: 1,
        day: 2,
    },
    version: DriverVersion([1, 2, 3, 4]),
    arch: Arch::Amd64,
    catalog: "card.cat",
};
pub(super) const REQUIREMENTS: Requirements = Requirements {
    arch: Arch::Amd64,
    min_build: OsBuild(19041),
};

pub(super) fn parse(inx: &str) -> Result<Inf, InfError> {
    Inf::parse("card.inf", &stamp("card.inf", inx.as_bytes(), &STAMP)?)
}

fn target(build: u32) -> Target<'static> {
    Target {
        hardware_id: r"ROOT\CARD",
        arch: Arch::Amd64,
        build: OsBuild(build),
    }
}

#[test]
fn a_good_inf_breaks_no_rule() {
    assert_eq!(check(&parse(GOOD).unwrap(), &REQUIREMENTS), []);
}

#[test]
fn the_plan_has_everything_in_types() {
    let plan = plan(&parse(GOOD).unwrap(), &target(19045)).unwrap();
    assert_eq!(
        (
            plan.provider.as_str(),
            plan.manufacturer.as_str(),
            plan.description.as_str()
        ),
        ("us", "us", "A card")
    );
    assert_eq!(
        (
            plan.catalog.as_str(),
            plan.section.as_str(),
            plan.hardware_id.as_str()
        ),
        ("card.cat", "Card.NT", r"Root\card")
    );
    assert_eq!(
        (
            plan.date.to_string().as_str(),
            plan.version.to_string().as_str()
        ),
        ("2026-01-02", "1.2.3.4")
    );
    assert_eq!(plan.files.len(), 1);
    assert_eq!(
        (plan.files[0].target.as_str(), plan.files[0].directory),
        ("card.sys", DirId::DRIVER_STORE)
    );
    let values: Vec<_> = plan
        .registry
        .iter()
        .map(|value| (value.key, value.name.as_str(), value.data.clone()))
        .collect();
    use RegistryData::*;
    assert_eq!(
        values,
        [
            (RegistryKey::Driver, "Driver", Sz("card.sys".into())),
            (RegistryKey::Driver, "Dword", Dword(0x12)),
            (RegistryKey::Driver, "Bytes", Binary(vec![1, 2, 255])),
            (
                RegistryKey::Driver,
                "Multi",
                MultiSz(vec!["a".into(), "b,c".into()])
            ),
            (
                RegistryKey::Driver,
                "Expand",
                ExpandSz(r"%SystemRoot%\x".into())
            ),
            (RegistryKey::Driver, "Qword", Qword(1 << 32)),
            (RegistryKey::Driver, "", Key),
            (RegistryKey::Device, "DeviceType", Dword(0x1D)),
            (
                RegistryKey::Device,
                "Security",
                Sz("D:P(A;;GA;;;SY)".into())
            ),
        ]
    );
    assert!(!plan.registry[2].overwrite, "flag 2 keeps what is there");
    let service = &plan.services[0];
    assert_eq!(
        (
            service.name.as_str(),
            service.function_driver,
            service.kind,
            service.start
        ),
        ("card", true, 1, 3)
    );
    assert_eq!(
        service.binary,
        BinaryPath {
            directory: DirId(13),
            file: "card.sys".into()
        }
    );
    let interface = &plan.interfaces[0];
    assert_eq!(interface.reference, "Wave");
    assert_eq!(
        interface.registry[0].name,
        "{1DA5D803-D492-4EDD-8C23-E0C0FFEE7F0E},2"
    );
    assert_eq!(interface.registry[0].subkey, r"EP\0");
    assert_eq!(plan.system[0].section, "KS.Registration");
}

#[test]
fn the_newest_fitting_models_section_wins() {
    let inf = parse(GOOD).unwrap();
    for (build, section) in [
        (19041, "Card.NT"),
        (21999, "Card.NT"),
        (22000, "Card11.NT"),
        (26100, "Card11.NT"),
    ] {
        assert_eq!(
            plan(&inf, &target(build)).unwrap().section,
            section,
            "{build}"
        );
    }
    let error = plan(&inf, &target(17763)).unwrap_err().to_string();
    assert!(
        error.contains("no models section for amd64 build 17763") && error.contains("19041"),
        "{error}"
    );
    let error = plan(
        &inf,
        &Target {
            arch: Arch::Arm64,
            ..target(22000)
        },
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("no models section for arm64"), "{error}");
    let error = plan(
        &inf,
        &Target {
            hardware_id: r"Root\other",
            ..target(19041)
        },
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains(r"no hardware id Root\other"), "{error}");
}

#[test]
fn stamping_is_the_same_every_time_and_ends_lines_in_crlf() {
    let first = stamp("card.inf", GOOD.as_bytes(), &STAMP).unwrap();
    let again = stamp("card.inf", GOOD.replace('\n', "\r\n").as_bytes(), &STAMP).unwrap();
    assert_eq!(first, again);
    assert_eq!(
        first,
        stamp("card.inf", &first, &STAMP).unwrap(),
        "stamping twice changes nothing"
    );
    let text = String::from_utf8(first).unwrap();
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert!(
        text.contains("DriverVer = 01/02/2026,1.2.3.4\r\n")
            && text.contains("[Models.NTamd64.10.0...19041]"),
        "{text}"
    );
}

#[test]
fn utf16_stays_utf16() {
    let wide: Vec<u8> = [0xFEFF]
        .into_iter()
        .chain(GOOD.replace("A card", "Ä").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let inf = Inf::parse("card.inf", &stamp("card.inf", &wide, &STAMP).unwrap()).unwrap();
    assert_eq!(inf.encoding, Encoding::Utf16Le);
    assert_eq!(plan(&inf, &target(19041)).unwrap().description, "Ä");
}

#[test]
fn syntax_errors_name_file_and_line() {
    for (from, to, expected) in [
        ("[Files]", "[Files", "card.inf:25: `]` is missing"),
        ("\"A card\"", "\"A card", "a closing `\"` is missing"),
        ("%Key%", "%Kay%", "card.inf:52: %Kay% is not defined"),
        ("Us = \"us\"", "Us = \"us\"\nUS = \"we\"", "defined twice"),
        ("[Version]", "x\n[Version]", "card.inf:2: an entry before"),
        ("$ARCH$", "$ARK$", "nothing fills in $ARK$"),
        ("[Version]", "[Verzion]", "section [Version] is missing"),
    ] {
        let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} lacks {expected}");
    }
}

#[test]
fn damaged_text_never_panics() {
    use proptest::prelude::*;
    proptest!(|(at in 0..GOOD.len(), byte: u8, cut in 0..GOOD.len())| {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = byte;
        bytes.truncate(cut.max(1));
        if let Ok(stamped) = stamp("card.inf", &bytes, &STAMP) {
            let inf = Inf::parse("card.inf", &stamped).unwrap();
            let _ = plan(&inf, &target(22000));
            check(&inf, &REQUIREMENTS);
        }
    });
}
