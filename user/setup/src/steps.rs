//! Doing it, in an order in which every step can be undone, and undoing it when one fails.

use anyhow::{Context as _, Result, bail};

use crate::decide::Found;

/// What is done to a machine. Each call does one thing or fails with what Windows says.
pub trait Machine {
    /// What of the device is here now.
    fn find(&mut self) -> Result<Found>;
    /// Makes the machine trust the certificate of this program's package, noted as this program's doing before it is done.
    fn trust(&mut self) -> Result<()>;
    /// Takes the certificates out again that this program has put there, but for these.
    fn distrust(&mut self, but: &[String]) -> Result<()>;
    /// Makes a device node without a driver; its instance.
    fn make_node(&mut self) -> Result<String>;
    /// Removes one; whether Windows wants a restart for it.
    fn remove_node(&mut self, instance: &str) -> Result<bool>;
    /// Makes a copy of a package in the driver store, to be installed from should it be needed again.
    fn keep(&mut self, name: &str) -> Result<()>;
    /// Puts this program's package into the driver store; its name there, also when it is there already.
    fn store(&mut self) -> Result<String>;
    /// Installs this program's package on every device node; whether Windows wants a restart for it.
    fn install(&mut self) -> Result<bool>;
    /// The same with a package of which a copy was kept.
    fn install_kept(&mut self, name: &str) -> Result<bool>;
    /// Takes a package out of the driver store.
    fn forget(&mut self, name: &str) -> Result<()>;
    /// Deletes a driver's service.
    fn delete_service(&mut self, name: &str) -> Result<()>;
    /// Tells the person.
    fn say(&mut self, line: &str);
}

/// What was done so far, as far as it must be undone.
#[derive(Default)]
struct Done {
    trusted: bool,
    made: Vec<String>,
    /// Our package, when the store did not have it before.
    stored: Option<String>,
    /// The package that was on the nodes, once another may be.
    replaced: Option<String>,
}

/// Installs the package, on a new node when `before` has none; gives whether Windows wants a restart.
///
/// # Errors
/// The step that failed. What was here before is here again, or the error says what is not.
pub fn install(machine: &mut impl Machine, before: &Found, trust: bool) -> Result<bool> {
    let mut done = Done::default();
    match try_install(machine, before, trust, &mut done) {
        Ok(restart) => Ok(restart),
        Err(error) => {
            let left = undo(machine, before, &done);
            match left.is_empty() {
                true => Err(error.context("it did not work, and the machine is as it was before")),
                false => Err(error.context(format!(
                    "it did not work, and not everything could be undone: {}",
                    left.join("; ")
                ))),
            }
        }
    }
}

fn try_install(
    machine: &mut impl Machine,
    before: &Found,
    trust: bool,
    done: &mut Done,
) -> Result<bool> {
    // Whatever happens later, the package that works now can be installed again.
    let old = package_in_use(before);
    if let Some(old) = &old {
        machine.keep(old).with_context(|| {
            format!("there would be no way back to {old}; remove first, then install")
        })?;
    }
    if trust {
        machine.say("the machine is made to trust the certificate");
        done.trusted = true;
        machine.trust()?;
    }
    if before.nodes.is_empty() {
        let instance = machine.make_node()?;
        machine.say(&format!("device node {instance}"));
        done.made.push(instance);
    }
    let name = machine.store()?;
    machine.say(&format!("package {name} in the driver store"));
    if !before.stored.iter().any(|stored| stored.name == name) {
        done.stored = Some(name.clone());
    }
    done.replaced = old.filter(|old| *old != name);
    let restart = machine.install()?;
    let after = machine.find()?;
    if after.nodes.is_empty() {
        bail!("the device node is gone");
    }
    // A driver that comes with the next start cannot work yet.
    if !restart {
        for node in &after.nodes {
            if let Some(trouble) = &node.trouble {
                bail!("{} does not work: {trouble}", node.instance);
            }
        }
    }
    for old in before.stored.iter().filter(|old| old.name != name) {
        // It is installed whatever becomes of the other package.
        match machine.forget(&old.name) {
            Ok(()) => machine.say(&format!("package {} left the driver store", old.name)),
            Err(error) => machine.say(&format!("the older package stays: {error:#}")),
        }
    }
    Ok(restart)
}

/// The package that the nodes were installed from, as far as that can be told: the one whose version they state, else the newest.
fn package_in_use(before: &Found) -> Option<String> {
    if before.nodes.is_empty() {
        return None;
    }
    let version = before.version();
    let states = |stored: &&crate::decide::Stored| stored.version == version;
    let newest = || before.stored.iter().max_by_key(|stored| stored.version);
    let package = before.stored.iter().find(states).or_else(newest)?;
    Some(package.name.clone())
}

/// Undoes what was done; what could not be is told.
fn undo(machine: &mut impl Machine, before: &Found, done: &Done) -> Vec<String> {
    let mut left = Vec::new();
    let mut attempt =
        |result: Result<()>| left.extend(result.err().map(|error| format!("{error:#}")));
    if let Some(old) = &done.replaced {
        attempt(match machine.install_kept(old) {
            Ok(false) => Ok(()),
            Ok(true) => Err(anyhow::anyhow!(
                "{old} works again after a restart of Windows"
            )),
            Err(error) => Err(error.context(format!("{old} is not installed again"))),
        });
    }
    // A service that came with our package: nobody else's.
    let services = match (before.nodes.is_empty(), &done.stored) {
        (true, Some(_)) => machine.find().map(|found| services(&found)),
        _ => Ok(Vec::new()),
    };
    for instance in &done.made {
        attempt(machine.remove_node(instance).map(|_| ()));
    }
    if let Some(name) = &done.stored {
        attempt(machine.forget(name));
    }
    match services {
        Ok(names) => names
            .iter()
            .for_each(|name| attempt(machine.delete_service(name))),
        Err(error) => attempt(Err(error)),
    }
    if done.trusted {
        attempt(machine.distrust(&before.trusted_by_us));
    }
    left
}

/// The services of the nodes.
fn services(found: &Found) -> Vec<String> {
    let mut names: Vec<String> = found
        .nodes
        .iter()
        .filter_map(|node| node.service.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Removes everything; gives whether Windows wants a restart.
///
/// # Errors
/// The step that failed, after all the others were tried: what one keeps does not keep the rest.
pub fn remove(machine: &mut impl Machine, before: &Found) -> Result<bool> {
    let mut restart = false;
    let mut failed = Vec::new();
    let mut attempt = |machine: &mut dyn FnMut() -> Result<()>| {
        if let Err(error) = machine() {
            failed.push(format!("{error:#}"));
        }
    };
    for node in &before.nodes {
        attempt(&mut || {
            restart |= machine.remove_node(&node.instance)?;
            machine.say(&format!("device node {} is removed", node.instance));
            Ok(())
        });
    }
    for stored in &before.stored {
        attempt(&mut || {
            machine.forget(&stored.name)?;
            machine.say(&format!("package {} left the driver store", stored.name));
            Ok(())
        });
    }
    // The store forgets the package, and the service stays ("Using SetupAPI to Uninstall Devices and Driver Packages" names it not).
    for service in services(before) {
        attempt(&mut || machine.delete_service(&service));
    }
    if !before.trusted_by_us.is_empty() {
        attempt(&mut || {
            machine.distrust(&[])?;
            machine.say(
                "the machine no longer trusts the certificate that this program had put there",
            );
            Ok(())
        });
    }
    if !failed.is_empty() {
        bail!("not everything is removed: {}", failed.join("; "));
    }
    Ok(restart)
}

#[cfg(test)]
mod tests;
