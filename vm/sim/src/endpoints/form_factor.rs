//! What kind of thing an endpoint is, from the category of its bridge pin.

use waverig_portcls::Guid;

/// Form factor of an endpoint (`EndpointFormFactor`, mmdeviceapi.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFactor {
    /// `Speakers`.
    Speakers,
    /// `LineLevel`.
    LineConnector,
    /// `Headphones`.
    Headphones,
    /// `Microphone`.
    Microphone,
    /// `Headset`.
    Headset,
    /// `Handset`.
    Handset,
    /// `SPDIF`.
    Spdif,
    /// `DigitalAudioDisplayDevice`.
    Hdmi,
    /// `UnknownDigitalPassthrough`.
    Digital,
}

/// Node types that share all but their first group (ksmedia.h).
const fn terminal(first: u32) -> Guid {
    Guid::new(((first as u128) << 96) | 0x0000_0000_F70F_11D0_B917_00A0_C922_3196)
}

impl FormFactor {
    /// The form factor that a pin category stands for (`KSNODETYPE_…`, ksmedia.h); `None` when it stands for none.
    pub fn of(category: &Guid) -> Option<Self> {
        const HDMI: Guid = Guid::new(0xD1B9_CC2A_F519_417F_91C9_55FA_6548_1001);
        if *category == HDMI {
            return Some(Self::Hdmi);
        }
        if *category != terminal(category.Data1) {
            return None;
        }
        Some(match category.Data1 {
            // SPEAKER, DESKTOP_SPEAKER, ROOM_SPEAKER, COMMUNICATION_SPEAKER, LOW_FREQUENCY_EFFECTS_SPEAKER
            0xDFF2_1CE1 | 0xDFF2_1CE4..=0xDFF2_1CE7 => Self::Speakers,
            // HEADPHONES, HEAD_MOUNTED_DISPLAY_AUDIO
            0xDFF2_1CE2 | 0xDFF2_1CE3 => Self::Headphones,
            // MICROPHONE and its kinds, up to PROCESSING_MICROPHONE_ARRAY
            0xDFF2_1BE1..=0xDFF2_1BE6 => Self::Microphone,
            // HANDSET
            0xDFF2_1DE1 => Self::Handset,
            // HEADSET
            0xDFF2_1DE2 => Self::Headset,
            // ANALOG_CONNECTOR, LINE_CONNECTOR, LEGACY_AUDIO_CONNECTOR
            0xDFF2_1FE1 | 0xDFF2_1FE3 | 0xDFF2_1FE4 => Self::LineConnector,
            // DIGITAL_AUDIO_INTERFACE
            0xDFF2_1FE2 => Self::Digital,
            // SPDIF_INTERFACE
            0xDFF2_1FE5 => Self::Spdif,
            _ => return None,
        })
    }

    /// The name in reports and in the protocol.
    pub fn id(self) -> &'static str {
        match self {
            Self::Speakers => "speakers",
            Self::LineConnector => "line-connector",
            Self::Headphones => "headphones",
            Self::Microphone => "microphone",
            Self::Headset => "headset",
            Self::Handset => "handset",
            Self::Spdif => "spdif",
            Self::Hdmi => "hdmi",
            Self::Digital => "digital-interface",
        }
    }

    /// The name people see when the pin has none of its own.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Speakers => "Speakers",
            Self::LineConnector => "Line",
            Self::Headphones => "Headphones",
            Self::Microphone => "Microphone",
            Self::Headset => "Headset",
            Self::Handset => "Handset",
            Self::Spdif => "SPDIF Interface",
            Self::Hdmi => "Digital Display Audio",
            Self::Digital => "Digital Audio Interface",
        }
    }
}
