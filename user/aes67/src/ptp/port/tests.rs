//! A master of the test's own, which writes the messages of IEEE 1588-2008, 13 by hand.

use rand::SeedableRng as _;

use super::*;

const MASTER: [u8; 8] = [0x39, 0xA7, 0x94, 0xFF, 0xFE, 7, 0xCB, 0xD0];
/// Master's time is this much ahead of the local clock.
const AHEAD: i64 = 1_790_000_000_000_000_000;
const DELAY: i64 = 30_000;

struct Master {
    identity: [u8; 8],
    domain: u8,
    sequence: u16,
}

impl Master {
    fn header(&self, kind: u8, length: u16, flags: u16, sequence: u16) -> Vec<u8> {
        let mut message = vec![kind, 2];
        message.extend(length.to_be_bytes());
        message.extend([self.domain, 0]);
        message.extend(flags.to_be_bytes());
        message.extend([0; 12]);
        message.extend(self.identity);
        message.extend([0, 1]);
        message.extend(sequence.to_be_bytes());
        message.extend([0, 0]);
        message
    }

    fn time(message: &mut Vec<u8>, ns: i64) {
        message.extend(&(ns / 1_000_000_000).to_be_bytes()[2..]);
        message.extend(((ns % 1_000_000_000) as u32).to_be_bytes());
    }

    fn announce(&mut self) -> Vec<u8> {
        let mut message = self.header(0xB, 64, 0x0008, self.sequence);
        Self::time(&mut message, 0);
        message.extend(37i16.to_be_bytes());
        message.extend([0, 128, 248, 0xFE, 0xFF, 0xFF, 128]);
        message.extend(self.identity);
        message.extend([0, 0, 0x20]);
        message
    }

    /// In two steps.
    fn sync(&mut self, sent: i64) -> [Vec<u8>; 2] {
        self.sequence += 1;
        let mut sync = self.header(0, 44, 0x0200, self.sequence);
        Self::time(&mut sync, 0);
        let mut follow = self.header(8, 44, 0, self.sequence);
        Self::time(&mut follow, sent);
        [sync, follow]
    }

    fn answer(&self, request: &[u8], came: i64) -> Vec<u8> {
        let sequence = u16::from_be_bytes([request[30], request[31]]);
        let mut message = self.header(9, 54, 0, sequence);
        Self::time(&mut message, came);
        message.extend(&request[20..30]);
        message
    }
}

/// Runs for some seconds of the test's time, an eighth of one at a time.
fn run(port: &mut Port<'_>, master: &mut Master, now: &mut Local, seconds: usize) {
    for eighth in 0..8 * seconds {
        *now += 125_000_000;
        if eighth % 8 == 0 {
            port.general(&master.announce(), *now);
        }
        let [sync, follow] = master.sync(*now + AHEAD);
        port.event(&sync, *now + DELAY);
        port.general(&follow, *now + DELAY);
        port.tick(*now + DELAY);
        for out in port.take() {
            assert_eq!(out.data[0] & 0xF, 1, "a follower only asks for the delay");
            port.sent(out.context.expect("an event"), *now);
            port.general(
                &master.answer(&out.data, *now + AHEAD + DELAY),
                *now + DELAY,
            );
        }
        assert!(port.next() > *now);
    }
}

fn master(domain: u8) -> Master {
    Master {
        identity: MASTER,
        domain,
        sequence: 0,
    }
}

#[test]
fn a_master_is_found_followed_and_lost() {
    let instance = instance(ClockIdentity([2; 8]), 3);
    let mut now = 5_000_000_000;
    let mut port = Port::new(&instance, StdRng::seed_from_u64(1), now);
    assert_eq!(port.known(now).state, State::NoMaster);
    // Of another domain: not ours.
    run(&mut port, &mut master(0), &mut now, 8);
    assert_eq!(port.known(now).state, State::NoMaster);
    run(&mut port, &mut master(3), &mut now, 9);
    let known = port.known(now);
    assert_eq!(known.state, State::Locked);
    assert_eq!(known.grandmaster, Some(ClockIdentity(MASTER)));
    let estimate = known.estimate.expect("a line");
    assert_eq!(estimate.delay_ns, DELAY);
    assert_eq!(estimate.mapping.ptp_at(now) - now, AHEAD);
    // Nothing more is heard.
    for _ in 0..200 {
        now += 125_000_000;
        port.tick(now);
        port.take();
    }
    let known = port.known(now);
    assert_eq!((known.state, known.grandmaster), (State::Holdover, None));
    assert_eq!(
        known.estimate.expect("a line").mapping.ptp_at(now) - now,
        AHEAD
    );
}

#[test]
fn what_is_no_message_does_no_harm() {
    let instance = instance(ClockIdentity([2; 8]), 0);
    let mut port = Port::new(&instance, StdRng::seed_from_u64(1), 0);
    let mut master = master(0);
    let good = [master.announce(), master.sync(AHEAD)[0].clone()];
    for message in good {
        // Short by one byte at least.
        for length in 0..message.len() - 1 {
            for byte in [0, 0x55, 0xFF] {
                let mut bad = message.clone();
                bad.truncate(length);
                bad.push(byte);
                port.event(&bad, 1);
                port.general(&bad, 1);
            }
        }
    }
    port.tick(1);
    assert_eq!(port.known(1).state, State::NoMaster);
}
