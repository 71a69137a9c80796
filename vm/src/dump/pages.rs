//! Where a physical page lies in the file: by the runs of a complete dump, or by the bitmap of a kernel dump.

use super::error::{DumpError, Wrong};
use super::file::{Short, Source, u32_at, u64_at};
use super::header::{self, Header};

/// Bytes of a page.
pub(super) const PAGE: u64 = 0x1000;

/// PHYSICAL_MEMORY_DESCRIPTOR64 and its runs (volatility3, crash64.json).
const RUN_COUNT: usize = 0x00;
const PAGE_COUNT: usize = 0x08;
const RUN_FIRST: usize = 0x10;
const RUN_SIZE: usize = 0x10;
const MOST_RUNS: usize = (header::RUNS_SIZE - RUN_FIRST) / RUN_SIZE;

/// The head of a bitmap dump, after the header: kdmp-parser's `BmpHeader64`, rizin's `dmp_bv_header`, volatility3's `_SUMMARY_DUMP`.
const BITMAP: u64 = header::SIZE as u64;
const BITMAP_VALID: usize = 0x04;
const FIRST_PAGE: usize = 0x20;
const PRESENT: usize = 0x28;
const BITS: usize = 0x30;
const BITMAP_HEAD: usize = 0x38;
/// No test machine has more page frames: 4 TiB.
const MOST_BITS: u64 = 1 << 30;
/// Bytes of the bitmap of which the set bits are counted together.
const CHUNK: usize = 512;

/// Pages that follow each other, in memory and in the file.
struct Run {
    /// Number of the first page.
    first: u64,
    count: u64,
    /// Where the first page lies in the file.
    offset: u64,
}

/// The pages that are in the file.
pub(super) enum Pages {
    /// As the header lists them.
    Runs(RunList),
    /// Those whose bit is set, in order.
    Bitmap(Bitmap),
}

/// The runs of a complete dump.
pub(super) struct RunList(Vec<Run>);

/// The bitmap of a kernel dump: read when it is asked, only the number of bits before each chunk is kept.
pub(super) struct Bitmap {
    bits: u64,
    first_page: u64,
    before: Vec<u64>,
}

impl Pages {
    /// Finds the page of a physical address; `None` when it is not in the dump.
    pub(super) fn find(&self, source: &Source, address: u64) -> Result<Option<u64>, Short> {
        let (page, inside) = (address / PAGE, address % PAGE);
        let offset = match self {
            Self::Runs(RunList(runs)) => runs
                .iter()
                .find(|run| page.wrapping_sub(run.first) < run.count)
                .map(|run| run.offset + (page - run.first) * PAGE),
            Self::Bitmap(bitmap) => bitmap.find(source, page)?,
        };
        Ok(offset.map(|offset| offset + inside))
    }
}

/// The runs of a complete dump. `remarks` takes what is odd and harms nothing.
pub(super) fn runs(
    source: &Source,
    header: &Header,
    remarks: &mut Vec<String>,
) -> Result<Pages, DumpError> {
    let block = &header.bytes[header::RUNS..][..header::RUNS_SIZE];
    let place = |at: usize| (header::RUNS + at) as u64;
    let count = u32_at(block, RUN_COUNT) as usize;
    if count == 0 || count > MOST_RUNS {
        let what = format!("the list of runs says {count}, and there is room for 1 to {MOST_RUNS}");
        return Err(source.wrong(Wrong::Damaged, place(RUN_COUNT), what));
    }
    let mut runs: Vec<Run> = Vec::with_capacity(count);
    let mut offset = header::SIZE as u64;
    let mut pages = 0_u64;
    for index in 0..count {
        let at = RUN_FIRST + RUN_SIZE * index;
        let (first, count) = (u64_at(block, at), u64_at(block, at + 8));
        let damaged = |what: &str| {
            let what = format!("run {index} ({count:#x} pages from {first:#x}) {what}");
            source.wrong(Wrong::Damaged, place(at), what)
        };
        // The offset in the file is a multiple of pages, too: what fits as an address fits as an offset after at most 42 runs.
        let end = first.checked_add(count).filter(|end| *end <= MOST_BITS);
        let Some(end) = end else {
            return Err(damaged("is more memory than there can be"));
        };
        if runs
            .iter()
            .any(|other| first < other.first + other.count && other.first < end)
        {
            return Err(damaged("lies over another one"));
        }
        runs.push(Run {
            first,
            count,
            offset,
        });
        offset += count * PAGE;
        pages += count;
    }
    let said = u64_at(block, PAGE_COUNT);
    if said != pages {
        remarks.push(format!(
            "the header says {said:#x} pages, its runs have {pages:#x}"
        ));
    }
    Ok(Pages::Runs(RunList(runs)))
}

/// The bitmap of a kernel dump.
pub(super) fn bitmap(source: &Source, remarks: &mut Vec<String>) -> Result<Pages, DumpError> {
    let head = source.part::<BITMAP_HEAD>(BITMAP, "the head of the bitmap")?;
    let signed = [b"SDMP", b"FDMP"]
        .iter()
        .any(|sign| head.starts_with(*sign));
    if !signed || &head[BITMAP_VALID..][..4] != b"DUMP" {
        let found = head[..8].escape_ascii();
        let what = format!("the bitmap begins with {found}, not with SDMPDUMP or FDMPDUMP");
        return Err(source.wrong(Wrong::Damaged, BITMAP, what));
    }
    let (bits, first_page) = (u64_at(&head[..], BITS), u64_at(&head[..], FIRST_PAGE));
    let bytes = bits.div_ceil(8);
    let begin = BITMAP + BITMAP_HEAD as u64;
    if bits > MOST_BITS || begin + bytes > first_page {
        let what = format!(
            "a bitmap of {bits:#x} bits does not lie before the first page ({first_page:#x})"
        );
        return Err(source.wrong(Wrong::Damaged, BITMAP + BITS as u64, what));
    }
    if begin + bytes > source.len() {
        return Err(source.short(begin, "the end of the bitmap", &Short::CutOff));
    }
    if first_page > source.len() {
        return Err(source.short(first_page, "its first page", &Short::CutOff));
    }
    let mut bitmap = Bitmap {
        bits,
        first_page,
        before: Vec::new(),
    };
    let mut present = 0;
    for chunk in 0..bytes.div_ceil(CHUNK as u64) {
        bitmap.before.push(present);
        let read = bitmap.chunk(source, chunk);
        let bytes = read.map_err(|short| {
            source.short(begin + chunk * CHUNK as u64, "a part of the bitmap", &short)
        })?;
        present += bytes
            .iter()
            .map(|byte| u64::from(byte.count_ones()))
            .sum::<u64>();
    }
    let said = u64_at(&head[..], PRESENT);
    if said != present {
        remarks.push(format!(
            "the bitmap says {said:#x} pages, it has {present:#x}"
        ));
    }
    Ok(Pages::Bitmap(bitmap))
}

impl Bitmap {
    /// A chunk of the bitmap, zero behind its end.
    fn chunk(&self, source: &Source, chunk: u64) -> Result<[u8; CHUNK], Short> {
        let at = chunk * CHUNK as u64;
        let length = usize::try_from(self.bits.div_ceil(8).saturating_sub(at));
        let length = length.unwrap_or(CHUNK).min(CHUNK);
        let mut bytes = [0; CHUNK];
        source.read(BITMAP + BITMAP_HEAD as u64 + at, &mut bytes[..length])?;
        let surplus = (8 - self.bits % 8) % 8;
        if length > 0 && at + length as u64 == self.bits.div_ceil(8) {
            bytes[length - 1] &= 0xFF >> surplus;
        }
        Ok(bytes)
    }

    fn find(&self, source: &Source, page: u64) -> Result<Option<u64>, Short> {
        if page >= self.bits {
            return Ok(None);
        }
        let chunk = page / 8 / CHUNK as u64;
        let bytes = self.chunk(source, chunk)?;
        let bit = (page - chunk * 8 * CHUNK as u64) as usize;
        if bytes[bit / 8] >> (bit % 8) & 1 == 0 {
            return Ok(None);
        }
        let whole: u32 = bytes[..bit / 8].iter().map(|byte| byte.count_ones()).sum();
        let part = (bytes[bit / 8] & ((1 << (bit % 8)) - 1)).count_ones();
        let number = self.before[chunk as usize] + u64::from(whole + part);
        Ok(self.first_page.checked_add(number * PAGE))
    }
}
