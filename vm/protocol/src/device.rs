//! How the device is set up before it starts: what stands in its hardware key, whether it is right or not.

use serde::{Deserialize, Serialize};

/// The device of a scenario. A setting that is left out does not stand in the key when the package is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Device {
    /// How many device nodes are installed, all set up alike; 1 to 8. Their cables are numbered one node after the other.
    pub nodes: u8,
    /// `Cables`.
    pub cables: Option<Value>,
    /// `Channels`.
    pub channels: Option<Value>,
    /// `DefaultRate`.
    pub default_rate: Option<Value>,
    /// `DefaultSample`.
    pub default_sample: Option<Value>,
    /// `DefaultChannels`.
    pub default_channels: Option<Value>,
    /// `RenderName`.
    pub render_name: Option<Value>,
    /// `CaptureName`.
    pub capture_name: Option<Value>,
}

/// A value of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A `REG_DWORD`.
    Number(u32),
    /// A `REG_SZ`.
    Text(String),
    /// Any type with any bytes.
    Raw {
        /// The `REG_…`.
        kind: u32,
        /// What it holds.
        bytes: Vec<u8>,
    },
}

impl Default for Device {
    fn default() -> Self {
        Self {
            nodes: 1,
            cables: None,
            channels: None,
            default_rate: None,
            default_sample: None,
            default_channels: None,
            render_name: None,
            capture_name: None,
        }
    }
}

impl Device {
    /// Every setting that is given: its name in the registry and its value.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        [
            ("Cables", &self.cables),
            ("Channels", &self.channels),
            ("DefaultRate", &self.default_rate),
            ("DefaultSample", &self.default_sample),
            ("DefaultChannels", &self.default_channels),
            ("RenderName", &self.render_name),
            ("CaptureName", &self.capture_name),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }
}
