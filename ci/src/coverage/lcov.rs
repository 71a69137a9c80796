//! lcov's tracefile ("Files" in geninfo(1)): paths are those of the workspace, so it is read from there.

use std::fmt::Write as _;

use super::{Coverage, Share};

/// The file.
pub(super) fn text(coverage: &Coverage) -> String {
    let mut text = String::new();
    for (file, lines) in &coverage.0 {
        let share = Share::of(lines);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "TN:\nSF:{file}");
        for (line, count) in lines {
            let _ = writeln!(text, "DA:{line},{count}");
        }
        let _ = writeln!(
            text,
            "LF:{}\nLH:{}\nend_of_record",
            share.lines, share.executed
        );
    }
    text
}
