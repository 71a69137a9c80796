//! Which of a scenario's programs a real machine plays, and how: each as a client of WASAPI or of the tap. What no program can do there is
//! refused, with why.

use waverig_protocol::Program;
use waverig_protocol::scenario::{
    Client, Disturbance, Format, Mode, Opening, Recorder, Scenario, Signal, TapClient,
};

/// How a stream is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Exclusive, with an event for each packet.
    ExclusiveEvent {
        /// Frames in a packet.
        packet_frames: u32,
    },
    /// Exclusive, looked at at intervals.
    ExclusivePolling {
        /// Frames in the buffer.
        buffer_frames: u32,
        /// Milliseconds between two looks.
        interval_ms: u32,
    },
    /// Through the audio engine, with an event for each period.
    Shared {
        /// Frames in a period; another than the engine's own asks for low latency.
        period_frames: u32,
    },
}

/// A program that plays or records.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Which.
    pub program: Program,
    /// On which cable, counted from 1.
    pub cable: u8,
    /// In which format.
    pub format: Format,
    /// How.
    pub share: Share,
    /// Whether it asks for `AUDCLNT_STREAMOPTIONS_RAW`.
    pub raw: bool,
    /// When it starts, in milliseconds after the scenario began.
    pub start_ms: u32,
    /// When it stops: always of one that records, of one that plays only when that is in the middle of its signal.
    pub stop_ms: Option<u32>,
    /// Of one that records until after its cable's players have ended: how long after, in milliseconds. They may end late.
    pub outlasts_ms: Option<u32>,
    /// What is played; `None` of a program that records.
    pub signal: Option<(Signal, u64)>,
    /// When it does nothing, and for how long, in milliseconds of stream time.
    pub stalls: Vec<(u32, u32)>,
}

/// A program that reads a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Which.
    pub program: Program,
    /// The tap of which cable.
    pub cable: u8,
    /// Each read completes when this many frames are there.
    pub read_frames: u32,
    /// Reads kept pended.
    pub reads: u32,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Those that play or record.
    pub streams: Vec<Stream>,
    /// Those that read a tap.
    pub readers: Vec<Reader>,
}

/// Makes it.
///
/// # Errors
/// What a real machine cannot do, and why.
pub fn plan(scenario: &Scenario) -> Result<Plan, String> {
    let only_simulated = [
        (
            scenario.soak.is_some(),
            "a soak holds the processor for days of virtual time",
        ),
        (
            scenario.digest_frames.is_some(),
            "a run that is folded lasts longer than anybody waits",
        ),
        (
            scenario.count_calls,
            "calls are counted where the kernel is the rig's",
        ),
    ];
    if let Some((_, why)) = only_simulated.iter().find(|(is, _)| *is) {
        return Err(format!("{why}: use --machine sim"));
    }
    let mut plan = Plan::default();
    for program in scenario.programs() {
        let stream = match program {
            Program::Main => {
                plan.readers.push(Reader {
                    program,
                    cable: 1,
                    read_frames: scenario.tap.read_frames,
                    reads: scenario.tap.reads,
                });
                player(scenario, program, scenario)?
            }
            Program::Player(number) => {
                let one = scenario.player(number).ok_or("no such player")?;
                waits(one.again, one.open)?;
                let view = scenario.view_of(program).ok_or("no such player")?;
                player(scenario, program, &view)?
            }
            Program::Recorder(number) => {
                let one = scenario.recorder(number).ok_or("no such recorder")?;
                waits(one.again, one.open)?;
                Stream {
                    program,
                    cable: one.cable,
                    format: scenario
                        .format_of(program)
                        .ok_or("a recorder without a format")?,
                    share: share(&one.client)?,
                    raw: one.mode == Some(Mode::Raw),
                    start_ms: one.start_ms,
                    stop_ms: Some(one.stop_ms),
                    outlasts_ms: outlasts(scenario, one),
                    signal: None,
                    stalls: stalls(&one.disturbances)?,
                }
            }
            Program::TapClient(number) => {
                let one = scenario.tap_client(number).ok_or("no such tap client")?;
                plan.readers.extend(reader(program, one)?);
                continue;
            }
        };
        plan.streams.push(stream);
    }
    Ok(plan)
}

fn player(scenario: &Scenario, program: Program, view: &Scenario) -> Result<Stream, String> {
    Ok(Stream {
        program,
        cable: scenario
            .cable_of(program)
            .ok_or("a player without a cable")?,
        format: view.format,
        share: share(&view.client)?,
        raw: view.mode == Some(Mode::Raw),
        start_ms: view.start_ms,
        stop_ms: view.stop_ms,
        outlasts_ms: None,
        signal: Some((view.signal.clone(), view.frames())),
        stalls: stalls(&view.disturbances)?,
    })
}

/// How long a recorder is there after the last player on its cable; `None` when it stops before that, or when none plays there.
fn outlasts(scenario: &Scenario, recorder: &Recorder) -> Option<u32> {
    let players = scenario.players_on(recorder.cable).into_iter();
    let ends = players
        .filter_map(|player| scenario.view_of(player))
        .map(|view| {
            let end = view.start_ms.saturating_add(view.duration_ms);
            view.stop_ms.map_or(end, |stop| stop.min(end))
        });
    recorder.stop_ms.checked_sub(ends.max()?)
}

fn waits(again: bool, open: Opening) -> Result<(), String> {
    if again || open != Opening::AtOnce {
        return Err("which of two programs is given a pin is up to the audio engine there".into());
    }
    Ok(())
}

fn share(client: &Client) -> Result<Share, String> {
    Ok(match *client {
        Client::EventDriven { packet_frames } => Share::ExclusiveEvent { packet_frames },
        Client::Polling {
            buffer_frames,
            interval_ms,
        } => Share::ExclusivePolling {
            buffer_frames,
            interval_ms,
        },
        Client::Shared {
            period_frames,
            event: true,
        } => Share::Shared { period_frames },
        Client::Shared { event: false, .. } => {
            return Err("whether the driver wakes the audio engine is up to the engine".into());
        }
        Client::Packet { .. } => {
            return Err("packet mode is between the audio engine and the driver; no program of WASAPI's sees it: use a shared client".into());
        }
        Client::Requests { .. } => {
            return Err("pins that take requests are not what this driver has".into());
        }
    })
}

fn stalls(disturbances: &[Disturbance]) -> Result<Vec<(u32, u32)>, String> {
    let one = |disturbance: &Disturbance| match *disturbance {
        Disturbance::ClientStall { at_ms, for_ms } => Ok((at_ms, for_ms)),
        other => Err(format!(
            "{other:?} happens where the kernel is the rig's: use --machine sim"
        )),
    };
    let mut stalls: Vec<_> = disturbances.iter().map(one).collect::<Result<_, _>>()?;
    stalls.sort_unstable();
    Ok(stalls)
}

fn reader(program: Program, one: &TapClient) -> Result<Option<Reader>, String> {
    let plain = TapClient {
        cable: one.cable,
        read_frames: one.read_frames,
        reads: one.reads,
        ..TapClient::default()
    };
    if *one != plain {
        return Err("a tap client that does more than read is played on the simulator only".into());
    }
    Ok((one.reads > 0).then_some(Reader {
        program,
        cable: one.cable,
        read_frames: one.read_frames,
        reads: one.reads,
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use waverig_protocol::scenario::Sample;

    use super::*;

    const FORMAT: Format = Format {
        rate: 48_000,
        channels: 2,
        sample: Sample::Pcm16,
    };

    fn scenario(client: Client) -> Scenario {
        Scenario::of(Signal::Counter, FORMAT, client, 100)
    }

    fn event() -> Scenario {
        scenario(Client::EventDriven { packet_frames: 480 })
    }

    fn check(scenario: &Scenario, expect: &str) {
        let got = plan(scenario).expect_err("no real machine plays it");
        assert!(got.contains(expect), "{got:?} does not say {expect:?}");
    }

    #[test]
    fn what_no_program_can_do_is_refused() {
        let packet = Client::Packet {
            packet_frames: 480,
            end_of_stream: false,
        };
        check(&scenario(packet), "no program of WASAPI's");
        let timer = Client::Shared {
            period_frames: 480,
            event: false,
        };
        check(&scenario(timer), "up to the engine");
        let mut sleeps = event();
        sleeps.disturbances.push(Disturbance::TimerStall {
            at_ms: 1,
            for_ms: 1,
        });
        check(&sleeps, "TimerStall");
        let mut counted = event();
        counted.count_calls = true;
        check(&counted, "--machine sim");
        let mut steers = event();
        steers.tap_clients.push(TapClient {
            hostile: true,
            ..TapClient::default()
        });
        check(&steers, "more than read");
    }

    #[test]
    fn programs_become_clients() {
        let mut both = event();
        both.disturbances.push(Disturbance::ClientStall {
            at_ms: 7,
            for_ms: 3,
        });
        both.recorders.push(Recorder {
            cable: 1,
            format: None,
            client: Client::Shared {
                period_frames: 128,
                event: true,
            },
            mode: Some(Mode::Raw),
            again: false,
            open: Opening::AtOnce,
            start_ms: 5,
            stop_ms: 90,
            disturbances: Vec::new(),
        });
        let plan = plan(&both).expect("a real machine plays it");
        let [player, recorder] = &plan.streams[..] else {
            panic!("{plan:?}");
        };
        assert_eq!(player.share, Share::ExclusiveEvent { packet_frames: 480 });
        assert_eq!(player.signal, Some((Signal::Counter, 4_800)));
        assert_eq!(player.stalls, [(7, 3)]);
        assert_eq!(recorder.share, Share::Shared { period_frames: 128 });
        assert_eq!((recorder.format, recorder.raw), (FORMAT, true));
        assert_eq!((recorder.start_ms, recorder.stop_ms), (5, Some(90)));
        // The player ends at 100 ms.
        assert_eq!(recorder.outlasts_ms, None);
        assert_eq!(plan.readers.len(), 1);
    }

    #[test]
    fn who_outlasts_the_players_of_its_cable() {
        let check = |cable: u8, stop_ms: u32, expect: Option<u32>| {
            let mut scenario = event();
            scenario.start_ms = 20;
            scenario.recorders.push(Recorder {
                cable,
                format: Some(FORMAT),
                client: Client::EventDriven { packet_frames: 480 },
                mode: None,
                again: false,
                open: Opening::AtOnce,
                start_ms: 0,
                stop_ms,
                disturbances: Vec::new(),
            });
            let plan = plan(&scenario).expect("a real machine plays it");
            assert_eq!(plan.streams[1].outlasts_ms, expect, "{cable} {stop_ms}");
            assert_eq!(plan.streams[0].outlasts_ms, None);
        };
        // The player of cable 1 ends at 120 ms; nobody plays on cable 2.
        check(1, 119, None);
        check(1, 120, Some(0));
        check(1, 500, Some(380));
        check(2, 500, None);
    }

    /// What there is to play on a real machine some day: the count changes when scenarios do.
    #[test]
    fn the_projects_scenarios_are_played_or_refused_for_a_reason() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci/scenarios");
        let (mut played, mut refused) = (0, 0);
        for entry in fs::read_dir(folder).expect("the scenarios are there") {
            let text = fs::read_to_string(entry.expect("listed").path()).expect("it is text");
            let Ok(scenario) = toml::from_str::<Scenario>(&text) else {
                continue;
            };
            match plan(&scenario) {
                Ok(plan) => {
                    assert!(!plan.streams.is_empty());
                    played += 1;
                }
                Err(why) => {
                    assert!(why.len() > 20, "{why}");
                    refused += 1;
                }
            }
        }
        assert!(played >= 25, "{played} are played, {refused} refused");
    }
}
