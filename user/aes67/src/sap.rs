//! Announcements of a stream (SAP, RFC 2974): what is sent, and when.

use std::net::Ipv4Addr;
use std::time::Duration;

/// UDP port of announcements.
pub const PORT: u16 = 9875;
/// How many routers an announcement may pass, and one: RFC 2974, 3.
pub const TTL: u8 = 255;
/// How often a stream is announced: AES67-2018 asks for 30 s at most, so that a listener need not wait long.
pub const INTERVAL: Duration = Duration::from_secs(30);

/// Bits of the first byte: version 1, and whether it deletes. Address type 0 is IPv4; not encrypted, not compressed.
const VERSION: u8 = 1 << 5;
const DELETION: u8 = 1 << 2;

/// Where the streams of a group are announced: those of administrative scope at the highest address of theirs, others at the global
/// one (RFC 2974, 3).
#[must_use]
pub fn group(stream: Ipv4Addr) -> Ipv4Addr {
    match stream.octets()[0] {
        239 => Ipv4Addr::new(239, 255, 255, 255),
        _ => Ipv4Addr::new(224, 2, 127, 254),
    }
}

/// Announces one stream: the first time at once, then every [`INTERVAL`]; a change at once, behind the deletion of what it replaces.
#[derive(Debug)]
pub struct Announcer {
    origin: Ipv4Addr,
    text: String,
    hash: u16,
    next: Option<Duration>,
}

impl Announcer {
    /// Nothing is announced yet.
    #[must_use]
    pub fn new(origin: Ipv4Addr) -> Self {
        Self {
            origin,
            text: String::new(),
            hash: 0,
            next: None,
        }
    }

    /// The stream has this description now. Gives the packet that deletes the former one.
    pub fn describe(&mut self, text: &str) -> Option<Vec<u8>> {
        if text == self.text {
            return None;
        }
        let deletion = self.delete();
        let mut hash = hash(text);
        if hash == self.hash {
            hash = hash.wrapping_add(1).max(1);
        }
        (self.text, self.hash) = (text.to_owned(), hash);
        self.next = Some(Duration::ZERO);
        deletion
    }

    /// The packet to send, when it is time; `now` is any clock that does not go backwards.
    pub fn due(&mut self, now: Duration) -> Option<Vec<u8>> {
        let next = self.next.filter(|next| *next <= now)?;
        self.next = Some(if next.is_zero() { now } else { next } + INTERVAL);
        Some(self.packet(VERSION))
    }

    /// The packet that takes the announcement back, when there was one.
    pub fn delete(&mut self) -> Option<Vec<u8>> {
        let announced = self.next.take().is_some_and(|next| !next.is_zero());
        announced.then(|| self.packet(VERSION | DELETION))
    }

    fn packet(&self, flags: u8) -> Vec<u8> {
        let mut packet = vec![flags, 0];
        packet.extend_from_slice(&self.hash.to_be_bytes());
        packet.extend_from_slice(&self.origin.octets());
        packet.extend_from_slice(b"application/sdp\0");
        packet.extend_from_slice(self.text.as_bytes());
        packet
    }
}

/// Sixteen bits that change with the text; never 0, which RFC 2974 keeps for those who give no hash. FNV-1a, folded.
fn hash(text: &str) -> u16 {
    let hash = text.bytes().fold(0x811C_9DC5u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    ((hash >> 16) as u16 ^ hash as u16).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::tests::description;

    /// RFC 2974, 3: what stands where.
    fn read(packet: &[u8]) -> (bool, u16, &str) {
        assert_eq!(packet[0] & !DELETION, 0x20);
        assert_eq!(packet[1], 0, "no authentication");
        assert_eq!(packet[4..8], [192, 0, 2, 1]);
        let rest = packet[8..]
            .strip_prefix(b"application/sdp\0")
            .expect("the type");
        let text = std::str::from_utf8(rest).expect("text");
        let hash = u16::from_be_bytes([packet[2], packet[3]]);
        (packet[0] & DELETION != 0, hash, text)
    }

    #[test]
    fn a_stream_is_announced_changed_and_deleted() {
        let mut description = description();
        let mut announcer = Announcer::new(description.origin);
        let s = Duration::from_secs;
        assert_eq!(announcer.due(s(1)), None, "nothing is described");
        let first = description.text();
        assert_eq!(announcer.describe(&first), None);
        let packet = announcer.due(s(1)).expect("at once");
        let (deletes, one, text) = read(&packet);
        assert!(!deletes && one != 0 && text == first);
        assert_eq!(announcer.due(s(30)), None);
        assert_eq!(announcer.due(s(31)), Some(packet.clone()));
        assert_eq!(announcer.describe(&first), None, "nothing new");
        assert_eq!(announcer.due(s(60)), None);
        assert_eq!(announcer.due(s(65)), Some(packet.clone()), "late");
        assert_eq!(announcer.due(s(90)), None);
        assert_eq!(
            announcer.due(s(91)),
            Some(packet),
            "one that is late moves no other"
        );

        description.version += 1;
        let second = description.text();
        let deletion = announcer.describe(&second).expect("the first goes");
        assert_eq!(read(&deletion), (true, one, &*first));
        let packet = announcer.due(s(91)).expect("at once");
        let (deletes, two, text) = read(&packet);
        assert!(!deletes && two != one && text == second);

        assert_eq!(
            read(&announcer.delete().expect("announced")),
            (true, two, &*second)
        );
        assert_eq!(announcer.delete(), None, "once");
        assert_eq!(announcer.due(s(1000)), None);
    }

    #[test]
    fn what_was_never_announced_is_not_deleted() {
        let mut announcer = Announcer::new(Ipv4Addr::LOCALHOST);
        announcer.describe("a");
        assert_eq!(announcer.delete(), None);
    }

    #[test]
    fn a_change_changes_the_hash_whatever_it_is() {
        // Two texts with the same hash, which the fold makes easy to find.
        let (a, b) = (0..100_000u32)
            .find_map(|number| {
                let (a, b) = ("0".to_owned(), number.to_string());
                (a != b && hash(&a) == hash(&b)).then_some((a, b))
            })
            .expect("sixteen bits meet soon");
        let mut announcer = Announcer::new(Ipv4Addr::LOCALHOST);
        announcer.describe(&a);
        let first = announcer.due(Duration::ZERO).expect("due");
        announcer.describe(&b);
        let second = announcer.due(Duration::ZERO).expect("due");
        assert_ne!(first[2..4], second[2..4]);
    }

    #[test]
    fn groups_are_announced_in_their_scope() {
        assert_eq!(
            group(Ipv4Addr::new(239, 69, 1, 2)),
            Ipv4Addr::new(239, 255, 255, 255)
        );
        assert_eq!(
            group(Ipv4Addr::new(232, 1, 1, 1)),
            Ipv4Addr::new(224, 2, 127, 254)
        );
    }
}
