//! The names that ks.h and ksmedia.h give to GUIDs, for people who read an inspection.

use waverig_interface::TAP_INTERFACE;
use waverig_portcls::{Guid, id};

macro_rules! words {
    ($($name:ident)*) => {
        const WORDS: &[(Guid, &str)] = &[$((id::$name, stringify!($name))),*];
    };
}

words! {
    KSCATEGORY_AUDIO KSCATEGORY_RENDER KSCATEGORY_CAPTURE KSCATEGORY_REALTIME KSCATEGORY_TOPOLOGY
    KSNODETYPE_SPEAKER KSNODETYPE_MICROPHONE KSNODETYPE_LINE_CONNECTOR KSNODETYPE_VOLUME KSNODETYPE_MUTE
    KSPROPSETID_General KSPROPSETID_Topology KSPROPSETID_Pin KSPROPSETID_Connection KSPROPSETID_Audio
    KSPROPSETID_RtAudio KSPROPSETID_Jack KSPROPSETID_DrmAudioStream KSPROPSETID_AudioSignalProcessing
    AUDIO_SIGNALPROCESSINGMODE_DEFAULT AUDIO_SIGNALPROCESSINGMODE_RAW
}

/// Names that are shorter in speech than in the header.
const SUBFORMATS: &[(Guid, &str)] = &[
    (id::KSDATAFORMAT_SUBTYPE_PCM, "PCM"),
    (id::KSDATAFORMAT_SUBTYPE_IEEE_FLOAT, "float"),
    (id::KSDATAFORMAT_SUBTYPE_ANALOG, "analog"),
];

/// The header's name of a GUID, else the GUID itself.
pub(super) fn of(guid: &Guid) -> String {
    let Guid {
        Data1: data1,
        Data2: data2,
        Data3: data3,
        Data4: data4,
    } = *guid;
    if (
        TAP_INTERFACE.data1,
        TAP_INTERFACE.data2,
        TAP_INTERFACE.data3,
        TAP_INTERFACE.data4,
    ) == (data1, data2, data3, data4)
    {
        return "the tap".into();
    }
    let mut all = WORDS.iter().chain(SUBFORMATS);
    let known = all.find(|(known, _)| known == guid);
    known.map_or_else(|| format!("{{{guid}}}"), |(_, name)| (*name).to_owned())
}
