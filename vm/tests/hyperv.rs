//! The Hyper-V machine against every transcript in `tests/hyperv`: what it asks, what it makes of the answers, and what it leaves.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use waverig_protocol::device::Device;
use waverig_vm::Machine as _;
use waverig_vm::hyperv::record::Recorder;
use waverig_vm::hyperv::transcript::{Back, Names, Player, RUN, Step, Transcript};
use waverig_vm::hyperv::{Bytes, Config, Hold, HyperV, Medium};
use waverig_vm::run::{self, Ending, Job};
use waverig_vm::setup::Tell;

/// Long enough for a busy host.
const LONG: Duration = Duration::from_secs(60);

/// Those of runs, those of installations, and those of runs whose guests somebody looks at.
const RUNS: &str = "hyperv";
const SETUP: &str = "hyperv-setup";
const DEBUG: &str = "hyperv-debug";

fn transcripts(of: &str) -> Vec<(String, Transcript)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(of);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("they are there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    let load = |path: &PathBuf| {
        let name = path.file_stem().expect("it has one").to_string_lossy();
        (
            name.into_owned(),
            Transcript::load(path).unwrap_or_else(|error| panic!("{error}")),
        )
    };
    files.iter().map(load).collect()
}

/// What one run said.
#[derive(Default)]
struct Said {
    broken: String,
    found: String,
    evidence: Vec<String>,
    wrong: Vec<String>,
    left: Vec<PathBuf>,
    /// What a report says.
    remarks: String,
    /// What somebody who looks at guests was told.
    held: Vec<String>,
    /// The run's own transcript.
    recorded: Vec<Step>,
}

/// Notes what it is told, and looks at nothing.
fn hold(held: &Arc<Mutex<Vec<String>>>) -> Hold {
    let held = Arc::clone(held);
    Hold(Arc::new(move |guest| {
        let text = format!("{} {}: {}", guest.name, guest.pipe, guest.why);
        held.lock().expect("nobody panics with it").push(text);
    }))
}

fn play(of: &str, name: &str, transcript: &Transcript) -> Said {
    let all = std::env::temp_dir().join(format!("waverig-{of}-{}-{name}", std::process::id()));
    let folder = |name: &str| all.join(name);
    let (machines, evidence) = (folder("machines"), folder("evidence"));
    for folder in [
        &machines,
        &evidence,
        &folder("package"),
        &folder("machines-live"),
    ] {
        fs::create_dir_all(folder).expect("the temporary folder is writable");
    }
    fs::write(folder("package").join("x.inf"), "of no use").expect("it is writable");
    // A run that is under way.
    let live = File::create(folder("machines-live").join("owner.lock")).expect("it is writable");
    live.lock().expect("nobody else has it");
    let image = folder("base.vhdx");
    fs::write(&image, "").expect("it is writable");
    let deadline = transcript.deadline.map_or(LONG, Duration::from_secs_f32);
    let player = Player::new(transcript.clone(), &machines, &image, None);
    let stage = player.stage();
    let record = folder("recorded.toml");
    let names = Names::new(&machines, &image);
    let recorder = Recorder::new(Box::new(player), names, &record).expect("it is writable");
    let held = Arc::default();
    let config = Config {
        image,
        medium: (of == SETUP).then(|| Medium {
            file: r"C:\windows.iso".into(),
            answers: r"C:\answers.iso".into(),
            disk: Bytes(64 << 30),
            tell: Tell(Arc::new(|_| {})),
        }),
        machines: machines.clone(),
        run: RUN.into(),
        memory: Bytes(4 << 30),
        processors: 2,
        guests: 1,
        cmdlet: LONG,
        boot: deadline,
        crash: LONG,
        dumped: (Duration::ZERO, LONG),
        held: (of != SETUP).then(|| folder("package")),
        look: transcript.look.map_or(LONG, Duration::from_secs_f32),
        verified: transcript.verified.clone(),
        own: None,
        restart: false,
        hold: (of == DEBUG).then(|| hold(&held)),
    };
    let (package, device) = (folder("package"), Device::default());
    let job = Job::new(&package, ("x.inf", "x"), &[], &device, deadline);
    let mut said = Said::default();
    match HyperV::new(config, Box::new(recorder)) {
        Err(error) => said.broken = error.to_string(),
        Ok((machine, found)) if of == SETUP => {
            said.found = found.join("\n");
            if let Err(error) = machine.come_up_and_end(&evidence) {
                said.broken = error.to_string();
            }
        }
        Ok((machine, found)) => {
            said.found = found.join("\n");
            // The second session is in the guest of the first.
            for _ in 0..2 {
                let ending = run::run(&machine, &job, &evidence, &mut |_, _, _| {});
                if let Ending::Broken { reason, .. } = ending.expect("the package can be read") {
                    said.broken = reason;
                    break;
                }
            }
            machine.hold("judged");
            said.remarks = machine.remarks().join("\n");
        }
    }
    said.held = held.lock().expect("nobody panics with it").clone();
    said.wrong = stage.wrong();
    let names = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("it is there");
        entries
            .map(|entry| entry.expect("it can be read").path())
            .collect()
    };
    let is_folder = |path: &PathBuf| path.is_dir();
    said.left = names(&machines).into_iter().filter(is_folder).collect();
    said.evidence = names(&evidence)
        .iter()
        .map(|path| {
            path.file_name()
                .expect("it has one")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    said.evidence.sort();
    let recorded = Transcript::load(&record).unwrap_or_else(|error| panic!("{name}: {error}"));
    said.recorded = recorded.step;
    // Windows removes no folder with an open file in it.
    drop(live);
    fs::remove_dir_all(all).expect("the test's own folder");
    said
}

/// A step without what a recording cannot know: how the agent went on, and how its JSON was written.
fn known(step: &Step) -> Step {
    let mut step = step.clone();
    match &mut step.back {
        Back::Agent(agent) => *agent = Default::default(),
        Back::Value(text) => {
            let value: serde_json::Value = serde_json::from_str(text).expect("it was played");
            *text = value.to_string();
        }
        _ => {}
    }
    step
}

#[test]
fn every_transcript_is_played_to_its_end() {
    for of in [RUNS, SETUP, DEBUG] {
        for (name, transcript) in transcripts(of) {
            judge(&play(of, &name, &transcript), &name, &transcript);
        }
    }
}

#[track_caller]
fn judge(said: &Said, name: &str, transcript: &Transcript) {
    assert_eq!(said.wrong, [""; 0], "{name}; it ended: {}", said.broken);
    let steps = |steps: &[Step]| steps.iter().map(known).collect::<Vec<_>>();
    assert_eq!(steps(&said.recorded), steps(&transcript.step), "{name}");
    let expect = &transcript.expect;
    if expect.broken.is_empty() {
        assert_eq!(said.broken, "", "{name}");
    }
    for part in &expect.broken {
        assert!(
            said.broken.contains(part),
            "{name}: {:?} does not say {part:?}",
            said.broken
        );
    }
    assert_eq!(said.held, expect.held, "{name}");
    for part in &expect.remarks {
        assert!(
            said.remarks.contains(part),
            "{name}: {:?} does not say {part:?}",
            said.remarks
        );
    }
    for part in &expect.found {
        assert!(
            said.found.contains(part),
            "{name}: {:?} does not say {part:?}",
            said.found
        );
    }
    assert_eq!(
        said.found.is_empty(),
        expect.found.is_empty(),
        "{name}: {}",
        said.found
    );
    assert_eq!(said.evidence, expect.evidence, "{name}");
    // A folder stays only with its machine.
    assert_eq!(
        said.left.len(),
        expect.left.len(),
        "{name}: {:?}",
        said.left
    );
}

#[test]
fn every_machine_that_is_made_is_removed() {
    for (name, transcript) in [RUNS, SETUP, DEBUG].into_iter().flat_map(transcripts) {
        let of = |cmdlet: &str| {
            let steps = transcript.step.iter();
            let asked = steps.filter(|step| {
                step.ask
                    .as_deref()
                    .is_some_and(|ask| ask.starts_with(cmdlet))
            });
            asked
                .filter(|step| matches!(step.back, Back::Value(_)))
                .count()
        };
        let late = transcript.step.iter().filter(|step| {
            let asks = step
                .ask
                .as_deref()
                .is_some_and(|ask| ask.starts_with("New-VM "));
            asks && matches!(step.back, Back::Late(_))
        });
        // Of what others left, `found` has one line each, and one without an end was only told.
        let others = transcript
            .expect
            .found
            .iter()
            .filter(|line| line.contains("the virtual machine"));
        let made = of("New-VM ") + late.count() + others.count();
        assert_eq!(
            made,
            of("Remove-VM ") + transcript.expect.left.len(),
            "{name}"
        );
    }
}
