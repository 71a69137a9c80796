//! Wrong scenario files and wrong names: each error names the place and what is allowed.

use super::*;

const GOOD: &str = r#"about = "A tone."
duration_ms = 2000
signal = { kind = "sine", frequency = 1000.0, level_db = -6.0 }
format = { rate = 48000, channels = 2, sample = "pcm16" }
client = { kind = "event-driven", packet_frames = 480 }
disturbance = [{ kind = "client-stall", at_ms = 1000, for_ms = 163 }]

[tap]
read_frames = 48

[limits]
position = "1 frame"
"#;

fn parse(text: &str) -> Result<ScenarioFile, ScenarioError> {
    ScenarioFile::parse(Path::new("ci/scenarios/tone.toml"), text)
}

#[test]
fn a_good_file_is_read() {
    let file = parse(GOOD).expect("a good file");
    assert_eq!(file.name(), "tone");
    assert_eq!(file.scenario.frames(), 96_000);
    assert_eq!(file.limits.position.0, 1);
    assert_eq!(file.limits.drift, Limits::default().drift);
}

/// Replaces a part of the good file and expects an error.
fn check(from: &str, to: &str, expect: &str) {
    assert!(GOOD.contains(from), "{from}");
    let error = parse(&GOOD.replace(from, to)).expect_err(to).to_string();
    assert!(
        error.starts_with("ci/scenarios/tone.toml:") && error.contains(expect),
        "{error:?} does not say {expect:?}"
    );
}

#[test]
fn wrong_files_are_named_with_line_and_what_is_allowed() {
    check(
        "\"1 frame\"",
        "\"1\"",
        ":12: \"1\" is not a count such as \"0 frames\"",
    );
    check("\"1 frame\"", "1", ":12: invalid type: integer");
    check(
        "position =",
        "positon =",
        ":12: unknown field `positon`, expected one of `position`",
    );
    check("[tap]", "[tab]", ":8: unknown field `tab`");
    check(
        "\"pcm16\"",
        "\"pcm17\"",
        ":4: unknown variant `pcm17`, expected one of `pcm16`",
    );
    check("\"sine\"", "\"sinus\"", ":3: unknown variant `sinus`");
    check("duration_ms = 2000", "", "missing field `duration_ms`");
    check(
        "duration_ms = 2000",
        "duration_ms = 0",
        ":2: duration_ms = 0; allowed: 1 to 600000",
    );
    check(
        "duration_ms = 2000",
        "duration_ms = -5",
        ":2: invalid value: integer `-5`",
    );
    check("duration_ms = 2000", "duration_ms = ", ":2: ");
    check("1000.0", "24000.0", ":3: a sine of 24000 Hz does not fit");
    check("-6.0", "6.0", ":3: a sine's level of 6 dB");
    check(
        "rate = 48000",
        "rate = 0",
        ":4: 0 Hz with 2 channels; allowed: 8000 to 192000 Hz",
    );
    check(
        "channels = 2",
        "channels = 17",
        ":4: 48000 Hz with 17 channels",
    );
    check(
        "packet_frames = 480",
        "packet_frames = 0",
        ":5: packet_frames = 0; allowed",
    );
    check(
        "{ kind = \"event-driven\", packet_frames = 480 }",
        "{ kind = \"polling\", buffer_frames = 480, interval_ms = 10 }",
        ":5: interval_ms = 10; allowed: at least 1 and below the buffer's 10 ms",
    );
    check("read_frames = 48", "read_frames = 0", ":8: read_frames = 0");
    check(
        "for_ms = 163",
        "for_ms = 1000",
        ":6: a stall of 1000 ms at 1000 ms; it must",
    );
}

fn choose(filter: Option<&str>) -> String {
    let all: Vec<ScenarioFile> = [
        "counter-16bit",
        "counter-24bit",
        "counter-24bit-1ms",
        "sine",
    ]
    .iter()
    .map(|name| {
        let path = PathBuf::from(format!("{name}.toml"));
        ScenarioFile::parse(&path, GOOD).expect("a good file")
    })
    .collect();
    match select(&all, filter) {
        Ok(chosen) => chosen
            .iter()
            .map(|file| file.name())
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn names_choose_scenarios() {
    assert_eq!(
        choose(None),
        "counter-16bit counter-24bit counter-24bit-1ms sine"
    );
    assert_eq!(choose(Some("counter-24bit")), "counter-24bit");
    assert_eq!(
        choose(Some("bit")),
        "counter-16bit counter-24bit counter-24bit-1ms"
    );
    let all = "There are: counter-16bit, counter-24bit, counter-24bit-1ms, sine";
    assert_eq!(
        choose(Some("conter-24bit")),
        format!("no scenario is called \"conter-24bit\"; did you mean counter-24bit? {all}")
    );
    assert_eq!(
        choose(Some("xyz")),
        format!("no scenario is called \"xyz\". {all}")
    );
    assert!(choose(Some("")).starts_with("no scenario is called \"\""));
}

#[test]
fn a_missing_folder_is_named() {
    let error = load_all(Path::new("ci/no-such-folder")).expect_err("it is not there");
    assert!(
        error.to_string().contains("cannot read ci/no-such-folder"),
        "{error}"
    );
}
