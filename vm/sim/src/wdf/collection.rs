//! WDFCOLLECTION: objects in a row; each is kept while it is in one.

use super::loader::Globals;
use super::object::{self, Attributes, Kind};
use super::wdf_rows;
use crate::nt::status::{NtStatus, STATUS_SUCCESS};

fn with<T>(handle: usize, what: &str, look: impl FnOnce(&mut Vec<usize>) -> T) -> T {
    let found = object::with(handle, what, |object| match &mut object.kind {
        Kind::Collection(items) => Some(look(items)),
        _ => None,
    });
    found.unwrap_or_else(|| object::wrong_kind(handle, what))
}

extern "win64" fn wdf_collection_create(
    globals: *const Globals,
    attributes: *const Attributes,
    collection: *mut usize,
) -> NtStatus {
    let handle = object::create(
        globals,
        attributes,
        Kind::Collection(Vec::new()),
        Vec::new(),
    );
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { collection.write(handle) };
    STATUS_SUCCESS
}

extern "win64" fn wdf_collection_get_count(_globals: *const Globals, collection: usize) -> u32 {
    with(collection, "WdfCollectionGetCount", |items| {
        items.len() as u32
    })
}

extern "win64" fn wdf_collection_add(
    _globals: *const Globals,
    collection: usize,
    item: usize,
) -> NtStatus {
    object::hold(item);
    with(collection, "WdfCollectionAdd", |items| items.push(item));
    STATUS_SUCCESS
}

extern "win64" fn wdf_collection_remove(_globals: *const Globals, collection: usize, item: usize) {
    let found = with(collection, "WdfCollectionRemove", |items| {
        let place = items.iter().position(|one| *one == item);
        place.map(|place| items.remove(place))
    });
    if let Some(item) = found {
        object::let_go(item);
    }
}

extern "win64" fn wdf_collection_get_item(
    _globals: *const Globals,
    collection: usize,
    index: u32,
) -> usize {
    with(collection, "WdfCollectionGetItem", |items| {
        items.get(index as usize).copied().unwrap_or(0)
    })
}

extern "win64" fn wdf_collection_get_first(_globals: *const Globals, collection: usize) -> usize {
    with(collection, "WdfCollectionGetFirstItem", |items| {
        items.first().copied().unwrap_or(0)
    })
}

extern "win64" fn wdf_collection_get_last(_globals: *const Globals, collection: usize) -> usize {
    with(collection, "WdfCollectionGetLastItem", |items| {
        items.last().copied().unwrap_or(0)
    })
}

wdf_rows! {
    13 "WdfCollectionCreate"       wdf_collection_create    DISPATCH "wdfcollection/nf-wdfcollection-wdfcollectioncreate";
    14 "WdfCollectionGetCount"     wdf_collection_get_count DISPATCH "wdfcollection/nf-wdfcollection-wdfcollectiongetcount";
    15 "WdfCollectionAdd"          wdf_collection_add       DISPATCH "wdfcollection/nf-wdfcollection-wdfcollectionadd";
    16 "WdfCollectionRemove"       wdf_collection_remove    DISPATCH "wdfcollection/nf-wdfcollection-wdfcollectionremove";
    18 "WdfCollectionGetItem"      wdf_collection_get_item  DISPATCH "wdfcollection/nf-wdfcollection-wdfcollectiongetitem";
    19 "WdfCollectionGetFirstItem" wdf_collection_get_first DISPATCH "wdfcollection/nf-wdfcollection-wdfcollectiongetfirstitem";
    20 "WdfCollectionGetLastItem"  wdf_collection_get_last  DISPATCH "wdfcollection/nf-wdfcollection-wdfcollectiongetlastitem";
}
