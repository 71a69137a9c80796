//! An initramfs: a cpio archive in the format "newc".
//!
//! Source: the kernel's documentation, driver-api/early-userspace/buffer-format.

use std::io::{self, Write};

/// Directory, regular file, symbolic link, character device (stat(2)).
const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const DEVICE: u32 = 0o020_600;

/// Writes an archive, entry by entry. The same entries give the same bytes.
pub(super) struct Archive<W> {
    to: W,
    written: u64,
    inode: u32,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(to: W) -> Self {
        Self {
            to,
            written: 0,
            inode: 0,
        }
    }

    pub(super) fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, DIRECTORY, (0, 0), &[])
    }

    /// A file that everybody may run.
    pub(super) fn program(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.entry(name, PROGRAM, (0, 0), bytes)
    }

    pub(super) fn device(&mut self, name: &str, number: (u32, u32)) -> io::Result<()> {
        self.entry(name, DEVICE, number, &[])
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), bytes: &[u8]) -> io::Result<()> {
        self.inode += 1;
        let size = u32::try_from(bytes.len())
            .map_err(|_| io::Error::other(format!("{name} is too large for an initramfs")))?;
        let fields = [
            self.inode,
            mode,
            0, // owner
            0, // group
            1, // links
            0, // time
            size,
            0, // device of the file system
            0,
            device.0,
            device.1,
            name.len() as u32 + 1,
            0, // checksum, of the format "crc" only
        ];
        let mut header = String::from("070701");
        for field in fields {
            header += &format!("{field:08x}");
        }
        self.put(header.as_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&[0])?;
        self.align()?;
        self.put(bytes)?;
        self.align()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// Names with their header, and contents, end at multiples of four.
    fn align(&mut self) -> io::Result<()> {
        let rest = (self.written.next_multiple_of(4) - self.written) as usize;
        self.put(&[0; 3][..rest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_as_documented() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("d").expect("memory takes it");
        archive.program("d/f", b"abcde").expect("memory takes it");
        archive.device("c", (5, 1)).expect("memory takes it");
        let bytes = archive.finish().expect("memory takes it");
        let text = String::from_utf8_lossy(&bytes);
        let zero = "00000000";
        let d = format!(
            "070701{:08x}{DIRECTORY:08x}{zero}{zero}{:08x}{zero}{zero}{zero}{zero}{zero}{zero}{:08x}{zero}d\0",
            1, 1, 2
        );
        assert!(text.starts_with(&d), "{text:?}");
        // 110 bytes of header and 2 of the name are a multiple of 4 already.
        assert_eq!(&text[112..118], "070701");
        assert!(text.contains("d/f\0\0\0abcde\0\0\x00070701"), "{text:?}");
        assert!(text.contains("0000000500000001"), "{text:?}");
        assert_eq!(bytes.len() % 4, 0);
    }
}
