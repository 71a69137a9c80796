//! Address space and pages through mmap; pages mapped twice through memfd.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::host::{PAGE_SIZE, Protection, pages};

fn flags(protection: Protection) -> libc::c_int {
    match protection {
        Protection::None => libc::PROT_NONE,
        Protection::Read => libc::PROT_READ,
        Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        Protection::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn map(
    at: *mut libc::c_void,
    length: usize,
    protection: libc::c_int,
    kind: libc::c_int,
    file: libc::c_int,
) -> io::Result<NonNull<u8>> {
    // SAFETY: without MAP_FIXED the host chooses free addresses; with it callers pass a range they reserved.
    let address = unsafe { libc::mmap(at, length, protection, kind, file, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(address.cast()).expect("mmap gives no null address"))
}

/// Reserves `length` bytes of address space; any access faults until pages are committed.
///
/// # Errors
/// When the host has no such range.
pub fn reserve(length: usize) -> io::Result<NonNull<u8>> {
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    map(ptr::null_mut(), pages(length), libc::PROT_NONE, kind, -1)
}

/// Makes pages of a reserved range usable. Fresh pages are zero.
///
/// # Errors
/// When the host has no memory left.
///
/// # Safety
/// The range must lie in one that [`reserve`] gave, and nothing may rely on its present protection.
pub unsafe fn commit(address: *mut u8, length: usize, protection: Protection) -> io::Result<()> {
    // SAFETY: the caller owns the range.
    unsafe { protect(address, length, protection) }
}

/// Changes what may be done with committed pages.
///
/// # Errors
/// When the host refuses.
///
/// # Safety
/// The range must lie in one that [`reserve`] gave, and nothing may rely on its present protection.
pub unsafe fn protect(address: *mut u8, length: usize, protection: Protection) -> io::Result<()> {
    // SAFETY: the caller owns the range.
    check(unsafe { libc::mprotect(address.cast(), pages(length), flags(protection)) })
}

/// Gives committed pages back; the addresses stay reserved and fault.
///
/// # Errors
/// When the host refuses.
///
/// # Safety
/// The range must lie in one that [`reserve`] gave, and nobody may still use its contents.
pub unsafe fn decommit(address: *mut u8, length: usize) -> io::Result<()> {
    // A fresh inaccessible mapping in its place: one call that drops the contents and protects the addresses.
    replace(address, pages(length)).map(|_| ())
}

/// Puts an inaccessible mapping in the place of whatever is there.
fn replace(address: *mut u8, length: usize) -> io::Result<NonNull<u8>> {
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    map(address.cast(), length, libc::PROT_NONE, kind, -1)
}

/// Address space taken for views at once.
const VIEW_ARENA: usize = 4 << 30;
/// Views whose addresses stay unused after they are gone.
const QUARANTINE: usize = 256;

/// Address space for views: a range is used again only when many others were dropped after it.
struct ViewSpace {
    next: usize,
    end: usize,
    dropped: VecDeque<(usize, usize)>,
}

static VIEWS: Mutex<ViewSpace> = Mutex::new(ViewSpace {
    next: 0,
    end: 0,
    dropped: VecDeque::new(),
});

impl ViewSpace {
    /// `length` bytes of inaccessible addresses.
    fn take(&mut self, length: usize) -> io::Result<usize> {
        if self.dropped.len() > QUARANTINE {
            let fits = self.dropped.iter().position(|(_, known)| *known == length);
            if let Some((address, _)) = fits.and_then(|index| self.dropped.remove(index)) {
                return Ok(address);
            }
        }
        if self.next + length > self.end {
            let size = VIEW_ARENA.max(length);
            self.next = reserve(size)?.as_ptr() as usize;
            self.end = self.next + size;
        }
        self.next += length;
        Ok(self.next - length)
    }
}

fn views() -> MutexGuard<'static, ViewSpace> {
    // The space is consistent between any two statements, so a panic elsewhere cannot have broken it.
    VIEWS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pages that can be mapped more than once.
#[derive(Debug)]
pub struct SharedPages {
    file: OwnedFd,
    length: usize,
}

impl SharedPages {
    /// Takes `length` bytes, rounded up to pages, all zero.
    ///
    /// # Errors
    /// When the host has no memory or file handle left.
    pub fn create(length: usize) -> io::Result<Self> {
        let length = pages(length.max(1));
        // SAFETY: the name is a constant C string.
        let raw = unsafe { libc::memfd_create(c"waverig-pages".as_ptr(), libc::MFD_CLOEXEC) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and nobody else owns it.
        let file = unsafe { OwnedFd::from_raw_fd(raw) };
        let size = libc::off_t::try_from(length).map_err(io::Error::other)?;
        // SAFETY: plain call on an owned descriptor.
        check(unsafe { libc::ftruncate(file.as_raw_fd(), size) })?;
        Ok(Self { file, length })
    }

    /// Length in bytes, whole pages.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Maps all pages once more, with an inaccessible page before and behind.
    ///
    /// # Errors
    /// When the host has no address space left.
    pub fn map(&self, protection: Protection) -> io::Result<View> {
        let inside = (views().take(self.length + 2 * PAGE_SIZE)? + PAGE_SIZE) as *mut u8;
        let kind = libc::MAP_SHARED | libc::MAP_FIXED;
        let address = map(
            inside.cast(),
            self.length,
            flags(protection),
            kind,
            self.file.as_raw_fd(),
        )?;
        Ok(View {
            address,
            length: self.length,
        })
    }
}

/// One mapping of [`SharedPages`]; dropping it makes its addresses inaccessible for good.
#[derive(Debug)]
pub struct View {
    address: NonNull<u8>,
    length: usize,
}

impl View {
    /// Where it starts.
    #[must_use]
    pub fn address(&self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // The addresses stay reserved, so that a late access through the old mapping faults instead of hitting
        // something new; the system merges them with the guard pages around them.
        let address = self.address.as_ptr();
        replace(address, self.length).expect("replacing an own mapping needs nothing new");
        let whole = (address as usize - PAGE_SIZE, self.length + 2 * PAGE_SIZE);
        views().dropped.push_back(whole);
    }
}

/// Copies memory of this process that may not be there; `None` when it is not.
#[must_use]
pub fn read_word(address: u64) -> Option<u64> {
    let mut word = 0_u64;
    let local = libc::iovec {
        iov_base: (&raw mut word).cast(),
        iov_len: size_of::<u64>(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: size_of::<u64>(),
    };
    // SAFETY: the kernel copies into our word and answers a bad source with an error instead of a fault.
    let copied = unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0)
    };
    (usize::try_from(copied) == Ok(size_of::<u64>())).then_some(word)
}

/// Whether a byte of this process can be written: it is written with what it holds.
#[must_use]
pub fn is_writable(address: usize) -> bool {
    let Some(word) = read_word(address as u64 & !7) else {
        return false;
    };
    let mut byte = word.to_le_bytes()[address % 8];
    let local = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: 1,
    };
    // SAFETY: the kernel copies out of our byte and answers a bad target with an error instead of a fault.
    let copied = unsafe {
        libc::process_vm_writev(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0)
    };
    copied == 1
}

/// Whether an address near the stack pointer lies in the guard below the stack: there is nothing to read.
#[must_use]
pub fn is_stack_guard(address: usize) -> bool {
    read_word(address as u64).is_none()
}
