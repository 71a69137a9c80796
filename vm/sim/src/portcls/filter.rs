//! An open filter: properties of the filter, its pin factories and its nodes.

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::{Rc, Weak};

use waverig_portcls::id::{KSPROPSETID_Pin, KSPROPSETID_Topology};
use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_NO_MATCH,
    STATUS_NOT_FOUND, STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS,
};
use waverig_portcls::{
    Guid, KSDATARANGE, KSDATARANGE_AUDIO, KSFILTER_NODE, KSPROPERTY_PIN_DATAINTERSECTION,
    KSPROPERTY_TYPE_GET, NTSTATUS,
};

use super::com::Ref;
use super::pin::Pin;
use super::port::Bound;
use super::property::{Answer, Incoming, Scratch};
use super::ranges::Range;
use super::rules;
use super::subdevice::Subdevice;
use super::{format, intersection};
use crate::{call, finding};

/// `KSPROPERTY_PIN_CTYPES`, `_DATAFLOW`, `_COMMUNICATION`, `_CATEGORY` (ks.h).
const PIN_CTYPES: u32 = 1;
const PIN_DATAFLOW: u32 = 2;
const PIN_COMMUNICATION: u32 = 7;
const PIN_CATEGORY: u32 = 11;
/// `KSPROPERTY_TOPOLOGY_NODES`, `_CONNECTIONS` (ks.h).
const TOPOLOGY_NODES: u32 = 1;
const TOPOLOGY_CONNECTIONS: u32 = 2;
/// Bytes of a KSP_PIN and of a KSMULTIPLE_ITEM.
const KSP_PIN: usize = 32;
const KSMULTIPLE_ITEM: usize = 8;

/// A filter that a client opened.
pub(super) struct Filter {
    pub(super) subdevice: Rc<Subdevice>,
    pub(super) pins: RefCell<Vec<Weak<Pin>>>,
}

impl Filter {
    pub(super) fn new(subdevice: Rc<Subdevice>) -> Self {
        Self {
            subdevice,
            pins: RefCell::default(),
        }
    }

    pub(super) fn bound(&self) -> Rc<Bound> {
        self.subdevice
            .port
            .bound()
            .expect("only initialised ports are registered")
    }

    /// Open instances of a pin factory on this filter.
    pub(super) fn instances(&self, pin: u32) -> usize {
        self.pins
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|one| one.id == pin)
            .count()
    }

    /// Answers a property request.
    pub(super) fn property(&self, request: &mut Incoming<'_>) -> Answer {
        let bound = self.bound();
        let miniport = bound.unknown.this();
        if let Some(node) = request.node() {
            return node_property(&bound, request, node, std::ptr::null_mut());
        }
        let automation = &bound.description.automation;
        if let Some(answer) =
            request.automate(automation, miniport, std::ptr::null_mut(), KSFILTER_NODE)
        {
            return answer;
        }
        if request.verb() != KSPROPERTY_TYPE_GET {
            return (STATUS_NOT_FOUND, 0);
        }
        let set = request.head.Set;
        let answer = if set == KSPROPSETID_Pin {
            pin_property(&bound, request)
        } else if set == KSPROPSETID_Topology {
            topology_property(&bound, request)
        } else {
            Err(STATUS_NOT_FOUND)
        };
        answer.unwrap_or_else(|status| (status, 0))
    }
}

/// A request for a node, asked of a filter or of a pin's stream.
pub(super) fn node_property(
    bound: &Bound,
    request: &mut Incoming<'_>,
    node: Result<u32, NTSTATUS>,
    stream: *mut c_void,
) -> Answer {
    let node = match node {
        Ok(node) => node,
        Err(status) => return (status, 0),
    };
    let Some(description) = bound.description.nodes.get(node as usize) else {
        return (STATUS_INVALID_PARAMETER, 0);
    };
    let answer = request.automate(&description.automation, bound.unknown.this(), stream, node);
    answer.unwrap_or((STATUS_NOT_FOUND, 0))
}

fn pin_property(bound: &Bound, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
    let pins = &bound.description.pins;
    if request.head.Id == PIN_CTYPES {
        return Ok(request.value(&(pins.len() as u32).to_le_bytes()));
    }
    let id = request.word(24)?;
    let pin = pins.get(id as usize).ok_or(STATUS_INVALID_PARAMETER)?;
    Ok(match request.head.Id {
        PIN_DATAFLOW => request.value(&pin.flow.to_le_bytes()),
        PIN_COMMUNICATION => request.value(&pin.communication.to_le_bytes()),
        PIN_CATEGORY => request.value(&guid_bytes(&pin.category.ok_or(STATUS_NOT_FOUND)?)),
        KSPROPERTY_PIN_DATAINTERSECTION => return intersect(bound, id, &pin.ranges, request),
        _ => return Err(STATUS_NOT_FOUND),
    })
}

fn topology_property(bound: &Bound, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
    let description = &bound.description;
    let (count, items): (usize, Vec<u8>) = match request.head.Id {
        TOPOLOGY_NODES => (
            description.nodes.len(),
            description
                .nodes
                .iter()
                .flat_map(|node| guid_bytes(&node.kind))
                .collect(),
        ),
        TOPOLOGY_CONNECTIONS => {
            let words = |one: &waverig_portcls::KSTOPOLOGY_CONNECTION| {
                [one.FromNode, one.FromNodePin, one.ToNode, one.ToNodePin]
                    .map(u32::to_le_bytes)
                    .concat()
            };
            (
                description.connections.len(),
                description.connections.iter().flat_map(words).collect(),
            )
        }
        _ => return Err(STATUS_NOT_FOUND),
    };
    let size = (KSMULTIPLE_ITEM + items.len()) as u32;
    let mut value = [size.to_le_bytes(), (count as u32).to_le_bytes()].concat();
    value.extend(items);
    Ok(request.value(&value))
}

pub(super) fn guid_bytes(guid: &Guid) -> Vec<u8> {
    let mut bytes = guid.Data1.to_le_bytes().to_vec();
    bytes.extend(guid.Data2.to_le_bytes());
    bytes.extend(guid.Data3.to_le_bytes());
    bytes.extend(guid.Data4);
    bytes
}

/// The first of the client's ranges that fits one of the pin's, as a format.
fn intersect(
    bound: &Bound,
    pin: u32,
    own: &[Range],
    request: &mut Incoming<'_>,
) -> Result<Answer, NTSTATUS> {
    let count = request.word(KSP_PIN + 4)?;
    let mut at = KSP_PIN + KSMULTIPLE_ITEM;
    for _ in 0..count {
        let size = request.word(at)? as usize;
        let bytes = request
            .input
            .get(at..at + size)
            .filter(|bytes| bytes.len() >= size_of::<KSDATARANGE>());
        let mut client = Scratch::new(bytes.ok_or(STATUS_INVALID_PARAMETER)?);
        for range in own {
            let head = super::description::read(client.place().cast::<KSDATARANGE>());
            if !overlaps(&head, &range.head) {
                continue;
            }
            match ask(bound, pin, &mut client, range) {
                Err(STATUS_NO_MATCH) => {}
                Err(status) => return Err(status),
                Ok(format) => return Ok(request.value(&format)),
            }
        }
        at = (at + size).next_multiple_of(8);
    }
    Err(STATUS_NO_MATCH)
}

/// Whether the three GUIDs of two ranges allow an intersection; the wildcard is all zero (KSDATAFORMAT_*_WILDCARD).
fn overlaps(client: &KSDATARANGE, own: &KSDATARANGE) -> bool {
    let fits = |client: Guid, own: Guid| {
        client == own || client == Guid::default() || own == Guid::default()
    };
    fits(client.MajorFormat, own.MajorFormat)
        && fits(client.SubFormat, own.SubFormat)
        && fits(client.Specifier, own.Specifier)
}

/// One question to the miniport, in the two calls that the port makes.
fn ask(bound: &Bound, pin: u32, client: &mut Scratch, own: &Range) -> Result<Vec<u8>, NTSTATUS> {
    let miniport: &Ref<waverig_portcls::IMiniport> = &bound.miniport;
    let function = miniport.table().DataRangeIntersection;
    let client = client.place().cast::<KSDATARANGE>();
    let call = |length: u32, room: *mut c_void| {
        let mut needed = 0_u32;
        let own = own.place.cast_mut();
        let parameters = (
            miniport.this(),
            pin,
            client,
            own,
            length,
            room,
            &raw mut needed,
        );
        // SAFETY: the miniport's table; ranges and room live until the call returns.
        let status =
            unsafe { call::driver("IMiniport::DataRangeIntersection", function, parameters) };
        (status, needed)
    };
    let broken = |text: String| finding::raise(&rules::INTERSECTION, text);
    // The ranges of bridges have nothing in common that has a format.
    let by_port = || {
        let asked: KSDATARANGE = super::description::read(client);
        let wanted = (asked.FormatSize as usize >= size_of::<KSDATARANGE_AUDIO>())
            .then(|| super::description::read(client.cast::<KSDATARANGE_AUDIO>()));
        let both = wanted.zip(own.audio);
        both.and_then(|(client, own)| intersection::default(&client, &own))
            .ok_or(STATUS_NO_MATCH)
    };
    let (status, needed) = call(0, std::ptr::null_mut());
    if status == STATUS_NOT_IMPLEMENTED {
        return by_port();
    }
    if status != STATUS_BUFFER_OVERFLOW {
        if status >= 0 {
            broken(format!(
                "length 0 was answered with {status:#010x} instead of STATUS_BUFFER_OVERFLOW"
            ));
            return Err(STATUS_NO_MATCH);
        }
        return Err(status);
    }
    if let Some(less) = needed.checked_sub(1).filter(|less| *less > 0) {
        let room = Scratch::new(&vec![0; less as usize]);
        let (status, _) = call(less, room.place().cast());
        if status != STATUS_BUFFER_TOO_SMALL {
            broken(format!(
                "room for {less} of {needed} bytes was answered with {status:#010x} instead of STATUS_BUFFER_TOO_SMALL"
            ));
        }
    }
    let mut room = Scratch::new(&vec![0; needed as usize]);
    let (status, written) = call(needed, room.place().cast());
    if status == STATUS_NOT_IMPLEMENTED {
        return by_port();
    }
    if status != STATUS_SUCCESS || written != needed {
        broken(format!(
            "it asked for {needed} bytes, then returned {status:#010x} and {written} bytes"
        ));
        return Err(if status < 0 { status } else { STATUS_NO_MATCH });
    }
    let bytes = room.bytes().to_vec();
    if let Err(text) = format::check(&bytes, own) {
        finding::raise(&rules::INTERSECTION_FORMAT, text);
    }
    Ok(bytes)
}
