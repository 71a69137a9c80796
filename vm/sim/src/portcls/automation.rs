//! Automation tables: which properties a filter, pin or node handles, and the calls to their handlers.

use std::ffi::c_void;

use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_NOT_FOUND, STATUS_PENDING, STATUS_SUCCESS,
};
use waverig_portcls::{
    Guid, IRP, IUnknown, KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET,
    NTSTATUS, PCAUTOMATION_TABLE, PCPROPERTY_ITEM, PCPROPERTY_REQUEST,
};

use super::description::{Reader, read};
use super::rules;
use crate::{call, finding};

/// The properties of one automation table.
#[derive(Default)]
pub(crate) struct Automation {
    items: Vec<Item>,
}

struct Item {
    place: *const PCPROPERTY_ITEM,
    set: Guid,
    id: u32,
    verbs: u32,
}

/// Where a request goes and what it carries.
pub(crate) struct Request<'a> {
    pub(crate) set: Guid,
    pub(crate) id: u32,
    /// One `KSPROPERTY_TYPE_…`.
    pub(crate) verb: u32,
    pub(crate) miniport: *mut c_void,
    pub(crate) stream: *mut c_void,
    pub(crate) node: u32,
    pub(crate) instance: &'a mut [u8],
    pub(crate) value: *mut u8,
    pub(crate) value_size: u32,
    pub(crate) irp: *mut c_void,
}

/// Layout of a property item that may hold a NULL handler.
#[derive(Clone, Copy)]
#[repr(C)]
struct RawItem {
    set: *const Guid,
    id: u32,
    flags: u32,
    handler: usize,
}

impl Automation {
    /// Reads the table at `place`, which belongs to `what`; NULL is an empty one.
    pub(super) fn read(reader: &Reader<'_>, what: &str, place: *const PCAUTOMATION_TABLE) -> Self {
        let mut items = Vec::new();
        if place.is_null() {
            return Self { items };
        }
        let broken = |text: &str| reader.broken(&rules::AUTOMATION, &format!("{what}: {text}"));
        let table = read(place);
        for (kind, count, size, first) in [
            (
                "property",
                table.PropertyCount,
                table.PropertyItemSize,
                table.Properties.cast::<c_void>(),
            ),
            (
                "method",
                table.MethodCount,
                table.MethodItemSize,
                table.Methods.cast(),
            ),
            (
                "event",
                table.EventCount,
                table.EventItemSize,
                table.Events.cast(),
            ),
        ] {
            if count > 0 && (size < size_of::<PCPROPERTY_ITEM>() as u32 || !size.is_multiple_of(8))
            {
                broken(&format!(
                    "{kind} items of {size} bytes; they must have at least 24 and a multiple of 8"
                ));
                return Self { items };
            }
            if (count > 0) == first.is_null() {
                broken(&format!("{count} {kind} items at {first:p}"));
                return Self { items };
            }
        }
        if table.Reserved != 0 {
            broken(&format!("{} in its reserved field", table.Reserved));
        }
        for index in 0..table.PropertyCount as usize {
            let place = table
                .Properties
                .wrapping_byte_add(index * table.PropertyItemSize as usize);
            let item: RawItem = read(place.cast());
            if item.set.is_null() || item.handler == 0 || item.flags == 0 {
                let text = format!("property item {index} lacks its set, its verbs or its handler");
                broken(&text);
                continue;
            }
            items.push(Item {
                place,
                set: read(item.set),
                id: item.id,
                verbs: item.flags,
            });
        }
        Self { items }
    }

    /// Whether the table has the property.
    /// Every property it lists: set, number, verbs.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&Guid, u32, u32)> {
        self.items
            .iter()
            .map(|item| (&item.set, item.id, item.verbs))
    }

    pub(crate) fn has(&self, set: &Guid, id: u32) -> bool {
        self.find(set, id).is_some()
    }

    fn find(&self, set: &Guid, id: u32) -> Option<&Item> {
        self.items
            .iter()
            .find(|item| item.set == *set && item.id == id)
    }

    /// Answers a request through the table: the status, and how many bytes the handler wrote or needs. `None` when the
    /// table does not have the property.
    pub(crate) fn dispatch(&self, request: Request<'_>) -> Option<(NTSTATUS, u32)> {
        let item = self.find(&request.set, request.id)?;
        if item.verbs & request.verb == 0 {
            if request.verb == KSPROPERTY_TYPE_BASICSUPPORT {
                return Some(support(item.verbs, &request));
            }
            return Some((STATUS_INVALID_DEVICE_REQUEST, 0));
        }
        let (set, id, verb, room) = (request.set, request.id, request.verb, request.value_size);
        let (status, size) = call_handler(item, request);
        if status == STATUS_PENDING {
            let text = format!("the handler of property {id} of {set} returned STATUS_PENDING");
            finding::raise(&rules::PROPERTY_PENDING, text);
            return Some((STATUS_NOT_FOUND, 0));
        }
        if status == STATUS_SUCCESS && size > room && verb != KSPROPERTY_TYPE_SET {
            let text = format!(
                "the handler of property {id} of {set} says it wrote {size} bytes into {room}"
            );
            finding::raise(&rules::PROPERTY_SIZE, text);
            return Some((status, room));
        }
        if (status == STATUS_BUFFER_OVERFLOW || status == STATUS_BUFFER_TOO_SMALL)
            && size < room
            && room > 0
        {
            let text = format!(
                "the handler of property {id} of {set} refuses {room} bytes as too few and asks for {size}"
            );
            finding::raise(&rules::PROPERTY_SIZE, text);
        }
        Some((status, size))
    }
}

fn call_handler(item: &Item, request: Request<'_>) -> (NTSTATUS, u32) {
    let instance_size = request.instance.len() as u32;
    let mut to_driver = PCPROPERTY_REQUEST {
        MajorTarget: request.miniport.cast::<IUnknown>(),
        MinorTarget: request.stream.cast::<IUnknown>(),
        Node: request.node,
        PropertyItem: item.place,
        Verb: request.verb,
        InstanceSize: instance_size,
        Instance: if instance_size == 0 {
            std::ptr::null_mut()
        } else {
            request.instance.as_mut_ptr().cast()
        },
        ValueSize: request.value_size,
        Value: if request.value_size == 0 {
            std::ptr::null_mut()
        } else {
            request.value.cast()
        },
        Irp: request.irp.cast::<IRP>(),
    };
    let handler = read(item.place).Handler;
    // SAFETY: the handler was checked not to be NULL when the table was read; the request and its buffers outlive the call.
    let status = unsafe { call::driver("property handler", handler, (&raw mut to_driver,)) };
    (status, to_driver.ValueSize)
}

/// What KS itself answers when the item does not handle basic support: the verbs.
fn support(verbs: u32, request: &Request<'_>) -> (NTSTATUS, u32) {
    let verbs = verbs & (KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET);
    let size = size_of::<u32>() as u32;
    if request.value_size == 0 {
        return (STATUS_BUFFER_OVERFLOW, size);
    }
    if request.value_size < size {
        return (STATUS_BUFFER_TOO_SMALL, 0);
    }
    // SAFETY: the caller's buffer has `value_size` bytes, at least four.
    unsafe { request.value.cast::<u32>().write_unaligned(verbs) };
    (STATUS_SUCCESS, size)
}
