//! What Windows wrote about what happened: crash dumps, SetupAPI's log, event logs.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use waverig_protocol::Reply;
use windows::Win32::System::EventLog::{EvtExportLog, EvtExportLogChannelPath};
use windows::core::HSTRING;

use super::line::Host;
use super::package::windows_folder;

/// Most bytes of a piece: far below what a frame may have, so that a slow line shows that it lives.
const PIECE: usize = 1 << 20;
/// Channels of the event log: what drivers and services say, what Plug and Play says of devices, what code integrity refuses, and the
/// audio services' own.
const CHANNELS: [&str; 5] = [
    "System",
    "Microsoft-Windows-Kernel-PnP/Configuration",
    "Microsoft-Windows-CodeIntegrity/Operational",
    "Microsoft-Windows-Audio/Operational",
    "Microsoft-Windows-Audio/PlaybackManager",
];

/// Sends all of it; `home` is a folder for what must be written to a file first. What cannot be had is told as a line of the log.
///
/// # Errors
/// When the host takes no more.
pub(super) fn send(host: &Host, home: &Path) -> Result<()> {
    let mut files = Vec::new();
    let mut missing = Vec::new();
    match windows_folder() {
        Ok(windows) => {
            // "Overview of memory dump file options", "SetupAPI Text Logs".
            files.extend(in_folder(&windows.join("Minidump"), "dmp"));
            files.push(windows.join("MEMORY.DMP"));
            files.push(windows.join(r"INF\setupapi.dev.log"));
        }
        Err(error) => missing.push(format!("{error:#}")),
    }
    for channel in CHANNELS {
        let file = home.join(format!("{}.evtx", channel.replace(['/', ' '], "-")));
        match export(channel, &file) {
            Ok(()) => files.push(file),
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    for file in files {
        match piecewise(host, &file)? {
            Ok(()) => {}
            Err(error) => missing.push(format!("{}: {error}", file.display())),
        }
    }
    for line in missing {
        host.send(
            &Reply::Log {
                line: format!("not collected: {line}"),
            },
            &[],
        )?;
    }
    Ok(())
}

fn in_folder(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it.eq_ignore_ascii_case(extension))
        })
        .collect();
    files.sort();
    files
}

/// The host's failure, or the file's.
fn piecewise(host: &Host, path: &Path) -> Result<std::io::Result<()>> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.context("a file without a name")?;
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error)),
    };
    let mut offset = 0;
    loop {
        let mut piece = Vec::new();
        if let Err(error) = (&mut file).take(PIECE as u64).read_to_end(&mut piece) {
            return Ok(Err(error));
        }
        // A file that is empty is one piece.
        if piece.is_empty() && offset > 0 {
            return Ok(Ok(()));
        }
        let name = name.clone();
        host.send(&Reply::File { name, offset }, &piece)?;
        offset += piece.len() as u64;
        if piece.len() < PIECE {
            return Ok(Ok(()));
        }
    }
}

/// Writes a channel of the event log to a file.
fn export(channel: &str, to: &Path) -> Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)?,
        _ => {}
    }
    // SAFETY: no pointer outlives the call.
    unsafe {
        EvtExportLog(
            None,
            &HSTRING::from(channel),
            windows::core::w!("*"),
            &HSTRING::from(to.as_os_str()),
            EvtExportLogChannelPath.0,
        )
    }
    .with_context(|| format!("the event log's channel {channel} cannot be exported"))
}
