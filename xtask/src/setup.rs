//! Sets the host up: says what is missing, adds it where this user may, else says the one line to run.

mod tools;

use std::env;

use anyhow::{Context as _, Result, bail};
use waverig_kit::{
    Arch, Invocation, Privilege, Runner, install, install_line, privilege, requirements,
};

use crate::context::Context;
use crate::stop::HostLacks;
use crate::ui::Ui;
use tools::{CALLGRIND, GDB, SOMETIMES, TOOLS, Tool};
#[cfg(target_os = "linux")]
use tools::{IMAGES, MINGW, QEMU, SOCAT, WINDOWS_GNU};

/// Set to anything: nothing is ever installed.
const NO_INSTALL: &str = "WAVERIG_NO_INSTALL";

/// How this user may install, unless told not to.
fn allowed(runner: &dyn Runner) -> Option<Privilege> {
    match env::var_os(NO_INSTALL) {
        Some(_) => None,
        None => privilege(runner),
    }
}

/// Makes sure that the driver can be built here.
///
/// # Errors
/// [`HostLacks`] when something is missing and may not be added.
pub(crate) fn driver(context: &Context, arch: Arch) -> Result<()> {
    let needs = requirements(&*context.exec, &context.workspace(), arch)?;
    let missing: Vec<_> = needs.iter().filter(|need| need.found.is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|need| need.name.as_str()).collect();
    let names = names.join(", ");
    let line = install_line(&needs).map_err(|error| HostLacks(error.to_string()))?;
    let Some(privilege) = allowed(&*context.exec) else {
        return Err(lacks(&names, &line));
    };
    // Whoever has root's rights already runs the same commands without sudo.
    let line = match privilege {
        Privilege::Already => line.replace("sudo ", ""),
        Privilege::Sudo => line,
    };
    context.ui.say("setup", &format!("missing: {names}"));
    context
        .ui
        .step("setup", &format!("installing: {line}"), || {
            install(&*context.exec, &needs, privilege)
        })?;
    let after = requirements(&*context.exec, &context.workspace(), arch)?;
    match after.iter().find(|need| need.found.is_none()) {
        None => Ok(()),
        Some(need) => Err(HostLacks(format!(
            "{} is still missing after `{line}`; look at what that printed",
            need.name
        ))
        .into()),
    }
}

fn lacks(names: &str, line: &str) -> anyhow::Error {
    HostLacks(format!(
        "this host lacks {names}; run this line, then the same command again:\n  {line}"
    ))
    .into()
}

/// Makes sure that the tests can run here.
///
/// # Errors
/// [`HostLacks`] when something is missing and may not be added.
pub(crate) fn tests(context: &Context) -> Result<()> {
    driver(context, Arch::X64)?;
    driver(context, Arch::Arm64)?;
    for tool in TOOLS {
        ensure(&*context.exec, &context.ui, tool)?;
    }
    Ok(())
}

/// Makes sure that programs for Windows can be built here.
///
/// # Errors
/// [`HostLacks`] when something is missing and may not be added.
#[cfg(target_os = "linux")]
pub(crate) fn windows_programs(context: &Context) -> Result<()> {
    ensure(&*context.exec, &context.ui, &MINGW)?;
    ensure(&*context.exec, &context.ui, &WINDOWS_GNU)
}

/// Makes sure that a debugger is here.
///
/// # Errors
/// [`HostLacks`] when gdb is missing and may not be added.
pub(crate) fn debug(context: &Context) -> Result<()> {
    ensure(&*context.exec, &context.ui, &GDB)
}

/// Makes sure that a guest can be looked at.
///
/// # Errors
/// [`HostLacks`] when something is missing and may not be added.
#[cfg(target_os = "linux")]
pub(crate) fn look(context: &Context) -> Result<()> {
    debug(context)?;
    ensure(&*context.exec, &context.ui, &SOCAT)
}

/// Makes sure that base images can be made and used here.
///
/// # Errors
/// [`HostLacks`] when qemu-img is missing and may not be added.
#[cfg(target_os = "linux")]
pub(crate) fn images(context: &Context) -> Result<()> {
    ensure(&*context.exec, &context.ui, &IMAGES)
}

/// Whether guests can run here as it is.
#[cfg(target_os = "linux")]
pub(crate) fn has_qemu(context: &Context) -> bool {
    works(&*context.exec, QEMU.probe)
}

/// Makes sure that guests can run here.
///
/// # Errors
/// [`HostLacks`] when QEMU is missing and may not be added.
#[cfg(target_os = "linux")]
pub(crate) fn qemu(context: &Context) -> Result<()> {
    ensure(&*context.exec, &context.ui, &QEMU)
}

/// Makes sure that instructions can be counted here.
///
/// # Errors
/// [`HostLacks`] when valgrind is missing and may not be added.
pub(crate) fn bench(context: &Context) -> Result<()> {
    ensure(&*context.exec, &context.ui, &CALLGRIND)
}

fn ensure(runner: &dyn Runner, ui: &Ui, tool: &Tool) -> Result<()> {
    if works(runner, tool.probe) {
        return Ok(());
    }
    let Some(add) = tool.add.iter().find(|add| works(runner, add.when)) else {
        return Err(HostLacks(format!(
            "this host lacks {}; install it with this system's own means",
            tool.name
        ))
        .into());
    };
    let command = invocation(add.command);
    let sudo = || Invocation::new("sudo").args(add.command.iter().copied());
    let command = match (allowed(runner), add.root) {
        (None, true) => return Err(lacks(tool.name, &sudo().line())),
        (None, false) => return Err(lacks(tool.name, &command.line())),
        (Some(Privilege::Sudo), true) => sudo(),
        (Some(_), _) => command,
    };
    ui.step(
        "setup",
        &format!("installing {}: {}", tool.name, command.line()),
        || {
            let output = runner
                .run(&command.clone().inherit())
                .with_context(|| format!("cannot start `{}`", command.line()))?;
            if !output.success() || !works(runner, tool.probe) {
                bail!(HostLacks(format!(
                    "`{}` did not bring {}; look at its messages above",
                    command.line(),
                    tool.name
                )));
            }
            Ok(())
        },
    )
}

fn invocation(words: &[&str]) -> Invocation {
    let mut words = words.iter();
    Invocation::new(words.next().copied().unwrap_or_default()).args(words.copied())
}

/// Whether a command can be started and succeeds.
fn works(runner: &dyn Runner, words: &[&str]) -> bool {
    runner
        .run(&invocation(words))
        .is_ok_and(|output| output.success())
}

/// One thing a host has or lacks.
pub(crate) struct Item {
    pub(crate) name: String,
    /// What it is for.
    pub(crate) why: &'static str,
    /// Whether the README's two commands need it.
    pub(crate) needed: bool,
    /// Where it is, or how it answered; `None` when it is missing.
    pub(crate) found: Option<String>,
    /// The line that adds it, when it is missing and there is one.
    pub(crate) add: Option<String>,
}

/// What the host has and lacks, for `doctor`.
///
/// # Errors
/// When the host cannot be asked.
pub(crate) fn inventory(context: &Context) -> Result<Vec<Item>> {
    let mut list = Vec::new();
    for need in requirements(&*context.exec, &context.workspace(), Arch::X64)? {
        let found = need.found.as_ref().map(|place| place.display().to_string());
        list.push(Item {
            name: need.name.clone(),
            why: "cargo xtask ci",
            needed: true,
            add: install_line(std::slice::from_ref(&need)).ok(),
            found,
        });
    }
    let tests = TOOLS.iter().map(|tool| ("cargo xtask test", tool, true));
    let sometimes = SOMETIMES.iter().map(|(why, tool)| (*why, tool, false));
    for (why, tool, needed) in tests.chain(sometimes) {
        let add = tool.add.iter().find(|add| works(&*context.exec, add.when));
        list.push(Item {
            name: tool.name.to_owned(),
            why,
            needed,
            found: works(&*context.exec, tool.probe).then(|| tool.probe.join(" ")),
            add: add.map(|add| match add.root {
                true => format!("sudo {}", invocation(add.command).line()),
                false => invocation(add.command).line(),
            }),
        });
    }
    Ok(list)
}

/// Whether this user may install, in a line for `doctor`.
pub(crate) fn rights(runner: &dyn Runner) -> String {
    let told = env::var_os(NO_INSTALL).is_some();
    match allowed(runner) {
        Some(Privilege::Already) => {
            "   rights  this user may install, and verbs do so by themselves".into()
        }
        Some(Privilege::Sudo) => {
            "   rights  sudo asks for no password, so verbs install by themselves".into()
        }
        None if told => format!("   rights  {NO_INSTALL} is set: nothing is ever installed"),
        None => "   rights  this user may not install: verbs print the line to run instead".into(),
    }
}

#[cfg(test)]
mod tests;
