//! The catalog's structure, compared element by element with one that makecat of Windows 10 wrote.

use super::*;
use crate::asn1::{Element, Reader};
use crate::cert::{Trust, test_signer};
use crate::sample::Sample;
use crate::{Date, UnixTime};

const TIME: UnixTime = UnixTime(1_795_132_800);

fn catalog(ids: &[String]) -> Vec<u8> {
    let members = [
        Member::flat("card.inf", b"inf"),
        Member::image("card.sys", &Sample::default().build()).unwrap(),
    ];
    unsigned(&CatalogSpec {
        list_id: [7; 16],
        time: TIME,
        os: "_v100_X64_VB",
        os_attribute: "2:10.0",
        hardware_ids: ids,
        members: &members,
    })
}

/// Tags of a structure by depth, such as `30(06 A0(30(04)))`.
fn outline(element: Element) -> String {
    let tag = element.whole[0];
    if tag & 0x20 == 0 {
        return format!("{tag:02X}");
    }
    let mut reader = Reader::new(element.content);
    let mut parts = Vec::new();
    while !reader.is_empty() {
        parts.push(outline(reader.any("an element").unwrap()));
    }
    format!("{tag:02X}({})", parts.join(" "))
}

#[test]
fn the_structure_is_makecats() {
    let bytes = catalog(&["Root\\card".into()]);
    let whole = Reader::new(&bytes).any("it").unwrap();
    // The flags that makecat gives an image: includeResources and includeImportAddressTable.
    assert!(
        bytes
            .windows(5)
            .any(|window| window == [0x03, 0x02, 0x05, 0xA0, 0xA0])
    );
    // As in a catalog of makecat with CatalogVersion=2, HashAlgorithms=SHA256, PageHashes=true, for one flat file and one
    // image. Differences meant: no SHA-1 members, an OSAttr for each member, OS and HWID1 for the list.
    let name_value = "30(06 31(30(1E 02 04)))";
    let digest = "30(30(06 05) 04)";
    let flat = format!(
        "30(04 31(30(06 31(82)) {name_value} {name_value} 30(06 31(30(30(06 A2(80)) {digest})))))"
    );
    let image = format!(
        "30(04 31(30(06 31(80)) {name_value} {name_value} 30(06 31(30(30(06 30(03 A0(A1(04 04)))) {digest})))))"
    );
    let digests = [
        Sha256Digest::of(b"inf"),
        Member::image("", &Sample::default().build())
            .unwrap()
            .digest,
    ];
    let members = if digests[0] < digests[1] {
        format!("{flat} {image}")
    } else {
        format!("{image} {flat}")
    };
    let list = format!("30(30(06) 04 17 30(06 05) 30({members}) A0(30(30(06 04) 30(06 04))))");
    assert_eq!(
        outline(whole),
        format!("30(06 A0(30(02 31() 30(06 A0({list})) 31())))")
    );
}

#[test]
fn signing_adds_a_signer_and_keeps_the_list() {
    let bytes = catalog(&["Root\\card".into(), "Root\\card2".into()]);
    let signed = sign(&bytes, test_signer()).unwrap();
    assert_eq!(
        signed,
        sign(&bytes, test_signer()).unwrap(),
        "the same every time"
    );
    let trust = Trust::test_machine(&[test_signer().certificate().clone()], TIME);
    let read = verify(&signed, &trust).unwrap();
    let attributes: Vec<_> = read
        .attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        attributes,
        [
            ("OS", "_v100_X64_VB"),
            ("HWID2", "root\\card2"),
            ("HWID1", "root\\card")
        ]
    );
    assert_eq!(read.members.len(), 2);
    assert_eq!(read.covers(&Member::flat("CARD.INF", b"inf")), Ok(()));
    for (file, part) in [
        (Member::flat("card.inf", b"other"), "the catalog lists"),
        (Member::flat("card.dll", b"inf"), "the catalog lists only"),
        (
            Member {
                subject: Subject::Image { page_hashes: None },
                ..Member::flat("card.inf", b"inf")
            },
            "another kind",
        ),
    ] {
        let error = read.covers(&file).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    assert!(
        sign(&signed, test_signer())
            .unwrap_err()
            .to_string()
            .contains("signed already")
    );
    assert!(
        verify(&bytes, &trust)
            .unwrap_err()
            .to_string()
            .contains("no signature")
    );
}

#[test]
fn time_and_order_are_part_of_the_bytes() {
    let text = |date: Date| {
        let members = [Member::flat("a", b"1"), Member::flat("b", b"2")];
        let reversed = [members[1].clone(), members[0].clone()];
        let spec = CatalogSpec {
            list_id: [0; 16],
            time: date.midnight(),
            os: "",
            os_attribute: "",
            hardware_ids: &[],
            members: &members,
        };
        assert_eq!(
            unsigned(&spec),
            unsigned(&CatalogSpec {
                members: &reversed,
                ..spec.clone()
            }),
            "members are sorted"
        );
        unsigned(&spec)
    };
    let bytes = text(Date::new(2026, 3, 4).unwrap());
    assert!(bytes.windows(13).any(|window| window == b"260304000000Z"));
    assert_ne!(bytes, text(Date::new(2026, 3, 5).unwrap()));
}
