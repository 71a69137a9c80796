//! Objects of the port class driver, and devices that are none of its, in the hands of a driver that gets them wrong.

use std::ffi::c_void;

use waverig_portcls::id;
use waverig_portcls::status::STATUS_INVALID_PARAMETER;

use crate::kernel::{Kernel, Options};
use crate::mock::{self, Quirk};
use crate::portcls::port::{Port, pc_new_port};
use crate::portcls::{com, rules, subdevice};

/// A port with one reference, which is the driver's.
fn port() -> *mut c_void {
    Kernel::boot(Options::default());
    let (mut port, class) = (std::ptr::null_mut(), id::CLSID_PortWaveRT);
    assert_eq!(pc_new_port(&raw mut port, &raw const class), 0);
    port
}

#[test]
#[should_panic(expected = "com-use-after-free")]
fn no_method_is_called_on_an_object_that_is_gone() {
    let port = port();
    mock::release(port);
    com::host::<Port>(port);
}

#[test]
#[should_panic(expected = "com-bad-pointer")]
fn a_method_is_called_on_an_object_of_port_class() {
    Kernel::boot(Options::default());
    let wild = [0_usize; 32];
    com::host::<Port>(wild.as_ptr().cast_mut().cast());
}

#[test]
fn port_class_knows_its_adapters() {
    mock::with(Quirk::None, |machine| {
        // The physical device is the bus's.
        let name = [0_u16];
        let port = std::ptr::null_mut();
        let status = subdevice::pc_register_subdevice(machine.pdo, name.as_ptr(), port);
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        assert!(machine.kernel.findings.has(&rules::NOT_AN_ADAPTER));
    });
}
