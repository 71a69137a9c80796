//! The functions that the simulated kernel offers: one row per import, and the binding of a driver's imports to rows.

pub mod faults;
mod thunk;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::NonNull;

use crate::call::{Frame, Nonvolatile, words};
use crate::finding;
use crate::host::watchdog;
use crate::kernel::kernel;
use crate::nt;
use crate::nt::irql::{self, Irql};
use crate::processor;
use crate::report;
use crate::rules;
use crate::seh;

/// IRQLs at which a routine may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    lowest: Irql,
    highest: Irql,
}

impl Levels {
    /// PASSIVE_LEVEL only.
    pub const PASSIVE: Self = Self {
        lowest: Irql::PASSIVE,
        highest: Irql::PASSIVE,
    };
    /// APC_LEVEL or below.
    pub const APC: Self = Self {
        lowest: Irql::PASSIVE,
        highest: Irql::APC,
    };
    /// APC_LEVEL exactly.
    pub const AT_APC: Self = Self {
        lowest: Irql::APC,
        highest: Irql::APC,
    };
    /// DISPATCH_LEVEL or below.
    pub const DISPATCH: Self = Self {
        lowest: Irql::PASSIVE,
        highest: Irql::DISPATCH,
    };
    /// DISPATCH_LEVEL exactly.
    pub const AT_DISPATCH: Self = Self {
        lowest: Irql::DISPATCH,
        highest: Irql::DISPATCH,
    };
    /// DISPATCH_LEVEL or above.
    pub const FROM_DISPATCH: Self = Self {
        lowest: Irql::DISPATCH,
        highest: Irql::HIGH,
    };
    /// Any.
    pub const ANY: Self = Self {
        lowest: Irql::PASSIVE,
        highest: Irql::HIGH,
    };

    fn contains(self, level: Irql) -> bool {
        (self.lowest..=self.highest).contains(&level)
    }

    fn words(self) -> String {
        match (self.lowest, self.highest) {
            (lowest, highest) if lowest == highest => format!("{lowest}"),
            (lowest, Irql::HIGH) => format!("{lowest} or above"),
            (_, highest) => format!("{highest} or below"),
        }
    }
}

/// How an import is served.
#[derive(Debug, Clone, Copy)]
pub enum Binding {
    /// An `extern "win64"` function of this crate, called through a thunk that records and checks.
    Function(*const ()),
    /// Code bound as it is: routines with a calling convention of their own.
    Raw(*const ()),
    /// A variable: gives its address.
    Data(fn() -> usize),
}

/// One row: an import and what serves it.
#[derive(Debug)]
pub struct Import {
    /// File that exports it, lower case.
    pub dll: &'static str,
    /// Exported name.
    pub name: &'static str,
    /// What serves it.
    pub binding: Binding,
    /// IRQLs at which it may be called.
    pub levels: Levels,
    /// Whether calls are left out of the record of calls, because they would fill it.
    pub quiet: bool,
    /// Page that states it, as a path in the repository MicrosoftDocs/windows-driver-docs-ddi, or a header.
    pub source: &'static str,
}

// SAFETY: the addresses in a row are those of functions and never change.
unsafe impl Sync for Import {}

impl Import {
    /// A row for a function.
    #[must_use]
    pub const fn function(
        dll: &'static str,
        name: &'static str,
        address: *const (),
        levels: Levels,
        source: &'static str,
    ) -> Self {
        Self {
            dll,
            name,
            binding: Binding::Function(address),
            levels,
            quiet: false,
            source,
        }
    }

    /// A row of the kernel itself.
    #[must_use]
    pub const fn nt(
        name: &'static str,
        address: *const (),
        levels: Levels,
        source: &'static str,
    ) -> Self {
        Self::function("ntoskrnl.exe", name, address, levels, source)
    }

    /// A row of the kernel for a memory routine.
    #[must_use]
    pub const fn memory(name: &'static str, address: *const (), source: &'static str) -> Self {
        Self {
            quiet: true,
            ..Self::nt(name, address, Levels::ANY, source)
        }
    }

    /// A row for code with a calling convention of its own.
    #[must_use]
    pub const fn raw(
        dll: &'static str,
        name: &'static str,
        address: *const (),
        source: &'static str,
    ) -> Self {
        Self {
            dll,
            name,
            binding: Binding::Raw(address),
            levels: Levels::ANY,
            quiet: false,
            source,
        }
    }

    /// A row for a variable.
    #[must_use]
    pub const fn data(
        dll: &'static str,
        name: &'static str,
        address: fn() -> usize,
        source: &'static str,
    ) -> Self {
        Self {
            dll,
            name,
            binding: Binding::Data(address),
            levels: Levels::ANY,
            quiet: false,
            source,
        }
    }
}

/// A table of rows of the kernel: exported name, function of this crate, IRQLs, page.
macro_rules! nt_rows {
    ($($name:literal $function:ident $levels:ident $source:literal;)*) => {
        pub(crate) static IMPORTS: &[$crate::imports::Import] = &[$($crate::imports::Import::nt(
            $name,
            $function as *const (),
            $crate::imports::Levels::$levels,
            $source,
        )),*];
    };
}
pub(crate) use nt_rows;

/// Every table of rows.
pub static TABLES: &[&[&[Import]]] = &[nt::TABLES, crate::portcls::TABLES, crate::wdf::TABLES];

/// The row for `name`. hal.dll forwards to the kernel, so both names find the kernel's rows.
pub fn find(dll: &str, name: &str) -> Option<&'static Import> {
    let dll = dll.to_ascii_lowercase();
    let dll = if dll == "hal.dll" {
        "ntoskrnl.exe"
    } else {
        dll.as_str()
    };
    TABLES
        .iter()
        .flat_map(|tables| tables.iter())
        .flat_map(|rows| rows.iter())
        .find(|row| row.dll == dll && row.name == name)
}

/// What a thunk leads to: what every call needs, close together, since calls are many.
#[derive(Debug, Clone, Copy)]
struct Target {
    /// Nothing serves it when there is none.
    function: Option<NonNull<()>>,
    /// How it may fail.
    fallible: Option<&'static faults::Service>,
    levels: Levels,
    quiet: bool,
}

/// What reports say of a target.
#[derive(Debug, Clone)]
struct Named {
    /// File that should export it, when nothing serves it.
    missing_from: Option<String>,
    name: String,
    source: &'static str,
}

/// The thunks of a machine.
#[derive(Debug, Default)]
pub(crate) struct ImportState {
    targets: RefCell<Vec<Target>>,
    named: RefCell<Vec<Named>>,
    by_name: RefCell<HashMap<String, usize>>,
    arena: thunk::Arena,
}

impl ImportState {
    fn thunk(&self, key: String, target: Target, named: Named) -> usize {
        if let Some(address) = self.by_name.borrow().get(&key) {
            return *address;
        }
        let index = {
            let mut targets = self.targets.borrow_mut();
            targets.push(target);
            self.named.borrow_mut().push(named);
            u32::try_from(targets.len() - 1).expect("fewer than 2^32 imports")
        };
        let address = self.arena.add(index);
        self.by_name.borrow_mut().insert(key, address);
        address
    }

    /// The thunk of what a function serves.
    fn served(
        &self,
        key: String,
        (name, function, levels, quiet, source): (&str, *const (), Levels, bool, &'static str),
    ) -> usize {
        let target = Target {
            function: NonNull::new(function.cast_mut()),
            fallible: faults::find(name),
            levels,
            quiet,
        };
        let named = Named {
            missing_from: None,
            name: name.to_owned(),
            source,
        };
        self.thunk(key, target, named)
    }

    /// Name of the import with this number.
    pub(crate) fn name(&self, import: u32) -> String {
        match self.named.borrow().get(import as usize) {
            Some(Named {
                missing_from: Some(dll),
                name,
                ..
            }) => format!("{dll}!{name}"),
            Some(Named { name, .. }) => name.clone(),
            None => format!("import {import}"),
        }
    }
}

/// The address that goes into the driver's import table for `dll!name`, and whether anything serves it.
pub(crate) fn bind(dll: &str, name: &str) -> (usize, bool) {
    let state = &kernel().imports;
    let key = format!("{}!{name}", dll.to_ascii_lowercase());
    match find(dll, name) {
        Some(row) => match row.binding {
            Binding::Raw(address) => (address as usize, true),
            Binding::Data(address) => (address(), true),
            Binding::Function(function) => {
                let Import {
                    levels,
                    quiet,
                    source,
                    ..
                } = *row;
                let served = (name, function, levels, quiet, source);
                (state.served(key, served), true)
            }
        },
        None => {
            let target = Target {
                function: None,
                fallible: None,
                levels: Levels::ANY,
                quiet: false,
            };
            let named = Named {
                missing_from: Some(dll.to_owned()),
                name: name.to_owned(),
                source: "",
            };
            (state.thunk(key, target, named), false)
        }
    }
}

/// Wraps a host function whose address the driver gets in another way than its import table (a vtable of an object that
/// the kernel owns), so that calls to it are recorded and checked like imports.
pub fn export(name: &str, function: *const (), levels: Levels, source: &'static str) -> *const () {
    let served = (name, function, levels, false, source);
    kernel().imports.served(format!("export!{name}"), served) as *const ()
}

/// The driver's code that called the routine which runs now.
pub fn call_site() -> Option<usize> {
    kernel().calls.driver_place()
}

/// The one place that every call from the driver into the kernel passes, before the routine runs.
#[inline]
fn enter(index: u32, saved: &Saved) -> *const () {
    let kernel = kernel();
    let target = kernel.imports.targets.borrow()[index as usize];
    let quiet = target.quiet;
    if !quiet {
        kernel.calls.note_import(index, words(&saved.arguments));
    }
    kernel.calls.enter_kernel(Frame::IntoKernel {
        import: index,
        return_address: saved.return_address,
        // What the caller's rsp is again once the call has returned.
        stack: (&raw const saved.return_address) as usize + size_of::<usize>(),
        registers: Nonvolatile::of(words(&saved.registers)),
        quiet,
    });
    if watchdog::must_stop() {
        report::end(report::Cause::runaway());
    }
    if !quiet {
        processor::boundary();
    }
    if !target.levels.contains(irql::current()) {
        raise_level(index, target.levels);
    }
    let Some(function) = target.function else {
        missing(index)
    };
    let instead = target
        .fallible
        .and_then(|service| faults::instead(service, &saved.arguments));
    instead.unwrap_or(function.as_ptr())
}

#[cold]
fn raise_level(index: u32, levels: Levels) {
    let Named { name, source, .. } = &kernel().imports.named.borrow()[index as usize];
    let text = format!(
        "{name} was called at {}; it may be called at {} ({source})",
        irql::current(),
        levels.words()
    );
    finding::raise(&rules::IRQL_CEILING, text);
}

#[cold]
fn missing(index: u32) -> ! {
    let Named {
        missing_from, name, ..
    } = kernel().imports.named.borrow()[index as usize].clone();
    let dll = missing_from.unwrap_or_default();
    finding::fatal(
        &rules::MISSING_IMPORT,
        format!(
            "import {dll}!{name} is not in the simulator: add one row for it to {} (docs/your-driver.md)",
            table_for(&dll, &name)
        ),
    )
}

/// The one place that every call from the driver into the kernel passes, after the routine ran.
#[inline]
fn leave(result: u64) -> usize {
    let calls = &kernel().calls;
    if let Some(record) = seh::take() {
        return seh::leave(record, calls.return_address());
    }
    if processor::is_armed() && !calls.is_quiet() {
        processor::boundary();
    }
    calls.leave_kernel(result)
}

/// File of the table that a missing import belongs to.
fn table_for(dll: &str, name: &str) -> &'static str {
    match (dll.to_ascii_lowercase().as_str(), name) {
        ("portcls.sys" | "ks.sys", _) => "vm/sim/src/portcls/",
        ("wdfldr.sys", _) => "vm/sim/src/wdf/loader.rs",
        ("wdf01000.sys", _) => "the file of its topic in vm/sim/src/wdf/",
        (_, name) if name.starts_with("Rtl") => {
            "vm/sim/src/nt/unicode.rs or the file of its topic in vm/sim/src/nt/"
        }
        _ => "the file of its topic in vm/sim/src/nt/",
    }
}

/// What the entry code saved: the layout is that of `thunk::entry`.
#[repr(C)]
struct Saved {
    shadow: [u64; 4],
    arguments: [u64; 4],
    /// Those of [`Nonvolatile`].
    registers: [u64; 8],
    floating: [u128; 4],
    padding: u64,
    return_address: usize,
}

extern "win64" fn on_entry(index: u32, saved: *mut Saved) -> *const () {
    // SAFETY: `thunk::entry` passes the block that it just filled on this stack.
    let saved = unsafe { &mut *saved };
    let function = enter(index, saved);
    saved.return_address = thunk::exit as *const () as usize;
    function
}

extern "win64" fn on_exit(result: u64) -> usize {
    leave(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_import_has_one_row_and_a_source() {
        let mut seen = HashSet::new();
        for row in TABLES
            .iter()
            .flat_map(|tables| tables.iter())
            .flat_map(|rows| rows.iter())
        {
            assert!(
                seen.insert((row.dll, row.name)),
                "{}!{} has two rows",
                row.dll,
                row.name
            );
            assert!(
                !row.source.is_empty(),
                "{}!{} names no source",
                row.dll,
                row.name
            );
            assert_eq!(row.dll, row.dll.to_ascii_lowercase());
        }
    }

    #[test]
    fn hal_forwards_to_the_kernel() {
        assert!(find("HAL.dll", "KeQueryPerformanceCounter").is_some());
        assert!(find("ntoskrnl.exe", "NoSuchRoutine").is_none());
    }
}
