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
        ":6: a disturbance of 1000 ms at 1000 ms; it must",
    );
    check(
        "disturbance = [{ kind = \"client-stall\", at_ms = 1000, for_ms = 163 }]",
        "disturbance = [{ kind = \"surprise-removal\", at_ms = 5 }, { kind = \"sleep\", at_ms = 9, for_ms = 1 }]",
        ":6: a disturbance at 5 ms; those of the whole machine stand in order",
    );
    check(
        "\"client-stall\", at_ms = 1000, for_ms = 163",
        "\"sleep\", at_ms = 1000, for_ms = 0",
        ":6: a disturbance of 0 ms at 1000 ms; it must",
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

/// Adds tables to the good file and expects an error, or none.
fn check_programs(tables: &str, expect: &str) {
    let said = match parse(&format!("{GOOD}\n{tables}")) {
        Ok(_) => "good".into(),
        Err(error) => error.to_string(),
    };
    assert!(said.contains(expect), "{said:?} does not say {expect:?}");
}

#[test]
fn further_programs_are_checked_as_the_main_ones_are() {
    let client = "client = { kind = \"event-driven\", packet_frames = 480 }\n";
    let format = "format = { rate = 44100, channels = 2, sample = \"pcm24\" }\n";
    let counter = "signal = { kind = \"counter\" }\n";
    let recorder = format!("[[recorder]]\n{client}");
    check_programs(&format!("{recorder}stop_ms = 10"), "good");
    check_programs(&recorder, "missing field `stop_ms`");
    check_programs(
        &format!("{recorder}start_ms = 20\nstop_ms = 10"),
        ":14: start_ms = 20, stop_ms = 10; stop_ms must",
    );
    check_programs(
        &format!("{recorder}stop_ms = 10\ncable = 9"),
        "cable = 9; allowed: 1 to 8",
    );
    check_programs(
        &format!("{recorder}stop_ms = 10\ncable = 2"),
        "nothing plays on cable 2, so the recorder must",
    );
    check_programs(
        &format!("{recorder}stop_ms = 10\ncable = 2\n{format}"),
        "good",
    );
    check_programs(
        &format!(
            "{recorder}stop_ms = 10\ndisturbance = [{{ kind = \"timer-stall\", at_ms = 1, for_ms = 1 }}]"
        ),
        "happens to the whole machine",
    );
    check_programs(
        &format!(
            "{recorder}stop_ms = 10\ndisturbance = [{{ kind = \"client-stall\", at_ms = 5, for_ms = 5 }}]"
        ),
        "a disturbance of 5 ms at 5 ms",
    );
    let player = format!("[[player]]\nduration_ms = 100\n{format}{client}{counter}");
    check_programs(&format!("{player}cable = 2"), "good");
    check_programs(&format!("{player}cable = 0"), "cable = 0; allowed: 1 to 8");
    check_programs(
        &format!("{player}cable = 1"),
        "starts at 0 ms on cable 1, where another player starts no earlier",
    );
    check_programs(
        &format!("{player}cable = 2\n{player}cable = 2"),
        "starts at 0 ms on cable 2",
    );
    let later = format!("{player}cable = 2\n{player}cable = 2\nstart_ms = 200\n");
    check_programs(&later, "good");
    check_programs(&format!("{later}again = true"), "good");
    check_programs(
        &format!("{player}cable = 2\nagain = true"),
        "again: the player before it on the cable",
    );
    check_programs(
        &format!("{player}cable = 2\nstart_ms = 5\nstop_ms = 5"),
        "stop_ms must be later",
    );
    let again = format!("{recorder}stop_ms = 10\n{recorder}again = true\n");
    check_programs(&format!("{again}start_ms = 11\nstop_ms = 20"), "good");
    check_programs(
        &format!("{again}start_ms = 10\nstop_ms = 20"),
        "again: the recorder before it",
    );
    let tap = "[[tap-client]]\nread_frames = 48\n";
    check_programs(tap, "good");
    check_programs(
        &format!("{later}{tap}cable = 2"),
        "2 programs play on its cable one after the other",
    );
    check_programs(
        &format!("{tap}reads = 65"),
        "reads = 65; allowed: 1 to 192000 frames, 1 to 64 reads",
    );
    check_programs(
        &format!("{tap}open_ms = 5\nclose_ms = 5"),
        "close_ms must be later",
    );
    check_programs(&tap.repeat(17), "more than 16 programs of this kind");
}
