//! Which channels of what is played make up each channel of a recording, by the speakers that they stand for: the rule that the
//! driver documents, in words.
//!
//! Clients here name the speakers that Windows means by a number of channels (ksmedia.h: KSAUDIO_SPEAKER_MONO, _STEREO, _QUAD,
//! _5POINT1_SURROUND, _7POINT1_SURROUND), and none for other numbers.

use Speaker::{
    BackLeft, BackRight, FrontCentre, FrontLeft, FrontRight, LowFrequency, SideLeft, SideRight,
};

/// Where a channel is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    FrontLeft,
    FrontRight,
    FrontCentre,
    LowFrequency,
    BackLeft,
    BackRight,
    SideLeft,
    SideRight,
}

/// The speakers of so many channels, in order; none when Windows names none.
fn layout(channels: usize) -> &'static [Speaker] {
    match channels {
        1 => &[FrontCentre],
        2 => &[FrontLeft, FrontRight],
        4 => &[FrontLeft, FrontRight, BackLeft, BackRight],
        6 => &[
            FrontLeft,
            FrontRight,
            FrontCentre,
            LowFrequency,
            SideLeft,
            SideRight,
        ],
        8 => &[
            FrontLeft,
            FrontRight,
            FrontCentre,
            LowFrequency,
            BackLeft,
            BackRight,
            SideLeft,
            SideRight,
        ],
        _ => &[],
    }
}

/// The other pair of the surround kinds.
fn other_surround(speaker: Speaker) -> Option<Speaker> {
    match speaker {
        BackLeft => Some(SideLeft),
        BackRight => Some(SideRight),
        SideLeft => Some(BackLeft),
        SideRight => Some(BackRight),
        _ => None,
    }
}

/// A played frame as a recorder of so many channels has it.
pub(crate) fn routed(played: &[f64], channels: u16) -> Vec<f64> {
    let channels = usize::from(channels);
    let (from, to) = (layout(played.len()), layout(channels));
    if played.len() == channels || from.is_empty() || to.is_empty() {
        // By number.
        let numbered = (0..channels).map(|channel| played.get(channel).copied());
        return numbered.map(Option::unwrap_or_default).collect();
    }
    let of = |speaker: Speaker| {
        let place = from.iter().position(|each| *each == speaker);
        place.map(|place| played[place])
    };
    if channels == 1 {
        let front = [FrontLeft, FrontRight, FrontCentre];
        let heard: Vec<f64> = front.into_iter().filter_map(of).collect();
        return vec![heard.iter().sum::<f64>() / heard.len() as f64];
    }
    let sounds = |speaker: &Speaker| {
        let absent = |other: &Speaker| !to.contains(other);
        let stands_in = match speaker {
            FrontLeft | FrontRight if from == [FrontCentre] => Some(FrontCentre),
            other => other_surround(*other),
        };
        of(*speaker).or_else(|| stands_in.filter(absent).and_then(of))
    };
    to.iter()
        .map(|speaker| sounds(speaker).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::routed;

    /// Channel `n` is played at level `n`.
    fn check(from: u16, to: u16, expect: &[f64]) {
        let played: Vec<f64> = (1..=from).map(f64::from).collect();
        assert_eq!(routed(&played, to), expect, "{from} channels to {to}");
    }

    #[test]
    fn speakers_find_each_other() {
        check(2, 2, &[1.0, 2.0]);
        check(1, 2, &[1.0, 1.0]);
        check(1, 4, &[1.0, 1.0, 0.0, 0.0]);
        check(1, 6, &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        check(2, 1, &[1.5]);
        check(6, 1, &[2.0]);
        check(6, 2, &[1.0, 2.0]);
        check(6, 4, &[1.0, 2.0, 5.0, 6.0]);
        check(4, 6, &[1.0, 2.0, 0.0, 0.0, 3.0, 4.0]);
        check(6, 8, &[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 5.0, 6.0]);
        check(8, 6, &[1.0, 2.0, 3.0, 4.0, 7.0, 8.0]);
        check(2, 8, &[1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        // By number.
        check(3, 2, &[1.0, 2.0]);
        check(6, 3, &[1.0, 2.0, 3.0]);
        check(3, 1, &[1.0]);
        check(2, 3, &[1.0, 2.0, 0.0]);
    }
}
