//! What the installer decides without Windows: what it carries, what it is asked, what it does about it and in which order.
//!
//! | module | what it is for |
//! |---|---|
//! | [`parcel`] | the signed driver package inside the program: packing it, reading it back |
//! | [`words`] | the command line |
//! | [`decide`] | what is done, given the machine's state, the verb and its options |
//! | [`steps`] | doing it, and undoing it when a step fails |
//! | [`version`] | versions of driver packages |
#![forbid(unsafe_code)]

pub mod decide;
pub mod parcel;
pub mod steps;
pub mod version;
pub mod words;

/// How the program ends, for whoever reads exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Exit {
    /// Done, or nothing was to be done.
    Done = 0,
    /// A step failed; what it had changed was undone unless it says otherwise.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Not allowed or not possible here; nothing was changed.
    Refused = 3,
    /// Done, and Windows wants a restart: `ERROR_SUCCESS_REBOOT_REQUIRED` (winerror.h), as installers say it.
    Restart = 3010,
}
