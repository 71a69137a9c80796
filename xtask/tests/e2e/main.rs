//! The chain from end to end, as a person runs it: through the program, on real files, with the real driver.
//!
//! Each test writes to a folder of its own. What every test needs first (a good package) is made once.

#[cfg(target_os = "linux")]
mod actions;
#[cfg(target_os = "linux")]
mod aes67;
mod arm64;
mod chain;
mod clean_clone;
mod compare;
mod coverage;
#[cfg(target_os = "linux")]
mod cpp;
mod debug;
mod docs;
mod faults;
mod foreign;
mod fuzz;
mod hyperv;
mod interleave;
mod misuse;
mod mutants;
#[cfg(target_os = "linux")]
mod others;
mod pace;
#[cfg(target_os = "linux")]
mod qemu;
mod rig;
#[cfg(target_os = "linux")]
mod signing;
mod triage;
#[cfg(target_os = "linux")]
mod wine;
