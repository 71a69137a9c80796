//! A tap client that asks for what it cannot have: each request gets the status that the interface names, and nothing else
//! comes of it.

use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_REVISION_MISMATCH,
    STATUS_SHARING_VIOLATION, STATUS_SUCCESS, STATUS_TOO_MANY_COMMANDS, STATUS_TOO_MANY_SESSIONS,
};
use waverig_protocol::timeline::Event;
use waverig_tap::{ioctl, request};

use crate::nt::io::{Memory, Pending};
use crate::nt::status::{NtStatus, STATUS_CANCELLED, STATUS_OBJECT_TYPE_MISMATCH};
use crate::user::UserError;
use crate::user::journal::Journal;
use crate::user::ks::Handle;

/// What is asked, with which room, and what the answer is.
type Row = (&'static str, u32, Vec<u8>, usize, i32);

/// Asks for all of it, through handles of its own; other programs may have `others` of them.
pub(in crate::user) fn run(link: &str, others: usize, journal: &Journal) -> Result<(), UserError> {
    let handle = open(link)?;
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let hello = |least: u16, most: u16| words(&[u32::from(least) | u32::from(most) << 16, 0]);
    let read = |least: u32, most: u32| request::read(least, most).to_vec();
    let share = |frames, wake, slot, event| request::share(frames, wake, slot, event).to_vec();
    let before: &[Row] = &[
        (
            "READ before HELLO",
            ioctl::READ,
            read(1, 0),
            4096,
            STATUS_INVALID_DEVICE_STATE,
        ),
        (
            "STATUS before HELLO",
            ioctl::STATUS,
            vec![],
            96,
            STATUS_INVALID_DEVICE_STATE,
        ),
        (
            "EVENTS before HELLO",
            ioctl::EVENTS,
            vec![0; 16],
            4096,
            STATUS_INVALID_DEVICE_STATE,
        ),
        (
            "SHARE before HELLO",
            ioctl::SHARE,
            share(4, 1, 128, 0),
            4096,
            STATUS_INVALID_DEVICE_STATE,
        ),
        (
            "a short HELLO",
            ioctl::HELLO,
            vec![1; 7],
            32,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "a HELLO without room",
            ioctl::HELLO,
            hello(1, 1),
            31,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "versions turned round",
            ioctl::HELLO,
            hello(2, 1),
            32,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "only later versions",
            ioctl::HELLO,
            hello(2, 9),
            32,
            STATUS_REVISION_MISMATCH,
        ),
        (
            "only an earlier version",
            ioctl::HELLO,
            hello(0, 0),
            32,
            STATUS_REVISION_MISMATCH,
        ),
        (
            "a HELLO with something in its reserved field",
            ioctl::HELLO,
            words(&[0x0001_0001, 7]),
            32,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "earlier and later versions",
            ioctl::HELLO,
            hello(0, 9),
            32,
            STATUS_SUCCESS,
        ),
    ];
    let after: &[Row] = &[
        (
            "a read without a request",
            ioctl::READ,
            vec![],
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "a read without output",
            ioctl::READ,
            read(1, 0),
            0,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "a read without room for a frame",
            ioctl::READ,
            read(0, 0),
            65,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "more frames than fit",
            ioctl::READ,
            read(5_000, 0),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "more frames at least than at most",
            ioctl::READ,
            read(5, 4),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "as many frames as a number says",
            ioctl::READ,
            read(u32::MAX, 0),
            1 << 20,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "a read with something in its reserved fields",
            ioctl::READ,
            words(&[1, 0, 0, 1]),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "a status without room",
            ioctl::STATUS,
            vec![],
            95,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "events without a request",
            ioctl::EVENTS,
            vec![0; 15],
            4096,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "events without room",
            ioctl::EVENTS,
            vec![0; 16],
            31,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "a request nobody knows",
            ioctl::READ + 0x1000,
            vec![],
            64,
            STATUS_INVALID_DEVICE_REQUEST,
        ),
        (
            "memory without a request",
            ioctl::SHARE,
            vec![1; 31],
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "memory without memory",
            ioctl::SHARE,
            share(4, 1, 128, 0),
            0,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "memory for one slot",
            ioctl::SHARE,
            share(4, 1, 128, 0),
            128 + 255,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "slots that are not aligned",
            ioctl::SHARE,
            share(4, 1, 100, 0),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "slots of nothing",
            ioctl::SHARE,
            share(4, 1, 0, 0),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "slots as large as a number says",
            ioctl::SHARE,
            share(4, 1, u32::MAX - 63, 0),
            4096,
            STATUS_BUFFER_TOO_SMALL,
        ),
        (
            "blocks of nothing",
            ioctl::SHARE,
            share(0, 1, 128, 0),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "blocks that do not fit",
            ioctl::SHARE,
            share(1_000, 1, 128, 0),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "never to be woken",
            ioctl::SHARE,
            share(4, 0, 128, 0),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "to be woken for more than fits",
            ioctl::SHARE,
            share(4, 32, 128, 0),
            4096,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "more memory than is shared",
            ioctl::SHARE,
            share(4, 1, 128, 0),
            (16 << 20) + 64,
            STATUS_INVALID_PARAMETER,
        ),
        (
            "an event that is none",
            ioctl::SHARE,
            share(4, 1, 128, 0x7FFF_FFF4),
            4096,
            STATUS_INVALID_HANDLE,
        ),
        (
            "a second HELLO",
            ioctl::HELLO,
            hello(1, 1),
            32,
            STATUS_SUCCESS,
        ),
    ];
    for row in before.iter().chain(after) {
        ask(&handle, row)?;
    }
    file_as_event(&handle)?;
    too_many_reads(&handle)?;
    memory_twice(&handle)?;
    cancelled_before(&handle)?;
    let refused = handle.refused();
    handle.close();
    let handles = 1 + too_many_handles(link, others)?;
    journal.note(Event::TapProbed { handles, refused });
    Ok(())
}

fn open(link: &str) -> Result<Handle, UserError> {
    Handle::open(link).map_err(|status| UserError(format!("opening the tap failed with {status}")))
}

fn ask(handle: &Handle, (what, code, input, room, expect): &Row) -> Result<(), UserError> {
    let answer = handle.control(*code, input, *room);
    answered(
        what,
        answer.err().unwrap_or(NtStatus(STATUS_SUCCESS)),
        *expect,
    )
}

fn answered(what: &str, status: NtStatus, expect: i32) -> Result<(), UserError> {
    if status == NtStatus(expect) {
        return Ok(());
    }
    Err(UserError(format!(
        "{what}: the tap answered {status}, the interface says {}",
        NtStatus(expect)
    )))
}

/// A handle of this process, but of something else.
fn file_as_event(handle: &Handle) -> Result<(), UserError> {
    let file = handle.as_number();
    let wish = request::share(4, 1, 128, file as u64);
    let status = handle.control(ioctl::SHARE, &wish, 4096).err();
    crate::nt::object::close(file);
    let expect = STATUS_OBJECT_TYPE_MISMATCH.0;
    answered("a file as an event", status.unwrap_or(NtStatus(0)), expect)
}

/// One more read than may be pended; those before it are given back when they are cancelled.
fn too_many_reads(handle: &Handle) -> Result<(), UserError> {
    let later =
        |frames| handle.control_later(ioctl::READ, &request::read(frames, 0), 1 << 19, |_, _| ());
    // So many frames that none is answered meanwhile.
    let pended: Vec<Pending> = (0..ioctl::MAX_PENDED_READS)
        .map(|_| later(20_000))
        .collect();
    let status = handle
        .control(ioctl::READ, &request::read(1, 0), 4096)
        .err();
    let all = pended.iter().all(Pending::is_pending);
    pended.iter().for_each(|read| {
        read.cancel();
    });
    if !all || pended.iter().any(Pending::is_pending) {
        return Err(UserError(
            "reads were not pended until they were cancelled".into(),
        ));
    }
    answered(
        "one read too many",
        status.unwrap_or(NtStatus(0)),
        STATUS_TOO_MANY_COMMANDS,
    )
}

/// Requests that are cancelled before the driver has them end at once: nobody cancels them again.
fn cancelled_before(handle: &Handle) -> Result<(), UserError> {
    for (what, code, input, room) in [
        (
            "a read",
            ioctl::READ,
            &request::read(20_000, 0)[..],
            1 << 19,
        ),
        (
            "shared memory",
            ioctl::SHARE,
            &request::share(4, 1, 128, 0),
            4096,
        ),
    ] {
        let what = format!("{what} that was cancelled on its way");
        let Some(status) = handle.control_cancelled(code, input, room) else {
            return Err(UserError(format!("{what} stays with the driver")));
        };
        answered(&what, status, STATUS_CANCELLED.0)?;
    }
    Ok(())
}

fn memory_twice(handle: &Handle) -> Result<(), UserError> {
    let memory = Memory::new(4096);
    let first = handle.control_in(ioctl::SHARE, &request::share(4, 1, 128, 0), &memory, |_| ());
    let status = handle
        .control(ioctl::SHARE, &request::share(4, 1, 128, 0), 4096)
        .err();
    let pended = first.is_pending();
    first.cancel();
    if !pended || first.is_pending() {
        return Err(UserError(
            "memory was not shared until that was cancelled".into(),
        ));
    }
    answered(
        "memory shared twice",
        status.unwrap_or(NtStatus(0)),
        STATUS_SHARING_VIOLATION,
    )
}

/// As many handles as there may be, `others` of which other programs of the scenario may have, the main one's for sure.
fn too_many_handles(link: &str, others: usize) -> Result<u32, UserError> {
    let mut handles = Vec::new();
    let refused = loop {
        match Handle::open(link) {
            Ok(handle) => handles.push(handle),
            Err(status) => break status,
        }
        if handles.len() > ioctl::MAX_CLIENTS {
            break NtStatus(STATUS_SUCCESS);
        }
    };
    let opened = handles.len();
    handles.into_iter().for_each(Handle::close);
    answered("one handle too many", refused, STATUS_TOO_MANY_SESSIONS)?;
    let (least, most) = (ioctl::MAX_CLIENTS - others, ioctl::MAX_CLIENTS - 1);
    if (least..=most).contains(&opened) {
        return Ok(opened as u32);
    }
    Err(UserError(format!(
        "the tap took {opened} more handles, the interface says {least} to {most}"
    )))
}
