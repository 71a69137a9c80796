//! What a Linux guest fulfils of what a run needs.

use std::fs;

use waverig_protocol::Condition;

/// Least memory for a simulator with room for its evidence, in KiB.
const MEMORY: u64 = 200 << 10;

/// All of it.
pub(crate) fn all() -> Vec<Condition> {
    let clock =
        fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let memory = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| available(&text));
    vec![
        Condition {
            name: "clock".into(),
            holds: clock.as_ref().ok().map(|_| true),
            text: match clock {
                Ok(clock) => format!("the kernel's clock is {}", clock.trim()),
                Err(error) => format!("the kernel's clock is unknown: {error}"),
            },
        },
        Condition {
            name: "memory".into(),
            holds: memory.map(|free| free >= MEMORY),
            text: match memory {
                Some(free) => format!(
                    "{} MiB are free; a session needs {}",
                    free >> 10,
                    MEMORY >> 10
                ),
                None => "/proc/meminfo does not say what is free".into(),
            },
        },
    ]
}

/// `MemAvailable` in KiB.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read() {
        let check = |text: &str, expect| assert_eq!(available(text), expect, "{text:?}");
        check("MemTotal: 8 kB\nMemAvailable:     1234 kB\n", Some(1234));
        check("MemAvailable: 1234 pages\n", None);
        check("", None);
    }
}
