//! Cabinets that are right, and every way in which one is not.

use super::*;
use crate::cert::{chained_signer, test_signer};
use crate::timestamp::tests::authority;

const DATE: Date = Date {
    year: 2026,
    month: 11,
    day: 20,
};
const FILES: [(&str, &[u8]); 2] = [("card.inf", b"inf"), ("card.sys", &[7; 70_000])];

fn signed() -> Vec<u8> {
    sign(&write("card", &FILES, DATE).unwrap(), test_signer()).unwrap()
}

fn trust() -> Trust {
    Trust::test_machine(&[test_signer().certificate().clone()], DATE.midnight())
}

#[test]
fn written_signed_and_read() {
    let unsigned = write("card", &FILES, DATE).unwrap();
    assert_eq!(
        unsigned,
        write("card", &FILES, DATE).unwrap(),
        "the same every time"
    );
    let later = Date { day: 21, ..DATE };
    assert_ne!(unsigned, write("card", &FILES, later).unwrap());
    let signed = signed();
    let expected = FILES.map(|(name, content)| (format!("card\\{name}"), content.to_vec()));
    assert_eq!(read(&signed).unwrap(), expected);
    let found = verify(&signed, &trust()).unwrap();
    assert_eq!(found.signer.subject(), "CN=test (package)");
    assert_eq!(found.time_stamp, None);
    assert!(
        sign(&signed, test_signer())
            .unwrap_err()
            .to_string()
            .contains("signed already")
    );
    assert!(
        verify(&unsigned, &trust())
            .unwrap_err()
            .to_string()
            .contains("no signature")
    );

    let signer = chained_signer().with_authority(authority());
    let stamped = sign(&unsigned, &signer).unwrap();
    let [leaf, _, root] = signer.chain() else {
        panic!("three certificates")
    };
    let trust = Trust::new(vec![root.clone()], vec![leaf.clone()], DATE.midnight())
        .with_stamp_roots(signer.authority().unwrap().roots().to_vec());
    assert_eq!(
        verify(&stamped, &trust).unwrap().time_stamp,
        Some(DATE.midnight())
    );
}

#[test]
fn one_changed_bit_anywhere_is_refused() {
    let good = signed();
    let files = read(&good).unwrap();
    // Behind the header and what stands at the end, one place in eight is enough: digest and signature do not tell them apart.
    let places = (0..good.len()).filter(|at| *at < 200 || at % 8 == 0 || at + 20 > good.len());
    for at in places {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(verify(&bytes, &trust()).is_err(), "byte {at}");
        // What no digest covers is the signature, and who signed is not asked.
        if let Ok(found) = read(&bytes) {
            assert_eq!(found, files, "byte {at}");
        }
    }
    for length in [0, 10, 59, 60, 100, good.len() - 1] {
        assert!(verify(&good[..length], &trust()).is_err(), "{length}");
    }
    for tail in [&[0][..], &[0; 8]] {
        assert!(verify(&[&good, tail].concat(), &trust()).is_err());
    }
}

#[test]
fn names_that_microsoft_does_not_take() {
    let error = |folder: &str, name: &str| {
        write(folder, &[(name, b"x")], DATE)
            .unwrap_err()
            .to_string()
    };
    for folder in ["", "a b", "ä", "a\\b", ".", &"x".repeat(40)] {
        assert!(error(folder, "x").contains("is another name"), "{folder}");
    }
    for name in ["", "a\\b", "../x", "ü.sys"] {
        assert!(error("card", name).contains("no plain file name"), "{name}");
    }
    assert!(write(&"x".repeat(39), &FILES, DATE).is_ok());
}
