//! Hosts that lack everything, something, nothing.

use super::*;
use crate::testing::{Scripted, TestFolder};

const EVERYTHING: [&str; 8] = [
    "usr/bin/apt-get",
    "rust/lib/rustlib/x86_64-pc-windows-msvc/lib/libcore.rlib",
    "usr/lib/llvm-14/lib/libclang-14.so.1",
    "usr/lib/llvm-14/lib/clang/14.0.6/include/stddef.h",
    "usr/x86_64-w64-mingw32/include/windef.h",
    "usr/x86_64-w64-mingw32/include/ddk/ntddk.h",
    "usr/x86_64-w64-mingw32/lib/libntoskrnl.a",
    "usr/x86_64-w64-mingw32/lib/libhal.a",
];

const DEBIAN: [(&str, i32, &str); 2] = [
    (
        "apt-cache depends libclang-dev",
        0,
        "libclang-dev\n  Depends: libclang-14-dev\n",
    ),
    (
        "apt-cache pkgnames libclang1-14",
        0,
        "libclang1-14-dbgsym\nlibclang1-14\n",
    ),
];

fn on(files: &[&str], runner: &Scripted) -> Vec<Requirement> {
    let host = TestFolder::new().with_files(files);
    let toolchain = Toolchain {
        sysroot: host.path().join("rust"),
        host: "x86_64-unknown-linux-gnu".into(),
        commit: String::new(),
    };
    of_host(runner, &toolchain, Arch::X64, host.path())
}

fn line(files: &[&str], answers: &[(&'static str, i32, &str)]) -> String {
    install_line(&on(files, &Scripted::new(answers))).unwrap()
}

#[test]
fn a_complete_host_is_asked_nothing() {
    let runner = Scripted::new(&[]);
    let list = on(&EVERYTHING, &runner);
    assert!(
        list.iter().all(|requirement| requirement.found.is_some()),
        "{list:?}"
    );
    assert!(runner.lines().is_empty());
    assert_eq!(install_line(&list).unwrap(), "");
    ensure_met(&list).unwrap();
}

#[test]
fn a_bare_debian_gets_one_line() {
    let expect = "rustup target add x86_64-pc-windows-msvc && sudo apt-get update && sudo apt-get install -y \
                  --no-install-recommends libclang1-14 libclang-common-14-dev mingw-w64-x86-64-dev";
    assert_eq!(line(&EVERYTHING[..1], &DEBIAN), expect);
}

#[test]
fn libclang_has_the_name_that_the_distribution_gives_it() {
    let all_but_libclang: Vec<_> = EVERYTHING
        .into_iter()
        .filter(|file| !file.contains("llvm"))
        .collect();
    let depends = "libclang-dev\n  Depends: libclang-18-dev\n";
    for (answers, expect) in [
        (&DEBIAN[..], "libclang1-14 libclang-common-14-dev"),
        (
            &[
                ("apt-cache depends", 0, depends),
                ("apt-cache pkgnames", 0, "libclang1-18t64\n"),
            ],
            "libclang1-18t64 libclang-common-18-dev",
        ),
        (
            &[
                ("apt-cache depends", 0, depends),
                ("apt-cache pkgnames", 0, ""),
            ],
            "libclang-dev",
        ),
        (&[("apt-cache", 100, "")], "libclang-dev"),
        (&[], "libclang-dev"),
    ] {
        let line = line(&all_but_libclang, answers);
        assert!(
            line.ends_with(&format!("--no-install-recommends {expect}")),
            "{line}"
        );
    }
}

#[test]
fn the_error_names_what_is_missing_and_the_line_to_run() {
    let list = on(&EVERYTHING[..4], &Scripted::new(&DEBIAN));
    let expect = "missing on this host: mingw-w64 headers with the DDK; run: sudo apt-get update && \
                  sudo apt-get install -y --no-install-recommends mingw-w64-x86-64-dev";
    assert_eq!(ensure_met(&list).unwrap_err().to_string(), expect);
}

#[test]
fn an_unknown_system_is_told_what_to_install() {
    let error = install_line(&on(&EVERYTHING[1..2], &Scripted::new(&[]))).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("libclang 14 or newer with its headers"),
        "{error}"
    );
}

#[test]
fn installing_uses_sudo_only_for_packages_and_stops_at_a_failure() {
    let list = on(&EVERYTHING[..1], &Scripted::new(&DEBIAN));
    let runner = Scripted::new(&[
        ("rustup", 0, ""),
        ("sudo apt-get update", 0, ""),
        ("sudo apt-get install", 1, ""),
    ]);
    let error = install(&runner, &list, Privilege::Sudo)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("`sudo apt-get install -y"), "{error}");
    assert_eq!(runner.lines().len(), 3);

    let runner = Scripted::new(&[("rustup", 0, ""), ("apt-get", 0, "")]);
    install(&runner, &list, Privilege::Already).unwrap();
    assert_eq!(runner.lines()[1], "apt-get update");
}

#[test]
fn rights_are_probed_without_a_question() {
    for (answers, expect) in [
        (&[("id -u", 0, "0\n")][..], Some(Privilege::Already)),
        (
            &[("id -u", 0, "1000\n"), ("sudo -n true", 0, "")],
            Some(Privilege::Sudo),
        ),
        (&[("id -u", 0, "1000\n"), ("sudo -n true", 1, "")], None),
        (&[], None),
    ] {
        assert_eq!(privilege(&Scripted::new(answers)), expect);
    }
}
