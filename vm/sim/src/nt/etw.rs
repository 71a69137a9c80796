//! Event Tracing for Windows, as far as a kernel provider sees it: registration, traits, and a session that listens from the beginning
//! on and decodes TraceLogging events from the description they carry (TraceLoggingProvider.h says how that is laid out).
//!
//! A provider with an enable callback waits to be called before it tells anything; nobody listens to it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;

use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::status::{NtStatus, STATUS_INVALID_HANDLE, STATUS_SUCCESS};
use crate::{finding, rules};

/// Events that are kept for whoever asks.
const KEPT: usize = 1 << 14;
/// `EventProviderSetTraits` and `EventProviderUseDescriptorType` (evntprov.h).
const SET_TRAITS: i32 = 2;
const USE_DESCRIPTOR_TYPE: i32 = 3;
/// The kinds of `EVENT_DATA_DESCRIPTOR` (evntprov.h).
const DATA: u32 = 0;
const EVENT_METADATA: u32 = 1;
const PROVIDER_METADATA: u32 = 2;
/// `MAX_EVENT_DATA_DESCRIPTORS` (evntprov.h).
const MOST_DESCRIPTORS: u32 = 128;

/// An event, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The provider's name.
    pub provider: String,
    /// The event's name.
    pub name: String,
    /// Names and values of its fields; signed ones as their two's complement.
    pub values: Vec<(String, u64)>,
}

#[derive(Debug, Default)]
struct Provider {
    /// Its traits: the description that every event of it must carry.
    traits: Vec<u8>,
    /// Whether the kinds of descriptors count.
    typed: bool,
    /// Whether the session listens to it.
    enabled: bool,
}

/// All providers, and what they told.
#[derive(Debug, Default)]
pub(crate) struct EtwState {
    next: Cell<u64>,
    providers: RefCell<BTreeMap<u64, Provider>>,
    told: RefCell<VecDeque<Told>>,
}

fn state() -> &'static EtwState {
    &kernel().nt.etw
}

/// What was told since this was asked last.
pub fn take_told() -> Vec<Told> {
    state().told.take().into()
}

/// Providers that are registered though their driver goes away.
pub(crate) fn check_leaks() {
    let left = state().providers.borrow().len();
    if left > 0 {
        finding::raise(
            &rules::ETW_LEAK,
            format!("{left} provider(s) are registered after unload (EtwUnregister)"),
        );
    }
}

extern "win64" fn register(
    id: *const [u8; 16],
    callback: *const c_void,
    _context: *const c_void,
    handle: *mut u64,
) -> NtStatus {
    let etw = state();
    etw.next.set(etw.next.get() + 1);
    let number = etw.next.get() << 16;
    // SAFETY: the driver's id and variable; bad addresses fault into a report.
    unsafe {
        let _ = id.read_unaligned();
        *handle = number;
    }
    let provider = Provider {
        enabled: callback.is_null(),
        ..Provider::default()
    };
    etw.providers.borrow_mut().insert(number, provider);
    STATUS_SUCCESS
}

extern "win64" fn unregister(handle: u64) -> NtStatus {
    match state().providers.borrow_mut().remove(&handle) {
        Some(_) => STATUS_SUCCESS,
        None if crate::nt::wmi::unregister_classic(handle) => STATUS_SUCCESS,
        None => unknown(handle),
    }
}

fn unknown(handle: u64) -> NtStatus {
    finding::raise(
        &rules::ETW_EVENT,
        format!("no provider is registered with the handle {handle:#x}"),
    );
    STATUS_INVALID_HANDLE
}

extern "win64" fn set_information(
    handle: u64,
    class: i32,
    information: *const u8,
    length: u32,
) -> NtStatus {
    let mut providers = state().providers.borrow_mut();
    let Some(provider) = providers.get_mut(&handle) else {
        return unknown(handle);
    };
    // SAFETY: the driver's bytes; bad addresses fault into a report.
    let bytes = || unsafe { std::slice::from_raw_parts(information, length as usize) }.to_vec();
    match class {
        SET_TRAITS => {
            let traits = bytes();
            if let Err(wrong) = sized(&traits).and_then(|rest| text(rest).map(|_| ())) {
                finding::raise(
                    &rules::ETW_EVENT,
                    format!("the traits of a provider: {wrong}"),
                );
            }
            (provider.traits, provider.typed) = (traits, true);
        }
        USE_DESCRIPTOR_TYPE => provider.typed = bytes().first().is_some_and(|byte| *byte != 0),
        _ => {}
    }
    STATUS_SUCCESS
}

/// For all levels and keywords.
extern "win64" fn provider_enabled(handle: u64, _level: u8, _keyword: u64) -> u8 {
    match state().providers.borrow().get(&handle) {
        Some(provider) => provider.enabled.into(),
        None => {
            unknown(handle);
            0
        }
    }
}

/// Events that a manifest describes are not looked into.
extern "win64" fn write(handle: u64) -> NtStatus {
    match state().providers.borrow().contains_key(&handle) {
        true => STATUS_SUCCESS,
        false => unknown(handle),
    }
}

/// `EVENT_DESCRIPTOR` (evntprov.h).
#[repr(C)]
struct Descriptor {
    id: u16,
    version: u8,
    channel: u8,
    level: u8,
    opcode: u8,
    task: u16,
    keyword: u64,
}

/// `EVENT_DATA_DESCRIPTOR` (evntprov.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct Part {
    address: u64,
    size: u32,
    kind: u32,
}

extern "win64" fn write_transfer(
    handle: u64,
    descriptor: *const Descriptor,
    _activity: *const c_void,
    _related: *const c_void,
    count: u32,
    parts: *const Part,
) -> NtStatus {
    let etw = state();
    let providers = etw.providers.borrow();
    let Some(provider) = providers.get(&handle) else {
        return unknown(handle);
    };
    if !provider.enabled {
        return STATUS_SUCCESS;
    }
    let event = if count > MOST_DESCRIPTORS {
        Err(format!(
            "{count} descriptors are more than {MOST_DESCRIPTORS}"
        ))
    } else {
        // SAFETY: the driver's descriptors; bad addresses fault into a report.
        let (descriptor, parts) = unsafe {
            (
                &*descriptor,
                std::slice::from_raw_parts(parts, count as usize),
            )
        };
        decode(provider, descriptor, parts)
    };
    match event {
        Ok(event) => {
            let mut told = etw.told.borrow_mut();
            if told.len() == KEPT {
                told.pop_front();
            }
            told.push_back(event);
        }
        Err(wrong) => finding::raise(
            &rules::ETW_EVENT,
            format!("no tool can decode an event: {wrong}"),
        ),
    }
    STATUS_SUCCESS
}

fn decode(provider: &Provider, descriptor: &Descriptor, parts: &[Part]) -> Result<Told, String> {
    if !provider.typed {
        return Err(
            "the provider has no traits (EtwSetInformation), so kinds of descriptors do not count"
                .into(),
        );
    }
    if (descriptor.id, descriptor.version, descriptor.channel) != (0, 0, 11) {
        return Err(format!(
            "id {}, version {} and channel {} are not those of TraceLogging: 0, 0 and 11",
            descriptor.id, descriptor.version, descriptor.channel
        ));
    }
    if descriptor.keyword == 0 || descriptor.level == 0 {
        return Err("it has no keyword or no level, so every session gets it".into());
    }
    let of = |kind| {
        let mut bytes = Vec::new();
        for part in parts.iter().filter(|part| part.kind == kind) {
            // SAFETY: the driver's bytes; bad addresses fault into a report.
            bytes.extend_from_slice(unsafe {
                std::slice::from_raw_parts(part.address as *const u8, part.size as usize)
            });
        }
        bytes
    };
    let (traits, event, data) = (of(PROVIDER_METADATA), of(EVENT_METADATA), of(DATA));
    if traits != provider.traits {
        return Err("it carries another provider's description".into());
    }
    let (name, _) = text(sized(&traits)?)?;
    let provider = name.to_owned();
    // One byte of tag, which has no more of them behind it.
    let rest = sized(&event)?
        .strip_prefix(&[0])
        .ok_or("its tag is not 0")?;
    let (name, mut fields) = text(rest)?;
    let mut data = data.as_slice();
    let mut values = Vec::new();
    while !fields.is_empty() {
        let (field, rest) = text(fields)?;
        let (kind, mut rest) = rest.split_first().ok_or("a field without a type")?;
        if kind & 0x80 != 0 {
            rest = rest.split_first().ok_or("a field without its way out")?.1;
        }
        fields = rest;
        let size = match kind & 0x7F {
            3 | 4 => 1,
            5 | 6 => 2,
            7 | 8 => 4,
            9 | 10 => 8,
            other => return Err(format!("the field {field} has type {other}")),
        };
        let (value, rest) = data
            .split_at_checked(size)
            .ok_or_else(|| format!("there are no bytes for the field {field}"))?;
        data = rest;
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(value);
        values.push((field.to_owned(), u64::from_le_bytes(bytes)));
    }
    if !data.is_empty() {
        return Err(format!("{} bytes belong to no field", data.len()));
    }
    Ok(Told {
        provider,
        name: name.to_owned(),
        values,
    })
}

/// What follows a length of 16 bits that counts itself.
fn sized(bytes: &[u8]) -> Result<&[u8], String> {
    match bytes {
        [low, high, rest @ ..] if usize::from(u16::from_le_bytes([*low, *high])) == bytes.len() => {
            Ok(rest)
        }
        _ => Err("a description does not have the length it tells".into()),
    }
}

/// Text up to a zero, and what follows.
fn text(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (text, rest) = bytes.split_at(end.ok_or("a name without an end")?);
    let text = std::str::from_utf8(text).map_err(|_| "a name that is no UTF-8")?;
    if text.is_empty() {
        return Err("an empty name".into());
    }
    Ok((text, &rest[1..]))
}

nt_rows! {
    "EtwRegister" register PASSIVE "wdm/nf-wdm-etwregister";
    "EtwUnregister" unregister PASSIVE "wdm/nf-wdm-etwunregister";
    "EtwSetInformation" set_information PASSIVE "wdm/nf-wdm-etwsetinformation";
    "EtwProviderEnabled" provider_enabled ANY "wdm/nf-wdm-etwproviderenabled";
    "EtwWrite" write ANY "wdm/nf-wdm-etwwrite";
    "EtwWriteTransfer" write_transfer ANY "wdm/nf-wdm-etwwritetransfer";
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_provider_lives_from_its_registration_to_its_end() {
        let machine = Kernel::boot(Options::default());
        let (mut handle, id) = (0, [7; 16]);
        let none = std::ptr::null();
        register(&raw const id, none, none, &raw mut handle);
        assert_eq!(provider_enabled(handle, 4, 1), 1);
        assert_eq!(unregister(handle), STATUS_SUCCESS);
        check_leaks();
        assert!(machine.findings.is_empty());
        assert_eq!(unregister(handle), STATUS_INVALID_HANDLE);
        assert!(machine.findings.has(&rules::ETW_EVENT));
        register(&raw const id, none, none, &raw mut handle);
        check_leaks();
        assert!(machine.findings.has(&rules::ETW_LEAK));
    }

    const TRAITS: &[u8] = b"\x04\0P\0";
    const EVENT: &[u8] = b"\x0C\0\0E\0A\0\x04B\0\x89\x04";

    fn check(edit: impl FnOnce(&mut Provider, &mut Descriptor, &mut [Vec<u8>; 3]), expect: &str) {
        let mut provider = Provider {
            traits: TRAITS.to_vec(),
            typed: true,
            enabled: true,
        };
        let mut descriptor = Descriptor {
            id: 0,
            version: 0,
            channel: 11,
            level: 4,
            opcode: 0,
            task: 0,
            keyword: 1,
        };
        let data = b"\x07\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
        let mut bytes = [TRAITS.to_vec(), EVENT.to_vec(), data.to_vec()];
        edit(&mut provider, &mut descriptor, &mut bytes);
        let kinds = [PROVIDER_METADATA, EVENT_METADATA, DATA];
        let parts: Vec<Part> = bytes
            .iter()
            .zip(kinds)
            .map(|(bytes, kind)| Part {
                address: bytes.as_ptr() as u64,
                size: bytes.len() as u32,
                kind,
            })
            .collect();
        let told = match decode(&provider, &descriptor, &parts) {
            Ok(told) => format!("{told:?}"),
            Err(wrong) => wrong,
        };
        assert!(told.contains(expect), "{told}");
    }

    #[test]
    fn events_are_decoded_from_what_they_carry() {
        check(
            |_, _, _| {},
            r#"provider: "P", name: "E", values: [("A", 7), ("B", 18446744073709551614)]"#,
        );
        check(|p, _, _| p.typed = false, "no traits");
        check(|_, d, _| d.channel = 0, "channel 0 are not");
        check(|_, d, _| d.keyword = 0, "no keyword");
        check(|_, _, b| b[0][2] = b'Q', "another provider's");
        check(|_, _, b| b[1][0] = 13, "not have the length");
        check(|_, _, b| b[1][2] = 0x80, "tag is not 0");
        check(|_, _, b| b[1][7] = 2, "the field A has type 2");
        check(|_, _, b| b[2].truncate(5), "no bytes for the field B");
        check(|_, _, b| b[2].push(0), "1 bytes belong to no field");
    }
}
