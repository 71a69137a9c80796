//! Making a catalog and signing it.

use super::{CATALOG_LIST, CATALOG_LIST_MEMBER2, CTL, MEMBER_INFO2, Member, NAME_VALUE};
use crate::asn1::{constructed, element, integer, null, oid, sequence, set_of, tag};
use crate::cert::Signer;
use crate::cms::{self, SignatureError};
use crate::spc::{self, INDIRECT_DATA, Place, Subject};
use crate::{Date, UnixTime};

/// What goes into a catalog. The same specification gives the same bytes.
#[derive(Clone, Debug)]
pub struct CatalogSpec<'a> {
    /// Identifies the list; derive it from the inputs.
    pub list_id: [u8; 16],
    /// When the list was made, UTC, years 1970 to 2049.
    pub time: UnixTime,
    /// Which Windows it is for, as Inf2Cat names it: `_v100_X64_VB`.
    pub os: &'a str,
    /// Which Windows versions a member is good for: `2:10.0`.
    pub os_attribute: &'a str,
    /// The hardware ids in the package's INF.
    pub hardware_ids: &'a [String],
    /// The files.
    pub members: &'a [Member],
}

/// `CRYPTCAT_ATTR_AUTHENTICATED | CRYPTCAT_ATTR_DATAASCII | CRYPTCAT_ATTR_NAMEASCII` (mscat.h).
const NAME_VALUE_FLAGS: u32 = 0x1001_0001;

/// The catalog before it is signed, as makecat leaves it.
pub fn unsigned(spec: &CatalogSpec) -> Vec<u8> {
    let mut members: Vec<&Member> = spec.members.iter().collect();
    members.sort_by_key(|member| member.digest);
    members.dedup_by_key(|member| member.digest);
    let members: Vec<Vec<u8>> = members
        .into_iter()
        .map(|member| write_member(member, spec.os_attribute))
        .collect();
    let list = sequence([
        sequence([oid(CATALOG_LIST)]),
        element(tag::OCTET_STRING, spec.list_id),
        element(tag::UTC_TIME, utc_time(spec.time)),
        sequence([oid(CATALOG_LIST_MEMBER2), null()]),
        element(tag::SEQUENCE, members.concat()),
        constructed(
            tag::context(0),
            [element(tag::SEQUENCE, extensions(spec).concat())],
        ),
    ]);
    cms::unsigned(CTL, &list)
}

/// Signs a catalog.
///
/// # Errors
/// Something that is not an unsigned catalog: a catalog must not be signed twice.
pub fn sign(unsigned: &[u8], signer: &Signer) -> Result<Vec<u8>, SignatureError> {
    cms::sign(CTL, &cms::read_unsigned(unsigned, CTL)?, signer)
}

fn write_member(member: &Member, os_attribute: &str) -> Vec<u8> {
    // Member info of version 2 is a bare tag: [0] for an image, [2] for a flat file.
    let info = match member.subject {
        Subject::Image { .. } => element(tag::context_primitive(0), []),
        Subject::Flat => element(tag::context_primitive(2), []),
    };
    let attribute = |id, value| sequence([oid(id), constructed(tag::SET, [value])]);
    let attributes = vec![
        attribute(MEMBER_INFO2, info),
        attribute(NAME_VALUE, name_value("File", &member.name)),
        attribute(NAME_VALUE, name_value("OSAttr", os_attribute)),
        attribute(
            INDIRECT_DATA,
            spc::write(&member.subject, member.digest, Place::Catalog),
        ),
    ];
    sequence([
        element(tag::OCTET_STRING, member.digest.0),
        set_of(tag::SET, attributes),
    ])
}

/// The list's own attributes: the systems, and the hardware ids counted from 1, the last one first.
fn extensions(spec: &CatalogSpec) -> Vec<Vec<u8>> {
    let extension = |name: &str, value: &str| {
        sequence([
            oid(NAME_VALUE),
            element(tag::OCTET_STRING, name_value(name, value)),
        ])
    };
    let mut result = vec![extension("OS", spec.os)];
    for (index, id) in spec.hardware_ids.iter().enumerate().rev() {
        result.push(extension(
            &format!("HWID{}", index + 1),
            &id.to_ascii_lowercase(),
        ));
    }
    result
}

/// `CatalogNameValue`: the name in big-endian UCS-2, the value in little-endian with a NUL.
fn name_value(name: &str, value: &str) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let value: Vec<u8> = value
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect();
    sequence([
        element(tag::BMP_STRING, name),
        integer(NAME_VALUE_FLAGS),
        element(tag::OCTET_STRING, value),
    ])
}

fn utc_time(time: UnixTime) -> String {
    let Date { year, month, day } = time.date();
    let second = time.0 % 86_400;
    format!(
        "{:02}{month:02}{day:02}{:02}{:02}{:02}Z",
        year % 100,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}
