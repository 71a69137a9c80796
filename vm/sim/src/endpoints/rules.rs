//! What a device must offer for an endpoint to appear.

use crate::rules::Rule;

macro_rules! rules {
    ($($name:ident: $id:literal, $title:literal, $source:literal;)*) => {
        $(#[doc = $title] pub static $name: Rule = Rule { id: $id, fatal: false, title: $title, source: $source };)*
        /// The endpoint builder's rules.
        pub static TABLE: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    BRIDGE_CATEGORY: "endpoint-bridge-category",
        "An unconnected bridge pin's category says what kind of endpoint it is.",
        "Audio Endpoint Builder Algorithm, step 2; KSPIN_DESCRIPTOR.Category";
    INTERFACE_MISSING: "endpoint-interface",
        "Filters of an endpoint have enabled interfaces of the right categories that the INF registers under the same reference string.",
        "Installing Device Interfaces for an Audio Adapter";
    NO_PATH: "endpoint-path",
        "A path leads from an endpoint's bridge pin to a pin that clients open and that takes PCM, AC-3 or WMA.",
        "Audio Endpoint Builder Algorithm, step 4";
    UNREACHED: "endpoint-unreached",
        "A filter that clients stream to belongs to an endpoint.",
        "inferred from Audio Endpoint Builder Algorithm, step 1: endpoints are made of unconnected bridge pins alone";
    NONE_LISTED: "endpoint-none",
        "An audio device offers at least one endpoint.",
        "Audio Endpoint Builder Algorithm";
    CONSTRAINTS: "packet-size-constraints",
        "DEVPKEY_KsAudio_PacketSize_Constraints2 is whole, names a processing mode, and is consistent in itself.",
        "ksmedia/ns-ksmedia-_ksaudio_packetsize_constraints2";
    CONSTRAINT_MODES: "packet-size-constraint-modes",
        "DEVPKEY_KsAudio_PacketSize_Constraints2 has an entry for each signal-processing mode of the pin.",
        "inferred from ksmedia/ns-ksmedia-_ksaudio_packetsize_constraints2: nothing says which period a mode without an entry has";
    INSTANCES: "pin-instances",
        "A pin can be opened as often as its MaxFilterInstanceCount and MaxGlobalInstanceCount say, which clients are told as KSPIN_CINSTANCES.PossibleCount.",
        "stream/ksproperty-pin-cinstances; ks/ns-ks-kspin_cinstances";
    JACK: "jack-description",
        "A jack description answers a request without room with its size and STATUS_BUFFER_OVERFLOW, then with a KSMULTIPLE_ITEM and its items.",
        "KSPROPERTY_JACK_DESCRIPTION, KSPROPERTY_JACK_DESCRIPTION2, KSPROPERTY_JACK_DESCRIPTION3";
    BASIC_SUPPORT: "node-basic-support",
        "A volume or mute node answers basic support with room for a ULONG with its verbs, for a KSPROPERTY_DESCRIPTION with that and the whole size, and then with the whole.",
        "Basic Support Queries for Audio Properties";
    CHANNEL_MEMBERS: "channel-property-members",
        "The description of a volume or mute property is whole and has the flag MULTICHANNEL and a range for each channel.",
        "Exposing Multichannel Nodes; ks/ns-ks-ksproperty_description";
    PIN_NAME_UNKNOWN: "pin-name-unknown",
        "The GUID in a pin's Name leads to a name below MediaCategories.",
        "Friendly Names for Audio Endpoint Devices";
    PROPOSED_FORMAT: "proposed-format",
        "A pin that has KSPROPERTY_PIN_PROPOSEDATAFORMAT2 gives for each of its modes a whole format of one of its ranges, with the attributes it was asked with, and takes it; for a mode it does not have it answers STATUS_NOT_SUPPORTED.",
        "stream/ksproperty-pin-proposedataformat2; that the attributes come back is inferred from the sample sysvad";
    RANGE_TAKEN: "data-range-taken",
        "An intersection with a pin's own range gives a format, and the pin takes it.",
        "portcls/nf-portcls-iminiport-datarangeintersection; KSPROPERTY_PIN_PROPOSEDATAFORMAT";
    CHANNEL_COUNTS: "endpoint-channels",
        "Volume and mute of an endpoint have as many channels as the format that its pin proposes, and its jack has as many positions, or none.",
        "inferred from Exposing Multichannel Nodes and ksmedia/ns-ksmedia-ksjack_description";
    PIN_NAME: "media-category-unused",
        "A GUID that the INF names under MediaCategories is the Name or Category of a pin.",
        "Friendly Names for Audio Endpoint Devices";
}
