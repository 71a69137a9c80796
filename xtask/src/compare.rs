//! The same tone through different drivers and clients: what of it is heard, how long a frame is under way, and what that takes.
//!
//! A frame is under way from the moment at which a program has written it, in the timeline of the machine, until its turn comes on the
//! device's clock, which is what the driver stamps on the frames that it hands to the tap. Both are virtual time. What is counted is the
//! difference between a longer and a shorter run, so that opening and closing cancel out.

mod cost;
mod latency;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use waverig_protocol::Reply;
use waverig_protocol::device::Device;
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal, Tap};
use waverig_protocol::timeline::{Event, Stamped};
use waverig_signal::Generator;
use waverig_vm::run::Part;

use crate::lab::Lab;
use crate::verbs::package::{self, Driver};
pub(crate) use cost::costs;
pub(crate) use latency::Latency;

const RATE: u32 = 48_000;
/// How long is played, in milliseconds.
const DURATIONS: [u32; 2] = [1_000, 2_000];
/// A machine that takes longer has hung.
const DEADLINE: Duration = Duration::from_secs(120);

/// The tone.
pub(crate) const FORMAT: Format = Format {
    rate: RATE,
    channels: 2,
    sample: Sample::Pcm16,
};

/// One way to play it.
pub(crate) struct Way {
    pub(crate) driver: &'static Driver,
    /// What a person calls it.
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    /// Whether nothing may be missing.
    pub(crate) whole: bool,
}

const fn requests(packet_frames: u32, requests: u32) -> Client {
    Client::Requests {
        packet_frames,
        requests,
    }
}

const fn packets(packet_frames: u32) -> Client {
    Client::EventDriven { packet_frames }
}

/// From the least of what is usual to what only one of the two ports can do.
pub(crate) const WAYS: [Way; 7] = [
    Way {
        driver: &package::WAVERIG,
        name: "WaveRT, 2 packets of 10 ms",
        client: packets(480),
        whole: true,
    },
    Way {
        driver: &package::WAVERIG,
        name: "WaveRT, 2 packets of 3 ms",
        client: packets(144),
        whole: true,
    },
    Way {
        driver: &package::WAVERIG,
        name: "WaveRT, 2 packets of 1 ms",
        client: packets(48),
        whole: true,
    },
    Way {
        driver: &package::WAVECYC,
        name: "WaveCyclic, 4 requests of 10 ms",
        client: requests(480, 4),
        whole: true,
    },
    Way {
        driver: &package::WAVECYC,
        name: "WaveCyclic, 2 requests of 10 ms",
        client: requests(480, 2),
        whole: true,
    },
    Way {
        driver: &package::WAVECYC,
        name: "WaveCyclic, 2 requests of 3 ms",
        client: requests(144, 2),
        whole: false,
    },
    Way {
        driver: &package::WAVECYC,
        name: "WaveCyclic, 2 requests of 1 ms",
        client: requests(48, 2),
        whole: false,
    },
];

impl Way {
    /// What is played for so many milliseconds.
    fn scenarios(&self, durations: [u32; 2]) -> Vec<Scenario> {
        let signal = Signal::Sine {
            frequency: 1_000.0,
            level_db: -6.0,
        };
        let scenario = |ms: u32| Scenario {
            name: self.name_for(ms),
            count_calls: true,
            tap: Tap {
                read_frames: 480,
                reads: 2,
            },
            ..Scenario::of(signal.clone(), FORMAT, self.client, ms)
        };
        durations.map(scenario).to_vec()
    }

    fn name_for(&self, ms: u32) -> String {
        format!("{}-{ms}", self.name.replace([' ', ','], "-"))
    }
}

/// What one way gave.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) latency: Latency,
    /// Frames of silence for each second of tone.
    pub(crate) silent: u64,
    /// Callbacks of the driver's timers, and how often the program was woken, in a second.
    pub(crate) timers: u64,
    pub(crate) woken: u64,
    /// Calls into the driver and out of it, in a second.
    pub(crate) calls: [u64; 2],
    /// Bytes that the port copied for each byte that was played.
    pub(crate) copies: f64,
}

/// What one scenario gave.
#[derive(Default)]
struct Heard {
    timeline: Vec<Stamped>,
    /// The tap's frames, in order.
    captured: Vec<(u64, Vec<u8>)>,
}

/// Plays a way's two scenarios on a fresh machine.
///
/// # Errors
/// Whatever is not as it should be, in sentences: a rule that was broken, a frame that is missing or another.
pub(crate) fn measure(lab: &Lab, way: &Way, folder: &Path) -> Result<Measured> {
    let (device, scenarios) = (Device::default(), way.scenarios(DURATIONS));
    let job = waverig_vm::run::Job {
        scenarios: &scenarios,
        ..lab.job(&device, DEADLINE)
    };
    let mut heard: Vec<Heard> = scenarios.iter().map(|_| Heard::default()).collect();
    let complaints = lab.run_with(&job, folder, &mut |part, reply, payload| {
        let Part::Scenario(index) = part else { return };
        match reply {
            Reply::Events { events } => heard[index].timeline.extend(events),
            Reply::Capture { first_frame, .. } => {
                heard[index].captured.push((first_frame, payload));
            }
            _ => {}
        }
    })?;
    if !complaints.is_empty() {
        bail!("{}: {}", way.name, complaints.join("\n"));
    }
    let mut audio = Vec::new();
    for (heard, scenario) in heard.iter().zip(&scenarios) {
        let one = Audio::of(heard, scenario).with_context(|| scenario.name.clone())?;
        if way.whole && one.silent > 0 {
            bail!(
                "{}: {} frames of silence amid the tone",
                scenario.name,
                one.silent
            );
        }
        audio.push(one);
    }
    let [Some(short), Some(long)] = [0, 1].map(|at| counted(&heard[at].timeline)) else {
        bail!("{}: the machine did not tell what was called", way.name);
    };
    let seconds = u64::from(DURATIONS[1] - DURATIONS[0]) / 1_000;
    let more = |of: fn(&Counted) -> u64| of(&long).saturating_sub(of(&short)) / seconds;
    let silent = audio[1].silent.saturating_sub(audio[0].silent) / seconds;
    Ok(Measured {
        latency: Latency::of(&heard[1].timeline, &audio[1].places, RATE)
            .with_context(|| way.name.to_owned())?,
        silent,
        timers: more(|it| it.into_driver.get("ExTimer callback").copied().unwrap_or(0)),
        woken: more(|it| it.woken),
        calls: [
            more(|it| it.into_driver.values().sum()),
            more(|it| it.into_kernel.values().sum()),
        ],
        copies: more(|it| it.copied) as f64
            / (u64::from(RATE) * FORMAT.frame_bytes() as u64) as f64,
    })
}

/// What was called, and how often the client was woken.
struct Counted {
    into_driver: BTreeMap<String, u64>,
    into_kernel: BTreeMap<String, u64>,
    copied: u64,
    woken: u64,
}

fn counted(timeline: &[Stamped]) -> Option<Counted> {
    let woken = timeline
        .iter()
        .filter(|each| matches!(each.event, Event::Notified));
    let woken = woken.count() as u64;
    timeline.iter().rev().find_map(|each| match &each.event {
        Event::Counted {
            into_driver,
            into_kernel,
            copied_bytes,
        } => Some(Counted {
            into_driver: into_driver.clone(),
            into_kernel: into_kernel.clone(),
            copied: *copied_bytes,
            woken,
        }),
        _ => None,
    })
}

/// The tone in what the tap gave.
struct Audio {
    /// Where each frame of the tone was heard, in the device's frames.
    places: Vec<u64>,
    /// Frames of silence between the first and the last of them.
    silent: u64,
}

impl Audio {
    /// Compares bit for bit: every frame of the tone once and in order, and silence between them where nothing was there in time.
    fn of(heard: &Heard, scenario: &Scenario) -> Result<Self> {
        let frame_bytes = scenario.format.frame_bytes();
        let generator = Generator::new(&scenario.signal, scenario.format)?;
        let expected = generator.bytes(0..scenario.frames());
        let mut rest = expected.chunks_exact(frame_bytes);
        let mut places = Vec::new();
        let mut next = heard.captured.first().map_or(0, |(first, _)| *first);
        let mut silence = 0;
        let mut silent = 0;
        for (first, bytes) in &heard.captured {
            if *first != next {
                bail!("frames {next} to {first} did not come out of the tap");
            }
            for (place, frame) in (next..).zip(bytes.chunks_exact(frame_bytes)) {
                // No frame of the tone is silent: the channels are a quarter of a period apart.
                if frame.iter().all(|byte| *byte == 0) {
                    silence += 1;
                    continue;
                }
                if rest.next() != Some(frame) {
                    bail!(
                        "frame {place} of the device is not frame {} of the tone, bit for bit",
                        places.len()
                    );
                }
                silent += if places.is_empty() { 0 } else { silence };
                silence = 0;
                places.push(place);
            }
            next = first + (bytes.len() / frame_bytes) as u64;
        }
        if rest.next().is_some() {
            bail!(
                "{} of {} frames of the tone were heard",
                places.len(),
                scenario.frames()
            );
        }
        Ok(Self { places, silent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the tap gives of 100 ms, changed; and what is said of it.
    fn check(change: fn(&mut Vec<(u64, Vec<u8>)>), expect: Result<u64, &str>) {
        let way = &WAYS[0];
        let [scenario, _] = &way.scenarios([100, 200])[..] else {
            unreachable!("two were asked for");
        };
        let generator = Generator::new(&scenario.signal, scenario.format).expect("a tone");
        let frame_bytes = scenario.format.frame_bytes();
        // Silence before it, the tone in two blocks, silence behind it.
        let mut captured = vec![
            (0, vec![0; 48 * frame_bytes]),
            (48, generator.bytes(0..2_400)),
            (2_448, generator.bytes(2_400..4_800)),
            (4_848, vec![0; 48 * frame_bytes]),
        ];
        change(&mut captured);
        let heard = Heard {
            captured,
            ..Heard::default()
        };
        let found = Audio::of(&heard, scenario);
        match (found, expect) {
            (Ok(audio), Ok(silent)) => {
                assert_eq!((audio.silent, audio.places.len()), (silent, 4_800));
            }
            (Err(error), Err(words)) => {
                assert!(
                    error.to_string().contains(words),
                    "{error} says no {words:?}"
                );
            }
            (found, _) => panic!("{:?}", found.map(|audio| audio.silent)),
        }
    }

    #[test]
    fn every_frame_must_be_heard_once_and_in_order_bit_for_bit() {
        check(|_| (), Ok(0));
        // A gap of silence is counted.
        check(
            |captured| {
                captured[2].0 += 10;
                captured[3].0 += 10;
                captured.insert(2, (2_448, vec![0; 40]));
            },
            Ok(10),
        );
        check(|captured| captured[1].1[4] ^= 1, Err("frame 1 of the tone"));
        check(
            |captured| captured[2].0 += 1,
            Err("did not come out of the tap"),
        );
        check(
            |captured| {
                captured[1].1.drain(..4);
                captured[2].0 -= 1;
                captured[3].0 -= 1;
            },
            Err("frame 0 of the tone"),
        );
        check(|captured| captured.truncate(2), Err("2400 of 4800 frames"));
    }

    #[test]
    fn each_way_has_names_of_its_own_for_callgrind() {
        let all = WAYS.iter().flat_map(|way| way.scenarios(DURATIONS));
        let names: Vec<String> = all.map(|scenario| scenario.name).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), 2 * WAYS.len());
        assert!(names.iter().all(|name| !name.contains(' ')));
    }
}
