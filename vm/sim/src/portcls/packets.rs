//! The RTAUDIO properties of packet mode: from a pin's requests to the stream's packet interfaces, and what must hold of the
//! answers.

use std::cell::Cell;

use waverig_portcls::status::{
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_FOUND,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use waverig_portcls::{
    IMiniportWaveRTInputStream, IMiniportWaveRTOutputStream, IMiniportWaveRTStream,
    KSAUDIO_PRESENTATION_POSITION, KSPROPERTY_RTAUDIO_GETREADPACKET,
    KSPROPERTY_RTAUDIO_PACKETCOUNT, KSPROPERTY_RTAUDIO_PACKETVREGISTER,
    KSPROPERTY_RTAUDIO_PRESENTATION_POSITION, KSPROPERTY_RTAUDIO_SETWRITEPACKET,
    KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, KSRTAUDIO_GETREADPACKET_INFO,
    KSRTAUDIO_SETWRITEPACKET_INFO, KSSTATE_STOP, NTSTATUS,
};

use super::com::Ref;
use super::pin::Pin;
use super::property::{Answer, Incoming};
use super::rules;
use crate::kernel::kernel;
use crate::{call, finding};

/// The packet interfaces of a stream, and what it told through them last.
pub(super) struct Packets {
    output: Option<Ref<IMiniportWaveRTOutputStream>>,
    input: Option<Ref<IMiniportWaveRTInputStream>>,
    /// Since the stream left STOP.
    count: Cell<u32>,
    presented: Cell<(u64, u64)>,
    read: Cell<Option<u32>>,
}

impl Packets {
    /// Asks a new stream for its interfaces.
    pub(super) fn of(stream: &Ref<IMiniportWaveRTStream>, pin: u32, capture: bool) -> Self {
        let packets = Self {
            output: stream.query(),
            input: stream.query(),
            count: Cell::new(0),
            presented: Cell::default(),
            read: Cell::default(),
        };
        let wrong = match capture {
            true if packets.output.is_some() => Some("capture stream offers packet output"),
            false if packets.input.is_some() => Some("render stream offers packet input"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            finding::raise(&rules::PACKET_DIRECTION, format!("pin {pin}: a {wrong}"));
        }
        packets
    }

    /// Of a stream of a port that has no packets.
    pub(super) fn none() -> Self {
        Self {
            output: None,
            input: None,
            count: Cell::new(0),
            presented: Cell::default(),
            read: Cell::default(),
        }
    }

    /// References on the stream that these interfaces hold.
    pub(super) fn references(&self) -> u32 {
        u32::from(self.output.is_some()) + u32::from(self.input.is_some())
    }

    /// The stream has gone to STOP: counts begin anew.
    pub(super) fn stopped(&self) {
        self.count.set(0);
        self.presented.set((0, 0));
        self.read.set(None);
    }
}

impl Pin {
    /// Answers a property of packet mode. A stream without the interface does not support it (inferred).
    pub(super) fn packet(&self, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
        let verb = request.verb();
        match (request.head.Id, verb) {
            (KSPROPERTY_RTAUDIO_PACKETCOUNT, KSPROPERTY_TYPE_GET) => {
                let count = self.packet_count()?;
                Ok(request.value(&count.to_le_bytes()))
            }
            (KSPROPERTY_RTAUDIO_PRESENTATION_POSITION, KSPROPERTY_TYPE_GET) => {
                let position = self.presentation()?;
                let words = [position.u64PositionInBlocks, position.u64QPCPosition];
                Ok(request.value(&words.map(u64::to_le_bytes).concat()))
            }
            (KSPROPERTY_RTAUDIO_SETWRITEPACKET, KSPROPERTY_TYPE_SET) => {
                self.set_write_packet(request)
            }
            (KSPROPERTY_RTAUDIO_GETREADPACKET, KSPROPERTY_TYPE_GET) => {
                self.get_read_packet(request)
            }
            // Of ACX; a PortCls driver cannot give it (inferred).
            (KSPROPERTY_RTAUDIO_PACKETVREGISTER, _) => Err(STATUS_NOT_SUPPORTED),
            (
                KSPROPERTY_RTAUDIO_PACKETCOUNT
                | KSPROPERTY_RTAUDIO_PRESENTATION_POSITION
                | KSPROPERTY_RTAUDIO_SETWRITEPACKET
                | KSPROPERTY_RTAUDIO_GETREADPACKET,
                _,
            ) => Err(STATUS_INVALID_DEVICE_REQUEST),
            _ => Err(STATUS_NOT_FOUND),
        }
    }

    fn output(&self) -> Result<&Ref<IMiniportWaveRTOutputStream>, NTSTATUS> {
        self.packets.output.as_ref().ok_or(STATUS_NOT_SUPPORTED)
    }

    fn packet_count(&self) -> Result<u32, NTSTATUS> {
        let output = self.output()?;
        let mut count = 0_u32;
        let name = "IMiniportWaveRTOutputStream::GetPacketCount";
        let function = output.table().GetPacketCount;
        // SAFETY: the stream's table; the variable lives here.
        let status = unsafe { call::driver(name, function, (output.this(), &raw mut count)) };
        if status < 0 {
            return Err(status);
        }
        self.check_count(count)?;
        Ok(count)
    }

    /// Time stands still between two questions, so count and offset are of one moment.
    fn check_count(&self, count: u32) -> Result<(), NTSTATUS> {
        let before = self.packets.count.replace(count);
        if self.state.get() == KSSTATE_STOP && count != 0 {
            let text = format!("{count} packets are complete in STOP");
            finding::raise(&rules::PACKET_COUNT, text);
        }
        if count.wrapping_sub(before) > u32::MAX / 2 {
            let text = format!("the packet count went back from {before} to {count}");
            finding::raise(&rules::PACKET_COUNT, text);
        }
        let Some((bytes, packets)) = self.packet_bytes() else {
            let text = "a stream without notifications tells a packet count";
            finding::raise(&rules::PACKET_COUNT, text);
            return Ok(());
        };
        let offset = self.position()?.PlayOffset;
        if offset / u64::from(bytes) != u64::from(count % packets) {
            let text = format!(
                "{count} packets of {bytes} bytes are complete, and the position lies at byte {offset}"
            );
            finding::raise(&rules::PACKET_COUNT, text);
        }
        Ok(())
    }

    fn presentation(&self) -> Result<KSAUDIO_PRESENTATION_POSITION, NTSTATUS> {
        let output = self.output()?;
        let mut position = KSAUDIO_PRESENTATION_POSITION::default();
        let name = "IMiniportWaveRTOutputStream::GetOutputStreamPresentationPosition";
        let function = output.table().GetOutputStreamPresentationPosition;
        // SAFETY: the stream's table; the structure lives here.
        let status = unsafe { call::driver(name, function, (output.this(), &raw mut position)) };
        if status < 0 {
            return Err(status);
        }
        let (frames, qpc) = (position.u64PositionInBlocks, position.u64QPCPosition);
        let (frames_before, qpc_before) = self.packets.presented.replace((frames, qpc));
        let now = kernel().now().0;
        let wrong = match () {
            () if qpc > now => Some(format!("its time {qpc} is still to come at {now}")),
            () if frames < frames_before || qpc < qpc_before => Some(format!(
                "it went back from frame {frames_before} at {qpc_before}"
            )),
            () if self.state.get() == KSSTATE_STOP && frames != 0 => {
                Some("it is told in STOP".into())
            }
            () => None,
        };
        if let Some(wrong) = wrong {
            let text = format!("the presentation position is frame {frames} at {qpc}: {wrong}");
            finding::raise(&rules::PRESENTATION, text);
        }
        Ok(position)
    }

    fn set_write_packet(&self, request: &Incoming<'_>) -> Result<Answer, NTSTATUS> {
        let value = request
            .output
            .get(..size_of::<KSRTAUDIO_SETWRITEPACKET_INFO>());
        let value = value.ok_or(STATUS_INVALID_BUFFER_SIZE)?;
        let output = self.output()?;
        // SAFETY: there are enough bytes, and every pattern is such a structure.
        let info = unsafe {
            value
                .as_ptr()
                .cast::<KSRTAUDIO_SETWRITEPACKET_INFO>()
                .read_unaligned()
        };
        let name = "IMiniportWaveRTOutputStream::SetWritePacket";
        let function = output.table().SetWritePacket;
        let parameters = (
            output.this(),
            info.PacketNumber,
            info.Flags,
            info.EosPacketLength,
        );
        // SAFETY: the stream's table.
        let status = unsafe { call::driver(name, function, parameters) };
        Ok((status, 0))
    }

    fn get_read_packet(&self, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
        let input = self.packets.input.as_ref().ok_or(STATUS_NOT_SUPPORTED)?;
        if request.output.is_empty() {
            return Ok(request.value(&[0; size_of::<KSRTAUDIO_GETREADPACKET_INFO>()]));
        }
        let mut info = KSRTAUDIO_GETREADPACKET_INFO::default();
        let name = "IMiniportWaveRTInputStream::GetReadPacket";
        let function = input.table().GetReadPacket;
        let parameters = (
            input.this(),
            &raw mut info.PacketNumber,
            &raw mut info.Flags,
            &raw mut info.PerformanceCounterValue,
            &raw mut info.MoreData,
        );
        // SAFETY: the stream's table; the structure lives here.
        let status = unsafe { call::driver(name, function, parameters) };
        if status != STATUS_SUCCESS {
            return Err(status);
        }
        let before = self.packets.read.replace(Some(info.PacketNumber));
        if let Some(wrong) = wrong(before, &info, kernel().now().0) {
            let text = format!("packet {}: {wrong}", info.PacketNumber);
            finding::raise(&rules::READ_PACKET, text);
        }
        let mut value = [info.PacketNumber, info.Flags]
            .map(u32::to_le_bytes)
            .concat();
        value.extend(info.PerformanceCounterValue.to_le_bytes());
        value.extend(info.MoreData.to_le_bytes());
        value.extend([0; 4]);
        Ok(request.value(&value))
    }
}

/// What is wrong with a packet that was given to be read at a time, after the packet `before`.
fn wrong(
    before: Option<u32>,
    info: &KSRTAUDIO_GETREADPACKET_INFO,
    now: u64,
) -> Option<&'static str> {
    match before {
        _ if info.Flags != 0 => Some("it has flags, which are reserved"),
        _ if info.PerformanceCounterValue > now => Some("its time is still to come"),
        Some(before) if info.PacketNumber.wrapping_sub(before).wrapping_sub(1) > u32::MAX / 2 => {
            Some("it is not behind the one read before")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Option<u32>, number: u32, flags: u32, qpc: u64, expect: Option<&str>) {
        let info = KSRTAUDIO_GETREADPACKET_INFO {
            PacketNumber: number,
            Flags: flags,
            PerformanceCounterValue: qpc,
            ..KSRTAUDIO_GETREADPACKET_INFO::default()
        };
        assert_eq!(wrong(before, &info, 1_000), expect, "{before:?} {number}");
    }

    #[test]
    fn packets_to_read_come_in_order_with_a_time_that_has_been() {
        check(None, 0, 0, 1_000, None);
        check(Some(4), 5, 0, 900, None);
        check(Some(4), 9, 0, 900, None);
        check(Some(u32::MAX), 0, 0, 900, None);
        let order = Some("it is not behind the one read before");
        check(Some(4), 4, 0, 900, order);
        check(Some(4), 3, 0, 900, order);
        check(Some(4), 5, 0, 1_001, Some("its time is still to come"));
        check(Some(4), 5, 1, 900, Some("it has flags, which are reserved"));
    }
}
