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
fn it_installs_the_render_endpoint() {
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
    assert_eq!(
        interfaces,
        [
            "6994AD04 WaveRender",
            "65E8773E WaveRender",
            "EB115FFC WaveRender",
            "6994AD04 TopologyRender",
            "DDA54A40 TopologyRender"
        ]
    );
    let endpoint = plan.interfaces[3]
        .registry
        .iter()
        .filter(|value| value.subkey == r"EP\0");
    let endpoint: Vec<_> = endpoint
        .map(|value| (value.name.as_str(), value.data.clone()))
        .collect();
    assert_eq!(
        endpoint,
        [
            (
                "{1DA5D803-D492-4EDD-8C23-E0C0FFEE7F0E},2",
                RegistryData::Sz("{00000000-0000-0000-0000-000000000000}".into())
            ),
            (
                "{1DA5D803-D492-4EDD-8C23-E0C0FFEE7F0E},7",
                RegistryData::Dword(1)
            ),
        ]
    );
    let device_type = plan
        .registry
        .iter()
        .find(|value| value.key == RegistryKey::Device && value.name == "DeviceType");
    assert_eq!(device_type.unwrap().data, RegistryData::Dword(0x1D));
}
