//! Every kind of key signs, and what is wrong is told: without a secret in it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use waverig_package::cert::{CertError, Certificate, Key, RsaKey, Signer};
use waverig_package::{Sha256Digest, UnixTime};
use waverig_vm::Ends;
use waverig_vm::hyperv::{Executor, Failure};

use super::command::Program;
use super::*;

const SECRET: &str = "correct horse battery staple";

/// A folder with `certificate.pem` and `key.pem`, gone with the test.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("waverig-signer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Signer::ensure(&folder, &format!("CN={name}"), UnixTime::now()).expect("it can be made");
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the test's own folder");
        path
    }

    /// openssl, in this folder.
    fn openssl(&self, line: &str) {
        let mut command = Command::new("openssl");
        let output = command
            .args(line.split_whitespace())
            .current_dir(&self.0)
            .output()
            .expect("openssl is there");
        assert!(output.status.success(), "{line}: {output:?}");
    }

    fn certificate(&self) -> Certificate {
        let pem = fs::read(self.0.join("certificate.pem")).expect("it was made");
        Certificate::from_pem_or_der(&pem).expect("it was made")
    }

    fn rsa_key(&self) -> RsaKey {
        let pem = fs::read(self.0.join("key.pem")).expect("it was made");
        RsaKey::from_pkcs8_pem(&pem, None).expect("it was made")
    }

    /// The signer that this file names, and what is said when there is none; secrets in it are looked for.
    fn load(&self, text: &str) -> Result<Signer, String> {
        let result = named(&self.write("signer.toml", text));
        let said = format!("{result:#?} {result:?}");
        assert!(!said.contains(SECRET), "{said}");
        result.map_err(|error| format!("{error:#}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn keys_in_files() {
    let folder = Folder::new("files");
    let other = Folder::new("other");
    fs::copy(other.0.join("key.pem"), folder.0.join("other.pem")).expect("own folders");
    folder.write("passphrase", &format!("{SECRET}\n"));
    folder.write("wrong", &format!("not {SECRET}"));
    folder.write("empty", "\n");
    folder.openssl(
        "pkcs8 -topk8 -in key.pem -out locked.pem -v2 aes-256-cbc -passout file:passphrase",
    );
    let with = |key: &str| folder.load(&format!("chain = \"certificate.pem\"\n[key]\n{key}\n"));
    let plain = with("kind = \"file\"\nfile = \"key.pem\"").expect("it is right");
    assert_eq!(plain.certificate(), &folder.certificate());
    let locked = "kind = \"file\"\nfile = \"locked.pem\"\n";
    with(&format!("{locked}passphrase = {{ file = \"passphrase\" }}")).expect("it is right");
    for (key, part) in [
        (
            locked.into(),
            "locked.pem: the key is encrypted; name where its passphrase is",
        ),
        (
            format!("{locked}passphrase = {{ file = \"wrong\" }}"),
            "locked.pem: not an encrypted PKCS#8 RSA key in PEM, or the passphrase is wrong",
        ),
        (
            format!("{locked}passphrase = {{ file = \"empty\" }}"),
            "is empty",
        ),
        (
            format!("{locked}passphrase = {{ file = \"gone\" }}"),
            "gone",
        ),
        (
            format!("{locked}passphrase = {{ env = \"WAVERIG_NOT_SET\" }}"),
            "variable WAVERIG_NOT_SET is not set",
        ),
        (
            format!("{locked}passphrase = 2468"),
            "invalid type: integer `…`",
        ),
        (
            "kind = \"file\"\nfile = \"other.pem\"".into(),
            "does not belong to CN=files",
        ),
        (
            "kind = \"file\"\nfile = \"certificate.pem\"".into(),
            "certificate.pem: not a PKCS#8 RSA key",
        ),
        ("kind = \"file\"\nfile = \"none.pem\"".into(), "cannot read"),
        (
            "kind = \"usb\"".into(),
            "unknown variant `…`, expected one of `file`",
        ),
        (
            "kind = \"store\"\nthumbprint = \"00\"".into(),
            if cfg!(windows) {
                "not one"
            } else {
                "Windows only"
            },
        ),
        (
            "kind = \"command\"\ncommand = []".into(),
            "names no program",
        ),
        (
            "kind = \"pkcs11\"\nmodule = \"/nonexistent.so\"\ntoken = \"t\"\nlabel = \"l\"".into(),
            "is no PKCS#11 module",
        ),
    ] {
        let error = with(&key).map(|_| ()).expect_err(&key);
        assert!(
            error.contains("signer.toml") && error.contains(part),
            "{error} lacks {part}"
        );
    }
    let error = folder.load("[key]\nkind = \"file\"\nfile = \"key.pem\"");
    assert!(error.expect_err("no chain").contains("chain is missing"));
}

#[test]
fn a_secret_is_read_and_not_shown() {
    let folder = Folder::new("secret");
    for (text, secret) in [
        ("s\n", "s"),
        ("s\r\n", "s"),
        ("s", "s"),
        (" s \n\n", " s \n"),
    ] {
        folder.write("secret", text);
        let place = secret::Secret::File("secret".into());
        let read = place.read(&folder.0).expect("it is there");
        assert_eq!(read.expose(), secret);
        assert_eq!(format!("{read:?}"), "(secret)");
    }
}

/// A secret that stands where none belongs is not repeated either: TOML's errors show the line.
#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let folder = Folder::new("wrong-place");
    let text = format!(
        "chain = \"certificate.pem\"\n[key]\nkind = \"file\"\nfile = \"key.pem\"\npassphrase = \"{SECRET}\"\n"
    );
    let error = folder.load(&text).map(|_| ()).expect_err("it is wrong");
    assert!(
        error.contains("unknown variant `…`, expected `env` or `file`"),
        "{error}"
    );
}

fn signs(key: impl Key + 'static, folder: &Folder) -> Result<(), String> {
    let digest = Sha256Digest::of(b"message");
    let signature = key.sign(digest).map_err(|error| error.to_string())?;
    let right = folder
        .rsa_key()
        .sign(digest)
        .expect("a key in memory signs");
    (signature == right)
        .then_some(())
        .ok_or_else(|| format!("{} bytes of something else", signature.len()))
}

#[test]
#[cfg(unix)]
fn programs_sign() {
    let folder = Folder::new("programs");
    let script = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.write(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("own file");
        format!("./{name}")
    };
    let program = |words: &[&str]| {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Program::new(words, &folder.0).expect("it has a name")
    };
    // What signs a digest with openssl, as a cloud's program would.
    let sign =
        "cd \"$(dirname \"$0\")\" && openssl pkeyutl -sign -inkey key.pem -pkeyopt digest:sha256";
    let raw = script("raw", sign);
    let text = script("text", &format!("{sign} | openssl base64"));
    assert_eq!(signs(program(&[&raw]), &folder), Ok(()));
    assert_eq!(signs(program(&[&text]), &folder), Ok(()));
    let words = script(
        "words",
        "test \"$1\" = \"a b\" && exec \"$(dirname \"$0\")/raw\"",
    );
    assert_eq!(signs(program(&[&words, "a b"]), &folder), Ok(()));
    let said = |words: &[&str]| {
        let slow = program(words).within(Duration::from_millis(300));
        signs(slow, &folder).expect_err("it does not sign")
    };
    assert!(said(&[&script("fails", "exit 7")]).contains("it failed: exit status: 7"));
    assert!(said(&["no-such-program-here"]).contains("cannot be started"));
    assert!(said(&[&script("endless", "cat /dev/zero")]).contains("more than 4096 bytes"));
    assert!(said(&[&script("hangs", "exec sleep 60")]).contains("no answer within"));
    assert!(said(&[&script("silent", ":")]).contains("0 bytes"));
}

/// PowerShell, as it would answer.
struct Host {
    folder: Arc<Folder>,
    strange: Option<&'static str>,
}

impl Executor for Host {
    fn run(&self, script: &str, _: Duration) -> Result<String, Failure> {
        if let Some(answer) = self.strange {
            return Ok(answer.into());
        }
        let Some((_, rest)) = script.split_once("FromBase64String('") else {
            let der = Base64::encode_string(self.folder.certificate().der());
            return Ok(format!(r#"{{"value":[{{"chain":["{der}"]}}]}}"#));
        };
        let digest = rest.split('\'').next().expect("it is quoted");
        let digest = Base64::decode_vec(digest).expect("it is base64");
        let digest = Sha256Digest(digest.try_into().expect("32 bytes"));
        let signature = self.folder.rsa_key().sign(digest).expect("it signs");
        Ok(format!(
            r#"{{"value":[{{"signature":"{}"}}]}}"#,
            Base64::encode_string(&signature)
        ))
    }

    fn connect(&self, _: &str) -> std::io::Result<Ends> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn the_store_signs() {
    let folder = Arc::new(Folder::new("store"));
    let host = |strange| {
        let folder = Arc::clone(&folder);
        Box::new(Host { folder, strange })
    };
    // As Windows' window shows it, with the mark that one does not see.
    let thumbprint = "\u{200E}0123 4567 89ab cdef 0123 4567 89ab cdef 0123 4567";
    let (chain, stored) = store::open_by(host(None), thumbprint, false).expect("it answers");
    assert_eq!(chain, [folder.certificate()]);
    assert_eq!(
        stored.place(),
        r"Cert:\CurrentUser\My\0123456789ABCDEF0123456789ABCDEF01234567"
    );
    assert_eq!(signs(stored, &folder), Ok(()));
    for (strange, part) in [
        (
            r#"{"error":{"category":"ObjectNotFound","id":"x","message":"Cannot find path","code":1}}"#,
            "Cannot find path",
        ),
        (r#"{"value":[]}"#, "PowerShell's answer is not one"),
        (r#"{"value":[{"chain":["AAAA"]}]}"#, "not an X.509"),
        (r#"{"value":[{"chain":["?"]}]}"#, "no certificate"),
    ] {
        let error = store::open_by(host(Some(strange)), thumbprint, true).map(|_| ());
        let error = format!("{:#}", error.expect_err("it is strange"));
        assert!(
            error.contains(r"Cert:\LocalMachine\My\0123") && error.contains(part),
            "{error} lacks {part}"
        );
    }
    for thumbprint in ["", "12", "'; Remove-Item x; '0123456789012345678901"] {
        let error = store::open_by(host(None), thumbprint, false).map(|_| ());
        assert!(error.expect_err("none").to_string().contains("not one"));
    }
}

#[test]
fn what_powershell_is_given_is_powershell() {
    let parses = |text: &str| {
        let mut parser = tree_sitter::Parser::new();
        parser
            .set_language(&tree_sitter_powershell::LANGUAGE.into())
            .expect("the grammar fits the parser");
        let tree = parser.parse(text, None).expect("it has a language");
        !tree.root_node().has_error()
    };
    let place = r"Cert:\CurrentUser\My\01";
    assert!(parses(&store::chain_script(place)));
    assert!(parses(&store::sign_script(place, Sha256Digest([0; 32]))));
    assert!(!parses(&store::chain_script("'")));
}

/// A keeper that signs with whatever it has.
struct Foreign(Result<RsaKey, &'static str>);

impl Key for Foreign {
    fn place(&self) -> String {
        "the foreigner".into()
    }

    fn sign(&self, digest: Sha256Digest) -> Result<Vec<u8>, CertError> {
        match &self.0 {
            Ok(key) => key.sign(digest),
            Err(error) => Err(CertError::new(*error)),
        }
    }
}

#[test]
fn a_foreign_signature_is_told_before_it_is_used() {
    let (folder, other) = (Folder::new("own"), Folder::new("foreign"));
    for (key, part) in [
        (
            Foreign(Ok(other.rsa_key())),
            "what the foreigner gave is not usable: the signature was not made with the key of CN=own",
        ),
        (
            Foreign(Err("it is locked")),
            "the foreigner did not sign: it is locked",
        ),
    ] {
        let signer = Signer::new(vec![folder.certificate()], Box::new(key)).expect("a chain");
        let unsigned = waverig_package::catalog::unsigned(&waverig_package::catalog::CatalogSpec {
            list_id: [0; 16],
            time: UnixTime(0),
            os: "",
            os_attribute: "",
            hardware_ids: &[],
            members: &[],
        });
        let error = waverig_package::catalog::sign(&unsigned, &signer).expect_err("not signed");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn the_files_that_the_page_shows_are_read() {
    let page = include_str!("../../../docs/signing.md");
    let files: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert_eq!(files.len(), 4, "one for each kind of key");
    for file in files {
        let text = file.split("```").next().unwrap_or_default();
        toml::from_str::<Config>(text).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn what_no_machine_would_take_is_not_signed() {
    let folder = Folder::new("unfit");
    let file = folder.write(
        "signer.toml",
        "chain = \"certificate.pem\"\n[key]\nkind = \"file\"\nfile = \"key.pem\"\n",
    );
    let check = |now: UnixTime, part: &str| {
        let said = fit(&file, now)
            .err()
            .map_or(String::new(), |error| format!("{error:#}"));
        assert!(said.contains(part), "{said:?} lacks {part:?}");
        assert_eq!(said.is_empty(), part.is_empty(), "{said}");
    };
    check(UnixTime::now(), "");
    check(
        UnixTime(0),
        "nothing is signed:\n  CN=unfit: the certificate is not valid before",
    );
    check(UnixTime(u32::MAX.into()), "the certificate expired at");
    // One that signs mail.
    folder.openssl("req -x509 -key key.pem -out certificate.pem -subj /CN=mail -days 9 -addext extendedKeyUsage=emailProtection");
    check(UnixTime::now(), "sign with a certificate for code signing");
}
