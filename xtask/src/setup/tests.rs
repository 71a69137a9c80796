//! A tool that is missing: what is run, or what is told, by what the host allows. No program is started.

use std::cell::RefCell;
use std::io;

use waverig_kit::Output;

use super::tools::Add;
use super::*;

/// A host on which these command lines succeed, and every other fails; it writes down what it was asked.
struct Host {
    works: &'static [&'static str],
    /// Works from the moment the first command of a kind was run: what was installed, and what that brings.
    brings: Option<(&'static str, &'static str)>,
    root: bool,
    asked: RefCell<Vec<String>>,
}

impl Runner for Host {
    fn run(&self, invocation: &Invocation) -> io::Result<Output> {
        let line = invocation.line();
        let installed = self.brings.is_some_and(|(command, tool)| {
            tool == line && self.asked.borrow().iter().any(|l| l == command)
        });
        let code = i32::from(!(installed || self.works.contains(&line.as_str())));
        self.asked.borrow_mut().push(line.clone());
        Ok(Output {
            code: Some(code),
            stdout: if line == "id -u" && self.root {
                "0\n"
            } else {
                "1000\n"
            }
            .into(),
            stderr: String::new(),
        })
    }
}

const TOOL: Tool = Tool {
    name: "frob, the frobnicator",
    probe: &["frob", "--version"],
    add: &[Add {
        when: &["apt-get", "--version"],
        command: &["apt-get", "install", "frob"],
        root: true,
    }],
};

/// Ensures [`TOOL`] on a host; what it says, or the installing command it ran.
fn check(
    works: &'static [&'static str],
    root: bool,
    brings: Option<(&'static str, &'static str)>,
    expect: &str,
) {
    let host = Host {
        works,
        brings,
        root,
        asked: RefCell::default(),
    };
    let got = match ensure(&host, &Ui::new(), &TOOL) {
        Ok(()) => host
            .asked
            .borrow()
            .iter()
            .find(|line| line.contains("install"))
            .cloned()
            .unwrap_or_else(|| "nothing was run".into()),
        Err(error) => {
            assert!(error.is::<HostLacks>(), "{error} is not about the host");
            error.to_string()
        }
    };
    assert!(
        got.contains(expect),
        "{works:?}: {got:?} does not say {expect:?}"
    );
}

#[test]
fn a_missing_tool_is_added_where_that_is_allowed_and_named_where_it_is_not() {
    const APT: &str = "apt-get --version";
    const FROB: &str = "frob --version";
    check(&[FROB], false, None, "nothing was run");
    check(
        &[],
        false,
        None,
        "lacks frob, the frobnicator; install it with this system's own means",
    );
    check(
        &[APT],
        false,
        None,
        "run this line, then the same command again:\n  sudo apt-get install frob",
    );
    check(
        &[APT, "apt-get install frob"],
        true,
        Some(("apt-get install frob", FROB)),
        "apt-get install frob",
    );
    check(
        &[APT, "sudo -n true", "sudo apt-get install frob"],
        false,
        Some(("sudo apt-get install frob", FROB)),
        "sudo apt-get install frob",
    );
    check(
        &[APT],
        true,
        None,
        "`apt-get install frob` did not bring frob, the frobnicator",
    );
}
