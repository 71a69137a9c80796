//! Real virtual machines: a Linux guest under QEMU, whatever goes wrong with it.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::rig::{Rig, Run, root, run, xtask};
use crate::triage;

/// A short scenario with a tap, a device and a stream.
const SCENARIO: &str = "sine-16bit-event";

/// The words that play it in a guest.
pub(crate) const IN_GUEST: &[&str] = &["vm-test", "--machine", "qemu", "--filter", SCENARIO];

/// The words that let guests go wrong, in one way of each kind; without a filter cargo xtask sabotage does all.
pub(crate) const SABOTAGE: &[&str] = &[
    "sabotage",
    "--filter",
    "hang:run,crash:run,garble:run,fill:trust",
];

/// The words that make an installation medium, and a base image of it.
pub(crate) const MAKE_MEDIUM: &[&str] = &["image", "medium", "--iso", "linux.iso"];
pub(crate) const BUILD_IMAGE: &[&str] = &["image", "build", "--iso", "linux.iso", "--linux"];

/// The words that leave a guest up.
pub(crate) const LOOK_AT: &[&str] = &["debug", "--machine", "qemu", "--filter", SCENARIO];

#[test]
fn guests_side_by_side_give_the_same_bytes_as_this_host() {
    let rigs = ["qemu-one", "qemu-two"].map(Rig::with_package);
    // One guest plays in its first boot, the other in its second.
    let restarted = [IN_GUEST, &["--restart"]].concat();
    thread::scope(|scope| {
        for (rig, words) in rigs.iter().zip([IN_GUEST, &restarted]) {
            let expect = [
                "guests that came up",
                "the guests' own timers: of 100 waits",
                "memory: holds",
                "1 of 1",
            ];
            scope.spawn(move || rig.xtask(words).expect(0, &expect));
        }
    });
    for (rig, boots) in rigs.iter().zip(["1\n", "2\n"]) {
        let file = "runs/qemu/guests/1/result/boots.txt";
        let told = fs::read_to_string(rig.folder.join(file)).expect("it came home");
        assert_eq!(told, boots);
    }
    let here = Rig::with_package("qemu-here");
    here.xtask(&["vm-test", "--machine", "sim", "--filter", SCENARIO])
        .expect(0, &["1 of 1"]);
    for rig in &rigs {
        for file in ["capture.wav", "timeline.jsonl", "events.jsonl"] {
            let of = |rig: &Rig, machine: &str| {
                let path = rig.folder.join("runs").join(machine).join(SCENARIO);
                fs::read(path.join(file)).expect("a run writes its evidence")
            };
            let same = of(rig, "qemu") == of(&here, "sim");
            assert!(same, "{file} of the guest is not that of this host");
        }
        nothing_left(&rig.folder);
    }
}

#[test]
fn a_guest_of_a_base_image_plays_over_its_serial_port_and_leaves_the_image_alone() {
    let rig = Rig::with_package("qemu-image");
    let base = rig.folder.join("base.vhdx");
    let of = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let image = ["--image".to_owned(), base.display().to_string()];
        let all = [words, image.to_vec()].concat();
        rig.xtask(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    of(IN_GUEST).expect(1, &["lacks its manifest", "cargo xtask image build"]);
    // A medium, answers, an empty disk, the agent's hello, and a guest of what was made.
    of(&of_medium(BUILD_IMAGE)).expect(0, &["made: ", "base.vhdx"]);
    nothing_left(&rig.folder);
    // Its second session does not find the package on the disk any more, and plays all the same.
    let hidden = [IN_GUEST, &["--sabotage", "hide:shutdown"]].concat();
    let expect = [
        "guests that came up: 1",
        "package files came from the payload disk, in sessions: 1",
        "package files came over the line, in sessions: 1",
        "on the payload disk cannot be read",
        "1 of 1",
    ];
    of(&hidden).expect(0, &expect);
    nothing_left(&rig.folder);
    let verify = || run(xtask().args(["image", "verify", "--image"]).arg(&base));
    let inputs = ["linux.iso", "AUTOUNATTEND.XML", "AGENT.EXE", "SETUP.PS1"];
    verify().expect(0, &[&["is what was made"], &inputs[..]].concat());
    let file = fs::OpenOptions::new().append(true).open(&base);
    file.and_then(|mut file| file.write_all(b"x"))
        .expect("the test's own file");
    verify().expect(1, &["was changed since it was made"]);
}

/// The medium of the rig's own guest, made once.
fn medium() -> &'static str {
    static MEDIUM: OnceLock<(Rig, String)> = OnceLock::new();
    let (_, file) = MEDIUM.get_or_init(|| {
        let rig = Rig::new("qemu-medium");
        let file = rig.folder.join("linux.iso").display().to_string();
        let words = MAKE_MEDIUM.iter();
        let words: Vec<&str> = words
            .map(|word| match *word {
                "linux.iso" => file.as_str(),
                word => word,
            })
            .collect();
        rig.xtask(&words).expect(0, &["made: ", "linux.iso"]);
        (rig, file)
    });
    file
}

/// Words with that medium's name in its place.
fn of_medium(words: &[&'static str]) -> Vec<&'static str> {
    let named = |word: &&'static str| {
        if *word == "linux.iso" {
            medium()
        } else {
            *word
        }
    };
    words.iter().map(named).collect()
}

#[test]
fn an_installation_that_cannot_begin_or_does_not_end_is_told_and_leaves_no_image() {
    let rig = Rig::new("qemu-no-end");
    let path = |name: &str| rig.folder.join(name).display().to_string();
    let image = path("base.vhdx");
    let build = |medium: &str, more: &[&str]| {
        let words = ["image", "build", "--iso", medium, "--image", &image];
        rig.xtask(&[&words, more].concat())
    };
    build(&path("none.iso"), &[]).expect(2, &["none.iso", "No such file", "--iso"]);
    fs::write(path("text.iso"), "no disc").expect("the test's own folder");
    build(&path("text.iso"), &[]).expect(2, &["no image of a disc"]);
    // A disc that nothing can be started from, before which the firmware waits for ever.
    let mut disc = vec![0; 20 * 2048];
    disc[16 * 2048..16 * 2048 + 6].copy_from_slice(b"\x01CD001");
    fs::write(path("empty.iso"), disc).expect("the test's own folder");
    build(&path("empty.iso"), &["--machine", "hyperv"]).expect(3, &["needs a Windows host"]);
    let late = ["--linux", "--accel", "tcg", "--deadline", "3"];
    build(&path("empty.iso"), &late).expect(1, &["was not up within 3 s", "screen.png"]);
    let screen = rig.folder.join("runs/qemu/install/screen.png");
    assert!(screen.is_file(), "the screen is not kept");
    assert!(!Path::new(&image).exists(), "there is an image");
    nothing_left(&rig.folder);
}

#[test]
fn an_installation_without_answers_waits_until_somebody_ends_it() {
    let rig = Rig::new("qemu-no-answers");
    let image = rig.folder.join("base.img");
    let mut waiting = xtask()
        .args(of_medium(BUILD_IMAGE))
        .args(["--sabotage", "drop:answers", "--image"])
        .arg(&image)
        .arg("--out")
        .arg(&rig.folder)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let said = BufReader::new(waiting.stderr.take().expect("it is piped"));
    let mut lines = said.lines().map_while(Result::ok);
    let log = rig.folder.join("machines/1/serial.log");
    let says = |_: String| {
        let log = fs::read(&log).unwrap_or_default();
        String::from_utf8_lossy(&log).contains("there is no answer file on any removable medium")
    };
    // One line every ten seconds.
    assert!(lines.any(says), "it ended before it asked for answers");
    interrupt(&waiting);
    let rest: Vec<String> = lines.collect();
    assert!(rest.concat().contains("interrupted"), "{rest:?}");
    assert_eq!(waiting.wait().expect("it ends").code(), Some(1));
    assert!(!image.exists(), "there is an image");
    assert!(!rig.folder.join("setup").exists(), "its disks are left");
    nothing_left(&rig.folder);
}

/// What Ctrl-C sends.
fn interrupt(process: &Child) {
    let signalled = Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status()
        .expect("kill(1) can be started");
    assert!(signalled.success());
}

#[test]
fn whatever_a_guest_does_the_run_ends_in_a_verdict() {
    Rig::with_package("qemu-sabotage")
        .xtask(&[SABOTAGE, &["--deadline", "20"]].concat())
        .expect(0, &["4 of 4 ended as they must"]);
}

#[test]
fn a_crash_dump_comes_home_and_names_the_place_whole_or_damaged() {
    let rigs = ["qemu-dump", "qemu-dump-cut"].map(Rig::with_package);
    let image = fs::read(rigs[0].package().join("waverig.sys")).expect("the package has an image");
    let whole = triage::dump(
        &image,
        0x7E,
        triage::WAVERIG + 0x1000,
        &[triage::NT + 0x1234],
    );
    // The header is whole, and says why.
    let cut = whole[..0x2100].to_vec();
    let expect = [
        // Where in the driver, by the second parameter.
        [
            "bug check 0x7E SYSTEM_THREAD_EXCEPTION",
            "waverig.sys+0x1000 ",
        ],
        ["is kept and says nothing: ", "bug check 0x7E"],
    ];
    thread::scope(|scope| {
        for ((rig, dump), expect) in rigs.iter().zip([&whole, &cut]).zip(expect) {
            scope.spawn(move || {
                let file = rig.folder.join("crash.dmp");
                fs::write(&file, dump).expect("the test's own folder");
                let file = file.display().to_string();
                let words = [
                    "--sabotage",
                    "crash:run",
                    "--deadline",
                    "60",
                    "--dump",
                    &file,
                ];
                let size = format!("its dump memory.dmp ({} bytes)", dump.len());
                let words = [IN_GUEST, &words].concat();
                let told = [
                    &["the guest crashed", &size, "result/memory.dmp"][..],
                    &expect,
                ]
                .concat();
                rig.xtask(&words).expect(1, &told);
                let read = |name: &str| fs::read(rig.folder.join(name));
                let summary = read("summary.md").expect("a report was written");
                let summary = String::from_utf8(summary).expect("it is text");
                assert!(summary.contains(&size), "{summary}");
                let home = format!("runs/qemu/{SCENARIO}/result/memory.dmp");
                assert!(read(&home).expect("it came home") == *dump);
            });
        }
    });
    let file = format!("runs/qemu/{SCENARIO}/result/memory.dmp.json");
    let json = fs::read_to_string(rigs[0].folder.join(file)).expect("its triage lies beside it");
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["driver"]["offset"], "0x1000");
    rigs.iter().for_each(|rig| nothing_left(&rig.folder));
}

#[test]
fn a_killed_rig_takes_its_machines_along_and_the_next_run_cleans_up() {
    let rig = Rig::with_package("qemu-killed");
    let mut hanging = playing(&rig);
    hanging.kill().expect("it is running");
    hanging.wait().expect("it was killed");
    let machines = rig.folder.join("machines");
    assert!(machines.join("1").is_dir(), "there is nothing to clean up");
    // The kernel ends QEMU when the rig is gone; nothing else here can tell when it has.
    let end = Instant::now() + Duration::from_secs(60);
    while working_in(&machines) {
        assert!(Instant::now() < end, "QEMU outlives the rig");
        thread::yield_now();
    }
    rig.xtask(IN_GUEST)
        .expect(0, &["left by a run that was killed", "1 of 1"]);
    nothing_left(&rig.folder);
}

#[test]
fn an_interrupted_run_ends_with_a_report() {
    let rig = Rig::with_package("qemu-interrupted");
    let mut hanging = playing(&rig);
    interrupt(&hanging);
    let status = hanging.wait().expect("it ends");
    assert_eq!(status.code(), Some(1));
    let summary = fs::read_to_string(rig.folder.join("summary.md")).expect("a report was written");
    assert!(summary.contains("interrupted"), "{summary}");
    nothing_left(&rig.folder);
}

#[test]
fn a_host_out_of_space_says_so_and_starts_nothing() {
    let rig = Rig::with_package("qemu-space");
    // What all runs share, the kernel and the agent, is made while there is room: the disk is what must not fit.
    rig.xtask(IN_GUEST).expect(0, &["1 of 1"]);
    // Files may have 24 MiB, too few for the disk with the simulator; the signal that would end the program for it is ignored.
    let script = "trap '' XFSZ; ulimit -f 24576; exec \"$0\" \"$@\"";
    let ended: Run = run(Command::new("bash")
        .args(["-c", script])
        .arg(xtask().get_program())
        .args(IN_GUEST)
        .arg("--out")
        .arg(&rig.folder));
    ended.expect(1, &["payload.img", "File too large"]);
    nothing_left(&rig.folder);
}

#[test]
fn a_machine_that_failed_stays_up_for_whoever_debugs() {
    let rig = Rig::with_package("qemu-debug");
    let mut debug = xtask()
        .args(LOOK_AT)
        .args(["--sabotage", "hang:run", "--deadline", "20", "--out"])
        .arg(&rig.folder)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let said = BufReader::new(debug.stdout.take().expect("it is piped"));
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("it gave no answer in time")));
    // A socket's whole name may have 107 bytes, so it is reached through the folder.
    let folder = fs::File::open(rig.folder.join("machines/1")).expect("the machine is there");
    let connect = |name: &str| {
        let path = format!("/proc/self/fd/{}/{name}", folder.as_raw_fd());
        UnixStream::connect(path).expect("QEMU listens")
    };
    let (mut monitor, mut console) = (connect("human.sock"), connect("console.sock"));
    writeln!(monitor, "info status").expect("it takes a line");
    until(&mut monitor, "VM status: running");
    writeln!(monitor, "chardev-send-break console").expect("it takes a line");
    until(&mut monitor, "console\u{1b}[K\r\n(qemu)");
    console.write_all(b"h").expect("the guest takes a key");
    until(&mut console, "sysrq: HELP");
    drop(debug.stdin.take());
    let rest: Vec<String> = lines.collect();
    assert!(rest.concat().contains("the machine is ended"), "{rest:?}");
    let status = debug.wait().expect("it ends");
    assert_eq!(
        status.code(),
        Some(1),
        "a run that failed is none that passed"
    );
    nothing_left(&rig.folder);
}

/// Reads until the other end has said this; a guest that does not say it is ended with the test.
fn until(stream: &mut UnixStream, what: &str) {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a socket has a deadline");
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&said).contains(what) {
        let count = stream.read(&mut piece).unwrap_or(0);
        let text = String::from_utf8_lossy(&said);
        assert!(count > 0, "it did not say {what:?} but {text:?}");
        said.extend_from_slice(&piece[..count]);
    }
}

/// A run whose guest hangs in the scenario, from when that begins.
fn playing(rig: &Rig) -> Child {
    let mut child = xtask()
        .args(IN_GUEST)
        .args(["--sabotage", "hang:run", "--out"])
        .arg(&rig.folder)
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let said = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.trim_start().starts_with("play")));
    // Whatever it says from now on must find a reader.
    thread::spawn(move || lines.for_each(drop));
    child
}

/// No machine has a folder or a process.
#[track_caller]
fn nothing_left(rig: &Path) {
    let machines = rig.join("machines");
    let folders = fs::read_dir(&machines).map_or(0, Iterator::count);
    assert_eq!(folders, 0, "something is left in {}", machines.display());
    assert!(!working_in(&machines), "QEMU is left");
}

/// Whether a process works there: QEMU does.
fn working_in(machines: &Path) -> bool {
    let processes = fs::read_dir("/proc").expect("this is Linux").flatten();
    let mut places = processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
    places.any(|place| place.starts_with(machines))
}
