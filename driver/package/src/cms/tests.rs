//! Messages that are signed with the right key and are still not what they should be.

use super::*;
use crate::UnixTime;
use crate::cert::{chained_signer, test_signer};

const KIND: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4");
const OTHER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.5");
const CONTENT: &[u8] = &[0x30, 3, 4, 1, 9];

/// A message field by field; the default is what [`sign`] writes.
struct Forgery {
    attributes: Vec<Vec<u8>>,
    sorted: bool,
    algorithms: Vec<Vec<u8>>,
    digest_algorithm: Vec<u8>,
    signature_algorithm: Vec<u8>,
    certificates: Vec<Vec<u8>>,
    /// Behind the signature's value.
    unsigned_attributes: Vec<u8>,
    signers: usize,
}

impl Default for Forgery {
    fn default() -> Self {
        let digest = Sha256Digest::of(&CONTENT[2..]).0;
        Self {
            attributes: vec![
                attribute(CONTENT_TYPE, oid(KIND)),
                attribute(MESSAGE_DIGEST, element(tag::OCTET_STRING, digest)),
                attribute(OPUS_INFO, sequence([])),
                attribute(STATEMENT_TYPE, sequence([oid(INDIVIDUAL)])),
            ],
            sorted: true,
            algorithms: vec![sha256_algorithm()],
            digest_algorithm: sha256_algorithm(),
            signature_algorithm: sequence([oid(RSA_ENCRYPTION), null()]),
            certificates: vec![test_signer().certificate().der().to_vec()],
            unsigned_attributes: Vec::new(),
            signers: 1,
        }
    }
}

impl Forgery {
    fn build(self) -> Vec<u8> {
        let set = |tag| {
            if self.sorted {
                set_of(tag, self.attributes.clone())
            } else {
                element(tag, self.attributes.concat())
            }
        };
        let signer = sequence([
            integer(1),
            test_signer().certificate().issuer_and_serial().unwrap(),
            self.digest_algorithm,
            set(tag::context(0)),
            self.signature_algorithm,
            element(
                tag::OCTET_STRING,
                test_signer().sign(&set(tag::SET)).unwrap(),
            ),
            self.unsigned_attributes,
        ]);
        message(sequence([
            integer(1),
            element(tag::SET, self.algorithms.concat()),
            encapsulated(KIND, CONTENT),
            element(tag::context(0), self.certificates.concat()),
            element(tag::SET, signer.repeat(self.signers)),
        ]))
    }
}

/// The parts of a signed message: in front of the signer, the signer's fields.
fn opened(message: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let parts = |bytes: &[u8]| {
        let mut reader = Reader::new(bytes);
        let mut parts = Vec::new();
        while !reader.is_empty() {
            parts.push(reader.any("a part").unwrap().whole.to_vec());
        }
        parts
    };
    let inside = |bytes: &[u8]| Reader::new(bytes).any("it").unwrap().content.to_vec();
    let outer = parts(&inside(message));
    let mut signed = parts(&inside(&inside(&outer[1])));
    let signers = signed.pop().unwrap();
    (signed, parts(&inside(&inside(&signers))))
}

/// A message of [`sign`]'s with these unsigned attributes.
pub(crate) fn with_unsigned(signed: &[u8], unsigned: &[u8]) -> Vec<u8> {
    let (mut parts, mut signer) = opened(signed);
    signer.push(unsigned.to_vec());
    parts.push(constructed(
        tag::SET,
        [element(tag::SEQUENCE, signer.concat())],
    ));
    message(element(tag::SEQUENCE, parts.concat()))
}

/// The signature's value in a message of [`sign`]'s.
pub(crate) fn signature_of(signed: &[u8]) -> Vec<u8> {
    let (_, signer) = opened(signed);
    Reader::new(&signer[5])
        .any("the value")
        .unwrap()
        .content
        .to_vec()
}

fn judge(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let trust = Trust::test_machine(
        &[test_signer().certificate().clone()],
        UnixTime(1_795_132_800),
    );
    verify(bytes, KIND, &trust)
        .map(|verified| verified.content)
        .map_err(|error| error.0)
}

#[test]
fn the_model_is_what_signing_writes() {
    let signed = sign(KIND, CONTENT, test_signer()).unwrap();
    assert_eq!(Forgery::default().build(), signed);
    assert_eq!(judge(&signed).unwrap(), CONTENT);
}

#[test]
fn the_chain_is_carried_and_leads_to_the_root() {
    let signer = chained_signer();
    let signed = sign(KIND, CONTENT, &signer).unwrap();
    let [leaf, middle, root] = signer.chain() else {
        panic!("three certificates")
    };
    let judge = |roots: &Certificate| {
        let trust = Trust::new(
            vec![roots.clone()],
            vec![leaf.clone()],
            UnixTime(1_795_132_800),
        );
        verify(&signed, KIND, &trust).map(|verified| verified.signer.subject())
    };
    assert_eq!(judge(root).unwrap(), "CN=leaf");
    assert_eq!(judge(middle).unwrap(), "CN=leaf");
    let error = judge(test_signer().certificate()).unwrap_err();
    assert!(
        error
            .0
            .contains("CN=root, is not in the machine's Root store"),
        "{error}"
    );
}

#[test]
fn forgeries_with_the_right_key_are_refused() {
    let good = Forgery::default;
    let with = |change: fn(&mut Vec<Vec<u8>>)| {
        let mut attributes = good().attributes;
        change(&mut attributes);
        Forgery {
            attributes,
            ..good()
        }
    };
    let sha1 = || sequence([oid(ObjectIdentifier::new_unwrap("1.3.14.3.2.26")), null()]);
    for (forgery, part) in [
        (
            with(|list| list[0] = attribute(CONTENT_TYPE, oid(OTHER))),
            "the signed content type is not",
        ),
        (
            with(|list| list.push(attribute(CONTENT_TYPE, oid(OTHER)))),
            "the signed content type is not",
        ),
        (
            with(|list| drop(list.remove(0))),
            "the signed content type is not",
        ),
        (
            with(|list| list[1] = attribute(MESSAGE_DIGEST, element(tag::OCTET_STRING, [0; 32]))),
            "the signed digest is not",
        ),
        (
            with(|list| drop(list.remove(1))),
            "the signed digest is not",
        ),
        (
            Forgery {
                sorted: false,
                ..good()
            },
            "not in DER's order",
        ),
        (
            Forgery {
                algorithms: vec![],
                ..good()
            },
            "do not match the signers",
        ),
        (
            Forgery {
                algorithms: vec![sha1()],
                ..good()
            },
            "only 2.16.840.1.101.3.4.2.1 is accepted",
        ),
        (
            Forgery {
                digest_algorithm: sha1(),
                ..good()
            },
            "only 2.16.840.1.101.3.4.2.1 is accepted",
        ),
        (
            Forgery {
                digest_algorithm: sequence([oid(SHA256), element(tag::NULL, [0])]),
                ..good()
            },
            "unknown parameters",
        ),
        (
            Forgery {
                digest_algorithm: sequence([oid(SHA256), null(), null()]),
                ..good()
            },
            "left over",
        ),
        (
            Forgery {
                signature_algorithm: sha256_algorithm(),
                ..good()
            },
            "only 1.2.840.113549.1.1.1 is accepted",
        ),
        (
            Forgery {
                certificates: vec![],
                ..good()
            },
            "certificate is not in the signature",
        ),
        (
            Forgery {
                certificates: [good().certificates, vec![vec![0x30, 0]]].concat(),
                ..good()
            },
            "not an X.509 certificate",
        ),
        (
            Forgery {
                unsigned_attributes: element(tag::context(1), []),
                ..good()
            },
            "the unsigned attributes is missing",
        ),
        (
            Forgery {
                signers: 2,
                ..good()
            },
            "more than one signer",
        ),
        (
            Forgery {
                signers: 0,
                ..good()
            },
            "do not match the signers",
        ),
        (
            Forgery {
                signers: 0,
                algorithms: vec![],
                ..good()
            },
            "no signature",
        ),
    ] {
        let error = judge(&forgery.build()).unwrap_err();
        assert!(error.contains(part), "{error} lacks {part}");
    }
}
