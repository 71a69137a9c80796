//! Names of files that come from elsewhere.

use std::path::{Path, PathBuf};

/// Whether a name of the host's names a file in the folder it is joined to, and nothing else.
pub fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.ends_with(['.', ' '])
}

/// Where a driver's image is, from what its service calls it: `\SystemRoot\…`, `\??\C:\…`, or a path below the Windows folder
/// (`CreateService`: a driver's path may be relative to it).
pub fn image(path: &str, windows: &Path) -> PathBuf {
    let path = path.trim_matches('"');
    let strip = |prefix: &str| {
        let head = path.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix)
            .then(|| &path[prefix.len()..])
    };
    if let Some(rest) = strip(r"\SystemRoot\").or_else(|| strip(r"%SystemRoot%\")) {
        return windows.join(rest);
    }
    if let Some(rest) = strip(r"\??\") {
        return PathBuf::from(rest);
    }
    if path.get(1..2) == Some(":") {
        return PathBuf::from(path);
    }
    windows.join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_file_stays_in_its_folder() {
        let check = |name, expect| assert_eq!(is_bare(name), expect, "{name:?}");
        check("waverig.sys", true);
        check("", false);
        check("..", false);
        check("../x", false);
        check(r"a\x", false);
        check("C:x", false);
        check("waverig.sys:stream", false);
        check("x.", false);
    }

    #[test]
    fn an_image_is_found_however_its_service_calls_it() {
        let windows = Path::new("W:");
        let check = |path, expect: &str| {
            let got = image(path, windows);
            let expect = match expect.strip_prefix("W:/") {
                Some(rest) => windows.join(rest),
                None => PathBuf::from(expect),
            };
            assert_eq!(got, expect, "{path}");
        };
        check(r"\SystemRoot\a.sys", "W:/a.sys");
        check(r"\systemroot\a.sys", "W:/a.sys");
        check("a.sys", "W:/a.sys");
        check(r"\??\D:\a.sys", r"D:\a.sys");
        check(r"D:\a.sys", r"D:\a.sys");
    }
}
