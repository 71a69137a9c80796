//! The INF of the driver in this repository keeps every rule and says what the driver relies on.

use waverig_package::inf::{
    self, DriverVersion, Inf, RegistryData, RegistryKey, Requirements, Stamp, Target,
};
use waverig_package::{Arch, Date, OsBuild};

const INX: &[u8] = include_bytes!("../../waverig.inx");

fn stamped(arch: Arch) -> Inf {
    let date = Date::new(2026, 11, 20).unwrap();
    let stamp = Stamp {
        date,
        version: DriverVersion([0, 1, 0, 0]),
        arch,
        catalog: "waverig.cat",
    };
    Inf::parse(
        "waverig.inf",
        &inf::stamp("waverig.inf", INX, &stamp).unwrap(),
    )
    .unwrap()
}

#[test]
fn it_keeps_every_rule() {
    for arch in [Arch::Amd64, Arch::Arm64] {
        assert_eq!(
            inf::check(
                &stamped(arch),
                &Requirements {
                    arch,
                    min_build: OsBuild(19041)
                }
            ),
            []
        );
    }
    assert!(INX.is_ascii());
}

#[test]
fn it_installs_the_interfaces_of_eight_cables() {
    let plan = |build| {
        inf::plan(
            &stamped(Arch::Amd64),
            &Target {
                hardware_id: r"root\WAVERIG",
                arch: Arch::Amd64,
                build: OsBuild(build),
            },
        )
    };
    assert!(plan(18363).is_err());
    let plan = plan(19041).unwrap();
    assert_eq!(plan.services[0].name, "waverig");
    let interfaces: Vec<String> = plan
        .interfaces
        .iter()
        .map(|interface| {
            format!(
                "{} {}",
                &interface.category.to_string()[1..9],
                interface.reference
            )
        })
        .collect();
    let expected = (1..=8).flat_map(|cable| {
        ["Render", "Capture"].into_iter().flat_map(move |flow| {
            let direction = ["65E8773D", "65E8773E"][usize::from(flow == "Render")];
            [
                format!("6994AD04 Wave{flow}{cable}"),
                format!("{direction} Wave{flow}{cable}"),
                format!("EB115FFC Wave{flow}{cable}"),
                format!("6994AD04 Topology{flow}{cable}"),
                format!("DDA54A40 Topology{flow}{cable}"),
            ]
        })
    });
    assert_eq!(interfaces, expected.collect::<Vec<_>>());
    for interface in &plan.interfaces {
        let endpoint = interface
            .registry
            .iter()
            .filter(|value| value.subkey == r"EP\0");
        let endpoint: Vec<_> = endpoint
            .map(|value| (value.name.as_str(), value.data.clone()))
            .collect();
        let association = (
            "{1DA5D803-D492-4EDD-8C23-E0C0FFEE7F0E},2",
            RegistryData::Sz("{00000000-0000-0000-0000-000000000000}".into()),
        );
        let event_driven = (
            "{1DA5D803-D492-4EDD-8C23-E0C0FFEE7F0E},7",
            RegistryData::Dword(1),
        );
        let topology = interface.reference.starts_with("Topology");
        let expected = [association, event_driven];
        assert_eq!(endpoint, if topology { &expected[..] } else { &[] });
    }
    // What people see of a cable is not what they see of another.
    let mut names: Vec<_> = plan
        .interfaces
        .iter()
        .filter(|interface| interface.category.to_string().starts_with("{6994AD04"))
        .map(|interface| &interface.registry)
        .chain([&plan.registry])
        .flatten()
        .filter(|value| value.name == "FriendlyName" || value.subkey.starts_with("MediaCategories"))
        .map(|value| format!("{:?}", value.data))
        .collect();
    assert_eq!(names.len(), 8 * 2 * 3);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8 * 2 * 3);
    let device_type = plan
        .registry
        .iter()
        .find(|value| value.key == RegistryKey::Device && value.name == "DeviceType");
    assert_eq!(device_type.unwrap().data, RegistryData::Dword(0x1D));
}

#[test]
fn an_update_keeps_what_a_user_has_set() {
    let target = Target {
        hardware_id: r"root\WAVERIG",
        arch: Arch::Amd64,
        build: OsBuild(19041),
    };
    let plan = inf::plan(&stamped(Arch::Amd64), &target).unwrap();
    let settings = plan.registry.iter().filter(|value| {
        value.key == RegistryKey::Device && !["DeviceType", "Security"].contains(&&*value.name)
    });
    let settings: Vec<_> = settings
        .map(|value| (&*value.name, value.data.clone(), value.overwrite))
        .collect();
    let dword = |name, number| (name, RegistryData::Dword(number), false);
    assert_eq!(
        settings,
        [
            dword("Cables", 1),
            dword("Channels", 2),
            dword("DefaultRate", 48_000),
            ("DefaultSample", RegistryData::Sz("pcm24".into()), false),
            dword("DefaultChannels", 2),
        ]
    );
}
