//! Audio endpoints: listing them, finding those of a device, waiting until they are there.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use crate::interface::Interface as Filter;
use crate::wave;
use anyhow::{Context as _, Result, bail};
use waverig_protocol::Endpoint;
use waverig_protocol::scenario::{Format, Sample};
use windows::Win32::Foundation::PROPERTYKEY;
use windows::Win32::Media::Audio::{
    AUDCLNT_SHAREMODE_EXCLUSIVE, DEVICE_STATE, DEVICE_STATE_ACTIVE, DigitalAudioDisplayDevice,
    EDataFlow, ERole, EndpointFormFactor, Handset, Headphones, Headset, IAudioClient,
    IDeviceTopology, IMMDevice, IMMDeviceEnumerator, IMMNotificationClient,
    IMMNotificationClient_Impl, LineLevel, MMDeviceEnumerator, Microphone, RemoteNetworkDevice,
    SPDIF, Speakers, UnknownDigitalPassthrough, eCapture, eRender,
};
use windows::Win32::System::Com::{
    CLSCTX_ALL, COINIT_MULTITHREADED, CoCreateInstance, CoInitializeEx, CoTaskMemFree,
    CoUninitialize,
};
use windows::core::{HSTRING, PCWSTR, PWSTR, implement};

use super::property::{DEVICE_FORMAT, FORM_FACTOR, FRIENDLY_NAME, Properties};

/// How long the endpoint builder may take for the next endpoint.
const ENDPOINT: Duration = Duration::from_secs(15);

/// COM on this thread, until it is dropped.
pub struct Com;

impl Com {
    /// Every thread that uses an endpoint needs one.
    pub fn start() -> Result<Self> {
        // SAFETY: balanced by the drop, on the same thread: the type is neither sent nor shared.
        unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) }
            .ok()
            .context("COM does not start")?;
        Ok(Self)
    }
}

impl Drop for Com {
    fn drop(&mut self) {
        // SAFETY: COM was started on this thread.
        unsafe { CoUninitialize() };
    }
}

/// An endpoint.
#[derive(Clone)]
pub struct Found {
    device: IMMDevice,
    /// What Windows knows it by.
    pub id: String,
    /// The name people see.
    pub name: String,
    /// Whether it plays; else it records.
    pub render: bool,
    /// The filter that it stands on; `None` where Windows does not tell.
    pub filter: Option<Filter>,
}

/// Every endpoint that is active.
///
/// # Errors
/// When the enumerator does not answer.
pub fn list(com: &Com) -> Result<Vec<Found>> {
    let enumerator = enumerator(com)?;
    let mut found = Vec::new();
    for flow in [eRender, eCapture] {
        found.extend(of_flow(&enumerator, flow).context("endpoints cannot be listed")?);
    }
    Ok(found)
}

fn enumerator(_: &Com) -> Result<IMMDeviceEnumerator> {
    // SAFETY: COM runs, as the argument shows.
    unsafe { CoCreateInstance(&MMDeviceEnumerator, None, CLSCTX_ALL) }
        .context("there is no enumerator of endpoints")
}

/// The endpoint with this identifier, for the thread that asks.
///
/// # Errors
/// When it is gone.
pub fn open(com: &Com, id: &str) -> Result<IMMDevice> {
    // SAFETY: takes a text, gives a reference.
    unsafe { enumerator(com)?.GetDevice(&HSTRING::from(id)) }
        .with_context(|| format!("the endpoint {id} is gone"))
}

fn of_flow(enumerator: &IMMDeviceEnumerator, flow: EDataFlow) -> Result<Vec<Found>> {
    // SAFETY: these calls take and give references only.
    let devices = unsafe {
        let list = enumerator.EnumAudioEndpoints(flow, DEVICE_STATE_ACTIVE)?;
        let items = (0..list.GetCount()?).map(|index| list.Item(index));
        items.collect::<windows::core::Result<Vec<_>>>()?
    };
    let one = |device: IMMDevice| {
        let name = Properties::of(&device)?.text(&FRIENDLY_NAME)?;
        let filter = connected_to(&device).ok().flatten();
        // SAFETY: the text is freed once, after it was read.
        let id = unsafe {
            let id = device.GetId()?;
            let text = id.to_string();
            CoTaskMemFree(Some(id.as_ptr().cast()));
            text.unwrap_or_default()
        };
        Ok(Found {
            device,
            id,
            name: name.unwrap_or_default(),
            render: flow == eRender,
            filter,
        })
    };
    devices.into_iter().map(one).collect()
}

/// The adapter's filter on the other side of an endpoint's only connector ("Device Topologies").
fn connected_to(device: &IMMDevice) -> windows::core::Result<Option<Filter>> {
    // SAFETY: these calls take and give references; the text is freed once, after it was read.
    unsafe {
        let topology: IDeviceTopology = device.Activate(CLSCTX_ALL, None)?;
        let id: PWSTR = topology.GetConnector(0)?.GetDeviceIdConnectedTo()?;
        let text = id.to_string();
        CoTaskMemFree(Some(id.as_ptr().cast()));
        Ok(text.ok().and_then(|text| Filter::parse(&text)))
    }
}

/// The endpoints of device nodes, each with the number of its cable: the cables are numbered one node after the other, in the order of the
/// numbers that their reference strings end with.
pub fn of_nodes(all: &[Found], nodes: &[String]) -> Vec<(u8, Found)> {
    let mut cables = Vec::new();
    for render in [true, false] {
        let mut number = 0u8;
        for node in nodes {
            let is = |one: &&Found| {
                let filter = one.filter.as_ref();
                one.render == render && filter.is_some_and(|filter| filter.is_of(node))
            };
            let mut own: Vec<&Found> = all.iter().filter(is).collect();
            own.sort_by_key(|one| one.filter.as_ref().and_then(Filter::number));
            for one in own {
                number = number.saturating_add(1);
                cables.push((number, one.clone()));
            }
        }
    }
    cables
}

/// Waits until so many endpoints stand on these nodes, or until nothing more has come for a while: those there are.
///
/// # Errors
/// When the enumerator does not answer.
pub fn wait_for(com: &Com, nodes: &[String], count: usize) -> Result<Vec<(u8, Found)>> {
    let enumerator = enumerator(com)?;
    let (tell, told) = sync_channel(1);
    let client: IMMNotificationClient = Changes(tell).into();
    // SAFETY: the client is there until it is taken back below.
    unsafe { enumerator.RegisterEndpointNotificationCallback(&client) }
        .context("changes of endpoints are not told")?;
    let found = loop {
        let all = list(com).map(|all| of_nodes(&all, nodes));
        let enough = all.as_ref().map_or(true, |found| found.len() >= count);
        if enough || told.recv_timeout(ENDPOINT).is_err() {
            break all;
        }
    };
    // SAFETY: it was registered above.
    let _ = unsafe { enumerator.UnregisterEndpointNotificationCallback(&client) };
    found
}

/// Is told of every change of an endpoint.
#[implement(IMMNotificationClient)]
struct Changes(SyncSender<()>);

impl Changes_Impl {
    fn tell(&self) {
        // One that waits already is enough.
        let _ = self.0.try_send(());
    }
}

impl IMMNotificationClient_Impl for Changes_Impl {
    fn OnDeviceStateChanged(&self, _: &PCWSTR, _: DEVICE_STATE) -> windows::core::Result<()> {
        self.tell();
        Ok(())
    }

    fn OnDeviceAdded(&self, _: &PCWSTR) -> windows::core::Result<()> {
        self.tell();
        Ok(())
    }

    fn OnDeviceRemoved(&self, _: &PCWSTR) -> windows::core::Result<()> {
        Ok(())
    }

    fn OnDefaultDeviceChanged(
        &self,
        _: EDataFlow,
        _: ERole,
        _: &PCWSTR,
    ) -> windows::core::Result<()> {
        Ok(())
    }

    fn OnPropertyValueChanged(&self, _: &PCWSTR, _: &PROPERTYKEY) -> windows::core::Result<()> {
        Ok(())
    }
}

/// The endpoint of one direction with this name, or one that begins with it when only one does.
///
/// # Errors
/// With the names there are.
pub fn named(all: &[Found], name: &str, render: bool) -> Result<Found> {
    let of_kind = || all.iter().filter(|one| one.render == render);
    let exact = of_kind().find(|one| one.name == name);
    let mut begins = of_kind().filter(|one| one.name.starts_with(name));
    match (exact, begins.next(), begins.next()) {
        (Some(one), ..) | (None, Some(one), None) => Ok(one.clone()),
        (None, None, _) => {
            let names: Vec<_> = of_kind().map(|one| one.name.as_str()).collect();
            bail!("no endpoint is called {name:?}; there are {names:?}")
        }
        _ => bail!("several endpoints begin with {name:?}"),
    }
}

impl Found {
    /// As the protocol has it.
    ///
    /// # Errors
    /// When the endpoint does not answer.
    pub fn told(&self) -> Result<Endpoint> {
        let properties = Properties::of(&self.device)?;
        let form = properties.number(&FORM_FACTOR)?.unwrap_or_default();
        let format = properties.bytes(&DEVICE_FORMAT)?;
        let reference = self.filter.as_ref().map(|filter| filter.reference.clone());
        Ok(Endpoint {
            name: self.name.clone(),
            render: self.render,
            form_factor: form_factor(EndpointFormFactor(form.cast_signed())),
            filter: reference.unwrap_or_default(),
            most_channels: self.most_channels()?,
            proposed: format.and_then(|bytes| wave::decode(&bytes)),
        })
    }

    /// The most channels that the endpoint takes exclusively in 16 bit at one of the usual rates: the ranges of the pin are not shown to
    /// programs of WASAPI's.
    fn most_channels(&self) -> Result<u32> {
        // SAFETY: takes and gives references.
        let client: IAudioClient = unsafe { self.device.Activate(CLSCTX_ALL, None) }?;
        let takes = |channels: u16| {
            [48_000, 44_100, 8_000, 192_000].iter().any(|rate| {
                let format = wave::encode(Format {
                    rate: *rate,
                    channels,
                    sample: Sample::Pcm16,
                });
                // SAFETY: the structure is packed, so bytes are aligned for it, and it says its length.
                unsafe {
                    client.IsFormatSupported(
                        AUDCLNT_SHAREMODE_EXCLUSIVE,
                        format.as_ptr().cast(),
                        None,
                    )
                }
                .is_ok()
            })
        };
        Ok((1..=16)
            .rev()
            .find(|channels| takes(*channels))
            .unwrap_or(0)
            .into())
    }
}

/// `EndpointFormFactor` in the protocol's words.
fn form_factor(form: EndpointFormFactor) -> String {
    #[expect(non_upper_case_globals, reason = "they are mmdeviceapi.h's")]
    match form {
        RemoteNetworkDevice => "remote-network-device",
        Speakers => "speakers",
        LineLevel => "line-connector",
        Headphones => "headphones",
        Microphone => "microphone",
        Headset => "headset",
        Handset => "handset",
        UnknownDigitalPassthrough => "digital-passthrough",
        SPDIF => "spdif",
        DigitalAudioDisplayDevice => "display",
        _ => "unknown",
    }
    .to_owned()
}
