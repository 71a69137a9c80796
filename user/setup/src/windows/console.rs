//! Talking with a person: on the console, which may be this program's own, and in a log.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use waverig_setup::words::Words;
use windows::core::{HSTRING, PCWSTR, w};

/// Of modules of Microsoft's crate of which nothing else is needed.
mod calls {
    use std::ffi::c_void;

    windows::core::link!("kernel32.dll" "system" fn GetConsoleProcessList(ids: *mut u32, room: u32) -> u32);
    windows::core::link!("shell32.dll" "system" fn ShellExecuteW(window: *const c_void, verb: *const u16, file: *const u16, words: *const u16, folder: *const u16, show: i32) -> isize);
}

/// `SW_SHOWNORMAL`.
const SHOW_NORMAL: i32 = 1;

/// The console and the log.
pub(crate) struct Console {
    log: Option<(PathBuf, File)>,
    silent: bool,
    own: bool,
}

impl Console {
    /// Opens the log.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn new(words: &Words) -> Result<Self> {
        let open = |path: &PathBuf| {
            let file = File::create(path);
            let file =
                file.with_context(|| format!("the log {} cannot be written", path.display()));
            Ok::<_, anyhow::Error>((path.clone(), file?))
        };
        Ok(Self {
            log: words.log.as_ref().map(open).transpose()?,
            silent: words.silent,
            own: own(),
        })
    }

    /// Says a line, or several.
    pub(crate) fn say(&mut self, text: &str) {
        // A console that is gone must not stop an installation half-way.
        let _ = writeln!(io::stdout(), "{text}");
        if let Some((path, log)) = &mut self.log
            && let Err(error) = writeln!(log, "{text}")
        {
            let _ = writeln!(
                io::stderr(),
                "the log {} ends here: {error}",
                path.display()
            );
            self.log = None;
        }
    }

    /// Asks whether to do something; no answer is a no.
    pub(crate) fn ask(&mut self, what: &str) -> bool {
        let question = format!("{what}? [y/N] ");
        let _ = write!(io::stdout(), "{question}");
        let _ = io::stdout().flush();
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        let yes = read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes");
        if let Some((_, log)) = &mut self.log {
            let _ = writeln!(log, "{question}{}", if yes { "yes" } else { "no" });
        }
        yes
    }

    /// Whether the console was made for this program, and ends with it.
    pub(crate) fn is_own(&self) -> bool {
        self.own && !self.silent
    }

    /// Another process goes on: nobody is kept waiting here.
    pub(crate) fn leave(&mut self) {
        self.own = false;
    }

    /// Gives whoever started it with a double click the time to read.
    pub(crate) fn end(&mut self) {
        if self.is_own() {
            let _ = write!(io::stdout(), "press Enter to close this window ");
            let _ = io::stdout().flush();
            let _ = io::stdin().read_line(&mut String::new());
        }
    }
}

/// Whether nobody else is on this console ("GetConsoleProcessList").
fn own() -> bool {
    let mut ids = [0; 2];
    // SAFETY: the result is a local variable with its length.
    unsafe { calls::GetConsoleProcessList(ids.as_mut_ptr(), 2) == 1 }
}

/// Starts this program once more, with an administrator's rights if the person agrees; whether it was started.
pub(crate) fn elevate() -> bool {
    let Ok(program) = std::env::current_exe() else {
        return false;
    };
    let program = HSTRING::from(program.as_os_str());
    // SAFETY: the texts end with 0 and outlive the call. Above 32 it is started ("ShellExecute").
    unsafe {
        calls::ShellExecuteW(
            std::ptr::null(),
            w!("runas").as_ptr(),
            PCWSTR(program.as_ptr()).as_ptr(),
            std::ptr::null(),
            std::ptr::null(),
            SHOW_NORMAL,
        ) > 32
    }
}
