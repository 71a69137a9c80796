//! Jack descriptions, asked for as Windows does: once for the size, once for the value.

use waverig_portcls::id::KSPROPSETID_Jack;
use waverig_portcls::status::STATUS_BUFFER_OVERFLOW;
use waverig_portcls::{KSPROPERTY_JACK_DESCRIPTION, KSPROPERTY_TYPE_GET};

use crate::endpoints::rules;
use crate::finding;
use crate::user::ks::{Handle, property};

/// Bytes of a KSMULTIPLE_ITEM and of a KSJACK_DESCRIPTION.
const HEAD: usize = 8;
const ITEM: usize = 28;

/// Checks the description of the pin of an endpoint; a filter need not have one.
pub(super) fn check(link: &str, filter: &str, pin: u32) {
    let broken =
        |text: String| finding::raise(&rules::JACK, format!("pin {pin} of {filter:?}: {text}"));
    let handle = match Handle::open(link) {
        Ok(handle) => handle,
        Err(status) => return broken(format!("the filter cannot be opened: {status}")),
    };
    let mut question = property(
        &KSPROPSETID_Jack,
        KSPROPERTY_JACK_DESCRIPTION,
        KSPROPERTY_TYPE_GET,
    );
    question.extend([pin, 0].map(u32::to_le_bytes).concat());
    let (status, needed) = handle.ask(&question, &mut []);
    if status.0 == STATUS_BUFFER_OVERFLOW {
        let mut answer = vec![0; needed];
        let (status, written) = handle.ask(&question, &mut answer);
        let word = |at: usize| {
            answer.get(at..at + 4).map_or(0, |four| {
                u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize
            })
        };
        let (size, count) = (word(0), word(4));
        if !status.is_ok()
            || written != needed
            || size != needed
            || count == 0
            || size != HEAD + count * ITEM
        {
            broken(format!(
                "{needed} bytes were announced; then it returned {status} with {written} bytes, a size of {size} and {count} items"
            ));
        }
    } else if status.is_ok() {
        broken("a request without room succeeded".into());
    }
    handle.close();
}

/// The positions of the jack's channels, when the pin has a description.
pub(super) fn positions(link: &str, pin: u32) -> Option<u32> {
    let handle = Handle::open(link).ok()?;
    let mut question = property(
        &KSPROPSETID_Jack,
        KSPROPERTY_JACK_DESCRIPTION,
        KSPROPERTY_TYPE_GET,
    );
    question.extend([pin, 0].map(u32::to_le_bytes).concat());
    let mut answer = [0; HEAD + ITEM];
    let (status, written) = handle.ask(&question, &mut answer);
    handle.close();
    let mapping = &answer[HEAD..HEAD + 4];
    (status.is_ok() && written == answer.len())
        .then(|| u32::from_le_bytes([mapping[0], mapping[1], mapping[2], mapping[3]]))
}
