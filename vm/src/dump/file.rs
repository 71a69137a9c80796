//! Bounded reads of a dump file. Every offset and every count in it may lie.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::{DumpError, Wrong};

/// What dumps are read from.
trait Input: Read + Seek {}
impl<T: Read + Seek> Input for T {}

/// A dump file.
pub(super) struct Source {
    path: PathBuf,
    len: u64,
    input: RefCell<Box<dyn Input>>,
}

/// Why bytes are not there.
#[derive(Debug)]
pub(super) enum Short {
    /// The file ends before.
    CutOff,
    /// The host could not read them.
    Host(io::Error),
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, DumpError> {
        let opened = File::open(path).and_then(|file| {
            if file.metadata()?.is_dir() {
                return Err(io::Error::other("it is a folder"));
            }
            Self::new(path, file)
        });
        opened.map_err(|error| DumpError {
            wrong: Wrong::Unreadable,
            file: path.into(),
            offset: None,
            bug_check: None,
            what: format!("cannot be read: {error}"),
        })
    }

    /// A dump that lies elsewhere than in a file of its own.
    pub(super) fn new(path: &Path, mut input: impl Read + Seek + 'static) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            len: input.seek(SeekFrom::End(0))?,
            input: RefCell::new(Box::new(input)),
        })
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `out` from `offset` on.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Short> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(Short::CutOff);
        }
        let mut input = self.input.borrow_mut();
        input
            .seek(SeekFrom::Start(offset))
            .and_then(|_| input.read_exact(out))
            .map_err(Short::Host)
    }

    /// [`Source::read`] of a part that nothing can be said without.
    pub(super) fn part<const N: usize>(
        &self,
        offset: u64,
        name: &str,
    ) -> Result<Box<[u8; N]>, DumpError> {
        let mut bytes = Box::new([0; N]);
        self.read(offset, &mut bytes[..])
            .map_err(|short| self.short(offset, name, &short))?;
        Ok(bytes)
    }

    /// The error of a part that is not there.
    pub(super) fn short(&self, offset: u64, name: &str, short: &Short) -> DumpError {
        match short {
            Short::CutOff => {
                let what = format!("the file ends at {:#x}, before {name}", self.len);
                self.wrong(Wrong::CutOff, offset, what)
            }
            Short::Host(error) => {
                let what = format!("{name} cannot be read: {error}");
                self.wrong(Wrong::Unreadable, offset, what)
            }
        }
    }

    /// An error at a place of this file.
    pub(super) fn wrong(&self, wrong: Wrong, offset: u64, what: impl Into<String>) -> DumpError {
        DumpError {
            wrong,
            file: self.path.as_path().into(),
            offset: Some(offset),
            bug_check: None,
            what: what.into(),
        }
    }
}

/// The little-endian word at `at`, of 16 bits; all of these index arrays whose length the caller has checked.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The same of 32 bits.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// The same of 64 bits.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
