//! A tone through WASAPI and back: played and recorded by the agent in Wine, over a sound server with a sink that is heard by nobody.
//!
//! Both streams have the sink's own rate and samples, so that nothing has to be converted: what arrives is what was played, to the bit. A
//! mixer promises no more than that it arrives some time, and a busy host may tear holes into it; so what is looked for is one stretch
//! without a hole, long enough to be measured.

use std::process::Child;
use std::thread;
use std::time::Instant;

use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Format, Opening, Recorder, Sample, Scenario, Signal};
use waverig_protocol::timeline::{Event, Stamped};
use waverig_signal::{Generator, sample, tone};

use super::*;

/// The sink's own.
const FORMAT: Format = Format {
    rate: 48_000,
    channels: 2,
    sample: Sample::Float32,
};
/// Wine's period: 10 ms.
const SHARED: Client = Client::Shared {
    period_frames: 480,
    event: true,
};
const HERTZ: f64 = 1_000.0;
const LEVEL_DB: f64 = -6.0;
/// A stretch that is long enough: 100 ms.
const STRETCH: usize = 4_800;

/// A sound server of one's own, with one sink.
struct SoundServer {
    child: Child,
    socket: PathBuf,
}

impl SoundServer {
    fn start(folder: &Path) -> Self {
        // The name of a socket may have 108 bytes; the test's folder alone may have more.
        let socket = std::env::temp_dir().join(format!("waverig-{}", std::process::id()));
        let protocol = format!(
            "module-native-protocol-unix socket={} auth-anonymous=1",
            socket.display()
        );
        let sink = "module-null-sink sink_name=rig rate=48000 channels=2 format=float32le \
                    sink_properties=device.description=rig";
        let log = File::create(folder.join("pulseaudio.log")).expect("the folder is writable");
        let child = Command::new("pulseaudio")
            .args([
                "-n",
                "--daemonize=no",
                "--use-pid-file=no",
                "--disable-shm=yes",
            ])
            .args(["--exit-idle-time=-1", "-L", sink, "-L", &protocol])
            .env("XDG_RUNTIME_DIR", folder)
            .env("HOME", folder)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stderr(log)
            .spawn()
            .expect("pulseaudio can be started");
        let server = Self { child, socket };
        // It loads its modules in order; the socket, the last, is there when everything is.
        let end = Instant::now() + DEADLINE;
        while !server.socket.exists() {
            assert!(Instant::now() < end, "the sound server makes no socket");
            thread::yield_now();
        }
        server
    }

    fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
    }
}

fn tone_of(level_db: f64) -> Signal {
    Signal::Sine {
        frequency: HERTZ,
        level_db,
    }
}

/// A second of tone, and a recorder that is there before and after.
fn scenario(client: Client) -> Scenario {
    let mut scenario = Scenario::of(tone_of(LEVEL_DB), FORMAT, client, 1_000);
    scenario.name = "wine-tone".into();
    scenario.start_ms = 200;
    scenario.recorders.push(Recorder {
        cable: 1,
        format: Some(FORMAT),
        client,
        mode: None,
        again: false,
        open: Opening::AtOnce,
        start_ms: 0,
        stop_ms: 2_200,
        disturbances: Vec::new(),
    });
    scenario
}

/// What a run gave.
#[derive(Default)]
struct Played {
    events: Vec<Stamped>,
    recorded: Vec<u8>,
    findings: Vec<String>,
}

fn play(link: &mut Link, scenario: Scenario) -> Played {
    let scenario = Box::new(scenario);
    let mut played = Played::default();
    for (reply, payload) in ask(link, &Request::Run { scenario, seed: 1 }, &[]) {
        match reply {
            Reply::Events { events } => played.events.extend(events),
            Reply::Capture {
                program,
                first_frame,
            } => {
                let have = (played.recorded.len() / FORMAT.frame_bytes()) as u64;
                assert_eq!((program, first_frame), (Program::Recorder(1), have));
                played.recorded.extend(payload);
            }
            Reply::Finding(finding) => played.findings.push(finding.text),
            other => assert_eq!(other, Reply::Done),
        }
    }
    played
}

/// The longest stretch of the recording that is a stretch of this signal, bit for bit: its bytes.
fn longest<'a>(recorded: &'a [u8], signal: &Signal) -> &'a [u8] {
    let generator = Generator::new(signal, FORMAT).expect("the format has this signal");
    let bytes = FORMAT.frame_bytes();
    // A second period is the same as the first, to the bit: a sine is made from where it is in its period.
    let period = (f64::from(FORMAT.rate) / HERTZ) as usize;
    let played = generator.bytes(0..2 * period as u64);
    let frame = |at: usize| &played[at % period * bytes..][..bytes];
    assert_eq!(played[..period * bytes], played[period * bytes..]);
    let mut best: &[u8] = &[];
    for phase in 0..period {
        let mut first = 0;
        for (at, got) in recorded.chunks_exact(bytes).enumerate() {
            if got != frame(at + phase) {
                first = at + 1;
            } else if (at + 1 - first) * bytes > best.len() {
                best = &recorded[first * bytes..(at + 1) * bytes];
            }
        }
    }
    best
}

fn check_recording(played: &Played) {
    let stretch = longest(&played.recorded, &tone_of(LEVEL_DB));
    let frames = stretch.len() / FORMAT.frame_bytes();
    assert!(
        frames >= STRETCH,
        "of {} recorded frames only {frames} in a row are what was played",
        played.recorded.len() / FORMAT.frame_bytes()
    );
    // The same search does not find a tone that is 0.1 dB off.
    let other = longest(&played.recorded, &tone_of(LEVEL_DB - 0.1));
    assert!(other.len() < 8 * FORMAT.frame_bytes(), "{}", other.len());
    for channel in 0..2 {
        let levels: Vec<f64> = stretch
            .chunks_exact(FORMAT.frame_bytes())
            .map(|frame| sample::level(FORMAT.sample, &frame[channel * 4..][..4]))
            .collect();
        let tone = tone::measure(&levels, FORMAT.rate, HERTZ).expect("there is a tone");
        assert!((tone.frequency_hz - HERTZ).abs() < 0.01, "{tone:?}");
        assert!((tone.level_db - LEVEL_DB).abs() < 0.001, "{tone:?}");
        assert!(tone.residual_db < -120.0, "{tone:?}");
    }
}

/// Of each program: opened, run, positions that never go back, stop, closed.
fn check_timeline(events: &[Stamped], program: Program) {
    let own: Vec<_> = events.iter().filter(|one| one.program == program).collect();
    let states: Vec<_> = own
        .iter()
        .filter_map(|one| match &one.event {
            Event::State { state } => Some(state.as_str()),
            Event::Opened { packet_frames, .. } => {
                assert_eq!(*packet_frames, 480);
                Some("opened")
            }
            Event::Closed => Some("closed"),
            _ => None,
        })
        .collect();
    assert_eq!(states, ["opened", "run", "stop", "closed"], "{program}");
    let mut last = (0, 0);
    for one in &own {
        if let Event::Position { frames } = one.event {
            assert!(
                (frames, one.qpc) >= last,
                "{program}: {one:?} after {last:?}"
            );
            last = (frames, one.qpc);
        }
    }
    assert!(own.iter().any(|one| one.event == Event::Notified));
    if program == Program::Main {
        assert!(last.0 >= 48_000, "only {} frames were played", last.0);
    }
}

#[test]
fn a_tone_is_played_and_recorded_through_wasapi() {
    let rig = Rig::new("wine-audio");
    let sound = SoundServer::start(&rig.folder);
    let mut wine = Wine::start();
    wine.sound = sound.address();
    // A name of nobody's: those there are are told.
    let (mut link, _) = wine.agent(&rig.folder, &["--play-on", "loudspeaker"]);
    hello(&mut link);
    let run = Request::Run {
        scenario: Box::new(scenario(SHARED)),
        seed: 1,
    };
    refused(&mut link, &run, &["loudspeaker", "\"rig\""]);
    done(&mut link, &Request::Shutdown, &[]);
    let words = ["--play-on", "rig", "--record-from", "Monitor of rig"];
    let (mut link, _) = wine.agent(&rig.folder, &words);
    hello(&mut link);
    let played = play(&mut link, scenario(SHARED));
    assert!(played.findings.is_empty(), "{:?}", played.findings);
    check_recording(&played);
    check_timeline(&played.events, Program::Main);
    check_timeline(&played.events, Program::Recorder(1));
    // What Wine 8 refuses is told by its name, with the program that was refused.
    let refusals = [
        (
            Client::EventDriven { packet_frames: 480 },
            "AUDCLNT_E_EXCLUSIVE_MODE_NOT_ALLOWED",
        ),
        (
            Client::Shared {
                period_frames: 128,
                event: true,
            },
            "the periods that the audio engine offers are not told",
        ),
    ];
    for (client, words) in refusals {
        let findings = play(&mut link, scenario(client)).findings;
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("main: "), "{findings:?}");
        assert!(findings[1].starts_with("recorder-1: "), "{findings:?}");
        for finding in &findings {
            assert!(finding.contains(words), "{findings:?} lacks {words}");
        }
    }
    // And what no real machine plays is refused before anything is opened.
    let mut counted = scenario(SHARED);
    counted.count_calls = true;
    let run = Request::Run {
        scenario: Box::new(counted),
        seed: 1,
    };
    refused(&mut link, &run, &["--machine sim"]);
    done(&mut link, &Request::Shutdown, &[]);
}
