//! Names of what audio clients are refused with (audioclient.h), which Windows has no words for.

/// `FACILITY_AUDCLNT` errors, by their low half; those that are not there are numbers no program here can cause.
const NAMES: [(u32, &str); 20] = [
    (0x01, "NOT_INITIALIZED"),
    (0x02, "ALREADY_INITIALIZED"),
    (0x03, "WRONG_ENDPOINT_TYPE"),
    (0x04, "DEVICE_INVALIDATED"),
    (0x05, "NOT_STOPPED"),
    (0x06, "BUFFER_TOO_LARGE"),
    (0x07, "OUT_OF_ORDER"),
    (0x08, "UNSUPPORTED_FORMAT"),
    (0x09, "INVALID_SIZE"),
    (0x0A, "DEVICE_IN_USE"),
    (0x0B, "BUFFER_OPERATION_PENDING"),
    (0x0E, "EXCLUSIVE_MODE_NOT_ALLOWED"),
    (0x0F, "ENDPOINT_CREATE_FAILED"),
    (0x10, "SERVICE_NOT_RUNNING"),
    (0x13, "BUFDURATION_PERIOD_NOT_EQUAL"),
    (0x16, "BUFFER_SIZE_ERROR"),
    (0x18, "BUFFER_ERROR"),
    (0x19, "BUFFER_SIZE_NOT_ALIGNED"),
    (0x20, "INVALID_DEVICE_PERIOD"),
    (0x28, "ENGINE_PERIODICITY_LOCKED"),
];

/// `AUDCLNT_E_…` of an `HRESULT`.
pub fn name(code: u32) -> Option<String> {
    let low = code.checked_sub(0x8889_0000)?;
    let (_, name) = NAMES.iter().find(|(one, _)| *one == low)?;
    Some(format!("AUDCLNT_E_{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_names() {
        let check = |code, expect: Option<&str>| assert_eq!(name(code).as_deref(), expect);
        check(0x8889_0008, Some("AUDCLNT_E_UNSUPPORTED_FORMAT"));
        check(0x8889_000E, Some("AUDCLNT_E_EXCLUSIVE_MODE_NOT_ALLOWED"));
        check(0x8889_FFFF, None);
        check(0x8000_4001, None);
    }
}
