//! What is packed is read back, also out of a signed program; whatever was changed is an error.

use proptest::prelude::*;

use super::*;

/// The smallest image with a section: headers of 512 bytes, a page behind them.
fn program() -> Vec<u8> {
    let mut image = vec![0; 1024];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(60, &64u32.to_le_bytes());
    put(64, b"PE\0\0");
    put(68, &0x8664u16.to_le_bytes());
    put(70, &1u16.to_le_bytes());
    put(84, &240u16.to_le_bytes());
    let optional = 64 + 24;
    put(optional, &0x20Bu16.to_le_bytes());
    put(optional + 32, &4096u32.to_le_bytes());
    put(optional + 56, &8192u32.to_le_bytes());
    put(optional + 60, &512u32.to_le_bytes());
    put(optional + 108, &16u32.to_le_bytes());
    let section = optional + 240;
    put(section, b".text");
    put(section + 8, &512u32.to_le_bytes());
    put(section + 12, &4096u32.to_le_bytes());
    put(section + 16, &512u32.to_le_bytes());
    put(section + 20, &512u32.to_le_bytes());
    put(section + 36, &0x6000_0020u32.to_le_bytes());
    image
}

fn file(name: &str, bytes: &[u8]) -> File {
    File {
        name: name.into(),
        bytes: bytes.into(),
    }
}

fn parcel() -> Parcel {
    Parcel {
        release: Release {
            name: "Card".into(),
            version: Version([1, 2, 3, 4]),
            hardware_id: r"Root\card".into(),
            inf: "card.inf".into(),
            arch: Arch::X64,
            min_build: 19041,
            certificate: None,
        },
        files: vec![
            file("card.inf", b"[Version]"),
            file("card.sys", &[7; 300]),
            file("empty.txt", b""),
        ],
    }
}

#[test]
fn what_is_packed_is_read_back_signed_or_not() {
    let folder = std::env::temp_dir().join(format!("waverig-parcel-{}", std::process::id()));
    let now = waverig_package::UnixTime::now();
    let subject = "CN=test";
    let signer = waverig_package::cert::Signer::ensure(&folder, subject, now).expect("made");
    // An image that ends anywhere, as linkers leave them with symbols behind the sections.
    for more in 0..9 {
        let program = [program(), vec![1; more]].concat();
        let packed = parcel().pack(&program).expect("it can be packed");
        assert_eq!(packed, parcel().pack(&program).expect("again"));
        assert_eq!(read(&packed), Ok(parcel()), "{more}");
        let signed = waverig_package::authenticode::sign(&packed, &signer, false);
        let signed = signed.expect("a packed program can be signed");
        assert_eq!(read(&signed), Ok(parcel()), "{more}, signed");
        let trusted = [signer.certificate().clone()];
        let trust = waverig_package::cert::Trust::test_machine(&trusted, now);
        waverig_package::authenticode::verify(&signed, &trust).expect("the signature is good");
        // The signature covers the package: another file, and it is none any more.
        let at = packed.len() - 200;
        let mut other = signed.clone();
        other[at] ^= 1;
        let error = waverig_package::authenticode::verify(&other, &trust).expect_err("changed");
        assert!(error.to_string().contains("changed after"), "{error}");
        let error = parcel().pack(&signed).expect_err("it is signed");
        assert!(error.to_string().contains("pack first"), "{error}");
    }
    std::fs::remove_dir_all(&folder).expect("it was made here");
}

#[test]
fn what_cannot_be_read_back_is_not_packed() {
    let check = |change: fn(&mut Parcel), expect: &str| {
        let mut parcel = parcel();
        change(&mut parcel);
        let error = parcel.pack(&program()).expect_err(expect).to_string();
        assert!(error.contains(expect), "{error:?} lacks {expect:?}");
    };
    check(
        |it| it.release.inf = "other.inf".into(),
        "other.inf is not among",
    );
    check(
        |it| it.release.certificate = Some("x.der".into()),
        "x.der is not among",
    );
    check(|it| it.release.hardware_id.clear(), "no device");
    check(|it| it.files.push(file("CARD.SYS", b"")), "twice");
    for name in ["", "..", "../x", r"a\x", "C:x", ".x", "x.", "x y", "ä"] {
        let mut parcel = parcel();
        parcel.files.push(file(name, b""));
        let error = parcel.pack(&program()).expect_err(name).to_string();
        assert!(error.contains("no plain file name"), "{name:?}: {error}");
    }
    let packed = parcel().pack(&program()).expect("it can be packed");
    let error = parcel().pack(&packed).expect_err("twice").to_string();
    assert!(error.contains("already"), "{error}");
    assert_eq!(read(&program()), Err(ParcelError::Missing));
    for wrong in [&b""[..], b"MZ", &[0; 600], &program()[..700]] {
        assert!(
            matches!(read(wrong), Err(ParcelError::Program(_))),
            "{wrong:?}"
        );
    }
}

#[test]
fn a_changed_byte_of_the_package_is_an_error() {
    // So that there is every number of zeros behind the files.
    for more in 0..ALIGNMENT {
        let mut parcel = parcel();
        parcel.files[0].bytes.resize(more, 1);
        let packed = parcel.pack(&program()).expect("it can be packed");
        for at in program().len()..packed.len() {
            for change in [1, 0x80, 0xFF] {
                let mut other = packed.clone();
                other[at] ^= change;
                assert!(read(&other).is_err(), "byte {at} of {}", packed.len());
            }
        }
    }
}

#[test]
fn nothing_is_behind_the_files() {
    let mut packed = parcel().pack(&program()).expect("it can be packed");
    let trailer = packed.split_off(packed.len() - TRAILER);
    let length = read_u64(&trailer, 0).expect("it is there") + ALIGNMENT as u64;
    packed.extend([0; ALIGNMENT]);
    packed.extend(length.to_le_bytes());
    packed.extend_from_slice(&trailer[8..]);
    let error = read(&packed).expect_err("eight zeros too many").to_string();
    assert!(error.contains("something behind"), "{error}");
}

#[test]
fn a_program_that_is_cut_off_or_longer_has_no_package() {
    let packed = parcel().pack(&program()).expect("it can be packed");
    for length in (0..packed.len() + 100).filter(|length| *length != packed.len()) {
        let mut other = packed.clone();
        other.resize(length, 0);
        assert!(read(&other).is_err(), "{length} of {}", packed.len());
    }
}

proptest! {
    /// Headers of any kind: an answer, whatever it is.
    #[test]
    fn no_header_makes_it_panic(changes in prop::collection::vec((0usize..600, any::<u8>()), 1..8)) {
        let mut packed = parcel().pack(&program()).expect("it can be packed");
        for (at, byte) in changes {
            packed[at] = byte;
        }
        let _ = read(&packed);
    }
}
