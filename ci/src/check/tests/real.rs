//! Runs of machines whose time is real: what such a machine takes itself is no fault of the driver's, and when it takes too much, its times say
//! nothing. What is wrong on any machine stays wrong.

use waverig_protocol::noise::{Hns, Noise, Time};
use waverig_protocol::timeline::{Event, Stamped};

use super::doctor::{FRAME, audio, notified, nth, position};
use super::{COUNTER, SINE, explained};
use crate::evidence::Evidence;
use crate::model::{golden, perfect, run_info, scenario};
use crate::verdict::{ScenarioReport, Verdict, judge};

/// Ticks of the model's clock in a millisecond.
const MS: i64 = 10_000;

/// What a machine's own timers are.
#[derive(Clone, Copy)]
enum Own {
    /// At most a tenth of a millisecond late.
    Quiet,
    /// Eight milliseconds.
    Noisy,
    /// Nobody measured.
    Unknown,
}

/// A perfect run of a scenario on a real machine, doctored.
fn run(name: &str, own: Own, doctor: fn(&mut Evidence)) -> ScenarioReport {
    let file = scenario(name);
    let mut evidence = perfect(&file);
    let golden = golden(&file, &evidence);
    evidence.machine.time = Time::Real;
    let noise = |most| Noise {
        waits: 500,
        high: Hns(900),
        most: Hns(most),
    };
    match own {
        Own::Quiet => evidence.noise = vec![noise(1_000), noise(950)],
        // Before the scenario it was quiet.
        Own::Noisy => evidence.noise = vec![noise(1_000), noise(80_000)],
        Own::Unknown => {}
    }
    doctor(&mut evidence);
    judge(&file, &evidence, Ok(&golden), &run_info())
}

/// What the tenth notification of a stream was late by.
fn late_by(evidence: &mut Evidence, ticks: i64) {
    nth(evidence, 9, notified, |each| each.qpc += ticks);
}

/// Frames that one position was off.
fn off_by(evidence: &mut Evidence, frames: u64) {
    nth(evidence, 20, position, |each| {
        if let Event::Position { frames: told } = &mut each.event {
            *told += frames;
        }
    });
}

fn check(name: &str, own: Own, doctor: fn(&mut Evidence), id: &str, verdict: Verdict, words: &str) {
    let report = run(name, own, doctor);
    let found = report.checks.iter().find(|check| check.id == id);
    let found = found.unwrap_or_else(|| panic!("{id} does not apply"));
    assert!(
        found.verdict == verdict && found.explanation.contains(words),
        "{id} should be {} and say {words:?}\n{}",
        verdict.word(),
        explained(&report)
    );
    assert_eq!(report.verdict, verdict, "{}", explained(&report));
}

#[test]
fn what_a_real_machine_takes_itself_is_no_fault() {
    let takes: [fn(&mut Evidence); 4] = [
        |_| {},
        |e| late_by(e, MS * 3 / 2),
        |e| off_by(e, 40),
        // The program notes its start after the call has returned.
        |e| {
            nth(
                e,
                0,
                |event| matches!(event, Event::State { state } if state == "run"),
                |each| each.qpc += MS / 2,
            )
        },
    ];
    for own in [Own::Quiet, Own::Noisy, Own::Unknown] {
        for doctor in takes {
            let report = run(SINE, own, doctor);
            assert_eq!(report.verdict, Verdict::Passed, "{}", explained(&report));
        }
    }
}

#[test]
fn times_of_a_noisy_machine_are_inconclusive_and_of_a_quiet_one_failed() {
    type Row = (&'static str, fn(&mut Evidence), &'static str, &'static str);
    let rows: &[Row] = &[
        (
            SINE,
            |e| late_by(e, MS * 5),
            "notifications",
            "the notification of boundary 10",
        ),
        (
            SINE,
            |e| off_by(e, 200),
            "position-clock",
            "+200 frames off",
        ),
        (
            SINE,
            |e| blocks_late(e, MS * 4),
            "tap-latency",
            "after its last frame",
        ),
        (
            SINE,
            |e| block(e, |_, first| *first += MS * 2),
            "tap-time",
            "the block's time is 2 ms after",
        ),
        (
            SINE,
            |e| {
                e.recorded
                    .iter_mut()
                    .filter(|it| it.kind == "state")
                    .for_each(|it| it.qpc += MS * 5)
            },
            "trace",
            "is recorded 5",
        ),
    ];
    for (name, doctor, id, words) in rows {
        check(name, Own::Quiet, *doctor, id, Verdict::Failed, words);
        check(
            name,
            Own::Unknown,
            *doctor,
            id,
            Verdict::Inconclusive,
            "was not measured",
        );
        check(name, Own::Noisy, *doctor, id, Verdict::Inconclusive, words);
        let figure = "all at most 8.000 ms; limits allow it 1 ms";
        check(name, Own::Noisy, *doctor, id, Verdict::Inconclusive, figure);
    }
}

#[test]
fn what_is_wrong_on_any_machine_stays_wrong_on_a_noisy_one() {
    let lost = |e: &mut Evidence| {
        audio(e, |a| {
            a.drain(5_000 * FRAME..5_001 * FRAME);
        })
    };
    check(
        COUNTER,
        Own::Noisy,
        lost,
        "capture-exact",
        Verdict::Failed,
        "lost 1 frames at frame 5000",
    );
    // Late and missing in one run.
    let extra = |e: &mut Evidence| {
        late_by(e, MS * 5);
        let last = e.timeline.iter().rposition(|each| notified(&each.event));
        let last = e.timeline[last.expect("there are some")].clone();
        e.timeline.push(Stamped {
            qpc: last.qpc + 1,
            ..last
        });
        e.timeline.sort_by_key(|each| each.qpc);
    };
    check(
        SINE,
        Own::Noisy,
        extra,
        "notifications",
        Verdict::Failed,
        "was extra",
    );
    let invented = |e: &mut Evidence| block(e, |qpc, _| *qpc -= MS * 3);
    check(
        SINE,
        Own::Noisy,
        invented,
        "tap-latency",
        Verdict::Failed,
        "before they were played",
    );
    let state = |e: &mut Evidence| {
        let record = e.recorded.iter_mut().find(|it| it.kind == "state");
        record.expect("there is one").values[0] += 1;
    };
    check(
        SINE,
        Own::Noisy,
        state,
        "trace",
        Verdict::Failed,
        "are right",
    );
}

#[test]
fn virtual_time_is_never_noisy() {
    let virtually = |e: &mut Evidence| {
        e.machine.time = Time::Virtual;
        late_by(e, MS * 3 / 2);
    };
    check(
        SINE,
        Own::Noisy,
        virtually,
        "notifications",
        Verdict::Failed,
        "was late",
    );
}

/// Lets every block come late.
fn blocks_late(evidence: &mut Evidence, ticks: i64) {
    for each in &mut evidence.timeline {
        if matches!(each.event, Event::Block { .. }) {
            each.qpc += ticks;
        }
    }
    evidence.timeline.sort_by_key(|each| each.qpc);
}

/// Edits when the 50th block came, and the time that it carries.
fn block(evidence: &mut Evidence, edit: fn(&mut i64, &mut i64)) {
    nth(
        evidence,
        50,
        |event| matches!(event, Event::Block { .. }),
        |each| {
            let Stamped { qpc, event, .. } = each;
            if let Event::Block { first_qpc, .. } = event {
                edit(qpc, first_qpc);
            }
        },
    );
}
