//! Scenario files: read, checked, chosen by name.

mod programs;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use waverig_protocol::device::Device;
use waverig_protocol::scenario::{
    Client, Disturbance, Format, Mode, Player, Recorder, Scenario, Signal, Soak, Tap, TapClient,
};
use waverig_signal::Generator;

use crate::Limits;
use crate::golden::format_name;
use crate::sweep::{self, Sweep};

/// A scenario with the limits it is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// What is played.
    pub scenario: Scenario,
    /// What is still right.
    pub limits: Limits,
    /// The formats it is played in, when it is a sweep; the scenario then is in the first of them.
    pub sweep: Option<Sweep>,
}

/// Why there is no such scenario; the text is a complete sentence with the file, the line and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError(String);

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScenarioError {}

/// The file as it is written: the protocol's scenario without its name, and the limits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    duration_ms: Spanned<u32>,
    #[serde(default)]
    start_ms: Option<Spanned<u32>>,
    #[serde(default)]
    stop_ms: Option<u32>,
    #[serde(default)]
    device: Option<Spanned<Device>>,
    signal: Spanned<Signal>,
    #[serde(default)]
    format: Option<Spanned<Format>>,
    #[serde(default)]
    sweep: Option<Spanned<Sweep>>,
    client: Spanned<Client>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    soak: Option<Spanned<Soak>>,
    #[serde(default)]
    tap: Option<Spanned<Tap>>,
    #[serde(default, rename = "disturbance")]
    disturbances: Vec<Spanned<Disturbance>>,
    #[serde(default, rename = "recorder")]
    recorders: Vec<Spanned<Recorder>>,
    #[serde(default, rename = "player")]
    players: Vec<Spanned<Player>>,
    #[serde(default, rename = "tap-client")]
    tap_clients: Vec<Spanned<TapClient>>,
    #[serde(default)]
    limits: Limits,
}

impl ScenarioFile {
    /// Reads the text of a scenario file. Its name is the file's name without `.toml`.
    ///
    /// # Errors
    /// When it is no scenario: file, line, what is wrong and what is allowed.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ScenarioError> {
        let at = |span: Option<Range<usize>>, what: &str| {
            let line = span.map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            ScenarioError(format!("{}:{line}: {what}", path.display()))
        };
        let file: File =
            toml::from_str(text).map_err(|error| at(error.span(), error.message().trim_end()))?;
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let format = format_of(&file)
            .and_then(|(format, span)| check(&file, format, span).map(|()| format))
            .map_err(|(span, what)| at(Some(span), &what))?;
        let spans = programs::Spans::of(&file);
        let scenario = Scenario {
            name,
            about: file.about,
            duration_ms: file.duration_ms.into_inner(),
            start_ms: file.start_ms.map(Spanned::into_inner).unwrap_or_default(),
            stop_ms: file.stop_ms,
            device: file.device.map(Spanned::into_inner).unwrap_or_default(),
            signal: file.signal.into_inner(),
            format,
            client: file.client.into_inner(),
            mode: file.mode,
            soak: file.soak.map(Spanned::into_inner),
            digest_frames: None,
            count_calls: false,
            tap: file.tap.map(Spanned::into_inner).unwrap_or_default(),
            disturbances: plain(file.disturbances),
            recorders: plain(file.recorders),
            players: plain(file.players),
            tap_clients: plain(file.tap_clients),
        };
        programs::check(&scenario, &spans).map_err(|(span, what)| at(Some(span), &what))?;
        Ok(Self {
            path: path.to_owned(),
            scenario,
            limits: file.limits,
            sweep: file.sweep.map(Spanned::into_inner),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.scenario.name
    }
}

fn plain<T>(spanned: Vec<Spanned<T>>) -> Vec<T> {
    spanned.into_iter().map(Spanned::into_inner).collect()
}

/// Requests that a client may have under way.
const MOST_REQUESTS: u32 = 64;
/// Frames in the longest packet or read that makes sense: one second at 192 kHz.
const MOST_FRAMES: u32 = 192_000;

/// The format that the file's numbers of frames are meant for, and where it stands. All formats of a sweep are looked at.
fn format_of(file: &File) -> Result<(Format, Range<usize>), (Range<usize>, String)> {
    match (&file.format, &file.sweep) {
        (Some(format), None) => Ok((*format.get_ref(), format.span())),
        (None, Some(sweep)) => {
            let (span, sweep) = (sweep.span(), sweep.get_ref());
            let mut names = BTreeSet::new();
            let mut twice = false;
            for format in sweep.formats() {
                in_range(file, format, span.clone())?;
                twice |= !names.insert(format_name(format));
            }
            let first = sweep.formats().next().filter(|_| !twice);
            let first = first.ok_or_else(|| {
                let what = format!(
                    "the sweep has {}; each list needs at least one entry, and none twice",
                    sweep.words()
                );
                (span.clone(), what)
            })?;
            Ok((sweep::nominal(first), span))
        }
        _ => Err((
            0..0,
            "a scenario has either a format = { rate, channels, sample } or a [sweep] with rates, channels and samples".into(),
        )),
    }
}

fn in_range(file: &File, format: Format, span: Range<usize>) -> Result<(), (Range<usize>, String)> {
    check_format(&format, &span)?;
    Generator::new(file.signal.get_ref(), format)
        .map(|_| ())
        .map_err(|error| (file.signal.span(), error.to_string()))
}

/// What the types alone do not rule out; the place and what is wrong there.
fn check(file: &File, format: Format, span: Range<usize>) -> Result<(), (Range<usize>, String)> {
    let duration = *file.duration_ms.get_ref();
    ensure(
        (1..=600_000).contains(&duration),
        file.duration_ms.span(),
        || format!("duration_ms = {duration}; allowed: 1 to 600000 (ten minutes)"),
    )?;
    if let Some(start) = &file.start_ms {
        ensure(*start.get_ref() <= 600_000, start.span(), || {
            format!("start_ms = {}; allowed: 0 to 600000", start.get_ref())
        })?;
    }
    if let Some(device) = &file.device {
        let nodes = device.get_ref().nodes;
        ensure((1..=8).contains(&nodes), device.span(), || {
            format!("nodes = {nodes}; allowed: 1 to 8")
        })?;
    }
    in_range(file, format, span)?;
    check_client(file.client.get_ref(), &format, &file.client.span())?;
    if let Some(soak) = &file.soak {
        check_soak(soak.get_ref(), file.client.get_ref(), &soak.span())?;
    }
    if let Some(tap) = &file.tap {
        let Tap { read_frames, reads } = *tap.get_ref();
        ensure(
            (1..=MOST_FRAMES).contains(&read_frames) && (1..=64).contains(&reads),
            tap.span(),
            || {
                format!(
                    "read_frames = {read_frames}, reads = {reads}; allowed: 1 to {MOST_FRAMES} frames, 1 to 64 reads"
                )
            },
        )?;
    }
    for each in &file.disturbances {
        let during = match each.get_ref() {
            Disturbance::Sleep { .. } | Disturbance::PowerDown { .. } => whole(file, duration),
            _ => duration,
        };
        check_disturbance(each.get_ref(), during, &each.span())?;
    }
    let mut before = 0;
    let whole = file.disturbances.iter();
    let whole: Vec<_> = whole
        .filter(|each| each.get_ref().is_of_the_machine())
        .collect();
    for (index, each) in whole.iter().enumerate() {
        let (at_ms, for_ms) = each.get_ref().span_ms();
        let last = index + 1 == whole.len();
        ensure(
            at_ms >= before && (last || !each.get_ref().ends_streams()),
            each.span(),
            || {
                format!(
                    "a disturbance at {at_ms} ms; those of the whole machine stand in order, do not overlap, and one that ends streams is the last"
                )
            },
        )?;
        before = at_ms + for_ms;
    }
    Ok(())
}

/// How long anything goes on whose main player plays for `duration`, in milliseconds after that starts.
fn whole(file: &File, duration: u32) -> u32 {
    let start = file.start_ms.as_ref().map_or(0, |start| *start.get_ref());
    let players = file.players.iter().map(Spanned::get_ref);
    let players = players.map(|player| player.start_ms.saturating_add(player.duration_ms));
    let recorders = file.recorders.iter().map(|one| one.get_ref().stop_ms);
    let ends = players
        .chain(recorders)
        .map(|end| end.saturating_sub(start));
    ends.max().unwrap_or(0).max(duration)
}

fn check_format(format: &Format, span: &Range<usize>) -> Result<(), (Range<usize>, String)> {
    ensure(
        (8_000..=192_000).contains(&format.rate) && (1..=16).contains(&format.channels),
        span.clone(),
        || {
            format!(
                "{} Hz with {} channels; allowed: 8000 to 192000 Hz, 1 to 16 channels",
                format.rate, format.channels
            )
        },
    )
}

fn check_client(
    client: &Client,
    format: &Format,
    span: &Range<usize>,
) -> Result<(), (Range<usize>, String)> {
    let (frames, what) = match *client {
        Client::EventDriven { packet_frames }
        | Client::Packet { packet_frames, .. }
        | Client::Requests { packet_frames, .. } => (packet_frames, "packet_frames"),
        Client::Shared { period_frames, .. } => (period_frames, "period_frames"),
        Client::Polling { buffer_frames, .. } => (buffer_frames, "buffer_frames"),
    };
    ensure((1..=MOST_FRAMES).contains(&frames), span.clone(), || {
        format!("{what} = {frames}; allowed: 1 to {MOST_FRAMES}")
    })?;
    if let Client::Requests { requests, .. } = *client {
        ensure(
            (1..=MOST_REQUESTS).contains(&requests),
            span.clone(),
            || format!("requests = {requests}; allowed: 1 to {MOST_REQUESTS}"),
        )?;
    }
    if let Client::Polling {
        buffer_frames,
        interval_ms,
    } = *client
    {
        let longest = u64::from(buffer_frames) * 1000 / u64::from(format.rate);
        ensure(
            interval_ms > 0 && u64::from(interval_ms) < longest,
            span.clone(),
            || {
                format!(
                    "interval_ms = {interval_ms}; allowed: at least 1 and below the buffer's {longest} ms"
                )
            },
        )?;
    }
    Ok(())
}

/// A disturbance of a stream that lasts `duration` ms.
fn check_soak(
    soak: &Soak,
    client: &Client,
    span: &Range<usize>,
) -> Result<(), (Range<usize>, String)> {
    ensure(
        matches!(client, Client::Polling { .. }),
        span.clone(),
        || "a soak has a client of kind polling, whose buffer it takes".to_owned(),
    )?;
    let Soak {
        days,
        looks,
        run_ms,
        ..
    } = *soak;
    ensure(
        (1..=1_000).contains(&days)
            && (1..=10_000).contains(&looks)
            && (1..=1_000).contains(&run_ms),
        span.clone(),
        || {
            format!(
                "days = {days}, looks = {looks}, run_ms = {run_ms}; allowed: 1 to 1000 days, 1 to 10000 looks of 1 to 1000 ms"
            )
        },
    )
}

fn check_disturbance(
    disturbance: &Disturbance,
    duration: u32,
    span: &Range<usize>,
) -> Result<(), (Range<usize>, String)> {
    let (at_ms, for_ms) = disturbance.span_ms();
    let lasts = !matches!(
        disturbance,
        Disturbance::QueryRemove { .. }
            | Disturbance::SurpriseRemoval { .. }
            | Disturbance::LatePacket { .. }
            | Disturbance::WrongPackets { .. }
    );
    // A stream that stands while it lasts, or is over, has its signal afterwards or not at all.
    let stalls = matches!(
        disturbance,
        Disturbance::ClientStall { .. } | Disturbance::TimerStall { .. }
    );
    let end = u64::from(at_ms) + if stalls { u64::from(for_ms) } else { 0 };
    ensure(
        (for_ms > 0 || !lasts) && end < u64::from(duration),
        span.clone(),
        || {
            format!(
                "a disturbance of {for_ms} ms at {at_ms} ms; it must last at least 1 ms and end before the signal, at {duration} ms"
            )
        },
    )
}

fn ensure(
    holds: bool,
    span: Range<usize>,
    what: impl FnOnce() -> String,
) -> Result<(), (Range<usize>, String)> {
    if holds { Ok(()) } else { Err((span, what())) }
}

/// Reads every scenario of a folder, in order of their names.
///
/// # Errors
/// When the folder cannot be read or holds no scenario, or a file is wrong.
pub fn load_all(folder: &Path) -> Result<Vec<ScenarioFile>, ScenarioError> {
    let unreadable = |path: &Path, error: std::io::Error| {
        ScenarioError(format!("cannot read {}: {error}", path.display()))
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(ScenarioError(format!(
            "{} holds no scenario (*.toml)",
            folder.display()
        )));
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
            ScenarioFile::parse(path, &text)
        })
        .collect()
}

/// The scenarios a filter means: the one with exactly this name, else all whose names contain it; all without a filter. With
/// `SWEEP/FORMAT`, one format of a sweep.
///
/// # Errors
/// When there is none; the text names the nearest one and all of them.
pub fn select(
    all: &[ScenarioFile],
    filter: Option<&str>,
) -> Result<Vec<ScenarioFile>, ScenarioError> {
    let Some(filter) = filter else {
        return Ok(all.to_vec());
    };
    if let Some((name, format)) = filter.split_once('/') {
        return one_format(all, name, format).map(|file| vec![file]);
    }
    if let Some(exact) = all.iter().find(|file| file.name() == filter) {
        return Ok(vec![exact.clone()]);
    }
    let containing: Vec<_> = all
        .iter()
        .filter(|file| !filter.is_empty() && file.name().contains(filter))
        .cloned()
        .collect();
    if !containing.is_empty() {
        return Ok(containing);
    }
    let names: Vec<_> = all.iter().map(ScenarioFile::name).collect();
    let nearest = names
        .iter()
        .min_by_key(|name| distance(name, filter))
        .filter(|name| distance(name, filter) <= filter.len().max(name.len()) / 2)
        .map_or_else(|| ".".to_owned(), |name| format!("; did you mean {name}?"));
    Err(ScenarioError(format!(
        "no scenario is called {filter:?}{nearest} There are: {}",
        names.join(", ")
    )))
}

/// One format of a sweep.
fn one_format(
    all: &[ScenarioFile],
    name: &str,
    format: &str,
) -> Result<ScenarioFile, ScenarioError> {
    let sweeps = all
        .iter()
        .filter_map(|file| Some((file, file.sweep.as_ref()?)));
    let Some((file, sweep)) = sweeps.clone().find(|(file, _)| file.name() == name) else {
        let names: Vec<_> = sweeps.map(|(file, _)| file.name()).collect();
        return Err(ScenarioError(format!(
            "no sweep is called {name:?}. There are: {}",
            names.join(", ")
        )));
    };
    let Some(only) = sweep.only(format) else {
        return Err(ScenarioError(format!(
            "the sweep {name} has no format {format:?}, which should read like \"48000-2-pcm16\"; it has {}",
            sweep.words()
        )));
    };
    Ok(ScenarioFile {
        sweep: Some(only),
        ..file.clone()
    })
}

/// Edits (insert, delete, replace a character) that turn one name into the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (at, a) in from.chars().enumerate() {
        let mut diagonal = at;
        row[0] = at + 1;
        for (column, b) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
