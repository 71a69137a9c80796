//! Hosts as their distributions lay them out, made of empty files.

use super::*;
use crate::testing::TestFolder;

const CLANG_14: [&str; 2] = [
    "usr/lib/llvm-14/lib/libclang-14.so.1",
    "usr/lib/llvm-14/lib/clang/14.0.6/include/stddef.h",
];

fn check_libclang(files: &[&str], expect: Option<(&str, &str)>) {
    let host = TestFolder::new().with_files(files);
    let found = libclang(host.path(), None);
    let expect = expect.map(|(library, resource)| Libclang {
        library_folder: host.path().join(library),
        resource_folder: host.path().join(resource),
    });
    assert_eq!(found, expect, "{files:?}");
}

#[test]
fn libclang_is_found_with_its_own_headers() {
    check_libclang(&[], None);
    check_libclang(
        &CLANG_14,
        Some(("usr/lib/llvm-14/lib", "usr/lib/llvm-14/lib/clang/14.0.6")),
    );
    // Without headers of its version a library is of no use.
    check_libclang(&CLANG_14[..1], None);
    check_libclang(
        &[CLANG_14[0], "usr/lib/llvm-15/lib/clang/15/include/stddef.h"],
        None,
    );
    // Too old.
    check_libclang(
        &[
            "usr/lib/llvm-13/lib/libclang-13.so.1",
            "usr/lib/llvm-13/lib/clang/13/include/stddef.h",
        ],
        None,
    );
    // Fedora.
    check_libclang(
        &[
            "usr/lib64/libclang.so.20.1",
            "usr/lib/clang/20/include/stddef.h",
        ],
        Some(("usr/lib64", "usr/lib/clang/20")),
    );
    // libclang-cpp is another library.
    check_libclang(
        &[
            "usr/lib64/libclang-cpp.so.20.1",
            "usr/lib/clang/20/include/stddef.h",
        ],
        None,
    );
}

#[test]
fn the_newest_libclang_is_taken() {
    let newer = [
        "usr/lib/llvm-18/lib/libclang-18.so.1",
        "usr/lib/llvm-18/lib/clang/18/include/stddef.h",
    ];
    let both: Vec<_> = CLANG_14.into_iter().chain(newer).collect();
    check_libclang(
        &both,
        Some(("usr/lib/llvm-18/lib", "usr/lib/llvm-18/lib/clang/18")),
    );
}

#[test]
fn a_configured_folder_is_the_only_one_searched() {
    let host = TestFolder::new().with_files(&CLANG_14);
    let elsewhere = host.path().join("opt/llvm");
    assert_eq!(libclang(host.path(), Some(&elsewhere)), None);
}

fn check_mingw(files: &[&str], expect: Option<(&str, &str)>) {
    let host = TestFolder::new().with_files(files);
    let expect = expect.map(|(include, lib)| Mingw {
        include: host.path().join(include),
        lib: host.path().join(lib),
    });
    assert_eq!(mingw(host.path()), expect, "{files:?}");
}

#[test]
fn mingw_needs_headers_ddk_and_import_libraries() {
    let debian = [
        "usr/x86_64-w64-mingw32/include/windef.h",
        "usr/x86_64-w64-mingw32/include/ddk/ntddk.h",
        "usr/x86_64-w64-mingw32/lib/libntoskrnl.a",
        "usr/x86_64-w64-mingw32/lib/libhal.a",
    ];
    check_mingw(
        &debian,
        Some((
            "usr/x86_64-w64-mingw32/include",
            "usr/x86_64-w64-mingw32/lib",
        )),
    );
    for missing in 0..debian.len() {
        let rest: Vec<_> = debian
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != missing)
            .map(|(_, file)| *file)
            .collect();
        check_mingw(&rest, None);
    }
    let fedora = debian.map(|file| file.replace("mingw32/", "mingw32/sys-root/mingw/"));
    let prefix = "usr/x86_64-w64-mingw32/sys-root/mingw";
    check_mingw(
        &fedora.each_ref().map(String::as_str),
        Some((&format!("{prefix}/include"), &format!("{prefix}/lib"))),
    );
}
