//! Whether the driver signalled once at every packet boundary: none early, none missing, none extra, none too late.
//!
//! Boundary `k` is the moment at which the position reaches `k · packet`. One notification may serve several boundaries
//! that passed since the one before, as an event that is signalled twice wakes its waiter once; each of them must still
//! be within the limit.

use super::{Context, Judgement, Outcome};
use crate::units::Nanos;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let (clock, packet) = (&stream.clock, stream.packet_frames);
    if packet == 0 {
        return if stream.notified.is_empty() {
            Ok(None)
        } else {
            let count = format!("{} notifications", stream.notified.len());
            let complaint = format!("{count}, although the client registered no event");
            Outcome::new("0 notifications", count, &[complaint])
        };
    }
    let end = clock.end().ok_or("the stream never ran to its end")?;
    let limit = context.file.limits.notification_late;
    let boundaries = clock.total() / packet;
    let mut served = 0;
    let mut latest = 0;
    let early = clock.ticks(context.file.limits.early.0);
    let (mut wrong, mut complaints) = (Vec::new(), Vec::new());
    for (index, &qpc) in (1..).zip(&stream.notified) {
        let passed = clock.position(qpc) / packet;
        // After the last boundary nothing comes early.
        if index > (clock.position(qpc.saturating_add(early)) / packet).min(boundaries) {
            let (kind, why) = if passed < boundaries {
                ("early", "before its boundary had been reached")
            } else {
                ("extra", "after the last boundary had been served")
            };
            wrong.push(format!(
                "notification {index} was {kind}: it came {why}, at {}",
                stream.place(clock.position(qpc))
            ));
        }
        for boundary in served + 1..=passed {
            let Some(due) = clock.time_of(boundary * packet) else {
                continue;
            };
            let late = clock.nanos(qpc - due);
            latest = latest.max(late);
            if late > limit.0 {
                let what = if passed > boundary {
                    "is missing"
                } else {
                    "was late"
                };
                complaints.push(format!(
                    "the notification of boundary {boundary} {what}: the next one came {} after it, at {}",
                    Nanos(late),
                    stream.place(boundary * packet)
                ));
            }
        }
        served = served.max(passed);
    }
    for boundary in served + 1..=boundaries {
        // A boundary so close to the end may still have been about to be notified.
        let due = clock.time_of(boundary * packet).unwrap_or(end);
        if clock.nanos(end - due) > limit.0 {
            complaints.push(format!(
                "the notification of boundary {boundary} is missing: none came after {}",
                stream.place(boundary * packet)
            ));
        }
    }
    Outcome::of_time(
        format!("{boundaries} boundaries, each notified within {limit}"),
        format!(
            "{} notifications, at most {} late",
            stream.notified.len(),
            Nanos(latest)
        ),
        wrong,
        complaints,
    )
}
