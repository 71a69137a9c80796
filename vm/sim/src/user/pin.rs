//! A client's side of an open pin: format negotiation, buffer, state, position, notification.

use waverig_portcls::id::{
    KSPROPSETID_Audio, KSPROPSETID_Connection, KSPROPSETID_Pin, KSPROPSETID_RtAudio,
};
use waverig_portcls::status::{STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_FOUND};
use waverig_portcls::{
    Guid, KSDRMAUDIOSTREAM_CONTENTID, KSPROPERTY_AUDIO_POSITION,
    KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION, KSPROPERTY_PIN_DATAINTERSECTION,
    KSPROPERTY_PIN_PROPOSEDATAFORMAT, KSPROPERTY_RTAUDIO_BUFFER,
    KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION, KSPROPERTY_RTAUDIO_GETREADPACKET,
    KSPROPERTY_RTAUDIO_HWLATENCY, KSPROPERTY_RTAUDIO_PACKETCOUNT,
    KSPROPERTY_RTAUDIO_PRESENTATION_POSITION, KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT,
    KSPROPERTY_RTAUDIO_SETWRITEPACKET, KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT,
    KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, KSSTREAM_HEADER, KSTIME,
};
use waverig_protocol::scenario::{Format, Mode};

use super::UserError;
use super::format;
use super::ks::{Handle, property};
use crate::nt::io;
use crate::nt::status::NtStatus;
use crate::portcls::{IOCTL_KS_WRITE_STREAM, protection};

/// KSINTERFACESETID_Standard and KSMEDIUMSETID_Standard (ks.h).
const INTERFACE_STANDARD: Guid = Guid::new(0x1A8766A0_62CE_11CF_A5D6_28DB04C10000);
const MEDIUM_STANDARD: Guid = Guid::new(0x4747B320_62CE_11CF_A5D6_28DB04C10000);
/// KSPRIORITY_NORMAL (ks.h).
const PRIORITY_NORMAL: u32 = 0x4000_0000;

/// How data gets to a pin: `KSINTERFACE_STANDARD_…` (ks.h).
#[derive(Clone, Copy)]
pub(crate) enum Interface {
    /// In requests.
    Streaming = 0,
    /// Through a cyclic buffer: what the audio engine asks a WaveRT pin for.
    Looped = 1,
}

impl Interface {
    /// In requests, or not.
    pub(crate) fn of(requests: bool) -> Self {
        if requests {
            Self::Streaming
        } else {
            Self::Looped
        }
    }
}

/// An open pin.
pub(super) struct Pin {
    handle: Handle,
}

/// The mapped buffer of a pin.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    address: *mut u8,
    pub(super) bytes: usize,
}

fn failed(what: &str, status: NtStatus) -> UserError {
    UserError(format!("{what} failed with {status}"))
}

/// A KSPIN_CONNECT for a pin, and a data format behind it.
pub(crate) fn connect(interface: Interface, pin: u32, format: &[u8]) -> Vec<u8> {
    let mut connect = Vec::new();
    for (set, id) in [(INTERFACE_STANDARD, interface as u32), (MEDIUM_STANDARD, 0)] {
        connect.extend(format::guid(&set));
        connect.extend([id, 0].map(u32::to_le_bytes).concat());
    }
    connect.extend([pin, 0].map(u32::to_le_bytes).concat());
    connect.extend(0_u64.to_le_bytes());
    connect.extend([PRIORITY_NORMAL, 1].map(u32::to_le_bytes).concat());
    connect.extend(format);
    connect
}

/// Sends data to a pin; `done` gets the status when it was played. The memory is the program's until then.
pub(crate) fn write_stream(
    pin: &Handle,
    mut data: Box<[u8]>,
    done: impl FnOnce(NtStatus) + 'static,
) {
    let header = KSSTREAM_HEADER {
        Size: size_of::<KSSTREAM_HEADER>() as u32,
        TypeSpecificFlags: 0,
        PresentationTime: KSTIME {
            Time: 0,
            Numerator: 1,
            Denominator: 1,
        },
        Duration: 0,
        FrameExtent: data.len() as u32,
        DataUsed: data.len() as u32,
        Data: data.as_mut_ptr().cast(),
        OptionsFlags: 0,
        Reserved: 0,
    };
    // SAFETY: the header is a structure without padding.
    let bytes = unsafe {
        std::slice::from_raw_parts(
            (&raw const header).cast::<u8>(),
            size_of::<KSSTREAM_HEADER>(),
        )
    };
    let file = pin.file();
    io::request(file, IOCTL_KS_WRITE_STREAM, &[], bytes, move |status, _| {
        drop(data);
        done(status.status);
    });
}

impl Pin {
    /// Opens `pin` of `filter` for `format`, in the steps Windows takes: an intersection, a proposal, the pin. The last of them may
    /// be refused, because another program has the pin.
    pub(super) fn open(
        filter: &Handle,
        pin: u32,
        format: &Format,
        mode: Option<Mode>,
    ) -> Result<Result<Self, NtStatus>, UserError> {
        Self::open_for(Interface::Looped, filter, pin, format, mode)
    }

    /// The same for data that comes in another way.
    pub(super) fn open_for(
        interface: Interface,
        filter: &Handle,
        pin: u32,
        format: &Format,
        mode: Option<Mode>,
    ) -> Result<Result<Self, NtStatus>, UserError> {
        let pin_words = [pin, 0].map(u32::to_le_bytes).concat();
        let mut question = property(
            &KSPROPSETID_Pin,
            KSPROPERTY_PIN_DATAINTERSECTION,
            KSPROPERTY_TYPE_GET,
        );
        question.extend(&pin_words);
        let range = format::range(format);
        question.extend([8 + range.len() as u32, 1].map(u32::to_le_bytes).concat());
        question.extend(range);
        let answer = filter
            .get(&question)
            .map_err(|status| failed("the data intersection", status))?;
        if answer.len() < 64 {
            return Err(UserError(format!(
                "the data intersection gave {} bytes",
                answer.len()
            )));
        }
        let wanted = format::data_format_in(format, mode);
        let mut proposal = property(
            &KSPROPSETID_Pin,
            KSPROPERTY_PIN_PROPOSEDATAFORMAT,
            KSPROPERTY_TYPE_SET,
        );
        proposal.extend(&pin_words);
        match filter.set(&proposal, &wanted) {
            // A filter need not have the property.
            Ok(()) | Err(NtStatus(STATUS_NOT_FOUND)) => {}
            Err(status) => return Err(failed("proposing the format", status)),
        }
        let connect = connect(interface, pin, &wanted);
        Ok(filter.open_pin(&connect).map(|handle| Self { handle }))
    }

    /// Gets a buffer of at least `bytes`; `notifications` in each lap of it, 0 for none.
    pub(super) fn allocate(&self, bytes: u32, notifications: u32) -> Result<Buffer, UserError> {
        let id = if notifications == 0 {
            KSPROPERTY_RTAUDIO_BUFFER
        } else {
            KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION
        };
        let mut question = property(&KSPROPSETID_RtAudio, id, KSPROPERTY_TYPE_GET);
        question.extend(0_u64.to_le_bytes());
        question.extend([bytes, notifications].map(u32::to_le_bytes).concat());
        let mut answer = [0; 16];
        self.handle
            .exchange(&question, &mut answer)
            .map_err(|status| failed("allocating the buffer", status))?;
        let [a, b] = [0, 8]
            .map(|at| u64::from_le_bytes(answer[at..at + 8].try_into().expect("eight bytes")));
        let actual = b as u32;
        if actual < bytes {
            return Err(UserError(format!(
                "a buffer of {bytes} bytes was asked for, {actual} given"
            )));
        }
        Ok(Buffer {
            address: a as *mut u8,
            bytes: actual as usize,
        })
    }

    /// Asks for the device's latency, as the audio engine does once.
    pub(super) fn latency(&self) -> Result<(), UserError> {
        let question = property(
            &KSPROPSETID_RtAudio,
            KSPROPERTY_RTAUDIO_HWLATENCY,
            KSPROPERTY_TYPE_GET,
        );
        let mut answer = [0; 12];
        self.handle
            .exchange(&question, &mut answer)
            .map_err(|status| failed("asking for the latency", status))?;
        Ok(())
    }

    /// Has the event behind `handle` signalled.
    pub(super) fn register(&self, handle: usize) -> Result<(), UserError> {
        self.event(
            KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT,
            handle,
            "registering the event",
        )
    }

    /// Undoes [`Self::register`].
    pub(super) fn unregister(&self, handle: usize) -> Result<(), UserError> {
        self.event(
            KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT,
            handle,
            "unregistering the event",
        )
    }

    fn event(&self, id: u32, handle: usize, what: &str) -> Result<(), UserError> {
        let mut question = property(&KSPROPSETID_RtAudio, id, KSPROPERTY_TYPE_GET);
        question.extend((handle as u64).to_le_bytes());
        self.handle
            .exchange(&question, &mut [])
            .map_err(|status| failed(what, status))?;
        Ok(())
    }

    /// Sets the state, a `KSSTATE`.
    pub(super) fn set_state(&self, state: i32) -> Result<(), UserError> {
        let question = property(&KSPROPSETID_Connection, 0, KSPROPERTY_TYPE_SET);
        self.handle
            .set(&question, &state.to_le_bytes())
            .map_err(|status| failed(&format!("setting state {state}"), status))
    }

    /// The play offset in the buffer, in bytes.
    pub(super) fn position(&self) -> Result<u64, UserError> {
        let question = property(
            &KSPROPSETID_Audio,
            KSPROPERTY_AUDIO_POSITION,
            KSPROPERTY_TYPE_GET,
        );
        let mut answer = [0; 16];
        self.handle
            .exchange(&question, &mut answer)
            .map_err(|status| failed("asking for the position", status))?;
        Ok(u64::from_le_bytes(
            answer[..8].try_into().expect("eight bytes"),
        ))
    }

    /// How many packets are complete.
    pub(super) fn packet_count(&self) -> Result<u32, UserError> {
        let question = property(
            &KSPROPSETID_RtAudio,
            KSPROPERTY_RTAUDIO_PACKETCOUNT,
            KSPROPERTY_TYPE_GET,
        );
        let mut answer = [0; 4];
        self.handle
            .exchange(&question, &mut answer)
            .map_err(|status| failed("asking for the packet count", status))?;
        Ok(u32::from_le_bytes(answer))
    }

    /// Frames presented, and the time at which that was so.
    pub(super) fn presentation(&self) -> Result<(u64, i64), UserError> {
        let question = property(
            &KSPROPSETID_RtAudio,
            KSPROPERTY_RTAUDIO_PRESENTATION_POSITION,
            KSPROPERTY_TYPE_GET,
        );
        let mut answer = [0; 16];
        self.handle
            .exchange(&question, &mut answer)
            .map_err(|status| failed("asking for the presentation position", status))?;
        let [frames, qpc] = [0, 8]
            .map(|at| u64::from_le_bytes(answer[at..at + 8].try_into().expect("eight bytes")));
        Ok((frames, qpc.cast_signed()))
    }

    /// Declares a packet; the answer is the driver's.
    pub(super) fn set_write_packet(&self, packet: u32, flags: u32, last_bytes: u32) -> NtStatus {
        let question = property(
            &KSPROPSETID_RtAudio,
            KSPROPERTY_RTAUDIO_SETWRITEPACKET,
            KSPROPERTY_TYPE_SET,
        );
        let mut value = [packet, flags, last_bytes].map(u32::to_le_bytes).concat();
        self.handle.ask(&question, &mut value).0
    }

    /// Asks for the next packet to read: its number, the time of its first frame, and whether there is another.
    pub(super) fn read_packet(&self) -> Result<(u32, i64, bool), NtStatus> {
        let question = property(
            &KSPROPSETID_RtAudio,
            KSPROPERTY_RTAUDIO_GETREADPACKET,
            KSPROPERTY_TYPE_GET,
        );
        // A `KSRTAUDIO_GETREADPACKET_INFO`: number, flags, time, more data, padding.
        let mut answer = [0; 24];
        self.handle.exchange(&question, &mut answer)?;
        let [number, more] = [0, 16]
            .map(|at| u32::from_le_bytes(answer[at..at + 4].try_into().expect("four bytes")));
        let qpc = u64::from_le_bytes(answer[8..16].try_into().expect("eight bytes"));
        Ok((number, qpc.cast_signed(), more != 0))
    }

    /// Tells how far the buffer is written, in bytes.
    pub(super) fn set_write_position(&self, bytes: u64) -> Result<(), UserError> {
        let question = property(
            &KSPROPSETID_Audio,
            KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION,
            KSPROPERTY_TYPE_SET,
        );
        // A buffer's bytes fit into 32 bits.
        match self.handle.set(&question, &(bytes as u32).to_le_bytes()) {
            // A pin need not have the property.
            Ok(()) | Err(NtStatus(STATUS_NOT_FOUND)) => Ok(()),
            Err(status) => Err(failed("telling the write position", status)),
        }
    }

    /// DRMK says what the stream carries.
    pub(super) fn content(&self, content: KSDRMAUDIOSTREAM_CONTENTID) -> Result<(), UserError> {
        match protection::set_content(self.handle.file(), content) {
            status if status.is_ok() => Ok(()),
            status => Err(failed("setting the content's rights", status)),
        }
    }

    /// The program says what its stream carries, which is not its to say.
    pub(super) fn claim_content(
        &self,
        content: KSDRMAUDIOSTREAM_CONTENTID,
    ) -> Result<(), UserError> {
        let (request, value) = (protection::request(), protection::value(content));
        match self.handle.set(&request, &value) {
            Err(NtStatus(STATUS_INVALID_DEVICE_REQUEST)) => Ok(()),
            Err(status) => Err(failed("claiming rights on the content", status)),
            Ok(()) => Err(UserError(
                "a program may say what its stream is protected from".into(),
            )),
        }
    }

    /// Sends data; `done` gets the status when it was played.
    pub(super) fn write(&self, data: Box<[u8]>, done: impl FnOnce(NtStatus) + 'static) {
        write_stream(&self.handle, data, done);
    }

    /// Closes the pin; the buffer is gone with it.
    pub(super) fn close(self) {
        self.handle.close();
    }
}

impl Buffer {
    /// Copies `bytes` to byte offset `at`, which wraps at the buffer's end.
    pub(super) fn write(&self, at: usize, bytes: &[u8]) {
        let (at, before_end) = self.parts(at, bytes.len());
        let (front, back) = bytes.split_at(before_end);
        // SAFETY: the mapping has `self.bytes` bytes until the pin is closed, which takes the `Pin` that lives longer
        // than this value; both parts end inside.
        unsafe {
            self.address
                .add(at)
                .copy_from_nonoverlapping(front.as_ptr(), front.len());
            self.address
                .copy_from_nonoverlapping(back.as_ptr(), back.len());
        }
    }

    /// Fills `bytes` from byte offset `at`, which wraps at the buffer's end.
    pub(super) fn read(&self, at: usize, bytes: &mut [u8]) {
        let (at, before_end) = self.parts(at, bytes.len());
        let (front, back) = bytes.split_at_mut(before_end);
        // SAFETY: as for `write`.
        unsafe {
            self.address
                .add(at)
                .copy_to_nonoverlapping(front.as_mut_ptr(), front.len());
            self.address
                .copy_to_nonoverlapping(back.as_mut_ptr(), back.len());
        }
    }

    /// Where `length` bytes from `at` start, and how many of them lie before the buffer's end.
    fn parts(&self, at: usize, length: usize) -> (usize, usize) {
        assert!(
            length <= self.bytes,
            "{length} bytes of a buffer of {}",
            self.bytes
        );
        let at = at % self.bytes;
        (at, length.min(self.bytes - at))
    }
}
