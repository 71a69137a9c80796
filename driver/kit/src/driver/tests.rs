//! What Cargo is told, without running it.

use std::path::PathBuf;

use super::*;

fn invocation(features: &[&str]) -> Invocation {
    let options = BuildOptions {
        workspace: Workspace::new("/w"),
        package: "waverig",
        arch: Arch::X64,
        features: features.iter().map(|name| (*name).to_owned()).collect(),
        output: PathBuf::from("/out"),
    };
    let kit = Kit {
        include_folder: "/w/target/kit/Include".into(),
        library_folder: "/w/target/kit/Lib".into(),
        env: vec![("WDKContentRoot".into(), "/w/target/kit".into())],
        cargo_args: vec!["--config".into(), "x=1".into()],
        dependency_folders: vec!["/w/target/kit/vendor".into()],
    };
    let toolchain = Toolchain {
        sysroot: "/rust".into(),
        host: "h".into(),
        commit: "c0ffee".into(),
    };
    cargo(&options, &kit, &toolchain, &COMPILE)
}

/// Paths as they are written here, whatever this host writes between folders and quotes because of it.
fn with_slashes(text: &str) -> String {
    text.replace('\\', "/").replace('\'', "")
}

#[test]
fn the_lock_file_and_the_profile_are_fixed() {
    assert_eq!(
        with_slashes(&invocation(&[]).line()),
        "cargo rustc --lib --crate-type staticlib --locked --package waverig --profile driver \
         --target x86_64-pc-windows-msvc --target-dir /w/target/driver --config x=1"
    );
    assert!(invocation(&["a", "b"]).line().ends_with(" --features a,b"));
}

#[test]
fn every_folder_of_this_machine_gets_a_common_name() {
    let flags = invocation(&[])
        .env
        .into_iter()
        .find(|(name, _)| name == "CARGO_ENCODED_RUSTFLAGS");
    let flags = flags
        .and_then(|(_, value)| value)
        .unwrap()
        .into_string()
        .unwrap();
    let flags = with_slashes(&flags);
    let expect = [
        "-Ctarget-feature=+crt-static",
        "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/c0ffee",
        "--remap-path-prefix=/w=/waverig",
        "--remap-path-prefix=/w/target/kit/vendor=/dependencies",
    ];
    assert_eq!(flags.split('\x1f').collect::<Vec<_>>(), expect);
}

#[test]
fn the_callers_environment_does_not_reach_the_compiler() {
    for (name, expect) in [
        ("RUSTFLAGS", true),
        ("CARGO_BUILD_RUSTFLAGS", true),
        ("CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_RUSTFLAGS", true),
        ("CARGO_PROFILE_DRIVER_OPT_LEVEL", true),
        ("CARGO_INCREMENTAL", true),
        ("PATH", false),
        ("CARGO_HOME", false),
        ("CARGO_ENCODED_RUSTFLAGS", false),
    ] {
        assert_eq!(decides_bytes(name), expect, "{name}");
    }
}
