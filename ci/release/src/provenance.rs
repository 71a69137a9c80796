//! Who built what of what: an in-toto statement with SLSA's provenance.
//!
//! Sources: in-toto Attestation Framework, Statement v1; SLSA, Provenance v1. The statement is not signed here: on GitHub the
//! workflow signs one of its own (release.yml), and this one is covered by the release's checksums.

use serde_json::{Value, json};
use waverig_package::{Sha256Digest, UnixTime};

use crate::sbom::{Pin, Subject};

/// How the files are built, described in this project's documentation.
const BUILD_TYPE: &str =
    "https://github.com/waverig/waverig/blob/main/docs/releasing.md#build-type";

/// Where a build ran.
#[derive(Clone, Debug)]
pub struct Builder<'a> {
    /// Whom to trust for the rest: a workflow's address, or this project's own verb on somebody's machine.
    pub id: &'a str,
    /// The one run.
    pub invocation: Option<&'a str>,
    /// Seconds since 1970.
    pub started: u64,
    /// Seconds since 1970.
    pub finished: u64,
}

/// The statement as JSON text.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn write(
    subject: &Subject<'_>,
    files: &[(&str, Sha256Digest)],
    options: &[(&str, &str)],
    pins: &[Pin],
    lock: &[u8],
    builder: &Builder<'_>,
) -> Result<String, String> {
    let subjects: Vec<Value> = files
        .iter()
        .map(|(name, digest)| json!({"name": name, "digest": {"sha256": digest.to_string()}}))
        .collect();
    let source = format!("git+{}@{}", subject.repository, subject.commit);
    let mut dependencies = vec![
        json!({"uri": source, "digest": {"gitCommit": subject.commit}}),
        json!({"name": "Cargo.lock", "digest": {"sha256": Sha256Digest::of(lock).to_string()}}),
    ];
    dependencies.extend(pins.iter().map(|pin| {
        let mut value = json!({"name": pin.name, "annotations": {"version": pin.version}});
        if let Some(sha256) = &pin.sha256 {
            value["digest"] = json!({"sha256": sha256});
        }
        value
    }));
    let options: serde_json::Map<String, Value> = options
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let mut metadata =
        json!({"startedOn": utc(builder.started), "finishedOn": utc(builder.finished)});
    if let Some(invocation) = builder.invocation {
        metadata["invocationId"] = json!(invocation);
    }
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"source": source, "options": options},
                "internalParameters": {},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": builder.id}, "metadata": metadata},
        },
    });
    let text = serde_json::to_string_pretty(&statement).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

/// Seconds since 1970 as RFC 3339 has them.
pub(crate) fn utc(seconds: u64) -> String {
    let text = UnixTime(seconds).to_string();
    text.replacen(' ', "T", 1).replace(" UTC", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_names_every_file_and_everything_that_decides_bytes() {
        let subject = Subject {
            name: "x",
            version: "1.0.0",
            repository: "https://example.org/x",
            commit: "c0ffee",
            time: 0,
            license: "MIT",
        };
        let pin = Pin {
            name: "rustc".into(),
            version: "1.95.0".into(),
            sha256: None,
        };
        let builder = Builder {
            id: "https://example.org/b",
            invocation: Some("run 7"),
            started: 0,
            finished: 61,
        };
        let files = [("x.sys", Sha256Digest::of(b""))];
        let text = write(
            &subject,
            &files,
            &[("kind", "test")],
            &[pin],
            b"lock",
            &builder,
        )
        .unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        let predicate = &read["predicate"];
        let digest = Sha256Digest::of(b"").to_string();
        for (found, expected) in [
            (&read["_type"], json!("https://in-toto.io/Statement/v1")),
            (
                &read["predicateType"],
                json!("https://slsa.dev/provenance/v1"),
            ),
            (
                &read["subject"],
                json!([{"name": "x.sys", "digest": {"sha256": digest}}]),
            ),
            (
                &predicate["buildDefinition"]["externalParameters"]["options"],
                json!({"kind": "test"}),
            ),
            (
                &predicate["buildDefinition"]["resolvedDependencies"][0],
                json!({"uri": "git+https://example.org/x@c0ffee", "digest": {"gitCommit": "c0ffee"}}),
            ),
            (
                &predicate["buildDefinition"]["resolvedDependencies"][2],
                json!({"name": "rustc", "annotations": {"version": "1.95.0"}}),
            ),
            (
                &predicate["runDetails"]["metadata"],
                json!({"startedOn": "1970-01-01T00:00:00Z", "finishedOn": "1970-01-01T00:01:01Z", "invocationId": "run 7"}),
            ),
        ] {
            assert_eq!(*found, expected, "{text}");
        }
    }
}
