//! The agent for Windows, built here and run under Wine: everything of it that Wine can show. docs/seen-where.md says what it cannot.
//!
//! Wine's folder (its "prefix") is made once and kept below `target/`; the tests use it one after the other.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use waverig_protocol::{Condition, PROTOCOL_VERSION, Reply, Request, Up, frame};
use waverig_vm::Link;

use crate::aes67::lab::{self, Lab};
use crate::rig::{Rig, good_package, root, run};

mod audio;
mod device;
mod serial;
mod setup;

/// Rust's name of what the agent is built for.
const TARGET: &str = "x86_64-pc-windows-gnu";
/// How long Wine may take for anything: it starts in seconds, and makes its folder in half a minute on a busy host.
const DEADLINE: Duration = Duration::from_secs(120);
/// The device that the package is for.
const HARDWARE_ID: &str = r"Root\waverig";

/// A Windows machine: Wine with its folder, to oneself.
struct Wine {
    prefix: PathBuf,
    /// Address of the sound server that its programs play to; empty: none.
    sound: String,
    _alone: MutexGuard<'static, ()>,
}

impl Wine {
    /// The machine, just started.
    fn start() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let wine = Self {
            prefix: Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine"),
            sound: String::new(),
            _alone: alone,
        };
        wine.stop();
        // The mark of a test that ended well; what another has left is made anew.
        if fs::remove_file(wine.mark()).is_err() {
            wine.make();
        }
        wine
    }

    /// Makes the prefix. Wine says that it is a Windows for which the package is, and has a library that it lacks and Rust's own needs.
    fn make(&self) {
        let _ = fs::remove_dir_all(&self.prefix);
        run(self.command("wineboot").arg("--init")).expect(0, &[]);
        // As its own list of versions has none that is new enough, it is told by the values that Windows has.
        let key = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion";
        for (name, kind, value) in [
            ("CurrentVersion", "REG_SZ", "10.0"),
            ("CurrentBuildNumber", "REG_SZ", "19045"),
        ] {
            let words = ["reg", "add", key, "/v", name, "/t", kind, "/d", value, "/f"];
            run(self.command("wine").args(words)).expect(0, &[]);
        }
        let library = self
            .prefix
            .join("drive_c/windows/system32/bcryptprimitives.dll");
        run(Command::new("rustc")
            .args(["--target", TARGET, "--edition", "2024"])
            .args(["--crate-type", "cdylib", "-C", "panic=abort", "-O"])
            .args(["-C", "link-arg=-nostdlib", "-C", "link-arg=-nostartfiles"])
            .arg(root().join("user/agent/tests/wine/bcryptprimitives.rs"))
            .arg("-o")
            .arg(&library))
        .expect(0, &[]);
    }

    fn mark(&self) -> PathBuf {
        self.prefix.join("waverig")
    }

    /// A program of Wine's, for this prefix.
    fn command(&self, program: &str) -> Command {
        self.within(Command::new(program))
    }

    /// A command that starts one; it needs no screen and offers to install nothing.
    fn within(&self, mut command: Command) -> Command {
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
            .env("PULSE_SERVER", &self.sound)
            .env_remove("DISPLAY");
        command
    }

    /// Ends everything that runs there, as a restart does: what was kept in memory only is gone.
    fn stop(&self) {
        // It fails when nothing runs.
        let _ = self.command("wineserver").arg("-k").output();
        let _ = self.command("wineserver").arg("-w").output();
    }

    /// Starts an agent whose own folder is `home`.
    fn start_agent(&self, home: &Path, words: &[&str]) -> Child {
        self.start_agent_of(&agent(), home, words)
    }

    /// The same of a program that was built elsewhere.
    fn start_agent_of(&self, program: &Path, home: &Path, words: &[&str]) -> Child {
        let log = File::create(home.join("agent.log")).expect("the test's folder is writable");
        self.command("wine")
            .arg(program)
            .arg("--home")
            // Wine shows the host's files as drive Z.
            .arg(format!("Z:{}", home.display()))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("Wine can be started")
    }

    /// An agent over standard input and output, and what it says when it is up.
    fn agent(&self, home: &Path, words: &[&str]) -> (Link, Up) {
        up(self.start_agent(home, &[&["--stdio"], words].concat()))
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.stop();
        if !std::thread::panicking() {
            // Without it the next test only takes longer.
            let _ = File::create(self.mark());
        }
    }
}

/// A link to an agent that was told `--stdio`, and what it says when it is up.
fn up(agent: Child) -> (Link, Up) {
    let mut link = Link::over_stdio(agent).expect("both ends are piped");
    let up = link.up(DEADLINE).expect("the agent comes up");
    (link, up)
}

/// A release's programs start, and do what whoever has them does first: they are linked otherwise than those that the other tests build.
pub(crate) fn released(setup: &Path, agent: &Path, sender: &Path, home: &Path) {
    let wine = Wine::start();
    let starts = |program: &Path, word: &str, says: &str| {
        let mut command = wine.command("wine");
        run(command.arg(program).arg(word).stdin(Stdio::null())).expect(0, &[says]);
    };
    starts(setup, "list", "on this machine: nothing of it");
    starts(sender, "help", "usage: waverig-aes67 send --source SOURCE");
    // One call of each library that the agent has.
    let (mut link, _) = up(wine.start_agent_of(agent, home, &["--stdio"]));
    tells_conditions(&mut link);
    done(&mut link, &Request::Shutdown, &[]);
    let Some(lab) = Lab::new() else { return };
    // Sockets are those of Wine's server, which is to start in that network.
    wine.stop();
    let _master = lab.grandmaster(home);
    let mut follower = wine.within(lab.here("wine".as_ref()));
    follower.arg(sender);
    let words = ["ptp", "--interface", lab::HERE, "--domain", lab::DOMAIN];
    let mut follower = lab::Told::start(follower.args(words));
    follower.wait_for(&format!("locked: grandmaster {}", lab::MASTER));
}

/// The agent for Windows.
fn agent() -> PathBuf {
    programs().join("waverig-agent.exe")
}

/// The installer, without a package in it.
fn setup() -> PathBuf {
    programs().join("waverig-setup.exe")
}

/// Builds both for Windows; gives their folder.
fn programs() -> &'static Path {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("it lies in the target folder");
        run(Command::new("cargo")
            .args(["build", "--quiet", "--locked"])
            .args(["--package", "waverig-agent", "--package", "waverig-setup"])
            .args(["--target", TARGET, "--target-dir"])
            .arg(target)
            .current_dir(root()))
        .expect(0, &[]);
        target.join(TARGET).join("debug")
    })
}

/// What an agent answers: every reply with its payload, the final one last.
#[track_caller]
fn ask(link: &mut Link, request: &Request, payload: &[u8]) -> Vec<(Reply, Vec<u8>)> {
    let mut replies = Vec::new();
    link.request(request, payload, DEADLINE, |reply, payload| {
        replies.push((reply, payload));
    })
    .expect("the agent answers");
    replies
}

/// The final answer.
#[track_caller]
fn last(link: &mut Link, request: &Request) -> Reply {
    let (reply, _) = ask(link, request, &[]).pop().expect("there is a last one");
    reply
}

/// The request is carried out.
#[track_caller]
fn done(link: &mut Link, request: &Request, payload: &[u8]) {
    let replies = ask(link, request, payload);
    let (reply, _) = replies.last().expect("there is a last one");
    assert_eq!(*reply, Reply::Done, "{request:?}");
}

/// The request is refused, for a reason with these words.
#[track_caller]
fn refused(link: &mut Link, request: &Request, words: &[&str]) {
    match last(link, request) {
        Reply::Refused(refusal) => {
            for word in words {
                assert!(refusal.reason.contains(word), "{refusal:?} lacks {word:?}");
            }
        }
        other => panic!("{request:?} is answered by {other:?}"),
    }
}

fn hello(link: &mut Link) {
    let version = PROTOCOL_VERSION;
    match last(link, &Request::Hello { version }) {
        Reply::Ready(info) => assert!(info.qpc_frequency > 0, "{info:?}"),
        other => panic!("no session begins: {other:?}"),
    }
}

fn conditions(link: &mut Link) -> Vec<Condition> {
    match last(link, &Request::Check) {
        Reply::Checked { conditions } => conditions,
        other => panic!("nothing was checked: {other:?}"),
    }
}

/// What is found of a condition.
#[track_caller]
fn condition(link: &mut Link, name: &str, holds: Option<bool>, words: &str) {
    let all = conditions(link);
    let found = all.iter().find(|one| one.name == name);
    let found = found.unwrap_or_else(|| panic!("{name} is not among {all:?}"));
    assert_eq!(found.holds, holds, "{found:?}");
    assert!(found.text.contains(words), "{found:?} lacks {words:?}");
}

#[test]
fn the_agent_for_windows_tells_what_the_machine_fulfils() {
    let rig = Rig::new("wine-conditions");
    let wine = Wine::start();
    let (mut link, up) = wine.agent(&rig.folder, &[]);
    assert!(up.system.starts_with("Windows 10.0."), "{up:?}");
    tells_conditions(&mut link);
    match last(&mut link, &Request::Noise { waits: 20 }) {
        Reply::Noise(noise) => assert_eq!(noise.waits, 20),
        other => panic!("it does not measure: {other:?}"),
    }
    let hello = Request::Hello { version: 99 };
    refused(&mut link, &hello, &["version 99"]);
    refused(&mut link, &Request::Remove, &["say hello first"]);
    refused(&mut link, &Request::Restart, &["by hand"]);
    done(&mut link, &Request::Shutdown, &[]);
}

/// All of them, as they are in Wine.
fn tells_conditions(link: &mut Link) {
    let expect = [
        ("build", Some(true), "Windows 10.0.19045"),
        ("elevation", Some(true), "administrator"),
        ("test-signing", Some(false), "bcdedit"),
        ("secure-boot", None, "unknown, because"),
        ("hvci", Some(true), "off"),
        ("ci-policy", Some(true), "no code-integrity policy"),
        ("verifier", Some(true), "Driver Verifier is off"),
        ("audio-services", Some(false), "no Audiosrv"),
        ("microphone", None, "unknown, because"),
        ("session", Some(true), "console"),
        ("debugger", Some(true), "no kernel debugger"),
        ("certificate", None, "unknown, because"),
    ];
    for (name, holds, words) in expect {
        condition(link, name, holds, words);
    }
    assert_eq!(conditions(link).len(), expect.len());
}

#[test]
fn the_agent_for_windows_calls_a_host_that_listens() {
    let rig = Rig::new("wine-socket");
    let wine = Wine::start();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut agent = wine.start_agent(&rig.folder, &["--connect", &address]);
    // An agent that cannot call ends, and its error output says why.
    listener.set_nonblocking(true).expect("it is bound");
    let line = loop {
        match listener.accept() {
            Ok((line, _)) => break line,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let ended = agent.try_wait().expect("it was started");
        assert!(ended.is_none(), "it ends without a call: {ended:?}");
        std::thread::yield_now();
    };
    line.set_nonblocking(false).expect("it is open");
    line.set_read_timeout(Some(DEADLINE))
        .expect("it is not zero");
    let hear = |expect: fn(&Reply) -> bool| {
        let (reply, _) = frame::read::<Reply>(&mut &line).expect("the agent speaks");
        assert!(expect(&reply), "{reply:?}");
    };
    hear(|reply| matches!(reply, Reply::Up(up) if up.boots == 1));
    frame::write(&mut &line, &Request::Check, &[]).expect("the agent listens");
    hear(|reply| matches!(reply, Reply::Checked { conditions } if conditions.len() == 12));
    frame::write(&mut &line, &Request::Shutdown, &[]).expect("the agent listens");
    hear(|reply| *reply == Reply::Done);
    // Over a line that outlives sessions it goes on.
    frame::write(&mut &line, &Request::Remove, &[]).expect("the agent listens");
    hear(|reply| matches!(reply, Reply::Refused(_)));
    line.shutdown(std::net::Shutdown::Both).expect("it is open");
    let status = agent.wait().expect("it was started");
    assert!(status.success(), "{status}");
}
