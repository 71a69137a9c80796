//! The answer file of an unattended installation.
//!
//! Source of every setting: its page in the "Unattended Windows Setup Reference" (learn.microsoft.com/windows-hardware/customize/desktop/
//! unattend), which is named after component and setting; of the partitions "Configure UEFI/GPT-based hard drive partitions".

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{LABEL, SCRIPT};

/// The user of a base image. A test machine that nobody else reaches needs no secret, so it is none: docs/machines.md names it.
pub const USER: &str = "waverig";
/// His password, and the built-in administrator's: letters of both cases, a digit and a sign, as Windows Server demands.
pub const PASSWORD: &str = "Waverig-2";

/// The machine's name: of 15 letters at most, and not the user's, since Windows makes no account that has it (inferred).
const COMPUTER: &str = "WAVERIG-GUEST";

/// MB of the EFI system partition: enough for disks with sectors of 4096 bytes, too.
const EFI_MB: u32 = 300;
/// MB of Microsoft's reserved partition.
const MSR_MB: u32 = 16;
/// How often Windows logs on by itself by the answer file. The script for the first logon then makes that for good.
const LOGONS: u32 = 5;

/// Which of the images on a medium is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edition {
    /// The one of this number, from 1.
    Index(u32),
    /// The one of this name, `Windows 11 Enterprise Evaluation` for example.
    Name(String),
}

impl From<&str> for Edition {
    /// A number is an index.
    fn from(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.into()), Self::Index)
    }
}

/// What differs from image to image.
#[derive(Clone, Debug)]
pub struct Choices {
    /// What is installed.
    pub edition: Edition,
    /// Product key; media for evaluation need none.
    pub product_key: Option<String>,
    /// Language, keyboard and formats, which the medium must have: `en-US`.
    pub language: String,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            edition: Edition::Index(1),
            product_key: None,
            language: "en-US".into(),
        }
    }
}

/// An element of the file.
struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, &'static str)>,
    content: Content,
}

enum Content {
    Text(String),
    Elements(Vec<Element>),
}

fn text(name: &'static str, value: impl ToString) -> Element {
    Element {
        name,
        attributes: Vec::new(),
        content: Content::Text(value.to_string()),
    }
}

fn all(name: &'static str, elements: Vec<Element>) -> Element {
    Element {
        name,
        attributes: Vec::new(),
        content: Content::Elements(elements),
    }
}

/// One of a list.
fn one(name: &'static str, elements: Vec<Element>) -> Element {
    Element {
        attributes: vec![("wcm:action", "add")],
        ..all(name, elements)
    }
}

fn pass(name: &'static str, components: Vec<Element>) -> Element {
    Element {
        attributes: vec![("pass", name)],
        ..all("settings", components)
    }
}

fn component(name: &'static str, elements: Vec<Element>) -> Element {
    Element {
        attributes: vec![
            ("name", name),
            ("processorArchitecture", "amd64"),
            ("publicKeyToken", "31bf3856ad364e35"),
            ("language", "neutral"),
            ("versionScope", "nonSxS"),
        ],
        ..all("component", elements)
    }
}

impl Element {
    fn write(&self, to: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let attributes = self.attributes.iter().copied();
        let element = to.create_element(self.name).with_attributes(attributes);
        match &self.content {
            Content::Text(text) => element.write_text_content(BytesText::new(text))?,
            Content::Elements(elements) => element.write_inner_content(|to| {
                elements.iter().try_for_each(|element| element.write(to))
            })?,
        };
        Ok(())
    }
}

/// The file.
///
/// # Errors
/// Never: memory takes everything.
pub fn file(choices: &Choices) -> io::Result<String> {
    let root = Element {
        attributes: vec![
            ("xmlns", "urn:schemas-microsoft-com:unattend"),
            (
                "xmlns:wcm",
                "http://schemas.microsoft.com/WMIConfig/2002/State",
            ),
        ],
        ..all(
            "unattend",
            vec![
                pass("windowsPE", windows_pe(choices)),
                pass("specialize", specialize()),
                pass("oobeSystem", oobe(choices)),
            ],
        )
    };
    let mut to = Writer::new_with_indent(Vec::new(), b' ', 2);
    to.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    root.write(&mut to)?;
    let mut bytes = to.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// While Setup runs: what is installed, and where.
fn windows_pe(choices: &Choices) -> Vec<Element> {
    let mut locale = locale(choices);
    locale.push(all(
        "SetupUILanguage",
        vec![text("UILanguage", &choices.language)],
    ));
    let (key, value) = match &choices.edition {
        Edition::Index(index) => ("/IMAGE/INDEX", index.to_string()),
        Edition::Name(name) => ("/IMAGE/NAME", name.clone()),
    };
    let mut product_key: Vec<Element> = Vec::new();
    product_key.extend(choices.product_key.iter().map(|key| text("Key", key)));
    product_key.push(text("WillShowUI", "OnError"));
    let setup = vec![
        all("RunSynchronous", checks()),
        all(
            "DiskConfiguration",
            vec![one("Disk", disk()), text("WillShowUI", "OnError")],
        ),
        all(
            "ImageInstall",
            vec![all(
                "OSImage",
                vec![
                    all(
                        "InstallFrom",
                        vec![one(
                            "MetaData",
                            vec![text("Key", key), text("Value", value)],
                        )],
                    ),
                    all("InstallTo", vec![text("DiskID", 0), text("PartitionID", 3)]),
                    text("WillShowUI", "OnError"),
                ],
            )],
        ),
        all(
            "UserData",
            vec![
                text("AcceptEula", true),
                text("FullName", USER),
                all("ProductKey", product_key),
            ],
        ),
    ];
    vec![
        component("Microsoft-Windows-International-Core-WinPE", locale),
        component("Microsoft-Windows-Setup", setup),
    ]
}

/// Setup of Windows 11 refuses machines without a TPM and Secure Boot, which test machines have not. That it looks at these values is
/// inferred: Microsoft documents them nowhere, programs that make installation media set them in public.
fn checks() -> Vec<Element> {
    let values = ["BypassTPMCheck", "BypassSecureBootCheck", "BypassRAMCheck"];
    let command = |(index, value): (usize, &str)| {
        one(
            "RunSynchronousCommand",
            vec![
                text("Order", index + 1),
                text(
                    "Path",
                    format!(
                        r"reg.exe add HKLM\SYSTEM\Setup\LabConfig /v {value} /t REG_DWORD /d 1 /f"
                    ),
                ),
            ],
        )
    };
    values.into_iter().enumerate().map(command).collect()
}

/// The first disk, which is emptied: partitions for UEFI, the last of which has Windows.
fn disk() -> Vec<Element> {
    let make = |order: u32, kind: &str, size: Option<u32>| {
        let size = match size {
            Some(size) => text("Size", size),
            None => text("Extend", true),
        };
        one(
            "CreatePartition",
            vec![text("Order", order), text("Type", kind), size],
        )
    };
    let change = |order: u32, more: Vec<Element>| {
        let mut elements = vec![text("Order", order), text("PartitionID", order)];
        elements.extend(more);
        one("ModifyPartition", elements)
    };
    vec![
        text("DiskID", 0),
        text("WillWipeDisk", true),
        all(
            "CreatePartitions",
            vec![
                make(1, "EFI", Some(EFI_MB)),
                make(2, "MSR", Some(MSR_MB)),
                make(3, "Primary", None),
            ],
        ),
        all(
            "ModifyPartitions",
            vec![
                change(1, vec![text("Format", "FAT32"), text("Label", "System")]),
                change(2, Vec::new()),
                change(
                    3,
                    vec![
                        text("Format", "NTFS"),
                        text("Label", "Windows"),
                        text("Letter", "C"),
                    ],
                ),
            ],
        ),
    ]
}

/// Each installation's own: a clock that goes as the machine's does, since QEMU's tells UTC.
fn specialize() -> Vec<Element> {
    vec![component(
        "Microsoft-Windows-Shell-Setup",
        vec![text("ComputerName", COMPUTER), text("TimeZone", "UTC")],
    )]
}

/// Before and at the first logon: no questions, one user, who logs on by himself, and the script.
fn oobe(choices: &Choices) -> Vec<Element> {
    let password = |name| all(name, vec![text("Value", PASSWORD), text("PlainText", true)]);
    let shell = vec![
        all(
            "AutoLogon",
            vec![
                password("Password"),
                text("Enabled", true),
                text("LogonCount", LOGONS),
                text("Username", USER),
            ],
        ),
        all(
            "FirstLogonCommands",
            vec![one(
                "SynchronousCommand",
                vec![
                    text("Order", 1),
                    text(
                        "CommandLine",
                        format!(
                            r#"powershell.exe -NoProfile -ExecutionPolicy Bypass -Command "{}""#,
                            script_from_disc()
                        ),
                    ),
                    text("RequiresUserInput", false),
                ],
            )],
        ),
        all(
            "OOBE",
            vec![
                text("HideEULAPage", true),
                text("HideLocalAccountScreen", true),
                text("HideOEMRegistrationScreen", true),
                text("HideOnlineAccountScreens", true),
                text("HideWirelessSetupInOOBE", true),
                // Nothing is sent and nothing updated by itself.
                text("ProtectYourPC", 3),
            ],
        ),
        all(
            "UserAccounts",
            vec![
                // Windows Server asks for it otherwise.
                password("AdministratorPassword"),
                all(
                    "LocalAccounts",
                    vec![one(
                        "LocalAccount",
                        vec![
                            text("Name", USER),
                            text("Group", "Administrators"),
                            password("Password"),
                        ],
                    )],
                ),
            ],
        ),
    ];
    vec![
        component("Microsoft-Windows-International-Core", locale(choices)),
        component("Microsoft-Windows-Shell-Setup", shell),
    ]
}

fn locale(choices: &Choices) -> Vec<Element> {
    ["InputLocale", "SystemLocale", "UILanguage", "UserLocale"]
        .map(|name| text(name, &choices.language))
        .into()
}

/// Starts the script from the disc, whichever letter that has: a text of PowerShell.
#[must_use]
pub fn script_from_disc() -> String {
    format!(r"& ('{{0}}:\{SCRIPT}' -f (Get-Volume -FileSystemLabel '{LABEL}').DriveLetter)")
}

#[cfg(test)]
mod tests;
