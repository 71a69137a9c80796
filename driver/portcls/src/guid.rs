//! The 16-byte identifier of everything in COM and KS.

use core::fmt;

/// `GUID` (guiddef.h): 16 bytes, the first three groups little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(C)]
pub struct Guid {
    /// First group.
    pub Data1: u32,
    /// Second group.
    pub Data2: u16,
    /// Third group.
    pub Data3: u16,
    /// Fourth and fifth group, in the order they are written.
    pub Data4: [u8; 8],
}

impl Guid {
    /// The GUID written as one number: `{00112233-4455-6677-8899-AABBCCDDEEFF}` is
    /// `0x00112233_4455_6677_8899_AABBCCDDEEFF`.
    pub const fn new(value: u128) -> Self {
        Self {
            Data1: (value >> 96) as u32,
            Data2: (value >> 80) as u16,
            Data3: (value >> 64) as u16,
            Data4: (value as u64).to_be_bytes(),
        }
    }

    /// The GUID as it lies in memory on a little-endian machine.
    pub const fn to_bytes(self) -> [u8; 16] {
        let [a, b, c, d] = self.Data1.to_le_bytes();
        let ([e, f], [g, h]) = (self.Data2.to_le_bytes(), self.Data3.to_le_bytes());
        let [i, j, k, l, m, n, o, p] = self.Data4;
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }
}

impl fmt::Display for Guid {
    /// Registry format without braces, upper case: `00000000-0000-0000-C000-000000000046`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, rest @ ..] = self.Data4;
        write!(
            f,
            "{:08X}-{:04X}-{:04X}-{a:02X}{b:02X}-",
            self.Data1, self.Data2, self.Data3
        )?;
        rest.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}
