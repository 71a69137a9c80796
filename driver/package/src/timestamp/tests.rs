//! An authority of the tests' own, which answers rightly, and in every way that must not be taken.

use std::sync::Arc;

use super::query;
use super::token::{SIGNING_CERTIFICATE_V2, TST_INFO};
use super::*;
use crate::asn1::{Reader, constructed, element, integer, null, oid, sequence, set_of, tag};
use crate::cert::tests::{CA, CRITICAL, ExtensionParts, issued, other_signer};
use crate::cert::{Signer, Trust, chained_signer, test_signer};
use crate::cms::{self, SIGNED_DATA, attribute, sha256_algorithm};
use crate::sample::Sample;
use crate::{Sha256Digest, UnixTime, authenticode, catalog};
use der::asn1::ObjectIdentifier;

/// Extended key usage: time stamping, critical as it must be.
const STAMPING: ExtensionParts = (
    "2.5.29.37",
    CRITICAL,
    &[0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 8],
);
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// When everything here is stamped: 2026-11-20.
const TIME: &str = "20261120000000Z";
const NOW: UnixTime = UnixTime(1_795_132_800);

/// An answer, piece by piece; the default is right.
#[derive(Clone)]
struct Reply {
    status: Vec<Vec<u8>>,
    kind: ObjectIdentifier,
    imprint: Option<Vec<u8>>,
    imprint_algorithm: Vec<u8>,
    nonce: Option<Vec<u8>>,
    time: &'static str,
    extensions: Vec<ExtensionParts<'static>>,
    certificates: bool,
    named: Option<Vec<u8>>,
    digest_algorithm: Vec<u8>,
    signature_algorithm: Vec<u8>,
    /// Who signs; rightly the key of the authority's certificate.
    key: fn() -> &'static Signer,
    tail: &'static [u8],
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            status: vec![integer(0)],
            kind: TST_INFO,
            imprint: None,
            imprint_algorithm: sha256_algorithm(),
            nonce: None,
            time: TIME,
            extensions: vec![STAMPING],
            certificates: true,
            named: None,
            digest_algorithm: sha256_algorithm(),
            signature_algorithm: sequence([oid(RSA), null()]),
            key: test_signer,
            tail: &[],
        }
    }
}

/// The root of the authority's certificates.
fn root() -> Certificate {
    let key = other_signer();
    issued("CN=stamp root", key, key, "CN=stamp root", &[CA]).unwrap()
}

impl Reply {
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        if self.status[0] != integer(0) {
            return sequence([element(tag::SEQUENCE, self.status.concat())]);
        }
        let mut fields = Reader::whole(request, tag::SEQUENCE, "the request")
            .unwrap()
            .reader();
        fields.next(tag::INTEGER, "version").unwrap();
        let asked = fields.next(tag::SEQUENCE, "imprint").unwrap();
        let mut asked = asked.reader();
        asked.next(tag::SEQUENCE, "algorithm").unwrap();
        let imprint = asked.next(tag::OCTET_STRING, "imprint").unwrap().content;
        let nonce = fields.next(tag::INTEGER, "nonce").unwrap().content;
        let authority = issued(
            "CN=stamper",
            test_signer(),
            other_signer(),
            "CN=stamp root",
            &self.extensions,
        )
        .unwrap();
        let imprint = self.imprint.clone().unwrap_or(imprint.to_vec());
        let nonce = self.nonce.clone().unwrap_or(element(tag::INTEGER, nonce));
        let info = sequence([
            integer(1),
            oid(ObjectIdentifier::new_unwrap("1.2.3")),
            sequence([
                self.imprint_algorithm.clone(),
                element(tag::OCTET_STRING, imprint),
            ]),
            integer(7),
            element(tag::GENERALIZED_TIME, self.time),
            sequence([integer(1)]),
            element(tag::BOOLEAN, [0xFF]),
            nonce,
        ]);
        let named = Sha256Digest::of(authority.der()).0.to_vec();
        let named = element(tag::OCTET_STRING, self.named.clone().unwrap_or(named));
        let attributes = vec![
            attribute(
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3"),
                oid(self.kind),
            ),
            attribute(
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4"),
                element(tag::OCTET_STRING, Sha256Digest::of(&info).0),
            ),
            attribute(
                SIGNING_CERTIFICATE_V2,
                sequence([sequence([sequence([named])])]),
            ),
        ];
        let signature = (self.key)()
            .sign(&set_of(tag::SET, attributes.clone()))
            .unwrap();
        let signer = sequence([
            integer(1),
            authority.issuer_and_serial().unwrap(),
            self.digest_algorithm.clone(),
            set_of(tag::context(0), attributes),
            self.signature_algorithm.clone(),
            element(tag::OCTET_STRING, signature),
        ]);
        // The root first: authorities do not sort.
        let certificates = [root().der(), authority.der()].concat();
        let signed = sequence([
            integer(3),
            constructed(tag::SET, [sha256_algorithm()]),
            sequence([
                oid(self.kind),
                constructed(tag::context(0), [element(tag::OCTET_STRING, &info)]),
            ]),
            match self.certificates {
                true => element(tag::context(0), certificates),
                false => Vec::new(),
            },
            constructed(tag::SET, [signer]),
        ]);
        let token = sequence([oid(SIGNED_DATA), constructed(tag::context(0), [signed])]);
        let status = element(tag::SEQUENCE, self.status.concat());
        [&sequence([status, token]), self.tail].concat()
    }

    fn authority(self) -> Authority {
        let post = move |request: &[u8]| Ok(self.answer(request));
        Authority::new("the test's authority", vec![root()], Box::new(post))
    }
}

/// An authority that stamps everything at [`NOW`].
pub(crate) fn authority() -> Authority {
    Reply::default().authority()
}

/// The same trust with the authority's root.
fn trust(signer: &Signer, time: UnixTime) -> Trust {
    let roots = vec![signer.chain().last().unwrap().clone()];
    Trust::new(roots, vec![signer.certificate().clone()], time).with_stamp_roots(vec![root()])
}

#[test]
fn image_and_catalog_are_stamped() {
    let signer = chained_signer().with_authority(authority());
    let image = authenticode::sign(&Sample::default().build(), &signer, true).unwrap();
    let judge = |time| authenticode::verify(&image, &trust(&signer, time));
    assert_eq!(judge(NOW).unwrap().time_stamp, Some(NOW));
    // The certificate ends in 2030; what was stamped before stays good.
    let later = NOW.plus_days(3650);
    assert_eq!(judge(later).unwrap().time_stamp, Some(NOW));
    let unstamped = authenticode::sign(&Sample::default().build(), &chained_signer(), true);
    let unstamped = unstamped.unwrap();
    let error = authenticode::verify(&unstamped, &trust(&signer, later)).unwrap_err();
    assert!(error.to_string().contains("is valid from"), "{error}");
    assert_eq!(
        authenticode::verify(&unstamped, &trust(&signer, NOW))
            .unwrap()
            .time_stamp,
        None
    );
    // A stamp from the future, and one whose root nobody knows.
    let error = judge(UnixTime(NOW.0 - 86_400)).unwrap_err().to_string();
    assert!(error.contains("in the future"), "{error}");
    let stranger = Trust::new(
        vec![signer.chain()[2].clone()],
        vec![signer.certificate().clone()],
        NOW,
    );
    let error = authenticode::verify(&image, &stranger)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("CN=stamp root is not among the known roots of time stamps"),
        "{error}"
    );

    let unsigned = catalog::unsigned(&catalog::CatalogSpec {
        list_id: [0; 16],
        time: NOW,
        os: "",
        os_attribute: "",
        hardware_ids: &[],
        members: &[],
    });
    let catalog = catalog::sign(&unsigned, &signer).unwrap();
    let read = catalog::verify(&catalog, &trust(&signer, later)).unwrap();
    assert_eq!(read.time_stamp, Some(NOW));
}

#[test]
fn hostile_answers_are_refused() {
    let sha1 = || sequence([oid(ObjectIdentifier::new_unwrap("1.3.14.3.2.26")), null()]);
    let good = Reply::default;
    let not_critical = ExtensionParts::from((STAMPING.0, &b""[..], STAMPING.2));
    let code: ExtensionParts = (
        "2.5.29.37",
        CRITICAL,
        &[0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 3],
    );
    for (reply, part) in [
        (
            Reply {
                imprint: Some(vec![0; 32]),
                ..good()
            },
            "another imprint",
        ),
        (
            Reply {
                imprint_algorithm: sha1(),
                ..good()
            },
            "the stamped digest's algorithm is 1.3.14.3.2.26",
        ),
        (
            Reply {
                nonce: Some(element(tag::INTEGER, [7])),
                ..good()
            },
            "another nonce",
        ),
        (
            Reply {
                nonce: Some(Vec::new()),
                ..good()
            },
            "another nonce",
        ),
        (
            Reply {
                status: vec![
                    integer(2),
                    sequence([element(0x0C, "no\nstamps today")]),
                    element(tag::BIT_STRING, [6, 0b0010_0000, 0, 0, 0b0100_0000]),
                ],
                ..good()
            },
            "it refused (status [2]): nostamps today [badRequest] [systemFailure]",
        ),
        (
            Reply {
                status: vec![integer(3)],
                ..good()
            },
            "it refused (status [3])",
        ),
        (
            Reply {
                extensions: vec![not_critical],
                ..good()
            },
            "is not critical",
        ),
        (
            Reply {
                extensions: vec![code],
                ..good()
            },
            "is not for time stamps",
        ),
        (
            Reply {
                extensions: vec![],
                ..good()
            },
            "is not for time stamps",
        ),
        (
            Reply {
                certificates: false,
                ..good()
            },
            "without the authority's certificate",
        ),
        (
            Reply {
                named: Some(vec![0; 32]),
                ..good()
            },
            "for another certificate",
        ),
        (
            Reply {
                kind: RSA,
                ..good()
            },
            "holds 1.2.840.113549.1.1.1 instead of a time",
        ),
        (
            Reply {
                time: "20251120000000Z",
                ..good()
            },
            "is valid from",
        ),
        (
            Reply {
                time: "20261320000000Z",
                ..good()
            },
            "its time cannot be read",
        ),
        (
            Reply {
                time: "2026",
                ..good()
            },
            "its time cannot be read",
        ),
        (
            Reply {
                digest_algorithm: sha1(),
                ..good()
            },
            "is 1.3.14.3.2.26, not SHA-256",
        ),
        (
            Reply {
                signature_algorithm: sha1(),
                ..good()
            },
            "not RSA; ask another authority",
        ),
        (
            Reply {
                key: other_signer,
                ..good()
            },
            "the signature was not made with the key of CN=stamper",
        ),
        (
            Reply {
                tail: &[0],
                ..good()
            },
            "1 bytes are left over",
        ),
    ] {
        let error = reply.authority().stamp(b"signature").unwrap_err();
        assert!(
            error.contains("no time stamp from the test's authority: ") && error.contains(part),
            "{error} lacks {part}"
        );
    }
    for (answer, part) in [
        (Ok(Vec::new()), "the answer is missing"),
        (Ok(b"<html>".to_vec()), "tag 0x3c"),
        (
            Ok(sequence([sequence([integer(0)])])),
            "its time stamp is missing",
        ),
        (Err("nobody listens".to_owned()), "nobody listens"),
    ] {
        let post = move |_: &[u8]| answer.clone();
        let error = Authority::new("it", vec![root()], Box::new(post)).stamp(b"x");
        let error = error.unwrap_err();
        assert!(error.contains(part), "{error} lacks {part}");
    }
    // A chain that leads elsewhere.
    let reply = Arc::new(Reply::default());
    let post = move |request: &[u8]| Ok(reply.answer(request));
    let elsewhere = vec![test_signer().certificate().clone()];
    let error = Authority::new("it", elsewhere, Box::new(post)).stamp(b"x");
    assert!(error.unwrap_err().contains("CN=stamp root is not among"));
}

#[test]
fn every_changed_bit_of_an_answer_is_refused_or_means_the_same() {
    let request = query::request(b"x", [0x41; 8]);
    let answer = Reply::default().answer(&request);
    let token = query::token(&answer).unwrap();
    let (right, _) = verify(token, b"x", &[root()]).unwrap();
    // One place in nine: each takes three signatures to check.
    for at in (0..token.len()).step_by(9) {
        let mut changed = token.to_vec();
        changed[at] ^= 1 << (at % 8);
        if let Ok((stamp, _)) = verify(&changed, b"x", &[root()]) {
            assert_eq!(stamp, right, "byte {at}");
        }
        let _ = verify(&token[..at], b"x", &[root()]).unwrap_err();
    }
}

/// Beside the one attribute, nothing may stand where no signature covers it.
#[test]
fn other_unsigned_attributes_are_refused() {
    let kind = ObjectIdentifier::new_unwrap("1.2.3.4");
    let signer = chained_signer();
    let stamp = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.3.3.1");
    let nested = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.4.1");
    let plain = cms::sign(kind, &[0x30, 0], &signer).unwrap();
    let judge = |unsigned: &[Vec<u8>]| {
        let bytes = cms::tests::with_unsigned(&plain, &element(tag::context(1), unsigned.concat()));
        cms::verify(&bytes, kind, &trust(&signer, NOW)).map(|verified| verified.time_stamp)
    };
    let token = authority()
        .stamp(&cms::tests::signature_of(&plain))
        .unwrap();
    let right = attribute(stamp, token.clone());
    assert_eq!(judge(std::slice::from_ref(&right)), Ok(Some(NOW)));
    for (unsigned, part) in [
        (
            vec![attribute(nested, token.clone())],
            "something else than one time stamp",
        ),
        (
            vec![right.clone(), right.clone()],
            "something else than one time stamp",
        ),
        (
            vec![right, attribute(nested, null())],
            "something else than one time stamp",
        ),
        (
            vec![sequence([
                oid(stamp),
                constructed(tag::SET, [token.clone(), token]),
            ])],
            "left over",
        ),
        (
            vec![attribute(stamp, authority().stamp(b"another").unwrap())],
            "another imprint",
        ),
        (vec![], "is missing"),
    ] {
        let error = judge(&unsigned).unwrap_err().to_string();
        assert!(error.contains(part), "{error} lacks {part}");
    }
}
