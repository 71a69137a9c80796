//! PowerShell itself: one process for a whole run, to which scripts are written line by line.
//!
//! `-Command -` reads its standard input and executes "one statement at a time, as though they were typed" (about_PowerShell_exe), which
//! programs that keep a PowerShell open rely on in public. Each line calls the function of `host.ps1` with a script in base64: so no line
//! needs quoting, nothing stands on a command line that other users can read, the module of Hyper-V is loaded once, and the process ends
//! by itself when this one does and its input with it. Windows PowerShell 5.1, which every Windows has, not PowerShell 7.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64ct::{Base64, Encoding as _};

use super::executor::{Executor, Failure};
use crate::Ends;

/// What each process is told first.
pub const HOST: &str = include_str!("host.ps1");
/// How an answer begins; whatever else is put out is none.
const MARK: &str = "waverig ";
/// How long a process whose input was closed may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// A PowerShell that is started when it is needed, and again when it had to be ended.
pub struct PowerShell {
    program: PathBuf,
    args: Vec<String>,
    session: Mutex<Option<Session>>,
}

impl PowerShell {
    /// Windows' own.
    #[must_use]
    pub fn of_windows() -> Self {
        // By its place, not by PATH, which others may write to.
        let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        let program = PathBuf::from(root).join(r"System32\WindowsPowerShell\v1.0\powershell.exe");
        let args = [
            "-NoLogo",
            "-NoProfile",
            "-NonInteractive",
            "-OutputFormat",
            "Text",
            "-Command",
            "-",
        ];
        Self::new(program, args.map(str::to_owned).to_vec())
    }

    /// Any program that reads such lines and answers them.
    #[must_use]
    pub fn new(program: PathBuf, args: Vec<String>) -> Self {
        Self {
            program,
            args,
            session: Mutex::default(),
        }
    }
}

impl Executor for PowerShell {
    fn run(&self, script: &str, deadline: Duration) -> Result<String, Failure> {
        // One at a time: the service behind the cmdlets does one at a time, too.
        let mut place = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *place {
            Some(session) => session,
            None => place.insert(Session::start(&self.program, &self.args)?),
        };
        match session.ask(&line(script), deadline) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(mut session) = place.take() {
                    session.end();
                }
                Err(Failure::Late(deadline))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let words = place.take().map_or_else(String::new, Session::last_words);
                Err(Failure::Ended(words))
            }
        }
    }

    #[cfg(windows)]
    fn connect(&self, pipe: &str) -> io::Result<Ends> {
        super::pipe::connect(pipe)
    }

    #[cfg(not(windows))]
    fn connect(&self, _: &str) -> io::Result<Ends> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Base64 of UTF-16, as .NET's `Encoding.Unicode` reads it.
fn encoded(script: &str) -> String {
    let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Base64::encode_string(&bytes)
}

/// What is written for one script. The letters of base64 need no quoting.
#[must_use]
pub fn line(script: &str) -> String {
    format!("Invoke-Waverig '{}'\n", encoded(script))
}

/// What is written first: [`HOST`], in the scope of what follows.
#[must_use]
pub fn first_line() -> String {
    format!(
        ". ([ScriptBlock]::Create([Text.Encoding]::Unicode.GetString([Convert]::FromBase64String('{}'))))\n",
        encoded(HOST)
    )
}

/// One process.
struct Session {
    child: Child,
    /// Lines for it, written in a thread of their own: it may not read.
    lines: Option<Sender<String>>,
    answers: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
    threads: Vec<JoinHandle<()>>,
}

impl Session {
    fn start(program: &PathBuf, args: &[String]) -> Result<Self, Failure> {
        let failed =
            |why: &dyn std::fmt::Display| Failure::Start(format!("{}: {why}", program.display()));
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt as _;
            use windows_sys::Win32::System::Threading::{
                CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW,
            };
            // Ctrl-C on the console is for this program, which still needs PowerShell to remove its machines.
            command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
        }
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let (Some(mut input), Some(output), Some(mut errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(&"its input and output are not piped"));
        };
        let (lines, to_write) = channel::<String>();
        let writer = thread::spawn(move || {
            for line in to_write {
                // A process that reads no more is told by its silence.
                if input
                    .write_all(line.as_bytes())
                    .and_then(|()| input.flush())
                    .is_err()
                {
                    return;
                }
            }
        });
        let (answer, answers) = channel();
        let reader = thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            for line in lines {
                if let Some(json) = line.strip_prefix(MARK)
                    && answer.send(json.trim_end().to_owned()).is_err()
                {
                    return;
                }
            }
        });
        let complaints = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = errors.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).trim().to_owned()
        });
        let _ = lines.send(first_line());
        Ok(Self {
            child,
            lines: Some(lines),
            answers,
            complaints: Some(complaints),
            threads: vec![writer, reader],
        })
    }

    fn ask(&mut self, line: &str, deadline: Duration) -> Result<String, RecvTimeoutError> {
        if let Some(lines) = &self.lines {
            let _ = lines.send(line.to_owned());
        }
        self.answers.recv_timeout(deadline)
    }

    /// What a process that ended by itself complained of.
    fn last_words(mut self) -> String {
        self.end();
        let words = self.complaints.take().and_then(|thread| thread.join().ok());
        match words.as_deref() {
            None | Some("") => "it said nothing".into(),
            Some(words) => words.replace(['\r', '\n'], " "),
        }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.lines = None;
        // Its output ends when it does; one that is still busy is not waited for.
        while self.answers.recv_timeout(FAREWELL).is_ok() {}
        self.end();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
