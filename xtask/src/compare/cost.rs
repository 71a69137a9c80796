//! What each way costs in the driver's instructions, counted by callgrind in the shipped image.

use anyhow::Result;
use waverig_protocol::device::Device;

use super::{FORMAT, Way};
use crate::bench::counted;
use crate::context::Context;
use crate::verbs::package::Driver;

/// How long is played under callgrind, in milliseconds: longer runs would count the same.
const DURATIONS: [u32; 2] = [50, 100];

/// The driver's instructions for a frame, in each of the ways that lead through `driver`, in their order.
///
/// # Errors
/// A machine that fails, a file of callgrind's that cannot be read.
pub(crate) fn costs(context: &Context, driver: &'static Driver, ways: &[&Way]) -> Result<Vec<f64>> {
    let scenarios: Vec<_> = ways
        .iter()
        .flat_map(|way| way.scenarios(DURATIONS))
        .collect();
    let played = counted::play_on(context, driver, &Device::default(), &scenarios)?;
    let frames = f64::from((DURATIONS[1] - DURATIONS[0]) * (FORMAT.rate / 1_000));
    ways.iter()
        .map(|way| {
            let [short, long] = DURATIONS.map(|ms| played.of(&way.name_for(ms)));
            let (short, long) = (short?.executed.all, long?.executed.all);
            Ok((long as f64 - short as f64) / frames)
        })
        .collect()
}
