//! Drivers in C++ that know nothing of this project (`vm/sim/tests/foreign`), built with clang and tried out by the simulator alone: a WaveRT
//! driver, what it plays and records, and what is said of each deliberate fault in it; and what becomes of every kind of exception.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use waverig_kit::{CppDriver, SystemRunner, Workspace, build_cpp};
use waverig_protocol::scenario::{Format, Sample, Signal};
use waverig_signal::Generator;

use crate::rig::{Rig, Run, root, run, xtask};

const FOREIGN: &str = "vm/sim/tests/foreign";
/// Bytes of a frame: 24 bit, stereo.
const FRAME: usize = 6;
/// What stands before the frames of a WAVE file of PCM.
const HEADER: usize = 44;

/// Builds `name` with these names defined.
fn built(name: &str, source: &str, defines: &[&str]) -> PathBuf {
    let folder = [&[name], defines].concat().join("-").to_lowercase();
    let driver = CppDriver {
        name: name.into(),
        source: root().join(FOREIGN).join(name).join(source),
        defines: defines.iter().map(|&name| name.to_owned()).collect(),
        output: Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder),
    };
    build_cpp(&SystemRunner, &Workspace::new(root()), &driver).expect("the driver is built")
}

/// The WaveRT driver as it should be.
pub(crate) fn desk() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("desk", "all.cpp", &[])).clone()
}

/// The WaveRT driver with a fault, which one its INF says.
pub(crate) fn faulty_desk() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| built("desk", "all.cpp", &["DESK_FAULTS"]))
        .clone()
}

/// An INF that says so, by a number of desk.h.
pub(crate) fn faulty_inf(rig: &Rig, fault: u32) -> PathBuf {
    let file = rig.folder.join("desk.inf");
    let text = fs::read_to_string(of_desk("desk.inf")).expect("the INF is there");
    let value = format!("HKR,,SaveStreams,0x00010001,1\nHKR,,Fault,0x00010001,{fault}");
    let edited = text.replace("HKR,,SaveStreams,0x00010001,1", &value);
    assert_ne!(text, edited, "the value is in the INF");
    fs::write(&file, edited).expect("the test's own folder");
    file
}

/// Tries the driver out, with its INF as it is.
fn simulate(image: &Path, inf: &Path, more: &[&Path]) -> Run {
    let mut command = xtask();
    command.arg("__simulator").arg(image).arg("--inf").arg(inf);
    run(command.args(more))
}

/// A file of the WaveRT driver's.
pub(crate) fn of_desk(file: &str) -> PathBuf {
    root().join(FOREIGN).join("desk").join(file)
}

/// What a client of the scenario plays: its first frames.
fn played(frames: usize) -> Vec<u8> {
    let format = Format {
        rate: 48_000,
        channels: 2,
        sample: Sample::Pcm24,
    };
    let signal = Generator::new(&Signal::Counter, format).expect("the signal fits");
    signal.bytes(0..frames as u64)
}

#[test]
fn a_driver_in_cpp_plays_into_its_file_and_records_what_it_says() {
    let rig = Rig::new("desk-good");
    let out = rig.folder.join("out");
    let words = [
        "--inspect".as_ref(),
        "--scenario".as_ref(),
        &*of_desk("desk.toml"),
        "--out".as_ref(),
        &*out,
    ];
    let image = desk();
    let said = simulate(&image, &of_desk("desk.inf"), &words).expect(
        0,
        &[
            "endpoint: Speakers (Desk) (playback, speakers)",
            "endpoint: Microphone (Desk) (recording, microphone)",
            "pin 1 of TopologySpeaker, KSNODETYPE_SPEAKER",
            "pin 0 of TopologyMicrophone, KSNODETYPE_MICROPHONE",
            "timing: main",
            "passed",
        ],
    );
    assert!(!said.err.contains("error["), "{}", said.err);
    assert!(
        !said.out.contains("is not in the simulator"),
        "{}",
        said.out
    );
    let printed = fs::read_to_string(out.join("printed.log")).expect("it was kept");
    for line in [
        "desk: rights 00000000, copy protection 0",
        "desk: class MEDIA, SaveStreams 00000000",
    ] {
        assert!(printed.contains(line), "no {line:?} in\n{printed}");
    }
    // The last file that it made is the one of the scenario: probing the pin makes files, too.
    let files = out.join("files/DosDevices/C/Windows/Temp");
    let files = fs::read_dir(files).expect("files were saved");
    let saved =
        files.map(|file| fs::read(file.expect("it is listed").path()).expect("it is there"));
    let saved = saved.max_by_key(Vec::len).expect("a file was saved");
    let frames = (saved.len() - HEADER) / FRAME;
    assert!(frames >= 14_400, "{frames} frames of 300 ms were saved");
    let mut expect = played(14_400);
    expect.resize(frames * FRAME, 0);
    assert!(
        saved[HEADER..] == expect,
        "the file holds what was played, then silence"
    );
    assert_eq!(saved[40..HEADER], u32::to_le_bytes((frames * FRAME) as u32));
    let recorded = fs::read(out.join("recorder-1.wav")).expect("the microphone was recorded");
    let data = recorded.windows(4).position(|four| four == b"data");
    let frames = recorded[data.expect("it has audio") + 8..].chunks_exact(FRAME);
    assert!(
        frames.len() >= 9_600,
        "{} frames of 200 ms were recorded",
        frames.len()
    );
    let count = frames.len() as u32;
    let numbers = frames.map(|frame| u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]));
    assert!(numbers.eq(0..count), "each frame is its number");
}

#[test]
fn each_fault_of_a_driver_in_cpp_is_told_for_what_it_is() {
    let image = faulty_desk();
    // The numbers are those of desk.h.
    let check = |name: &str, fault: u32, expect: &[&str]| {
        let rig = Rig::new(&format!("desk-{name}"));
        let file = faulty_inf(&rig, fault);
        let scenario = of_desk("desk.toml");
        let words = ["--scenario".as_ref(), &*scenario];
        let said = simulate(&image, &file, &words).expect(1, expect);
        // Each finding ends in the command that plays it again.
        let replay = format!(
            "replay: waverig-sim {} --inf {} --scenario {}\n",
            image.display(),
            file.display(),
            scenario.display()
        );
        let (found, told) = (said.err.matches("error["), said.err.matches(&*replay));
        assert_eq!(found.count(), told.count(), "{}", said.err);
    };
    check(
        "missing-import",
        1,
        &[
            "error[missing-import]: import ntoskrnl.exe!KeQueryRuntimeThread is not in the simulator: add one row for it to",
            "--> Commit, /desk/adapter.cpp:",
        ],
    );
    check("no-bridge", 2, &["no endpoint: ", "endpoint-"]);
    check(
        "fast-fail",
        3,
        &[
            "error[fast-fail]: ",
            "fast-fail code 3 (FAST_FAIL_CORRUPT_LIST_ENTRY)",
            "0x139 KERNEL_SECURITY_CHECK_FAILURE",
            "Commit, /desk/adapter.cpp:",
        ],
    );
    check(
        "leak",
        4,
        &[
            "error[pool-leak]: ",
            "1 allocation(s), 100 bytes with tag 'Desk'",
            "Commit, /desk/adapter.cpp:",
        ],
    );
    check(
        "write-raised",
        5,
        &[
            "error[irql-ceiling]: ZwWriteFile was called at DISPATCH_LEVEL; it may be called at PASSIVE_LEVEL",
            "Save::Write, /desk/save.cpp:",
        ],
    );
    check(
        "jack",
        7,
        &[
            "error[jack-description]: pin 1 of \"TopologySpeaker\": KSPROPERTY_JACK_DESCRIPTION3: 12 bytes were announced; then it returned STATUS_SUCCESS with 12 bytes, a size of 12 and 2 items",
        ],
    );
    check(
        "unhandled",
        6,
        &[
            "error[exception]: the exception STATUS_DEVICE_DATA_ERROR is raised, and no frame of the driver",
            "0x1E KMODE_EXCEPTION_NOT_HANDLED",
            "Commit, /desk/adapter.cpp:",
        ],
    );
}

/// Loads and unloads a driver of exceptions.
fn exceptions(defines: &[&str], code: i32, expect: &[&str]) -> Run {
    let mut command = xtask();
    command.args(["__simulator", "load"]);
    run(command.arg(built("seh", "seh.cpp", defines))).expect(code, expect)
}

#[test]
fn exceptions_go_where_a_driver_in_cpp_handles_them() {
    // What was raised, and the steps: t(ry), r(aise), f(ilter), A(bnormal end) and n(ormal end) of a __finally, (e)x(cept), c(ontinued).
    let said = exceptions(&[], 0, &[]);
    let lines: Vec<&str> = said.out.lines().collect();
    let expect = [
        "deep: c000000d rx",
        "registers: 00000264 rrr",
        "finally: 00000103 trAx",
        "finally without: 00000000 tn",
        "finally raises: c0000008 r1r2x",
        "search on: c0000017 rsx",
        "search ends: 00000000 rsx",
        "go on: 00000000 fc",
        "null pointer: 000007f8 fx",
        "division: c0000094 x",
        "passed over: 00000000 fc",
        "probe kernel: c0000005 x",
        "probe nothing: 00000000",
        "probe odd: 80000002 x",
        "probe for write: c0000005 x",
        "lock own: 00000000 l",
        "lock nothing: c0000005 x",
        "nested: c0000002 rxrx",
    ];
    let expect = expect.map(|line| format!("1.0000000 s: {line}"));
    assert_eq!(lines, expect);
}

#[test]
fn what_no_handler_may_take_ends_the_machine() {
    exceptions(
        &["SEH_RAISED"],
        97,
        &[
            "error[access-violation]: the driver reads memory that is not there: 0x7f8",
            "0xD1 DRIVER_IRQL_NOT_LESS_OR_EQUAL",
            "--> Read, /seh/seh.cpp:",
        ],
    );
    exceptions(
        &["SEH_FREED"],
        97,
        &["error[pool-freed]: ", "--> Read, /seh/seh.cpp:"],
    );
    exceptions(
        &["SEH_FILTER"],
        97,
        &[
            "error[access-violation]: the driver reads memory that is not there: 0x7f8",
            "the kernel calls exception filter",
            "--> Read, /seh/seh.cpp:",
        ],
    );
}

#[test]
fn what_is_found_at_a_return_is_told_of_the_routine_that_returned() {
    let said = exceptions(
        &["SEH_LEFT_RAISED"],
        1,
        &[
            "DriverEntry was called at PASSIVE_LEVEL and returned at DISPATCH_LEVEL\n --> DriverEntry, /seh/seh.cpp:",
        ],
    );
    assert!(said.out.contains("error[irql-balance]"), "{}", said.out);
}

/// Loads and unloads a driver of system threads.
fn threads(defines: &[&str], code: i32, expect: &[&str]) -> Run {
    let mut command = xtask();
    command.args(["__simulator", "load"]);
    run(command.arg(built("threads", "threads.cpp", defines))).expect(code, expect)
}

#[test]
fn system_threads_of_a_driver_in_cpp_wait_for_each_other() {
    let said = threads(&[], 0, &[]);
    // Milliseconds since DriverEntry, without what timers are late by.
    let lines: Vec<&str> = said
        .out
        .lines()
        .filter_map(|line| line.split_once("s: "))
        .map(|(_, text)| text)
        .collect();
    let words: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, what)| what)
        .collect();
    let expect = [
        "a has it",
        "a gives it",
        "b has it",
        "b gives it",
        "a has it",
        "a gives it",
        "a handles",
        "b has it",
        "b gives it",
        "b handles",
        "b returns",
        "a has ended",
        "b has ended",
    ];
    assert_eq!(words, expect, "{}", said.out);
    let times = lines
        .iter()
        .filter_map(|line| line.split(' ').next()?.parse::<u32>().ok());
    assert!(times.is_sorted(), "{}", said.out);
    threads(
        &["THREAD_LEFT"],
        1,
        &[
            "error[thread-leak]: the system thread at 0x",
            "runs in the driver that is unloaded",
        ],
    );
}
