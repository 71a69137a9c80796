//! What a Windows machine fulfils of what a run needs: each thing by a call of its own, and where none answers, why it is unknown.

use std::fs;
use std::path::Path;

use crate::state::{State, Verifier};
use anyhow::{Context as _, Result};
use waverig_protocol::Condition;
use windows::Win32::System::SystemInformation::GetSystemDirectoryW;

use super::certificate::Certificate;
use super::system::{self, Version};
use super::{registry, services, verifier};

/// The oldest build that the package's INF names.
const OLDEST: u32 = 19_041;
/// `CODEINTEGRITY_OPTION_HVCI_KMCI_ENABLED` (NtQuerySystemInformation, winternl.h).
const HVCI: u32 = 0x400;
/// `SystemKernelDebuggerInformation`: whether one is enabled, and whether none is there. The number and the two bytes are inferred; the
/// documentation leaves this class out.
const KERNEL_DEBUGGER: i32 = 35;
/// Where programs ask whether they may listen (inferred; the settings page "Microphone" writes it).
const MICROPHONE: &str =
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone";

/// What was found, and whether that will do; `None`: nobody can tell.
type Found = Result<(Option<bool>, String)>;

/// All of it.
pub(super) fn all(state: &State) -> Vec<Condition> {
    let found: [(&str, Found); 12] = [
        ("build", build()),
        ("elevation", elevation()),
        ("test-signing", test_signing()),
        ("secure-boot", secure_boot()),
        ("hvci", hvci()),
        ("ci-policy", ci_policy()),
        ("verifier", verifier()),
        ("audio-services", audio_services()),
        ("microphone", microphone()),
        ("session", session()),
        ("debugger", debugger()),
        ("certificate", certificate(state)),
    ];
    let condition = |(name, found): (&str, Found)| {
        let unknown = |error| (None, format!("unknown, because {error:#}"));
        let (holds, text) = found.unwrap_or_else(unknown);
        let name = name.to_owned();
        Condition { name, holds, text }
    };
    found.map(condition).into()
}

fn build() -> Found {
    let version = Version::get();
    let holds = version.major >= 10 && version.build >= OLDEST;
    let text = if holds {
        format!("{version}")
    } else {
        format!("{version}: the package is for build {OLDEST} and later; take a newer machine")
    };
    Ok((Some(holds), text))
}

fn elevation() -> Found {
    Ok(if system::elevated()? {
        (Some(true), "the agent has an administrator's rights".into())
    } else {
        (
            Some(false),
            "the agent runs without an administrator's rights; start it elevated".into(),
        )
    })
}

/// `CodeIntegrityOptions`.
fn code_integrity() -> Result<u32> {
    system::code_integrity().context("the kernel does not tell its code integrity options")
}

fn test_signing() -> Found {
    Ok(match code_integrity()? & system::TEST_SIGN {
        0 => (
            Some(false),
            "test signing is off: bcdedit /set testsigning on, then a restart".into(),
        ),
        _ => (Some(true), "test signing is on".into()),
    })
}

fn secure_boot() -> Found {
    let control = r"SYSTEM\CurrentControlSet\Control";
    Ok(match system::secure_boot()? {
        Some(false) => (Some(true), "Secure Boot is off".into()),
        Some(true) => (
            Some(false),
            "Secure Boot is on, and test signing cannot be: switch it off in the firmware".into(),
        ),
        // 1 is a BIOS ("WinPE: Boot in UEFI or legacy BIOS mode"; that an installed Windows has the value too is inferred).
        None if registry::number(control, "PEFirmwareType")? == Some(1) => {
            (Some(true), "the firmware is a BIOS, which has none".into())
        }
        None => (
            None,
            "unknown, because the registry does not tell the state of Secure Boot".into(),
        ),
    })
}

fn hvci() -> Found {
    Ok(match code_integrity()? & HVCI {
        0 => (Some(true), "memory integrity is off".into()),
        _ => (
            None,
            "memory integrity is on: the hypervisor looks at every page of the driver, and times are others; nobody has seen the driver \
             there"
                .into(),
        ),
    })
}

fn ci_policy() -> Found {
    let mut room = [0; 260];
    // SAFETY: the result is a local variable with the length that is announced by its type.
    let length = unsafe { GetSystemDirectoryW(Some(&mut room)) } as usize;
    let system = String::from_utf16_lossy(room.get(..length).unwrap_or(&[]));
    let folder = Path::new(&system).join("CodeIntegrity");
    // "Deploy App Control policies": those of the multiple and of the single format.
    let mut policies = Vec::new();
    for place in [folder.join(r"CiPolicies\Active"), folder] {
        let entries = match fs::read_dir(&place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("{} is closed", place.display()));
            }
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        policies.extend(names.filter(|name| {
            let name = name.to_lowercase();
            name.ends_with(".cip") || name == "sipolicy.p7b"
        }));
    }
    policies.sort();
    Ok(if policies.is_empty() {
        (Some(true), "no code-integrity policy is active".into())
    } else {
        let list = policies.join(", ");
        let text = format!(
            "whether these policies let a test-signed driver load is unknown: {list}; a device with code 39, 49 or 52 says no"
        );
        (None, text)
    })
}

fn verifier() -> Found {
    let (set, now) = (verifier::set_to()?, verifier::since_start()?);
    let what = |it: &Verifier| match (&it.drivers, it.level) {
        (Some(drivers), Some(level)) => format!("on for {drivers} with flags {level:#x}"),
        (Some(drivers), None) => format!("on for {drivers} with the flags that Windows chooses"),
        (None, _) => "off".to_owned(),
    };
    Ok(if set == now {
        (Some(true), format!("Driver Verifier is {}", what(&set)))
    } else {
        let text = format!(
            "Driver Verifier is {}, and {} after a restart: restart the machine",
            what(&now),
            what(&set)
        );
        (Some(false), text)
    })
}

fn audio_services() -> Found {
    let mut missing = Vec::new();
    for name in services::AUDIO {
        match services::runs(name)? {
            Some(true) => {}
            Some(false) => missing.push(format!("{name} is stopped, the agent starts it")),
            None => missing.push(format!("there is no {name}")),
        }
    }
    Ok(if missing.is_empty() {
        (Some(true), "the audio services run".into())
    } else {
        (Some(false), missing.join("; "))
    })
}

fn microphone() -> Found {
    Ok(match registry::text(MICROPHONE, "Value")?.as_deref() {
        Some("Allow") => (Some(true), "programs may record".into()),
        Some(other) => {
            let text = format!(
                "programs may not record ({other}): allow it in the settings, Privacy, Microphone"
            );
            (Some(false), text)
        }
        None => (
            None,
            "unknown, because nothing says whether programs may record".into(),
        ),
    })
}

fn session() -> Found {
    let (own, console) = system::sessions()?;
    if own != 0 && Some(own) == console {
        return Ok((
            Some(true),
            format!("the agent is in the console's session {own}"),
        ));
    }
    let console = console.map_or("nobody's".into(), |number| number.to_string());
    let text = format!(
        "the agent is in session {own}, the console's is {console}: start it in the session of somebody who is logged on there"
    );
    Ok((Some(false), text))
}

fn debugger() -> Found {
    // Two bytes: enabled, not present.
    let mut bytes = [0u8; 2];
    system::query_bytes(KERNEL_DEBUGGER, &mut bytes)
        .context("the kernel does not tell whether a debugger is there")?;
    Ok(match bytes {
        [0, _] => (Some(true), "no kernel debugger is enabled".into()),
        [_, 0] => (
            Some(false),
            "a kernel debugger is attached: times are not to be trusted; bcdedit /debug off".into(),
        ),
        [..] => (
            Some(true),
            "a kernel debugger is enabled and none is attached".into(),
        ),
    })
}

fn certificate(state: &State) -> Found {
    if state.certificates.is_empty() {
        return Ok((
            None,
            "unknown, because no certificate has come over the line yet".into(),
        ));
    }
    for der in &state.certificates {
        let text = match Certificate::new(der)?.dates() {
            0 => continue,
            early if early < 0 => "the certificate is not valid yet: set the machine's clock",
            _ => "the certificate has expired, and installing would wait in a dialog: make another",
        };
        return Ok((Some(false), text.into()));
    }
    Ok((Some(true), "today is within the certificate's dates".into()))
}
