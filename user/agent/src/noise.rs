//! How late this machine's timers wake whoever waits for them.

use std::thread;
use std::time::{Duration, Instant};

use waverig_protocol::noise::{Hns, Noise, PERIOD};

/// Most waits that a host is given: ten seconds of them.
const MOST: u32 = 10_000;

/// Waits so often, as programs that play do: with a thread's usual priority. `None` of no waits.
///
/// `std::thread::sleep` asks Windows for a timer of the highest resolution where there is one (library/std/src/sys/pal/windows/time.rs), as
/// the driver does.
pub fn measure(waits: u32) -> Option<Noise> {
    let period = Duration::from_nanos(PERIOD.0 * 100);
    let late = (0..waits.min(MOST)).map(|_| {
        let begin = Instant::now();
        thread::sleep(period);
        let late = begin.elapsed().saturating_sub(period).as_nanos() / 100;
        Hns(u64::try_from(late).unwrap_or(u64::MAX))
    });
    Noise::of(late.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_waits_as_asked_for_are_told() {
        assert_eq!(measure(0), None);
        let noise = measure(3).expect("it waited");
        assert_eq!(noise.waits, 3);
        assert!(noise.high <= noise.most, "{noise}");
    }
}
