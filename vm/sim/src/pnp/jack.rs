//! Jack descriptions, asked for as Windows does: once for the size, once for the value.

use waverig_portcls::id::KSPROPSETID_Jack;
use waverig_portcls::status::STATUS_BUFFER_OVERFLOW;
use waverig_portcls::{
    KSPROPERTY_JACK_DESCRIPTION, KSPROPERTY_JACK_DESCRIPTION2, KSPROPERTY_TYPE_GET,
};

use crate::endpoints::rules;
use crate::finding;
use crate::user::ks::{Handle, property};

/// Bytes of a KSMULTIPLE_ITEM and of a KSJACK_DESCRIPTION.
const HEAD: usize = 8;
const ITEM: usize = 28;

/// Each property that describes jacks, and the bytes of an item of its answer (ksmedia.h). The third is the fifth of its set.
const DESCRIPTIONS: [(&str, u32, usize); 3] = [
    (
        "KSPROPERTY_JACK_DESCRIPTION",
        KSPROPERTY_JACK_DESCRIPTION,
        ITEM,
    ),
    (
        "KSPROPERTY_JACK_DESCRIPTION2",
        KSPROPERTY_JACK_DESCRIPTION2,
        8,
    ),
    ("KSPROPERTY_JACK_DESCRIPTION3", 5, 4),
];

fn question(property_id: u32, pin: u32) -> Vec<u8> {
    let mut question = property(&KSPROPSETID_Jack, property_id, KSPROPERTY_TYPE_GET);
    question.extend([pin, 0].map(u32::to_le_bytes).concat());
    question
}

/// Checks the descriptions of the pin of an endpoint; a filter need not have any.
pub(super) fn check(link: &str, filter: &str, pin: u32) {
    let broken =
        |text: String| finding::raise(&rules::JACK, format!("pin {pin} of {filter:?}: {text}"));
    let handle = match Handle::open(link) {
        Ok(handle) => handle,
        Err(status) => return broken(format!("the filter cannot be opened: {status}")),
    };
    for (name, id, item) in DESCRIPTIONS {
        if let Err(text) = whole(&handle, &question(id, pin), item) {
            broken(format!("{name}: {text}"));
        }
    }
    handle.close();
}

/// Asks for one description: its size, then all of it.
fn whole(handle: &Handle, question: &[u8], item: usize) -> Result<(), String> {
    let (status, needed) = handle.ask(question, &mut []);
    if status.is_ok() {
        return Err("a request without room succeeded".into());
    }
    if status.0 != STATUS_BUFFER_OVERFLOW {
        // The filter has no such description, or this pin has no jack.
        return Ok(());
    }
    let mut answer = vec![0; needed];
    let (status, written) = handle.ask(question, &mut answer);
    let word = |at: usize| {
        answer.get(at..at + 4).map_or(0, |four| {
            u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize
        })
    };
    let (size, count) = (word(0), word(4));
    let right = written == needed && size == needed && count > 0 && size == HEAD + count * item;
    if status.is_ok() && right {
        return Ok(());
    }
    Err(format!(
        "{needed} bytes were announced; then it returned {status} with {written} bytes, a size of {size} and {count} items"
    ))
}

/// The positions of the jack's channels, when the pin has a description.
pub(super) fn positions(link: &str, pin: u32) -> Option<u32> {
    let handle = Handle::open(link).ok()?;
    let mut answer = [0; HEAD + ITEM];
    let (status, written) = handle.ask(&question(KSPROPERTY_JACK_DESCRIPTION, pin), &mut answer);
    handle.close();
    let mapping = &answer[HEAD..HEAD + 4];
    (status.is_ok() && written == answer.len())
        .then(|| u32::from_le_bytes([mapping[0], mapping[1], mapping[2], mapping[3]]))
}
