//! Every value a registry can hold, and what becomes of it.

use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::stream::tests::config;

const SZ: u32 = 1;
const DWORD: u32 = 4;

fn text(text: &str) -> Vec<u8> {
    wide(text.encode_utf16())
}

fn wide(units: impl IntoIterator<Item = u16>) -> Vec<u8> {
    units.into_iter().flat_map(u16::to_le_bytes).collect()
}

/// Sets everything, as the driver does; gives the settings and the problems.
fn read(values: &[(Setting, u32, Vec<u8>)]) -> (Settings, Vec<(Setting, Problem)>) {
    let (mut settings, mut problems) = (Settings::default(), Vec::new());
    for setting in Setting::ALL {
        let last = values.iter().rev().find(|(which, ..)| *which == setting);
        let raw = last.map(|(_, kind, bytes)| Raw {
            kind: *kind,
            len: bytes.len(),
            bytes,
        });
        if let Some(Err(problem)) = raw.map(|raw| settings.set(setting, raw)) {
            problems.push((setting, problem));
        }
    }
    (settings, problems)
}

/// One value that is taken: what it changes.
fn taken(setting: Setting, kind: u32, bytes: Vec<u8>, change: impl FnOnce(&mut Settings)) {
    let (settings, problems) = read(&[(setting, kind, bytes)]);
    let mut expected = Settings::default();
    change(&mut expected);
    assert_eq!((settings, problems), (expected, Vec::new()), "{setting:?}");
}

/// One value that is not taken: what is wrong with it.
fn refused(setting: Setting, kind: u32, bytes: Vec<u8>, problem: Problem) {
    let expected = (Settings::default(), std::vec![(setting, problem)]);
    assert_eq!(read(&[(setting, kind, bytes)]), expected);
}

fn shown(name: Option<Name>) -> Option<String> {
    name.map(|name| String::from_utf16(name.units()).unwrap())
}

#[test]
fn nothing_set_is_one_stereo_cable() {
    let (settings, problems) = read(&[]);
    assert_eq!((settings.cables, settings.channels), (1, 2));
    let format = settings.default_format;
    assert_eq!(
        (format.rate.hertz(), format.sample, format.channels),
        (48_000, SampleFormat::Pcm24, 2)
    );
    assert_eq!((settings.render_name, problems.len()), (None, 0));
}

#[test]
fn numbers_are_taken_in_their_ranges() {
    let dword = |number: u32| number.to_le_bytes().to_vec();
    for cables in 1..=8 {
        taken(Setting::Cables, DWORD, dword(cables), |s| {
            s.cables = cables as u8
        });
    }
    for channels in 2..=16 {
        taken(Setting::Channels, DWORD, dword(channels), |s| {
            s.channels = channels as u16
        });
    }
    taken(Setting::Channels, DWORD, dword(1), |s| {
        s.channels = 1;
        s.default_format.channels = 1;
    });
    taken(Setting::DefaultChannels, DWORD, dword(1), |s| {
        s.default_format.channels = 1
    });
    for rate in RATES {
        taken(Setting::DefaultRate, DWORD, dword(rate.hertz()), |s| {
            s.default_format.rate = rate
        });
    }
    for (setting, number) in [
        (Setting::Cables, 0),
        (Setting::Cables, 9),
        (Setting::Cables, 0x0100_0001),
        (Setting::Channels, 0),
        (Setting::Channels, 17),
        (Setting::Channels, 0x0001_0002),
        (Setting::DefaultChannels, 0),
        (Setting::DefaultChannels, 3),
        (Setting::DefaultRate, 0),
        (Setting::DefaultRate, 47_999),
        (Setting::DefaultRate, u32::MAX),
    ] {
        let problem = Problem::OutOfRange { found: number };
        refused(setting, DWORD, dword(number), problem);
    }
}

#[test]
fn values_of_another_shape_are_refused() {
    refused(Setting::Cables, SZ, text("4\0"), Problem::Type { found: 1 });
    refused(
        Setting::Cables,
        11,
        std::vec![4, 0, 0, 0, 0, 0, 0, 0],
        Problem::Type { found: 11 },
    );
    for len in [0, 1, 3, 5, 8] {
        refused(
            Setting::Channels,
            DWORD,
            std::vec![1; len],
            Problem::Length { found: len },
        );
    }
    refused(
        Setting::RenderName,
        DWORD,
        std::vec![65, 0, 0, 0],
        Problem::Type { found: 4 },
    );
    refused(
        Setting::RenderName,
        7,
        text("a\0\0"),
        Problem::Type { found: 7 },
    );
    refused(
        Setting::RenderName,
        SZ,
        std::vec![65],
        Problem::Length { found: 1 },
    );
    let mut settings = Settings::default();
    let cut = Raw {
        kind: SZ,
        len: 70_000,
        bytes: &[],
    };
    assert_eq!(
        settings.set(Setting::CaptureName, cut),
        Err(Problem::Length { found: 70_000 })
    );
}

#[test]
fn samples_are_words_in_any_case() {
    for (word, sample) in SAMPLES {
        for spelled in [word.to_uppercase(), std::format!("{word}\0")] {
            taken(Setting::DefaultSample, SZ, text(&spelled), |s| {
                s.default_format.sample = sample
            });
        }
    }
    for word in ["", "pcm", "pcm16 ", "pcm16\0\0", "pcm160", "ｐcm16"] {
        refused(Setting::DefaultSample, SZ, text(word), Problem::UnknownWord);
    }
}

#[test]
fn the_default_format_has_no_more_channels_than_there_are() {
    let dword = |number: u32| number.to_le_bytes().to_vec();
    let (settings, problems) = read(&[
        (Setting::Channels, DWORD, dword(8)),
        (Setting::DefaultChannels, DWORD, dword(6)),
    ]);
    assert_eq!(
        (
            settings.channels,
            settings.default_format.channels,
            problems.len()
        ),
        (8, 6, 0)
    );
    let (settings, problems) = read(&[
        (Setting::Channels, DWORD, dword(1)),
        (Setting::DefaultChannels, DWORD, dword(2)),
    ]);
    assert_eq!(
        (settings.channels, settings.default_format.channels),
        (1, 1)
    );
    let problem = Problem::OutOfRange { found: 2 };
    assert_eq!(problems, [(Setting::DefaultChannels, problem)]);
}

/// A text that is a name, and how it is shown.
fn name(text_in: &str, expect: Option<&str>) {
    for terminated in [text_in.to_string(), std::format!("{text_in}\0")] {
        let (settings, problems) = read(&[(Setting::RenderName, SZ, text(&terminated))]);
        assert_eq!(problems, [], "{text_in:?}");
        assert_eq!(shown(settings.render_name).as_deref(), expect);
        assert_eq!(settings.capture_name, None);
    }
}

#[test]
fn names_are_what_people_can_read() {
    name("Studio", Some("Studio"));
    name("  Studio A  ", Some("Studio A"));
    name("Übertragung 音声 🎧", Some("Übertragung 音声 🎧"));
    name("", None);
    name("   ", None);
    name(&"x".repeat(60), Some(&"x".repeat(60)));
    name(
        &std::format!("{}{}", "x".repeat(58), "🎧"),
        Some(&std::format!("{}{}", "x".repeat(58), "🎧")),
    );
}

#[test]
fn names_that_nobody_can_read_are_refused() {
    let bad = |units: Vec<u16>, error: NameError| {
        refused(Setting::RenderName, SZ, wide(units), Problem::Name(error));
    };
    let x = || std::iter::repeat_n(u16::from(b'x'), 61).collect::<Vec<_>>();
    bad(x(), NameError::TooLong { units: 61 });
    for unit in [
        0, 0xA, 0x1F, 0x7F, 0x9F, 0x202E, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF,
    ] {
        bad(
            std::vec![65, unit, 66],
            NameError::Character { unit, at: 1 },
        );
    }
    for half in [0xD800, 0xDC00] {
        bad(
            std::vec![65, half, 66],
            NameError::Character { unit: half, at: 1 },
        );
        bad(
            std::vec![65, half],
            NameError::Character { unit: half, at: 1 },
        );
    }
}

#[test]
fn cables_after_the_first_have_their_number() {
    let (settings, _) = read(&[(Setting::RenderName, SZ, text(&"n".repeat(60)))]);
    let name = settings.render_name.unwrap();
    assert_eq!(name.of_cable(1), name);
    let eighth = shown(Some(name.of_cable(8))).unwrap();
    assert_eq!(eighth, std::format!("{} 8", "n".repeat(60)));
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn whatever_stands_in_the_registry_the_settings_are_in_range(
        values in prop::collection::vec(
            (
                prop::sample::select(&Setting::ALL[..]),
                prop_oneof![Just(SZ), Just(DWORD), 0..16_u32],
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..140),
                    (0..40_u32).prop_map(|number| number.to_le_bytes().to_vec()),
                    ".{0,70}".prop_map(|name| text(&name)),
                    prop::collection::vec(any::<u16>(), 0..70).prop_map(wide),
                ],
            ),
            0..10,
        ),
    ) {
        let (settings, problems) = read(&values);
        prop_assert!((1..=MAX_CABLES).contains(&settings.cables));
        prop_assert!((1..=MAX_CHANNELS).contains(&settings.channels));
        let format = settings.default_format;
        prop_assert!((1..=settings.channels).contains(&format.channels));
        prop_assert!(RATES.contains(&format.rate));
        for name in [settings.render_name, settings.capture_name].into_iter().flatten() {
            for number in (0..=u8::MAX).step_by(if cfg!(miri) { 85 } else { 1 }) {
                let units = name.of_cable(number).units().to_vec();
                let text = String::from_utf16(&units).expect("whole characters");
                prop_assert!(units.len() <= Name::MAX_UNITS + 2 && text == text.trim_matches(' '));
                prop_assert!(!text.is_empty() && !text.chars().any(char::is_control));
            }
        }
        // Who complains about a setting has left it at its default.
        for (setting, _) in problems {
            let default = Settings::default();
            let same = match setting {
                Setting::Cables => settings.cables == default.cables,
                Setting::Channels => settings.channels == default.channels,
                Setting::DefaultRate => format.rate == default.default_format.rate,
                Setting::DefaultSample => format.sample == default.default_format.sample,
                Setting::DefaultChannels => format.channels == default.default_format.channels.min(settings.channels),
                Setting::RenderName => settings.render_name.is_none(),
                Setting::CaptureName => settings.capture_name.is_none(),
            };
            prop_assert!(same, "{:?}", setting);
        }
    }
}
