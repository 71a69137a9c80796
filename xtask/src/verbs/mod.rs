//! The verbs: one file each. A verb is a name, a line of help, its options, and what it does.

mod accepted;
mod bench;
mod bless;
pub(crate) mod build;
mod ci;
mod compare;
mod coverage;
mod debug;
mod doctor;
pub(crate) mod faults;
mod follow;
pub(crate) mod fuzz;
mod image;
mod inspect;
mod installer;
pub(crate) mod interleave;
mod mutants;
pub(crate) mod pace;
pub(crate) mod package;
mod release;
mod returned;
mod rules;
#[cfg(target_os = "linux")]
mod sabotage;
mod sim;
mod test;
mod triage;
pub(crate) mod vm_test;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, Parser, ValueExt};

use crate::context::Context;
use crate::stop::Usage;

pub(crate) use sim::NAME as SIMULATOR;

/// One verb of the command line.
pub(crate) struct Verb {
    name: &'static str,
    about: &'static str,
    options: &'static str,
    run: fn(&mut Context, &Options) -> Result<ExitCode>,
}

/// In the order of the help text.
const VERBS: &[Verb] = &[
    ci::VERB,
    vm_test::VERB,
    build::VERB,
    package::VERB,
    installer::VERB,
    bless::VERB,
    inspect::VERB,
    rules::VERB,
    fuzz::VERB,
    faults::VERB,
    coverage::VERB,
    debug::VERB,
    mutants::VERB,
    interleave::VERB,
    follow::VERB,
    bench::VERB,
    compare::VERB,
    pace::VERB,
    #[cfg(target_os = "linux")]
    sabotage::VERB,
    triage::VERB,
    image::BUILD,
    image::VERIFY,
    image::ANSWERS,
    #[cfg(target_os = "linux")]
    image::MEDIUM,
    release::VERB,
    release::PARTS,
    accepted::VERB,
    returned::VERB,
    doctor::VERB,
    test::VERB,
];

/// Every option any verb has; a verb lists those it takes in its `options` text.
#[derive(Default)]
pub(crate) struct Options {
    /// `FILE`: what the verb is about, without a name before it.
    pub(crate) file: Option<PathBuf>,
    /// `--machine KIND`
    pub(crate) machine: Option<String>,
    /// `--filter NAME`
    pub(crate) filter: Option<String>,
    /// `--seed N`
    pub(crate) seed: Option<u64>,
    /// `--out FOLDER`
    pub(crate) out: Option<PathBuf>,
    /// `--fault NAME`: build the driver with a deliberate fault.
    pub(crate) fault: Option<String>,
    /// `--arch NAME`
    pub(crate) arch: Option<String>,
    /// `--goldens FOLDER`
    pub(crate) goldens: Option<PathBuf>,
    /// `--frame N`: which frame of a stream.
    pub(crate) frame: Option<u64>,
    /// `--driver FILE`: a driver that is not ours.
    pub(crate) driver: Option<PathBuf>,
    /// `--inf FILE`: the INF that installs it.
    pub(crate) inf: Option<PathBuf>,
    /// `--json`: for programs.
    pub(crate) json: bool,
    /// `--count N`
    pub(crate) count: Option<u64>,
    /// `--pdb FOLDER`: where the driver's symbols are.
    pub(crate) pdb: Option<PathBuf>,
    /// `--replay WHAT`: one thing again; what it is called is the verb's affair.
    pub(crate) replay: Option<String>,
    /// `--minutes N`
    pub(crate) minutes: Option<u64>,
    /// `--sabotage WHAT:STEP`: what a guest does wrong on purpose.
    pub(crate) sabotage: Option<String>,
    /// `--dump FILE`: the dump that such a guest leaves.
    pub(crate) dump: Option<PathBuf>,
    /// `--deadline SECONDS`: how long each step of a machine may take.
    pub(crate) deadline: Option<u64>,
    /// `--restart`: a guest's operating system starts anew before each session.
    pub(crate) restart: bool,
    /// `--accel NAME`: what executes guests.
    pub(crate) accel: Option<String>,
    /// `--image FILE`: a base image for guests.
    pub(crate) image: Option<PathBuf>,
    /// `--iso FILE`: an installation medium.
    pub(crate) iso: Option<PathBuf>,
    /// `--edition NAME`: which of its images, by number or name.
    pub(crate) edition: Option<String>,
    /// `--product-key KEY`
    pub(crate) product_key: Option<String>,
    /// `--language TAG`
    pub(crate) language: Option<String>,
    /// `--memory MIB`
    pub(crate) memory: Option<u32>,
    /// `--disk GIB`
    pub(crate) disk: Option<u32>,
    /// `--stub FILE`: an installer without a package in it.
    pub(crate) stub: Option<PathBuf>,
    /// `--transcript FILE`: what answers in the place of Hyper-V.
    pub(crate) transcript: Option<PathBuf>,
    /// `--linux`: of the rig's own Linux guest.
    pub(crate) linux: bool,
    /// `--disposable`: nobody needs this host.
    pub(crate) disposable: bool,
    /// `--kind NAME`: what is released.
    pub(crate) kind: Option<String>,
    /// `--sent CAB`: the cabinet that was submitted.
    pub(crate) sent: Option<PathBuf>,
    /// `--back FILE`: what came back.
    pub(crate) back: Option<PathBuf>,
    /// `--roots PEM`: of who signs there.
    pub(crate) roots: Option<PathBuf>,
    /// `--stamp-roots PEM`: of who stamps there, when they are others.
    pub(crate) stamp_roots: Option<PathBuf>,
    /// `--systems LIST`: which Windows a catalog must name, with commas between them.
    pub(crate) systems: Option<String>,
    /// `--signer FILE`: who signs, instead of the test certificate.
    pub(crate) signer: Option<PathBuf>,
    /// `--dry-run`: nothing is signed or published.
    pub(crate) dry_run: bool,
    /// `--publish`
    pub(crate) publish: bool,
    /// `--verify`: build twice and compare.
    pub(crate) verify: bool,
    /// `--verifier`: Windows guests run with Driver Verifier on.
    pub(crate) verifier: bool,
}

/// Runs the verb that the command line names.
pub(crate) fn run(mut args: Parser) -> Result<ExitCode> {
    let verb = match args.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => {
            print!("{}", help());
            return Ok(ExitCode::SUCCESS);
        }
        Some(Arg::Value(name)) if name == sim::NAME => {
            let words: Result<Vec<String>, _> = args.raw_args()?.map(ValueExt::string).collect();
            return sim::run(&words?);
        }
        Some(Arg::Value(name)) => find(name, &mut args)?,
        Some(other) => return Err(Usage(format!("{}\n{}", other.unexpected(), help())).into()),
    };
    let Some(options) = parse(verb, &mut args)? else {
        print!("{}", usage(verb));
        return Ok(ExitCode::SUCCESS);
    };
    let mut context = Context::new(options.out.clone())?;
    (verb.run)(&mut context, &options)
}

fn find(mut name: OsString, args: &mut Parser) -> Result<&'static Verb> {
    let first = format!("{} ", name.to_string_lossy());
    // Some verbs have two words.
    if VERBS.iter().any(|verb| verb.name.starts_with(&first))
        && let Some(mut words) = args.try_raw_args()
        && let Some(second) = words.next_if(|word| !word.as_encoded_bytes().starts_with(b"-"))
    {
        name.push(" ");
        name.push(second);
    }
    VERBS.iter().find(|verb| name == verb.name).ok_or_else(|| {
        let names: Vec<_> = VERBS.iter().map(|verb| verb.name).collect();
        Usage(format!(
            "there is no verb {:?}; there are {}",
            name.to_string_lossy(),
            names.join(", ")
        ))
        .into()
    })
}

/// The options behind the verb; `None` when help is asked for.
fn parse(verb: &Verb, args: &mut Parser) -> Result<Option<Options>> {
    let mut options = Options::default();
    while let Some(arg) = args.next()? {
        let name = match &arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long(name) if verb.takes(name) => (*name).to_owned(),
            Arg::Value(file) if verb.options.starts_with("FILE") && options.file.is_none() => {
                options.file = Some(file.into());
                continue;
            }
            _ => return Err(Usage(format!("{}\n{}", arg.unexpected(), usage(verb))).into()),
        };
        match name.as_str() {
            "machine" => options.machine = Some(args.value()?.string()?),
            "filter" => options.filter = Some(args.value()?.string()?),
            "seed" => options.seed = Some(args.value()?.parse()?),
            "count" => options.count = Some(args.value()?.parse()?),
            "replay" => options.replay = Some(args.value()?.string()?),
            "minutes" => options.minutes = Some(args.value()?.parse()?),
            "sabotage" => options.sabotage = Some(args.value()?.string()?),
            "dump" => options.dump = Some(args.value()?.into()),
            "deadline" => options.deadline = Some(args.value()?.parse()?),
            "accel" => options.accel = Some(args.value()?.string()?),
            "image" => options.image = Some(args.value()?.into()),
            "iso" => options.iso = Some(args.value()?.into()),
            "edition" => options.edition = Some(args.value()?.string()?),
            "product-key" => options.product_key = Some(args.value()?.string()?),
            "language" => options.language = Some(args.value()?.string()?),
            "memory" => options.memory = Some(args.value()?.parse()?),
            "disk" => options.disk = Some(args.value()?.parse()?),
            "stub" => options.stub = Some(args.value()?.into()),
            "transcript" => options.transcript = Some(args.value()?.into()),
            "disposable" => options.disposable = true,
            "verifier" => options.verifier = true,
            "kind" => options.kind = Some(args.value()?.string()?),
            "dry-run" => options.dry_run = true,
            "publish" => options.publish = true,
            "verify" => options.verify = true,
            "linux" => options.linux = true,
            "out" => options.out = Some(args.value()?.into()),
            "pdb" => options.pdb = Some(args.value()?.into()),
            "frame" => options.frame = Some(args.value()?.parse()?),
            "driver" => options.driver = Some(args.value()?.into()),
            "inf" => options.inf = Some(args.value()?.into()),
            "json" => options.json = true,
            "restart" => options.restart = true,
            "goldens" => options.goldens = Some(args.value()?.into()),
            "arch" => options.arch = Some(args.value()?.string()?),
            "sent" => options.sent = Some(args.value()?.into()),
            "back" => options.back = Some(args.value()?.into()),
            "roots" => options.roots = Some(args.value()?.into()),
            "stamp-roots" => options.stamp_roots = Some(args.value()?.into()),
            "systems" => options.systems = Some(args.value()?.string()?),
            "signer" => options.signer = Some(args.value()?.into()),
            "fault" => options.fault = Some(args.value()?.string()?),
            other => return Err(Usage(format!("--{other} is listed but not read")).into()),
        }
    }
    Ok(Some(options))
}

/// The numbers that `--replay` names, with commas between them.
fn numbers(text: &str) -> Result<Vec<u64>> {
    let all: Result<Vec<u64>, _> = text
        .split(',')
        .map(|number| number.trim().parse())
        .collect();
    Ok(all.map_err(|_| Usage(format!("--replay takes numbers, not {text:?}")))?)
}

impl Verb {
    fn takes(&self, option: &str) -> bool {
        self.options
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("[--"))
            .any(|word| word.trim_end_matches(']') == option)
    }
}

fn usage(verb: &Verb) -> String {
    format!(
        "usage: cargo xtask {} {}\n{}\n",
        verb.name, verb.options, verb.about
    )
}

fn help() -> String {
    let mut text = String::from("usage: cargo xtask VERB [options]\n\n");
    for verb in VERBS {
        text += &format!(
            "  {:<10} {}\n             {}\n",
            verb.name, verb.about, verb.options
        );
    }
    text + "\nexit codes: 0 all passed; 1 a check failed; 2 wrong use; 3 this host lacks something; 4 the run was disturbed and says nothing\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_option_is_read() {
        for verb in VERBS {
            for option in verb
                .options
                .split_whitespace()
                .filter_map(|w| w.strip_prefix("[--"))
            {
                let option = option.trim_end_matches(']');
                let value = match option {
                    "seed" | "count" | "replay" | "frame" | "minutes" | "deadline" | "memory"
                    | "disk" => Some("1"),
                    "json" | "restart" | "disposable" | "verifier" | "linux" | "dry-run"
                    | "publish" | "verify" => None,
                    _ => Some("x"),
                };
                let words = std::iter::once(format!("--{option}")).chain(value.map(str::to_owned));
                let mut args = Parser::from_args(words);
                assert!(parse(verb, &mut args).is_ok(), "{} --{option}", verb.name);
            }
        }
    }

    #[test]
    fn wrong_use_is_told_with_what_is_right() {
        let check = |words: &[&str], expect: &str| {
            let error = run(Parser::from_args(words))
                .expect_err("is wrong use")
                .to_string();
            assert!(
                error.contains(expect),
                "{words:?}: {error:?} does not say {expect:?}"
            );
        };
        check(
            &["frobnicate"],
            "there is no verb \"frobnicate\"; there are ci, vm-test",
        );
        check(&["ci", "--frobnicate"], "usage: cargo xtask ci");
        check(&["build", "--machine", "sim"], "usage: cargo xtask build");
        check(&["ci", "surplus"], "surplus");
        check(&["vm-test", "--seed", "x"], "x");
        check(&["inspect", "--driver", "x.sys"], "go together");
        check(&["image", "build", "--image", "x.img"], "--iso FILE");
        check(&["release", "--kind", "x"], "there are test, attestation");
        check(
            &["release", "--dry-run", "--publish"],
            "leave out one of the two",
        );
        check(
            &["release", "--kind", "attestation", "--publish"],
            "publish what comes back",
        );
        check(&["triage"], "needs a dump");
        check(&["returned", "--sent", "x.cab"], "--back RETURNED");
        check(&["triage", "a.dmp", "b.dmp"], "b.dmp");
        check(&["--frobnicate"], "usage: cargo xtask VERB");
    }
}
