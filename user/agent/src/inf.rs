//! INF files as an agent meets them in the driver store: whether one is for a device.

/// The text of an INF: UTF-16 with its mark, else bytes as they are.
pub fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => {
            let units = rest.chunks_exact(2);
            let units: Vec<u16> = units
                .map(|two| u16::from_le_bytes([two[0], two[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether a line of it, comments aside, names this hardware id as a whole.
pub fn is_for(text: &str, hardware_id: &str) -> bool {
    let names = |line: &str| {
        let line = line.split(';').next().unwrap_or("");
        let fields = line.split(['=', ',']).skip(1);
        let mut ids = fields.map(|field| field.trim().trim_matches('"'));
        ids.any(|id| id.eq_ignore_ascii_case(hardware_id))
    };
    text.lines().any(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inf: &str, expect: bool) {
        let utf16: Vec<u8> = [0xFEFF]
            .into_iter()
            .chain(inf.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        for bytes in [inf.as_bytes().to_vec(), utf16] {
            assert_eq!(is_for(&text(&bytes), r"Root\waverig"), expect, "{inf}");
        }
    }

    #[test]
    fn a_package_is_known_by_its_models() {
        check("[Models]\r\n%Device% = Waverig, Root\\waverig\r\n", true);
        check(
            "[Models]\n%Device% = Waverig, ROOT\\OTHER, \"root\\WAVERIG\"",
            true,
        );
        check("; %Device% = Waverig, Root\\waverig", false);
        check("%Device% = Waverig, Root\\waverig2", false);
        check("Root\\waverig", false);
        check("", false);
    }
}
