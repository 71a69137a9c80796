//! Whether the driver's own record of events says what the timeline says: streams and their states, formats, starvation, protection,
//! steering, power, and who had the tap open, lost frames or was refused.
//!
//! What must be recorded is worked out from what the programs did and were told. For each thing that is recorded of a place, the
//! two lists must be the same, one by one and in order.

pub(super) mod due;

use std::collections::{BTreeMap, BTreeSet};

use waverig_protocol::Recorded;
use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::Event;

use super::{Context, Judgement, Outcome};
use crate::units::Nanos;

/// What a list is of: node and cable (0: the node itself), the kind of record, and the direction.
type Place = (u64, u64, &'static str, u64);

/// Something that must be recorded.
struct Due {
    qpc: i64,
    /// The values, as far as they are known.
    values: [Option<u64>; 3],
}

/// Something that was recorded.
struct Noted {
    qpc: i64,
    values: [u64; 3],
    text: String,
}

/// Kinds that are compared.
const KINDS: [&str; 9] = [
    "stream-opened",
    "stream-closed",
    "state",
    "starved",
    "protected",
    "steered",
    "power",
    "client-opened",
    "client-closed",
];

/// The direction that a record has in one of its values, taken out of it.
fn direction(kind: &str, values: &mut [u64; 3]) -> u64 {
    let at = match kind {
        "stream-opened" | "state" => 1,
        "stream-closed" => 0,
        _ => return 0,
    };
    let direction = values[at] >> 32;
    values[at] &= u64::from(u32::MAX);
    direction
}

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let evidence = context.evidence;
    let scenario = &context.whole.scenario;
    // What comes back is looked at as at first, a device that is made anew has another number, and another driver another record.
    let anew = scenario.disturbances.iter().any(|each| {
        matches!(
            each,
            Disturbance::StopDevice { .. }
                | Disturbance::Restart { .. }
                | Disturbance::DriverUpdate { .. }
        )
    });
    if anew {
        return Ok(None);
    }
    let gone = scenario
        .disturbances
        .iter()
        .any(|each| matches!(each, Disturbance::SurpriseRemoval { .. }));
    if evidence.recorded.is_empty() && gone {
        // There was no device left to read it through.
        return Ok(None);
    }
    if evidence.recorded.is_empty() {
        return Err("the driver's record of events was not read".into());
    }
    if evidence.records_lost > 0 {
        return Err(format!(
            "{} records were overwritten before they were read",
            evidence.records_lost
        ));
    }
    let due = due::all(context)?;
    // A handle of somebody before.
    let mut opened = BTreeSet::new();
    let mut noted: BTreeMap<Place, Vec<Noted>> = BTreeMap::new();
    // Whoever read the record had a handle of its own.
    let reader = evidence
        .recorded
        .iter()
        .rposition(|record| record.kind == "client-opened");
    // Before the main program opens its tap, the endpoints were looked at, and somebody read what was recorded until then.
    let begin = evidence
        .recorded
        .iter()
        .position(|record| record.kind == "client-opened");
    let begin = begin.unwrap_or_default();
    for (at, record) in evidence.recorded.iter().enumerate().skip(begin) {
        let Some(kind) = KINDS.into_iter().find(|kind| *kind == record.kind) else {
            continue;
        };
        let (device, cable, client) = (record.device, record.cable, record.values[0]);
        if kind == "client-opened" {
            opened.insert((device, cable, client));
        }
        let before = kind == "client-closed" && !opened.contains(&(device, cable, client));
        if Some(at) == reader || before || kind == "starved" && !of_main(context, record) {
            continue;
        }
        let mut values = record.values;
        let direction = direction(kind, &mut values);
        let place = (device.into(), cable.into(), kind, direction);
        for _ in 0..record.count {
            noted.entry(place).or_default().push(Noted {
                qpc: record.qpc,
                values,
                text: record.text.clone(),
            });
        }
    }
    let (mut complaints, mut times) = (Vec::new(), Vec::new());
    let mut compared = 0;
    let places: BTreeSet<Place> = noted.keys().chain(due.keys()).copied().collect();
    for place in places {
        let (wanted, found) = (due.get(&place), noted.get(&place));
        let (wanted, found) = (
            wanted.map_or(&[][..], Vec::as_slice),
            found.map_or(&[][..], Vec::as_slice),
        );
        compared += wanted.len();
        match differences(context, place, wanted, found)? {
            Some(Differs::Late(text)) => times.push(text),
            Some(Differs::Wrong(text)) => complaints.push(text),
            None => {}
        }
    }
    let refused = refusals(context);
    if refused.0 != refused.1 {
        complaints.push(format!(
            "{} refused requests are in the record, {} were refused (of a handle the first 8)",
            refused.0, refused.1
        ));
    }
    Outcome::of_time(
        "what the programs did and were told, one by one",
        format!("{compared} of {} records", evidence.recorded.len()),
        complaints,
        times,
    )
}

/// Whether a stretch was starved in the main player's first life: other players are not looked at here.
fn of_main(context: &Context<'_>, record: &Recorded) -> bool {
    let own = due::place(context, 1) == (record.device.into(), record.cable.into());
    let generation = due::generation(context);
    own && generation == Some(record.values[0]) && context.whole.scenario.soak.is_none()
}

/// What a perfect driver records.
#[cfg(test)]
pub(super) fn perfect(context: &Context<'_>) -> Vec<Recorded> {
    let mut records = Vec::new();
    for ((device, cable, kind, direction), list) in due::all(context).unwrap_or_default() {
        for (number, due) in (1..).zip(list) {
            let mut values = due.values.map(Option::unwrap_or_default);
            match kind {
                "stream-opened" | "state" => values[1] |= direction << 32,
                "stream-closed" => values[0] |= direction << 32,
                "client-opened" | "client-closed" => values[0] = number,
                _ => {}
            }
            records.push((due.qpc, device, cable, kind, values));
        }
    }
    let (_, refused) = refusals(context);
    records.extend((0..refused).map(|_| (0, 1, 1, "request-refused", [1, 2, 3])));
    // The reader.
    records.push((i64::MAX / 2, 1, 1, "client-opened", [u64::MAX, 1, 0]));
    records.sort_by_key(|(qpc, ..)| *qpc);
    let numbered = (0..).zip(records);
    numbered
        .map(|(sequence, (qpc, device, cable, kind, values))| Recorded {
            sequence,
            qpc,
            kind: kind.into(),
            device: device as u8,
            cable: cable as u8,
            count: 1,
            values,
            text: format!("{kind} {values:?}"),
        })
        .collect()
}

/// The value of a kind of record that is the frame at which it happened.
fn frame_of(kind: &str) -> Option<usize> {
    match kind {
        "state" => Some(2),
        "protected" => Some(1),
        _ => None,
    }
}

/// How two lists differ first.
enum Differs {
    /// In when.
    Late(String),
    /// In what.
    Wrong(String),
}

/// Where two lists differ first.
fn differences(
    context: &Context<'_>,
    (node, cable, kind, direction): Place,
    wanted: &[Due],
    found: &[Noted],
) -> Result<Option<Differs>, String> {
    let clock = &context.stream()?.clock;
    let limits = &context.file.limits;
    let of = match (cable, direction) {
        (0, _) => format!("{kind} of device {node}"),
        (_, 0) => format!("{kind} of device {node} cable {cable}"),
        _ => format!("capture {kind} of device {node} cable {cable}"),
    };
    for (number, (due, noted)) in (1..).zip(wanted.iter().zip(found)) {
        let late = Nanos(clock.nanos(noted.qpc - due.qpc));
        let off =
            |place: usize| due.values[place].map_or(0, |due| due.abs_diff(noted.values[place]));
        let frame = frame_of(kind);
        let wrong = (0..3).any(|place| Some(place) != frame && off(place) > 0);
        let moved = frame.is_some_and(|place| off(place) > limits.position.0);
        if wrong || moved {
            let differs = if wrong { Differs::Wrong } else { Differs::Late };
            return Ok(Some(differs(format!(
                "{of} number {number} is recorded as \"{}\", values {:?} are right",
                noted.text,
                due.values.map(|value| value.map_or(-1, u64::cast_signed))
            ))));
        }
        // A stretch is over when somebody looks, which a stalled machine does not.
        let most = if kind == "starved" {
            i64::MAX
        } else {
            limits.recorded.0
        };
        if late.0 > most || late.0 < -limits.recorded.0 {
            return Ok(Some(Differs::Late(format!(
                "{of} number {number}, \"{}\", is recorded {late} after it happened",
                noted.text
            ))));
        }
    }
    Ok(match (wanted.len(), found.len()) {
        (wanted, found) if wanted == found => None,
        (wanted, more) if more > wanted => Some(Differs::Wrong(format!(
            "the record has \"{}\", which did not happen",
            found[wanted].text
        ))),
        (wanted, less) => Some(Differs::Wrong(format!(
            "the record has {less} of {wanted} times {of}"
        ))),
    })
}

/// Refused requests in the record, and those that must be there.
fn refusals(context: &Context<'_>) -> (u64, u64) {
    let records = context.evidence.recorded.iter();
    let recorded = records
        .filter(|record| record.kind == "request-refused")
        .map(|record| u64::from(record.count))
        .sum();
    let timeline = context.evidence.timeline.iter();
    let wanted = timeline
        .map(|stamped| match stamped.event {
            Event::TapClosed { refused, .. } | Event::TapProbed { refused, .. } => {
                u64::from(refused.min(due::NOTED_REFUSALS))
            }
            _ => 0,
        })
        .sum();
    (recorded, wanted)
}
