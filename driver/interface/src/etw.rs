//! The driver's events as ETW sees them: provider, names, values, and the description in TraceLogging's form that each event carries,
//! so that any tool decodes it without a manifest.
//!
//! The bytes are those of TraceLoggingProvider.h. Of a provider: their number (16 bits), then its name. Of an event: their
//! number, a tag that is 0, its name, and for each value its name and type. Names end in 0.

use crate::{EventKind, Guid};

/// The provider's name.
pub const PROVIDER_NAME: &str = "Waverig.Driver";

/// The provider's id, `{D3FED942-73B3-52A9-162F-D31E438029E2}`: the one that is derived from the name, as usual for TraceLogging.
pub const PROVIDER_ID: Guid = Guid {
    data1: 0xD3FE_D942,
    data2: 0x73B3,
    data3: 0x52A9,
    data4: [0x16, 0x2F, 0xD3, 0x1E, 0x43, 0x80, 0x29, 0xE2],
};

/// `WINEVENT_CHANNEL_TRACELOGGING` (evntprov.h, winmeta.h).
pub const CHANNEL: u8 = 11;
/// `WINEVENT_LEVEL_INFO`: every event is of this level.
pub const LEVEL: u8 = 4;
/// The keyword of every event. Events without one reach sessions that did not ask for them.
pub const KEYWORD: u64 = 1;

/// How a value is shown: `TlgIn…` and `TlgOut…` of TraceLoggingProvider.h.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    /// `TlgInUINT8`.
    U8,
    /// `TlgInINT64`.
    I64,
    /// `TlgInUINT64`.
    U64,
    /// `TlgInUINT64`, `TlgOutHEX`.
    Hex,
}

type Values = &'static [(&'static str, Type)];

/// What each event says first: numbers of [`EventRecord`](crate::EventRecord).
const SOURCE: Values = &[("Device", Type::U8), ("Cable", Type::U8)];

const fn name_bytes(name: &str) -> usize {
    name.len() + 1
}

const fn value_bytes(values: Values) -> usize {
    let (mut bytes, mut at) = (0, 0);
    while at < values.len() {
        let (name, kind) = values[at];
        bytes += name_bytes(name) + 1 + matches!(kind, Type::Hex) as usize;
        at += 1;
    }
    bytes
}

const fn event_bytes(name: &str, values: Values) -> usize {
    3 + name_bytes(name) + value_bytes(SOURCE) + value_bytes(values)
}

/// Bytes that are put together when this is compiled.
struct Bytes<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Bytes<N> {
    const fn new() -> Self {
        assert!(N <= 0xFFFF, "16 bits tell how many bytes there are");
        let mut new = Self {
            bytes: [0; N],
            length: 2,
        };
        new.bytes[0] = N as u8;
        new.bytes[1] = (N >> 8) as u8;
        new
    }

    const fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    const fn name(&mut self, name: &str) {
        let name = name.as_bytes();
        let mut at = 0;
        while at < name.len() {
            self.byte(name[at]);
            at += 1;
        }
        self.byte(0);
    }

    const fn values(&mut self, values: Values) {
        let mut at = 0;
        while at < values.len() {
            let (name, kind) = values[at];
            self.name(name);
            match kind {
                Type::U8 => self.byte(4),
                Type::I64 => self.byte(9),
                Type::U64 => self.byte(10),
                Type::Hex => {
                    // The type has a way to be shown behind it.
                    self.byte(10 | 0x80);
                    self.byte(4);
                }
            }
            at += 1;
        }
    }

    const fn whole(self) -> [u8; N] {
        assert!(self.length == N, "all of it is written");
        self.bytes
    }
}

/// The provider's description: its traits, for `EtwSetInformation`, and what goes with each event.
pub static PROVIDER: [u8; 2 + name_bytes(PROVIDER_NAME)] = {
    let mut bytes = Bytes::new();
    bytes.name(PROVIDER_NAME);
    bytes.whole()
};

macro_rules! events {
    ($($kind:ident [$($value:literal $type:ident)*];)*) => {
        /// The description of an event, and how many of its values ETW is told: the others are always 0.
        #[must_use]
        pub fn description(kind: EventKind) -> (&'static [u8], usize) {
            match kind {
                $(EventKind::$kind => {
                    const NAME: &str = stringify!($kind);
                    const VALUES: Values = &[$(($value, Type::$type)),*];
                    static BYTES: [u8; event_bytes(NAME, VALUES)] = {
                        let mut bytes = Bytes::new();
                        bytes.byte(0);
                        bytes.name(NAME);
                        bytes.values(SOURCE);
                        bytes.values(VALUES);
                        bytes.whole()
                    };
                    (&BYTES, VALUES.len())
                })*
            }
        }
    };
}

events! {
    Loaded [];
    Started ["Status" Hex];
    Pnp ["MinorFunction" U64];
    Power ["DeviceState" U64 "SystemState" U64];
    SettingRefused ["Setting" U64 "Type" U64 "Found" U64];
    StreamOpened ["Rate" U64 "Format" Hex "ChannelMask" Hex];
    StreamRefused ["Status" Hex "Capture" U64];
    StreamClosed ["Generation" Hex "ClearFrames" U64 "ClearRuns" U64];
    State ["State" U64 "Before" Hex "Frame" U64];
    Buffer ["Bytes" U64 "PacketFrames" U64 "Capture" U64];
    BufferRefused ["Status" Hex "Bytes" U64 "Capture" U64];
    BufferFreed ["Reserved1" U64 "Reserved2" U64 "Capture" U64];
    Starved ["Generation" U64 "Frame" U64 "Frames" U64];
    Protected ["Protected" U64 "Frame" U64];
    Steered ["WantedPpb" I64 "Ppb" I64];
    ClientOpened ["Client" U64 "Open" U64];
    ClientRefused ["Status" Hex "Open" U64];
    ClientClosed ["Client" U64 "LostFrames" U64 "Refused" U64];
    ClientLost ["Client" U64 "Frames" U64 "Generation" U64];
    RequestRefused ["Client" U64 "Control" Hex "Status" Hex];
    Shared ["Client" U64 "Slots" U64 "BlockFrames" U64];
    ShareEnded ["Client" U64 "Blocks" U64 "Status" Hex];
}

/// The most values an event has.
pub const MOST_VALUES: usize = 3;

/// What an event says, as one piece: device, cable, and as many values as its [`description`] has.
#[must_use]
pub fn data(device: u8, cable: u8, values: [u64; MOST_VALUES]) -> [u8; 2 + 8 * MOST_VALUES] {
    let mut data = [0; 2 + 8 * MOST_VALUES];
    let (source, places) = data.split_at_mut(2);
    source.copy_from_slice(&[device, cable]);
    for (place, value) in places.chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    extern crate std;
    use std::collections::BTreeSet;
    use std::format;
    use std::vec::Vec;

    #[test]
    fn an_event_describes_itself() {
        let (bytes, values) = description(EventKind::Started);
        assert_eq!(
            bytes,
            b"\x23\0\0Started\0Device\0\x04Cable\0\x04Status\0\x8A\x04"
        );
        assert_eq!(values, 1);
        assert_eq!(PROVIDER, *b"\x11\0Waverig.Driver\0");
    }

    /// Sizes are right, and names are those of the kinds.
    #[test]
    fn every_kind_has_a_description_of_its_own() {
        let mut names = BTreeSet::new();
        for kind in EventKind::ALL {
            let (bytes, values) = description(kind);
            let size = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
            assert_eq!(size, bytes.len(), "{kind:?}");
            let name: Vec<u8> = bytes[3..].iter().copied().take_while(|b| *b != 0).collect();
            assert_eq!(name, format!("{kind:?}").as_bytes());
            assert!(values <= MOST_VALUES && names.insert(name));
        }
    }

    #[test]
    fn the_id_is_derived_from_the_name() {
        let id = tracelogging::Guid::from_name(PROVIDER_NAME).to_bytes_le();
        let mut expect = [0; 16];
        expect[..4].copy_from_slice(&PROVIDER_ID.data1.to_le_bytes());
        expect[4..6].copy_from_slice(&PROVIDER_ID.data2.to_le_bytes());
        expect[6..8].copy_from_slice(&PROVIDER_ID.data3.to_le_bytes());
        expect[8..].copy_from_slice(&PROVIDER_ID.data4);
        assert_eq!(id, expect);
    }

    #[test]
    fn data_are_one_piece() {
        let data = data(7, 8, [1, 0x0203, u64::MAX]);
        assert_eq!(data[..12], [7, 8, 1, 0, 0, 0, 0, 0, 0, 0, 3, 2]);
        assert_eq!(data[18..], [0xFF; 8]);
    }
}
