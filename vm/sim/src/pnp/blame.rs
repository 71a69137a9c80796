//! Where the reason for a missing endpoint stands: the line of the INF, or the descriptor in the driver.

use waverig_package::inf::{InstallPlan, Interface};

use super::install::guid;
use crate::endpoints::{Fault, Missing, Topology};
use crate::image;
use crate::nt::layout::DeviceObject;
use crate::portcls::{adapter, guid_from};

/// `file:line` and what stands there, or the descriptor's place in the image.
pub(super) fn place(
    missing: &Missing,
    topology: &Topology,
    plan: &InstallPlan,
    pdo: *mut DeviceObject,
) -> String {
    match missing.at {
        Fault::Pin(end) => {
            let adapter = adapter::of_pdo(pdo);
            let subdevices = adapter.map_or_else(Vec::new, |adapter| adapter.subdevices());
            let bound = subdevices
                .get(end.filter)
                .and_then(|subdevice| subdevice.port.bound());
            let pin = bound
                .as_ref()
                .and_then(|bound| bound.description.pins.get(end.pin as usize));
            let at = pin.map_or_else(String::new, |pin| {
                format!(" at {}", image::offset_name(pin.place))
            });
            format!(
                "the descriptor (PCPIN_DESCRIPTOR) of {}{at}",
                topology.name(end)
            )
        }
        Fault::Interface { filter, category } => {
            let name = &topology.filters[filter].name;
            let of = |one: &&Interface| guid_from(&guid(&one.category)) == category;
            let known = |one: &&Interface| {
                let mut filters = topology.filters.iter();
                filters.any(|filter| filter.name.eq_ignore_ascii_case(&one.reference))
            };
            let strangers = plan.interfaces.iter().filter(of).filter(|one| !known(one));
            match strangers.min_by_key(|one| distance(&one.reference, name)) {
                Some(line) => format!(
                    "{}:{}: AddInterface is for {:?}, and the driver registers no filter of that name",
                    plan.inf, line.line.0, line.reference
                ),
                None => format!(
                    "{}: [{}.Interfaces] has no AddInterface line of that category for {name:?}",
                    plan.inf, plan.section
                ),
            }
        }
    }
}

/// How many letters it takes to turn one name into the other, whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let kept = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = kept.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn a_slip_of_the_pen_is_near() {
        assert_eq!(distance("WaveSpeaker", "wavespeaker"), 0);
        assert_eq!(distance("WaveSpeakr", "WaveSpeaker"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("WaveMicArray1", "WaveSpeaker"), 8);
    }
}
