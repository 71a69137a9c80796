//! What runs that were killed have left: virtual machines, which outlive whoever made them, and their folders.

use super::Host;
use super::answer::Refused;
use super::cmdlet::{self, Vm, VmId};
use super::owner::{Fate, Owner};

/// Removes them; says what was found, and what was left alone though it looks like ours.
///
/// # Errors
/// When a machine or a folder stays.
pub(super) fn remove(host: &Host, owner: &Owner) -> Result<Vec<String>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("what a run that was killed has left cannot be removed: {error}")
    };
    let mut found = Vec::new();
    for vm in host
        .ask(&cmdlet::get_vms())
        .map_err(|error| failed(&error))?
    {
        match owner.judge(&vm) {
            Fate::Stranger | Fate::InUse => {}
            Fate::Left(home) => {
                end(host, &vm).map_err(|error| failed(&error))?;
                found.push(format!(
                    "{}, the virtual machine {} of {}",
                    vm.state.to_lowercase(),
                    vm.name,
                    home.display()
                ));
            }
            Fate::Unclear => found.push(format!(
                "the virtual machine {} is named like one of these and was left alone, since nothing tells whose it is; if it is nobody's: Get-VM -Id {} | Remove-VM",
                vm.name, vm.id
            )),
        }
    }
    found.extend(owner.empty().map_err(|error| failed(&error))?);
    Ok(found)
}

/// Takes a machine's power away and removes it.
fn end(host: &Host, vm: &Vm) -> Result<(), Refused> {
    if vm.state != OFF {
        host.ask(&cmdlet::stop_vm(&vm.id))?;
    }
    host.ask(&cmdlet::remove_vm(&vm.id))
}

/// The same of one whose state nobody asked for; whatever it is, both are tried.
pub(super) fn end_any(host: &Host, id: &VmId) -> Result<(), Refused> {
    // One that is off already refuses, and that is no reason to keep it.
    let _ = host.ask(&cmdlet::stop_vm(id));
    host.ask(&cmdlet::remove_vm(id))
}

/// After `New-VM` failed: whatever has this name, which no other run gives, is its unfinished work.
pub(super) fn end_named(host: &Host, name: &str) -> Result<(), Refused> {
    let all = host.ask(&cmdlet::get_vms())?;
    let ours = all.iter().filter(|vm| vm.name == name);
    for vm in ours {
        end(host, vm)?;
    }
    Ok(())
}

/// The state of one that is not running.
pub(super) const OFF: &str = "Off";
