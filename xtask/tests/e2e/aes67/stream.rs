//! What arrives of a stream: bit for bit by ffmpeg, and when, by what `receive` of the sender's crate prints.

use std::fs;
use std::process::Command;

use crate::rig::{Rig, run};

use super::lab::{DOMAIN, HERE, Lab, MASTER, THERE, Told};
use super::{example, program};

const RATE: u64 = 48_000;
const GROUP: &str = "239.69.1.2";
const PORT: &str = "5004";
/// What ffmpeg takes of the stream.
const SECONDS: u64 = 1;

/// Frames that say which they are: 24 bits of a counter on the left, the same turned over on the right.
fn frames(count: u32) -> Vec<u8> {
    let frame = |n: u32| {
        let (left, right) = (n.wrapping_mul(2_654_435), !n);
        let (left, right) = (left.to_le_bytes(), right.to_le_bytes());
        [left[0], left[1], left[2], right[0], right[1], right[2]]
    };
    (1..=count).flat_map(frame).collect()
}

/// A WAV file of 24 bits and two channels.
fn wav(frames: &[u8]) -> Vec<u8> {
    let length = frames.len() as u32;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1, 0, 2, 0]);
    file.extend((RATE as u32).to_le_bytes());
    file.extend((RATE as u32 * 6).to_le_bytes());
    file.extend([6, 0, 24, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(frames);
    file
}

/// The samples of a WAV file, whatever its header has besides.
fn data(file: &[u8]) -> &[u8] {
    let at = file
        .windows(4)
        .position(|four| four == b"data")
        .expect("a WAV file");
    &file[at + 8..]
}

fn send(lab: &Lab, words: &[&str]) -> Command {
    let mut send = lab.here(program());
    send.args([
        "send",
        "--interface",
        HERE,
        "--group",
        GROUP,
        "--port",
        PORT,
    ]);
    send.args(["--domain", DOMAIN]).args(words);
    send
}

#[test]
fn ffmpeg_receives_every_bit_by_the_description() {
    let rig = Rig::new("aes67-ffmpeg");
    let Some(lab) = Lab::new() else { return };
    let _master = lab.grandmaster(&rig.folder);
    let (source, sdp) = (rig.folder.join("sent.wav"), rig.folder.join("stream.sdp"));
    let sent = frames(20 * RATE as u32);
    fs::write(&source, wav(&sent)).expect("the test's own folder");
    let source = format!("wav:{}", source.display());
    let sdp_word = sdp.to_str().expect("text");
    let words = ["--source", &source, "--sdp", sdp_word, "--no-sap"];
    let mut sender = Told::start(&mut send(&lab, &words));
    sender.wait_for("sending L24/48000/2 in packets of 48 frames to 239.69.1.2:5004");
    let text = fs::read_to_string(&sdp).expect("the description was told");
    for line in [
        &format!("a=ts-refclk:ptp=IEEE1588-2008:{MASTER}:{DOMAIN}"),
        "a=mediaclk:direct=0",
        "a=ptime:1",
        "c=IN IP4 239.69.1.2/15",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in:\n{text}");
    }
    let received = rig.folder.join("received.wav");
    let mut ffmpeg = lab.there("ffmpeg".as_ref());
    ffmpeg
        .args([
            "-nostdin",
            "-loglevel",
            "error",
            "-protocol_whitelist",
            "file,udp,rtp",
        ])
        .arg("-i")
        .arg(&sdp)
        .args(["-t", &SECONDS.to_string(), "-c:a", "pcm_s24le"])
        .arg(&received);
    run(&mut ffmpeg).expect(0, &[]);
    let file = fs::read(&received).expect("ffmpeg wrote it");
    let got = data(&file);
    assert_eq!(got.len() as u64, SECONDS * RATE * 6);
    // Where it joined; from there on every frame.
    let first = sent
        .chunks(6)
        .position(|frame| frame == &got[..6])
        .expect("a frame that was sent");
    let expect = &sent[first * 6..][..got.len()];
    let wrong = got
        .chunks(6)
        .zip(expect.chunks(6))
        .position(|(got, sent)| got != sent);
    assert_eq!(
        wrong, None,
        "frames from {first} on, the first that is another"
    );
}

/// Time stamps are the master's time; announcements come and go.
#[test]
fn time_stamps_are_the_masters_time() {
    let rig = Rig::new("aes67-time");
    let Some(lab) = Lab::new() else { return };
    let _master = lab.grandmaster(&rig.folder);
    let hear = |group: &str, port: &str| {
        let mut receive = lab.there(example());
        let mut receive = Told::start(receive.args([THERE, group, port]));
        receive.wait_for("listening");
        receive
    };
    let mut audio = hear(GROUP, PORT);
    let mut sap = hear("239.255.255.255", "9875");
    let format = ["--format", "L16/48000/1", "--ptime", "250us", "--for", "1"];
    let said = run(send(&lab, &["--source", "tone"]).args(format)).expect(
        0,
        &[
            "locked: grandmaster",
            "sending L16/48000/1 in packets of 12 frames",
            "0 lost before, 0 dropped as late; 0 slips, 0 gaps, 0 packets refused",
        ],
    );

    let announced = sap.wait_for(" 20");
    let deleted = sap.wait_for(" 24");
    let text = |line: &str| {
        let (_, hex) = line.split_once(' ').expect("time and bytes");
        let bytes = bytes(hex);
        // Flags, no authentication, hash, origin.
        assert_eq!(bytes[4..8], [192, 0, 2, 1]);
        String::from_utf8(bytes[8..].to_vec()).expect("text")
    };
    let description = text(&announced);
    assert!(
        description.starts_with("application/sdp\0v=0\r\n"),
        "{description}"
    );
    assert!(
        description.contains("a=rtpmap:98 L16/48000/1\r\n"),
        "{description}"
    );
    assert_eq!(text(&deleted), description);

    // The last packet has arrived: the deletion was sent behind it.
    let sent: usize = number(&said.err, "sent ", " packets");
    assert!(sent > 1000, "{}", said.err);
    let mut late = Vec::new();
    let mut before: Option<(u16, u32)> = None;
    for _ in 0..sent {
        let line = audio.wait_for(" 8062");
        let (came, hex) = line.split_once(' ').expect("time and bytes");
        let packet = bytes(hex);
        assert_eq!(packet.len(), 12 + 12 * 2);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let stamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        if let Some((last, at)) = before.replace((sequence, stamp)) {
            assert_eq!(
                (sequence, stamp),
                (last.wrapping_add(1), at.wrapping_add(12))
            );
        }
        // The master tells the time of day, which is this host's: its frame when the packet came, against the last one in it.
        let came: u128 = came.parse().expect("a time");
        let now = (came * u128::from(RATE) / 1_000_000_000) as u32;
        late.push(i64::from(now.wrapping_sub(stamp).cast_signed()) - 12);
    }
    late.sort_unstable();
    let us = |frames: i64| frames * 1_000_000 / RATE as i64;
    let (least, middle) = (us(late[0]), us(late[late.len() / 2]));
    println!("packets came {least} µs after their last frame at the least, {middle} at the middle");
    // Never before its frames are over, as well as the sender knows the time after a second; and a busy host wakes it late.
    assert!(
        (-1_000..5_000).contains(&least),
        "{least} µs, then {middle}"
    );
}

fn number<T: std::str::FromStr>(text: &str, before: &str, after: &str) -> T {
    let rest = text
        .split(before)
        .nth(1)
        .and_then(|rest| rest.split(after).next());
    rest.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no {before:?} in {text}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).expect("hex"), 16);
    digits.map(|two| byte(two).expect("hex")).collect()
}
