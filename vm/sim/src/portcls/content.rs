//! Content with rights, as drivers mix and pass it on: IDrmPort of a wave port, and the routines of the same names (drmk.h, portcls.h;
//! "DRM Functions and Interfaces").
//!
//! A content is a number with rights. A mix has the rights of all that is in it. Whom it is passed on to, a device or an object that
//! renders it, is nobody's affair here: passing it on succeeds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;

use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use waverig_portcls::{DRMRIGHTS, Guid, NTSTATUS};

use super::com::{Method, Table};
use super::rules;
use crate::finding;
use crate::imports::{Import, Levels};

/// Content numbers that drivers make begin here; what streams carry has smaller ones.
const FIRST_MIX: u32 = 0x1000_0000;

thread_local! {
    /// The rights of every content that streams carry or drivers made.
    static CONTENTS: RefCell<BTreeMap<u32, DRMRIGHTS>> = const { RefCell::new(BTreeMap::new()) };
}

/// A stream carries this content from now on: its rights can be asked for.
pub(super) fn note(content: u32, rights: DRMRIGHTS) {
    CONTENTS.with_borrow_mut(|all| all.insert(content, rights));
}

/// Reports mixes that a driver made and did not destroy.
pub(crate) fn check_leaks() {
    let left = CONTENTS.take();
    for content in left.keys().filter(|content| **content >= FIRST_MIX) {
        finding::raise_at(
            &rules::REGISTRATION_LEFT,
            format!("the mixed content {content:#x} is left after unload"),
            None,
        );
    }
}

/// The rights of a content. Number 0 is content without restrictions ("IDrmPort::CreateContentMixed").
fn rights_of(content: u32) -> Option<DRMRIGHTS> {
    if content == 0 {
        return Some(DRMRIGHTS::default());
    }
    CONTENTS.with_borrow(|all| all.get(&content).copied())
}

fn known(content: u32) -> NTSTATUS {
    match rights_of(content) {
        Some(_) => STATUS_SUCCESS,
        None => STATUS_INVALID_PARAMETER,
    }
}

extern "win64" fn pc_create_content_mixed(
    contents: *const u32,
    count: u32,
    mixed: *mut u32,
) -> NTSTATUS {
    let mut rights = DRMRIGHTS::default();
    for index in 0..count as usize {
        // SAFETY: the driver's array of that many numbers; a bad address faults into a report.
        let content = unsafe { contents.add(index).read_unaligned() };
        let Some(one) = rights_of(content) else {
            return STATUS_INVALID_PARAMETER;
        };
        rights.CopyProtect |= one.CopyProtect;
        rights.DigitalOutputDisable |= one.DigitalOutputDisable;
    }
    let number = CONTENTS.with_borrow_mut(|all| {
        let last = all.last_key_value().map_or(0, |(last, _)| *last);
        let number = last.max(FIRST_MIX) + 1;
        all.insert(number, rights);
        number
    });
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { mixed.write_unaligned(number) };
    STATUS_SUCCESS
}

extern "win64" fn pc_destroy_content(content: u32) -> NTSTATUS {
    let gone = CONTENTS.with_borrow_mut(|all| all.remove(&content));
    match gone {
        Some(_) => STATUS_SUCCESS,
        None => STATUS_INVALID_PARAMETER,
    }
}

extern "win64" fn pc_forward_content(content: u32, _to: *mut c_void) -> NTSTATUS {
    known(content)
}

extern "win64" fn pc_forward_content_to_interface(
    content: u32,
    _object: *mut c_void,
    _methods: u32,
) -> NTSTATUS {
    known(content)
}

extern "win64" fn pc_add_content_handlers(
    content: u32,
    _handlers: *const *mut c_void,
    _count: u32,
) -> NTSTATUS {
    known(content)
}

extern "win64" fn pc_forward_content_to_device(
    content: u32,
    _reserved: *mut c_void,
    _forward: *const c_void,
) -> NTSTATUS {
    known(content)
}

extern "win64" fn pc_get_content_rights(content: u32, rights: *mut DRMRIGHTS) -> NTSTATUS {
    match rights_of(content) {
        Some(found) => {
            // SAFETY: the driver's place for them; a bad address faults into a report.
            unsafe { rights.write_unaligned(found) };
            STATUS_SUCCESS
        }
        None => STATUS_INVALID_PARAMETER,
    }
}

// The interface's methods are the routines with `this` before them.

extern "win64" fn create_content_mixed(
    _this: *mut c_void,
    contents: *const u32,
    count: u32,
    mixed: *mut u32,
) -> NTSTATUS {
    pc_create_content_mixed(contents, count, mixed)
}

extern "win64" fn destroy_content(_this: *mut c_void, content: u32) -> NTSTATUS {
    pc_destroy_content(content)
}

extern "win64" fn forward_content(_this: *mut c_void, content: u32, _to: *mut c_void) -> NTSTATUS {
    known(content)
}

extern "win64" fn forward_content_to_interface(
    _this: *mut c_void,
    content: u32,
    _object: *mut c_void,
    _methods: u32,
) -> NTSTATUS {
    known(content)
}

extern "win64" fn get_content_rights(
    _this: *mut c_void,
    content: u32,
    rights: *mut DRMRIGHTS,
) -> NTSTATUS {
    pc_get_content_rights(content, rights)
}

extern "win64" fn add_content_handlers(
    _this: *mut c_void,
    content: u32,
    _handlers: *const *mut c_void,
    _count: u32,
) -> NTSTATUS {
    known(content)
}

extern "win64" fn forward_content_to_device(
    _this: *mut c_void,
    content: u32,
    _reserved: *mut c_void,
    _forward: *const c_void,
) -> NTSTATUS {
    known(content)
}

const fn method(name: &'static str, function: *const (), source: &'static str) -> Method {
    Method {
        name,
        function,
        levels: Levels::PASSIVE,
        source,
    }
}

const METHODS: [Method; 5] = [
    method(
        "IDrmPort::CreateContentMixed",
        create_content_mixed as *const (),
        "portcls/nf-portcls-idrmport-createcontentmixed",
    ),
    method(
        "IDrmPort::DestroyContent",
        destroy_content as *const (),
        "portcls/nf-portcls-idrmport-destroycontent",
    ),
    method(
        "IDrmPort::ForwardContentToFileObject",
        forward_content as *const (),
        "portcls/nf-portcls-idrmport-forwardcontenttofileobject",
    ),
    method(
        "IDrmPort::ForwardContentToInterface",
        forward_content_to_interface as *const (),
        "portcls/nf-portcls-idrmport-forwardcontenttointerface",
    ),
    method(
        "IDrmPort::GetContentRights",
        get_content_rights as *const (),
        "portcls/nf-portcls-idrmport-getcontentrights",
    ),
];

pub(super) static PORT: Table = Table {
    iid: Guid::new(0x286D3DF8_CA22_4E2E_B9BC_20B4F0E201CE),
    methods: &METHODS,
};

pub(super) static PORT2: Table = Table {
    iid: Guid::new(0x1ACCE59C_7311_4B6B_9FBA_CC3BA59ACDCE),
    methods: &{
        let [mix, destroy, file, interface, rights] = METHODS;
        [
            mix,
            destroy,
            file,
            interface,
            rights,
            method(
                "IDrmPort2::AddContentHandlers",
                add_content_handlers as *const (),
                "portcls/nf-portcls-idrmport2-addcontenthandlers",
            ),
            method(
                "IDrmPort2::ForwardContentToDeviceObject",
                forward_content_to_device as *const (),
                "portcls/nf-portcls-idrmport2-forwardcontenttodeviceobject",
            ),
        ]
    },
};

/// What portcls.sys exports of the same names.
pub(super) static EXPORTS: &[Import] = &[
    super::row(
        "PcCreateContentMixed",
        pc_create_content_mixed as *const (),
        "portcls/nf-portcls-pccreatecontentmixed",
    ),
    super::row(
        "PcDestroyContent",
        pc_destroy_content as *const (),
        "portcls/nf-portcls-pcdestroycontent",
    ),
    super::row(
        "PcForwardContentToFileObject",
        pc_forward_content as *const (),
        "portcls/nf-portcls-pcforwardcontenttofileobject",
    ),
    super::row(
        "PcForwardContentToInterface",
        pc_forward_content_to_interface as *const (),
        "portcls/nf-portcls-pcforwardcontenttointerface",
    ),
    super::row(
        "PcForwardContentToDeviceObject",
        pc_forward_content_to_device as *const (),
        "portcls/nf-portcls-pcforwardcontenttodeviceobject",
    ),
    super::row(
        "PcAddContentHandlers",
        pc_add_content_handlers as *const (),
        "portcls/nf-portcls-pcaddcontenthandlers",
    ),
    super::row(
        "PcGetContentRights",
        pc_get_content_rights as *const (),
        "portcls/nf-portcls-pcgetcontentrights",
    ),
];
