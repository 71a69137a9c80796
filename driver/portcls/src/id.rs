//! GUIDs of interfaces, classes, categories, formats, property sets and modes.

use crate::Guid;

// Interfaces (portcls.h, drmk.h, punknown.h)

/// Identifies [`IUnknown`](crate::IUnknown) in the kernel: what punknown.h defines, and what drivers that are built with it compare with.
/// Two bytes stand elsewhere than in COM's.
pub const IID_IUnknown: Guid = Guid::new(0x00000000_0000_0000_0000_C00000000046);
/// COM's (unknwn.h, `__uuidof(IUnknown)`): a driver that includes that header first compares with this one.
pub const IID_IUnknown_COM: Guid = Guid::new(0x00000000_0000_0000_C000_000000000046);
/// Identifies [`IMiniport`](crate::IMiniport).
pub const IID_IMiniport: Guid = Guid::new(0xB4C90A24_5791_11D0_86F9_00A0C911B544);
/// Identifies [`IPort`](crate::IPort).
pub const IID_IPort: Guid = Guid::new(0xB4C90A25_5791_11D0_86F9_00A0C911B544);
/// Identifies [`IResourceList`](crate::IResourceList).
pub const IID_IResourceList: Guid = Guid::new(0x22C6AC60_851B_11D0_9A7F_00AA0038ACFE);
/// Identifies [`IRegistryKey`](crate::IRegistryKey).
pub const IID_IRegistryKey: Guid = Guid::new(0xE8DA4302_F304_11D0_958B_00C04FB925D3);
/// Identifies [`IPortTopology`](crate::IPortTopology).
pub const IID_IPortTopology: Guid = Guid::new(0xB4C90A30_5791_11D0_86F9_00A0C911B544);
/// Identifies [`IMiniportTopology`](crate::IMiniportTopology).
pub const IID_IMiniportTopology: Guid = Guid::new(0xB4C90A31_5791_11D0_86F9_00A0C911B544);
/// Identifies [`IPortWaveRT`](crate::IPortWaveRT).
pub const IID_IPortWaveRT: Guid = Guid::new(0x339FF909_68A9_4310_B09B_274E96EE4CBD);
/// Identifies [`IPortWaveRTStream`](crate::IPortWaveRTStream).
pub const IID_IPortWaveRTStream: Guid = Guid::new(0x1809CE5A_64BC_4E62_BD7D_95BCE43DE393);
/// Identifies [`IMiniportWaveRT`](crate::IMiniportWaveRT).
pub const IID_IMiniportWaveRT: Guid = Guid::new(0x0F9FC4D6_6061_4F3C_B1FC_075E35F7960A);
/// Identifies [`IMiniportWaveRTStream`](crate::IMiniportWaveRTStream).
pub const IID_IMiniportWaveRTStream: Guid = Guid::new(0x000AC9AB_FAAB_4F3D_9455_6FF8306A74A0);
/// Identifies [`IMiniportWaveRTStreamNotification`](crate::IMiniportWaveRTStreamNotification).
pub const IID_IMiniportWaveRTStreamNotification: Guid =
    Guid::new(0x23759128_96F1_423B_AB4D_81635BCF8CA1);
/// Identifies [`IMiniportWaveRTInputStream`](crate::IMiniportWaveRTInputStream).
pub const IID_IMiniportWaveRTInputStream: Guid = Guid::new(0xCD8E756A_5FC7_4624_984B_2AF02925B91F);
/// Identifies [`IMiniportWaveRTOutputStream`](crate::IMiniportWaveRTOutputStream).
pub const IID_IMiniportWaveRTOutputStream: Guid = Guid::new(0x831FC7BC_6347_44BC_B47B_C0C657B5BF73);
/// Identifies [`IMiniportAudioSignalProcessing`](crate::IMiniportAudioSignalProcessing).
pub const IID_IMiniportAudioSignalProcessing: Guid =
    Guid::new(0xB532678C_BE50_472D_9973_8A6F16594989);
/// Identifies [`IAdapterPowerManagement`](crate::IAdapterPowerManagement).
pub const IID_IAdapterPowerManagement: Guid = Guid::new(0x793417D0_35FE_11D1_AD08_00A0C90AB1B0);
/// Identifies [`IAdapterPowerManagement2`](crate::IAdapterPowerManagement2).
pub const IID_IAdapterPowerManagement2: Guid = Guid::new(0xE0F92E5D_67F5_48EE_B57A_7D1E90C5F43D);
/// Identifies [`IAdapterPowerManagement3`](crate::IAdapterPowerManagement3).
pub const IID_IAdapterPowerManagement3: Guid = Guid::new(0xA8C7303E_F80C_4BC9_B2E3_FB2D08BE920F);
/// Identifies [`IAdapterPnpManagement`](crate::IAdapterPnpManagement).
pub const IID_IAdapterPnpManagement: Guid = Guid::new(0x706F2368_4086_47F5_B913_57B76EED1A32);
/// Identifies [`IPortWaveCyclic`](crate::IPortWaveCyclic).
pub const IID_IPortWaveCyclic: Guid = Guid::new(0xB4C90A26_5791_11D0_86F9_00A0C911B544);
/// Identifies [`IMiniportWaveCyclic`](crate::IMiniportWaveCyclic).
pub const IID_IMiniportWaveCyclic: Guid = Guid::new(0xB4C90A27_5791_11D0_86F9_00A0C911B544);
/// Identifies [`IMiniportWaveCyclicStream`](crate::IMiniportWaveCyclicStream).
pub const IID_IMiniportWaveCyclicStream: Guid = Guid::new(0xB4C90A28_5791_11D0_86F9_00A0C911B544);
/// Identifies [`IDmaChannel`](crate::IDmaChannel).
pub const IID_IDmaChannel: Guid = Guid::new(0x22C6AC61_851B_11D0_9A7F_00AA0038ACFE);
/// Identifies [`IServiceSink`](crate::IServiceSink).
pub const IID_IServiceSink: Guid = Guid::new(0x22C6AC64_851B_11D0_9A7F_00AA0038ACFE);
/// Identifies [`IServiceGroup`](crate::IServiceGroup).
pub const IID_IServiceGroup: Guid = Guid::new(0x22C6AC65_851B_11D0_9A7F_00AA0038ACFE);
/// Identifies [`IPortEvents`](crate::IPortEvents).
pub const IID_IPortEvents: Guid = Guid::new(0xA80F29C4_5498_11D2_95D9_00C04FB925D3);
/// Identifies [`IPortClsVersion`](crate::IPortClsVersion).
pub const IID_IPortClsVersion: Guid = Guid::new(0x7D89A7BB_869B_4567_8DBE_1E168CC853DE);
/// Identifies [`IUnregisterSubdevice`](crate::IUnregisterSubdevice).
pub const IID_IUnregisterSubdevice: Guid = Guid::new(0x16738177_E199_41F9_9A87_ABB2A5432F21);
/// Identifies [`IUnregisterPhysicalConnection`](crate::IUnregisterPhysicalConnection).
pub const IID_IUnregisterPhysicalConnection: Guid =
    Guid::new(0x6C38E231_2A0D_428D_81F8_07CC428BB9A4);
/// Identifies [`IDrmAudioStream`](crate::IDrmAudioStream).
pub const IID_IDrmAudioStream: Guid = Guid::new(0x1915C967_3299_48CB_A3E4_69FD1D1B306E);

// Port classes (portcls.h), for PcNewPort

/// The WaveRT port driver.
pub const CLSID_PortWaveRT: Guid = Guid::new(0xCC9BE57A_EB9E_42B4_94FC_0CAD3DBCE7FA);
/// The WaveCyclic port driver.
pub const CLSID_PortWaveCyclic: Guid = Guid::new(0xB4C90A2A_5791_11D0_86F9_00A0C911B544);
/// The topology port driver.
pub const CLSID_PortTopology: Guid = Guid::new(0xB4C90A32_5791_11D0_86F9_00A0C911B544);

// Interface classes and filter categories (ks.h, ksmedia.h)

/// Audio device; also a pin category.
pub const KSCATEGORY_AUDIO: Guid = Guid::new(0x6994AD04_93EF_11D0_A3CC_00A0C9223196);
/// Renders.
pub const KSCATEGORY_RENDER: Guid = Guid::new(0x65E8773E_8F56_11D0_A3B9_00A0C9223196);
/// Captures.
pub const KSCATEGORY_CAPTURE: Guid = Guid::new(0x65E8773D_8F56_11D0_A3B9_00A0C9223196);
/// A WaveRT filter.
pub const KSCATEGORY_REALTIME: Guid = Guid::new(0xEB115FFC_10C8_4964_831D_6DCB02E6F23F);
/// A topology filter.
pub const KSCATEGORY_TOPOLOGY: Guid = Guid::new(0xDDA54A40_1E4C_11D1_A050_405705C10000);

// Node types and pin categories (ksmedia.h)

/// A speaker: pin category of an endpoint.
pub const KSNODETYPE_SPEAKER: Guid = Guid::new(0xDFF21CE1_F70F_11D0_B917_00A0C9223196);
/// A microphone.
pub const KSNODETYPE_MICROPHONE: Guid = Guid::new(0xDFF21BE1_F70F_11D0_B917_00A0C9223196);
/// A line connector: pin category of an endpoint.
pub const KSNODETYPE_LINE_CONNECTOR: Guid = Guid::new(0xDFF21FE3_F70F_11D0_B917_00A0C9223196);
/// A volume control.
pub const KSNODETYPE_VOLUME: Guid = Guid::new(0x3A5ACC00_C557_11D0_8A2B_00A0C9255AC1);
/// A mute switch.
pub const KSNODETYPE_MUTE: Guid = Guid::new(0x02B223C0_C557_11D0_8A2B_00A0C9255AC1);
/// Name of a volume node: master volume.
pub const KSAUDFNAME_MASTER_VOLUME: Guid = Guid::new(0x185FEDE3_9905_11D1_95A9_00C04FB925D3);
/// Name of a mute node: master mute.
pub const KSAUDFNAME_MASTER_MUTE: Guid = Guid::new(0x185FEDE4_9905_11D1_95A9_00C04FB925D3);

// Data formats (ks.h, ksmedia.h)

/// Major format: audio.
pub const KSDATAFORMAT_TYPE_AUDIO: Guid = Guid::new(0x73647561_0000_0010_8000_00AA00389B71);
/// Sub-format: PCM.
pub const KSDATAFORMAT_SUBTYPE_PCM: Guid = Guid::new(0x00000001_0000_0010_8000_00AA00389B71);
/// Sub-format: IEEE float.
pub const KSDATAFORMAT_SUBTYPE_IEEE_FLOAT: Guid = Guid::new(0x00000003_0000_0010_8000_00AA00389B71);
/// Sub-format: analog, for bridge pins.
pub const KSDATAFORMAT_SUBTYPE_ANALOG: Guid = Guid::new(0x6DBA3190_67BD_11CF_A0F7_0020AFD156E4);
/// Nothing follows the KSDATAFORMAT.
pub const KSDATAFORMAT_SPECIFIER_NONE: Guid = Guid::new(0x0F6417D6_C318_11D0_A43F_00A0C9223196);
/// A WAVEFORMATEX follows the KSDATAFORMAT.
pub const KSDATAFORMAT_SPECIFIER_WAVEFORMATEX: Guid =
    Guid::new(0x05589F81_C356_11CE_BF01_00AA0055595A);

// Property sets (ks.h, ksmedia.h)

/// General properties of a filter.
pub const KSPROPSETID_General: Guid = Guid::new(0x1464EDA5_6A8F_11D1_9AA7_00A0C9223196);
/// Topology of a filter.
pub const KSPROPSETID_Topology: Guid = Guid::new(0x720D4AC0_7533_11D0_A5D6_28DB04C10000);
/// Pin properties ([`KSPROPERTY_PIN_DATAINTERSECTION`](crate::KSPROPERTY_PIN_DATAINTERSECTION) and so on).
pub const KSPROPSETID_Pin: Guid = Guid::new(0x8C134960_51AD_11CF_878A_94F801C10000);
/// State and format of a pin instance.
pub const KSPROPSETID_Connection: Guid = Guid::new(0x1D58C920_AC9B_11CF_A5D6_28DB04C10000);
/// Audio properties of nodes and streams.
pub const KSPROPSETID_Audio: Guid = Guid::new(0x45FFAAA0_6E1B_11D0_BCF2_444553540000);
/// WaveRT buffers, registers and notification events.
pub const KSPROPSETID_RtAudio: Guid = Guid::new(0xA855A48C_2F78_4729_9051_1968746B9EEF);
/// Jack descriptions of a topology filter's pins.
pub const KSPROPSETID_Jack: Guid = Guid::new(0x4509F757_2D46_4637_8E62_CE7DB944F57B);
/// Content protection of a stream.
pub const KSPROPSETID_DrmAudioStream: Guid = Guid::new(0x2F2C8DDD_4198_4FAC_BA29_61BB05B7DE06);
/// Signal-processing modes of a pin.
pub const KSPROPSETID_AudioSignalProcessing: Guid =
    Guid::new(0x4F67B528_30C9_40DE_B2FB_859DDD1F3470);
/// Property values are described by their VARTYPE.
pub const KSPROPTYPESETID_General: Guid = Guid::new(0x97E99BA0_BDEA_11CF_A5D6_28DB04C10000);

// Signal-processing modes (ksmedia.h)

/// Attribute of a data range or format that names a mode.
pub const KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE: Guid =
    Guid::new(0xE1F89EB5_5F46_419B_967B_FF6770B98401);
/// The device's own default processing.
pub const AUDIO_SIGNALPROCESSINGMODE_DEFAULT: Guid =
    Guid::new(0xC18E2F7E_933D_4965_B7D1_1EEF228D2AF3);
/// No processing.
pub const AUDIO_SIGNALPROCESSINGMODE_RAW: Guid = Guid::new(0x9E90EA20_B493_4FD1_A1A8_7E1361A956CF);
