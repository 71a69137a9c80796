//! Servers that answer a time stamp request wrongly, or not at all.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::super::tests::Folder;
use super::*;

/// Takes one request and does this with the connection; gives the place to ask.
fn server(answer: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("this host has a loopback");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        if let Ok((mut stream, _)) = listener.accept() {
            let mut request = Vec::new();
            while !request.ends_with(b"asked") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    return;
                }
                request.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
            assert!(
                head.contains("content-type: application/timestamp-query"),
                "{head}"
            );
            answer(stream);
        }
    });
    format!("http://{address}/")
}

fn ask(url: &str) -> Result<Vec<u8>, String> {
    post(url, b"asked", Duration::from_secs(2))
}

#[test]
fn what_servers_answer() {
    let said = |text: &'static str| {
        ask(&server(move |mut stream| {
            let _ = stream.write_all(text.as_bytes());
        }))
    };
    assert_eq!(
        said("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstamp"),
        Ok(b"stamp".to_vec())
    );
    for (answer, part) in [
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "503"),
        (
            "HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            "302",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", "http"),
        ("", "peer disconnect"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nstamp",
            "disconnect",
        ),
    ] {
        let error = said(answer).expect_err(answer).to_ascii_lowercase();
        assert!(error.contains(part), "{error} lacks {part}");
    }
    let endless = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    let error = ask(&endless).expect_err("it has no end");
    assert!(error.contains("its answer has no end"), "{error}");
    // Holds the connection until the client gives up.
    let silent = server(|mut stream| {
        let _ = stream.read(&mut [0]);
    });
    let error = post(&silent, b"asked", Duration::from_millis(200)).expect_err("it is silent");
    assert!(error.contains("timeout"), "{error}");
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let nobody = format!("http://{}/", nobody.expect("this host has a loopback"));
    assert!(ask(&nobody).is_err());
}

#[test]
fn addresses_that_are_not_taken() {
    let folder = Folder::new("addresses");
    for (url, right) in [
        ("http://127.0.0.1:1/stamp", true),
        ("https://stamp.example", false),
        ("http://", false),
        ("http://user:secret@stamp.example/", false),
    ] {
        let config: Config =
            toml::from_str(&format!("url = \"{url}\"\nroots = \"certificate.pem\""))
                .expect("it is TOML");
        let result = config.authority(&folder.0);
        assert!(!format!("{result:?}").contains("secret"), "{result:?}");
        assert_eq!(result.is_ok(), right, "{url}");
    }
}
