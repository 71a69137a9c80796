//! What a device node's problem code means, and what helps: cfg.h's `CM_PROB_*`, "Device Manager Error Messages".

/// The words for a code; `None` for one that no driver of a device without hardware is known to meet.
pub fn words(code: u32) -> Option<&'static str> {
    Some(match code {
        1 | 28 => "no driver is installed on it",
        3 => "the driver may be damaged, or memory is short",
        10 => "the driver was loaded and the device does not start",
        14 => "it works after a restart of Windows",
        18 => "its driver must be installed anew",
        19 => "its settings in the registry are damaged",
        21 => "Windows is removing it; a restart finishes that",
        22 => "somebody has disabled it",
        24 => "it is not there, or not all of its driver is",
        29 => "the firmware has disabled it",
        31 => "Windows cannot load the drivers that it needs",
        32 => "its driver's service is disabled",
        37 => "the driver refused its initialisation",
        38 => "an older copy of the driver is still in memory; restart Windows",
        39 => "the driver cannot be loaded: it is damaged, missing, or not allowed to",
        40 => "the driver's service key is damaged",
        41 => "the driver was loaded and found no device",
        43 => "the driver reported that the device failed",
        44 => "a program or service has shut it down",
        45 => "the device is gone; what is listed is what Windows remembers",
        47 => "it was made ready for removal",
        48 => "Windows blocks this driver because of a known problem",
        49 => "the registry is too large to hold it",
        52 => {
            "Windows cannot verify the driver's signature: is test signing on, and does the machine trust the certificate?"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_code_says_what_to_look_at() {
        let check = |code, expect: &str| {
            let words = words(code).unwrap_or("nothing");
            assert!(words.contains(expect), "{code}: {words:?}");
        };
        check(28, "no driver");
        check(52, "signature");
        check(38, "restart");
        check(999, "nothing");
    }
}
