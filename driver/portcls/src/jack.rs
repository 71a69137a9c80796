//! Jack descriptions (ksmedia.h).

/// `KSJACK_DESCRIPTION`. 28 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KSJACK_DESCRIPTION {
    /// `SPEAKER_…` bits of the channels.
    pub ChannelMapping: u32,
    /// 0x00RRGGBB.
    pub Color: u32,
    /// `EPcxConnectionType`.
    pub ConnectionType: i32,
    /// `EPcxGeoLocation`.
    pub GeoLocation: i32,
    /// `EPcxGenLocation`.
    pub GenLocation: i32,
    /// `EPxcPortConnection`.
    pub PortConnection: i32,
    /// Not 0: something is plugged in.
    pub IsConnected: i32,
}

/// `KSJACK_DESCRIPTION2`. 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSJACK_DESCRIPTION2 {
    /// State of the device; 0 when there is nothing to say.
    pub DeviceStateInfo: u32,
    /// `JACKDESC2_…`.
    pub JackCapabilities: u32,
}

/// `KSPROPERTY_JACK_DESCRIPTION`.
pub const KSPROPERTY_JACK_DESCRIPTION: u32 = 1;
/// `KSPROPERTY_JACK_DESCRIPTION2`.
pub const KSPROPERTY_JACK_DESCRIPTION2: u32 = 2;

/// `eConnTypeUnknown`.
pub const eConnTypeUnknown: i32 = 0;
/// `eConnTypeOtherDigital`.
pub const eConnTypeOtherDigital: i32 = 6;
/// `eGeoLocNotApplicable`.
pub const eGeoLocNotApplicable: i32 = 14;
/// `eGenLocPrimaryBox`.
pub const eGenLocPrimaryBox: i32 = 0;
/// `eGenLocOther`.
pub const eGenLocOther: i32 = 3;
/// `ePortConnJack`.
pub const ePortConnJack: i32 = 0;
/// `ePortConnIntegratedDevice`.
pub const ePortConnIntegratedDevice: i32 = 1;
/// `ePortConnUnknown`.
pub const ePortConnUnknown: i32 = 3;

/// `JACKDESC2_PRESENCE_DETECT_CAPABILITY`: plugging is noticed.
pub const JACKDESC2_PRESENCE_DETECT_CAPABILITY: u32 = 1;
/// `JACKDESC2_DYNAMIC_FORMAT_CHANGE_CAPABILITY`: formats change with what is plugged in.
pub const JACKDESC2_DYNAMIC_FORMAT_CHANGE_CAPABILITY: u32 = 2;
