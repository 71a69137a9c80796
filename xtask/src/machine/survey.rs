//! Which test machines this host can have, for `doctor`: asked, not assumed, and with the next step where one is missing.

#[cfg(target_os = "linux")]
use waverig_vm::qemu::Accel;

use super::{hyperv, runner};
use crate::context::Context;
#[cfg(target_os = "linux")]
use crate::setup;

/// A kind of machine, and how it would run here or why it would not.
pub(crate) struct Surveyed {
    pub(crate) name: &'static str,
    pub(crate) usable: Result<String, String>,
}

/// All kinds, the strongest first. Nothing is installed or left behind.
pub(crate) fn survey(context: &Context) -> Vec<Surveyed> {
    let of = |name, usable| Surveyed { name, usable };
    vec![
        of("hyperv", hyperv(context)),
        of(
            "runner",
            runner::probe(context).map(|()| "this host itself, since nobody needs it".into()),
        ),
        of("qemu", qemu(context)),
        of(
            "sim",
            Ok("the simulator, part of this program; it needs nothing".into()),
        ),
    ]
}

fn hyperv(context: &Context) -> Result<String, String> {
    match hyperv::host() {
        Ok(()) if context.trial.image.is_some() => Ok("guests of the base image".into()),
        Ok(()) => Ok(
            "with a base image (--image FILE); cargo xtask image build --iso WINDOWS.iso makes one"
                .into(),
        ),
        Err(why) => Err(why),
    }
}

#[cfg(target_os = "linux")]
fn qemu(context: &Context) -> Result<String, String> {
    if !setup::has_qemu(context) {
        return Err(
            "QEMU is not installed; vm-test --machine qemu installs it where it may".into(),
        );
    }
    let folder = std::env::temp_dir().join(format!("waverig-doctor-{}", std::process::id()));
    let accel = Accel::probe(super::qemu::QEMU, &folder);
    // It is small and in the system's own place for such.
    let _ = std::fs::remove_dir_all(&folder);
    let accel = accel.map_err(|error| error.to_string())?;
    let next = match accel.name {
        "kvm" => "",
        _ if accel.why.contains("denied") => {
            "; for KVM: `sudo usermod --append --groups kvm $USER`, then log in again"
        }
        _ => {
            "; for KVM: virtualisation on in the firmware, or nested in the virtual machine that this is"
        }
    };
    Ok(format!("guests on {}: {}{next}", accel.name, accel.why))
}

#[cfg(not(target_os = "linux"))]
fn qemu(_: &Context) -> Result<String, String> {
    Err("it needs a Linux host".into())
}
