//! The command line.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::media::{Format, PacketTime, Shape};

/// What the words may be.
pub const USAGE: &str = "\
usage: waverig-aes67 send --source SOURCE --interface ADDRESS --group ADDRESS [options]
       waverig-aes67 ptp --interface ADDRESS [--domain N] [--count N]
       waverig-aes67 help

send: audio as an AES67 stream, in the time of the PTP grandmaster
  --source tap | tone[:HZ] | wav:FILE    what is sent: the driver's tap (Windows), a tone of -20 dBFS, a file once
  --interface ADDRESS                    IPv4 address of the interface that the stream leaves from
  --group ADDRESS                        where it goes: a multicast group, or one receiver
  --port N                               UDP port there (5004)
  --format L24/48000/2                   encoding L16 or L24, rate 44100, 48000 or 96000, channels
  --ptime 1ms                            packet time: 125us, 250us, 333us, 1ms or 4ms
  --payload-type N                       96 to 127 (98)
  --ttl N                                routers that packets may pass, and one (15)
  --dscp N                               class of the packets (34: AF41)
  --domain N                             PTP domain (0)
  --name TEXT                            what receivers show
  --sdp FILE                             writes the description there, too
  --no-sap                               announces nothing
  --wait SECONDS                         how long a PTP master may take (20)
  --without-master end | go              what then: end, or go on in this host's own time (end)
  --idle silence | nothing               what is sent while Windows plays nothing (silence)
  --device N, --cable N                  which tap, when there are several: from 1 (1)
  --for SECONDS                          ends by itself

ptp: what is known of the grandmaster, once a second
  --count N                              so many times, then ends

exit codes: 0 done; 1 failed; 2 wrong use; 3 no PTP master";

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Words {
    /// Send a stream.
    Send(Box<Send>),
    /// Tell of the master.
    Ptp(Ptp),
    /// Tell what the words may be.
    Help,
}

/// Where audio comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The driver.
    Tap,
    /// A sine of so many hertz.
    Tone(f64),
    /// A file, once.
    Wav(PathBuf),
}

/// What to do without a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutMaster {
    /// Nothing.
    End,
    /// Send in this host's own time.
    Go,
}

/// What to send while there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Packets of silence: receivers stay in step.
    Silence,
    /// No packets.
    Nothing,
}

/// A stream.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is an option of USAGE")]
pub struct Send {
    pub source: Source,
    pub interface: Ipv4Addr,
    pub group: Ipv4Addr,
    pub port: u16,
    pub shape: Shape,
    pub payload_type: u8,
    pub ttl: u8,
    pub dscp: u8,
    pub domain: u8,
    pub name: String,
    pub sdp: Option<PathBuf>,
    pub sap: bool,
    pub wait: Duration,
    pub without_master: WithoutMaster,
    pub idle: Idle,
    pub device: usize,
    pub cable: u32,
    pub lasts: Option<Duration>,
}

/// A look at the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ptp {
    /// Address of the interface.
    pub interface: Ipv4Addr,
    /// PTP domain.
    pub domain: u8,
    /// How often to tell; `None`: until the program is ended.
    pub count: Option<u64>,
}

/// Options of one verb that were given.
struct Given(Vec<(String, String)>);

impl Given {
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn read<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        let read = text.parse();
        read.map(Some)
            .map_err(|error| format!("{name} {text}: {error:#}"))
    }

    fn within<T>(&mut self, name: &str, least: T, most: T, usual: T) -> Result<T, String>
    where
        T: FromStr<Err: fmt::Display> + PartialOrd + fmt::Display,
    {
        match self.read(name)? {
            Some(value) if value < least || value > most => {
                Err(format!("{name} {value}: {least} to {most} are possible"))
            }
            value => Ok(value.unwrap_or(usual)),
        }
    }

    fn needed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        name: &str,
        verb: &str,
    ) -> Result<T, String> {
        self.read(name)?
            .ok_or_else(|| format!("{verb} needs {name}"))
    }

    fn seconds(&mut self, name: &str) -> Result<Option<Duration>, String> {
        let Some(seconds) = self.read::<f64>(name)? else {
            return Ok(None);
        };
        let duration = Duration::try_from_secs_f64(seconds);
        duration
            .map(Some)
            .map_err(|error| format!("{name} {seconds}: {error}"))
    }

    fn one_of<T: Copy>(&mut self, name: &str, words: [(&str, T); 2]) -> Result<T, String> {
        let [(first, usual), (second, _)] = words;
        let Some(text) = self.take(name) else {
            return Ok(usual);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        let found =
            found.ok_or_else(|| format!("{name} {text}: {first} and {second} are possible"));
        found.map(|(_, value)| *value)
    }
}

/// Reads them.
///
/// # Errors
/// A sentence with the word that means nothing here, or what is missing.
pub fn read(words: impl IntoIterator<Item = String>) -> Result<Words, String> {
    let mut words = words.into_iter();
    let verb = words.next().ok_or("what is to be done?")?;
    let mut given = Given(Vec::new());
    while let Some(word) = words.next() {
        if matches!(&*word, "--help" | "-h") {
            return Ok(Words::Help);
        }
        if !word.starts_with("--") {
            return Err(format!("{word:?} means nothing here"));
        }
        let value = match &*word {
            "--no-sap" => String::new(),
            _ => words
                .next()
                .ok_or_else(|| format!("{word} lacks its value"))?,
        };
        if given.0.iter().any(|(name, _)| *name == word) {
            return Err(format!("{word} stands there twice"));
        }
        given.0.push((word, value));
    }
    let read = match &*verb {
        "send" => Words::Send(Box::new(send(&mut given)?)),
        "ptp" => Words::Ptp(Ptp {
            interface: given.needed("--interface", "ptp")?,
            domain: given.within("--domain", 0, 127, 0)?,
            count: given.read("--count")?,
        }),
        "help" | "--help" | "-h" | "/?" => return Ok(Words::Help),
        _ => return Err(format!("{verb:?} is no verb; there are send, ptp and help")),
    };
    match given.0.first() {
        Some((name, _)) => Err(format!("{name} means nothing to {verb}")),
        None => Ok(read),
    }
}

fn send(given: &mut Given) -> Result<Send, String> {
    let format: Format = given.read("--format")?.unwrap_or(Format {
        encoding: crate::media::Encoding::L24,
        rate: 48_000,
        channels: 2,
    });
    let time: PacketTime = given.read("--ptime")?.unwrap_or(PacketTime::Ms1);
    let source = source(&given.needed::<String>("--source", "send")?, format)?;
    let group: Ipv4Addr = given.needed("--group", "send")?;
    if group.is_unspecified() || group.is_broadcast() {
        return Err(format!(
            "--group {group}: a multicast group, or one receiver"
        ));
    }
    Ok(Send {
        source,
        interface: given.needed("--interface", "send")?,
        group,
        port: given.within("--port", 1024, 65_534, 5004)?,
        shape: Shape::new(format, time).map_err(|error| error.to_string())?,
        payload_type: given.within("--payload-type", 96, 127, 98)?,
        ttl: given.within("--ttl", 1, 255, 15)?,
        dscp: given.within("--dscp", 0, 63, 34)?,
        domain: given.within("--domain", 0, 127, 0)?,
        name: given.take("--name").unwrap_or_else(|| "waverig".into()),
        sdp: given.take("--sdp").map(PathBuf::from),
        sap: given.take("--no-sap").is_none(),
        wait: given.seconds("--wait")?.unwrap_or(Duration::from_secs(20)),
        without_master: given.one_of(
            "--without-master",
            [("end", WithoutMaster::End), ("go", WithoutMaster::Go)],
        )?,
        idle: given.one_of(
            "--idle",
            [("silence", Idle::Silence), ("nothing", Idle::Nothing)],
        )?,
        device: given.within("--device", 1, 64, 1)?,
        cable: given.within("--cable", 1, 8, 1)?,
        lasts: given.seconds("--for")?,
    })
}

fn source(text: &str, format: Format) -> Result<Source, String> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    match (kind, rest) {
        ("tap", "") => Ok(Source::Tap),
        ("tone", "") => Ok(Source::Tone(1000.0)),
        ("tone", hz) => match hz.parse::<f64>() {
            Ok(hz) if hz > 0.0 && hz < f64::from(format.rate) / 2.0 => Ok(Source::Tone(hz)),
            _ => Err(format!(
                "--source {text}: a tone lies between 0 Hz and half the rate"
            )),
        },
        ("wav", file) if !file.is_empty() => Ok(Source::Wav(file.into())),
        _ => Err(format!(
            "--source {text}: tap, tone, tone:HZ and wav:FILE are possible"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expect: &str) {
        let got = match read(words.split_whitespace().map(str::to_owned)) {
            Ok(words) => format!("{words:?}"),
            Err(error) => error,
        };
        assert!(
            got.contains(expect),
            "{words:?} gives {got:?}, not {expect:?}"
        );
    }

    #[test]
    fn words_mean_one_thing_or_are_refused() {
        const SEND: &str = "send --source tone --interface 192.0.2.1 --group 239.69.1.2";
        let send = |more: &str, expect: &str| check(&format!("{SEND} {more}"), expect);
        send(
            "",
            "Tone(1000.0), interface: 192.0.2.1, group: 239.69.1.2, port: 5004",
        );
        send(
            "",
            "ttl: 15, dscp: 34, domain: 0, name: \"waverig\", sdp: None, sap: true",
        );
        send("", "wait: 20s, without_master: End, idle: Silence");
        send(
            "--without-master go --idle nothing --no-sap",
            "sap: false, wait: 20s, without_master: Go, idle: Nothing",
        );
        send(
            "--format L16/44100/1 --ptime 125us",
            "encoding: L16, rate: 44100, channels: 1 }, packet_frames: 6",
        );
        send("--for 1.5", "lasts: Some(1.5s)");
        send("--format L24/48000/11", "at most 10 channels");
        send("--format MP3/48000/1", "L16 and L24");
        send("--ptime 2ms", "no packet time of AES67");
        send("--port 80", "1024 to 65534");
        send("--payload-type 10", "96 to 127");
        send("--without-master wait", "end and go are possible");
        send("--for -1", "--for -1");
        send("--wait NaN", "--wait NaN");
        send("--count 1", "--count means nothing to send");
        send("--port", "--port lacks its value");
        send("--group 239.1.1.1", "--group stands there twice");
        send("tap", "\"tap\" means nothing here");
        check(
            "send --source wav: --interface 1.2.3.4 --group 239.1.1.1",
            "tap, tone, tone:HZ and wav:FILE",
        );
        check(
            "send --source tone:30000 --interface 1.2.3.4 --group 239.1.1.1",
            "half the rate",
        );
        check(
            "send --source tone:NaN --interface 1.2.3.4 --group 239.1.1.1",
            "half the rate",
        );
        check(
            r"send --source wav:C:\a.wav --interface 1.2.3.4 --group 239.1.1.1",
            r#"Wav("C:\\a.wav")"#,
        );
        check(
            "send --source tap --interface 1.2.3.4",
            "send needs --group",
        );
        check(
            "send --source tap --interface eth0 --group 239.1.1.1",
            "--interface eth0: invalid IPv4",
        );
        check(
            "send --source tap --interface 1.2.3.4 --group 0.0.0.0",
            "a multicast group",
        );
        check("ptp", "ptp needs --interface");
        check("ptp --interface 192.0.2.1 --domain 128", "0 to 127");
        check(
            "ptp --interface 192.0.2.1 --count 3",
            "domain: 0, count: Some(3)",
        );
        check("", "what is to be done?");
        check("stream", "is no verb");
        check("help", "Help");
        check("send --help", "Help");
    }
}
