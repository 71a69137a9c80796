//! Ctrl-C while machines run: they are ended, what was observed is judged and written, and whoever asks twice is obeyed at once.

use std::process;
use std::sync::Once;

use waverig_vm::interrupt;

/// Exit code of a program that SIGINT ended, as shells give it.
const INTERRUPTED: i32 = 130;

/// From now on Ctrl-C (or SIGTERM) ends machines instead of this program.
pub(crate) fn on_signal() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let set = ctrlc::set_handler(|| {
            if interrupt::pending() {
                process::exit(INTERRUPTED);
            }
            eprintln!("interrupted: machines are ended and what was observed is written; once more to stop at once");
            interrupt::interrupt();
        });
        if let Err(error) = set {
            eprintln!("Ctrl-C will end this program without a report: {error}");
        }
    });
}
