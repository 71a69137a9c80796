//! Whether what the scenario does to the device happened, in time and to its end, and whether the requests that were open
//! then ended as the tap's interface promises.

use waverig_protocol::Program;
use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::{DeviceChange, Event};

use super::{Context, Judgement, Outcome, first_few};
use crate::units::Nanos;

/// `STATUS_DEVICE_NOT_CONNECTED` (ntstatus.h).
const NOT_CONNECTED: u32 = 0xC000_009D;
/// What the machine does by itself takes no time; this is for a machine whose clock is read a little later.
const AT_ONCE: Nanos = Nanos(1_000_000);
/// What waits for programs to close their handles.
const PATIENTLY: Nanos = Nanos(6_000_000_000);

/// A change that must come: what, when at the earliest (in milliseconds of stream time, or after the change before), and
/// how much later it may come.
struct Due {
    change: DeviceChange,
    after: After,
    within: Nanos,
}

#[derive(Clone, Copy)]
enum After {
    Start(u32),
    Last(u32),
}

fn due(change: DeviceChange, after: After, within: Nanos) -> Due {
    Due {
        change,
        after,
        within,
    }
}

/// What a disturbance does to the device.
fn changes(disturbance: &Disturbance) -> Vec<Due> {
    use After::{Last, Start};
    use DeviceChange::{Asleep, Awake, Gone, RemovalPrevented, Removed, Started, Stopped};
    match *disturbance {
        Disturbance::ClientStall { .. }
        | Disturbance::TimerStall { .. }
        | Disturbance::Pause { .. }
        | Disturbance::Protect { .. }
        | Disturbance::LatePacket { .. }
        | Disturbance::WrongPackets { .. } => Vec::new(),
        Disturbance::Sleep { at_ms, for_ms } | Disturbance::PowerDown { at_ms, for_ms } => vec![
            due(Asleep, Start(at_ms), AT_ONCE),
            due(Awake, Last(for_ms), AT_ONCE),
        ],
        Disturbance::StopDevice { at_ms, for_ms } => vec![
            due(Stopped, Start(at_ms), AT_ONCE),
            due(Started, Last(for_ms), AT_ONCE),
        ],
        Disturbance::QueryRemove { at_ms } => {
            vec![due(RemovalPrevented, Start(at_ms), AT_ONCE)]
        }
        Disturbance::SurpriseRemoval { at_ms } => vec![
            due(Gone, Start(at_ms), AT_ONCE),
            due(Removed, Last(0), PATIENTLY),
        ],
        Disturbance::Restart { at_ms, for_ms } | Disturbance::DriverUpdate { at_ms, for_ms } => {
            vec![
                due(Removed, Start(at_ms), PATIENTLY),
                due(Started, Last(for_ms), AT_ONCE),
            ]
        }
    }
}

/// Whether requests that are open then must be refused.
fn refuses(disturbance: &Disturbance) -> bool {
    matches!(
        disturbance,
        Disturbance::SurpriseRemoval { .. } | Disturbance::StopDevice { .. }
    )
}

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let disturbances = &context.file.scenario.disturbances;
    let expected: Vec<Due> = disturbances.iter().flat_map(changes).collect();
    let seen: Vec<(i64, DeviceChange)> = context
        .evidence
        .timeline
        .iter()
        .filter_map(|stamped| match stamped.event {
            Event::Device { change } => Some((stamped.qpc, change)),
            _ => None,
        })
        .collect();
    if expected.is_empty() && seen.is_empty() {
        return Ok(None);
    }
    let stream = context.stream()?;
    let start = stream.clock.start().ok_or("the stream never ran")?;
    let ticks = |ms: u32| stream.clock.ticks(i64::from(ms) * 1_000_000);
    let mut complaints = Vec::new();
    let mut last = start;
    for (index, due) in expected.iter().enumerate() {
        let Some((qpc, change)) = seen.get(index).copied() else {
            complaints.push(format!("the device never was {:?}", due.change));
            continue;
        };
        let at = match due.after {
            After::Start(ms) => start + ticks(ms),
            After::Last(ms) => last + ticks(ms),
        };
        let late = stream.clock.nanos(qpc - at);
        if change != due.change {
            complaints.push(format!(
                "the device was {change:?} where {:?} was due",
                due.change
            ));
        } else if late < 0 || late > due.within.0 {
            complaints.push(format!(
                "the device was {change:?} {} {} it was due",
                Nanos(late.saturating_abs()),
                if late < 0 { "before" } else { "after" },
            ));
        }
        last = qpc;
    }
    for (_, change) in seen.iter().skip(expected.len()) {
        complaints.push(format!(
            "the device was {change:?}, which nothing asked for"
        ));
    }
    let refused = refusals(context, &mut complaints);
    let must_refuse = disturbances.iter().any(refuses);
    if must_refuse {
        unrefused(context, &mut complaints);
    }
    if must_refuse && refused == 0 {
        complaints
            .push("no read that was pended on the tap was refused when the device went".into());
    }
    if !must_refuse && refused > 0 {
        complaints.push(format!(
            "{refused} reads of the tap were refused, and the device was there"
        ));
    }
    silence_after(context, &seen, &mut complaints)?;
    Outcome::new(
        format!("{} changes of the device in time", expected.len()),
        format!("{} changes, {refused} refused reads", seen.len()),
        &first_few(complaints),
    )
}

/// Reads of the main program's tap that were refused, each of which must say that the device is not there.
fn refusals(context: &Context<'_>, complaints: &mut Vec<String>) -> usize {
    let mut count = 0;
    for stamped in &context.evidence.timeline {
        if let Event::Refused { request, status } = &stamped.event
            && request != "open-pin"
        {
            count += usize::from(stamped.program == Program::Main);
            if *status != NOT_CONNECTED {
                complaints.push(format!(
                    "{request} of {} was refused with {status:#010x} instead of STATUS_DEVICE_NOT_CONNECTED",
                    stamped.program
                ));
            }
        }
    }
    count
}

/// Other programs that read a tap until the device goes, and had no read refused.
fn unrefused(context: &Context<'_>, complaints: &mut Vec<String>) {
    for (number, client) in (1..).zip(&context.file.scenario.tap_clients) {
        let program = Program::TapClient(number);
        let stays = client.reads > 0 && client.close_ms.is_none();
        let refused = context
            .evidence
            .timeline
            .iter()
            .any(|each| each.program == program && matches!(each.event, Event::Refused { .. }));
        if stays && !refused {
            complaints.push(format!(
                "no read that {program} had pended was refused when the device went"
            ));
        }
    }
}

/// Once the device is stopped or gone, nothing more comes out of it.
fn silence_after(
    context: &Context<'_>,
    seen: &[(i64, DeviceChange)],
    complaints: &mut Vec<String>,
) -> Result<(), String> {
    let ends = |change| matches!(change, DeviceChange::Gone | DeviceChange::Stopped);
    let Some((end, change)) = seen.iter().find(|(_, change)| ends(*change)) else {
        return Ok(());
    };
    let stream = context.stream()?;
    let late = stream.blocks.iter().find(|block| block.qpc > *end);
    if let Some(block) = late {
        complaints.push(format!(
            "the tap delivered {} frames at {} after the device was {change:?}",
            block.frames,
            stream.place(block.first_frame)
        ));
    }
    if let Some(qpc) = stream.notified.iter().find(|qpc| *qpc > end) {
        complaints.push(format!(
            "the driver signalled a notification {} after the device was {change:?}",
            Nanos(stream.clock.nanos(qpc - end))
        ));
    }
    // With several nodes the others stay.
    let mut others = context.evidence.timeline.iter().filter(|each| {
        !each.program.is_main() && each.qpc > *end && context.file.scenario.device.nodes == 1
    });
    let comes = |event: &Event| match event {
        Event::Block { frames, .. } => *frames > 0,
        Event::Notified => true,
        _ => false,
    };
    if let Some(each) = others.find(|each| comes(&each.event)) {
        complaints.push(format!(
            "{} was told something {} after the device was {change:?}",
            each.program,
            Nanos(stream.clock.nanos(each.qpc - end))
        ));
    }
    Ok(())
}
