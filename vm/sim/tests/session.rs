//! The program's session over its standard input and output, as a host drives it: whatever comes, it answers or ends.

mod tiny;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tiny::Code;
use waverig_package::catalog::{self, CatalogSpec, Member};
use waverig_package::cert::Signer;
use waverig_package::inf::{self, Stamp};
use waverig_package::{Arch, Date, UnixTime, authenticode};
use waverig_protocol::device::Device;
use waverig_protocol::{PROTOCOL_VERSION, Reply, Request, frame};

/// What a session answers to these bytes before it ends, and its exit code.
fn session(input: &[u8]) -> (Vec<Reply>, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_waverig-sim"))
        .arg("session")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // A session that ended early no longer reads; what it answered is what counts.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("the program ends");
    let mut line = output.stdout.as_slice();
    let mut replies = Vec::new();
    while let Ok((reply, _)) = frame::read(&mut line) {
        replies.push(reply);
    }
    (replies, output.status.code())
}

fn line(requests: &[(Request, &[u8])]) -> Vec<u8> {
    let mut line = Vec::new();
    for (request, payload) in requests {
        frame::write(&mut line, request, payload).expect("memory takes it");
    }
    line
}

fn check(requests: &[(Request, &[u8])], last: &str) {
    let (replies, code) = session(&line(requests));
    let got = format!("{:?}", replies.last());
    assert!(
        got.contains(last) && code == Some(0),
        "{got} does not say {last:?}"
    );
    assert_eq!(
        replies.iter().filter(|reply| reply.is_final()).count(),
        requests.len()
    );
}

const HELLO: Request = Request::Hello {
    version: PROTOCOL_VERSION,
};

fn install() -> Request {
    Request::Install {
        inf: "waverig.inf".into(),
        hardware_id: r"Root\waverig".into(),
        device: Box::<Device>::default(),
    }
}

#[test]
fn a_session_answers_every_request_and_ends_when_told() {
    check(&[(HELLO, b"")], "Ready");
    check(&[(HELLO, b""), (Request::Shutdown, b"")], "Done");
    check(
        &[(HELLO, b""), (Request::Remove, b"")],
        "no device is installed",
    );
}

#[test]
fn a_package_that_is_none_is_refused_with_the_file() {
    let stage = || Request::Stage {
        name: "waverig.inf".into(),
    };
    let trust = (Request::Trust, b"no certificate".as_slice());
    check(
        &[(HELLO, b""), trust, (stage(), b""), (install(), b"")],
        "a certificate to trust",
    );
    check(
        &[(HELLO, b""), (stage(), b"junk"), (install(), b"")],
        "waverig.inf",
    );
}

#[test]
fn a_line_that_breaks_ends_the_session() {
    let whole = line(&[(HELLO, b""), (Request::Shutdown, b"")]);
    for cut in [10, whole.len() - 1] {
        let (replies, code) = session(&whole[..cut]);
        assert!(code != Some(0) && replies.len() < 2, "{replies:?}");
    }
    assert_ne!(session(b"this is no frame at all").1, Some(0));
}

/// Signs a driver and packages it with the project's INF: name and bytes of each file, and the certificate.
fn package(image: &[u8]) -> (Vec<(&'static str, Vec<u8>)>, Vec<u8>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("session-certificate");
    let signer = Signer::ensure(&folder, "CN=session test", UnixTime::now())
        .expect("a certificate can be made");
    let image = authenticode::sign(image, &signer, false).expect("the image can be signed");
    let stamp = Stamp {
        date: Date::new(2026, 1, 1).expect("a day"),
        version: "1.0.0.0".parse().expect("a version"),
        arch: Arch::Amd64,
        catalog: "waverig.cat",
    };
    let inx = include_bytes!("../../../driver/waverig.inx");
    let inf = inf::stamp("waverig.inf", inx, &stamp).expect("the INF can be stamped");
    let members = [
        Member::image("waverig.sys", &image).expect("an image"),
        Member::flat("waverig.inf", &inf),
    ];
    let unsigned = catalog::unsigned(&CatalogSpec {
        list_id: [1; 16],
        time: stamp.date.midnight(),
        os: "_v100_X64",
        os_attribute: "2:10.0",
        hardware_ids: &[r"root\waverig".to_owned()],
        members: &members,
    });
    let catalog = catalog::sign(&unsigned, &signer).expect("the catalog can be signed");
    let files = vec![
        ("waverig.sys", image),
        ("waverig.inf", inf),
        ("waverig.cat", catalog),
    ];
    (files, signer.certificate().der().to_vec())
}

/// Installs a driver made of this code; gives the last reply and the exit code.
fn install_driver(code: Code) -> (Reply, Option<i32>) {
    let (files, certificate) = package(&code.build());
    let mut requests = vec![(HELLO, &b""[..]), (Request::Trust, &certificate)];
    for (name, bytes) in &files {
        requests.push((
            Request::Stage {
                name: (*name).into(),
            },
            bytes,
        ));
    }
    requests.push((install(), b""));
    let (mut replies, code) = session(&line(&requests));
    (replies.pop().expect("an answer"), code)
}

#[test]
fn a_driver_that_crashes_is_reported_before_the_machine_ends() {
    // mov byte [0], 1
    let code = Code::driver()
        .bytes(&[0xC6, 0x04, 0x25, 0, 0, 0, 0, 1])
        .success();
    let (reply, code) = install_driver(code);
    let Reply::Fault { summary, text } = reply else {
        panic!("{reply:?}")
    };
    assert!(summary.contains("[access-violation]"), "{summary}");
    let head = text.split("\n\n").next().unwrap_or_default();
    for part in [
        "error[access-violation]: the driver writes",
        "--> waverig.sys+0x",
        "= rule: A driver touches only memory",
        "bug-check-code-reference2",
        "= last calls: ",
    ] {
        assert!(head.contains(part), "no {part:?} in the head of\n{text}");
    }
    assert!(
        text.contains("DriverEntry") && text.contains("waverig.sys"),
        "{text}"
    );
    assert_eq!(code, Some(97));
}

#[test]
fn a_driver_that_takes_no_device_is_refused() {
    let (reply, code) = install_driver(Code::driver().success());
    assert!(format!("{reply:?}").contains("no AddDevice"), "{reply:?}");
    assert_eq!(code, Some(0));
}
