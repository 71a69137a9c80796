//! The installer: `waverig-setup`. What it decides is in the library beside it; what it does to Windows, in `windows`.

#[cfg(windows)]
mod windows;

#[cfg(windows)]
fn main() {
    // A number that does not fit `ExitCode`.
    std::process::exit(windows::run() as i32);
}

#[cfg(not(windows))]
fn main() -> std::process::ExitCode {
    eprintln!("waverig-setup runs on Windows; `cargo xtask installer` builds it for that");
    std::process::ExitCode::from(waverig_setup::Exit::Refused as u8)
}
