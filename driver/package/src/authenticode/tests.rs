//! Signed images whose checksum is right and whose signature is by the right key, and which are still not good.

use super::*;
use crate::cert::test_signer;
use crate::sample::Sample;

fn trust() -> Trust {
    Trust::test_machine(
        &[test_signer().certificate().clone()],
        UnixTime(1_795_132_800),
    )
}

/// The default image with a certificate table of the test's own.
fn with_table(table: impl FnOnce(&Image) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Sample::default().build();
    let table = table(&Image::parse(&bytes).unwrap());
    append(&mut bytes, &table);
    bytes
}

fn append(bytes: &mut Vec<u8>, table: &[u8]) {
    let entry = Image::parse(bytes)
        .unwrap()
        .directory_at(Directory::Certificate)
        .unwrap();
    let numbers = [bytes.len() as u32, table.len() as u32];
    bytes[entry..entry + 8].copy_from_slice(&numbers.map(u32::to_le_bytes).concat());
    bytes.extend_from_slice(table);
    pe::set_checksum(bytes).unwrap();
}

/// The image of `outer` with the signature of `inner` nested in its own.
pub(crate) fn nested(outer: &[u8], inner: &[u8]) -> Vec<u8> {
    use crate::asn1::{constructed, tag};
    let id = der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.4.1");
    let table = |image: &[u8]| Image::parse(image).unwrap().certificate_table().to_vec();
    let (outer_table, inner_table) = (table(outer), table(inner));
    let attribute = cms::attribute(id, message(&inner_table).unwrap().to_vec());
    let attributes = constructed(tag::context(1), [attribute]);
    let signed = cms::tests::with_unsigned(message(&outer_table).unwrap(), &attributes);
    let mut bytes = outer[..outer.len() - outer_table.len()].to_vec();
    let entry = Image::parse(outer)
        .unwrap()
        .directory_at(Directory::Certificate);
    bytes[entry.unwrap()..][..8].fill(0);
    append(&mut bytes, &certificate_table(&signed));
    bytes
}

/// A table whose signature says this about the image.
fn saying(subject: &Subject, digest: Sha256Digest) -> Vec<u8> {
    let content = spc::write(subject, digest, Place::Signature);
    certificate_table(&cms::sign(INDIRECT_DATA, &content, test_signer()).unwrap())
}

#[test]
fn with_and_without_page_hashes() {
    let image = Sample::default().build();
    for page_hashes in [true, false] {
        let signed = sign(&image, test_signer(), page_hashes).unwrap();
        let signature = verify(&signed, &trust()).unwrap();
        assert_eq!(signature.page_hashes, page_hashes);
        assert_eq!(
            signature.digest,
            pe::image_digest(&Image::parse(&image).unwrap()),
            "signing leaves the digest as it is"
        );
        assert_eq!(signature.signer.subject(), "CN=test (package)");
        assert!(
            sign(&signed, test_signer(), page_hashes)
                .unwrap_err()
                .to_string()
                .contains("signed already")
        );
    }
    // An image whose length is not a multiple of eight is filled up, and the digest knows.
    let odd = [&image[..], b"odd"].concat();
    let signature = verify(&sign(&odd, test_signer(), true).unwrap(), &trust()).unwrap();
    assert_eq!(
        signature.digest,
        pe::image_digest(&Image::parse(&odd).unwrap())
    );
}

#[test]
fn forgeries_with_the_right_key_are_refused() {
    let image = Subject::Image { page_hashes: None };
    let good = |parsed: &Image| {
        saying(
            &Subject::Image { page_hashes: None },
            pe::image_digest(parsed),
        )
    };
    let edited = |at: usize, byte: u8| {
        with_table(|parsed| {
            let mut table = good(parsed);
            table[at] ^= byte;
            table
        })
    };
    let longer = |tail: &[u8]| with_table(|parsed| [&good(parsed), tail].concat());
    assert!(verify(&with_table(good), &trust()).is_ok());
    let mut wrong_checksum = with_table(good);
    let at = Image::parse(&wrong_checksum).unwrap().checksum_at();
    wrong_checksum[at] ^= 1;
    for (bytes, part) in [
        (Sample::default().build(), "it has no signature; sign it"),
        (
            with_table(|_| saying(&image, Sha256Digest([0; 32]))),
            "it was changed after it was signed",
        ),
        (
            with_table(|parsed| saying(&Subject::Flat, pe::image_digest(parsed))),
            "not one of an image",
        ),
        (
            with_table(|parsed| {
                saying(
                    &Subject::Image {
                        page_hashes: Some(vec![0; 72]),
                    },
                    pe::image_digest(parsed),
                )
            }),
            "the signed page hashes are not those of its pages",
        ),
        (wrong_checksum, "its checksum is"),
        (edited(0, 8), "does not consist of one entry"),
        (edited(5, 1), "revision 2"),
        (edited(6, 1), "revision 2"),
        (longer(&[0; 8]), "does not consist of one entry"),
        (
            with_table(|_| vec![8, 0, 0, 0, 0, 2, 2, 0]),
            "the signature is cut short",
        ),
        (with_table(|_| vec![0; 4]), "cut short"),
    ] {
        let error = verify(&bytes, &trust()).unwrap_err().to_string();
        assert!(error.contains(part), "{error} lacks {part}");
    }
}

#[test]
fn what_stands_behind_the_signature_is_refused() {
    let signed = sign(&Sample::default().build(), test_signer(), true).unwrap();
    let table = Image::parse(&signed).unwrap().certificate_table().to_vec();
    let length = crate::asn1::Reader::new(&table[8..])
        .any("it")
        .unwrap()
        .whole
        .len();
    // The same message with every amount of filling: only the least one, of zeros, is right.
    for filling in 0..16 {
        let mut other = table[..8 + length].to_vec();
        other.resize(8 + length + filling, 0);
        let total = other.len() as u32;
        other[..4].copy_from_slice(&total.to_le_bytes());
        let accepted = message(&other).is_ok();
        assert_eq!(accepted, filling < 8, "{filling}");
        if let Some(last) = other.last_mut().filter(|_| filling > 0) {
            *last = 1;
            assert!(
                message(&other)
                    .unwrap_err()
                    .contains("behind the signature")
            );
        }
    }
}
