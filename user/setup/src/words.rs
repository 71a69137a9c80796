//! The command line.

use std::path::PathBuf;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Have the device here, in this program's version.
    Install,
    /// Bring the device that is here to this program's version.
    Update,
    /// Tell what is here.
    List,
    /// Have nothing of it here.
    Remove,
    /// Tell what the words may be.
    Help,
}

/// The words, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// What is asked for; `None`: ask the person.
    pub verb: Option<Verb>,
    /// Nobody is there: no questions, no waiting.
    pub silent: bool,
    /// Install although the same version or a newer one is here.
    pub force: bool,
    /// The machine may be made to trust the package's test certificate.
    pub trust_certificate: bool,
    /// Everything that is said goes there, too.
    pub log: Option<PathBuf>,
}

/// What the words may be.
pub const USAGE: &str = "\
usage: waverig-setup [install | update | list | remove | help] [options]

  install   makes the device and installs its driver
  update    brings the device that is here to the version in this program
  list      tells what of it is on this machine; needs no administrator
  remove    removes the device, its driver, and the certificate if this program put it there

  --silent             no questions, no waiting: the exit code tells
  --force              install over the same or a newer version
  --trust-certificate  lets this machine trust a test certificate, which a test-signed package needs
  --log FILE           writes everything that is said to FILE, too

exit codes: 0 done; 1 failed; 2 wrong use; 3 not allowed or not possible here, nothing was changed; 3010 done, a restart is needed";

/// Reads them.
///
/// # Errors
/// A sentence with the word that means nothing here, or what is missing.
pub fn read(words: impl IntoIterator<Item = String>) -> Result<Words, String> {
    let mut read = Words::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let verb = match word.as_str() {
            "install" => Verb::Install,
            "update" => Verb::Update,
            "list" => Verb::List,
            "remove" => Verb::Remove,
            "help" | "--help" | "-h" | "/?" => Verb::Help,
            "--silent" => {
                read.silent = true;
                continue;
            }
            "--force" => {
                read.force = true;
                continue;
            }
            "--trust-certificate" => {
                read.trust_certificate = true;
                continue;
            }
            "--log" => {
                let file = words.next().ok_or("--log lacks its file")?;
                if read.log.replace(file.into()).is_some() {
                    return Err("--log stands there twice".into());
                }
                continue;
            }
            _ => return Err(format!("{word:?} means nothing here")),
        };
        if read.verb.replace(verb).is_some() {
            return Err(format!("{word:?} is a second verb; one at a time"));
        }
    }
    let installs = matches!(read.verb, None | Some(Verb::Install | Verb::Update));
    if !installs && (read.force || read.trust_certificate) {
        return Err("--force and --trust-certificate go with install and update".into());
    }
    if read.silent && read.verb.is_none() {
        return Err("--silent needs a verb: nobody can be asked which".into());
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expect: &str) {
        let got = match read(words.split_whitespace().map(str::to_owned)) {
            Ok(words) => format!("{words:?}"),
            Err(error) => error,
        };
        assert!(
            got.contains(expect),
            "{words:?} gives {got:?}, not {expect:?}"
        );
    }

    #[test]
    fn words_mean_one_thing_or_are_refused() {
        check("", "verb: None, silent: false");
        check(
            "install --silent --force",
            "Some(Install), silent: true, force: true",
        );
        check("--log a.txt update", "Some(Update)");
        check("--log a.txt update", r#"log: Some("a.txt")"#);
        check("/?", "Help");
        check("install remove", "second verb");
        check("--silent", "needs a verb");
        check("list --force", "go with install and update");
        check("remove --trust-certificate", "go with install and update");
        check("--log", "lacks its file");
        check("--log a --log b list", "twice");
        check("--quiet", "\"--quiet\" means nothing");
    }
}
