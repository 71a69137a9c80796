//! The crash dumps among what a machine left: each is evidence, and its line of triage belongs to the verdict.

use std::fs;
use std::path::Path;

use crate::dump::{Own, triage};

/// How such a file is called, in whatever case.
const EXTENSION: &str = "dmp";

/// What the dump that is `name` in `folder` says; its triage for programs is put beside it. `None` of another file. One that says nothing is
/// told as that, and kept.
pub(crate) fn told(folder: &Path, name: &str, own: Option<&Own>) -> Option<String> {
    let file = folder.join(name);
    let extension = Path::new(name).extension()?;
    if !extension.eq_ignore_ascii_case(EXTENSION) {
        return None;
    }
    let bytes = fs::metadata(&file).map_or(0, |data| data.len());
    Some(match triage(&file, own) {
        Ok(triage) => {
            let text = serde_json::to_string_pretty(&triage.json()).unwrap_or_default();
            let beside = fs::write(folder.join(format!("{name}.json")), text + "\n");
            let lost = beside.err().map(|error| format!(" ({name}.json: {error})"));
            format!(
                "its dump {name} ({bytes} bytes): {triage}{}",
                lost.unwrap_or_default()
            )
        }
        // Names the file, and what to do next.
        Err(error) => format!("its dump {name} ({bytes} bytes) is kept and says nothing: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_that_says_nothing_is_told_and_kept_and_other_files_are_none() {
        let folder = std::env::temp_dir().join(format!("waverig-dumps-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let check = |name: &str, bytes: &[u8], expect: Option<&str>| {
            fs::write(folder.join(name), bytes).expect("it is writable");
            let said = told(&folder, name, None);
            match (&said, expect) {
                (None, None) => {}
                (Some(said), Some(expect)) => assert!(said.contains(expect), "{said}"),
                _ => panic!("{name}: {said:?}"),
            }
            assert_eq!(fs::read(folder.join(name)).expect("it is kept"), bytes);
        };
        check("setup.log", b"said", None);
        check("dmp", b"said", None);
        check(
            "MEMORY.DMP",
            &[0; 0x4000],
            Some("(16384 bytes) is kept and says nothing: "),
        );
        check("a.dmp", b"PAGEDU64", Some("; next: "));
        fs::remove_dir_all(folder).expect("the test's own folder");
    }
}
