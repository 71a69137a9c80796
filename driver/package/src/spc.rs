//! `SpcIndirectDataContent`: what a signature or a catalog says about a file instead of containing it.
//!
//! Source: Microsoft, "Windows Authenticode Portable Executable Signature Format"; the page-hash object and the empty file
//! link as in catalogs that makecat of Windows 10 writes.

use der::asn1::ObjectIdentifier;

use crate::Sha256Digest;
use crate::asn1::{Reader, constructed, element, oid, sequence, tag};
use crate::cms::{read_sha256, sha256_algorithm};

/// `SPC_INDIRECT_DATA_OBJID`
pub(crate) const INDIRECT_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");
/// `SPC_PE_IMAGE_DATA_OBJID`: the digest is an image's.
const PE_IMAGE_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15");
/// `SPC_CAB_DATA_OBJID`: the digest is a cabinet's; in catalogs, that of all bytes.
const FLAT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.25");
/// `SPC_PE_IMAGE_PAGE_HASHES_V2`: page hashes with SHA-256.
const PAGE_HASHES_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.3.2");
/// Class of the serialized object that holds page hashes.
const PAGE_HASH_CLASS: [u8; 16] = [
    0xA6, 0xB5, 0x86, 0xD5, 0xB4, 0xA1, 0x24, 0x66, 0xAE, 0x05, 0xA2, 0x17, 0xDA, 0x8E, 0x60, 0xD6,
];

/// What a digest was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Every byte of a file, or of a cabinet but what signing changes.
    Flat,
    /// An image without its signature, with its page hashes where wanted.
    Image {
        /// The table of [`crate::pe::page_hashes`].
        page_hashes: Option<Vec<u8>>,
    },
}

/// Where an image's data stands: the two write different flags.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// In the file's own signature, as signtool writes it.
    Signature,
    /// In a catalog, as makecat writes it: `includeResources` and `includeImportAddressTable`.
    Catalog,
}

/// The structure for a file.
pub(crate) fn write(subject: &Subject, digest: Sha256Digest, place: Place) -> Vec<u8> {
    let data = match subject {
        Subject::Flat => sequence([
            oid(FLAT_DATA),
            match place {
                Place::Signature => obsolete_file(),
                Place::Catalog => no_file(),
            },
        ]),
        Subject::Image { page_hashes } => {
            let flags = match place {
                Place::Signature => element(tag::BIT_STRING, [0]),
                Place::Catalog => element(tag::BIT_STRING, [5, 0xA0]),
            };
            let link = page_hashes
                .as_ref()
                .map_or_else(no_file, |table| page_hash_object(table));
            sequence([
                oid(PE_IMAGE_DATA),
                sequence([flags, constructed(tag::context(0), [link])]),
            ])
        }
    };
    sequence([
        data,
        sequence([sha256_algorithm(), element(tag::OCTET_STRING, digest.0)]),
    ])
}

/// `SpcLink` to a file with an empty name.
fn no_file() -> Vec<u8> {
    constructed(tag::context(2), [element(tag::context_primitive(0), [])])
}

/// `SpcLink` to a file of the name that signatures of cabinets carry.
fn obsolete_file() -> Vec<u8> {
    let name: Vec<u8> = "<<<Obsolete>>>"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    constructed(tag::context(2), [element(tag::context_primitive(0), name)])
}

/// `SpcLink` to a serialized object with the page hashes.
fn page_hash_object(table: &[u8]) -> Vec<u8> {
    let values = constructed(tag::SET, [element(tag::OCTET_STRING, table)]);
    let data = constructed(tag::SET, [sequence([oid(PAGE_HASHES_V2), values])]);
    constructed(
        tag::context(1),
        [
            element(tag::OCTET_STRING, PAGE_HASH_CLASS),
            element(tag::OCTET_STRING, data),
        ],
    )
}

/// Reads the structure. Only the forms that [`write`] makes are accepted, and the older file link `<<<Obsolete>>>`.
pub(crate) fn read(bytes: &[u8]) -> Result<(Subject, Sha256Digest), String> {
    let mut fields = Reader::whole(bytes, tag::SEQUENCE, "the indirect data")?.reader();
    let mut data = fields
        .next(tag::SEQUENCE, "the indirect data's type")?
        .reader();
    let mut digest = fields.next(tag::SEQUENCE, "the indirect digest")?.reader();
    fields.finish("the indirect data")?;
    read_sha256(&mut digest, "the indirect digest's algorithm")?;
    let value = digest
        .next(tag::OCTET_STRING, "the indirect digest")?
        .content;
    digest.finish("the indirect digest")?;
    let value = Sha256Digest(
        value
            .try_into()
            .map_err(|_| "the indirect digest is not a SHA-256")?,
    );
    let kind = data.next(tag::OID, "the indirect data's type")?.as_oid()?;
    let subject = match kind {
        FLAT_DATA => {
            data.any("the file link")?;
            Subject::Flat
        }
        PE_IMAGE_DATA => {
            let mut image = data.next(tag::SEQUENCE, "the image data")?.reader();
            image.next(tag::BIT_STRING, "the image data's flags")?;
            let link = image.next(tag::context(0), "the image data's link")?;
            image.finish("the image data")?;
            Subject::Image {
                page_hashes: read_page_hashes(link.content)?,
            }
        }
        other => return Err(format!("the indirect data's type {other} is unknown")),
    };
    data.finish("the indirect data's type")?;
    Ok((subject, value))
}

fn read_page_hashes(link: &[u8]) -> Result<Option<Vec<u8>>, String> {
    const WHAT: &str = "the page hashes";
    let mut reader = Reader::new(link);
    let Some(object) = reader.optional(tag::context(1), WHAT)? else {
        return Ok(None);
    };
    reader.finish(WHAT)?;
    let mut fields = object.reader();
    let class = fields.next(tag::OCTET_STRING, WHAT)?.content;
    let data = fields.next(tag::OCTET_STRING, WHAT)?.content;
    fields.finish(WHAT)?;
    let mut attribute = Reader::whole(
        Reader::whole(data, tag::SET, WHAT)?.content,
        tag::SEQUENCE,
        WHAT,
    )?
    .reader();
    let kind = attribute.next(tag::OID, WHAT)?.as_oid()?;
    let values = attribute.next(tag::SET, WHAT)?.content;
    attribute.finish(WHAT)?;
    if class != PAGE_HASH_CLASS || kind != PAGE_HASHES_V2 {
        return Err("page hashes in a form that is not known here".into());
    }
    Ok(Some(
        Reader::whole(values, tag::OCTET_STRING, WHAT)?
            .content
            .to_owned(),
    ))
}
