//! `SHA256SUMS`: what `sha256sum --check` reads.

use waverig_package::Sha256Digest;

/// One line for each file, in the order of their names.
pub fn list<'a>(files: impl IntoIterator<Item = (&'a str, Sha256Digest)>) -> String {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort();
    let line = |(name, digest): &(&str, Sha256Digest)| format!("{digest}  {name}\n");
    files.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_and_in_the_form_of_coreutils() {
        let digest = Sha256Digest::of(b"");
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            list([("b", digest), ("a", digest)]),
            format!("{empty}  a\n{empty}  b\n")
        );
    }
}
