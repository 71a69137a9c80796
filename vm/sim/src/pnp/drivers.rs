//! Loaded drivers: nodes of one service share one, which is unloaded when the last of them lets go.

use std::cell::RefCell;
use std::path::Path;

use crate::nt::driver::{self, Driver};

/// A loaded driver, its service, and how many nodes have it.
struct Loaded {
    driver: Driver,
    service: String,
    nodes: usize,
}

thread_local! {
    static LOADED: RefCell<Vec<Loaded>> = const { RefCell::new(Vec::new()) };
}

/// The driver of a service, loaded if no node has it yet.
pub(super) fn acquire(image: &Path, service: &str) -> Result<Driver, String> {
    let found = LOADED.with_borrow_mut(|all| {
        let found = all.iter_mut().find(|one| one.service == service)?;
        found.nodes += 1;
        Some(found.driver)
    });
    if let Some(driver) = found {
        return Ok(driver);
    }
    let driver = driver::load(image, service).map_err(|error| format!("{error:#}"))?;
    LOADED.with_borrow_mut(|all| {
        all.push(Loaded {
            driver,
            service: service.to_owned(),
            nodes: 1,
        });
    });
    Ok(driver)
}

/// Whether nobody has the driver of a service but one node.
pub(super) fn is_last(service: &str) -> bool {
    LOADED.with_borrow(|all| {
        all.iter()
            .all(|one| one.service != service || one.nodes == 1)
    })
}

/// A node lets go of the driver.
pub(super) fn release(driver: Driver) -> Result<(), String> {
    let last = LOADED.with_borrow_mut(|all| {
        let same = |one: &Loaded| std::ptr::eq(one.driver.object, driver.object);
        let at = all.iter().position(same)?;
        all[at].nodes -= 1;
        (all[at].nodes == 0).then(|| all.remove(at))
    });
    match last {
        Some(_) => driver::unload(driver).map_err(|error| format!("{error:#}")),
        None => Ok(()),
    }
}
