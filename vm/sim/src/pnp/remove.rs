//! The end of a device: removal, unloading, and what is left of either.

use super::bus;
use crate::finding;
use crate::nt::driver::{self, Driver};
use crate::nt::io;
use crate::nt::layout::DeviceObject;
use crate::portcls::{com, rules};
use crate::sched;

/// IRP_MN_QUERY_REMOVE_DEVICE and IRP_MN_REMOVE_DEVICE (wdm.h).
const QUERY_REMOVE_DEVICE: u8 = 1;
const REMOVE_DEVICE: u8 = 2;

/// Removes the device, then unloads its driver.
pub(super) fn remove(driver: Driver, pdo: *mut DeviceObject) -> Result<(), String> {
    let status = io::pnp(pdo, QUERY_REMOVE_DEVICE, |_| {}).status;
    if !status.is_ok() {
        return Err(format!(
            "the driver refuses to be removed: IRP_MN_QUERY_REMOVE_DEVICE was answered with {status}"
        ));
    }
    tear_down(driver, pdo)
}

/// Sends the removal itself, as also happens after a start that failed, and unloads the driver.
pub(super) fn tear_down(driver: Driver, pdo: *mut DeviceObject) -> Result<(), String> {
    let status = io::pnp(pdo, REMOVE_DEVICE, |_| {}).status;
    if !status.is_ok() {
        finding::raise(
            &rules::REMOVE_STATUS,
            format!("it was answered with {status}"),
        );
    }
    sched::settle();
    for (name, count) in com::held() {
        finding::raise(
            &rules::COM_LEAK,
            format!("the driver still holds {count} references on the {name} after removal"),
        );
    }
    bus::forget(pdo);
    driver::unload(driver).map_err(|error| format!("{error:#}"))
}
