//! Where two images differ, said as a field of a header or a place in a section.
//!
//! A linker that was asked for the same bytes every time writes hashes of the whole image into it (time stamps, the PDB's identifier),
//! and the checksum follows from everything. So what the rest follows from is looked at first.

use std::ops::Range;

use super::image::{Directory, Image, PeError, read};

/// The difference that the others are likely to follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field or the section, with both values or the place.
    pub what: String,
    /// Where in memory, relative to the image base, when it lies in a section: symbols are found by it.
    pub address: Option<u32>,
    /// Where in the file.
    pub at: usize,
}

/// Fields of the headers: name, offset from the PE signature, bytes. Source: Microsoft, "PE Format".
const FIELDS: &[(&str, usize, usize)] = &[
    ("Machine", 4, 2),
    ("NumberOfSections", 6, 2),
    ("Characteristics", 22, 2),
    ("Magic", 24, 2),
    ("LinkerVersion", 26, 2),
    ("SizeOfCode", 28, 4),
    ("SizeOfInitializedData", 32, 4),
    ("SizeOfUninitializedData", 36, 4),
    ("AddressOfEntryPoint", 40, 4),
    ("BaseOfCode", 44, 4),
    ("ImageBase", 48, 8),
    ("SectionAlignment", 56, 4),
    ("FileAlignment", 60, 4),
    ("OperatingSystemVersion", 64, 4),
    ("ImageVersion", 68, 4),
    ("SubsystemVersion", 72, 4),
    ("SizeOfImage", 80, 4),
    ("SizeOfHeaders", 84, 4),
    ("Subsystem", 92, 2),
    ("DllCharacteristics", 94, 2),
];

/// Those that follow from everything else.
const FOLLOWING: &[(&str, usize, usize)] = &[("TimeDateStamp", 8, 4), ("CheckSum", 88, 4)];

/// The first difference; `None` when the files are equal.
///
/// # Errors
/// A file that is no image.
pub fn difference(one: &[u8], two: &[u8]) -> Result<Option<Difference>, PeError> {
    if one == two {
        return Ok(None);
    }
    let (one, two) = (Image::parse(one)?, Image::parse(two)?);
    let found = sections(&one, &two)
        .or_else(|| content(&one, &two))
        .or_else(|| fields(&one, &two, FIELDS))
        .or_else(|| directories(&one, &two))
        .or_else(|| debug(&one, &two))
        .or_else(|| fields(&one, &two, FOLLOWING))
        .or_else(|| certificates(&one, &two));
    Ok(Some(found.unwrap_or_else(|| rest(&one, &two))))
}

/// Another number, name or size of sections.
fn sections(one: &Image<'_>, two: &Image<'_>) -> Option<Difference> {
    let names = |image: &Image<'_>| {
        let names: Vec<&str> = image
            .sections()
            .iter()
            .map(|section| section.name.as_str())
            .collect();
        names.join(" ")
    };
    if names(one) != names(two) {
        return Some(Difference {
            what: format!("the sections: {} or {}", names(one), names(two)),
            address: None,
            at: one.header(),
        });
    }
    // Shorter code moves everything behind it, so the code itself says more than its size; but only the same code has an address.
    one.sections().iter().zip(two.sections()).find_map(|(one_section, two_section)| {
        let (a, b) = (one_section, two_section);
        let differ = (a.virtual_size, a.characteristics) != (b.virtual_size, b.characteristics);
        differ.then(|| {
            let first = bytes_of(one, &a.file).zip(bytes_of(two, &b.file)).position(|(a, b)| a != b);
            let place = first.map_or(a.address, |at| a.address + at as u32);
            Difference {
                what: format!(
                    "section {}: {} or {} bytes, flags {:#010x} or {:#010x}; the first other byte is at {place:#x}",
                    a.name, a.virtual_size, b.virtual_size, a.characteristics, b.characteristics
                ),
                address: Some(place),
                at: a.file.start + first.unwrap_or(0),
            }
        })
    })
}

fn bytes_of<'a>(image: &Image<'a>, range: &Range<usize>) -> impl Iterator<Item = &'a u8> {
    image.bytes()[range.clone()].iter()
}

/// The bytes of the sections, without what the debug directory points at.
fn content(one: &Image<'_>, two: &Image<'_>) -> Option<Difference> {
    let passed_over = [debug_ranges(one), debug_ranges(two)].concat();
    one.sections()
        .iter()
        .zip(two.sections())
        .find_map(|(a, b)| {
            let pairs = bytes_of(one, &a.file)
                .zip(bytes_of(two, &b.file))
                .enumerate();
            let mut other = pairs
                .filter(|(_, (one, two))| one != two)
                .map(|(at, _)| a.file.start + at);
            let at = other.find(|at| !passed_over.iter().any(|range| range.contains(at)))?;
            let address = a.address + (at - a.file.start) as u32;
            Some(Difference {
                what: format!("section {} at {address:#x}: {}", a.name, both(one, two, at)),
                address: Some(address),
                at,
            })
        })
}

/// The debug directory's entries and what they point at, in the file.
fn debug_ranges(image: &Image<'_>) -> Vec<Range<usize>> {
    let directory = image.directory(Directory::Debug);
    let Some(section) = image.sections().iter().find(|section| {
        (section.address..section.address.saturating_add(section.file.len() as u32))
            .contains(&directory.start)
    }) else {
        return Vec::new();
    };
    let start = section.file.start + (directory.start - section.address) as usize;
    let entries = start..start.saturating_add(directory.len());
    let mut ranges = Vec::from([entries.clone()]);
    for at in entries.step_by(28) {
        let field =
            |offset| read(image.bytes(), at + offset).map_or(0, u32::from_le_bytes) as usize;
        let (size, pointer) = (field(16), field(24));
        ranges.push(pointer..pointer.saturating_add(size));
    }
    ranges
}

fn debug(one: &Image<'_>, two: &Image<'_>) -> Option<Difference> {
    let (a, b) = (one.pdb_name(), two.pdb_name());
    let at = debug_ranges(one)
        .into_iter()
        .flatten()
        .find(|at| one.bytes().get(*at) != two.bytes().get(*at))?;
    let what = if a == b {
        "the PDB's identifier in the debug directory: the symbols differ, the code does not"
            .to_owned()
    } else {
        format!("the PDB's name in the debug directory: {a:?} or {b:?}")
    };
    Some(Difference {
        what,
        address: None,
        at,
    })
}

fn fields(one: &Image<'_>, two: &Image<'_>, fields: &[(&str, usize, usize)]) -> Option<Difference> {
    let value = |image: &Image<'_>, at: usize, size: usize| {
        let bytes = image.bytes().get(image.header() + at..).unwrap_or_default();
        bytes
            .iter()
            .take(size)
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
    };
    fields.iter().find_map(|(name, at, size)| {
        let (a, b) = (value(one, *at, *size), value(two, *at, *size));
        (a != b).then(|| Difference {
            what: format!("header field {name}: {a:#x} or {b:#x}"),
            address: None,
            at: one.header() + at,
        })
    })
}

fn directories(one: &Image<'_>, two: &Image<'_>) -> Option<Difference> {
    use Directory::{BoundImport, Debug, DelayImport, Export, Import, Relocation, Tls};
    let all = [
        Export,
        Import,
        Relocation,
        Debug,
        Tls,
        BoundImport,
        DelayImport,
    ];
    all.into_iter().find_map(|directory| {
        let (a, b) = (one.directory(directory), two.directory(directory));
        (a != b).then(|| Difference {
            what: format!("data directory {directory:?}: {a:#x?} or {b:#x?}"),
            address: None,
            at: one.directory_at(directory).unwrap_or(0),
        })
    })
}

fn certificates(one: &Image<'_>, two: &Image<'_>) -> Option<Difference> {
    let (a, b) = (one.certificate_table(), two.certificate_table());
    (a != b).then(|| Difference {
        what: format!(
            "the signatures, of {} and {} bytes; the rest is equal",
            a.len(),
            b.len()
        ),
        address: None,
        at: one.bytes().len() - a.len(),
    })
}

/// Headers that no field above names, padding, data behind the sections.
fn rest(one: &Image<'_>, two: &Image<'_>) -> Difference {
    let (a, b) = (one.bytes(), two.bytes());
    let first = a.iter().zip(b).position(|(a, b)| a != b);
    let at = first.unwrap_or(a.len().min(b.len()));
    let what = match first {
        Some(_) => format!(
            "offset {at:#x}, outside sections and known fields: {}",
            both(one, two, at)
        ),
        None => format!("the length: {} or {} bytes", a.len(), b.len()),
    };
    Difference {
        what,
        address: None,
        at,
    }
}

/// A few bytes of each.
fn both(one: &Image<'_>, two: &Image<'_>, at: usize) -> String {
    let hex = |image: &Image<'_>| {
        let bytes = image.bytes().get(at..).unwrap_or_default();
        let bytes: Vec<String> = bytes
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        bytes.join(" ")
    };
    format!("{} or {}", hex(one), hex(two))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    #[track_caller]
    fn check(two: &[u8], expect: &str, address: Option<u32>) {
        let found = difference(&Sample::default().build(), two).unwrap();
        let found = found.unwrap_or_else(|| panic!("no difference instead of {expect:?}"));
        assert!(
            found.what.contains(expect),
            "{found:?} does not say {expect:?}"
        );
        assert_eq!(found.address, address, "{found:?}");
    }

    /// The sample with bytes put in.
    fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut image = Sample::default().build();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        image
    }

    #[test]
    fn equal_images_do_not_differ() {
        let image = Sample::default().build();
        assert_eq!(difference(&image, &image).unwrap(), None);
        assert!(difference(&image, b"x").is_err());
    }

    #[test]
    fn each_kind_of_difference_has_its_words() {
        check(
            &with(0x88, &[1, 2, 3, 4]),
            "header field TimeDateStamp: 0x0 or 0x4030201",
            None,
        );
        check(
            &with(0x98 + 64, &[1, 2, 3, 4]),
            "header field CheckSum",
            None,
        );
        check(&with(0x98 + 24, &[7]), "header field ImageBase", None);
        check(
            &with(0x98 + 112 + 11 * 8, &[1, 0, 0, 0, 1]),
            "data directory BoundImport",
            None,
        );
        check(
            &Sample {
                pdb: "cart.pdb",
                ..Sample::default()
            }
            .build(),
            "\"card.pdb\") or Some(\"cart.pdb\")",
            None,
        );
        check(&with(0x40, b"stub"), "offset 0x40, outside sections", None);
        let mut longer = Sample::default().build();
        longer.push(0);
        check(&longer, "the length", None);
        let renamed = Sample {
            sections: vec![
                (".code", 0x6800_0020),
                (".rdata", 0x4800_0040),
                (".data", 0xC800_0040),
                (".reloc", 0x4200_0040),
            ],
            ..Sample::default()
        };
        check(
            &renamed.build(),
            "the sections: .text .rdata .data .reloc or .code",
            None,
        );
        check(&with(0x188 + 36, &[0x21]), "section .text", Some(0x1000));
    }

    #[test]
    fn code_comes_before_what_follows_from_it() {
        let text = 0x400;
        let mut image = with(text + 0x10, &[0xCC, 0xCD]);
        image[0x88..0x8C].copy_from_slice(&[9; 4]);
        check(&image, "section .text at 0x1010: ", Some(0x1010));
    }
}
