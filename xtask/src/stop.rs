//! Why a verb stopped, and what that means for the exit code.

use std::fmt;
use std::process::ExitCode;

/// Exit code of a check that failed, or of work that could not be done for another reason.
pub(crate) const FAILED: u8 = 1;
/// Exit code of wrong use.
const USAGE: u8 = 2;
/// Exit code of a host that lacks something.
const HOST_LACKS: u8 = 3;

/// Exit code of a run that was disturbed: nothing failed, and the same command on a quieter host may tell more.
pub(crate) const INCONCLUSIVE: u8 = 4;

/// The command line is wrong; the text says what is allowed.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

/// The host lacks something; the text names it and the command that adds it.
#[derive(Debug)]
pub(crate) struct HostLacks(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostLacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
impl std::error::Error for HostLacks {}

/// Prints an error with its causes, one a line, and gives the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    let any = |is: fn(&(dyn std::error::Error + 'static)) -> bool| error.chain().any(is);
    if any(|cause| cause.is::<Usage>() || cause.is::<lexopt::Error>()) {
        USAGE
    } else if any(|cause| cause.is::<HostLacks>()) {
        HOST_LACKS
    } else {
        FAILED
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_exit_code_survives_added_context() {
        let check = |error: anyhow::Error, expect| {
            assert_eq!(code(&error.context("while testing")), expect)
        };
        check(anyhow!("x"), FAILED);
        check(Usage("x".into()).into(), USAGE);
        check(HostLacks("x".into()).into(), HOST_LACKS);
        check(
            Err::<(), _>(lexopt::Error::MissingValue { option: None })
                .context("x")
                .expect_err("is one"),
            USAGE,
        );
    }
}
