//! The client over a transport that answers from a list.

use std::collections::VecDeque;

use waverig_interface::HelloReply;

use super::*;
use crate::{Client, ClientError, Error, Transport, ioctl, request};

/// What is asked (code and input), and what is answered: bytes, or the number of an error.
type Exchange = (u32, Vec<u8>, Result<Vec<u8>, u32>);

struct Script(VecDeque<Exchange>);

impl Transport for Script {
    type Error = u32;

    fn ioctl(&mut self, code: u32, input: &[u8], output: &mut [u8]) -> Result<usize, u32> {
        let (expect, asked, answer) = self.0.pop_front().expect("one more ioctl than scripted");
        assert_eq!((code, input), (expect, &asked[..]));
        let answer = answer?;
        let count = answer.len().min(output.len());
        output[..count].copy_from_slice(&answer[..count]);
        Ok(answer.len())
    }
}

fn hello() -> Vec<u8> {
    let reply = HelloReply {
        version: 1,
        block_header_bytes: 64,
        qpc_frequency: 10_000_000,
        ring_frames: 48_000,
        ..HelloReply::default()
    };
    let mut bytes = vec![0; HelloReply::BYTES];
    reply.to_wire(&mut bytes).expect("room");
    bytes
}

fn client(answers: Vec<Exchange>) -> Client<Script> {
    let mut script = VecDeque::from(answers);
    script.push_front((ioctl::HELLO, request::hello().to_vec(), Ok(hello())));
    Client::open(Script(script), 16).expect("hello is answered")
}

#[test]
fn blocks_come_in_order_and_errors_come_through() {
    let read = request::read(2, 4).to_vec();
    let ask = |answer| (ioctl::READ, read.clone(), answer);
    let mut client = client(vec![
        ask(Ok(reply(&flagged(header(0, 2), BlockFlags::FIRST)))),
        ask(Err(0xC000_0120)),
        ask(Ok(reply(&header(2, 4)))),
        ask(Ok(reply(&header(7, 1)))),
        ask(Ok(reply(&header(6, 5)))),
        (ioctl::STATUS, vec![], Ok(vec![0; 96])),
    ]);
    assert_eq!(client.session().ring_frames, 48_000);
    assert_eq!(
        client.read(2, 4).expect("first block").0.frames,
        [0, 1, 2, 3, 4, 5, 6, 7]
    );
    assert!(matches!(
        client.read(2, 4),
        Err(ClientError::Transport(0xC000_0120))
    ));
    assert_eq!(client.read(2, 4).expect("second block").0.count, 4);
    assert!(matches!(
        client.read(2, 4),
        Err(ClientError::Reply(Error::Hole {
            expected: 6,
            got: 7,
            ..
        }))
    ));
    // More than the buffer has room for cannot have been answered.
    assert!(matches!(
        client.read(2, 4),
        Err(ClientError::Reply(Error::Long { need: 80, got: 84 }))
    ));
    assert_eq!(client.status().expect("a snapshot").generation, 0);
}

#[test]
fn a_device_that_does_not_speak_the_interface_is_refused() {
    let ask = |answer| {
        Script(VecDeque::from([(
            ioctl::HELLO,
            request::hello().to_vec(),
            answer,
        )]))
    };
    let refused = |answer| Client::open(ask(answer), 16).err();
    assert!(matches!(refused(Err(5)), Some(ClientError::Transport(5))));
    assert!(matches!(
        refused(Ok(vec![])),
        Some(ClientError::Reply(Error::Short { reply: "HELLO", .. }))
    ));
    assert!(matches!(
        refused(Ok(vec![0; 32])),
        Some(ClientError::Reply(Error::Version(0)))
    ));
}
