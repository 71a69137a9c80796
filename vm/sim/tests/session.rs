//! The program's session over its standard input and output, as a host drives it: whatever comes, it answers or ends.

use std::io::Write;
use std::process::{Command, Stdio};

use waverig_protocol::{PROTOCOL_VERSION, Reply, Request, frame};

/// What a session answers to these bytes before it ends, and whether it ended well.
fn session(input: &[u8]) -> (Vec<Reply>, bool) {
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
    (replies, output.status.success())
}

fn line(requests: &[(Request, &[u8])]) -> Vec<u8> {
    let mut line = Vec::new();
    for (request, payload) in requests {
        frame::write(&mut line, request, payload).expect("memory takes it");
    }
    line
}

fn check(requests: &[(Request, &[u8])], last: &str) {
    let (replies, well) = session(&line(requests));
    let got = format!("{:?}", replies.last());
    assert!(got.contains(last) && well, "{got} does not say {last:?}");
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
        let (replies, well) = session(&whole[..cut]);
        assert!(!well && replies.len() < 2, "{replies:?}");
    }
    assert!(!session(b"this is no frame at all").1);
}
