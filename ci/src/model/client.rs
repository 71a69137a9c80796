//! How the machine's client runs: with packets, by a timer, by the driver's event, or by polling.

use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::Event;

use super::Machine;

impl Machine<'_> {
    pub(super) fn packets(&mut self, packet: u64, end_of_stream: bool) -> i64 {
        self.event(self.start, Event::PacketCount { count: 0 });
        self.write(self.start, 2 * packet);
        self.declare(self.start, 1, packet, "taken");
        let frame_bytes = self.file.scenario.format.frame_bytes() as u64;
        let mut busy_until = 0;
        for boundary in 1.. {
            let qpc = self.callback(self.time(boundary * packet));
            if let Some(stop) = self.stops(qpc) {
                return stop;
            }
            self.event(qpc, Event::Notified);
            if qpc < busy_until {
                continue;
            }
            let now = qpc + self.stall(qpc, packet).unwrap_or(0);
            let (count, position) = self.count(now, packet);
            let at = now;
            self.event(
                now,
                Event::Presented {
                    frames: position,
                    at,
                },
            );
            busy_until = now;
            if self.done(position) {
                return now + 5_000;
            }
            if self.ended.is_some() {
                self.said(now, count + 1, 0, 0, "ended");
                continue;
            }
            let mut next = count + 1;
            if self.lapses(qpc, packet, |each| {
                matches!(each, Disturbance::WrongPackets { .. })
            }) {
                self.said(now, count + 2, 0, 0, "overrun");
                self.said(now, count + 1, 1, 0, "invalid");
                self.said(
                    now,
                    count + 1,
                    0x200,
                    (packet * frame_bytes + 1) as u32,
                    "invalid",
                );
                self.said(now, count - 1, 0, 0, "late");
            }
            let mut now = now;
            if self.lapses(qpc, packet, |each| {
                matches!(each, Disturbance::LatePacket { .. })
            }) {
                now += (self.time(packet * 3 / 2) - self.start).abs();
                busy_until = now;
                self.count(now, packet);
                self.stream_frame = next * packet;
                self.write(now, (next + 1) * packet);
                // What is too late is not heard later either.
                for frame in next * packet..self.taken {
                    let at = (frame * frame_bytes) as usize % self.buffer.len();
                    self.buffer[at..at + frame_bytes as usize].fill(0);
                }
                self.declare(now, next, packet, "late");
                next = self.count(now, packet).0 + 1;
            }
            self.stream_frame = self.stream_frame.max(next * packet);
            if self.stream_frame < (next + 1) * packet {
                self.write(now, (next + 1) * packet);
                let ended = self.signal_frame == self.file.scenario.frames();
                if ended && end_of_stream {
                    let bytes = (self.stream_frame - next * packet) * frame_bytes;
                    self.said(now, next, 0x200, bytes as u32, "taken");
                    self.declared(next * packet..(next + 1) * packet);
                    self.ended = Some(self.stream_frame);
                } else {
                    self.declare(now, next, packet, "taken");
                }
            }
        }
        unreachable!("the loop has no end")
    }

    /// The client asks for the packet count, and for the position.
    fn count(&mut self, qpc: i64, packet: u64) -> (u64, u64) {
        let count = self.position(qpc) / packet;
        self.event(
            qpc,
            Event::PacketCount {
                count: count as u32,
            },
        );
        (count, self.look(qpc))
    }

    /// Whether a lapse of the client is due when it is woken at a time.
    fn lapses(&self, qpc: i64, packet: u64, kind: fn(&Disturbance) -> bool) -> bool {
        self.file.scenario.disturbances.iter().any(|each| {
            let (Disturbance::LatePacket { at_ms } | Disturbance::WrongPackets { at_ms }) = *each
            else {
                return false;
            };
            let from = self.start + i64::from(at_ms) * 10_000;
            kind(each) && (from..from + self.time(packet) - self.start).contains(&qpc)
        })
    }

    pub(super) fn timed(&mut self, period: u64) -> i64 {
        let ticks = self.time(period) - self.start;
        for tick in 1.. {
            let qpc = self.start + tick * ticks;
            if let Some(stop) = self.stops(qpc) {
                return stop;
            }
            let position = self.look(qpc);
            let (from, limit) = (self.stream_frame, (position / period + 3) * period);
            self.stream_frame = from.max(position);
            if self.stream_frame < limit {
                self.write(qpc, limit);
                // Behind the signal it writes silence.
                self.stream_frame = limit;
                self.tell(qpc, limit);
            }
            if self.heard(position) {
                return qpc + 5_000;
            }
        }
        unreachable!("the loop has no end")
    }

    pub(super) fn event_driven(&mut self, packet: u64, tells: bool) -> i64 {
        let mut busy_until = 0;
        for boundary in 1.. {
            let qpc = self.callback(self.time(boundary * packet));
            if let Some(end) = self.end().filter(|end| qpc > *end) {
                return end;
            }
            if let Some(stop) = self.stops(qpc) {
                return stop;
            }
            if qpc == self.callback(self.time((boundary + 1) * packet)) {
                // One signal serves all boundaries that a stall of the timer passed.
                continue;
            }
            self.event(qpc, Event::Notified);
            if qpc < busy_until {
                continue;
            }
            let mut now = qpc;
            if let Some(stall) = self.stall(qpc, packet) {
                // The client comes back after the stall; the driver goes on signalling meanwhile.
                busy_until = self.goes_on(qpc + stall);
                now = busy_until;
            }
            let position = self.look(now);
            // The packet that plays is lost to the client, if it has not written it.
            if self.signal_frame < self.file.scenario.frames() {
                self.stream_frame = self.stream_frame.max((position / packet + 1) * packet);
            }
            let (from, limit) = (self.stream_frame, position / packet * packet + 2 * packet);
            self.write(now, limit);
            if tells && from < limit && !self.heard(position) {
                self.tell(now, limit);
                self.stream_frame = limit;
            }
            if self.done(position) || self.heard(position) {
                return now + 5_000;
            }
        }
        unreachable!("the loop has no end")
    }

    /// Whether the position has passed the signal's last frame.
    fn heard(&self, position: u64) -> bool {
        self.signal_frame == self.file.scenario.frames() && position >= self.signal_end
    }

    /// How long the client stalls when it is woken at a time.
    fn stall(&self, qpc: i64, packet: u64) -> Option<i64> {
        self.file.scenario.disturbances.iter().find_map(|each| {
            let Disturbance::ClientStall { at_ms, for_ms } = *each else {
                return None;
            };
            let from = self.start + i64::from(at_ms) * 10_000;
            let until = from + (self.time(packet) - self.start);
            (from..until)
                .contains(&qpc)
                .then_some(i64::from(for_ms) * 10_000)
        })
    }

    pub(super) fn polling(&mut self, interval_ms: u32) -> i64 {
        let buffer = (self.buffer.len() / self.file.scenario.format.frame_bytes()) as u64;
        for tick in 1.. {
            let qpc = self.goes_on(self.start + tick * i64::from(interval_ms) * 10_000);
            if let Some(end) = self.end().filter(|end| qpc >= *end) {
                return end;
            }
            if let Some(stop) = self.stops(qpc) {
                return stop;
            }
            let position = self.look(qpc);
            self.write(qpc, position + buffer);
            if self.done(position) {
                return qpc + 5_000;
            }
        }
        unreachable!("the loop has no end")
    }
}
