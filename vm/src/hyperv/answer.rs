//! What PowerShell answers: JSON, for what went well and for what did not; and what to do about the latter.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::executor::Failure;

/// One answer, as `host.ps1` writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Answer {
    /// What the cmdlet put out.
    Value(Vec<Value>),
    /// What it complained of.
    Error(Complaint),
}

/// An error record of PowerShell (about_Error_Handling; the class ErrorRecord).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Complaint {
    /// `CategoryInfo.Category`: `ObjectNotFound`, `PermissionDenied`, ….
    pub category: String,
    /// `FullyQualifiedErrorId`: `OutOfMemory,Microsoft.HyperV.PowerShell.Commands.StartVM`, ….
    pub id: String,
    /// The sentence, in the host's language.
    pub message: String,
    /// The exception's `HResult`.
    pub code: i32,
}

/// Why something of Hyper-V was not done.
#[derive(Debug)]
pub enum Refused {
    /// PowerShell gave no answer.
    Failure(Failure),
    /// The cmdlet complained.
    Complaint {
        /// Which one.
        cmdlet: String,
        /// Of what.
        complaint: Complaint,
    },
    /// The answer is not what the cmdlet's documentation lets expect.
    Strange {
        /// Whose answer.
        cmdlet: String,
        /// What is strange.
        why: String,
    },
}

/// Complaints that have a next step. The first row that applies is taken: identifiers before codes, since both are the same in every
/// language of Windows and the message is not.
///
/// Identifiers and categories: as public issue threads quote them (`OutOfMemory…StartVM` in kubernetes/minikube 4067, `AccessDenied`
/// with `PermissionDenied`, `ObjectNotFound`), not seen by us. Codes: winerror.h.
const NEXT: &[(Sign, &str)] = &[
    (
        Sign::Id("CommandNotFoundException"),
        "this host has no Hyper-V module for PowerShell: as administrator run `Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All` (on a server `Install-WindowsFeature Hyper-V -IncludeManagementTools`) and restart",
    ),
    (
        Sign::Id("OutOfMemory"),
        "this host has too little free memory for the virtual machine: stop another one, or close programs",
    ),
    // ERROR_DISK_FULL
    (
        Sign::Code(0x8007_0070),
        "the disk with the machines' folder is full: make room, or choose another with --out",
    ),
    // E_ACCESSDENIED
    (Sign::Code(0x8007_0005), RIGHTS),
    (Sign::Id("AccessDenied,"), RIGHTS),
    (Sign::Category("PermissionDenied"), RIGHTS),
    (Sign::Message("required permission"), RIGHTS),
    // ERROR_SHARING_VIOLATION
    (
        Sign::Code(0x8007_0020),
        "another program has the file open: end the virtual machine that writes to the base image, or give --image a copy",
    ),
    (
        Sign::Message("Virtual Machine Management service"),
        "look whether that service runs: `Get-Service vmms`, `Start-Service vmms`",
    ),
    (
        Sign::Message("hypervisor is not running"),
        "turn virtualization on in the firmware and `bcdedit /set hypervisorlaunchtype auto`, then restart",
    ),
];

const RIGHTS: &str = "this user may not use Hyper-V: as administrator run `Add-LocalGroupMember -Group 'Hyper-V Administrators' -Member NAME`, then sign in again";

/// By what a complaint is known.
enum Sign {
    /// How its identifier begins.
    Id(&'static str),
    /// Its category.
    Category(&'static str),
    /// Its code, or one that its message gives in parentheses, as Hyper-V's do.
    Code(u32),
    /// Part of its message, in English.
    Message(&'static str),
}

impl Sign {
    fn is_of(&self, complaint: &Complaint) -> bool {
        match self {
            Self::Id(id) => complaint.id.starts_with(id),
            Self::Category(category) => complaint.category == *category,
            Self::Code(code) => {
                complaint.code.cast_unsigned() == *code
                    || complaint.message.contains(&format!("(0x{code:08X})"))
            }
            Self::Message(part) => complaint.message.contains(part),
        }
    }
}

impl Complaint {
    /// What to do about it, where that is known.
    fn next(&self) -> Option<&'static str> {
        let row = NEXT.iter().find(|(sign, _)| sign.is_of(self));
        row.map(|(_, next)| *next)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(failure) => failure.fmt(f),
            Self::Strange { cmdlet, why } => {
                write!(f, "{cmdlet} gave an answer that is not understood: {why}")
            }
            Self::Complaint { cmdlet, complaint } => {
                let words: Vec<&str> = complaint.message.split_whitespace().collect();
                write!(f, "{cmdlet}: {}", words.join(" "))?;
                match complaint.next() {
                    Some(next) => write!(f, "; {next}"),
                    None => write!(
                        f,
                        " ({}, {}, {:#010x}); run that cmdlet in PowerShell to look closer",
                        complaint.category, complaint.id, complaint.code
                    ),
                }
            }
        }
    }
}

impl std::error::Error for Refused {}
