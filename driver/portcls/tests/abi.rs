//! Layout against what Microsoft's compiler makes of the same headers (tests/data/abi-facts.tsv), and against the headers.

use std::collections::BTreeSet;
use std::mem::{offset_of, size_of};
use waverig_portcls::*;

/// Facts about types that this crate does not describe: they stay opaque, or belong to the kernel.
const ELSEWHERE: &[&str] = &[
    "DEVICE_OBJECT",
    "IRP",
    "KSDATARANGE",
    "GUID",
    "KSSTATE",
    "PCCONNECTION_DESCRIPTOR",
];

macro_rules! sizes {
    ($($type:ty),* $(,)?) => { &[$((stringify!($type), size_of::<$type>())),*] };
}

/// Every type that has a measured size.
const SIZES: &[(&str, usize)] = sizes![
    KSDATAFORMAT,
    KSDATARANGE_AUDIO,
    WAVEFORMATEX,
    WAVEFORMATEXTENSIBLE,
    KSDATAFORMAT_WAVEFORMATEX,
    KSDATAFORMAT_WAVEFORMATEXTENSIBLE,
    KSPIN_DESCRIPTOR,
    PCPIN_DESCRIPTOR,
    PCNODE_DESCRIPTOR,
    PCFILTER_DESCRIPTOR,
    PCPROPERTY_ITEM,
    PCPROPERTY_REQUEST,
    PCEVENT_ITEM,
    PCAUTOMATION_TABLE,
    KSJACK_DESCRIPTION,
    KSRTAUDIO_BUFFER,
    KSRTAUDIO_BUFFER_PROPERTY,
    KSRTAUDIO_HWLATENCY,
    KSRTAUDIO_NOTIFICATION_EVENT_PROPERTY,
    KSAUDIO_POSITION,
    UNICODE_STRING,
    IUnknownVtbl,
    IMiniportVtbl,
    IMiniportWaveRTVtbl,
    IMiniportWaveRTStreamVtbl,
    IMiniportWaveRTStreamNotificationVtbl,
    IMiniportTopologyVtbl,
    IAdapterPowerManagementVtbl,
    IPortVtbl,
    IPortWaveRTStreamVtbl,
    IResourceListVtbl,
    IRegistryKeyVtbl,
    IPortClsVersionVtbl,
];

/// Aliases in the facts: (name there, size here).
const ALIASES: &[(&str, usize)] = &[
    ("GUID", size_of::<Guid>()),
    ("KSDATARANGE", size_of::<KSDATARANGE>()),
    ("KSSTATE", size_of::<KSSTATE>()),
    (
        "PCCONNECTION_DESCRIPTOR",
        size_of::<PCCONNECTION_DESCRIPTOR>(),
    ),
    ("IPortWaveRTVtbl", size_of::<IPortVtbl>()),
    ("IPortTopologyVtbl", size_of::<IPortVtbl>()),
];

/// (kind, name, value) of every measured fact.
fn facts() -> Vec<(&'static str, &'static str, &'static str)> {
    include_str!("data/abi-facts.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut fields = line.split('\t');
            let mut next = || fields.next().expect("three fields");
            (next(), next(), next())
        })
        .collect()
}

#[test]
fn sizes_are_those_that_microsofts_compiler_measured() {
    let mut wrong = Vec::new();
    for (_, name, value) in facts().into_iter().filter(|(kind, ..)| *kind == "sizeof") {
        let expect: usize = value.parse().expect("a size");
        match SIZES
            .iter()
            .chain(ALIASES)
            .find(|(known, _)| *known == name)
        {
            Some((_, size)) if *size == expect => {}
            Some((_, size)) => wrong.push(format!("{name}: {size} here, {expect} measured")),
            None if ELSEWHERE.contains(&name) => {}
            None => wrong.push(format!("{name}: measured, but not checked here")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_size_that_is_checked_was_measured() {
    let measured: BTreeSet<_> = facts().into_iter().map(|(_, name, _)| name).collect();
    let unmeasured: Vec<_> = SIZES
        .iter()
        .filter(|(name, _)| !measured.contains(name))
        .collect();
    assert!(unmeasured.is_empty(), "{unmeasured:?}");
}

#[test]
fn guids_are_the_measured_ones() {
    let known = [
        // Measured where unknwn.h came first.
        ("IID_IUnknown", id::IID_IUnknown_COM),
        ("IID_IMiniportWaveRT", id::IID_IMiniportWaveRT),
        ("IID_IMiniportTopology", id::IID_IMiniportTopology),
        (
            "IID_IAdapterPowerManagement",
            id::IID_IAdapterPowerManagement,
        ),
        ("IID_IPortWaveRT", id::IID_IPortWaveRT),
        ("IID_IPortTopology", id::IID_IPortTopology),
        ("KSCATEGORY_AUDIO", id::KSCATEGORY_AUDIO),
        ("KSDATAFORMAT_SUBTYPE_PCM", id::KSDATAFORMAT_SUBTYPE_PCM),
        (
            "KSDATAFORMAT_SUBTYPE_IEEE_FLOAT",
            id::KSDATAFORMAT_SUBTYPE_IEEE_FLOAT,
        ),
        ("KSNODETYPE_SPEAKER", id::KSNODETYPE_SPEAKER),
        ("KSPROPSETID_Jack", id::KSPROPSETID_Jack),
    ];
    for (_, name, value) in facts().into_iter().filter(|(kind, ..)| *kind == "guid") {
        let here = known
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, guid)| guid.to_string());
        assert_eq!(here.as_deref(), Some(value), "{name}");
    }
}

#[test]
fn a_guid_lies_in_memory_as_windows_writes_it() {
    let guid = Guid::new(0x00112233_4455_6677_8899_AABBCCDDEEFF);
    let Guid {
        Data1,
        Data2,
        Data3,
        Data4,
    } = guid;
    assert_eq!((Data1, Data2, Data3), (0x0011_2233, 0x4455, 0x6677));
    assert_eq!(Data4, [0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF]);
    assert_eq!(guid.to_string(), "00112233-4455-6677-8899-AABBCCDDEEFF");
    let memory = [
        0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE,
        0xFF,
    ];
    assert_eq!(guid.to_bytes(), memory);
}

/// Slots of each table, from portcls.h.
#[test]
fn tables_have_the_slots_of_the_header() {
    let slots = [
        ("IUnknown", size_of::<IUnknownVtbl>(), 3),
        ("IMiniport", size_of::<IMiniportVtbl>(), 5),
        ("IMiniportWaveRT", size_of::<IMiniportWaveRTVtbl>(), 8),
        ("IMiniportTopology", size_of::<IMiniportTopologyVtbl>(), 6),
        (
            "IMiniportWaveRTStream",
            size_of::<IMiniportWaveRTStreamVtbl>(),
            11,
        ),
        (
            "IMiniportWaveRTStreamNotification",
            size_of::<IMiniportWaveRTStreamNotificationVtbl>(),
            15,
        ),
        (
            "IMiniportWaveRTOutputStream",
            size_of::<IMiniportWaveRTOutputStreamVtbl>(),
            6,
        ),
        (
            "IMiniportWaveRTInputStream",
            size_of::<IMiniportWaveRTInputStreamVtbl>(),
            4,
        ),
        (
            "IMiniportAudioSignalProcessing",
            size_of::<IMiniportAudioSignalProcessingVtbl>(),
            4,
        ),
        ("IDrmAudioStream", size_of::<IDrmAudioStreamVtbl>(), 4),
        (
            "IAdapterPowerManagement",
            size_of::<IAdapterPowerManagementVtbl>(),
            6,
        ),
        (
            "IAdapterPowerManagement2",
            size_of::<IAdapterPowerManagement2Vtbl>(),
            7,
        ),
        (
            "IAdapterPowerManagement3",
            size_of::<IAdapterPowerManagement3Vtbl>(),
            9,
        ),
        (
            "IAdapterPnpManagement",
            size_of::<IAdapterPnpManagementVtbl>(),
            7,
        ),
        ("IPort", size_of::<IPortVtbl>(), 6),
        ("IPortWaveRTStream", size_of::<IPortWaveRTStreamVtbl>(), 10),
        ("IPortWaveCyclic", size_of::<IPortWaveCyclicVtbl>(), 9),
        (
            "IMiniportWaveCyclic",
            size_of::<IMiniportWaveCyclicVtbl>(),
            7,
        ),
        (
            "IMiniportWaveCyclicStream",
            size_of::<IMiniportWaveCyclicStreamVtbl>(),
            9,
        ),
        ("IDmaChannel", size_of::<IDmaChannelVtbl>(), 15),
        ("IServiceSink", size_of::<IServiceSinkVtbl>(), 4),
        ("IServiceGroup", size_of::<IServiceGroupVtbl>(), 9),
        ("IPortEvents", size_of::<IPortEventsVtbl>(), 5),
        ("IPortClsVersion", size_of::<IPortClsVersionVtbl>(), 4),
        (
            "IUnregisterSubdevice",
            size_of::<IUnregisterSubdeviceVtbl>(),
            4,
        ),
        (
            "IUnregisterPhysicalConnection",
            size_of::<IUnregisterPhysicalConnectionVtbl>(),
            6,
        ),
        ("IResourceList", size_of::<IResourceListVtbl>(), 11),
        ("IRegistryKey", size_of::<IRegistryKeyVtbl>(), 11),
    ];
    for (name, bytes, expect) in slots {
        assert_eq!(bytes, expect * size_of::<usize>(), "{name}");
    }
}

/// Offsets on x64, from the declarations in portcls.h, ks.h and ksmedia.h.
#[test]
fn fields_lie_where_the_headers_put_them() {
    let offsets = [
        (
            "PCPROPERTY_REQUEST.Node",
            offset_of!(PCPROPERTY_REQUEST, Node),
            16,
        ),
        (
            "PCPROPERTY_REQUEST.Verb",
            offset_of!(PCPROPERTY_REQUEST, Verb),
            32,
        ),
        (
            "PCPROPERTY_REQUEST.InstanceSize",
            offset_of!(PCPROPERTY_REQUEST, InstanceSize),
            36,
        ),
        (
            "PCPROPERTY_REQUEST.Instance",
            offset_of!(PCPROPERTY_REQUEST, Instance),
            40,
        ),
        (
            "PCPROPERTY_REQUEST.ValueSize",
            offset_of!(PCPROPERTY_REQUEST, ValueSize),
            48,
        ),
        (
            "PCPROPERTY_REQUEST.Value",
            offset_of!(PCPROPERTY_REQUEST, Value),
            56,
        ),
        (
            "PCPROPERTY_REQUEST.Irp",
            offset_of!(PCPROPERTY_REQUEST, Irp),
            64,
        ),
        (
            "PCPROPERTY_ITEM.Handler",
            offset_of!(PCPROPERTY_ITEM, Handler),
            16,
        ),
        (
            "PCAUTOMATION_TABLE.Properties",
            offset_of!(PCAUTOMATION_TABLE, Properties),
            8,
        ),
        (
            "PCAUTOMATION_TABLE.Events",
            offset_of!(PCAUTOMATION_TABLE, Events),
            40,
        ),
        (
            "PCPIN_DESCRIPTOR.AutomationTable",
            offset_of!(PCPIN_DESCRIPTOR, AutomationTable),
            16,
        ),
        (
            "PCPIN_DESCRIPTOR.KsPinDescriptor",
            offset_of!(PCPIN_DESCRIPTOR, KsPinDescriptor),
            24,
        ),
        (
            "KSPIN_DESCRIPTOR.DataRanges",
            offset_of!(KSPIN_DESCRIPTOR, DataRanges),
            40,
        ),
        (
            "KSPIN_DESCRIPTOR.DataFlow",
            offset_of!(KSPIN_DESCRIPTOR, DataFlow),
            48,
        ),
        (
            "KSPIN_DESCRIPTOR.Category",
            offset_of!(KSPIN_DESCRIPTOR, Category),
            56,
        ),
        (
            "KSPIN_DESCRIPTOR.ConstrainedDataRanges",
            offset_of!(KSPIN_DESCRIPTOR, ConstrainedDataRanges),
            80,
        ),
        (
            "PCNODE_DESCRIPTOR.Type",
            offset_of!(PCNODE_DESCRIPTOR, Type),
            16,
        ),
        (
            "PCFILTER_DESCRIPTOR.Pins",
            offset_of!(PCFILTER_DESCRIPTOR, Pins),
            24,
        ),
        (
            "PCFILTER_DESCRIPTOR.Nodes",
            offset_of!(PCFILTER_DESCRIPTOR, Nodes),
            40,
        ),
        (
            "PCFILTER_DESCRIPTOR.Connections",
            offset_of!(PCFILTER_DESCRIPTOR, Connections),
            56,
        ),
        (
            "PCFILTER_DESCRIPTOR.Categories",
            offset_of!(PCFILTER_DESCRIPTOR, Categories),
            72,
        ),
        (
            "KSDATAFORMAT.MajorFormat",
            offset_of!(KSDATAFORMAT, MajorFormat),
            16,
        ),
        (
            "KSDATAFORMAT.Specifier",
            offset_of!(KSDATAFORMAT, Specifier),
            48,
        ),
        (
            "KSDATARANGE_AUDIO.MaximumSampleFrequency",
            offset_of!(KSDATARANGE_AUDIO, MaximumSampleFrequency),
            80,
        ),
        (
            "KSATTRIBUTE_LIST.Attributes",
            offset_of!(KSATTRIBUTE_LIST, Attributes),
            8,
        ),
        (
            "WAVEFORMATEXTENSIBLE.SubFormat",
            offset_of!(WAVEFORMATEXTENSIBLE, SubFormat),
            24,
        ),
        (
            "KSPROPERTY_DESCRIPTION.PropTypeSet",
            offset_of!(KSPROPERTY_DESCRIPTION, PropTypeSet),
            8,
        ),
        (
            "KSRTAUDIO_BUFFER_PROPERTY.RequestedBufferSize",
            offset_of!(KSRTAUDIO_BUFFER_PROPERTY, RequestedBufferSize),
            32,
        ),
        (
            "KSRTAUDIO_GETREADPACKET_INFO.PerformanceCounterValue",
            offset_of!(KSRTAUDIO_GETREADPACKET_INFO, PerformanceCounterValue),
            8,
        ),
        (
            "KSSTREAM_HEADER.Data",
            offset_of!(KSSTREAM_HEADER, Data),
            40,
        ),
        (
            "KSRTAUDIO_HWREGISTER.Numerator",
            offset_of!(KSRTAUDIO_HWREGISTER, Numerator),
            16,
        ),
    ];
    for (field, here, expect) in offsets {
        assert_eq!(here, expect, "{field}");
    }
}

/// Sizes that follow from the headers' declarations and were not measured.
#[test]
fn unmeasured_sizes_follow_from_the_declarations() {
    let sizes = [
        ("KSPROPERTY", size_of::<KSPROPERTY>(), 24),
        ("KSP_PIN", size_of::<KSP_PIN>(), 32),
        ("KSSTREAM_HEADER", size_of::<KSSTREAM_HEADER>(), 56),
        (
            "KSNODEPROPERTY_AUDIO_CHANNEL",
            size_of::<KSNODEPROPERTY_AUDIO_CHANNEL>(),
            40,
        ),
        (
            "KSPROPERTY_DESCRIPTION",
            size_of::<KSPROPERTY_DESCRIPTION>(),
            40,
        ),
        (
            "KSPROPERTY_MEMBERSHEADER",
            size_of::<KSPROPERTY_MEMBERSHEADER>(),
            16,
        ),
        (
            "KSPROPERTY_STEPPING_LONG",
            size_of::<KSPROPERTY_STEPPING_LONG>(),
            16,
        ),
        (
            "KSATTRIBUTE_AUDIOSIGNALPROCESSING_MODE",
            size_of::<KSATTRIBUTE_AUDIOSIGNALPROCESSING_MODE>(),
            40,
        ),
        ("KSJACK_DESCRIPTION2", size_of::<KSJACK_DESCRIPTION2>(), 8),
        (
            "KSRTAUDIO_HWREGISTER",
            size_of::<KSRTAUDIO_HWREGISTER>(),
            40,
        ),
        (
            "KSRTAUDIO_SETWRITEPACKET_INFO",
            size_of::<KSRTAUDIO_SETWRITEPACKET_INFO>(),
            12,
        ),
        (
            "KSRTAUDIO_GETREADPACKET_INFO",
            size_of::<KSRTAUDIO_GETREADPACKET_INFO>(),
            24,
        ),
        ("DRMRIGHTS", size_of::<DRMRIGHTS>(), 12),
        ("DEVPROPKEY", size_of::<DEVPROPKEY>(), 20),
        (
            "KSAUDIO_PACKETSIZE_CONSTRAINTS2",
            size_of::<KSAUDIO_PACKETSIZE_CONSTRAINTS2<1>>(),
            16 + 24,
        ),
        (
            "KSAUDIO_PACKETSIZE_CONSTRAINTS2 of two modes",
            size_of::<KSAUDIO_PACKETSIZE_CONSTRAINTS2<2>>(),
            16 + 48,
        ),
        (
            "PORT_CLASS_DEVICE_EXTENSION_SIZE",
            PORT_CLASS_DEVICE_EXTENSION_SIZE,
            512,
        ),
    ];
    for (name, here, expect) in sizes {
        assert_eq!(here, expect, "{name}");
    }
}
