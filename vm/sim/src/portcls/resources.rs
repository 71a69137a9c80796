//! The resource list of a device without hardware: empty.

use std::ffi::c_void;

use waverig_portcls::id;
use waverig_portcls::status::STATUS_SUCCESS;

use super::com::{HostObject, Method, Table};
use super::unsupported;
use crate::imports::Levels;

/// `IResourceList` of a root-enumerated device.
pub(super) struct Resources;

extern "win64" fn no_entries(_this: *mut c_void) -> u32 {
    0
}

extern "win64" fn no_entry(_this: *mut c_void, _kind: u32, _index: u32) -> *mut c_void {
    std::ptr::null_mut()
}

extern "win64" fn add_entry(_this: *mut c_void) -> i32 {
    unsupported("IResourceList::AddEntry", "resources.rs")
}

/// A list without entries adds nothing whatever it is asked for.
extern "win64" fn add_entry_from_parent(_this: *mut c_void) -> i32 {
    STATUS_SUCCESS
}

const fn method(name: &'static str, function: *const ()) -> Method {
    Method {
        name,
        function,
        levels: Levels::PASSIVE,
        source: "portcls/nn-portcls-iresourcelist",
    }
}

static LIST: Table = Table {
    iid: id::IID_IResourceList,
    methods: &[
        method("IResourceList::NumberOfEntries", no_entries as *const ()),
        method(
            "IResourceList::NumberOfEntriesOfType",
            no_entries as *const (),
        ),
        method("IResourceList::FindTranslatedEntry", no_entry as *const ()),
        method(
            "IResourceList::FindUntranslatedEntry",
            no_entry as *const (),
        ),
        method("IResourceList::AddEntry", add_entry as *const ()),
        method(
            "IResourceList::AddEntryFromParent",
            add_entry_from_parent as *const (),
        ),
        method("IResourceList::TranslatedList", no_entry as *const ()),
        method("IResourceList::UntranslatedList", no_entry as *const ()),
    ],
};

impl HostObject for Resources {
    fn name(&self) -> String {
        "resource list".into()
    }

    fn tables(&self) -> &'static [&'static Table] {
        static OF: [&Table; 1] = [&LIST];
        &OF
    }
}
