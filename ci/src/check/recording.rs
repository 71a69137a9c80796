//! What a recorder recorded from: the players that follow each other on its cable, and what each of them played.

use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Disturbance, Format, Scenario, Signal};

use super::record_packets;
use crate::clock::Clock;
use crate::evidence::{Evidence, Piece};
use crate::expected::Expected;
use crate::golden;
use crate::recorded;
use crate::scenario::ScenarioFile;
use crate::steering::Steering;
use crate::stream::Stream;

/// What was played while a recorder recorded.
pub(super) struct Recording {
    /// In order of time; none when nothing is played on the cable.
    pub(super) players: Vec<Played>,
    /// Frames that were not read, although nothing held the recorder up.
    pub(super) lost_unexcused: u64,
}

/// What one player played.
pub(super) struct Played {
    pub(super) format: Format,
    pub(super) signal: Signal,
    pub(super) stream: Stream,
    /// As frames of the signal, and as bytes.
    pub(super) expected: Expected,
    pub(super) audio: Vec<u8>,
}

impl Recording {
    pub(super) fn of(
        file: &ScenarioFile,
        evidence: &Evidence,
        program: Program,
    ) -> Result<Self, String> {
        let scenario = &file.scenario;
        let cable = scenario
            .cable_of(program)
            .ok_or("there is no such program")?;
        let frequency = evidence.machine.qpc_frequency;
        let steering = Steering::of(&evidence.timeline, scenario, cable, frequency);
        let played = |player: Program| {
            let view = scenario.view_of(player).ok_or("there is no such player")?;
            let clock = Clock::of_device(view.format.rate, frequency, steering.device.clone())?;
            let stream = Stream::of_programs(&evidence.timeline, player, player, clock)?;
            let expected = Expected::of(&stream, view.format.frame_bytes())?;
            Ok(Played {
                format: view.format,
                audio: golden::audio(&view, &expected.runs)?,
                signal: view.signal,
                stream,
                expected,
            })
        };
        let players = scenario.players_on(cable).into_iter().map(played);
        Ok(Self {
            players: players.collect::<Result<_, String>>()?,
            lost_unexcused: 0,
        })
    }

    /// The clocks of the players.
    pub(super) fn clocks(&self) -> Vec<&Clock> {
        let clocks = self.players.iter().map(|played| &played.stream.clock);
        clocks.collect()
    }

    /// Whether everything was played at the rate of a format.
    pub(super) fn is_of_rate(&self, format: Format) -> bool {
        let mut players = self.players.iter();
        players.all(|played| played.format.rate == format.rate)
    }

    /// Whether everything was played in a format.
    pub(super) fn is_in(&self, format: Format) -> bool {
        self.players.iter().all(|played| played.format == format)
    }

    /// What the recorder must be given, as frames of the signals; at another rate those are not whole, and the place of it is
    /// taken by silence of the same length.
    pub(super) fn expected_of(&self, own: &Stream) -> Expected {
        let played = self.players.iter();
        let played = played.map(|played| (&played.stream.clock, &played.expected));
        recorded::expected(&own.clock, &played.collect::<Vec<_>>())
    }

    /// The same as bytes. What was played in another format is not known so exactly, and is silence here.
    pub(super) fn audio_of(&self, own: &Stream, format: Format) -> Vec<u8> {
        let bytes = format.frame_bytes();
        let mut audio = Vec::new();
        for frame in recorded::frames(&own.clock, &self.clocks()) {
            let played = frame.and_then(|(player, frame)| {
                let played = &self.players[player];
                let exact = played.format == format;
                exact.then(|| played.audio.get(frame * bytes..(frame + 1) * bytes))?
            });
            match played {
                Some(played) => audio.extend_from_slice(played),
                None => audio.resize(audio.len() + bytes, 0),
            }
        }
        audio
    }

    /// A recorder that was held up reads on with what its buffer still has. Frames that were overwritten by then are taken as
    /// right: they were recorded, and nobody can tell what.
    pub(super) fn excuse(
        &mut self,
        own: &Stream,
        scenario: &Scenario,
        audio: &[u8],
        pieces: &mut Vec<Piece>,
    ) {
        let exact = self.is_in(scenario.format);
        let bytes = scenario.format.frame_bytes();
        let held_up = !scenario.disturbances.is_empty();
        let by_packets = matches!(scenario.client, Client::Packet { .. });
        let mut next = 0;
        for read in &own.reads {
            let limit = read.stream_frame + read.frames;
            let position = own.clock.position(read.qpc);
            let unit = own.packet_frames.max(1);
            let oldest = match by_packets {
                true => record_packets::oldest(own, position) * unit,
                false => position.saturating_sub(own.buffer_frames),
            };
            if read.stream_frame > next {
                let excused = held_up && read.stream_frame <= oldest.next_multiple_of(unit);
                if excused && exact {
                    let (from, to) = (next as usize * bytes, read.stream_frame as usize * bytes);
                    pieces.push(Piece {
                        first_frame: next,
                        bytes: audio.get(from..to).unwrap_or_default().to_vec(),
                    });
                } else if !excused {
                    self.lost_unexcused += read.stream_frame - next;
                }
            }
            next = limit;
        }
        let total = own.clock.total();
        // What the device had recorded of the packet in progress went with it; and a client of packets is given whole ones.
        let ended = by_packets || scenario.disturbances.iter().any(Disturbance::ends_streams);
        let rest = total.saturating_sub(next);
        if ended && rest <= own.packet_frames {
            if exact {
                let (from, to) = (next as usize * bytes, total as usize * bytes);
                pieces.push(Piece {
                    first_frame: next,
                    bytes: audio.get(from..to).unwrap_or_default().to_vec(),
                });
            }
        } else {
            self.lost_unexcused += rest;
        }
        pieces.sort_by_key(|piece| piece.first_frame);
    }
}
