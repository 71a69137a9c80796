//! Driver images: mapped with their protections, found again by address, and named in reports.

mod extended;
mod load;
pub(crate) mod pe;
pub(crate) mod symbols;
pub(crate) mod unwind;

use std::cell::RefCell;
use std::path::PathBuf;

pub use load::load;
pub(crate) use waverig_symbols::short as short_name;

use unwind::Function;

/// A loaded driver.
#[derive(Debug)]
pub struct Image {
    /// File name without the folder.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Where it was mapped.
    pub base: usize,
    /// Bytes of address space.
    pub size: usize,
    /// Address of DriverEntry.
    pub entry: usize,
    /// Imports that nothing serves, as `dll!name`: calling one ends the run.
    pub missing: Vec<String>,
    pub(crate) pdb: Option<PathBuf>,
    /// The image as it was mapped: unwind data is read from here, whatever happened to the pages.
    pub(crate) snapshot: Vec<u8>,
    pub(crate) functions: Vec<Function>,
    /// A function has a handler for exceptions.
    pub(crate) handles: bool,
    /// Relative ranges that go away after DriverEntry.
    pub(crate) discardable: Vec<(usize, usize)>,
}

thread_local! {
    static IMAGES: RefCell<Vec<&'static Image>> = const { RefCell::new(Vec::new()) };
}

fn keep(image: Image) -> &'static Image {
    // Reports may name an image at any time until the process ends.
    let image: &'static Image = Box::leak(Box::new(image));
    IMAGES.with_borrow_mut(|images| images.push(image));
    image
}

/// The image that an address lies in.
pub fn at(address: usize) -> Option<&'static Image> {
    IMAGES.with_borrow(|images| {
        images
            .iter()
            .find(|image| (image.base..image.base + image.size).contains(&address))
            .copied()
    })
}

/// Whether an address lies in a loaded driver.
pub fn contains(address: usize) -> bool {
    at(address).is_some()
}

/// Whether code at an address belongs to a driver with handlers for exceptions.
pub(crate) fn has_handlers(address: usize) -> bool {
    at(address).is_some_and(|image| image.handles)
}

/// `name+0x…` of an address, or the bare address outside of drivers. Cheap.
pub fn offset_name(address: usize) -> String {
    match at(address) {
        Some(image) => format!("{}+{:#x}", image.name, address - image.base),
        None => format!("{address:#x}"),
    }
}

/// Function, file and line of a return address, from the PDB when there is one. Slow: for reports.
pub fn describe(address: usize) -> String {
    symbols::describe(address)
}
