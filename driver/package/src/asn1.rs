//! DER, written and read strictly: definite minimal lengths, sets in order, nothing left over.
//!
//! Authenticode and catalogs use PKCS#7 of 1993 and Microsoft's own structures; both are simple enough to write tag by tag,
//! and strictness is part of what a signature check promises here. Source: ITU-T X.690, sections 8 and 10 to 11.

use der::asn1::ObjectIdentifier;

/// Tags that occur in signatures and catalogs.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1E;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[n]` around other elements.
    pub(crate) const fn context(number: u8) -> u8 {
        0xA0 | number
    }

    /// `[n]` in place of a primitive element's own tag.
    pub(crate) const fn context_primitive(number: u8) -> u8 {
        0x80 | number
    }
}

/// One element.
pub(crate) fn element(tag: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..=0x7F => bytes.push(short as u8),
        long => {
            let digits = long.to_be_bytes();
            let digits = &digits[long.leading_zeros() as usize / 8..];
            bytes.push(0x80 | digits.len() as u8);
            bytes.extend_from_slice(digits);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// An element of elements in the given order.
pub(crate) fn constructed<const N: usize>(tag: u8, parts: [Vec<u8>; N]) -> Vec<u8> {
    element(tag, parts.concat())
}

/// A SEQUENCE in the given order.
pub(crate) fn sequence<const N: usize>(parts: [Vec<u8>; N]) -> Vec<u8> {
    constructed(tag::SEQUENCE, parts)
}

/// A SET OF under any tag, in DER's order.
pub(crate) fn set_of(tag: u8, mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    element(tag, parts.concat())
}

/// An OBJECT IDENTIFIER.
pub(crate) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    element(tag::OID, oid.as_bytes())
}

/// An INTEGER that is not negative.
pub(crate) fn integer(number: u32) -> Vec<u8> {
    let bytes = u64::from(number).to_be_bytes();
    // One leading zero bit at least, or the number would be negative.
    let spare = ((u64::from(number).leading_zeros() - 1) / 8) as usize;
    element(tag::INTEGER, &bytes[spare.min(7)..])
}

/// NULL.
pub(crate) fn null() -> Vec<u8> {
    element(tag::NULL, [])
}

/// An element as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// What is inside.
    pub(crate) content: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads what is inside.
    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader(self.content)
    }

    /// The content as an OID.
    pub(crate) fn as_oid(&self) -> Result<ObjectIdentifier, String> {
        ObjectIdentifier::from_bytes(self.content)
            .map_err(|_| "a malformed object identifier".into())
    }
}

/// Elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The only element of `bytes`.
    pub(crate) fn whole(bytes: &'a [u8], tag: u8, what: &str) -> Result<Element<'a>, String> {
        let mut reader = Self(bytes);
        let element = reader.next(tag, what)?;
        reader.finish(what)?;
        Ok(element)
    }

    /// Reads elements of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element, which must have this tag.
    pub(crate) fn next(&mut self, tag: u8, what: &str) -> Result<Element<'a>, String> {
        match self.0.first() {
            Some(&found) if found == tag => self.any(what),
            Some(found) => Err(format!("{what}: tag {found:#04x} instead of {tag:#04x}")),
            None => Err(format!("{what} is missing")),
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8, what: &str) -> Result<Option<Element<'a>>, String> {
        if self.0.first() == Some(&tag) {
            self.any(what).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self, what: &str) -> Result<Element<'a>, String> {
        let cut = || format!("{what} is cut short");
        let first = *self.0.get(1).ok_or_else(cut)?;
        let (header, length) = match first {
            0..=0x7F => (2, usize::from(first)),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7F);
                let digits = self.0.get(2..2 + count).ok_or_else(cut)?;
                let length = digits
                    .iter()
                    .fold(0, |length, &digit| length << 8 | usize::from(digit));
                if length < 0x80 || digits[0] == 0 {
                    return Err(format!("{what}: a length is not in its shortest form"));
                }
                (2 + count, length)
            }
            _ => return Err(format!("{what}: a length is indefinite or absurd")),
        };
        let whole = self.0.get(..header + length).ok_or_else(cut)?;
        self.0 = &self.0[whole.len()..];
        Ok(Element {
            content: &whole[header..],
            whole,
        })
    }

    /// The rest as elements with one tag, in DER's order when they form a set.
    pub(crate) fn rest(
        &mut self,
        tag: u8,
        is_set: bool,
        what: &str,
    ) -> Result<Vec<Element<'a>>, String> {
        let mut elements: Vec<Element> = Vec::new();
        while !self.0.is_empty() {
            let element = self.next(tag, what)?;
            if is_set
                && elements
                    .last()
                    .is_some_and(|last| last.whole > element.whole)
            {
                return Err(format!("{what}: a set is not in DER's order"));
            }
            elements.push(element);
        }
        Ok(elements)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(&self, what: &str) -> Result<(), String> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(format!("{what}: {} bytes are left over", self.0.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_forms() {
        for (number, hex) in [
            (0, &[2, 1, 0][..]),
            (1, &[2, 1, 1]),
            (0x7F, &[2, 1, 0x7F]),
            (0x80, &[2, 2, 0, 0x80]),
            (0x1001_0001, &[2, 4, 0x10, 1, 0, 1]),
            (0x8000_0000, &[2, 5, 0, 0x80, 0, 0, 0]),
        ] {
            assert_eq!(integer(number), hex);
        }
        assert_eq!(element(4, [0; 0x7F])[..2], [4, 0x7F]);
        assert_eq!(element(4, [0; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(element(4, [0; 0x100])[..4], [4, 0x82, 1, 0]);
        assert_eq!(
            set_of(tag::SET, vec![vec![4, 1, 2], vec![2, 1, 9], vec![4, 1, 1]]),
            [0x31, 9, 2, 1, 9, 4, 1, 1, 4, 1, 2]
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for (bytes, part) in [
            (&[][..], "missing"),
            (&[4], "cut short"),
            (&[4, 2, 0], "cut short"),
            (&[4, 0x80, 0, 0], "indefinite"),
            (&[4, 0x81, 1, 0], "shortest"),
            (&[4, 0x82, 0, 0x80], "shortest"),
            (&[5, 0], "tag 0x05 instead of 0x04"),
            (&[4, 0, 0], "1 bytes are left over"),
        ] {
            let error = Reader::whole(bytes, tag::OCTET_STRING, "it").unwrap_err();
            assert!(error.contains(part), "{bytes:?}: {error}");
        }
        let unsorted = [4, 1, 2, 4, 1, 1];
        assert!(Reader::new(&unsorted).rest(4, true, "it").is_err());
        assert_eq!(
            Reader::new(&unsorted).rest(4, false, "it").unwrap().len(),
            2
        );
    }
}
