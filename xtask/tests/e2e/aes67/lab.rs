//! Two network namespaces with a cable between them: here the sender, there a grandmaster and whoever receives.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::rig::run;

/// The sender's address, and that of the other end.
pub(crate) const HERE: &str = "192.0.2.1";
pub(crate) const THERE: &str = "192.0.2.2";
/// The PTP domain.
pub(crate) const DOMAIN: &str = "5";
/// How the grandmaster names itself.
pub(crate) const MASTER: &str = "39-A7-94-FF-FE-07-CB-D0";
/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A process that holds a network namespace until its standard input ends, which it does with this test, however that ends.
struct Holder(Child);

impl Holder {
    /// `None` where the kernel refuses.
    fn new(program: &str, words: &[&str]) -> Option<Self> {
        let mut child = Command::new(program)
            .args(words)
            .arg("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        // What comes back says that it is there.
        let mut byte = [0];
        let said = child.stdin.as_mut()?.write_all(b"x").is_ok()
            && child.stdout.as_mut()?.read_exact(&mut byte).is_ok();
        let holder = Self(child);
        said.then_some(holder)
    }

    /// A command in it.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.0.id().to_string()])
            .args(["--user", "--net", "--preserve-credentials"])
            .arg(program);
        command
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The two of them.
pub(crate) struct Lab {
    here: Holder,
    there: Holder,
}

impl Lab {
    /// `None`, and a word about it, on a host that lets nobody have such networks.
    pub(crate) fn new() -> Option<Self> {
        let lab = Self::made();
        if lab.is_none() {
            eprintln!("not run: this host lets nobody have a network namespace with a veth pair");
        }
        lab
    }

    fn made() -> Option<Self> {
        let there = Holder::new("unshare", &["--user", "--map-root-user", "--net"])?;
        let target = there.0.id().to_string();
        let join = [
            "--target",
            &target,
            "--user",
            "--net",
            "--preserve-credentials",
        ];
        let here = Holder::new("nsenter", &[&join[..], &["unshare", "--net"]].concat())?;
        let lab = Self { here, there };
        let pid = lab.here.0.id().to_string();
        let ip = |holder: &Holder, words: &str| {
            let mut ip = holder.command("ip".as_ref());
            let said = run(ip.args(words.split(' ')));
            (said.code == Some(0)).then_some(())
        };
        ip(&lab.there, "link add name there type veth peer name here")?;
        ip(&lab.there, &format!("link set here netns {pid}"))?;
        for (holder, name, address) in [(&lab.there, "there", THERE), (&lab.here, "here", HERE)] {
            ip(holder, "link set lo up")?;
            ip(holder, &format!("address add {address}/24 dev {name}"))?;
            ip(holder, &format!("link set {name} up"))?;
            ip(holder, &format!("route add 224.0.0.0/4 dev {name}"))?;
        }
        Some(lab)
    }

    /// A command on the sender's side.
    pub(crate) fn here(&self, program: &Path) -> Command {
        self.here.command(program)
    }

    /// One on the other side.
    pub(crate) fn there(&self, program: &Path) -> Command {
        self.there.command(program)
    }

    /// linuxptp's, with software time stamps; the time that it tells is the kernel's time of day, which it leaves alone.
    pub(crate) fn grandmaster(&self, folder: &Path) -> Told {
        let config = folder.join("ptp4l.conf");
        let identity = MASTER.replace('-', "").to_lowercase();
        let (a, b) = identity.split_at(6);
        let (b, c) = b.split_at(4);
        let text = format!(
            "[global]\ntime_stamping software\nfree_running 1\nmasterOnly 1\npriority1 1\ndomainNumber {DOMAIN}\nlogAnnounceInterval -2\n\
             logSyncInterval -3\nclockIdentity {a}.{b}.{c}\nuds_address ptp4l.socket\n"
        );
        fs::write(&config, text).expect("the test's own folder");
        let mut command = self.there("ptp4l".as_ref());
        // Where its own socket lies must be a short name.
        command
            .args(["-m", "-i", "there", "-f"])
            .arg(&config)
            .current_dir(folder);
        let mut master = Told::start(&mut command);
        master.wait_for("assuming the grand master role");
        master
    }
}

/// A program that tells what it does, line by line.
pub(crate) struct Told {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Told {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started; `cargo xtask test` installs it");
        let (sender, lines) = channel();
        listen(child.stdout.take().expect("piped"), sender.clone());
        listen(child.stderr.take().expect("piped"), sender);
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// The next line with these words.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!(
                    "nothing with {words:?} was said; this was:\n{}",
                    self.said.join("\n")
                );
            };
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(from: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
}
