//! A debugger on the driver: gdb stops at a line of its source and walks from there through it into the simulator.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::rig::{Rig, root, run, xtask};

const FILE: &str = "driver/src/cable/playing.rs";

#[test]
#[cfg(target_os = "linux")]
fn gdb_stops_at_a_line_of_the_driver_and_knows_who_called() {
    let rig = Rig::with_package("debug");
    let source = fs::read_to_string(root().join(FILE)).expect("the source is there");
    let text = "self.note_starved(tap, false);";
    let before = source.lines().position(|line| line.contains(text));
    let line = before.expect("the line is in the source") + 1;
    let mut machine = xtask()
        .args(["debug", "--filter", "event-silence", "--out"])
        .arg(&rig.folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut said = BufReader::new(machine.stdout.take().expect("it is piped")).lines();
    let process = said.by_ref().map_while(Result::ok).find_map(|line| {
        let rest = line.trim().strip_prefix("gdb -p ")?;
        rest.split(' ').next().map(str::to_owned)
    });
    let process = process.expect("it says how to attach");
    let stop = format!("break {FILE}:{line}");
    let gdb = run(Command::new("gdb")
        .args(["-q", "--batch", "-p", &process, "-x"])
        .arg(rig.folder.join("debug/driver.gdb"))
        .args([
            "-ex",
            &stop,
            "-ex",
            "continue",
            "-ex",
            "backtrace",
            "-ex",
            "kill",
        ]));
    // The end of the machine ends what it says.
    said.for_each(drop);
    let code = machine.wait().expect("it ends").code();
    let gdb = gdb.expect(
        0,
        &[
            "waverig::cable::playing::Playing::advance ()",
            "at vm/sim/src/call.rs:",
        ],
    );
    let places = gdb.out.lines().filter(|line| line.starts_with('#'));
    let inside = places
        .filter(|line| line.contains(" at driver/src/"))
        .count();
    assert!(inside >= 2, "frames in the driver's sources:\n{}", gdb.out);
    assert_eq!(
        code,
        Some(1),
        "a machine that was killed has not played to its end"
    );
}
