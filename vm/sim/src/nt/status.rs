//! Status values of the kernel (ntstatus.h).

use std::fmt;

/// `NTSTATUS`: negative values are errors and warnings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct NtStatus(pub i32);

impl NtStatus {
    /// Whether it counts as success (`NT_SUCCESS`).
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 >= 0
    }

    /// The name in ntstatus.h, when it is one that is used here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(status, _)| *status == self)
            .map(|(_, name)| *name)
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! statuses {
    ($($name:ident = $value:literal;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`, ", stringify!($value), ".")]
        pub const $name: NtStatus = NtStatus(u32::cast_signed($value));)*
        static NAMES: &[(NtStatus, &str)] = &[$(($name, stringify!($name))),*];
    };
}

statuses! {
    STATUS_SUCCESS = 0x0000_0000;
    STATUS_WAIT_1 = 0x0000_0001;
    STATUS_TIMEOUT = 0x0000_0102;
    STATUS_PENDING = 0x0000_0103;
    STATUS_REPARSE = 0x0000_0104;
    STATUS_OBJECT_NAME_EXISTS = 0x4000_0000;
    STATUS_DATATYPE_MISALIGNMENT = 0x8000_0002;
    STATUS_BREAKPOINT = 0x8000_0003;
    STATUS_BUFFER_OVERFLOW = 0x8000_0005;
    STATUS_NO_MORE_ENTRIES = 0x8000_001A;
    STATUS_DEVICE_BUSY = 0x8000_0011;
    STATUS_UNSUCCESSFUL = 0xC000_0001;
    STATUS_NOT_IMPLEMENTED = 0xC000_0002;
    STATUS_INVALID_INFO_CLASS = 0xC000_0003;
    STATUS_INFO_LENGTH_MISMATCH = 0xC000_0004;
    STATUS_ACCESS_VIOLATION = 0xC000_0005;
    STATUS_INVALID_HANDLE = 0xC000_0008;
    STATUS_INVALID_PARAMETER = 0xC000_000D;
    STATUS_NO_SUCH_DEVICE = 0xC000_000E;
    STATUS_NO_SUCH_FILE = 0xC000_000F;
    STATUS_INVALID_DEVICE_REQUEST = 0xC000_0010;
    STATUS_END_OF_FILE = 0xC000_0011;
    STATUS_MORE_PROCESSING_REQUIRED = 0xC000_0016;
    STATUS_NO_MEMORY = 0xC000_0017;
    STATUS_ILLEGAL_INSTRUCTION = 0xC000_001D;
    STATUS_ACCESS_DENIED = 0xC000_0022;
    STATUS_BUFFER_TOO_SMALL = 0xC000_0023;
    STATUS_OBJECT_TYPE_MISMATCH = 0xC000_0024;
    STATUS_OBJECT_NAME_INVALID = 0xC000_0033;
    STATUS_OBJECT_NAME_NOT_FOUND = 0xC000_0034;
    STATUS_OBJECT_NAME_COLLISION = 0xC000_0035;
    STATUS_OBJECT_PATH_NOT_FOUND = 0xC000_003A;
    STATUS_DATA_OVERRUN = 0xC000_003C;
    STATUS_DATA_LATE_ERROR = 0xC000_003D;
    STATUS_SHARING_VIOLATION = 0xC000_0043;
    STATUS_DELETE_PENDING = 0xC000_0056;
    STATUS_REVISION_MISMATCH = 0xC000_0059;
    STATUS_INVALID_IMAGE_FORMAT = 0xC000_007B;
    STATUS_INTEGER_DIVIDE_BY_ZERO = 0xC000_0094;
    STATUS_INSUFFICIENT_RESOURCES = 0xC000_009A;
    STATUS_DEVICE_DATA_ERROR = 0xC000_009C;
    STATUS_DEVICE_NOT_CONNECTED = 0xC000_009D;
    STATUS_DEVICE_NOT_READY = 0xC000_00A3;
    STATUS_NOT_SUPPORTED = 0xC000_00BB;
    STATUS_DEVICE_DOES_NOT_EXIST = 0xC000_00C0;
    STATUS_CANCELLED = 0xC000_0120;
    STATUS_INVALID_DEVICE_STATE = 0xC000_0184;
    STATUS_INVALID_BUFFER_SIZE = 0xC000_0206;
    STATUS_NOT_FOUND = 0xC000_0225;
    STATUS_NO_MATCH = 0xC000_0272;
    STATUS_DRIVER_ENTRYPOINT_NOT_FOUND = 0xC000_0263;
    STATUS_PROPSET_NOT_FOUND = 0xC000_0230;
    STATUS_DEVICE_REMOVED = 0xC000_02B6;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_warnings_are_not_success() {
        for (status, success) in [
            (STATUS_SUCCESS, true),
            (STATUS_PENDING, true),
            (STATUS_BUFFER_OVERFLOW, false),
            (STATUS_NO_MATCH, false),
        ] {
            assert_eq!(status.is_ok(), success, "{status}");
        }
        assert_eq!(STATUS_CANCELLED.to_string(), "STATUS_CANCELLED");
        assert_eq!(NtStatus(0x4321).to_string(), "0x00004321");
    }
}
