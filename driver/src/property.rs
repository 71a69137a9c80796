//! Property requests: lengths checked, answers written by the rules of KS. All at PASSIVE_LEVEL.

use crate::fault::{self, Deliberate};
use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST,
};
use waverig_portcls::{
    KSPROPERTY, KSPROPERTY_DESCRIPTION, KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET,
    KSPROPERTY_TYPE_SET, NTSTATUS, PCPROPERTY_REQUEST, id,
};

/// Plain data: any bytes are a value of it, and it has no padding.
///
/// # Safety
/// That is so.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: integers.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}

/// The bytes of plain data.
pub(crate) fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: plain data has no padding.
    unsafe { core::slice::from_raw_parts(core::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// A request, with its lengths in hand.
pub(crate) struct Request<'a>(&'a mut PCPROPERTY_REQUEST);

/// What is wanted.
pub(crate) enum Verb {
    Get,
    Set,
    BasicSupport,
}

impl<'a> Request<'a> {
    /// # Safety
    /// `request` is what PortCls gave to a property handler: valid until that returns, `Instance` and `Value` as long as their
    /// sizes say.
    pub(crate) unsafe fn new(request: *mut PCPROPERTY_REQUEST) -> Self {
        // SAFETY: a valid pointer, says the caller.
        Self(unsafe { &mut *request })
    }

    /// # Errors
    /// `STATUS_INVALID_DEVICE_REQUEST` for any other verb.
    pub(crate) const fn verb(&self) -> Result<Verb, NTSTATUS> {
        match self.0.Verb {
            verb if verb & KSPROPERTY_TYPE_BASICSUPPORT != 0 => Ok(Verb::BasicSupport),
            verb if verb & KSPROPERTY_TYPE_GET != 0 => Ok(Verb::Get),
            verb if verb & KSPROPERTY_TYPE_SET != 0 => Ok(Verb::Set),
            _ => Err(STATUS_INVALID_DEVICE_REQUEST),
        }
    }

    pub(crate) const fn node(&self) -> u32 {
        self.0.Node
    }

    /// The stream of a request on an open pin; NULL for one on the filter.
    pub(crate) const fn stream(&self) -> *mut core::ffi::c_void {
        self.0.MinorTarget.cast()
    }

    pub(crate) const fn miniport(&self) -> *mut core::ffi::c_void {
        self.0.MajorTarget.cast()
    }

    /// The integer at the front of the instance data: the pin of a pin property, the channel of a node's.
    pub(crate) fn instance<T: Plain>(&self) -> Option<T> {
        let fits = self.0.InstanceSize as usize >= size_of::<T>() && !self.0.Instance.is_null();
        // SAFETY: there are as many bytes as the size says, and any bytes are plain data.
        fits.then(|| unsafe { self.0.Instance.cast::<T>().read_unaligned() })
    }

    /// The instance data from a byte on; empty when there is none.
    pub(crate) fn instance_from(&self, start: usize) -> &'a [u8] {
        let (place, size) = (self.0.Instance.cast::<u8>(), self.0.InstanceSize as usize);
        if place.is_null() || size < start {
            return &[];
        }
        // SAFETY: there are as many bytes as the size says, until the handler returns, which `'a` does not outlive.
        unsafe { core::slice::from_raw_parts(place.add(start), size - start) }
    }

    /// The value that came with a set request.
    pub(crate) const fn value(&self) -> &[u8] {
        if self.0.Value.is_null() {
            return &[];
        }
        // SAFETY: there are as many bytes as the size says.
        unsafe { core::slice::from_raw_parts(self.0.Value.cast(), self.0.ValueSize as usize) }
    }

    /// The plain value that came with a set request.
    ///
    /// # Errors
    /// `STATUS_BUFFER_TOO_SMALL` when there are too few bytes.
    pub(crate) fn plain_value<T: Plain>(&self) -> Result<T, NTSTATUS> {
        if self.value().len() < size_of::<T>() && !fault::is(Deliberate::TrustLength) {
            return Err(STATUS_BUFFER_TOO_SMALL);
        }
        // SAFETY: there are enough bytes (unless a fault is built in), and any are plain data.
        Ok(unsafe { self.0.Value.cast::<T>().read_unaligned() })
    }

    /// Answers with these parts, one behind the other. No room at all asks for the size.
    ///
    /// # Errors
    /// `STATUS_BUFFER_OVERFLOW` with the size when there is no room, `STATUS_BUFFER_TOO_SMALL` when there is too little.
    pub(crate) fn answer(&mut self, parts: &[&[u8]]) -> Result<(), NTSTATUS> {
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        let room = self.0.ValueSize as usize;
        if room < wanted || self.0.Value.is_null() {
            self.0.ValueSize = wanted as u32;
            return Err(if room == 0 {
                STATUS_BUFFER_OVERFLOW
            } else {
                STATUS_BUFFER_TOO_SMALL
            });
        }
        let mut place = self.0.Value.cast::<u8>();
        for part in parts {
            // SAFETY: all parts together fit.
            unsafe {
                place.copy_from_nonoverlapping(part.as_ptr(), part.len());
                place = place.add(part.len());
            }
        }
        self.0.ValueSize = wanted as u32 + 4 * u32::from(fault::is(Deliberate::ValueSize));
        Ok(())
    }

    /// Answers a basic-support request for a property of a `VT_…` type: with everything, with the description alone, or with the
    /// verbs alone, whichever there is room for.
    pub(crate) fn basic_support(&mut self, variant: u32, members: &[u8]) -> Result<(), NTSTATUS> {
        // SAFETY: the item is the one of this driver's table that led here.
        let verbs = unsafe { (*self.0.PropertyItem).Flags };
        let full = size_of::<KSPROPERTY_DESCRIPTION>() + members.len();
        let description = KSPROPERTY_DESCRIPTION {
            AccessFlags: verbs,
            DescriptionSize: full as u32,
            PropTypeSet: KSPROPERTY {
                Set: id::KSPROPTYPESETID_General,
                Id: variant,
                Flags: 0,
            },
            MembersListCount: (!members.is_empty()).into(),
            Reserved: 0,
        };
        let head = bytes_of(&description);
        match self.0.ValueSize as usize {
            room if room == 0 || room >= full => self.answer(&[head, members]),
            room if room >= head.len() => self.answer(&[head]),
            _ => self.answer(&[bytes_of(&verbs)]),
        }
    }
}

// SAFETY: integers and GUIDs, no padding: 4 + 4 + 24 + 4 + 4 bytes.
unsafe impl Plain for KSPROPERTY_DESCRIPTION {}

/// As a handler returns it.
pub(crate) fn status(result: Result<(), NTSTATUS>) -> NTSTATUS {
    result
        .err()
        .unwrap_or(waverig_portcls::status::STATUS_SUCCESS)
}
