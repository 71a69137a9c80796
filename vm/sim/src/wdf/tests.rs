//! The framework used as a driver uses it, and wrongly.

use std::ffi::c_void;

use super::{FUNCTIONS, TOPICS, object};
use crate::imports;
use crate::kernel::{Kernel, Options};
use crate::rules;

/// What a client keeps for the loader: a `WDF_BIND_INFO` and what it leads to.
#[repr(C)]
struct Client {
    size: u32,
    component: usize,
    version: [u32; 3],
    functions: u32,
    table: *mut *const *const c_void,
    module: usize,
}

type Bind = unsafe extern "win64" fn(usize, usize, *mut Client, *mut usize) -> i32;
type Unbind = unsafe extern "win64" fn(usize, *const Client, usize) -> i32;

fn loader(name: &str) -> usize {
    let row = imports::find("WDFLDR.SYS", name).expect("the loader has it");
    match row.binding {
        imports::Binding::Function(function) => function as usize,
        _ => panic!("{name} is a function"),
    }
}

/// Binds a client of this minor version; its globals, or the status.
fn bind(minor: u32) -> Result<(Client, usize), i32> {
    let table = Box::leak(Box::new(std::ptr::null()));
    let mut client = Client {
        size: size_of::<Client>() as u32,
        component: 0,
        version: [1, minor, 0],
        functions: 444,
        table,
        module: 0,
    };
    let mut globals = 0;
    // SAFETY: the loader's own function with its parameters; the driver object is only looked at for NULL.
    let status = unsafe {
        let bind = std::mem::transmute::<usize, Bind>(loader("WdfVersionBind"));
        bind(8, 8, &raw mut client, &raw mut globals)
    };
    if status < 0 {
        Err(status)
    } else {
        Ok((client, globals))
    }
}

fn driver(globals: usize) -> usize {
    let kind = object::Kind::Driver {
        object: std::ptr::dangling_mut(),
    };
    let handle = object::create(
        globals as *const super::loader::Globals,
        std::ptr::null(),
        kind,
        Vec::new(),
    );
    // SAFETY: globals that were bound; the handle is their first member.
    unsafe { (globals as *mut usize).write(handle) };
    handle
}

#[test]
fn a_bound_client_gets_the_table_and_leaves_nothing() {
    let machine = Kernel::boot(Options::default());
    let (client, globals) = bind(15).expect("an older version");
    // SAFETY: the loader wrote the address of the table there.
    assert!(!unsafe { *client.table }.is_null());
    driver(globals);
    // SAFETY: as in `bind`.
    unsafe {
        let unbind = std::mem::transmute::<usize, Unbind>(loader("WdfVersionUnbind"));
        assert_eq!(unbind(8, &raw const client, globals), 0);
    }
    object::check_leaks();
    assert!(machine.findings.is_empty());
}

#[test]
fn a_version_that_is_not_there_is_refused() {
    let machine = Kernel::boot(Options::default());
    assert!(bind(99).is_err());
    assert!(machine.findings.has(&rules::WDF_VERSION));
}

#[test]
fn a_driver_that_is_not_unloaded_is_found() {
    let machine = Kernel::boot(Options::default());
    let (_client, globals) = bind(15).expect("an older version");
    driver(globals);
    object::check_leaks();
    assert!(machine.findings.has(&rules::WDF_LEAK));
    assert!(
        machine.findings.all()[0]
            .text
            .contains("WdfDriverMiniportUnload")
    );
}

#[test]
#[should_panic(expected = "[wdf-object]")]
fn a_handle_of_nothing_ends_the_run() {
    Kernel::boot(Options::default());
    object::delete(0x1234);
}

#[test]
fn a_parent_takes_its_children_along() {
    let machine = Kernel::boot(Options::default());
    let (_client, globals) = bind(15).expect("an older version");
    let parent = driver(globals);
    let place = globals as *const super::loader::Globals;
    let child = object::create(place, std::ptr::null(), object::Kind::Plain, Vec::new());
    object::hold(child);
    object::delete(parent);
    object::check_leaks();
    assert!(machine.findings.has(&rules::WDF_LEAK), "the child is held");
    object::let_go(child);
    assert!(machine.nt.wdf.objects.borrow().is_empty());
}

#[test]
fn every_row_has_a_place_of_its_own_and_a_source() {
    let mut seen = std::collections::HashSet::new();
    for row in TOPICS.iter().flat_map(|rows| rows.iter()) {
        assert!(row.index < FUNCTIONS, "{}", row.name);
        assert!(seen.insert(row.index), "{} is the second", row.name);
        assert!(row.source.contains("/nf-"), "{}", row.name);
    }
}
