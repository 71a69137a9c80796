//! Reading a catalog whose signature is good, and asking whether it covers a file.

use super::{CATALOG_LIST, CATALOG_LIST_MEMBER2, CTL, MEMBER_INFO2, Member, NAME_VALUE};
use crate::UnixTime;
use crate::asn1::{Element, Reader, tag};
use crate::cert::{Certificate, Trust};
use crate::cms::{self, SignatureError};
use crate::spc::{self, INDIRECT_DATA, Subject};

/// A catalog whose signature is good.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Who signed it.
    pub signer: Certificate,
    /// When, as a time stamp authority says.
    pub time_stamp: Option<UnixTime>,
    /// How many files it lists by SHA-1 as well, as Microsoft's catalogs do. They vouch for nothing here.
    pub sha1_members: usize,
    /// The files it lists.
    pub members: Vec<Member>,
    /// Its own attributes, such as `OS` and `HWID1`, by name.
    pub attributes: Vec<(String, String)>,
}

/// Checks a catalog's signature and reads it.
///
/// # Errors
/// Says what is wrong with its form, its signature or its signer.
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Catalog, SignatureError> {
    let verified = cms::verify(bytes, CTL, trust)?;
    read(&verified.content, verified.signer, verified.time_stamp)
}

/// Reads a catalog without judging its signature.
pub(crate) fn claimed(bytes: &[u8]) -> Result<Catalog, SignatureError> {
    let (content, signer) = cms::claimed(bytes, CTL)?;
    read(&content, signer, None)
}

fn read(
    content: &[u8],
    signer: Certificate,
    time_stamp: Option<UnixTime>,
) -> Result<Catalog, SignatureError> {
    let mut list = Reader::whole(content, tag::SEQUENCE, "the list")?.reader();
    let usage = list.next(tag::SEQUENCE, "the list's usage")?;
    if Reader::whole(usage.content, tag::OID, "the list's usage")?.as_oid()? != CATALOG_LIST {
        return Err(SignatureError("the signed list is not a catalog".into()));
    }
    list.next(tag::OCTET_STRING, "the list's identifier")?;
    list.next(tag::UTC_TIME, "the list's time")?;
    let version = list
        .next(tag::SEQUENCE, "the list's version")?
        .reader()
        .next(tag::OID, "the list's version")?
        .as_oid()?;
    if version != CATALOG_LIST_MEMBER2 {
        return Err(SignatureError(format!(
            "members of type {version}; only version 2 ({CATALOG_LIST_MEMBER2}) is known here"
        )));
    }
    let members = list.next(tag::SEQUENCE, "the members")?.reader().rest(
        tag::SEQUENCE,
        false,
        "the members",
    )?;
    let count = members.len();
    let members = members
        .into_iter()
        .filter_map(|member| read_member(member).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let attributes = match list.optional(tag::context(0), "the list's attributes")? {
        Some(attributes) => read_attributes(attributes)?,
        None => Vec::new(),
    };
    list.finish("the list")?;
    Ok(Catalog {
        signer,
        time_stamp,
        sha1_members: count - members.len(),
        members,
        attributes,
    })
}

impl Catalog {
    /// Which Windows it says it is for, each as `_v100_X64_VB`: its attribute `OS`.
    pub fn systems(&self) -> Vec<String> {
        let os = self.attributes.iter().filter(|(name, _)| name == "OS");
        os.flat_map(|(_, value)| value.split(','))
            .map(str::to_owned)
            .collect()
    }

    /// Checks that the catalog lists this content, under any name: other programs write no names, and no page hashes.
    pub(crate) fn lists(&self, file: &Member) -> Result<(), String> {
        let same = |member: &Member| {
            member.digest == file.digest
                && match (&member.subject, &file.subject) {
                    (Subject::Flat, Subject::Flat) => true,
                    (
                        Subject::Image {
                            page_hashes: listed,
                        },
                        Subject::Image { page_hashes },
                    ) => listed.is_none() || listed == page_hashes,
                    _ => false,
                }
        };
        if self.members.iter().any(same) {
            return Ok(());
        }
        self.covers(file)
    }

    /// Checks that the catalog lists a file under this name with this content. `file` is what [`Member::flat`] or
    /// [`Member::image`] say about the file at hand.
    ///
    /// # Errors
    /// Says whether the file is unknown, or known with other content.
    pub fn covers(&self, file: &Member) -> Result<(), String> {
        let named = |member: &&Member| member.name.eq_ignore_ascii_case(&file.name);
        let same = |member: &Member| member.digest == file.digest && member.subject == file.subject;
        match self.members.iter().find(named) {
            Some(member) if same(member) => Ok(()),
            Some(member) if member.digest == file.digest => {
                Err("it is listed with other page hashes or as another kind of file".into())
            }
            Some(member) => Err(format!(
                "its digest is {}, the catalog lists {}",
                file.digest, member.digest
            )),
            None => {
                let names: Vec<&str> = self
                    .members
                    .iter()
                    .map(|member| member.name.as_str())
                    .collect();
                Err(format!("the catalog lists only {}", names.join(", ")))
            }
        }
    }
}

/// A member; `None` for one that is listed by its SHA-1, which says no more about it.
fn read_member(member: Element) -> Result<Option<Member>, String> {
    let mut fields = member.reader();
    let digest = fields.next(tag::OCTET_STRING, "a member's digest")?.content;
    let attributes = fields
        .next(tag::SET, "a member's attributes")?
        .reader()
        .rest(tag::SEQUENCE, true, "a member's attributes")?;
    fields.finish("a member")?;
    let (mut name, mut data, mut info) = (None, None, false);
    for attribute in attributes {
        let mut fields = attribute.reader();
        let id = fields.next(tag::OID, "a member's attribute")?.as_oid()?;
        let value = fields
            .next(tag::SET, "a member's attribute")?
            .reader()
            .any("a member's attribute")?;
        fields.finish("a member's attribute")?;
        match id {
            NAME_VALUE => {
                let (key, value) = read_name_value(value.whole)?;
                if key == "File" {
                    name = Some(value);
                }
            }
            INDIRECT_DATA => data = Some(spc::read(value.whole)?),
            MEMBER_INFO2 => info = true,
            _ => {}
        }
    }
    if digest.len() == 20 && data.is_none() {
        return Ok(None);
    }
    let (subject, stated) = data.ok_or("a member has no digest attribute")?;
    if stated.0 != digest || !info {
        return Err("a member's tag is not its digest, or it lacks member info".into());
    }
    Ok(Some(Member {
        name: name.unwrap_or_default(),
        digest: stated,
        subject,
    }))
}

fn read_attributes(attributes: Element) -> Result<Vec<(String, String)>, String> {
    let list = Reader::whole(attributes.content, tag::SEQUENCE, "the list's attributes")?;
    let mut result = Vec::new();
    for attribute in list
        .reader()
        .rest(tag::SEQUENCE, false, "the list's attributes")?
    {
        let mut fields = attribute.reader();
        let id = fields
            .next(tag::OID, "an attribute of the list")?
            .as_oid()?;
        let value = fields.next(tag::OCTET_STRING, "an attribute of the list")?;
        if id == NAME_VALUE {
            result.push(read_name_value(value.content)?);
        }
    }
    Ok(result)
}

fn read_name_value(bytes: &[u8]) -> Result<(String, String), String> {
    const WHAT: &str = "a name and value";
    let mut fields = Reader::whole(bytes, tag::SEQUENCE, WHAT)?.reader();
    let name = fields.next(tag::BMP_STRING, WHAT)?.content;
    fields.next(tag::INTEGER, WHAT)?;
    let value = fields.next(tag::OCTET_STRING, WHAT)?.content;
    fields.finish(WHAT)?;
    let text = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
            .trim_end_matches('\0')
            .to_owned()
    };
    Ok((
        text(name, u16::from_be_bytes),
        text(value, u16::from_le_bytes),
    ))
}
