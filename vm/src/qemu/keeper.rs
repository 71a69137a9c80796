//! Starts programs that end with this one, whatever ends it.
//!
//! The kernel sends the signal of `setpriv --pdeathsig` when the *thread* that started a process ends (prctl(2),
//! PR_SET_PDEATHSIG), so one thread that lives as long as this program starts them all.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

type Wish = (Command, Sender<io::Result<Child>>);

/// Starts a command.
///
/// # Errors
/// When it cannot be started.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static KEEPER: OnceLock<Sender<Wish>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (wish, wishes) = channel::<Wish>();
        thread::spawn(move || {
            for (mut command, answer) in wishes {
                // A group of its own: Ctrl-C on the terminal is for this program, which then asks the machine first.
                command.process_group(0);
                let _ = answer.send(command.spawn());
            }
        });
        wish
    });
    let gone = |_| io::Error::other("the thread that starts machines is gone");
    let (answer, answered) = channel();
    keeper.send((command, answer)).map_err(|_| gone(()))?;
    answered.recv().map_err(|_| gone(()))?
}

/// `program`, ended with this one where the host can do that; where it cannot, the next run finds what is left.
pub(super) fn bound(program: &str) -> Command {
    let there = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    command
}
