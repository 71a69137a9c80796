//! Which instructions of a driver are executed: a breakpoint at each, taken away when it is hit the first time, together with those
//! of the instructions that must follow.
//!
//! The breakpoints stand in the mapped copy; everything else of the run is as ever, and a run with them is never judged.

mod map;

use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use waverig_package::Sha256Digest;

use crate::host::{PAGE_SIZE, Protection, memory};

pub use map::{Lines, Map};

/// File with [`Places`], in the folder that a machine is given.
pub const PLACES: &str = "places.json";
/// Beginning of the names of the files with what was executed, one of each machine.
const EXECUTED: &str = "executed-";
/// `int3`.
const BREAKPOINT: u8 = 0xCC;
/// Times that drivers are loaded into one process.
const LOADS: usize = 16;

/// Where breakpoints go.
#[derive(Debug, Serialize, Deserialize)]
pub struct Places {
    /// SHA-256 of the image file that they are for.
    pub sha256: String,
    /// Relative addresses of instructions, ascending; of each, whether the next one of the list is executed after it, come what may.
    pub places: Vec<(u32, bool)>,
}

/// What a machine notes, and where to.
struct Wanted {
    folder: PathBuf,
    places: Places,
}

/// A mapped image with breakpoints in it.
struct Planted {
    base: usize,
    places: &'static [(u32, bool)],
    /// What stood at each place.
    bytes: Vec<u8>,
    hit: Vec<AtomicBool>,
}

static WANTED: OnceLock<Wanted> = OnceLock::new();
/// Readable in a signal handler.
static PLANTED: [AtomicPtr<Planted>; LOADS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; LOADS];

/// From now on notes what is executed of the image that the [`PLACES`] in `folder` are for.
///
/// # Errors
/// When they cannot be read.
pub fn start(folder: &Path) -> Result<()> {
    let path = folder.join(PLACES);
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let places = serde_json::from_slice(&text)
        .with_context(|| format!("{} holds no places", path.display()))?;
    let folder = folder.to_owned();
    // A process is given one folder.
    let _ = WANTED.set(Wanted { folder, places });
    Ok(())
}

/// Puts the breakpoints into an image that was just mapped, when it is the one they are for.
pub(crate) fn plant(file: &[u8], base: usize, size: usize) -> Result<()> {
    let Some(wanted) = WANTED.get() else {
        return Ok(());
    };
    if Sha256Digest::of(file).to_string() != wanted.places.sha256 {
        return Ok(());
    }
    let free = PLANTED
        .iter()
        .find(|planted| planted.load(Ordering::SeqCst).is_null());
    let free = free.with_context(|| format!("more than {LOADS} drivers are loaded"))?;
    let places: &'static [(u32, bool)] = &wanted.places.places;
    let inside = places.iter().all(|(place, _)| (*place as usize) < size);
    ensure!(inside, "a place lies outside the image");
    // SAFETY: every place lies in the image.
    let byte = |place: &u32| unsafe { ((base + *place as usize) as *const u8).read() };
    let planted = Planted {
        base,
        places,
        bytes: places.iter().map(|(place, _)| byte(place)).collect(),
        hit: places.iter().map(|_| AtomicBool::new(false)).collect(),
    };
    planted
        .write(0..places.len(), |_| BREAKPOINT)
        .context("the image cannot be written")?;
    // Needed until the process ends.
    free.store(Box::into_raw(Box::new(planted)), Ordering::SeqCst);
    Ok(())
}

impl Planted {
    fn address(&self, index: usize) -> usize {
        self.base + self.places[index].0 as usize
    }

    /// Writes a byte at each of these places.
    fn write(&self, indices: Range<usize>, byte: impl Fn(usize) -> u8) -> io::Result<()> {
        let page = |address: usize| address & !(PAGE_SIZE - 1);
        let mut index = indices.start;
        while index < indices.end {
            let start = page(self.address(index));
            // SAFETY: the page is code of an image that `plant` was given; the only thread that executes driver code is this
            // one, and it is here.
            unsafe { memory::protect(start as *mut u8, PAGE_SIZE, Protection::ReadWrite)? };
            while index < indices.end && page(self.address(index)) == start {
                // SAFETY: the byte lies in the page that was just made writable.
                unsafe { (self.address(index) as *mut u8).write(byte(index)) };
                index += 1;
            }
            // SAFETY: as above.
            unsafe { memory::protect(start as *mut u8, PAGE_SIZE, Protection::ReadExecute)? };
        }
        Ok(())
    }
}

/// A breakpoint was hit at this address: whether it was one of these, so that the instruction is to be executed now. Called in the
/// signal handler.
pub(crate) fn hit(address: usize) -> bool {
    for planted in &PLANTED {
        // SAFETY: what stands there was leaked by `plant` and is not changed.
        let Some(planted) = (unsafe { planted.load(Ordering::SeqCst).as_ref() }) else {
            return false;
        };
        let place = address
            .checked_sub(planted.base)
            .and_then(|place| u32::try_from(place).ok());
        let find = |place| {
            planted
                .places
                .binary_search_by_key(&place, |(place, _)| *place)
        };
        let Some(first) = place.and_then(|place| find(place).ok()) else {
            continue;
        };
        let mut end = first;
        loop {
            let known = planted.hit[end].swap(true, Ordering::SeqCst);
            let (_, goes_on) = planted.places[end];
            end += 1;
            if known || !goes_on || end == planted.places.len() {
                break;
            }
        }
        // The driver's own breakpoint ends the run.
        return planted.bytes[first] != BREAKPOINT
            && planted
                .write(first..end, |index| planted.bytes[index])
                .is_ok();
    }
    false
}

/// Writes what was executed so far, when that was wanted. Tells a failure on stderr, since nobody is left to answer to.
pub(crate) fn write() {
    let Some(wanted) = WANTED.get() else {
        return;
    };
    if let Err(error) =
        file(&wanted.folder).and_then(|mut file| file.write_all(&serde_json::to_vec(&executed())?))
    {
        eprintln!(
            "waverig-sim: cannot write what was executed to {}: {error}",
            wanted.folder.display()
        );
    }
}

fn executed() -> Vec<u32> {
    let mut all: Vec<u32> = Vec::new();
    for planted in &PLANTED {
        // SAFETY: what stands there was leaked by `plant` and is not changed.
        if let Some(planted) = unsafe { planted.load(Ordering::SeqCst).as_ref() } {
            let hit = planted.places.iter().zip(&planted.hit);
            let hit = hit.filter(|(_, hit)| hit.load(Ordering::SeqCst));
            all.extend(hit.map(|((place, _), _)| *place));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A file that is not there yet: process ids come again.
fn file(folder: &Path) -> io::Result<fs::File> {
    let id = std::process::id();
    for number in 0_u32.. {
        let path = folder.join(format!("{EXECUTED}{id}-{number}.json"));
        match fs::File::create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
