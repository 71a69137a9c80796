//! The disk that goes into a guest: what of a package lies on it, and which way that went into sessions: from there, or over the line where
//! the guest did not find it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use waverig_protocol::{HELD, PAYLOAD};

use crate::disk::{self, Layout};
use crate::run::package_files;

/// What the disk has beside its files: room for the file system, and for what a Windows that mounts it notes there.
const SPARE: u64 = 8 << 20;

/// The files of a package that guests have on a disk, and what became of them.
#[derive(Default)]
pub(crate) struct Payload {
    files: Vec<(String, Vec<u8>)>,
    places: Vec<(String, PathBuf)>,
    ways: Mutex<Ways>,
}

#[derive(Default)]
struct Ways {
    /// Sessions that took all of them from the disk.
    disk: usize,
    /// Those that did not, by what the guest said.
    line: BTreeMap<String, usize>,
}

impl Payload {
    /// What is in a folder; nothing without one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of(folder: Option<&Path>) -> io::Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
        };
        let files = package_files(folder).map_err(named)?;
        let place = |(name, _): &(String, _)| (format!("{HELD}/{name}"), folder.join(name));
        Ok(Self {
            places: files.iter().map(place).collect(),
            files,
            ways: Mutex::default(),
        })
    }

    /// Makes a disk with them, and with `more`.
    ///
    /// # Errors
    /// When the host is out of space, or a file is gone.
    pub(crate) fn disk(
        &self,
        layout: Layout,
        image: &Path,
        more: &[(&str, &Path)],
    ) -> io::Result<()> {
        let own = self.places.iter();
        let own = own.map(|(name, path)| (&**name, &**path));
        let files: Vec<(&str, &Path)> = more.iter().copied().chain(own).collect();
        let mut size = SPARE;
        for (_, file) in &files {
            size += fs::metadata(file)?.len();
        }
        let size = size.next_multiple_of(1 << 20);
        disk::make_as(layout, image, PAYLOAD, size, &files)
    }

    /// Whether a file with this name and these bytes lies there.
    pub(crate) fn holds(&self, name: &str, bytes: &[u8]) -> bool {
        let mut files = self.files.iter();
        files.any(|(held, content)| held == name && content == bytes)
    }

    /// A session has staged its package: from the disk, or over the line, because the guest said this.
    pub(crate) fn staged(&self, refused: Option<&str>) {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        match refused {
            None => ways.disk += 1,
            Some(why) => *ways.line.entry(why.into()).or_default() += 1,
        }
    }

    /// Lines of a report.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let mut remarks = Vec::new();
        if ways.disk > 0 {
            remarks.push(format!(
                "package files came from the payload disk, in sessions: {}",
                ways.disk
            ));
        }
        remarks.extend(ways.line.iter().map(|(why, count)| {
            format!(
                "package files came over the line, in sessions: {count}, since the guest refused its payload disk: {why}"
            )
        }));
        remarks
    }
}
