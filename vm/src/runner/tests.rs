//! Agents that are threads of this process.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::hyperv::transcript::{Agent, Heard, standin};
use crate::run::{Ending, Job, Part, run};
use serde_json::json;
use waverig_protocol::Severity;
use waverig_protocol::device::Device;
use waverig_protocol::noise::Time;
use waverig_protocol::scenario::Scenario;

/// Agents, one after the other; the last one again and again.
struct Scripted {
    agents: Mutex<VecDeque<Agent>>,
    heard: Heard,
}

impl Agents for Scripted {
    fn start(&self, _: &Path) -> io::Result<Ends> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = match agents.len() {
            1 => agents.front().cloned(),
            _ => agents.pop_front(),
        };
        let heard = Arc::clone(&self.heard);
        heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push("|");
        standin(agent.expect("one is left"), None, Some(heard))
    }
}

fn good() -> Agent {
    checked(r#"[{"name":"test-signing","holds":true,"text":"on"}]"#)
}

fn checked(conditions: &str) -> Agent {
    Agent {
        conditions: Some(conditions.into()),
        noise: String::new(),
        at: None,
        does: None,
        stdio: true,
        payload: None,
        result: None,
        leaves: BTreeMap::new(),
        left: Vec::new(),
        collects: BTreeMap::new(),
        time: Time::Virtual,
        late: 0,
    }
}

fn bad(at: &str, does: &str) -> Agent {
    Agent {
        at: Some(at.into()),
        does: Some(does.into()),
        ..good()
    }
}

/// Two sessions with these agents: what the first that went wrong said, and all that agents heard; each start is a `|`.
fn play(name: &str, agents: &[Agent]) -> (String, String) {
    let (said, heard, _) = play_all(name, agents, &[]);
    (said, heard)
}

/// The same with scenarios, and what it was told.
fn play_all(
    name: &str,
    agents: &[Agent],
    scenarios: &[Scenario],
) -> (String, String, Vec<(Part, Reply)>) {
    let folder = std::env::temp_dir().join(format!("waverig-runner-{}-{name}", std::process::id()));
    fs::create_dir_all(folder.join("package")).expect("the temporary folder is writable");
    let heard = Heard::default();
    let scripted = Scripted {
        agents: Mutex::new(agents.iter().cloned().collect()),
        heard: Arc::clone(&heard),
    };
    // Short only where somebody hangs.
    let hangs = agents
        .iter()
        .any(|agent| agent.does.as_deref() == Some("hang"));
    let deadline = Duration::from_millis(if hangs { 500 } else { 30_000 });
    let config = Config {
        lock: folder.join("runner.lock"),
        deadline,
        hardware_id: "x".into(),
        own: None,
        why: "a test",
    };
    let runner = Runner::new(config, Arc::new(scripted)).expect("nobody has it");
    let (package, device) = (folder.join("package"), Device::default());
    let job = Job {
        scenarios,
        ..Job::new(&package, ("x.inf", "x"), &[], &device, deadline)
    };
    let mut replies = Vec::new();
    let mut said = String::new();
    for _ in 0..2 {
        let ending = run(&runner, &job, &folder, &mut |part, reply, _| {
            replies.push((part, reply))
        })
        .expect("the package can be read");
        if let Ending::Broken { reason, .. } = ending {
            said = reason;
            break;
        }
    }
    drop(runner);
    fs::remove_dir_all(folder).expect("the test's own folder");
    let heard = heard
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .join(" ");
    (said, heard, replies)
}

const FIRST: &str = "| check leftovers ";
const REMOVED: &str = "| hello remove shutdown | leftovers";
const SESSION: &str = "| hello trust install remove shutdown";

#[test]
fn a_run_begins_and_ends_with_nothing_installed() {
    let (said, heard) = play("good", &[good()]);
    assert_eq!(said, "");
    assert_eq!(heard, format!("{FIRST}{SESSION} {SESSION}"));
}

fn scenario() -> Scenario {
    serde_json::from_value(json!({
        "about": "x", "duration_ms": 10,
        "signal": { "kind": "counter" },
        "format": { "rate": 48000, "channels": 2, "sample": "pcm16" },
        "client": { "kind": "polling", "buffer_frames": 480, "interval_ms": 5 },
    }))
    .expect("it is one")
}

#[test]
fn where_time_is_real_the_machines_own_timers_are_measured_around_each_scenario() {
    let scenarios = [scenario(), scenario()];
    let check = |time: Time, expect_heard: &str, expect_late: &[u64]| {
        let agent = Agent {
            time,
            late: 80_000,
            ..good()
        };
        let name = format!("{time:?}");
        let (said, heard, replies) = play_all(&name, &[agent], &scenarios);
        assert_eq!(said, "");
        assert!(heard.contains(expect_heard), "{heard}");
        let late: Vec<u64> = replies
            .iter()
            .filter_map(|(part, reply)| match reply {
                Reply::Noise(noise) => {
                    assert!(matches!(part, Part::Scenario(_)), "{part:?}");
                    assert_eq!(noise.waits, 500);
                    Some(noise.most.0)
                }
                _ => None,
            })
            .collect();
        assert_eq!(late, expect_late);
    };
    check(
        Time::Real,
        "install noise run noise noise run noise remove",
        &[80_000; 8],
    );
    check(Time::Virtual, "install run run remove", &[]);
}

#[test]
fn what_is_left_after_a_session_in_real_time_is_a_finding() {
    let check = |name: &str, left: &[&str]| {
        let real = Agent {
            time: Time::Real,
            ..good()
        };
        let last = Agent {
            left: left.iter().map(|item| (*item).to_owned()).collect(),
            ..good()
        };
        let (said, heard, replies) = play_all(name, &[good(), real, last], &[]);
        assert_eq!(said, "");
        let expect = format!("{FIRST}{SESSION} | leftovers");
        assert!(heard.starts_with(&expect), "{heard}");
        let found: Vec<&str> = replies
            .iter()
            .filter_map(|(_, reply)| match reply {
                Reply::Finding(finding) => {
                    assert_eq!(finding.rule, "leftovers");
                    // One that fails the run.
                    assert_eq!(finding.severity, Severity::Error);
                    Some(finding.text.as_str())
                }
                _ => None,
            })
            .collect();
        assert_eq!(found, left);
    };
    check("clean", &[]);
    check("dirty", &["package oem7.inf", "service waverig"]);
}

#[test]
fn where_a_session_fails_in_real_time_what_windows_wrote_comes_home_once() {
    let scenario = scenario();
    let check = |name: &str, (session, other): (Agent, Agent), plays: bool, expect: &str| {
        let other = Agent {
            collects: BTreeMap::from([("System.evtx".into(), "said".into())]),
            ..other
        };
        let scenarios = if plays {
            std::slice::from_ref(&scenario)
        } else {
            &[]
        };
        let (_, heard, replies) = play_all(name, &[good(), session, other], scenarios);
        let heard = heard.strip_prefix(FIRST).expect("it was looked at first");
        assert!(heard.starts_with(expect), "{name}: {heard}");
        let collects = expect.matches("collect").count();
        assert_eq!(
            heard.matches("collect").count(),
            collects,
            "{name}: {heard}"
        );
        let told = |(_, reply): &&(Part, Reply)| match reply {
            Reply::Log { line } => line == "collected: System.evtx (4 bytes)",
            _ => false,
        };
        assert_eq!(replies.iter().filter(told).count(), collects, "{name}");
    };
    let real = |agent: Agent| Agent {
        time: Time::Real,
        ..agent
    };
    let refused = "| hello trust install shutdown | leftovers | collect |";
    let removed = format!("{SESSION} | leftovers | collect |");
    let clean = format!("{SESSION} | leftovers |");
    check(
        "install",
        (real(bad("install", "refuse")), good()),
        false,
        refused,
    );
    check(
        "remove",
        (real(bad("remove", "refuse")), good()),
        false,
        &removed,
    );
    check(
        "rule",
        (real(bad("remove", "break-rule")), good()),
        false,
        &removed,
    );
    check("left", (real(good()), leaving()), false, &removed);
    check(
        "unsaid",
        (real(good()), bad("leftovers", "refuse")),
        false,
        &removed,
    );
    check("fine", (real(good()), good()), false, &clean);
    check("virtual", (bad("remove", "refuse"), good()), false, SESSION);
    // A scenario that is refused says why: many take the rig's own kernel, and the event logs are long.
    let plays = "| hello trust install noise run noise remove shutdown | leftovers |";
    check("run", (real(bad("run", "refuse")), good()), true, plays);
}

#[test]
fn whatever_an_agent_does_another_one_removes() {
    let check = |does: &str, expect: &str| {
        let agents = [good(), bad("install", does), good()];
        let (said, heard) = play(does, &agents);
        assert!(said.contains(expect), "{said:?} does not say {expect:?}");
        assert!(said.contains("what was installed is removed"), "{said}");
        let expect = format!("{FIRST}| hello trust install | collect {REMOVED}");
        assert_eq!(heard, expect);
    };
    check("vanish", "ended without an answer");
    check("hang", "no answer within 0.5 s");
    check("restart", "started anew by itself");
}

#[test]
fn what_cannot_be_removed_is_told() {
    let check = |name: &str, last: Agent, expect: &str| {
        let agents = [good(), bad("install", "vanish"), last];
        let (said, _) = play(name, &agents);
        assert!(said.contains("MAY STILL BE HERE"), "{said}");
        assert!(said.contains(expect), "{said:?} does not say {expect:?}");
    };
    check(
        "unasked",
        bad("remove", "vanish"),
        "ended without an answer",
    );
    check("stays", leaving(), "package oem7.inf");
}

fn leaving() -> Agent {
    Agent {
        left: vec!["package oem7.inf".into()],
        ..good()
    }
}

#[test]
fn what_a_killed_run_has_left_is_removed_first() {
    let (said, heard) = play("left", &[leaving(), good()]);
    assert_eq!(said, "");
    assert_eq!(heard, format!("{FIRST}{REMOVED} {SESSION} {SESSION}"));
    let (said, heard) = play("left-stays", &[leaving()]);
    assert!(
        said.contains("cannot be removed: package oem7.inf"),
        "{said}"
    );
    assert_eq!(heard, format!("{FIRST}{REMOVED}"));
}

#[test]
fn a_host_without_test_signing_is_refused_before_anything_is_installed() {
    let check = |name: &str, conditions: &str, expect: &str| {
        let (said, heard) = play(name, &[checked(conditions)]);
        assert!(said.contains(expect), "{said:?} does not say {expect:?}");
        assert!(said.contains("bcdedit"), "{said}");
        assert_eq!(heard, "| check");
    };
    check(
        "off",
        r#"[{"name":"test-signing","holds":false,"text":"no"}]"#,
        "is off",
    );
    check(
        "unknown",
        r#"[{"name":"test-signing","holds":null,"text":"?"}]"#,
        "is unknown",
    );
    check(
        "unsaid",
        r#"[{"name":"secure-boot","holds":true,"text":""}]"#,
        "does not say",
    );
}

#[test]
fn only_a_host_that_nobody_needs_is_taken() {
    let check = |told: bool, value: Option<&str>, expect: Option<&str>| {
        let answer = disposable(told, |name| {
            assert_eq!(name, "RUNNER_ENVIRONMENT");
            value.map(str::to_owned)
        });
        match (&answer, expect) {
            (Ok(why), Some(expect)) => assert!(why.contains(expect), "{why}"),
            (Err(why), None) => assert!(why.contains("--disposable"), "{why}"),
            _ => panic!("{told} {value:?}: {answer:?}"),
        }
    };
    check(false, None, None);
    check(false, Some("self-hosted"), None);
    check(false, Some("github-hosted"), Some("hosted runner"));
    check(true, Some("self-hosted"), Some("--disposable"));
    check(true, None, Some("--disposable"));
}

#[test]
fn a_host_is_for_one_run() {
    let folder = std::env::temp_dir().join(format!("waverig-runner-{}", std::process::id()));
    let take = || {
        let config = Config {
            lock: folder.join("runner.lock"),
            deadline: Duration::from_secs(1),
            hardware_id: "x".into(),
            own: None,
            why: "a test",
        };
        let scripted = Scripted {
            agents: Mutex::default(),
            heard: Heard::default(),
        };
        Runner::new(config, Arc::new(scripted))
    };
    let first = take().expect("it is free");
    let error = take().map(drop).expect_err("it is taken");
    assert!(error.to_string().contains("another run"), "{error}");
    drop(first);
    take().map(drop).expect("it is free again");
    fs::remove_dir_all(folder).expect("the test's own folder");
}
