//! Applies a unified diff to a folder, and refuses when the text it expects is not there exactly once.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::files;

/// One file's changes.
struct FilePatch<'a> {
    path: &'a str,
    hunks: Vec<Hunk>,
}

/// A run of lines and what takes its place.
#[derive(Default)]
struct Hunk {
    old: String,
    new: String,
}

/// Applies `patch` (paths with one leading component, as in `a/src/lib.rs`) to the files under `folder`.
///
/// Line ends become LF. Hunks are found by their text, not by their line numbers.
pub(crate) fn apply(patch: &str, folder: &Path) -> Result<()> {
    for file in parse(patch)? {
        let path = folder.join(file.path);
        let text = files::read_text(&path)?.replace("\r\n", "\n");
        let text = replace_hunks(text, &file.hunks)
            .with_context(|| format!("the patch does not fit {}", path.display()))?;
        files::write(&path, text)?;
    }
    Ok(())
}

fn parse(patch: &str) -> Result<Vec<FilePatch<'_>>> {
    let mut files: Vec<FilePatch> = Vec::new();
    for line in patch.lines() {
        if let Some(path) = line.strip_prefix("+++ ") {
            let path = path.split_once('/').map_or(path, |(_, rest)| rest);
            let hunks = Vec::new();
            files.push(FilePatch { path, hunks });
            continue;
        }
        if line.starts_with("--- ") {
            continue;
        }
        let file = files
            .last_mut()
            .context("the patch does not begin with a file name")?;
        if line.starts_with("@@") {
            file.hunks.push(Hunk::default());
            continue;
        }
        let hunk = file
            .hunks
            .last_mut()
            .context("the patch has lines before its first @@")?;
        let (mark, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        ensure!(
            matches!(mark, " " | "-" | "+"),
            "the patch has a line that begins with {mark:?}"
        );
        if mark != "+" {
            hunk.old.push_str(text);
            hunk.old.push('\n');
        }
        if mark != "-" {
            hunk.new.push_str(text);
            hunk.new.push('\n');
        }
    }
    Ok(files)
}

fn replace_hunks(mut text: String, hunks: &[Hunk]) -> Result<String> {
    for Hunk { old, new } in hunks {
        match text.matches(old.as_str()).count() {
            1 => text = text.replacen(old, new, 1),
            count => bail!("expected once, found {count} times:\n{old}"),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(text: &str, patch: &str) -> Result<String> {
        replace_hunks(text.into(), &parse(patch)?[0].hunks)
    }

    const PATCH: &str = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";

    #[test]
    fn replaces_the_lines_wherever_they_stand() {
        assert_eq!(
            patched("zero\none\ntwo\nthree\n", PATCH).unwrap(),
            "zero\none\nzwei\nthree\n"
        );
    }

    #[test]
    fn refuses_text_it_does_not_find_exactly_once() {
        for text in ["one\ntwo\n", "", "one\ntwo\nthree\none\ntwo\nthree\n"] {
            let error = patched(text, PATCH).unwrap_err().to_string();
            assert!(error.starts_with("expected once, found "), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_diff() {
        for patch in ["one\n", "+++ b/x\n one\n", "+++ b/x\n@@\n*one\n"] {
            assert!(parse(patch).is_err(), "{patch}");
        }
    }
}
