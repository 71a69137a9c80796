//! The rules an image must keep, by name, with the reason and where it is known from.

use std::fmt;

use super::digest::checksum;
use super::image::{Directory, Image, Section};
use crate::Arch;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name in messages and tests.
    pub id: &'static str,
    /// What is required.
    pub requires: &'static str,
    /// What happens otherwise.
    pub why: &'static str,
    /// Where that is known from.
    pub source: &'static str,
}

/// What the caller decides.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The architecture the image is for.
    pub arch: Arch,
    /// DLLs it may import from; case does not matter.
    pub imports: &'a [&'a str],
    /// Names it may export.
    pub exports: &'a [&'a str],
    /// Byte strings that no image of this kind contains, such as the mark of a deliberate fault.
    pub forbidden: &'a [&'a [u8]],
}

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: &'static Rule,
    /// What was found instead.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule {
            id,
            requires,
            why,
            source,
        } = self.rule;
        write!(
            f,
            "{}; required: {requires}, because {why} (rule {id}; {source})",
            self.found
        )
    }
}

macro_rules! rules {
    ($($name:ident = $id:literal, $requires:literal, $why:literal, $source:literal;)*) => {
        $(const $name: Rule = Rule { id: $id, requires: $requires, why: $why, source: $source };)*
        /// Every rule, for tables.
        #[cfg(test)]
        pub(super) const ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    MACHINE = "machine", "the machine type of the architecture", "Windows refuses an image for another processor", "PE Format, Machine Types";
    EXECUTABLE = "executable", "an executable image with an entry point in executable code", "there is nothing to start otherwise", "PE Format, Characteristics";
    NATIVE = "native-subsystem", "subsystem 1 (native)", "the kernel loads native images only", "PE Format, Windows Subsystem";
    ATTRIBUTES = "section-attributes", "every section is readable and has a content flag", "a section without attributes makes the start fail with error 998", "windows-drivers-rs issue 182: lld keeps .retplne bare";
    WRITE_XOR_EXECUTE = "write-xor-execute", "no section is both writable and executable", "memory integrity (HVCI) refuses the driver", "Implement HVCI-compatible code";
    ALIGNMENT = "section-alignment", "section alignment 4096", "memory integrity protects whole pages", "Implement HVCI-compatible code";
    NOT_PAGED = "not-paged", "resident sections are marked not-paged", "code and data used at DISPATCH_LEVEL must stay in memory; link.exe /DRIVER marks them", "link.exe /DRIVER; PE Format, Section Flags";
    INIT = "init-discardable", "INIT is discardable", "it is only needed while DriverEntry runs; link.exe /DRIVER marks it", "link.exe /DRIVER";
    RELOCATIONS = "relocations", "a relocation directory, and relocations not stripped", "the kernel loads drivers at any address", "PE Format, The .reloc Section";
    NX_COMPAT = "nx-compat", "NX_COMPAT", "data pages are not executable in the kernel", "PE Format, DLL Characteristics";
    DYNAMIC_BASE = "dynamic-base", "DYNAMIC_BASE", "the kernel places drivers at random", "PE Format, DLL Characteristics";
    HIGH_ENTROPY = "high-entropy-va", "HIGH_ENTROPY_VA", "addresses have 64 bits", "PE Format, DLL Characteristics";
    FORCE_INTEGRITY = "force-integrity", "FORCE_INTEGRITY", "some kernel services refuse drivers whose signature is not enforced", "link.exe /INTEGRITYCHECK";
    CHECKSUM = "checksum", "the right checksum", "the kernel refuses a driver with a wrong one", "PE Format, CheckSum";
    IMPORTS = "imports", "imports by name from the allowed DLLs only", "any other import is missing in the kernel or was not meant", "this package's caller";
    NO_LATE_IMPORTS = "no-late-imports", "no bound or delayed imports and no thread-local storage", "the kernel's loader ignores them", "PE Format";
    EXPORTS = "exports", "no exports but the allowed names", "a driver is entered through its header", "this package's caller";
    PDB_NAME = "pdb-name", "the PDB's name without a folder", "the image would depend on where it was built", "link.exe /PDBALTPATH";
    FORBIDDEN = "forbidden-bytes", "none of the forbidden byte strings", "such an image was built to fail on purpose", "this package's caller";
}

const EXECUTABLE_IMAGE: u16 = 0x0002;
const RELOCS_STRIPPED: u16 = 0x0001;
const CONTENT: u32 = 0x0000_00E0;
pub(super) const DISCARDABLE: u32 = 0x0200_0000;
pub(super) const MEM_NOT_PAGED: u32 = 0x0800_0000;
const MEM_EXECUTE: u32 = 0x2000_0000;
const MEM_READ: u32 = 0x4000_0000;
const MEM_WRITE: u32 = 0x8000_0000;

/// Flags of the optional header, each with its rule.
const DLL_CHARACTERISTICS: &[(u16, &Rule)] = &[
    (0x0100, &NX_COMPAT),
    (0x0040, &DYNAMIC_BASE),
    (0x0020, &HIGH_ENTROPY),
    (0x0080, &FORCE_INTEGRITY),
];

/// Whether a section stays in memory: all but `PAGE*`, `INIT` and what is thrown away after loading.
pub(super) fn is_resident(section: &Section) -> bool {
    !section.name.starts_with("PAGE")
        && section.name != "INIT"
        && section.characteristics & DISCARDABLE == 0
}

/// Every rule that is broken; none for an image that Windows loads.
pub fn check(image: &Image, rules: &Rules) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |rule: &'static Rule, found: String| violations.push(Violation { rule, found });
    if image.machine() != rules.arch.machine() {
        add(&MACHINE, format!("machine {:#06x}", image.machine()));
    }
    let entry = image.entry_point();
    let code = |section: &&Section| section.characteristics & MEM_EXECUTE != 0;
    let in_code = image.sections().iter().filter(code).any(|section| {
        (section.address..section.address.saturating_add(section.virtual_size)).contains(&entry)
    });
    if image.file_characteristics() & EXECUTABLE_IMAGE == 0 || !in_code {
        add(
            &EXECUTABLE,
            format!(
                "entry point {entry:#x}, characteristics {:#06x}",
                image.file_characteristics()
            ),
        );
    }
    if image.subsystem() != 1 {
        add(&NATIVE, format!("subsystem {}", image.subsystem()));
    }
    if image.section_alignment() != 4096 {
        add(
            &ALIGNMENT,
            format!("section alignment {}", image.section_alignment()),
        );
    }
    for section in image.sections() {
        check_section(section, &mut add);
    }
    if image.directory(Directory::Relocation).is_empty()
        || image.file_characteristics() & RELOCS_STRIPPED != 0
    {
        add(&RELOCATIONS, "the image cannot be relocated".into());
    }
    for (flag, rule) in DLL_CHARACTERISTICS {
        if image.dll_characteristics() & flag == 0 {
            add(
                rule,
                format!("DLL characteristics {:#06x}", image.dll_characteristics()),
            );
        }
    }
    if image.stated_checksum() != checksum(image) {
        add(
            &CHECKSUM,
            format!(
                "checksum {:#010x} instead of {:#010x}",
                image.stated_checksum(),
                checksum(image)
            ),
        );
    }
    check_names(image, rules, &mut add);
    for bytes in rules.forbidden {
        if !bytes.is_empty()
            && image
                .bytes()
                .windows(bytes.len())
                .any(|window| window == *bytes)
        {
            add(
                &FORBIDDEN,
                format!("the image contains {}", String::from_utf8_lossy(bytes)),
            );
        }
    }
    violations
}

fn check_section(section: &Section, add: &mut impl FnMut(&'static Rule, String)) {
    let Section {
        name,
        characteristics,
        ..
    } = section;
    let found = || format!("section {name} has flags {characteristics:#010x}");
    if characteristics & MEM_READ == 0 || characteristics & CONTENT == 0 {
        add(&ATTRIBUTES, found());
    }
    if characteristics & MEM_WRITE != 0 && characteristics & MEM_EXECUTE != 0 {
        add(&WRITE_XOR_EXECUTE, found());
    }
    if is_resident(section) && characteristics & MEM_NOT_PAGED == 0 {
        add(&NOT_PAGED, found());
    }
    if name == "INIT" && characteristics & DISCARDABLE == 0 {
        add(&INIT, found());
    }
}

fn check_names(image: &Image, rules: &Rules, add: &mut impl FnMut(&'static Rule, String)) {
    match image.imports() {
        Ok(imports) => {
            for import in imports {
                if !rules
                    .imports
                    .iter()
                    .any(|allowed| allowed.eq_ignore_ascii_case(&import.dll))
                {
                    add(
                        &IMPORTS,
                        format!("{} is imported ({})", import.dll, import.names.join(", ")),
                    );
                }
                if let Some(number) = import.names.iter().find(|name| name.starts_with('#')) {
                    add(
                        &IMPORTS,
                        format!("{} of {} is imported by number", number, import.dll),
                    );
                }
            }
        }
        Err(error) => add(&IMPORTS, error.0),
    }
    for directory in [
        Directory::BoundImport,
        Directory::DelayImport,
        Directory::Tls,
    ] {
        if !image.directory(directory).is_empty() {
            add(
                &NO_LATE_IMPORTS,
                format!("the image has a {directory:?} directory"),
            );
        }
    }
    match image.exports() {
        Ok(exports) => {
            let others: Vec<String> = exports
                .into_iter()
                .filter(|name| !rules.exports.contains(&name.as_str()))
                .collect();
            if !others.is_empty() {
                add(&EXPORTS, format!("{} is exported", others.join(", ")));
            }
        }
        Err(error) => add(&EXPORTS, error.0),
    }
    if let Some(name) = image.pdb_name().filter(|name| name.contains(['/', '\\'])) {
        add(&PDB_NAME, format!("the PDB's name is {name}"));
    }
}
