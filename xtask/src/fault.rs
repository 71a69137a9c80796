//! The switch of a driver image that holds deliberate faults: which of them it has is one number behind a mark, which packaging
//! sets (`driver/src/fault.rs`). One build serves every fault.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Error, Result};

use crate::stop::Usage;

/// The Cargo feature of the driver that builds all of them in.
pub(crate) const FEATURE: &str = "fault";
/// What every such image carries; packaging refuses it unless it was told a fault.
pub(crate) const MARK: &[u8] = b"WAVERIG-DELIBERATE-FAULT";

/// Where the switch lies in an image, and the faults by number.
struct Switch<'a> {
    chosen: usize,
    table: Vec<Fault<'a>>,
}

/// A fault that an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault<'a> {
    pub(crate) name: &'a str,
    /// What goes wrong.
    pub(crate) what: &'a str,
}

/// The image's switch: the mark, the chosen number and the table's length (both u32, little-endian), the table: `name: what goes wrong` a line.
fn find(image: &[u8]) -> Option<Switch<'_>> {
    let mark = image.windows(MARK.len()).position(|bytes| bytes == MARK)?;
    let chosen = mark + MARK.len();
    let length = image.get(chosen + 4..chosen + 8)?.try_into().ok()?;
    let table = image.get(chosen + 8..)?;
    let table = table.get(..u32::from_le_bytes(length) as usize)?;
    let fault = |line| str::split_once(line, ": ").map(|(name, what)| Fault { name, what });
    let table = std::str::from_utf8(table).ok()?.lines().map(fault);
    Some(Switch {
        chosen,
        table: table.collect::<Option<_>>()?,
    })
}

/// The faults that an image holds.
///
/// # Errors
/// An image without a switch.
pub(crate) fn table(image: &[u8]) -> Result<Vec<Fault<'_>>> {
    Ok(switch(image)?.table)
}

fn switch(image: &[u8]) -> Result<Switch<'_>> {
    find(image).with_context(|| {
        format!("the image holds no deliberate faults; it was built without the feature {FEATURE}")
    })
}

/// Switches the fault `name` on.
///
/// # Errors
/// An image without a switch; a name that is not in its table is wrong use.
pub(crate) fn choose(image: &mut [u8], name: &str) -> Result<()> {
    let Switch { chosen, table } = switch(image)?;
    let number = table.iter().position(|fault| fault.name == name);
    let number = number.ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|fault| fault.name).collect();
        Usage(format!(
            "there is no fault {name:?}; there are {}",
            names.join(", ")
        ))
    })?;
    let number = u32::try_from(number)?.to_le_bytes();
    // The switch was found behind it.
    image[chosen..][..number.len()].copy_from_slice(&number);
    Ok(())
}

/// [`choose`] in a file.
///
/// # Errors
/// Those of [`choose`], and a file that cannot be read or written.
pub(crate) fn choose_in(path: &Path, name: &str) -> Result<()> {
    let named = |error: Error| error.context(path.display().to_string());
    let mut image = fs::read(path).map_err(Error::from).map_err(named)?;
    choose(&mut image, name)?;
    fs::write(path, image).map_err(Error::from).map_err(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(table: &str, length: usize) -> Vec<u8> {
        let mut image = b"code".to_vec();
        image.extend_from_slice(MARK);
        image.extend_from_slice(&u32::MAX.to_le_bytes());
        image.extend_from_slice(&(length as u32).to_le_bytes());
        image.extend_from_slice(table.as_bytes());
        image
    }

    fn check(mut image: Vec<u8>, name: &str, expect: &str) {
        let said = match choose(&mut image, name) {
            Ok(()) => format!("{:?}", &image[4 + MARK.len()..][..4]),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expect), "{said:?} does not say {expect:?}");
    }

    #[test]
    fn a_fault_is_chosen_by_its_name() {
        let table = "first: a\nsecond: b\n";
        check(image(table, table.len()), "first", "[0, 0, 0, 0]");
        check(image(table, table.len()), "second", "[1, 0, 0, 0]");
        check(
            image(table, table.len()),
            "third",
            "there are first, second",
        );
        check(
            image(table, table.len() + 1),
            "first",
            "without the feature",
        );
        check(
            b"an ordinary image".to_vec(),
            "first",
            "without the feature",
        );
    }
}
