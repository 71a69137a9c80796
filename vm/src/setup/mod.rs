//! What a base image is made of beside an installation medium: a disc with the answers that Windows Setup asks for, the agent, and a
//! script for the first logon.
//!
//! Setup takes the answer file from the root of a removable medium, of those that can be written to first, then of those that cannot, in
//! the order of their letters (learn.microsoft.com, "Windows Setup Automation Overview", implicit answer file search order). A disc is
//! one under every hypervisor; a hard disk of Hyper-V is not.
//!
//! **The agent is a program of the logged-on user, not a service.** A service lives in session 0, where what it plays is not heard and
//! no error says so; WASAPI's clients belong into the session at the console ("Session 0 isolation"). So the user logs on by himself, and
//! Task Scheduler starts the agent at that logon with his highest rights, which device installation needs.
//!
//! Nothing of this has been seen on Windows.

pub mod answer;

/// Label of the disc; the first logon's command finds it by that.
pub const LABEL: &str = "WAVERIG";
/// The answer file, by the name that Setup looks for.
pub const ANSWERS: &str = "AUTOUNATTEND.XML";
/// The agent.
pub const AGENT: &str = "AGENT.EXE";
/// The script.
pub const SCRIPT: &str = "SETUP.PS1";
/// What is in it.
pub const FIRST_LOGON: &str = include_str!("first_logon.ps1");

/// Of an agent's conditions, those that a base image must fulfil.
pub const NEEDED: [&str; 5] = [
    "build",
    "elevation",
    "test-signing",
    "audio-services",
    "session",
];
