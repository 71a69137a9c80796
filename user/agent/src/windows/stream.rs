//! A WASAPI stream: opening it in each of the ways there are, waiting for it, its position.

use std::time::Duration;

use crate::plan::{Share, Stream as Wanted};
use crate::{audclnt, wave};
use anyhow::{Context as _, Result, bail};
use windows::Win32::Foundation::{HANDLE, WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows::Win32::Media::Audio::{
    AUDCLNT_E_BUFFER_SIZE_NOT_ALIGNED, AUDCLNT_SHAREMODE_EXCLUSIVE, AUDCLNT_SHAREMODE_SHARED,
    AUDCLNT_STREAMFLAGS_EVENTCALLBACK, AUDCLNT_STREAMOPTIONS_RAW, AudioCategory_Other,
    AudioClientProperties, IAudioClient, IAudioClient2, IAudioClient3, IAudioClock, IMMDevice,
};
use windows::Win32::System::Com::CLSCTX_ALL;
use windows::Win32::System::Threading::{CreateEventW, WaitForSingleObject};
use windows::core::{Interface, Owned};

use super::system;

/// 100-nanosecond units in a second.
const HNS: u64 = 10_000_000;
/// What a shared stream of the usual period has room for, in 100-nanosecond units: a program that comes late loses nothing. One with another
/// period has what the engine gives it.
const SHARED: i64 = 2_000_000;
/// A stream that says nothing for this long stands still, in milliseconds.
const SILENCE_MS: u32 = 2_000;

/// An open stream.
pub(super) struct Stream {
    pub(super) client: IAudioClient,
    clock: IAudioClock,
    /// Units of the clock's position per second.
    clock_frequency: u64,
    rate: u32,
    qpc_frequency: u64,
    event: Owned<HANDLE>,
    /// Milliseconds between two looks, of a stream without events.
    interval: Option<Duration>,
    /// Frames in the buffer that the program has.
    pub(super) buffer_frames: u32,
    /// Frames between two notifications, 0 without any.
    pub(super) packet_frames: u32,
    /// The whole buffer is handed over at each event.
    pub(super) whole: bool,
    /// The audio engine has no part in it.
    pub(super) exclusive: bool,
}

impl Stream {
    /// Opens it; nothing runs yet.
    ///
    /// # Errors
    /// With the step that was refused and why.
    pub(super) fn open(device: &IMMDevice, wanted: &Wanted) -> Result<Self> {
        let format = wave::encode(wanted.format);
        let client = activate(device, wanted.raw)?;
        let rate = wanted.format.rate;
        let (client, packet_frames) = match wanted.share {
            Share::ExclusiveEvent { packet_frames } => {
                let client = exclusive(device, client, wanted, &format, packet_frames, true)?;
                // SAFETY: asks only.
                (client.clone(), unsafe { client.GetBufferSize() }?)
            }
            Share::ExclusivePolling { buffer_frames, .. } => {
                let client = exclusive(device, client, wanted, &format, buffer_frames, false)?;
                (client, 0)
            }
            Share::Shared { period_frames } => {
                let period = shared(&client, &format, rate, period_frames)?;
                (client, period)
            }
        };
        // SAFETY: the handle is owned at once and outlives the stream; the other calls give references and numbers.
        unsafe {
            let event = Owned::new(CreateEventW(None, false, false, None)?);
            let interval = match wanted.share {
                Share::ExclusivePolling { interval_ms, .. } => {
                    Some(Duration::from_millis(interval_ms.into()))
                }
                _ => {
                    client.SetEventHandle(*event).context("no event is taken")?;
                    None
                }
            };
            let clock: IAudioClock = client.GetService().context("the stream has no clock")?;
            Ok(Self {
                clock_frequency: clock.GetFrequency()?.max(1),
                clock,
                rate,
                qpc_frequency: system::qpc_frequency().cast_unsigned(),
                event,
                interval,
                buffer_frames: client.GetBufferSize()?,
                packet_frames,
                exclusive: !matches!(wanted.share, Share::Shared { .. }),
                whole: matches!(wanted.share, Share::ExclusiveEvent { .. }),
                client,
            })
        }
    }

    /// Waits until there is something to do.
    ///
    /// # Errors
    /// When the stream says nothing any more.
    pub(super) fn wait(&self) -> Result<()> {
        if let Some(interval) = self.interval {
            std::thread::sleep(interval);
            return Ok(());
        }
        // SAFETY: the handle is this stream's.
        match unsafe { WaitForSingleObject(*self.event, SILENCE_MS) } {
            WAIT_OBJECT_0 => Ok(()),
            WAIT_TIMEOUT => bail!("no event came for {SILENCE_MS} ms: the stream stands still"),
            other => bail!("the event cannot be waited for ({other:?})"),
        }
    }

    /// Whether the stream tells when there is something to do.
    pub(super) fn notifies(&self) -> bool {
        self.interval.is_none()
    }

    /// Frames that were played or recorded, and the tick of the performance counter at which that was so.
    ///
    /// # Errors
    /// When the clock does not answer.
    pub(super) fn position(&self) -> Result<(u64, i64)> {
        let (mut position, mut hns) = (0, 0);
        // SAFETY: both results are local variables.
        unsafe { self.clock.GetPosition(&mut position, Some(&mut hns)) }
            .context("the stream's clock does not answer")?;
        // Both are in units of their own ("IAudioClock::GetPosition": the time is in 100-nanosecond units).
        let scaled = |value: u64, to: u64, from: u64| {
            u64::try_from(u128::from(value) * u128::from(to) / u128::from(from)).unwrap_or(u64::MAX)
        };
        let frames = scaled(position, self.rate.into(), self.clock_frequency);
        Ok((frames, scaled(hns, self.qpc_frequency, HNS).cast_signed()))
    }
}

fn activate(device: &IMMDevice, raw: bool) -> Result<IAudioClient> {
    // SAFETY: takes and gives references; the structure is local and says its size.
    unsafe {
        let client: IAudioClient = device
            .Activate(CLSCTX_ALL, None)
            .context("the endpoint gives no client")?;
        if raw {
            let properties = AudioClientProperties {
                cbSize: size_of::<AudioClientProperties>() as u32,
                eCategory: AudioCategory_Other,
                Options: AUDCLNT_STREAMOPTIONS_RAW,
                ..Default::default()
            };
            let second: IAudioClient2 = client.cast().context("there is no IAudioClient2")?;
            second
                .SetClientProperties(&properties)
                .context("the mode RAW is not taken")?;
        }
        Ok(client)
    }
}

/// An exclusive stream with so many frames in its buffer, or with as many as the hardware aligns that to.
fn exclusive(
    device: &IMMDevice,
    client: IAudioClient,
    wanted: &Wanted,
    format: &[u8; wave::BYTES],
    frames: u32,
    event: bool,
) -> Result<IAudioClient> {
    let rate = u64::from(wanted.format.rate);
    let hns = |frames: u32| (u64::from(frames) * HNS).div_ceil(rate).cast_signed();
    let initialize = |client: &IAudioClient, hns: i64| {
        let flags = if event {
            AUDCLNT_STREAMFLAGS_EVENTCALLBACK
        } else {
            0
        };
        // SAFETY: the structure is packed, so bytes are aligned for it, and it says its length.
        unsafe {
            client.Initialize(
                AUDCLNT_SHAREMODE_EXCLUSIVE,
                flags,
                hns,
                // With events the period and the buffer must be equal (IAudioClient::Initialize).
                if event { hns } else { 0 },
                format.as_ptr().cast(),
                None,
            )
        }
    };
    match initialize(&client, hns(frames)) {
        Ok(()) => Ok(client),
        Err(error) if error.code() == AUDCLNT_E_BUFFER_SIZE_NOT_ALIGNED => {
            // The client tells the next size that is aligned, and is of no further use (IAudioClient::Initialize, "Remarks").
            // SAFETY: asks only.
            let aligned = unsafe { client.GetBufferSize() }?;
            let client = activate(device, wanted.raw)?;
            initialize(&client, hns(aligned)).with_context(|| {
                format!("a buffer of {frames} frames is not aligned, and the {aligned} frames told instead are refused")
            })?;
            Ok(client)
        }
        Err(error) => Err(named(error)).with_context(|| {
            format!(
                "no exclusive stream of {frames} frames in {:?}",
                wanted.format
            )
        }),
    }
}

/// A stream through the audio engine; gives the frames in its period.
fn shared(
    client: &IAudioClient,
    format: &[u8; wave::BYTES],
    rate: u32,
    period_frames: u32,
) -> Result<u32> {
    let format = format.as_ptr().cast();
    let mut default = 0;
    // SAFETY: the result is a local variable.
    unsafe { client.GetDevicePeriod(Some(&mut default), None) }?;
    let usual = u64::from(rate) * default.cast_unsigned() / HNS;
    if usual == u64::from(period_frames) {
        // SAFETY: the structure is packed, so bytes are aligned for it, and it says its length.
        unsafe {
            client.Initialize(
                AUDCLNT_SHAREMODE_SHARED,
                AUDCLNT_STREAMFLAGS_EVENTCALLBACK,
                SHARED,
                0,
                format,
                None,
            )
        }
        .map_err(named)
        .context("no shared stream in this format; the audio engine takes its own")?;
        return Ok(period_frames);
    }
    let third: IAudioClient3 = client
        .cast()
        .context("there is no IAudioClient3, so the only period is the engine's own")?;
    let (mut default, mut step, mut least, mut most) = (0, 0, 0, 0);
    // SAFETY: the results are local variables; the structure as above.
    unsafe {
        third
            .GetSharedModeEnginePeriod(format, &mut default, &mut step, &mut least, &mut most)
            .context("the periods that the audio engine offers are not told")?;
        third.InitializeSharedAudioStream(
            AUDCLNT_STREAMFLAGS_EVENTCALLBACK,
            period_frames,
            format,
            None,
        )
    }
    .map_err(named)
    .with_context(|| {
        format!(
            "no shared stream with a period of {period_frames} frames; offered are {least} to {most} in steps of {step}, usual is {default}"
        )
    })?;
    Ok(period_frames)
}

/// A refusal with the name that its header gives it.
fn named(error: windows::core::Error) -> anyhow::Error {
    match audclnt::name(error.code().0.cast_unsigned()) {
        Some(name) => anyhow::Error::new(error).context(name),
        None => error.into(),
    }
}
