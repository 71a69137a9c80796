//! An image as it should be, and what each single mistake in it is called.

use super::*;
use crate::Arch;
use crate::sample::Sample;

const RULES: Rules = Rules {
    arch: Arch::Amd64,
    imports: &["ntoskrnl.exe", "hal.dll", "portcls.sys"],
    exports: &["DriverEntry"],
    forbidden: &[b"BUILT-TO-FAIL"],
};

fn violations(bytes: &[u8]) -> Vec<Violation> {
    check(&Image::parse(bytes).unwrap(), &RULES)
}

#[test]
fn a_good_image_breaks_no_rule() {
    assert_eq!(violations(&Sample::default().build()), []);
}

#[test]
fn imports_exports_and_pdb_are_read() {
    let bytes = Sample {
        exports: vec!["DriverEntry", "_fltused"],
        ..Sample::default()
    }
    .build();
    let image = Image::parse(&bytes).unwrap();
    let imports = image.imports().unwrap();
    assert_eq!(
        imports[0],
        Import {
            dll: "ntoskrnl.exe".into(),
            names: vec!["ExAllocatePool2".into(), "IoCreateDevice".into()],
            slots: imports[0].slots,
        }
    );
    assert_eq!(imports[1].dll, "PORTCLS.SYS");
    // The slots are as long as the names, and a terminator; in the file they hold what the lookup table holds.
    for import in &imports {
        let slot = image
            .at(import.slots + 8 * import.names.len() as u32)
            .unwrap();
        assert_eq!(slot[..8], [0; 8], "{}", import.dll);
        assert_ne!(
            image.at(import.slots).unwrap()[..8],
            [0; 8],
            "{}",
            import.dll
        );
    }
    assert_eq!(image.exports().unwrap(), ["DriverEntry", "_fltused"]);
    assert_eq!(image.pdb_name().as_deref(), Some("card.pdb"));
}

#[test]
fn imports_that_no_entry_leads_to_are_found() {
    let sample = Sample::default().build();
    let slots = Image::parse(&sample).unwrap().imports().unwrap()[0].slots;
    let check = |address: u32, size: u32, expect: &[u32]| {
        let bytes = Sample {
            directory: Some((Directory::ImportAddress as usize, address, size)),
            ..Sample::default()
        }
        .build();
        let image = Image::parse(&bytes).unwrap();
        assert_eq!(image.unreached_slots().unwrap(), expect, "{size}");
    };
    check(slots, 24, &[]);
    // Numbers that are no slots of anybody's.
    let table = Image::parse(&sample).unwrap().directory(Directory::Import);
    check(table.start, 16, &[table.start, table.start + 8]);
}

#[test]
fn where_windows_looks_for_imports_is_read() {
    let check = |mark: &'static [u8], size: u32, expect: u16| {
        let mut sample = Sample {
            mark,
            ..Sample::default()
        };
        let place = |bytes: &[u8]| {
            let image = Image::parse(bytes).unwrap();
            let at = bytes.windows(mark.len()).position(|it| it == mark);
            let rdata = &image.sections()[1];
            rdata.address + (at.unwrap() - rdata.file.start) as u32
        };
        let address = place(&sample.build());
        sample.directory = Some((Directory::LoadConfig as usize, address, size));
        let bytes = sample.build();
        let image = Image::parse(&bytes).unwrap();
        assert_eq!(image.dependent_load_flags(), expect, "{size}");
    };
    let mut config = [0_u8; 0x70];
    config[0] = 0x70;
    config[0x4F] = 8;
    let config: &'static [u8] = config.to_vec().leak();
    check(config, 0x70, 0x800);
    // As long as the field reaches, and cut off in it.
    check(config, 0x50, 0x800);
    check(config, 0x4F, 0);
    // It says by itself that it is shorter.
    let mut short = config.to_vec();
    short[0] = 0x4F;
    check(short.leak(), 0x70, 0);
    let image = Sample::default().build();
    assert_eq!(Image::parse(&image).unwrap().dependent_load_flags(), 0);
}

#[test]
fn every_rule_can_break() {
    let good = Sample::default;
    let section = |index: usize, name: &'static str, flags: u32| {
        let mut sample = good();
        sample.sections[index] = (name, flags);
        sample
    };
    let without = |flag: u16| Sample {
        dll_characteristics: good().dll_characteristics & !flag,
        ..good()
    };
    let cases = [
        (
            "machine",
            Sample {
                machine: 0xAA64,
                ..good()
            },
            "machine 0xaa64",
        ),
        (
            "executable",
            Sample {
                file_characteristics: 0x20,
                ..good()
            },
            "characteristics 0x0020",
        ),
        (
            "executable",
            Sample {
                entry_point: 0x2000,
                ..good()
            },
            "entry point 0x2000",
        ),
        (
            "native-subsystem",
            Sample {
                subsystem: 3,
                ..good()
            },
            "subsystem 3",
        ),
        (
            "section-attributes",
            section(2, ".retplne", 0x0800_0000),
            "section .retplne has flags 0x08000000",
        ),
        (
            "write-xor-execute",
            section(2, ".data", 0xE800_0020),
            "section .data",
        ),
        (
            "section-alignment",
            Sample {
                section_alignment: 512,
                ..good()
            },
            "512",
        ),
        (
            "not-paged",
            section(2, ".data", 0xC000_0040),
            "section .data has flags 0xc0000040",
        ),
        (
            "init-discardable",
            section(0, "INIT", 0x6000_0020),
            "section INIT",
        ),
        (
            "relocations",
            Sample {
                relocations: false,
                ..good()
            },
            "cannot be relocated",
        ),
        (
            "relocations",
            Sample {
                file_characteristics: 0x23,
                ..good()
            },
            "cannot be relocated",
        ),
        ("nx-compat", without(0x0100), "0x00e0"),
        ("dynamic-base", without(0x0040), "0x01a0"),
        ("high-entropy-va", without(0x0020), "0x01c0"),
        ("force-integrity", without(0x0080), "0x0160"),
        (
            "imports",
            Sample {
                imports: vec![("ntdll.dll", vec!["RtlFoo"])],
                ..good()
            },
            "ntdll.dll is imported (RtlFoo)",
        ),
        (
            "imports",
            Sample {
                imports: vec![("hal.dll", vec!["#7"])],
                ..good()
            },
            "#7 of hal.dll is imported by number",
        ),
        (
            "imports",
            Sample {
                directory: Some((1, 0x9000, 40)),
                ..good()
            },
            "the import table lies outside",
        ),
        (
            "no-late-imports",
            Sample {
                directory: Some((13, 0x2000, 40)),
                ..good()
            },
            "DelayImport",
        ),
        (
            "no-late-imports",
            Sample {
                directory: Some((9, 0x2000, 40)),
                ..good()
            },
            "Tls",
        ),
        (
            "exports",
            Sample {
                exports: vec!["DriverEntry", "_fltused"],
                ..good()
            },
            "_fltused is exported",
        ),
        (
            "pdb-name",
            Sample {
                pdb: r"C:\work\card.pdb",
                ..good()
            },
            r"C:\work\card.pdb",
        ),
        (
            "forbidden-bytes",
            Sample {
                mark: b"xBUILT-TO-FAILx",
                ..good()
            },
            "BUILT-TO-FAIL",
        ),
    ];
    let mut seen = vec!["checksum"];
    for (rule, sample, part) in cases {
        let found = violations(&sample.build());
        let ids: Vec<&str> = found.iter().map(|violation| violation.rule.id).collect();
        assert_eq!(ids, [rule], "{found:?}");
        assert!(found[0].found.contains(part), "{} lacks {part}", found[0]);
        seen.push(rule);
    }
    for rule in super::rules::ALL {
        assert!(seen.contains(&rule.id), "no case breaks {}", rule.id);
    }
}

#[test]
fn any_changed_byte_breaks_the_checksum_or_the_headers() {
    let good = Sample::default().build();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        if let Ok(image) = Image::parse(&bytes) {
            let ids: Vec<&str> = check(&image, &RULES)
                .iter()
                .map(|violation| violation.rule.id)
                .collect();
            assert!(ids.contains(&"checksum"), "byte {at}: {ids:?}");
        }
    }
}

#[test]
fn sealing_does_what_link_exe_does() {
    let linked = Sample {
        sections: vec![
            (".text", 0x6000_0020),
            (".rdata", 0x4000_0040),
            (".data", 0xC000_0040),
            (".reloc", 0x4200_0040),
            ("PAGE", 0x6000_0020),
            ("INIT", 0x6000_0020),
        ],
        exports: vec!["DriverEntry", "_fltused"],
        ..Sample::default()
    }
    .build();
    assert_ne!(violations(&linked), []);
    let sealed = seal(linked).unwrap();
    assert_eq!(violations(&sealed), []);
    let image = Image::parse(&sealed).unwrap();
    let flags: Vec<u32> = image
        .sections()
        .iter()
        .map(|section| section.characteristics)
        .collect();
    assert_eq!(
        flags,
        [
            0x6800_0020,
            0x4800_0040,
            0xC800_0040,
            0x4200_0040,
            0x6000_0020,
            0x6200_0020
        ]
    );
    assert_eq!(image.exports().unwrap(), [""; 0]);
    assert_eq!(
        seal(sealed.clone()).unwrap(),
        sealed,
        "sealing twice changes nothing"
    );
}

#[test]
fn page_hashes_span_headers_and_sections() {
    let bytes = Sample::default().build();
    let image = Image::parse(&bytes).unwrap();
    let table = page_hashes(&image).unwrap();
    let offsets: Vec<u32> = table
        .chunks(36)
        .map(|entry| u32::from_le_bytes(entry[..4].try_into().unwrap()))
        .collect();
    assert_eq!(
        offsets,
        [0, 0x400, 0xA00, 0x1000, 0x1600, bytes.len() as u32]
    );
    assert_eq!(table[table.len() - 32..], [0; 32]);
}

#[test]
fn what_is_not_an_image_says_why() {
    let good = Sample::default().build();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (bytes, part) in [
        (vec![], "MZ"),
        (good[..62].to_vec(), "DOS header"),
        (good[..0x80].to_vec(), "PE signature"),
        (good[..0xF0].to_vec(), "optional header"),
        (good[..0x190].to_vec(), "section table"),
        (
            good[..0x500].to_vec(),
            "section .text ends outside the file",
        ),
        (changed(0x98, 0x0C), "PE32+"),
        (changed(0x98 + 108, 17), "data directories"),
        (changed(0x98 + 61, 0), "SizeOfHeaders"),
        (changed(0x188 + 13, 0), "overlaps"),
        (changed(0x98 + 112 + 8 * 4 + 4, 8), "certificate table"),
    ] {
        let error = Image::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error} lacks {part}");
    }
}

#[test]
fn damaged_images_never_panic() {
    use proptest::prelude::*;
    let good = Sample {
        exports: vec!["DriverEntry"],
        ..Sample::default()
    }
    .build();
    proptest!(|(changes in proptest::collection::vec((0..good.len(), any::<u8>()), 1..8), cut in 0..good.len())| {
        let mut bytes = good.clone();
        changes.iter().for_each(|&(at, byte)| bytes[at] = byte);
        bytes.truncate(good.len() - cut * usize::from(cut % 3 == 0));
        if let Ok(image) = Image::parse(&bytes) {
            check(&image, &RULES);
            image_digest(&image);
            let _ = page_hashes(&image);
        }
    });
}
