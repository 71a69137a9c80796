//! The driver for 64-bit Arm: built, checked, signed and packaged as the one for x64, and read by another reader than the one
//! that checked it. No machine here executes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use object::LittleEndian as LE;
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_FILE_MACHINE_ARM64, IMAGE_REL_BASED_DIR64,
    IMAGE_SUBSYSTEM_NATIVE,
};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, Import, PeFile64};

use crate::rig::{self, Rig, run};

/// What an image imports: `dll!name`.
fn imports(file: &PeFile64) -> BTreeSet<String> {
    let table = file.import_table().expect("readable").expect("imports");
    let mut names = BTreeSet::new();
    let mut dlls = table.descriptors().expect("readable");
    while let Some(dll) = dlls.next().expect("readable") {
        let image = table.name(dll.name.get(LE)).expect("a name");
        let image = String::from_utf8_lossy(image).to_lowercase();
        let thunks = table.thunks(dll.original_first_thunk.get(LE));
        let mut thunks = thunks.expect("readable");
        while let Some(thunk) = thunks
            .next::<object::pe::ImageNtHeaders64>()
            .expect("readable")
        {
            match table.import::<object::pe::ImageNtHeaders64>(thunk) {
                Ok(Import::Name(_, name)) => {
                    names.insert(format!("{image}!{}", String::from_utf8_lossy(name)));
                }
                other => panic!("{image} by {other:?}"),
            }
        }
    }
    names
}

fn image(package: &Path) -> Vec<u8> {
    fs::read(package.join("waverig.sys")).expect("it is in the package")
}

#[test]
fn the_package_for_arm64_is_what_it_says() {
    let rig = Rig::new("arm64");
    rig.xtask(&["package", "--arch", "arm64"])
        .expect(0, &["waverig.sys", "executed nowhere"]);
    let package = rig.folder.join("package-arm64");
    let bytes = image(&package);
    let file = PeFile64::parse(&*bytes).expect("a PE image");
    let headers = file.nt_headers();
    assert_eq!(
        headers.file_header().machine.get(LE),
        IMAGE_FILE_MACHINE_ARM64
    );
    assert_eq!(
        headers.optional_header().subsystem(),
        IMAGE_SUBSYSTEM_NATIVE
    );

    // One source asks the same of the kernel on both architectures.
    let x64 = image(&rig::good_package().join("package"));
    let x64 = PeFile64::parse(&*x64).expect("a PE image");
    assert_eq!(imports(&file), imports(&x64));

    // Every relocation is a whole address in a section.
    let sections = file.section_table();
    let directories = file.data_directories();
    let mut blocks = directories
        .relocation_blocks(&*bytes, &sections)
        .expect("readable")
        .expect("relocations");
    let mut relocations = 0;
    while let Some(block) = blocks.next().expect("readable") {
        for relocation in block {
            assert_eq!(relocation.typ, IMAGE_REL_BASED_DIR64);
            let data = sections.pe_data_at(&*bytes, relocation.virtual_address);
            assert!(data.is_some_and(|data| data.len() >= 8));
            relocations += 1;
        }
    }
    assert!(relocations > 0, "vtables need relocations");

    // Unwind data: two words per function (ARM64 exception handling), in order, each function in the code.
    let pdata = directories
        .get(IMAGE_DIRECTORY_ENTRY_EXCEPTION)
        .expect("unwind data");
    let pdata = pdata.data(&*bytes, &sections).expect("readable");
    let starts: Vec<u32> = pdata
        .chunks_exact(8)
        .map(|entry| u32::from_le_bytes(entry[..4].try_into().expect("four bytes")))
        .collect();
    assert!(
        starts.len() > 50 && starts.is_sorted(),
        "{} functions",
        starts.len()
    );
    let code = sections
        .iter()
        .find(|section| section.raw_name() == b".text")
        .expect("code");
    let (start, size) = (code.virtual_address.get(LE), code.virtual_size.get(LE));
    for function in &starts {
        assert!(
            (start..start + size).contains(function),
            "{function:#x} is no code"
        );
    }

    // Signed, and for arm64 only.
    let inf = fs::read_to_string(package.join("waverig.inf")).expect("it is in the package");
    assert!(inf.contains("NTarm64.10.0...19041") && !inf.contains("amd64"));
    let certificate = rig::root().join("target/certificate/certificate.pem");
    for signed in ["waverig.sys", "waverig.cat"] {
        run(Command::new("osslsigncode")
            .args(["verify", "-CAfile"])
            .arg(&certificate)
            .arg(package.join(signed)))
        .expect(0, &["Succeeded"]);
    }
}

#[test]
fn an_architecture_that_does_not_exist_is_wrong_use() {
    let rig = Rig::new("no-arch");
    rig.xtask(&["build", "--arch", "ia64"]).expect(
        2,
        &["there is no architecture \"ia64\"; there are x64, arm64"],
    );
}
