//! `IPortWaveRTStream`: pages for a stream's buffer, with a record of what was allocated, mapped and freed.

use std::cell::RefCell;
use std::ffi::c_void;

use waverig_portcls::id;

use super::com::{self, HostObject, Method, Table};
use super::{rules, unsupported};
use crate::finding;
use crate::imports::Levels;
use crate::nt::layout::Mdl;
use crate::nt::mdl;
use crate::nt::pool::Owner;

/// Bytes in a page.
const PAGE: usize = 4096;

/// One allocation of a driver.
struct Pages {
    mdl: *mut Mdl,
    bytes: usize,
    mapped: Option<*mut u8>,
}

/// The port's side of one stream.
pub(super) struct PortStream {
    filter: String,
    pages: RefCell<Vec<Pages>>,
}

impl PortStream {
    pub(super) fn new(filter: &str) -> Self {
        Self {
            filter: filter.to_owned(),
            pages: RefCell::default(),
        }
    }

    /// Whether the MDL came from here and was not freed.
    pub(super) fn owns(&self, mdl: *mut Mdl) -> bool {
        self.pages.borrow().iter().any(|pages| pages.mdl == mdl)
    }

    /// What the driver did not free, in words.
    pub(super) fn leftovers(&self) -> Option<String> {
        let pages = self.pages.borrow();
        let bytes: usize = pages.iter().map(|one| one.bytes).sum();
        (!pages.is_empty()).then(|| {
            format!(
                "{} allocations with {bytes} bytes of a stream of {:?} were not freed",
                pages.len(),
                self.filter
            )
        })
    }
}

extern "win64" fn allocate_pages(this: *mut c_void, high_address: i64, bytes: usize) -> *mut Mdl {
    let stream = com::host::<PortStream>(this);
    // The limit is signed: all ones is below every page.
    if high_address < PAGE as i64 || bytes == 0 {
        return std::ptr::null_mut();
    }
    let Some(mdl) = mdl::allocate_pages(bytes, Owner::System) else {
        return std::ptr::null_mut();
    };
    stream.pages.borrow_mut().push(Pages {
        mdl,
        bytes,
        mapped: None,
    });
    mdl
}

/// No scatter-gather hardware is simulated: pages of one allocation are contiguous anyway.
extern "win64" fn allocate_contiguous(
    this: *mut c_void,
    _low: i64,
    high: i64,
    bytes: usize,
) -> *mut Mdl {
    allocate_pages(this, high, bytes)
}

extern "win64" fn map(this: *mut c_void, mdl: *mut Mdl, _cache: i32) -> *mut c_void {
    let stream = com::host::<PortStream>(this);
    let mut pages = stream.pages.borrow_mut();
    let Some(one) = pages.iter_mut().find(|one| one.mdl == mdl) else {
        drop(pages);
        finding::raise(
            &rules::BUFFER_MEMORY,
            format!(
                "MapAllocatedPages was called with {mdl:p}, which is no allocation of this stream"
            ),
        );
        return std::ptr::null_mut();
    };
    if one.mapped.is_some() {
        drop(pages);
        finding::raise(
            &rules::MAP_TWICE,
            format!("the pages of the MDL {mdl:p} are mapped already"),
        );
        return std::ptr::null_mut();
    }
    let address = mdl::map(mdl);
    one.mapped = (!address.is_null()).then_some(address);
    address.cast()
}

extern "win64" fn unmap(this: *mut c_void, address: *mut c_void, mdl: *mut Mdl) {
    let stream = com::host::<PortStream>(this);
    let mut pages = stream.pages.borrow_mut();
    let mapped = pages
        .iter_mut()
        .find(|one| one.mdl == mdl && one.mapped == Some(address.cast()));
    let found = mapped.map(|one| one.mapped = None).is_some();
    drop(pages);
    if found {
        mdl::unmap(address.cast(), mdl);
    } else {
        finding::raise(
            &rules::UNMAP,
            format!(
                "UnmapAllocatedPages was called with {address:p} and {mdl:p}, which is no mapping"
            ),
        );
    }
}

extern "win64" fn free(this: *mut c_void, mdl: *mut Mdl) {
    let stream = com::host::<PortStream>(this);
    let mut pages = stream.pages.borrow_mut();
    let Some(place) = pages.iter().position(|one| one.mdl == mdl) else {
        drop(pages);
        finding::raise(
            &rules::FREE_PAGES,
            format!(
                "FreePagesFromMdl was called with {mdl:p}, which is no allocation of this stream"
            ),
        );
        return;
    };
    let gone = pages.remove(place);
    drop(pages);
    if let Some(address) = gone.mapped {
        finding::raise(
            &rules::UNMAP,
            format!("the pages of the MDL {mdl:p} are still mapped at {address:p}"),
        );
        mdl::unmap(address, mdl);
    }
    mdl::free_pages(mdl);
    mdl::release(mdl);
}

extern "win64" fn count(this: *mut c_void, mdl: *mut Mdl) -> u32 {
    let stream = com::host::<PortStream>(this);
    if stream.owns(mdl) {
        mdl::page_count(mdl) as u32
    } else {
        0
    }
}

extern "win64" fn address(_this: *mut c_void) -> u64 {
    unsupported(
        "IPortWaveRTStream::GetPhysicalPageAddress",
        "port_stream.rs",
    )
}

macro_rules! method {
    ($name:literal, $function:expr, $page:literal) => {
        Method {
            name: concat!("IPortWaveRTStream::", $name),
            function: $function as *const (),
            levels: Levels::PASSIVE,
            source: concat!("portcls/nf-portcls-iportwavertstream-", $page),
        }
    };
}

static STREAM: Table = Table {
    iid: id::IID_IPortWaveRTStream,
    methods: &[
        method!("AllocatePagesForMdl", allocate_pages, "allocatepagesformdl"),
        method!(
            "AllocateContiguousPagesForMdl",
            allocate_contiguous,
            "allocatecontiguouspagesformdl"
        ),
        method!("MapAllocatedPages", map, "mapallocatedpages"),
        method!("UnmapAllocatedPages", unmap, "unmapallocatedpages"),
        method!("FreePagesFromMdl", free, "freepagesfrommdl"),
        method!("GetPhysicalPagesCount", count, "getphysicalpagescount"),
        method!("GetPhysicalPageAddress", address, "getphysicalpageaddress"),
    ],
};

impl HostObject for PortStream {
    fn name(&self) -> String {
        format!("port stream of {:?}", self.filter)
    }

    fn tables(&self) -> &'static [&'static Table] {
        static OF: [&Table; 1] = [&STREAM];
        &OF
    }
}
