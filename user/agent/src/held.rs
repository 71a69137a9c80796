//! Files that lie on the payload disk and are staged from there.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use waverig_protocol::{HELD, hash};

use crate::names;

/// The file of this name on the disk with this root; `sha256` is what the host put there, lower-case hexadecimal.
///
/// # Errors
/// When it is not there, cannot be read, or is another.
pub fn read(root: &Path, name: &str, sha256: &str) -> Result<Vec<u8>> {
    if !names::is_bare(name) {
        bail!("{name:?} is no bare file name");
    }
    let file = root.join(HELD).join(name);
    let bytes = fs::read(&file)
        .with_context(|| format!("{} on the payload disk cannot be read", file.display()))?;
    let found = hash::sha256(&bytes);
    if found != sha256 {
        bail!(
            "{} on the payload disk is not what the host put there: its SHA-256 is {found}, not {sha256}",
            file.display()
        );
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hosts_own_file_is_taken() {
        let root = std::env::temp_dir().join(format!("waverig-held-{}", std::process::id()));
        fs::create_dir_all(root.join(HELD)).expect("the temporary folder is writable");
        fs::write(root.join(HELD).join("a.inf"), "abc").expect("it is writable");
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let check = |name: &str, sha256: &str, expect: Result<&[u8], &str>| match (
            read(&root, name, sha256),
            expect,
        ) {
            (Ok(bytes), Ok(expect)) => assert_eq!(bytes, expect),
            (Err(error), Err(expect)) => {
                assert!(format!("{error:#}").contains(expect), "{error:#}");
            }
            (other, _) => panic!("{name}: {other:?}"),
        };
        check("a.inf", abc, Ok(b"abc"));
        check(
            "a.inf",
            &abc.replace('b', "c"),
            Err("is not what the host put there"),
        );
        check(
            "b.inf",
            abc,
            Err("b.inf on the payload disk cannot be read"),
        );
        check("../held/a.inf", abc, Err("no bare file name"));
        fs::remove_dir_all(root).expect("the test's own folder");
    }
}
