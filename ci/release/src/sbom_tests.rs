//! A small workspace as Cargo describes it, and what the bill makes of it.

use super::*;

const METADATA: &str = r#"{
  "packages": [
    {"name": "card", "version": "1.0.0", "id": "card", "license": "MIT", "source": null, "description": null, "repository": null, "targets": [{"kind": ["lib"]}]},
    {"name": "ring", "version": "0.2.0", "id": "ring", "license": "MIT/Apache-2.0", "source": "registry", "description": " A ring. ", "repository": "https://example.org/ring", "targets": [{"kind": ["lib"]}]},
    {"name": "gen", "version": "3.1.0", "id": "gen", "license": null, "source": "registry", "description": null, "repository": null, "targets": [{"kind": ["lib"]}]},
    {"name": "both", "version": "1.1.0", "id": "both", "license": "MIT", "source": "registry", "description": null, "repository": null, "targets": [{"kind": ["lib"]}]},
    {"name": "derive", "version": "5.0.0", "id": "derive", "license": "MIT", "source": "registry", "description": null, "repository": null, "targets": [{"kind": ["proc-macro"]}]},
    {"name": "parse", "version": "6.0.0", "id": "parse", "license": "MIT", "source": "registry", "description": null, "repository": null, "targets": [{"kind": ["lib"]}]},
    {"name": "tests", "version": "9.0.0", "id": "tests", "license": "MIT", "source": "registry", "description": null, "repository": null, "targets": [{"kind": ["lib"]}]}
  ],
  "resolve": {"nodes": [
    {"id": "card", "deps": [
      {"pkg": "ring", "dep_kinds": [{"kind": null}]},
      {"pkg": "gen", "dep_kinds": [{"kind": "build"}]},
      {"pkg": "derive", "dep_kinds": [{"kind": null}]},
      {"pkg": "tests", "dep_kinds": [{"kind": "dev"}]}]},
    {"id": "ring", "deps": [{"pkg": "both", "dep_kinds": [{"kind": null}]}]},
    {"id": "gen", "deps": [{"pkg": "both", "dep_kinds": [{"kind": null}]}]},
    {"id": "derive", "deps": [{"pkg": "parse", "dep_kinds": [{"kind": null}]}]},
    {"id": "parse", "deps": []},
    {"id": "both", "deps": []},
    {"id": "tests", "deps": []}
  ]}
}"#;

const LOCK: &str = r#"
[[package]]
name = "card"
version = "1.0.0"
[[package]]
name = "ring"
version = "0.2.0"
checksum = "11"
[[package]]
name = "gen"
version = "3.1.0"
checksum = "22"
[[package]]
name = "both"
version = "1.1.0"
checksum = "33"
[[package]]
name = "derive"
version = "5.0.0"
checksum = "55"
[[package]]
name = "parse"
version = "6.0.0"
checksum = "66"
"#;

fn bill(package: &str, metadata: &str, lock: &str) -> Result<Value, String> {
    let subject = Subject {
        name: "card",
        version: "1.0.0",
        repository: "https://example.org/card",
        commit: "c0ffee",
        time: 1_795_132_800,
        license: "MIT",
    };
    let files = [File {
        name: "card.sys".into(),
        kind: "device-driver",
        sha256: Sha256Digest::of(b""),
    }];
    let pins = [Pin {
        name: "rustc".into(),
        version: "1.95.0".into(),
        sha256: None,
    }];
    let resolved = [Resolved {
        file: "card.sys",
        package,
        metadata,
    }];
    write(&subject, &files, &resolved, lock, &pins).map(|text| serde_json::from_str(&text).unwrap())
}

/// A component's field.
fn field<'a>(bill: &'a Value, name: &str, field: &str) -> &'a Value {
    let components = bill["components"].as_array().unwrap();
    let found = components
        .iter()
        .find(|component| component["name"] == name);
    &found.unwrap_or_else(|| panic!("{name} is not in {bill:#}"))[field]
}

#[test]
fn crates_are_listed_with_checksum_licence_and_whether_they_are_shipped() {
    let bill = bill("card", METADATA, LOCK).unwrap();
    for (name, key, expected) in [
        ("card.sys", "type", json!("device-driver")),
        ("ring", "scope", json!("required")),
        (
            "ring",
            "licenses",
            json!([{"expression": "MIT OR Apache-2.0"}]),
        ),
        (
            "ring",
            "hashes",
            json!([{"alg": "SHA-256", "content": "11"}]),
        ),
        ("ring", "description", json!("A ring.")),
        ("gen", "scope", json!("excluded")),
        ("gen", "licenses", Value::Null),
        ("derive", "scope", json!("excluded")),
        ("parse", "scope", json!("excluded")),
        // Reached both ways: what is in the file counts.
        ("both", "scope", json!("required")),
        ("card", "hashes", Value::Null),
    ] {
        assert_eq!(*field(&bill, name, key), expected, "{name} {key}");
    }
    assert!(
        !bill.to_string().contains("tests@"),
        "what only tests need is not part of it"
    );
    let needs = bill["dependencies"].as_array().unwrap();
    let of =
        |name: &str| needs.iter().find(|entry| entry["ref"] == name).unwrap()["dependsOn"].clone();
    assert_eq!(of("pkg:generic/card@1.0.0"), json!(["file:card.sys"]));
    assert_eq!(of("file:card.sys"), json!(["pkg:cargo/card@1.0.0"]));
    assert_eq!(
        of("pkg:cargo/card@1.0.0"),
        json!([
            "pkg:cargo/derive@5.0.0",
            "pkg:cargo/gen@3.1.0",
            "pkg:cargo/ring@0.2.0"
        ])
    );
    assert_eq!(bill["metadata"]["timestamp"], "2026-11-20T00:00:00Z");
    assert_eq!(bill["formulation"][0]["components"][0]["name"], "rustc");
}

#[test]
fn the_serial_number_follows_from_the_content() {
    let serial = |lock: &str| bill("card", METADATA, lock).unwrap()["serialNumber"].clone();
    assert_eq!(serial(LOCK), serial(LOCK));
    assert_ne!(serial(LOCK), serial(&LOCK.replace("11", "44")));
    let text = serial(LOCK).to_string();
    assert_eq!(text.len(), "\"urn:uuid:\"".len() + 36, "{text}");
    assert_eq!(&text[24..25], "8", "{text}: a UUID of version 8");
}

#[test]
fn what_cannot_be_told_is_an_error() {
    let check = |package: &str, metadata: &str, lock: &str, expect: &str| {
        let error = bill(package, metadata, lock).unwrap_err();
        assert!(error.contains(expect), "{error:?} lacks {expect:?}");
    };
    check("other", METADATA, LOCK, "no package other");
    // From elsewhere, so not the one that was built.
    check("ring", METADATA, LOCK, "no package ring of this workspace");
    check("card", "{}", LOCK, "what Cargo says about card");
    check("card", METADATA, "[[package]]", "Cargo.lock cannot be read");
    check(
        "card",
        METADATA,
        &LOCK.replace("checksum = \"33\"", ""),
        "no checksum of pkg:cargo/both@1.1.0",
    );
    check(
        "card",
        &METADATA.replace(r#"{"id": "both", "deps": []},"#, ""),
        LOCK,
        "did not resolve both",
    );
}
