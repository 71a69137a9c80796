//! The Kernel-Mode Driver Framework as far as port class drivers use it: the loader that binds them, and the functions of its
//! table that a miniport calls (`WdfDriverInitNoDispatchOverride`: PortCls keeps the dispatch routines).
//!
//! The order of the table is that of `WDFFUNCENUM` in wdffuncenum.h, which only grows. A function that is missing is one row in the
//! file of its topic; a driver that calls it without a row is told its index.

mod collection;
mod device;
mod driver;
mod loader;
mod lock;
mod object;
mod workitem;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;

use crate::imports::{self, Import, Levels};
use object::Object;

pub(crate) use object::check_leaks;

/// File that a client's table comes from.
const FRAMEWORK: &str = "wdf01000.sys";
/// Functions of KMDF 1.33, the version that is played (`WdfFunctionTableNumEntries` in its wdffuncenum.h).
const FUNCTIONS: usize = 458;

/// One row: an entry of the function table and what serves it.
struct Function {
    index: usize,
    name: &'static str,
    address: *const (),
    levels: Levels,
    /// Page that states it, as a path in MicrosoftDocs/windows-driver-docs-ddi.
    source: &'static str,
}

// SAFETY: the addresses are those of functions and never change.
unsafe impl Sync for Function {}

/// A table of rows: index in `WDFFUNCENUM`, name, function of this crate, IRQLs, page.
macro_rules! wdf_rows {
    ($($index:literal $name:literal $function:ident $levels:ident $source:literal;)*) => {
        pub(super) static FUNCTIONS: &[$crate::wdf::Function] = &[$($crate::wdf::Function {
            index: $index,
            name: $name,
            address: $function as *const (),
            levels: $crate::imports::Levels::$levels,
            source: $source,
        }),*];
    };
}
use wdf_rows;

static TOPICS: &[&[Function]] = &[
    collection::FUNCTIONS,
    device::FUNCTIONS,
    driver::FUNCTIONS,
    lock::FUNCTIONS,
    object::FUNCTIONS,
    workitem::FUNCTIONS,
];

/// Tables of rows for the import binding.
pub(crate) static TABLES: &[&[Import]] = &[loader::IMPORTS];

/// What the framework keeps.
#[derive(Debug, Default)]
pub(crate) struct WdfState {
    objects: RefCell<BTreeMap<usize, Object>>,
    /// The driver's table, once one was bound.
    table: Cell<usize>,
    /// Clients that are bound: their globals.
    clients: RefCell<Vec<usize>>,
}

/// The table that clients call through: every entry is a thunk, of a row or of what is missing.
fn table() -> *const *const c_void {
    let state = &crate::kernel::kernel().nt.wdf;
    if state.table.get() == 0 {
        let mut table: Vec<*const c_void> = (0..FUNCTIONS).map(missing).collect();
        for row in TOPICS.iter().flat_map(|rows| rows.iter()) {
            table[row.index] =
                imports::export(row.name, row.address, row.levels, row.source).cast();
        }
        // Drivers hold its address as long as the process lives.
        state.table.set(Vec::leak(table).as_ptr() as usize);
    }
    state.table.get() as *const *const c_void
}

fn missing(index: usize) -> *const c_void {
    let name = format!("function {index} of WDFFUNCENUM (wdffuncenum.h)");
    imports::bind(FRAMEWORK, &name).0 as *const c_void
}

#[cfg(test)]
mod tests;
