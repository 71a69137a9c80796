//! The description that basic support gives of a property that a node has per channel, read as Windows reads it.

use waverig_portcls::id::KSPROPTYPESETID_General;
use waverig_portcls::{
    KSPROPERTY_DESCRIPTION, KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_MULTICHANNEL as MULTICHANNEL,
    KSPROPERTY_MEMBER_STEPPEDRANGES, KSPROPERTY_MEMBERSHEADER, KSPROPERTY_STEPPING_LONG,
};

use crate::user::format;

/// Bytes of a KSPROPERTY_DESCRIPTION, of a KSPROPERTY_MEMBERSHEADER and of a KSPROPERTY_STEPPING_LONG.
pub(super) const DESCRIPTION: usize = size_of::<KSPROPERTY_DESCRIPTION>();
const HEADER: usize = size_of::<KSPROPERTY_MEMBERSHEADER>();
const RANGE: usize = size_of::<KSPROPERTY_STEPPING_LONG>();

/// A 32-bit word of an answer.
pub(super) fn word(bytes: &[u8], at: usize) -> Result<u32, String> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_le_bytes)
        .ok_or_else(|| format!("it ends after {} bytes, inside a structure", bytes.len()))
}

/// Whether `bytes`, a KSPROPERTY_DESCRIPTION and its members, tell of values of type `variant` per channel.
pub(super) fn whole(bytes: &[u8], variant: u32) -> Result<(), String> {
    let (size, lists) = (word(bytes, 4)? as usize, word(bytes, 32)?);
    if size != bytes.len() {
        return Err(format!(
            "its DescriptionSize is {size}, and {} bytes were written",
            bytes.len()
        ));
    }
    let id = word(bytes, 24)?;
    if bytes[8..24] != format::guid(&KSPROPTYPESETID_General)[..] || id != variant {
        return Err(format!(
            "its type is {id} of some set, not {variant} of KSPROPTYPESETID_General"
        ));
    }
    let (mut at, mut channels) = (DESCRIPTION, false);
    for list in 0..lists {
        let (size, count) = (word(bytes, at + 4)?, word(bytes, at + 8)?);
        let end = u64::from(size) * u64::from(count) + (at + HEADER) as u64;
        let members = usize::try_from(end)
            .ok()
            .and_then(|end| bytes.get(at + HEADER..end));
        let members = members.ok_or_else(|| {
            format!(
                "its list {list} of {count} members of {size} bytes ends at {end}, behind the {} bytes of the whole",
                bytes.len()
            )
        })?;
        if word(bytes, at + 12)? & MULTICHANNEL != 0 {
            per_channel(word(bytes, at)?, size, count, members)
                .map_err(|text| format!("its list {list} {text}"))?;
            channels = true;
        }
        at += HEADER + members.len();
    }
    if at != bytes.len() {
        return Err(format!(
            "its {lists} lists end at {at}, and it has {} bytes",
            bytes.len()
        ));
    }
    if !channels {
        return Err(
            "no list of it has KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_MULTICHANNEL, which every channel property must set"
                .into(),
        );
    }
    Ok(())
}

/// With the flag MembersCount is the number of channels, and each has a range.
fn per_channel(kind: u32, size: u32, count: u32, members: &[u8]) -> Result<(), String> {
    if kind != KSPROPERTY_MEMBER_STEPPEDRANGES || size as usize != RANGE || count == 0 {
        return Err(format!(
            "is MULTICHANNEL with the members {count} of {size} bytes of kind {kind}; it takes a \
             KSPROPERTY_STEPPING_LONG (kind {KSPROPERTY_MEMBER_STEPPEDRANGES}, {RANGE} bytes) for each channel"
        ));
    }
    for (channel, range) in members.chunks_exact(RANGE).enumerate() {
        let (step, least, greatest) = (
            word(range, 0)?,
            word(range, 8)?.cast_signed(),
            word(range, 12)?.cast_signed(),
        );
        if step == 0 || least > greatest {
            return Err(format!(
                "gives channel {channel} the range {least} to {greatest} in steps of {step}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use waverig_portcls::{KSPROPERTY_MEMBER_VALUES, VT_BOOL, VT_I4};

    const RIGHT: [u32; 4] = [KSPROPERTY_MEMBER_STEPPEDRANGES, 16, 2, MULTICHANNEL];
    const RANGES: [[i32; 4]; 2] = [[1, 0, 0, 1], [0x8000, 0, -0x60_0000, 0]];

    /// A description of type VT_I4 with one list; `longer` is added to its size.
    fn described(longer: usize, lists: u32, header: [u32; 4], ranges: &[[i32; 4]]) -> Vec<u8> {
        let size = DESCRIPTION + HEADER + ranges.len() * RANGE + longer;
        let mut bytes = [0x203, size as u32].map(u32::to_le_bytes).concat();
        bytes.extend(format::guid(&KSPROPTYPESETID_General));
        bytes.extend([VT_I4, 0, lists, 0].map(u32::to_le_bytes).concat());
        bytes.extend(header.map(u32::to_le_bytes).concat());
        bytes.extend(ranges.iter().flatten().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    fn check(bytes: &[u8], variant: u32, expect: &str) {
        let got = whole(bytes, variant).err().unwrap_or_default();
        assert!(
            got.contains(expect) && got.is_empty() == expect.is_empty(),
            "{got:?} does not say {expect:?}"
        );
    }

    #[test]
    fn descriptions_are_whole() {
        check(&described(0, 1, RIGHT, &RANGES), VT_I4, "");
        check(
            &described(4, 1, RIGHT, &RANGES),
            VT_I4,
            "DescriptionSize is 92, and 88 bytes",
        );
        check(
            &described(0, 1, RIGHT, &RANGES),
            VT_BOOL,
            "type is 3 of some set, not 11",
        );
        check(
            &described(0, 0, RIGHT, &RANGES),
            VT_I4,
            "0 lists end at 40, and it has 88",
        );
        check(
            &described(0, 2, RIGHT, &RANGES),
            VT_I4,
            "ends after 88 bytes",
        );
        check(
            &described(0, 1, RIGHT, &RANGES[..1]),
            VT_I4,
            "ends at 88, behind the 72 bytes",
        );
        let one = [KSPROPERTY_MEMBER_STEPPEDRANGES, 16, 1, MULTICHANNEL];
        check(
            &described(0, 1, one, &RANGES),
            VT_I4,
            "lists end at 72, and it has 88",
        );
        let huge = [
            KSPROPERTY_MEMBER_STEPPEDRANGES,
            u32::MAX,
            u32::MAX,
            MULTICHANNEL,
        ];
        check(&described(0, 1, huge, &RANGES), VT_I4, "behind the 88");
        check(&[0; 20], VT_I4, "ends after 20 bytes");
    }

    #[test]
    fn each_channel_has_a_range() {
        let mute = [KSPROPERTY_MEMBER_VALUES, 0, 0, MULTICHANNEL];
        check(
            &described(0, 1, mute, &[]),
            VT_I4,
            "members 0 of 0 bytes of kind 3",
        );
        let none = [KSPROPERTY_MEMBER_STEPPEDRANGES, 16, 0, MULTICHANNEL];
        check(&described(0, 1, none, &[]), VT_I4, "members 0 of 16 bytes");
        let half = [KSPROPERTY_MEMBER_STEPPEDRANGES, 8, 4, MULTICHANNEL];
        check(
            &described(0, 1, half, &RANGES),
            VT_I4,
            "members 4 of 8 bytes",
        );
        let single = [KSPROPERTY_MEMBER_STEPPEDRANGES, 16, 2, 0];
        check(
            &described(0, 1, single, &RANGES),
            VT_I4,
            "no list of it has",
        );
        let range = |range: [i32; 4], expect: &str| {
            check(&described(0, 1, RIGHT, &[RANGES[0], range]), VT_I4, expect);
        };
        range([1, 0, 5, 5], "");
        range([1, 0, 1, 0], "channel 1 the range 1 to 0 in steps of 1");
        range([0, 0, 0, 1], "in steps of 0");
    }
}
