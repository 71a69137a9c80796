//! Keys that are not ours sign: what is made with them is accepted by programs that are not ours, and no secret is told.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use waverig_package::cert::{Certificate, RsaKey, Signer};
use waverig_package::timestamp::Authority;
use waverig_package::{Date, cabinet};

use crate::rig::{Rig, Run, run, xtask};

const PIN: &str = "271828";

/// Runs `program line…` in `folder`; words in it hold no spaces.
fn at(folder: &Path, program: &str, line: &str) -> Run {
    let mut command = Command::new(program);
    run(command.args(line.split_whitespace()).current_dir(folder))
}

/// A root, an intermediate authority and a certificate for code signing with its key: `chain.pem`, `root.pem`, `key.pem`.
fn authority(folder: &Path) {
    authority_for(folder, "codeSigning");
}

/// [`authority`] whose certificate is for these purposes.
fn authority_for(folder: &Path, purposes: &str) {
    let extensions = format!(
        "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n\
        [code]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={purposes}\n\
        [stamp]\nextendedKeyUsage=critical,timeStamping\n[req]\ndistinguished_name=dn\n[dn]\n"
    );
    fs::write(folder.join("x.cnf"), extensions).expect("the test's own folder");
    let openssl = |line: &str| {
        at(folder, "openssl", line).expect(0, &[]);
    };
    openssl(
        "req -config x.cnf -x509 -extensions ca -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj /CN=root -days 30",
    );
    for (name, key, issuer, section) in [
        ("middle", "middle.key", "root", "ca"),
        ("leaf", "key.pem", "middle", "code"),
        ("stamper", "stamper.key", "root", "stamp"),
    ] {
        openssl(&format!(
            "req -config x.cnf -newkey rsa:2048 -nodes -keyout {key} -out {name}.csr -subj /CN={name}"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -out {name}.pem -days 30 -sha384 -extfile x.cnf -extensions {section}"
        ));
    }
    let chain: String = ["leaf", "middle", "root"]
        .map(|name| fs::read_to_string(folder.join(format!("{name}.pem"))).expect("it was made"))
        .concat();
    fs::write(folder.join("chain.pem"), chain).expect("the test's own folder");
}

#[test]
fn a_token_signs_and_osslsigncode_accepts_the_chain() {
    let rig = Rig::new("token");
    let folder = &rig.folder;
    authority(folder);
    fs::create_dir(folder.join("tokens")).expect("the test's own folder");
    let tokens = folder.join("tokens").display().to_string();
    let conf = folder.join("softhsm2.conf");
    fs::write(&conf, format!("directories.tokendir = {tokens}\n")).expect("own folder");
    for line in [
        format!("--init-token --free --label release --so-pin 000000 --pin {PIN}"),
        format!("--import key.pem --token release --label signing --id 01 --pin {PIN}"),
    ] {
        run(Command::new("softhsm2-util")
            .args(line.split(' '))
            .current_dir(folder)
            .env("SOFTHSM2_CONF", &conf))
        .expect(0, &[]);
    }
    // From here on the key is in the token only.
    fs::remove_file(folder.join("key.pem")).expect("it was there");
    let signer = folder.join("signer.toml");
    let module = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/libsofthsm2.so",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
    .expect("SoftHSM's module is where distributions put it");
    let write = |label: &str, pin: &str| {
        let text = format!(
            "chain = \"chain.pem\"\n[key]\nkind = \"pkcs11\"\nmodule = \"{module}\"\ntoken = \"release\"\nlabel = \"{label}\"\npin = {pin}\n"
        );
        fs::write(&signer, text).expect("own folder");
    };
    let package = |pin: &str| {
        let said = run(xtask()
            .args(["package", "--signer"])
            .arg(&signer)
            .arg("--out")
            .arg(folder)
            .env("SOFTHSM2_CONF", &conf)
            .env("WAVERIG_TEST_PIN", pin));
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains(pin), "the PIN is told:\n{all}");
        said
    };
    let pin = "{ env = \"WAVERIG_TEST_PIN\" }";
    write("signing", pin);
    package("314159").expect(1, &["token release does not take the PIN"]);
    write("other", pin);
    package(PIN).expect(1, &["0 keys on token release are called other"]);
    write("signing", pin);
    package(PIN).expect(0, &["waverig.cat"]);
    for file in ["waverig.sys", "waverig.cat"] {
        let line = format!("verify -CAfile root.pem package/{file}");
        at(folder, "osslsigncode", &line).expect(0, &["Succeeded"]);
        // With another root it is not, or the chain was not looked at.
        let line = format!("verify -CAfile middle.pem package/{file}");
        assert_ne!(at(folder, "osslsigncode", &line).code, Some(0));
    }
}

/// What openssl needs to be a time stamp authority.
fn stamp_authority(folder: &Path) {
    let conf = "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_digest=sha512\ndefault_policy=1.2.3.4.1\n\
        digests=sha256\naccuracy=secs:1\ness_cert_id_alg=sha256\n";
    fs::write(folder.join("tsa.cnf"), conf).expect("the test's own folder");
    fs::write(folder.join("serial"), "01\n").expect("the test's own folder");
}

/// A time stamp authority: openssl's, behind enough of HTTP. It lives as long as the tests.
fn stamps(folder: PathBuf) -> String {
    stamp_authority(&folder);
    let listener = TcpListener::bind("127.0.0.1:0").expect("this host has a loopback");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stamp(stream, &folder);
        }
    });
    format!("http://{address}/stamp")
}

fn stamp(mut stream: TcpStream, folder: &Path) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the client speaks HTTP");
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut query = vec![0; length];
    reader
        .read_exact(&mut query)
        .expect("the client sends it all");
    let reply = reply(folder, &query);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reply.len()
    );
    stream
        .write_all(&[head.as_bytes(), &reply].concat())
        .expect("the client reads it");
}

/// What openssl's authority answers.
fn reply(folder: &Path, query: &[u8]) -> Vec<u8> {
    fs::write(folder.join("query"), query).expect("the test's own folder");
    at(
        folder,
        "openssl",
        "ts -reply -config tsa.cnf -queryfile query -signer stamper.pem -inkey stamper.key -out reply",
    )
    .expect(0, &[]);
    fs::read(folder.join("reply")).expect("openssl wrote it")
}

#[test]
fn time_stamps_of_openssl_are_accepted_by_osslsigncode() {
    let rig = Rig::new("stamped");
    let folder = &rig.folder;
    authority(folder);
    let text = format!(
        "chain = \"chain.pem\"\n[key]\nkind = \"file\"\nfile = \"key.pem\"\n[time_stamp]\nurl = \"{}\"\nroots = \"root.pem\"\n",
        stamps(folder.clone())
    );
    fs::write(folder.join("signer.toml"), text).expect("the test's own folder");
    let signer = folder.join("signer.toml").display().to_string();
    rig.xtask(&["package", "--signer", &signer])
        .expect(0, &["waverig.cat"]);
    for file in ["waverig.sys", "waverig.cat"] {
        let line = format!("verify -CAfile root.pem -TSA-CAfile root.pem package/{file}");
        at(folder, "osslsigncode", &line).expect(
            0,
            &[
                "Succeeded",
                "Timestamp Server Signature verification: ok",
                "Timestamp time",
            ],
        );
        // Another root is not good enough, or nobody looked.
        let line = format!("verify -CAfile root.pem -TSA-CAfile leaf.pem package/{file}");
        let said = at(folder, "osslsigncode", &line);
        assert!(
            said.out
                .contains("Timestamp Server Signature verification: failed"),
            "{}",
            said.out
        );
    }
}

/// The folder's chain and key, with openssl's time stamps.
fn signer(folder: &Path) -> Signer {
    let read = |name: &str| fs::read(folder.join(name)).expect("it was made");
    let key = RsaKey::from_pkcs8_pem(&read("key.pem"), None).expect("openssl made it");
    let chain = Certificate::all_from_pem(&read("chain.pem")).expect("openssl made it");
    let roots = Certificate::all_from_pem(&read("root.pem")).expect("openssl made it");
    stamp_authority(folder);
    let place = folder.to_owned();
    let post = Box::new(move |query: &[u8]| Ok(reply(&place, query)));
    Signer::new(chain, Box::new(key))
        .expect("they belong together")
        .with_authority(Authority::new("openssl", roots, post))
}

/// A cabinet with the package, signed, in the folder; its files.
fn submission(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let files = ["waverig.inf", "waverig.sys", "waverig.pdb", "waverig.cat"].map(|name| {
        let bytes = fs::read(folder.join("package").join(name)).expect("it was packaged");
        (name, bytes)
    });
    let listed: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, &bytes[..]))
        .collect();
    let date = Date::new(2026, 11, 20).expect("a day");
    let unsigned = cabinet::write("waverig", &listed, date).expect("names that are taken");
    let signed = cabinet::sign(&unsigned, &signer(folder)).expect("the test's own key");
    fs::write(folder.join("submission.cab"), signed).expect("the test's own folder");
    files.to_vec()
}

#[test]
fn a_cabinet_is_accepted_by_osslsigncode_and_unpacked_by_cabextract() {
    let rig = Rig::with_package("cabinet");
    let folder = &rig.folder;
    authority(folder);
    let files = submission(folder);
    let verify = "verify -CAfile root.pem -TSA-CAfile root.pem submission.cab";
    at(folder, "osslsigncode", verify).expect(
        0,
        &["Succeeded", "Timestamp Server Signature verification: ok"],
    );
    at(folder, "cabextract", "-q -d unpacked submission.cab").expect(0, &[]);
    for (name, bytes) in files {
        let unpacked = fs::read(folder.join("unpacked/waverig").join(name)).expect("it is in it");
        assert!(unpacked == bytes, "{name} is another");
    }
    // One changed bit, and nobody accepts it.
    let path = folder.join("submission.cab");
    let mut bytes = fs::read(&path).expect("it is there");
    bytes[1000] ^= 1;
    fs::write(&path, bytes).expect("the test's own folder");
    assert_ne!(at(folder, "osslsigncode", verify).code, Some(0));
    assert_ne!(at(folder, "cabextract", "-t submission.cab").code, Some(0));
}

#[test]
fn what_comes_back_is_compared_with_what_was_sent() {
    let rig = Rig::with_package("returned");
    let folder = &rig.folder;
    authority(folder);
    submission(folder);
    // "Microsoft" packages the same driver with a signature of its own.
    let theirs = folder.join("theirs");
    fs::create_dir(&theirs).expect("the test's own folder");
    authority_for(&theirs, "codeSigning,1.3.6.1.4.1.311.10.3.5.1");
    let text = "chain = \"chain.pem\"\n[key]\nkind = \"file\"\nfile = \"key.pem\"\n";
    fs::write(theirs.join("signer.toml"), text).expect("the test's own folder");
    let by = theirs.join("signer.toml").display().to_string();
    run(xtask()
        .args(["package", "--signer", &by, "--out"])
        .arg(&theirs))
    .expect(0, &[]);
    let [sent, roots, ours] = ["submission.cab", "theirs/root.pem", "root.pem"]
        .map(|name| folder.join(name).display().to_string());
    let package = theirs.join("package");
    let returned = |back: &Path, roots: &str, more: &[&str]| {
        let back = back.display().to_string();
        let words = [
            "returned", "--sent", &sent, "--back", &back, "--roots", roots,
        ];
        run(xtask().args(words).args(more))
    };
    returned(&package, &roots, &[]).expect(0, &["signed by CN=leaf", "_v100_X64_VB", "passed"]);
    returned(&package, &ours, &[]).expect(1, &["was not made with the key of CN=root"]);
    returned(&package, &roots, &["--systems", "_v100_X64_XX"])
        .expect(1, &["it is not for _v100_X64_XX"]);
    returned(&rig.package(), &roots, &[]).expect(1, &["do not ship what came back"]);
    // As a ZIP, with another INF.
    let zip = folder.join("returned.zip");
    let mut writer = zip::ZipWriter::new(fs::File::create(&zip).expect("own folder"));
    for name in ["waverig.inf", "waverig.sys", "waverig.cat"] {
        let bytes = fs::read(package.join(name)).expect("it was packaged");
        let options = zip::write::SimpleFileOptions::default();
        writer
            .start_file(format!("drivers/{name}"), options)
            .expect("a name");
        writer.write_all(&bytes).expect("own folder");
        if name == "waverig.inf" {
            writer.write_all(b"; edited").expect("own folder");
        }
    }
    writer.finish().expect("own folder");
    returned(&zip, &roots, &[]).expect(1, &["waverig.inf: it is another than was sent"]);
}
