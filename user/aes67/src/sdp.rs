//! The session description of a stream (RFC 4566), with the clocks that it refers to (RFC 7273), as AES67-2018, 8 wants it.

use std::fmt::{self, Write as _};
use std::net::Ipv4Addr;

use crate::media::Shape;

/// Eight bytes that name a PTP clock, everywhere the only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockIdentity(pub [u8; 8]);

impl fmt::Display for ClockIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if at == 0 { "" } else { "-" };
            write!(f, "{dash}{byte:02X}")?;
        }
        Ok(())
    }
}

/// Whose time the stream's time stamps count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The grandmaster's, in this PTP domain.
    Ptp(ClockIdentity, u8),
    /// This host's own: nobody else has it.
    Local,
}

/// All that a receiver has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Names this session of the sender's; the same as long as it lasts.
    pub session: u64,
    /// Grows with each change of the description.
    pub version: u64,
    /// Where the packets come from.
    pub origin: Ipv4Addr,
    /// What people read.
    pub name: String,
    /// Where they go.
    pub group: Ipv4Addr,
    /// UDP port there.
    pub port: u16,
    /// How many routers they may pass, and one.
    pub ttl: u8,
    /// Number of the format in the packets' headers.
    pub payload_type: u8,
    /// Format and packet time.
    pub shape: Shape,
    /// Whose time.
    pub reference: Reference,
}

impl Description {
    /// The text, with lines that end as RFC 4566 wants it.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            session,
            version,
            origin,
            group,
            port,
            payload_type,
            shape,
            ..
        } = self;
        // A line break would begin another line of the description.
        let name: String = self.name.chars().filter(|c| !c.is_control()).collect();
        let name = if name.trim().is_empty() { "-" } else { &name };
        // Only a group's address has a time to live.
        let ttl = match group.is_multicast() {
            true => format!("/{}", self.ttl),
            false => String::new(),
        };
        let reference = match self.reference {
            Reference::Ptp(clock, domain) => format!("ptp=IEEE1588-2008:{clock}:{domain}"),
            Reference::Local => "local".into(),
        };
        let mut text = String::new();
        let lines = [
            "v=0".into(),
            format!("o=- {session} {version} IN IP4 {origin}"),
            format!("s={name}"),
            format!("c=IN IP4 {group}{ttl}"),
            "t=0 0".into(),
            format!("m=audio {port} RTP/AVP {payload_type}"),
            format!("a=rtpmap:{payload_type} {}", shape.format),
            "a=recvonly".into(),
            format!("a=ptime:{}", milliseconds(shape.packet_ms())),
            format!("a=framecount:{}", shape.packet_frames),
            format!("a=ts-refclk:{reference}"),
            "a=mediaclk:direct=0".into(),
        ];
        for line in lines {
            // Writing to a string does not fail.
            let _ = write!(text, "{line}\r\n");
        }
        text
    }
}

/// Three digits are less than half a frame off at every rate: what AES67-2018, 8.1 asks for.
fn milliseconds(ms: f64) -> String {
    let text = format!("{ms:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use sdp_types::Session;

    use super::*;
    use crate::media::PacketTime;

    pub(crate) fn description() -> Description {
        Description {
            session: 3_999_111_222,
            version: 1,
            origin: Ipv4Addr::new(192, 0, 2, 1),
            name: "waverig cable 1".into(),
            group: Ipv4Addr::new(239, 69, 1, 2),
            port: 5004,
            ttl: 15,
            payload_type: 98,
            shape: Shape::new("L24/48000/2".parse().expect("a format"), PacketTime::Ms1)
                .expect("fits"),
            reference: Reference::Ptp(
                ClockIdentity([0x39, 0xA7, 0x94, 0xFF, 0xFE, 0x07, 0xCB, 0xD0]),
                5,
            ),
        }
    }

    #[test]
    fn a_description_says_what_aes67_wants() {
        let expect = "v=0\r\n\
            o=- 3999111222 1 IN IP4 192.0.2.1\r\n\
            s=waverig cable 1\r\n\
            c=IN IP4 239.69.1.2/15\r\n\
            t=0 0\r\n\
            m=audio 5004 RTP/AVP 98\r\n\
            a=rtpmap:98 L24/48000/2\r\n\
            a=recvonly\r\n\
            a=ptime:1\r\n\
            a=framecount:48\r\n\
            a=ts-refclk:ptp=IEEE1588-2008:39-A7-94-FF-FE-07-CB-D0:5\r\n\
            a=mediaclk:direct=0\r\n";
        assert_eq!(description().text(), expect);
    }

    /// What another implementation reads in it.
    #[test]
    fn others_read_it() {
        let text = description().text();
        let session = Session::parse(text.as_bytes()).expect("SDP");
        assert_eq!(session.origin.sess_id, "3999111222");
        let media = &session.medias[0];
        assert_eq!(
            (&*media.media, media.port, &*media.fmt),
            ("audio", 5004, "98")
        );
        let value = |name: &str| {
            let value = media.get_first_attribute_value(name);
            value
                .expect("the attribute is there")
                .expect("it has a value")
                .to_owned()
        };
        assert_eq!(value("rtpmap"), "98 L24/48000/2");
        assert_eq!(
            value("ts-refclk"),
            "ptp=IEEE1588-2008:39-A7-94-FF-FE-07-CB-D0:5"
        );
        assert_eq!(value("mediaclk"), "direct=0");
        let connection = session
            .connection
            .expect("c=")
            .try_address()
            .expect("an address");
        assert_eq!(
            (connection.ip, connection.ttl),
            (Ipv4Addr::new(239, 69, 1, 2).into(), Some(15))
        );
    }

    #[test]
    fn a_name_stays_in_its_line() {
        let mut hostile = description();
        hostile.name = "a\r\na=inactive\u{85}b\n".into();
        let text = hostile.text();
        assert!(
            text.contains("s=aa=inactiveb\r\n") && text.lines().count() == 12,
            "{text}"
        );
        hostile.name = "\n ".into();
        assert!(hostile.text().contains("s=-\r\n"));
    }

    #[test]
    fn packet_times_are_less_than_half_a_frame_off() {
        let check = |format: &str, time: PacketTime, expect: &str| {
            let shape = Shape::new(format.parse().expect("a format"), time).expect("fits");
            let text = milliseconds(shape.packet_ms());
            assert_eq!(text, expect);
            let frames =
                text.parse::<f64>().expect("a number") * f64::from(shape.format.rate) / 1e3;
            assert!((frames - f64::from(shape.packet_frames)).abs() < 0.5);
        };
        check("L24/48000/2", PacketTime::Us125, "0.125");
        check("L24/48000/2", PacketTime::Us333, "0.333");
        check("L24/48000/2", PacketTime::Ms4, "4");
        check("L24/44100/2", PacketTime::Us125, "0.136");
        check("L16/44100/2", PacketTime::Ms1, "1.088");
        check("L24/96000/2", PacketTime::Us333, "0.333");
    }

    #[test]
    fn other_references_and_one_receiver() {
        let mut other = description();
        other.reference = Reference::Local;
        other.group = Ipv4Addr::new(192, 0, 2, 9);
        let text = other.text();
        assert!(text.contains("a=ts-refclk:local\r\n"), "{text}");
        assert!(text.contains("c=IN IP4 192.0.2.9\r\n"), "{text}");
    }
}
