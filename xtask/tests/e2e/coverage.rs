//! Coverage of the shipped image: lines that must be executed are, lines that must not be are not.

use std::collections::BTreeMap;
use std::fs;

use crate::rig::Rig;

/// Counts by line of each file of a tracefile.
fn counts(text: &str) -> BTreeMap<String, BTreeMap<u32, u64>> {
    let mut files: BTreeMap<String, BTreeMap<u32, u64>> = BTreeMap::new();
    let mut file = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            file = name.to_owned();
        } else if let Some((number, count)) =
            line.strip_prefix("DA:").and_then(|da| da.split_once(','))
        {
            let number = number.parse().expect("a line's number");
            let count = count.parse().expect("a count");
            files.entry(file.clone()).or_default().insert(number, count);
        }
    }
    files
}

#[test]
fn coverage_tells_lines_that_are_executed_from_those_that_are_not() {
    let rig = Rig::with_package("coverage");
    rig.xtask(&["coverage", "--filter", "event-silence"])
        .expect(
            0,
            &[
                "driver/src/entry.rs",
                "merged over 2 machines",
                "index.html",
            ],
        );
    let folder = rig.folder.join("coverage");
    let lcov = fs::read_to_string(folder.join("lcov.info")).expect("the tracefile is written");
    let files = counts(&lcov);
    let most = |file: &str| files[file].values().copied().max();
    // Both machines load the driver, the second plays too; nothing records, and nothing panics.
    assert_eq!(most("driver/src/entry.rs"), Some(2));
    assert!(
        files["driver/src/wave/stream.rs"]
            .values()
            .any(|count| *count == 1)
    );
    assert_eq!(most("driver/engine/src/capture/link.rs"), Some(0));
    assert_eq!(most("driver/src/panic.rs"), Some(0));
    let page = fs::read_to_string(folder.join("driver-src-entry.rs.html")).expect("it has a page");
    assert!(page.contains("class=\"yes\"") && page.contains("DriverEntry"));
}
