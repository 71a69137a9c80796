//! What a recorder must be given, worked out from what was played and from the clocks of both streams.
//!
//! The rule. Recorder frame `g` begins at an exact time on its own clock. Of the player's stream it gets the frame that was
//! being played then: the one that had begun last. Where the player's stream did not run, or had not yet come to a frame
//! when it was halted, it gets silence. While both run at one rate the two counters differ by a whole number of frames, rounded
//! down where the streams started.
//!
//! At other rates the place between two frames counts too. It is rounded down once, where the streams started, to the parts
//! into which the ratio of the rates divides a frame; from there on each recorder frame lies an exact number of parts further. The
//! audio is that of [`latency`] frames before, and a stretch governs until the next one begins.

use crate::clock::{Clock, Stretch};
use crate::expected::{Expected, Run, Source, runs};

/// Input frames on each side of a resampled frame at the rate of the input or above; the driver documents it.
const WING: u64 = 32;

/// The signal frame of a frame that is silent.
const SILENCE: u64 = u64::MAX;

/// Where on a player's time axis a recorder frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the players that follow each other on the cable.
    pub(crate) player: usize,
    /// The stretch of the player's clock, by its number.
    pub(crate) stretch: usize,
    /// The player's frame.
    pub(crate) frame: i128,
    /// How far behind its beginning, in parts.
    pub(crate) part: i128,
    /// Parts in a frame.
    pub(crate) parts: i128,
}

/// Frames of the player on each side of a resampled frame.
pub(crate) fn wing(played: u32, recorded: u32) -> u64 {
    let stretched = (WING * u64::from(played)).div_ceil(u64::from(recorded.max(1)));
    stretched.max(WING)
}

/// How many frames of the player earlier the audio of a resampled frame is.
pub(crate) fn latency(played: u32, recorded: u32) -> u64 {
    match played == recorded {
        true => 0,
        false => wing(played, recorded) + 1,
    }
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Each frame that `recorder` recorded, with its place in what one of `players` played, which follow each other; `None` before
/// anything was played.
pub(crate) fn places(recorder: &Clock, players: &[&Clock]) -> Vec<(u64, Option<Place>)> {
    let own = recorder.rate();
    // Device time counts 1e-9 ticks.
    let second = i128::from(recorder.frequency()) * 1_000_000_000;
    let device = recorder.device();
    let passed = |from: i64, to: i64| device.between(from, to);
    let runs: Vec<(usize, usize, &Stretch)> = (0..)
        .zip(players)
        .flat_map(|(player, clock)| {
            let stretches = (0..).zip(clock.stretches());
            stretches.map(move |(number, stretch)| (player, number, stretch))
        })
        .collect();
    let mut places = Vec::new();
    for stretch in recorder.stretches() {
        let Stretch { start, base, .. } = *stretch;
        for frame in base..stretch.end.map_or(base, |(_, position)| position) {
            let since = i128::from(frame - base);
            // Recorder frame `frame` begins `since / own` seconds after `start`.
            let begun =
                |each: &Stretch| passed(start, each.start) * i128::from(own) <= since * second;
            let governs = runs.iter().rev().find(|(.., each)| begun(each));
            let place = governs.map(|&(player, number, played)| {
                let other = players[player].rate();
                let common = common_divisor(own, other).max(1);
                let (parts, step) = (i128::from(own / common), i128::from(other / common));
                let time = passed(played.start, start);
                let origin = (time * i128::from(other) * parts).div_euclid(second);
                let all = origin + since * step;
                Place {
                    player,
                    stretch: number,
                    frame: i128::from(played.base) + all.div_euclid(parts),
                    part: all.rem_euclid(parts),
                    parts,
                }
            });
            places.push((frame, place));
        }
    }
    places
}

/// What a player played, frame by frame, as frames of its signal.
fn signal(played: &Expected) -> Vec<u64> {
    let mut signal = vec![SILENCE; played.total as usize];
    for run in &played.runs {
        if let Source::Signal(from) = run.source {
            for (at, frame) in (from..from + run.frames).enumerate() {
                signal[run.first as usize + at] = frame;
            }
        }
    }
    signal
}

/// Of each recorded frame, the player and its frame; `None` where nothing was played.
pub(crate) fn frames(recorder: &Clock, players: &[&Clock]) -> Vec<Option<(usize, usize)>> {
    let places = places(recorder, players).into_iter();
    let played = places.map(|(_, place)| {
        let place = place?;
        let stretch = &players[place.player].stretches()[place.stretch];
        let frame = usize::try_from(place.frame).ok()?;
        within(place.frame, stretch).then_some((place.player, frame))
    });
    played.collect()
}

/// What must be recorded at the rate that is played, frame by frame, as frames of the players' signals.
pub(crate) fn expected(recorder: &Clock, players: &[(&Clock, &Expected)]) -> Expected {
    let signals: Vec<Vec<u64>> = players.iter().map(|(_, played)| signal(played)).collect();
    let clocks: Vec<&Clock> = players.iter().map(|(clock, _)| *clock).collect();
    let recorded: Vec<u64> = frames(recorder, &clocks)
        .into_iter()
        .map(|frame| {
            let frame = frame.and_then(|(player, frame)| signals[player].get(frame).copied());
            frame.unwrap_or(SILENCE)
        })
        .collect();
    Expected {
        total: recorded.len() as u64,
        runs: runs(&recorded),
        buffered: runs(&recorded),
        ..Expected::default()
    }
}

/// Whether a frame was played in a stretch.
pub(crate) fn within(frame: i128, stretch: &Stretch) -> bool {
    let end = stretch
        .end
        .map_or(i128::MAX, |(_, position)| position.into());
    (i128::from(stretch.base)..end).contains(&frame)
}

/// The run that has all frames from `first` to `last`; `None` when there are several.
pub(crate) fn run_around(runs: &[Run], first: i128, last: i128) -> Option<Run> {
    let run = runs
        .iter()
        .find(|run| i128::from(run.first + run.frames) > first)?;
    let whole = i128::from(run.first) <= first && last < i128::from(run.first + run.frames);
    whole.then_some(*run)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stretch of the player, a frame of it, and the part of a frame behind that.
    type Where = (usize, i128, i128);

    /// 1000 ticks per second. Stretches as (start, end) in ticks; the places of the frames asked for, as player frames and
    /// parts, by stretch.
    fn check(
        (own_rate, own): (u32, &[(i64, i64)]),
        (other_rate, other): (u32, &[(i64, i64)]),
        expect: &[(u64, Option<Where>)],
    ) {
        let clock = |rate, stretches: &[(i64, i64)]| {
            let mut clock = Clock::new(rate, 1_000_000).expect("a clock");
            for (start, end) in stretches {
                clock.run(*start);
                clock.halt(*end);
            }
            clock
        };
        let all = places(&clock(own_rate, own), &[&clock(other_rate, other)]);
        for (frame, expect) in expect {
            let (_, place) = all
                .iter()
                .find(|(each, _)| each == frame)
                .expect("recorded");
            let got = place.map(|place| (place.stretch, place.frame, place.part));
            assert_eq!(got, *expect, "frame {frame}");
        }
    }

    #[test]
    fn equal_rates_differ_by_a_whole_number_of_frames() {
        // A frame lasts 1000 ticks. The recorder starts in the middle of the player's frame 2.
        let player: &[(i64, i64)] = &[(0, 10_000), (12_000, 20_000)];
        check(
            (1000, &[(2_500, 30_000)]),
            (1000, player),
            &[
                (0, Some((0, 2, 0))),
                (5, Some((0, 7, 0))),
                (8, Some((0, 10, 0))),
                // The second stretch begins at 12 000; frame 10 of the recorder begins at 12 500.
                (9, Some((0, 11, 0))),
                (10, Some((1, 10, 0))),
                (11, Some((1, 11, 0))),
            ],
        );
        // The recorder starts first: its frame 3 is the first to begin while the player plays.
        check(
            (1000, &[(0, 10_000)]),
            (1000, &[(2_500, 10_000)]),
            &[
                (0, None),
                (2, None),
                (3, Some((0, 0, 0))),
                (4, Some((0, 1, 0))),
            ],
        );
    }

    #[test]
    fn other_rates_count_parts_of_a_frame() {
        // 3 player frames to 2 recorder frames: parts are halves.
        check(
            (1000, &[(2_300, 10_000)]),
            (1500, &[(0, 10_000)]),
            // 2300 ticks are 3.45 player frames: 3 and no whole half.
            &[
                (0, Some((0, 3, 0))),
                (1, Some((0, 4, 1))),
                (2, Some((0, 6, 0))),
            ],
        );
    }

    #[test]
    fn the_player_that_began_last_is_recorded() {
        let clock = |rate, start: i64, end: i64| {
            let mut clock = Clock::new(rate, 1_000_000).expect("a clock");
            clock.run(start);
            clock.halt(end);
            clock
        };
        let recorder = clock(1000, 500, 20_500);
        let (first, second) = (clock(1000, 2_000, 6_000), clock(2000, 10_500, 15_500));
        let places = places(&recorder, &[&first, &second]);
        let place = |frame: usize| {
            let place = places[frame].1;
            place.map(|place| (place.player, place.frame))
        };
        // Recorder frame 2 begins at 2 500, frame 10 at 10 500.
        let expect = [None, Some((0, 0)), Some((0, 7)), Some((1, 0)), Some((1, 8))];
        assert_eq!([1, 2, 9, 10, 14].map(place), expect);
        // Nothing was played between the two.
        let frames = frames(&recorder, &[&first, &second]);
        let expect = [Some((0, 3)), None, None, Some((1, 8)), None];
        assert_eq!([5, 6, 9, 14, 15].map(|frame: usize| frames[frame]), expect);
    }

    #[test]
    fn the_filter_grows_with_the_ratio() {
        assert_eq!(latency(48_000, 48_000), 0);
        assert_eq!(latency(44_100, 48_000), 33);
        assert_eq!(latency(48_000, 44_100), 36);
        assert_eq!(latency(192_000, 8_000), 769);
    }
}
