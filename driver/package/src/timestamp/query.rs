//! What an authority is asked, and whether it agreed (RFC 3161, 2.4.1 and 2.4.2).

use crate::Sha256Digest;
use crate::asn1::{Element, Reader, element, integer, sequence, tag};
use crate::cms::sha256_algorithm;

/// A request for a time stamp of `signature`, with the authority's certificate in the answer.
pub(super) fn request(signature: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    sequence([
        integer(1),
        sequence([
            sha256_algorithm(),
            element(tag::OCTET_STRING, Sha256Digest::of(signature).0),
        ]),
        element(tag::INTEGER, nonce),
        element(tag::BOOLEAN, [0xFF]),
    ])
}

/// Bits of `PKIFailureInfo`, and their names.
const FAILURES: [(usize, &str); 8] = [
    (0, "badAlg"),
    (2, "badRequest"),
    (5, "badDataFormat"),
    (14, "timeNotAvailable"),
    (15, "unacceptedPolicy"),
    (16, "unacceptedExtension"),
    (17, "addInfoNotAvailable"),
    (25, "systemFailure"),
];

/// The token in an answer that grants it.
pub(super) fn token(answer: &[u8]) -> Result<&[u8], String> {
    let mut fields = Reader::whole(answer, tag::SEQUENCE, "the answer")?.reader();
    let mut status = fields.next(tag::SEQUENCE, "its status")?.reader();
    let number = status.next(tag::INTEGER, "its status")?.content;
    let words = status.optional(tag::SEQUENCE, "its words")?;
    let failure = status.optional(tag::BIT_STRING, "its reason")?;
    // 0 granted, 1 granted with changes that the token shows.
    if !matches!(number, [0 | 1]) {
        return Err(refusal(number, words, failure));
    }
    let token = fields.next(tag::SEQUENCE, "its time stamp")?;
    fields.finish("the answer")?;
    Ok(token.whole)
}

/// A refusal in the authority's words, of which only the printable ones are repeated.
fn refusal(number: &[u8], words: Option<Element>, failure: Option<Element>) -> String {
    let mut said = format!("it refused (status {number:?})");
    let mut words = words.map(|words| words.reader());
    while let Some(Ok(word)) = words
        .as_mut()
        .filter(|words| !words.is_empty())
        .map(|words| words.any("its words"))
    {
        let text = String::from_utf8_lossy(word.content);
        let text = text.chars().filter(|letter| !letter.is_control());
        said += ": ";
        said.extend(text.take(200));
    }
    let bits = failure.map_or(&[][..], |bits| bits.content.get(1..).unwrap_or_default());
    for (bit, name) in FAILURES {
        if bits
            .get(bit / 8)
            .is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
        {
            said += &format!(" [{name}]");
        }
    }
    said
}
