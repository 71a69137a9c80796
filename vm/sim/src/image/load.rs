//! Maps a driver's file as Windows' loader does: sections at their places, relocations, imports, protections.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::pe::{Headers, SECTION_DISCARDABLE, SECTION_EXECUTE, SECTION_WRITE};
use super::unwind::{self, Function};
use super::{Image, extended, keep};
use crate::coverage;
use crate::debugger;
use crate::finding;
use crate::host::{Protection, memory, pages, watchdog};
use crate::imports;
use crate::kernel::kernel;
use crate::nt::pageable;
use crate::profile;
use crate::rules;

/// Maps the file at `path` and binds its imports.
///
/// # Errors
/// When the file cannot be read or is no driver image that Windows would load; says which rule failed.
pub fn load(path: &Path) -> Result<&'static Image> {
    let file =
        fs::read(path).with_context(|| format!("cannot read the driver {}", path.display()))?;
    map(path, &file).with_context(|| format!("{} is no loadable driver image", path.display()))
}

fn map(path: &Path, file: &[u8]) -> Result<&'static Image> {
    let headers = Headers::read(file)?;
    let size = pages(headers.size);
    let base = memory::reserve(size).context("no address space for the image")?;
    // SAFETY: the range was just reserved here and is not known to anybody else yet.
    let bytes = unsafe {
        memory::commit(base.as_ptr(), size, Protection::ReadWrite)
            .context("no memory for the image")?;
        std::slice::from_raw_parts_mut(base.as_ptr(), size)
    };
    let address = base.as_ptr() as usize;
    copy(&headers, file, bytes)?;
    relocate(&headers, address, bytes)?;
    let missing = bind(&headers, bytes)?;
    set_cookie(&headers, address, bytes)?;
    let functions = Function::table(&headers, bytes)?;
    let name = path.file_name().map_or_else(
        || "driver".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let ranges = |flag| {
        let chosen = headers
            .sections
            .iter()
            .filter(move |section| section.characteristics & flag != 0);
        chosen
            .map(|section| (section.rva, section.virtual_size))
            .collect::<Vec<_>>()
    };
    let image = Image {
        name,
        path: path.to_owned(),
        base: address,
        size,
        entry: address + headers.entry,
        missing,
        pdb: find_pdb(path, headers.pdb_name(bytes, file)),
        handles: unwind::has_handlers(bytes, &functions),
        snapshot: bytes.to_vec(),
        functions,
        discardable: ranges(SECTION_DISCARDABLE),
    };
    let saves = headers.imports(bytes)?;
    let saves = saves.iter().any(|import| import.name == extended::SAVES);
    if !saves {
        for rva in extended::used(bytes, &image.functions) {
            finding::raise_at(
                &rules::EXTENDED_STATE,
                format!(
                    "the driver has instructions on more than the SSE registers and does not import {}",
                    extended::SAVES
                ),
                Some(address + rva as usize),
            );
        }
    }
    protect(&headers, address)?;
    watchdog::note_image(address, size);
    profile::note_image(address);
    coverage::plant(file, address, size)?;
    debugger::wait(address)?;
    Ok(keep(image))
}

impl Headers {
    /// The sections at their places, as they stand in the file.
    pub(crate) fn mapped(&self, file: &[u8]) -> Result<Vec<u8>> {
        let mut image = vec![0; pages(self.size)];
        copy(self, file, &mut image)?;
        Ok(image)
    }
}

fn copy(headers: &Headers, file: &[u8], image: &mut [u8]) -> Result<()> {
    let length = headers.headers_size.min(file.len()).min(image.len());
    image[..length].copy_from_slice(&file[..length]);
    for section in &headers.sections {
        // Bytes of the file beyond the virtual size are padding of the file.
        let length = section.file_size.min(pages(section.virtual_size));
        let from = file.get(section.file_offset..section.file_offset + length);
        let from = from.with_context(|| {
            format!(
                "section {} reaches beyond the end of the file",
                section.name
            )
        })?;
        let to = image.get_mut(section.rva..section.rva + length);
        to.with_context(|| format!("section {} reaches beyond the image", section.name))?
            .copy_from_slice(from);
    }
    Ok(())
}

fn word(image: &mut [u8], at: usize) -> Result<&mut [u8]> {
    image
        .get_mut(at..at + 8)
        .with_context(|| format!("an address at {at:#x} lies outside the image"))
}

fn relocate(headers: &Headers, base: usize, image: &mut [u8]) -> Result<()> {
    let places = headers.relocations(image)?;
    let delta = (base as u64).wrapping_sub(headers.preferred_base);
    for place in places {
        let word = word(image, place)?;
        let value = u64::from_le_bytes((&*word).try_into()?);
        word.copy_from_slice(&value.wrapping_add(delta).to_le_bytes());
    }
    Ok(())
}

fn bind(headers: &Headers, image: &mut [u8]) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for import in headers.imports(image)? {
        let (address, served) = imports::bind(&import.dll, &import.name);
        word(image, import.slot)?.copy_from_slice(&(address as u64).to_le_bytes());
        if !served {
            missing.push(format!("{}!{}", import.dll, import.name));
        }
    }
    Ok(missing)
}

/// The loader gives the stack cookie a value that nobody knows; here it follows from the seed.
fn set_cookie(headers: &Headers, base: usize, image: &mut [u8]) -> Result<()> {
    // Read after relocation: the address is absolute.
    let Some(address) = headers.security_cookie(image)? else {
        return Ok(());
    };
    let at = usize::try_from(address)?
        .checked_sub(base)
        .context("a security cookie outside the image")?;
    // The top 16 bits are clear, as in the loader's own cookies.
    let cookie = kernel().random.bits() >> 16 | 1;
    word(image, at)?.copy_from_slice(&cookie.to_le_bytes());
    Ok(())
}

fn protect(headers: &Headers, base: usize) -> Result<()> {
    let set = |rva: usize, length: usize, protection| {
        // SAFETY: the range is part of the image that was just mapped; no code of it has run yet.
        unsafe { memory::protect((base + rva) as *mut u8, length, protection) }
            .context("the host refuses a protection")
    };
    // Whatever no section covers (headers, gaps) is only readable.
    set(0, headers.size, Protection::Read)?;
    for section in &headers.sections {
        let protection = match section.characteristics {
            flags if flags & SECTION_EXECUTE != 0 => Protection::ReadExecute,
            flags if flags & SECTION_WRITE != 0 => Protection::ReadWrite,
            _ => Protection::Read,
        };
        ensure!(
            section.virtual_size > 0,
            "section {} is empty",
            section.name
        );
        set(section.rva, section.virtual_size, protection)?;
        // "Making Drivers Pageable": the name says it.
        if section.name.starts_with("PAGE") {
            pageable::add(base + section.rva, section.virtual_size, protection);
        }
    }
    Ok(())
}

/// The PDB lies beside the driver, under the name that the linker noted or the driver's own.
fn find_pdb(driver: &Path, noted: Option<String>) -> Option<std::path::PathBuf> {
    let noted = noted.and_then(|name| {
        name.rsplit(['\\', '/'])
            .next()
            .map(|name| driver.with_file_name(name))
    });
    [noted, Some(driver.with_extension("pdb"))]
        .into_iter()
        .flatten()
        .find(|path| path.is_file())
}
